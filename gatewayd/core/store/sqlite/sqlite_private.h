/* The engine over SQLite, and the layer under it. */
#ifndef GATEWAYD_CORE_STORE_SQLITE_SQLITE_PRIVATE_H
#define GATEWAYD_CORE_STORE_SQLITE_SQLITE_PRIVATE_H

#include "gatewayd/core/store/engine_private.h"

struct sqlite3;
struct sqlite3_file;

struct connection {
	struct sqlite3 *db;
	struct sqlite3_stmt *look, *look_end, *begin, *commit; /* kept from their first use on */
	int lock;                                              /* descriptor of the lock file; -1 for readers */
	int wal_frames, wal_mark;                              /* in the write-ahead log; when to checkpoint next */
	int64_t page_bytes;                                    /* of a frame there, with its header */
	bool held;        /* a reader kept the last checkpoint from being complete; */
	int holder;       /* another process's, where it is known */
	int64_t again_ms; /* monotonic: when it is tried again, though nothing was written */
	bool trial;
	struct ahead *ahead; /* of one that writes: ahead.c */
	char *made_log;      /* of a trial: the path of the write-ahead log that was not there before */
};

extern const struct engine sqlite_engine;

/* Says in `e` why the last call on the connection failed; false. */
bool sqlite_fail(struct connection *c, struct error *e);

/* copy.c: see engine_private.h. */
bool sqlite_integrity(struct connection *c, bool (*each)(void *arg, struct view what), void *arg,
                      struct error *e) MUST_USE;
struct copy_target *sqlite_copy_begin(struct connection *c, const char *place, struct error *e) MUST_USE;
bool sqlite_copy_step(struct copy_target *t, unsigned pages, struct copy_progress *out, struct error *e) MUST_USE;
bool sqlite_copy_end(struct copy_target *t, struct error *e) MUST_USE;

/* holder.c: the process that reads an older state of the database at `path`; 0: none but this one, or it is not known. */
int sqlite_holder(const char *path);

/* Registers the layer under SQLite that the writing connection opens its files with (wal.c); once, before the first
 * connection. Where there is none to stand on, opening fails. */
#define SQLITE_WAL_VFS "gateway"
void sqlite_wal_register(void);

/* Until it is set back, a sync of this file is noted and not done. What writes it afterwards has to wait for
 * sqlite_sync_now(), which any thread may call. */
void sqlite_sync_later(struct sqlite3_file *file, bool later);
bool sqlite_sync_asked(struct sqlite3_file *file);
int sqlite_sync_now(struct sqlite3_file *file); /* the engine's code */

/* ahead.c */
struct ahead *ahead_new(void);
/* Waits for what is under way, and frees it; before the connection is closed. False: a sync has failed, and the log must stay as
 * it is. NULL does nothing. */
bool ahead_free(struct ahead *a) MUST_USE;
/* engine_private.h */
bool sqlite_move_ahead(struct connection *c, bool *ready, struct error *e);
bool sqlite_moving(const struct connection *c);
/* False: a sync has failed, and nothing may be written any more. NULL: none has. */
bool ahead_whole(const struct ahead *a, struct error *e) MUST_USE;
/* Waits for what is under way: before any other checkpoint. False: it failed, and nothing may be written any more. */
bool ahead_settle(struct connection *c, struct error *e) MUST_USE;

#endif
