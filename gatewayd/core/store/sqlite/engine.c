/* The store over SQLite: opening, migrating, transactions, checkpoints and statements. See engine_private.h.
 *
 * Write-ahead log, synchronous=FULL: a row whose COMMIT returned survives a loss of power. secure_delete
 * overwrites what is deleted; temporary tables stay in memory, for the process may open no file there. */
#include "gatewayd/core/store/sqlite/sqlite_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define APPLICATION_ID  0x67577379 /* "gWsy" */
#define WAL_FRAMES      1000       /* about 4 MiB: checkpoint from here on */
#define WAL_FRAMES_STEP 500        /* a reader was in the way: try again after so many more */
#define WAL_FRAMES_WAIT 16000      /* from here on wait a moment for readers */
#define HELD_MS         1000       /* a reader is in the way and nothing is written: try again after so long */
#define FRAME_HEAD      24
#define BUSY_MS         5000
#define RESTART_BUSY_MS 20

struct prepared {
	struct statement base;
	struct sqlite3_stmt *q;
};

static struct sqlite3_stmt *of(struct statement *q)
{
	return ((struct prepared *)q)->q;
}

bool sqlite_fail(struct connection *c, struct error *e)
{
	int code = sqlite3_extended_errcode(c->db);

	if (code == SQLITE_NOMEM)
		return error_set(e, REASON_NO_MEMORY, "the store ran out of memory");
	return error_set(e, REASON_STORE, "the store failed: %s (code %d)", sqlite3_errmsg(c->db), code);
}

/* --- statements --- */

static struct statement *prepare(struct connection *c, const char *text, struct error *e)
{
	struct prepared *p = calloc(1, sizeof *p);

	if (!p) {
		error_set(e, REASON_NO_MEMORY, "no memory for a statement");
		return NULL;
	}
	p->base.engine = &sqlite_engine;
	if (sqlite3_prepare_v3(c->db, text, -1, SQLITE_PREPARE_PERSISTENT, &p->q, NULL) != SQLITE_OK) {
		sqlite_fail(c, e);
		free(p);
		return NULL;
	}
	return &p->base;
}

static void finish(struct statement *q)
{
	if (q)
		sqlite3_finalize(of(q));
	free(q);
}

static bool bind(struct statement *q, int at, const struct bound *b)
{
	const char *p = b->v.p ? b->v.p : "";

	switch (b->type) {
	case BOUND_NULL: return sqlite3_bind_null(of(q), at) == SQLITE_OK;
	case BOUND_INT: return sqlite3_bind_int64(of(q), at, b->n) == SQLITE_OK;
	case BOUND_TEXT:
		return b->v.n <= INT_MAX && sqlite3_bind_text(of(q), at, p, (int)b->v.n, SQLITE_STATIC) == SQLITE_OK;
	case BOUND_BLOB:
		return b->v.n <= INT_MAX && sqlite3_bind_blob(of(q), at, p, (int)b->v.n, SQLITE_STATIC) == SQLITE_OK;
	}
	return false;
}

static enum step step(struct statement *q)
{
	switch (sqlite3_step(of(q))) {
	case SQLITE_ROW: return STEP_ROW;
	case SQLITE_DONE: return STEP_DONE;
	default: return STEP_FAILED;
	}
}

static void end(struct statement *q)
{
	sqlite3_reset(of(q));
	sqlite3_clear_bindings(of(q));
}

static int64_t column_int(struct statement *q, int at)
{
	return sqlite3_column_int64(of(q), at);
}

static bool column_null(struct statement *q, int at)
{
	return sqlite3_column_type(of(q), at) == SQLITE_NULL;
}

static struct view column_view(struct statement *q, int at)
{
	const void *p = sqlite3_column_blob(of(q), at);
	int n = sqlite3_column_bytes(of(q), at);

	return p && n > 0 ? view_make(p, (size_t)n) : VIEW("");
}

static int changes(struct connection *c)
{
	return sqlite3_changes(c->db);
}

static bool execute(struct connection *c, const char *sql, struct error *e)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK || sqlite_fail(c, e);
}

/* --- the schema's version --- */

