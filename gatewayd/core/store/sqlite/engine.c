/* The store over SQLite: opening, migrating, transactions, checkpoints, and the few calls through which
 * the other files use the engine. See store.h; a store belongs to one thread at a time.
 *
 * Write-ahead log, synchronous=FULL: a row whose COMMIT returned survives a loss of power. secure_delete
 * overwrites what is deleted; temporary tables stay in memory, for the process may open no file there. */
#include "gatewayd/core/store/sql_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAL_FRAMES      4000  /* about 16 MiB: checkpoint from here on */
#define WAL_FRAMES_STEP 1000  /* a reader was in the way: try again after so many more */
#define WAL_FRAMES_WAIT 16000 /* from here on wait a moment for readers */
#define BUSY_MS         5000
#define RESTART_BUSY_MS 20

bool sql_fail(struct store *s, struct error *e)
{
	int code = sqlite3_extended_errcode(s->db);

	if (code == SQLITE_NOMEM)
		return error_set(e, REASON_NO_MEMORY, "the store ran out of memory");
	return error_set(e, REASON_STORE, "the store failed: %s (code %d)", sqlite3_errmsg(s->db), code);
}

void sql_end(struct sqlite3_stmt *q)
{
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
}

static bool bind_one(struct sqlite3_stmt *q, int at, const struct bound *b)
{
	const char *p = b->v.p ? b->v.p : "";

	switch (b->type) {
	case BOUND_NULL: return sqlite3_bind_null(q, at) == SQLITE_OK;
	case BOUND_INT: return sqlite3_bind_int64(q, at, b->n) == SQLITE_OK;
	case BOUND_TEXT:
		return b->v.n <= INT_MAX && sqlite3_bind_text(q, at, p, (int)b->v.n, SQLITE_STATIC) == SQLITE_OK;
	case BOUND_BLOB:
		return b->v.n <= INT_MAX && sqlite3_bind_blob(q, at, p, (int)b->v.n, SQLITE_STATIC) == SQLITE_OK;
	}
	return false;
}

struct sqlite3_stmt *sql_start(struct store *s, enum sql id, const struct bound *b, size_t n, struct error *e)
{
	struct sqlite3_stmt *q = s->statements[id];

	if (id < SQL_WRITES && !s->in_transaction) {
		error_set(e, REASON_STORE, "a verb that writes was called outside a transaction");
		return NULL;
	}
	sqlite3_reset(q);
	for (size_t i = 0; i < n; i++) {
		if (bind_one(q, (int)i + 1, &b[i]))
			continue;
		sql_end(q);
		error_set(e, REASON_STORE, "a value is too large for the store");
		return NULL;
	}
	return q;
}

bool sql_next(struct store *s, struct sqlite3_stmt *q, bool *ok, struct error *e)
{
	int rc = q ? sqlite3_step(q) : SQLITE_ERROR;

	*ok = rc == SQLITE_ROW || rc == SQLITE_DONE;
	if (q && !*ok)
		sql_fail(s, e);
	if (q && rc != SQLITE_ROW)
		sql_end(q);
	return rc == SQLITE_ROW;
}

bool sql_run(struct store *s, enum sql id, const struct bound *b, size_t n, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, id, b, n, e);
	bool ok;

	if (sql_next(s, q, &ok, e))
		sql_end(q);
	return ok;
}

static bool missing(const char *what, struct error *e)
{
	return error_set(e, REASON_NOT_FOUND, "the store holds no such %s", what);
}

bool sql_change(struct store *s, enum sql id, const struct bound *b, size_t n, const char *what, struct error *e)
{
	return sql_run(s, id, b, n, e) && (sql_changes(s) > 0 || missing(what, e));
}

struct sqlite3_stmt *sql_row(struct store *s, enum sql id, const struct bound *b, size_t n, const char *what,
                             struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, id, b, n, e);
	bool ok;

	if (sql_next(s, q, &ok, e))
		return q;
	if (ok)
		missing(what, e);
	return NULL;
}

struct sqlite3_stmt *sql_row_of(struct store *s, enum sql id, uint64_t number, const char *what, struct error *e)
{
	struct sqlite3_stmt *q = sql_row(s, id, BOUND(as_number(number)), what, e);

	if (q)
		arena_reset(&s->scratch);
	return q;
}

bool sql_number(struct store *s, enum sql id, const struct bound *b, size_t n, uint64_t *out, struct error *e)
{
	struct sqlite3_stmt *q = sql_row(s, id, b, n, "row", e);

	if (!q)
		return false;
	*out = (uint64_t)col_int(q, 0);
	sql_end(q);
	return true;
}

bool sql_keep(struct store *s, enum sql id, const struct bound *b, size_t n, const char *what, struct view *out,
              struct error *e)
{
	struct sqlite3_stmt *q = sql_row(s, id, b, n, what, e);

