/* The long part of a checkpoint ahead of it, so that the writer does not stand still. A checkpoint copies pages from the
 * write-ahead log into the database, which is short, and then syncs that, which is not: here the sync is another thread's, and commits
 * go on meanwhile. What they add is little, and the checkpoint that follows has that alone to copy and to sync.
 *
 *   idle ─▶ copied, being synced ─▶ synced ─▶ idle, ready for the checkpoint (or once more, when much has come meanwhile)
 *
 * The engine takes what was copied for moved before it is synced. That loses nothing as long as the log keeps it, for after
 * a loss of power all of the log is read anew: it is begun anew only where no reader needs it, so a reader of our own, on a
 * connection of its own, holds it from before the copying until after the sync. A sync that fails ends the store: what
 * it left undone cannot be told (as with a commit), and the log has all of it for the next start: it is neither moved nor
 * removed when the store is closed. What a process that was killed left unsynced is synced by the next at its start, before
 * it writes: another program that reads the store may have kept the engine's word that it was moved. */
#include "gatewayd/core/store/sqlite/sqlite_private.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>

#define LITTLE 200 /* frames that a checkpoint copies and syncs by itself */
#define ROUNDS 3   /* after so many it takes what there is */

struct ahead {
	sqlite3 *holder; /* keeps the log from being begun anew */
	bool holds, failed;
	unsigned rounds;
	int moved; /* frames from the beginning of the log */
	struct sqlite3_file *file;

	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	bool wanted, done, over;
	int rc;
};

struct ahead *ahead_new(void)
{
	struct ahead *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	return a;
}

/* --- the thread that syncs --- */

static void *run(void *arg)
{
	struct ahead *a = arg;

	pthread_mutex_lock(&a->lock);
	while (!a->over) {
		if (!a->wanted || a->done) {
			pthread_cond_wait(&a->changed, &a->lock);
			continue;
		}
		pthread_mutex_unlock(&a->lock);
		int rc = sqlite_sync_now(a->file);
		pthread_mutex_lock(&a->lock);
		a->rc = rc;
		a->done = true;
		pthread_cond_broadcast(&a->changed);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static bool start_thread(struct ahead *a, struct error *e)
{
	sigset_t all, before;

	if (a->started)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	a->started = pthread_create(&a->thread, NULL, run, a) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return a->started || error_set(e, REASON_NO_MEMORY, "no thread to sync the store");
}

static void ask(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	a->wanted = true;
	a->done = false;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

/* Whether the sync has ended; `wait`: until it has. */
static bool ended(struct ahead *a, bool wait)
{
	pthread_mutex_lock(&a->lock);
	while (wait && !a->done)
		pthread_cond_wait(&a->changed, &a->lock);
	bool done = a->done;
	pthread_mutex_unlock(&a->lock);
	return done;
}

/* --- the reader that holds the log --- */

static bool hold(struct connection *c, struct error *e)
{
	struct ahead *a = c->ahead;

	if (!a->holder && sqlite3_open_v2(sqlite3_db_filename(c->db, "main"), &a->holder,
	                                  SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		sqlite3_close(a->holder);
		a->holder = NULL;
		return error_set(e, REASON_STORE, "the store cannot be opened once more");
	}
	sqlite3_db_config(a->holder, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	a->holds = sqlite3_exec(a->holder, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) == SQLITE_OK;
	if (!a->holds)
		sqlite3_exec(a->holder, "ROLLBACK", NULL, NULL, NULL);
	return a->holds || error_set(e, REASON_STORE, "the store failed: %s", sqlite3_errmsg(a->holder));
}

static void let_go(struct ahead *a)
{
	if (a->holds)
		sqlite3_exec(a->holder, "ROLLBACK", NULL, NULL, NULL);
	a->holds = false;
}

/* --- copying --- */

/* Copies what no reader is in the way of; *syncing: and its sync is under way. */
static bool copy(struct connection *c, bool *syncing, struct error *e)
{
	struct ahead *a = c->ahead;
	int frames = 0;

	*syncing = false;
	if (sqlite3_file_control(c->db, "main", SQLITE_FCNTL_FILE_POINTER, &a->file) != SQLITE_OK)
		return sqlite_fail(c, e);
	sqlite_sync_later(a->file, true);
	int rc = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &a->moved);
	sqlite_sync_later(a->file, false);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		return sqlite_fail(c, e);
	*syncing = sqlite_sync_asked(a->file);
	if (*syncing)
		ask(a);
	return true;
}

static bool begin(struct connection *c, bool *syncing, struct error *e)
{
	struct ahead *a = c->ahead;

	*syncing = false;
	if (!start_thread(a, e) || !hold(c, e))
		return false;
	bool ok = copy(c, syncing, e);
	if (!*syncing)
		let_go(a);
	return ok;
}

bool ahead_whole(const struct ahead *a, struct error *e)
{
	return !a || !a->failed || error_set(e, REASON_STORE, "the store failed: its file could not be synced");
}

/* What was synced, or failed to be. */
static bool finish(struct ahead *a, struct error *e)
{
	pthread_mutex_lock(&a->lock);
	int rc = a->rc;
	a->wanted = a->done = false;
	pthread_mutex_unlock(&a->lock);
	a->failed = rc != SQLITE_OK;
	if (a->failed)
		return ahead_whole(a, e);
	let_go(a);
	return true;
}

bool sqlite_moving(const struct connection *c)
{
	return c->ahead && c->ahead->wanted;
}

bool ahead_settle(struct connection *c, struct error *e)
{
	struct ahead *a = c->ahead;

	if (!ahead_whole(a, e) || !a)
		return !a;
	a->rounds = 0;
	a->moved = 0;
	if (!a->wanted)
		return true;
	ended(a, true);
	return finish(a, e);
}

bool sqlite_move_ahead(struct connection *c, bool *ready, struct error *e)
{
	struct ahead *a = c->ahead;
	bool syncing = false;

	*ready = false;
	if (!ahead_whole(a, e))
		return false;
	if (a->wanted && !ended(a, false))
		return true;
	if (a->wanted && !finish(a, e))
		return false;
	if (c->wal_frames - a->moved > LITTLE && a->rounds < ROUNDS) {
		a->rounds++;
		if (!begin(c, &syncing, e))
			return false;
	}
	*ready = !syncing;
	return true;
}

bool ahead_free(struct ahead *a)
{
	if (!a)
		return true;
	if (a->started) {
		if (a->wanted)
			ended(a, true);
		pthread_mutex_lock(&a->lock);
		a->failed = a->failed || (a->wanted && a->rc != SQLITE_OK);
		a->over = true;
		pthread_cond_broadcast(&a->changed);
		pthread_mutex_unlock(&a->lock);
		pthread_join(a->thread, NULL);
	}
	bool whole = !a->failed;
	let_go(a);
	sqlite3_close(a->holder);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->changed);
	free(a);
	return whole;
}