/* The first column of the first row of `sql`. */
static bool read_int(struct connection *c, const char *sql, int64_t *out, struct error *e)
{
	struct sqlite3_stmt *q = NULL;

	if (sqlite3_prepare_v2(c->db, sql, -1, &q, NULL) != SQLITE_OK || sqlite3_step(q) != SQLITE_ROW) {
		sqlite_fail(c, e);
		sqlite3_finalize(q);
		return false;
	}
	*out = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return true;
}

/* An empty file is ours to fill; anything else must say that it is a store. */
static bool version(struct connection *c, int64_t *out, struct error *e)
{
	int64_t application, tables;

	if (!read_int(c, "PRAGMA application_id", &application, e) || !read_int(c, "PRAGMA user_version", out, e) ||
	    !read_int(c, "SELECT count(*) FROM sqlite_schema", &tables, e))
		return false;
	if (application != APPLICATION_ID && (application != 0 || tables != 0))
		return error_set(e, REASON_CONFIG, "the file is a database of another program");
	return true;
}

/* In the write-ahead log a page has a header. */
static bool read_page_size(struct connection *c, struct error *e)
{
	int64_t bytes;

	if (!read_int(c, "PRAGMA page_size", &bytes, e))
		return false;
	c->page_bytes = bytes + FRAME_HEAD;
	return true;
}

static bool migrate(struct connection *c, const char *text, int64_t to, struct error *e)
{
	char mark[96];

	snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, (int)to);
	if (c->trial)
		return execute(c, text, e) && execute(c, mark, e);
	return execute(c, "BEGIN IMMEDIATE", e) && execute(c, text, e) && execute(c, mark, e) &&
	       execute(c, "COMMIT", e);
}

/* --- opening --- */

static int on_commit(void *arg, struct sqlite3 *db, const char *name, int frames)
{
	struct connection *c = arg;

	(void)db;
	(void)name;
	c->wal_frames = frames;
	return SQLITE_OK;
}

/* Two processes that write one store would fork its log: the second is refused here. A trial makes no lock file. */
static bool take_lock(struct connection *c, const char *path, struct error *e)
{
	int flags = O_RDWR | O_CLOEXEC | (c->trial ? 0 : O_CREAT);
	char name[PATH_MAX];

	if ((size_t)snprintf(name, sizeof name, "%s.lock", path) >= sizeof name)
		return error_at(e, REASON_STORE, path, 0, 0, "the path is too long");
	c->lock = open(name, flags, 0600);
	if (c->lock < 0 && c->trial && errno == ENOENT)
		return true;
	if (c->lock < 0)
		return error_at(e, REASON_STORE, name, 0, 0, "cannot open the lock file: %s", strerror(errno));
	if (flock(c->lock, LOCK_EX | LOCK_NB) < 0)
		return error_at(e, REASON_UNAVAILABLE, path, 0, 0,
		                "the store is in use: another process writes it. Stop it, or name another `store`");
	return true;
}

/* The engine makes its files with the mode of the first one. */
static bool make_private(const char *path, struct error *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_at(e, REASON_STORE, path, 0, 0, "cannot open the store: %s", strerror(errno));
	close(fd);
	return true;
}

/* The engine counts its memory under one lock for all threads unless it is told not to. Where another
 * library was here first the counting stays, which is only slower. */
static void configure_engine(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite_wal_register();
}

static void close_connection(struct connection *c)
{
	struct stat st;

	if (!c)
		return;
	/* Else the last one to close moves the log into the database, and removes it. */
	if (!ahead_free(c->ahead))
		sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_finalize(c->look);
	sqlite3_finalize(c->look_end);
	sqlite3_finalize(c->begin);
	sqlite3_finalize(c->commit);
	if (c->trial)
		sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(c->db);
	if (c->made_log && stat(c->made_log, &st) == 0 && st.st_size == 0)
		unlink(c->made_log);
	free(c->made_log);
	if (c->lock >= 0)
		close(c->lock);
	free(c);
}

static bool set_up(struct connection *c, bool writes, struct error *e)
{
	sqlite3_busy_timeout(c->db, BUSY_MS);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (!writes) {
		sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		return execute(c, "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; PRAGMA query_only = ON", e);
	}
	sqlite3_wal_hook(c->db, on_commit, c);
	return execute(c,
	               "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
	               "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; PRAGMA foreign_keys = OFF",
	               e);
}