	if (!q)
		return false;
	arena_reset(&s->scratch);
	bool ok = col_keep(s, q, 0, out, e);
	sql_end(q);
	return ok;
}

uint64_t sql_inserted(struct store *s)
{
	return (uint64_t)sqlite3_last_insert_rowid(s->db);
}

int sql_changes(struct store *s)
{
	return sqlite3_changes(s->db);
}

int64_t col_int(struct sqlite3_stmt *q, int at)
{
	return sqlite3_column_int64(q, at);
}

bool col_null(struct sqlite3_stmt *q, int at)
{
	return sqlite3_column_type(q, at) == SQLITE_NULL;
}

struct view col_view(struct sqlite3_stmt *q, int at)
{
	const void *p = sqlite3_column_blob(q, at);
	int n = sqlite3_column_bytes(q, at);

	return p && n > 0 ? view_make(p, (size_t)n) : VIEW("");
}

bool col_keep(struct store *s, struct sqlite3_stmt *q, int at, struct view *out, struct error *e)
{
	struct view v = col_view(q, at);

	if (v.n > 0)
		v = arena_copy(&s->scratch, v);
	if (!v.p)
		return error_set(e, REASON_NO_MEMORY, "no memory for a row of the store");
	*out = v;
	return true;
}

void col_bytes(struct sqlite3_stmt *q, int at, void *out, size_t n)
{
	struct view v = col_view(q, at);

	memset(out, 0, n);
	if (v.n == n)
		memcpy(out, v.p, n);
}

static bool execute(struct store *s, const char *sql, struct error *e)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK || sql_fail(s, e);
}

/* The first column of the first row of `sql`. */
static bool pragma_int(struct store *s, const char *sql, int64_t *out, struct error *e)
{
	struct sqlite3_stmt *q = NULL;

	if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) != SQLITE_OK || sqlite3_step(q) != SQLITE_ROW) {
		sql_fail(s, e);
		sqlite3_finalize(q);
		return false;
	}
	*out = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return true;
}

static int migrations_known(void)
{
	int n = 0;

	while (sql_migrations[n])
		n++;
	return n;
}

/* An empty file is ours to fill; anything else must say that it is a store, and of a version we know. */
static bool check_version(struct store *s, int64_t *version, struct error *e)
{
	int64_t application, tables;

	if (!pragma_int(s, "PRAGMA application_id", &application, e) ||
	    !pragma_int(s, "PRAGMA user_version", version, e) ||
	    !pragma_int(s, "SELECT count(*) FROM sqlite_schema", &tables, e))
		return false;
	if (application != STORE_APPLICATION_ID && (application != 0 || tables != 0))
		return error_set(e, REASON_STORE, "the file is a database of another program");
	if (*version > migrations_known())
		return error_set(e, REASON_STORE,
		                 "the store was made by a newer version of this program (%d, known %d)", (int)*version,
		                 migrations_known());
	return true;
}

static bool migrate(struct store *s, struct error *e)
{
	int64_t version;
	char mark[96];

	if (!check_version(s, &version, e))
		return false;
	for (int64_t k = version; sql_migrations[k]; k++) {
		snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		         STORE_APPLICATION_ID, (int)(k + 1));
		if (!execute(s, "BEGIN IMMEDIATE", e) || !execute(s, sql_migrations[k], e) || !execute(s, mark, e))
			return false;
	}
	return true;
}

static bool prepare(struct store *s, struct error *e)
{
	for (int i = s->writes ? 0 : SQL_WRITES; i < SQL_COUNT; i++)
		if (sqlite3_prepare_v3(s->db, sql_texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL) !=
		    SQLITE_OK)
			return sql_fail(s, e);
	return true;
}

static int on_commit(void *arg, struct sqlite3 *db, const char *name, int frames)
{
	struct store *s = arg;

	(void)db;
	(void)name;
	s->wal_frames = frames;
	return SQLITE_OK;
}

