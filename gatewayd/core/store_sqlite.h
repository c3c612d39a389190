/* Inside of the store: what its files share. Only store_sqlite*.c include this; the engine's own header
 * stays in those files (its structs are named here by their tags). */
#ifndef GATEWAYD_CORE_STORE_SQLITE_H
#define GATEWAYD_CORE_STORE_SQLITE_H

#include "gatewayd/core/store.h"
#include "gatewayd/core/store_window.h"
#include "lib/base/arena.h"

struct sqlite3;
struct sqlite3_stmt;

/* Every statement; the texts are in store_sqlite_sql.c. The first ones write. */
enum sql {
	SQL_EXCHANGE_PUT, SQL_EXCHANGE_ANSWER, SQL_STATE_PUT, SQL_STATE_STATE, SQL_STATE_ENTRY,
	SQL_PAYLOAD_PUT, SQL_PAYLOAD_SLOT_PUT, SQL_PAYLOAD_ERASE, SQL_PAYLOAD_SLOT_ERASE,
	SQL_TIMER_PUT, SQL_TIMER_HOLD, SQL_TIMER_DROP,
	SQL_DELIVERY_PUT, SQL_DELIVERY_RETRY, SQL_DELIVERY_DROP, SQL_RECEIPT_PUT,
	SQL_INBOX_PUT, SQL_INBOX_DONE, SQL_INBOX_DROP,
	SQL_ENTRY_PUT, SQL_DISCLOSURE_PUT, SQL_DISCLOSURE_ERASE, SQL_TILE_PUT, SQL_CHECKPOINT_PUT,
	SQL_DOCUMENT_PUT, SQL_VALUE_PUT, SQL_VALUE_DROP, SQL_LOG_PUT, SQL_WITNESSED_PUT, SQL_COSIGNATURE_PUT,
	SQL_WRITES,
	SQL_EXCHANGE_SEQ = SQL_WRITES, SQL_EXCHANGE_ID, SQL_EXCHANGE_ORIGIN, SQL_EXCHANGE_LIST, SQL_STATE_WINDOW,
	SQL_EXCHANGE_LAST, SQL_PAYLOAD_GET, SQL_PAYLOAD_SLOTS, SQL_TIMER_GET, SQL_TIMER_DUE, SQL_TIMER_LIST,
	SQL_DELIVERY_GET, SQL_DELIVERY_DUE, SQL_DELIVERY_LIST, SQL_RECEIPT_GET, SQL_INBOX_GET, SQL_INBOX_DONE_GET,
	SQL_INBOX_LIST, SQL_INBOX_LAST, SQL_ENTRY_GET, SQL_ENTRY_LIST, SQL_ENTRY_LAST, SQL_TILE_GET,
	SQL_CHECKPOINT_AT, SQL_CHECKPOINT_LAST, SQL_DOCUMENT_GET, SQL_VALUE_GET, SQL_LOG_GET, SQL_LOG_LAST,
	SQL_WITNESSED_GET, SQL_COSIGNATURE_LIST, SQL_COSIGNATURE_LAST, SQL_COUNTS,
	SQL_COUNT
};
extern const char *const sql_texts[SQL_COUNT];
/* Migration k brings a database of version k to k + 1. NULL ends the table. */
extern const char *const sql_migrations[];
#define STORE_APPLICATION_ID 0x67577379         /* "gWsy" */

/* The narrow row of the exchange that was accepted last, not yet written: its entry and state are mostly
 * set right after, and then cost no statement of their own. */
struct pending_state {
	bool set;
	uint64_t seq, entry;
	enum exchange_state state;
	int64_t received_ms;
	uint64_t hash;
};

struct store {
	struct sqlite3 *db;
	struct sqlite3_stmt *statements[SQL_COUNT];
	bool writes, in_transaction;
	bool bind_failed;
	int lock;                       /* descriptor of the lock file; -1 for readers */
	int wal_frames, wal_mark;       /* in the write-ahead log; when to checkpoint next */
	bool erased;                    /* since the last truncating checkpoint */
	struct arena scratch;           /* views that go out */
	struct window window;
	uint8_t window_key[16];
	uint64_t last_log, log;         /* the newest audit log's number; the one that the verbs are about */
	struct pending_state pending;
	uint64_t next_seq, next_inbox;
	uint64_t committed_seq, committed_inbox;        /* the same at the last commit */
	uint32_t *live_slots;           /* bit map for store_slot_live(), loaded at its first call */
	uint32_t live_slots_n;
};

/* A statement ready for binding; NULL (and `e`) when it writes and no transaction is open. */
struct sqlite3_stmt *sql_start(struct store *s, enum sql id, struct error *e) MUST_USE;
void bind_int(struct store *s, struct sqlite3_stmt *q, int at, int64_t v);
void bind_text(struct store *s, struct sqlite3_stmt *q, int at, struct view v);
void bind_blob(struct store *s, struct sqlite3_stmt *q, int at, struct view v);
/* Runs to the end. */
bool sql_run(struct store *s, struct sqlite3_stmt *q, struct error *e) MUST_USE;
/* The next row: true with *row false when there is none (then the statement is reset). */
bool sql_step(struct store *s, struct sqlite3_stmt *q, bool *row, struct error *e) MUST_USE;
void sql_end(struct sqlite3_stmt *q);
/* One row or REASON_NOT_FOUND with `what`. */
bool sql_one(struct store *s, struct sqlite3_stmt *q, const char *what, struct error *e) MUST_USE;
/* Rows that the last statement changed. */
int sql_changes(struct store *s);
bool sql_fail(struct store *s, struct error *e);
int64_t col_int(struct sqlite3_stmt *q, int at);
bool col_null(struct sqlite3_stmt *q, int at);
struct view col_view(struct sqlite3_stmt *q, int at);           /* until the next step */
struct view col_keep(struct store *s, struct sqlite3_stmt *q, int at);  /* until the next call on the store */
void col_bytes(struct sqlite3_stmt *q, int at, void *out, size_t n);    /* zeros when the length differs */
static inline struct view digest_view(const struct digest *d)
{
	return view_make(d->b, sizeof d->b);
}
static inline struct view uuid_view(const struct uuid *u)
{
	return view_make(u->b, sizeof u->b);
}

/* Writes the pending narrow row; before anything that reads it, and before COMMIT. */
bool pending_flush(struct store *s, struct error *e) MUST_USE;
/* Loads the number of the newest audit log. */
bool logs_load(struct store *s, struct error *e) MUST_USE;
/* Loads the window of keys, and the counters. */
bool exchanges_load(struct store *s, struct error *e) MUST_USE;

#endif