/* What the last process moved out of the log and did not live to sync (ahead.c). */
static bool sync_left(struct connection *c, const char *path, struct error *e)
{
	struct sqlite3_file *file;

	if (sqlite3_file_control(c->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK)
		return sqlite_fail(c, e);
	return sqlite_sync_now(file) == SQLITE_OK ||
	       error_at(e, REASON_STORE, path, 0, 0, "the store cannot be synced: %s", strerror(errno));
}

/* --- trials --- */

static bool absent(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? errno == ENOENT : S_ISREG(st.st_mode) && st.st_size == 0;
}

/* With its log's index in memory instead of the file beside it, which a trial alone may have; where a reader has the store
 * open that file is in use already, and is shared. */
static int begin_trial(struct connection *c, const char *path, bool alone)
{
	int keep = 1, rc = sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc != SQLITE_OK)
		return rc;
	sqlite3_busy_timeout(c->db, alone ? 0 : BUSY_MS);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_file_control(c->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	if (alone)
		rc = sqlite3_exec(c->db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
	return rc != SQLITE_OK
	               ? rc
	               : sqlite3_exec(c->db, "PRAGMA temp_store = MEMORY; PRAGMA cache_spill = OFF; BEGIN IMMEDIATE",
	                              NULL, NULL, NULL);
}

static bool note_log(struct connection *c, const char *path, struct error *e)
{
	char name[PATH_MAX];

	if ((size_t)snprintf(name, sizeof name, "%s-wal", path) >= sizeof name)
		return error_at(e, REASON_STORE, path, 0, 0, "the path is too long");
	if (access(name, F_OK) == 0)
		return true;
	c->made_log = strdup(name);
	return c->made_log || error_set(e, REASON_NO_MEMORY, "no memory for the store");
}

static bool try_open(struct connection *c, const char *path, struct error *e)
{
	bool none = absent(path);

	if (!none && access(path, R_OK | W_OK) < 0)
		return error_at(e, REASON_CONFIG, path, 0, 0, "the store cannot be opened: %s", strerror(errno));
	if (!none && (!take_lock(c, path, e) || !note_log(c, path, e)))
		return false;
	int rc = begin_trial(c, none ? ":memory:" : path, true);
	if (rc == SQLITE_BUSY) {
		sqlite3_close(c->db);
		c->db = NULL;
		rc = begin_trial(c, path, false);
	}
	if (rc == SQLITE_NOTADB)
		return error_at(e, REASON_CONFIG, path, 0, 0, "the file is no store");
	return rc == SQLITE_OK || error_at(e, REASON_STORE, path, 0, 0, "cannot open the store: %s",
	                                   c->db ? sqlite3_errmsg(c->db) : "no memory");
}

static struct connection *open_connection(const char *path, enum access access, struct error *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	bool writes = access == ACCESS_WRITE;
	int flags = (writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
	struct connection *c = calloc(1, sizeof *c);

	if (!c) {
		error_set(e, REASON_NO_MEMORY, "no memory for the store");
		return NULL;
	}
	pthread_once(&once, configure_engine);
	c->lock = -1;
	c->wal_mark = WAL_FRAMES;
	c->trial = access == ACCESS_TRIAL;
	if (c->trial) {
		if (try_open(c, path, e))
			return c;
		goto fail;
	}
	if (writes && (!take_lock(c, path, e) || !make_private(path, e)))
		goto fail;
	if (writes && !(c->ahead = ahead_new())) {
		error_set(e, REASON_NO_MEMORY, "no memory for the store");
		goto fail;
	}
	if (sqlite3_open_v2(path, &c->db, flags, writes ? SQLITE_WAL_VFS : NULL) != SQLITE_OK) {
		error_at(e, REASON_STORE, path, 0, 0, "cannot open the store: %s",
		         c->db ? sqlite3_errmsg(c->db) : "no memory");
		goto fail;
	}
	if (set_up(c, writes, e) && (!writes || (read_page_size(c, e) && sync_left(c, path, e))))
		return c;
fail:
	close_connection(c);
	return NULL;
}

/* --- transactions --- */

static void rollback(struct connection *c)
{
	/* The engine rolls back by itself after some failures: then there is nothing left to do. */
	if (!sqlite3_get_autocommit(c->db))
		sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Runs a statement that has neither parameters nor rows, prepared at its first use. */
static bool run_kept(struct connection *c, struct sqlite3_stmt **q, const char *sql)
{
	if (!*q && sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, q, NULL) != SQLITE_OK)
		return false;
	bool ok = sqlite3_step(*q) == SQLITE_DONE;
	sqlite3_reset(*q);
	return ok;
}

static bool look(struct connection *c, struct error *e)
{
	return run_kept(c, &c->look, "BEGIN") || sqlite_fail(c, e);
}

static void look_end(struct connection *c)
{
	/* It wrote nothing: what else can be wrong is told by the next read. */
	if (!run_kept(c, &c->look_end, "COMMIT"))
		rollback(c);
}

static bool begin(struct connection *c, struct error *e)
{
	return run_kept(c, &c->begin, "BEGIN IMMEDIATE") || sqlite_fail(c, e);
}

static bool commit(struct connection *c, struct error *e)
{
	return ahead_whole(c->ahead, e) && (run_kept(c, &c->commit, "COMMIT") || sqlite_fail(c, e));
}

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool wants_checkpoint(const struct connection *c)
{
	return c->wal_frames >= c->wal_mark || (c->held && monotonic_ms() >= c->again_ms);
}

static void unmoved(const struct connection *c, struct unmoved *out)
{
	*out = (struct unmoved){ .bytes = (uint64_t)(c->wal_frames * c->page_bytes),
		                 .held = c->held,
		                 .holder = c->holder };
}

/* After a checkpoint. Short readers of our own are in its way now and then; what another's keeps grows until the next. */
static void note_held(struct connection *c, bool complete)
{
	c->held = !complete;
	c->holder = c->held ? sqlite_holder(sqlite3_db_filename(c->db, "main")) : 0;
	c->again_ms = monotonic_ms() + HELD_MS;
}

static void shed(struct connection *c)
{
	sqlite3_db_release_memory(c->db);
}

static bool checkpoint(struct connection *c, bool force, struct error *e)
{
	int frames = 0, done = 0, mode = SQLITE_CHECKPOINT_PASSIVE;

	if (!ahead_settle(c, e))
		return false;
	if (force)
		mode = SQLITE_CHECKPOINT_TRUNCATE;
	else if (c->wal_frames >= WAL_FRAMES_WAIT)
		mode = SQLITE_CHECKPOINT_RESTART;
	/* The writer must not stand still for a reader. */
	if (mode != SQLITE_CHECKPOINT_PASSIVE)
		sqlite3_busy_timeout(c->db, RESTART_BUSY_MS);
	int rc = sqlite3_wal_checkpoint_v2(c->db, NULL, mode, &frames, &done);
	sqlite3_busy_timeout(c->db, BUSY_MS);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		return sqlite_fail(c, e);
	/* Complete: the next commit starts the log anew (on_commit then reports few frames). */
	bool complete = rc == SQLITE_OK && done == frames;
	c->wal_mark = complete ? WAL_FRAMES : c->wal_frames + WAL_FRAMES_STEP;
	note_held(c, complete);
	if (!force)
		return true;
	if (rc == SQLITE_BUSY)
		return error_set(e, REASON_UNAVAILABLE, "a reader keeps the write-ahead log from being truncated");
	c->wal_frames = 0;
	return true;
}

const struct engine sqlite_engine = {
	.absent = absent,
	.open = open_connection,
	.close = close_connection,
	.version = version,
	.migrate = migrate,
	.look = look,
	.look_end = look_end,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.checkpoint = checkpoint,
	.wants_checkpoint = wants_checkpoint,
	.move_ahead = sqlite_move_ahead,
	.moving = sqlite_moving,
	.unmoved = unmoved,
	.shed = shed,
	.prepare = prepare,
	.finish = finish,
	.bind = bind,
	.step = step,
	.end = end,
	.column_int = column_int,
	.column_null = column_null,
	.column_view = column_view,
	.changes = changes,
	.fail = sqlite_fail,
	.integrity = sqlite_integrity,
	.copy_begin = sqlite_copy_begin,
	.copy_step = sqlite_copy_step,
	.copy_end = sqlite_copy_end,
};