/* Two processes that write one store would fork its log: the second is refused here. */
static bool take_lock(struct store *s, const char *path, struct error *e)
{
	char name[PATH_MAX];

	if ((size_t)snprintf(name, sizeof name, "%s.lock", path) >= sizeof name)
		return error_at(e, REASON_STORE, path, 0, 0, "the path is too long");
	s->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return error_at(e, REASON_STORE, name, 0, 0, "cannot open the lock file: %s", strerror(errno));
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return error_at(e, REASON_STORE, path, 0, 0, "another process writes this store");
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

static struct store *open_database(const char *path, bool writes, struct error *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int flags = (writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
	struct store *s = calloc(1, sizeof *s);

	if (!s) {
		error_set(e, REASON_NO_MEMORY, "no memory for the store");
		return NULL;
	}
	pthread_once(&once, configure_engine);
	s->writes = writes;
	s->lock = -1;
	s->wal_mark = WAL_FRAMES;
	s->window.length_ms = STORE_KEY_WINDOW_MS;
	if (writes && (!take_lock(s, path, e) || !make_private(path, e)))
		goto fail;
	if (sqlite3_open_v2(path, &s->db, flags, writes ? SQLITE_WAL_VFS : NULL) != SQLITE_OK) {
		error_at(e, REASON_STORE, path, 0, 0, "cannot open the store: %s",
		         s->db ? sqlite3_errmsg(s->db) : "no memory");
		goto fail;
	}
	sqlite3_busy_timeout(s->db, BUSY_MS);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return s;
fail:
	store_close(s);
	return NULL;
}

struct store *store_open(const char *path, struct error *e)
{
	struct store *s = open_database(path, true, e);

	if (!s)
		return NULL;
	sqlite3_wal_hook(s->db, on_commit, s);
	if (!execute(s,
	             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
	             "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; PRAGMA foreign_keys = OFF",
	             e) ||
	    !migrate(s, e) || !prepare(s, e) || !logs_load(s, e) || !exchanges_load(s, e))
		goto fail;
	/* What was erased before a crash may still lie in the log and the main file. A reader in the way (the
	 * operator's command) is no reason not to start: then the writer does it. */
	struct error busy = { .reason = REASON_NONE };
	if (store_checkpoint(s, true, &busy))
		return s;
	s->erased = true;
	if (busy.reason == REASON_UNAVAILABLE)
		return s;
	error_set(e, busy.reason, "%s", busy.text);
fail:
	store_close(s);
	return NULL;
}

struct store *store_open_reader(const char *path, struct error *e)
{
	struct store *s = open_database(path, false, e);
	int64_t version;

	if (!s)
		return NULL;
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (!execute(s, "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; PRAGMA query_only = ON", e) ||
	    !check_version(s, &version, e))
		goto fail;
	if (version != migrations_known()) {
		error_at(e, REASON_STORE, path, 0, 0, "the store has version %d, this program reads %d", (int)version,
		         migrations_known());
		goto fail;
	}
	if (!prepare(s, e) || !logs_load(s, e))
		goto fail;
	return s;
fail:
	store_close(s);
	return NULL;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (int i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(s->statements[i]);
	sqlite3_close(s->db);
	if (s->lock >= 0)
		close(s->lock);
	arena_free(&s->scratch);
	window_free(&s->window);
	free(s->live_slots);
	wipe(s, sizeof *s);
	free(s);
}

bool store_begin(struct store *s, struct error *e)
{
	if (!s->writes || s->in_transaction)
		return error_set(e, REASON_STORE,
		                 s->writes ? "a transaction is open already" : "this store is for reading");
	if (!execute(s, "BEGIN IMMEDIATE", e))
		return false;
	s->in_transaction = true;
	s->committed_seq = s->next_seq;
	s->committed_inbox = s->next_inbox;
	return true;
}

bool store_commit(struct store *s, struct error *e)
{
	if (!s->in_transaction)
		return error_set(e, REASON_STORE, "no transaction is open");
	if (!pending_flush(s, e) || !execute(s, "COMMIT", e))
		return false;
	s->in_transaction = false;
	return true;
}

void store_rollback(struct store *s)
{
	if (!s->in_transaction)
		return;
	/* The engine rolls back by itself after some failures: then there is nothing left to do. */
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->in_transaction = false;
	s->pending.set = false;
	s->next_seq = s->committed_seq;
	s->next_inbox = s->committed_inbox;
}

bool store_erased(const struct store *s)
{
	return s->erased;
}

bool store_wants_checkpoint(const struct store *s)
{
	return s->wal_frames >= s->wal_mark;
}

bool store_checkpoint(struct store *s, bool force, struct error *e)
{
	int frames = 0, done = 0, mode = SQLITE_CHECKPOINT_PASSIVE;

	if (!s->writes || s->in_transaction)
		return error_set(e, REASON_STORE, "a checkpoint is the writer's, between transactions");
	if (!force && !store_wants_checkpoint(s))
		return true;
	if (force)
		mode = SQLITE_CHECKPOINT_TRUNCATE;
	else if (s->wal_frames >= WAL_FRAMES_WAIT)
		mode = SQLITE_CHECKPOINT_RESTART;
	/* The writer must not stand still for a reader. */
	if (mode != SQLITE_CHECKPOINT_PASSIVE)
		sqlite3_busy_timeout(s->db, RESTART_BUSY_MS);
	int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, mode, &frames, &done);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		return sql_fail(s, e);
	/* Complete: the next commit starts the log anew (on_commit then reports few frames). */
	s->wal_mark = rc == SQLITE_OK && done == frames ? WAL_FRAMES : s->wal_frames + WAL_FRAMES_STEP;
	if (!force)
		return true;
	if (rc == SQLITE_BUSY)
		return error_set(e, REASON_UNAVAILABLE, "a reader keeps the write-ahead log from being truncated");
	s->wal_frames = 0;
	s->erased = false;
	return true;
}
