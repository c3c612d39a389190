/* The writer's thread. See writer.h. It takes what is queued, runs it in one transaction, and sends it home;
 * what comes meanwhile is the next. An idle writer commits a single job at once.
 *
 * Threads: the queue and the flags beside it are guarded by `lock`, what is counted is the tally's; everything
 * else belongs to the writer's thread (and before it starts to the one that starts it). */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "gatewayd/confine.h"
#include "gatewayd/core/commit/anchor.h"
#include "gatewayd/core/commit/copying_private.h"
#include "gatewayd/core/commit/job_private.h"
#include "gatewayd/core/keys/key_lease.h"
#include "gatewayd/core/commit/mirror.h"
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/commit/queue_private.h"
#include "gatewayd/core/commit/tally_private.h"
#include "gatewayd/core/commit/tidying_private.h"
#include "gatewayd/core/commit/tree_private.h"
#include "gatewayd/core/commit/writer.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/os/instant.h"

#define BATCH_MAX    128 /* jobs of a commit */
#define BATCH_SHARED 16  /* for each lane that waits, where several do: so long at most one waits for jobs of others */
#define BATCH_LEAST  16  /* that run before a commit is cut short, for a lane that has no part in it */

struct writer {
	struct writer_options o;
	struct tree tree;
	struct anchor *anchor;
	struct copying copying;
	struct tidying tidying;
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct queue queue;
	bool waiting, stopping, dead;
	_Atomic bool newcomer; /* a lane waits that has no part in the transaction under way */

	struct error lost; /* why it died; set before `dead` */
	bool open;         /* a transaction */
	uint64_t start;    /* the log's size before it */
	int64_t start_us;  /* monotonic: when it began */

	struct tally tally;
};

/* --- inside run() --- */

bool writer_append(struct writer *w, struct job *j, struct view leaf, struct view packed, uint64_t *index,
                   struct error *e)
{
	return writer_append_shaped(w, j, leaf, packed, NULL, index, e);
}

bool writer_append_shaped(struct writer *w, struct job *j, struct view leaf, struct view packed,
                          const struct store_shape *shape, uint64_t *index, struct error *e)
{
	if (!w->open)
		return error_set(e, REASON_STORE, "an audit entry was written outside a transaction");
	if (!tree_append(&w->tree, leaf, packed, shape, index, e))
		return false;
	if (w->o.mirror)
		mirror_add(w->o.mirror, *index, leaf);
	if (j->want_receipt) {
		j->receipt_due = true;
		j->receipt_index = *index;
	}
	return true;
}

void writer_release(struct job *j)
{
	checkpoint_text_unref(j->text);
	j->text = NULL;
	j->receipt.checkpoint = VIEW("");
}

/* An entry of an earlier epoch. */
static bool receipt_before(struct writer *w, struct job *j, uint64_t entry, struct error *e)
{
	struct buf note = BUF_INIT(NOTE_MAX);
	bool ok = proof_read(w->o.store, entry, &j->receipt, &note, e);

	writer_release(j);
	if (ok && !(j->text = checkpoint_text_new(buf_view(&note))))
		ok = error_set(e, REASON_NO_MEMORY, "no memory for a receipt");
	j->receipt.checkpoint = ok ? checkpoint_text_view(j->text) : VIEW("");
	j->receipt_due = false;
	buf_free(&note);
	return ok;
}

bool writer_receipt(struct writer *w, struct job *j, uint64_t entry, struct error *e)
{
	uint64_t index = store_entry_index(entry);
	struct view note;

	if (!w->open)
		return error_set(e, REASON_NOT_FOUND, "there is no transaction");
	if (store_entry_log(entry) < store_log(w->o.store))
		return receipt_before(w, j, entry, e);
	if (index >= tiles_size(w->tree.tiles))
		return error_set(e, REASON_NOT_FOUND, "the audit log has no such entry");
	if (index >= w->start) {
		j->receipt_due = true;
		j->receipt_index = index;
		return true;
	}
	if (!tree_prove_older(&w->tree, index, &j->receipt, &note, e))
		return false;
	writer_release(j);
	j->text = checkpoint_text_new(note);
	if (!j->text)
		return error_set(e, REASON_NO_MEMORY, "no memory for a receipt");
	j->receipt.checkpoint = checkpoint_text_view(j->text);
	j->receipt_due = false;
	return true;
}

static bool check_open(const struct writer *w, struct error *e)
{
	return w->open || error_set(e, REASON_STORE, "there is no transaction");
}

bool writer_put_key(struct writer *w, const uint8_t key[32], uint32_t *slot, struct error *e)
{
	return check_open(w, e) && keystore_put(w->o.keys, key, slot, e);
}

bool writer_place_key(struct writer *w, const struct key_lease *l, uint32_t *slot, struct error *e)
{
	if (!l->placed)
		return writer_put_key(w, l->grant.key, slot, e);
	*slot = l->grant.slot;
	return check_open(w, e) && keystore_use(w->o.keys, l->grant.slot, e);
}

bool writer_erase_key(struct writer *w, struct job *j, uint32_t slot, struct error *e)
{
	j->erased = true;
	return check_open(w, e) && keystore_erase(w->o.keys, slot, e);
}

bool writer_rotate_keys(struct writer *w, struct error *e)
{
	return check_open(w, e) && keystore_rotate(w->o.keys, e);
}

/* --- one transaction --- */

enum result {
	COMMITTED,
	ROLLED_BACK, /* nothing happened */
	LOST         /* a sync or the COMMIT failed: what the disk holds is not known */
};

static void roll_back(struct writer *w)
{
	store_rollback(w->o.store);
	tree_rollback(&w->tree);
	keystore_settle(w->o.keys, false);
	if (w->o.mirror)
		mirror_discard(w->o.mirror);
	w->open = false;
}

/* What it leaves for the next transaction goes to `*rest`. */
static bool run_jobs(struct writer *w, struct job *first, struct job **rest, struct error *e)
{
	unsigned n = 0;

	for (struct job *j = first; j; j = j->next) {
		/* It may have run before, in a batch that failed. */
		writer_release(j);
		j->receipt_due = j->erased = false;
		if (!j->run(j, w, w->o.store, e))
			return error_set(e, REASON_INTERNAL, "a job failed without a reason");
		if (++n >= BATCH_LEAST && atomic_load_explicit(&w->newcomer, memory_order_relaxed)) {
			*rest = j->next;
			j->next = NULL;
		}
	}
	return true;
}

/* Gives every job the receipt that it wants, all at the one new checkpoint. */
static bool give_receipts(struct writer *w, struct job *first, struct error *e)
{
	struct checkpoint_text *text = checkpoint_text_new(buf_view(&w->tree.note));
	bool ok = text || error_set(e, REASON_NO_MEMORY, "no memory for receipts");

	for (struct job *j = first; ok && j; j = j->next) {
		if (!j->receipt_due)
			continue;
		ok = tree_prove(&w->tree, j->receipt_index, &j->receipt, e);
		writer_release(j);
		j->text = checkpoint_text_ref(text);
		j->receipt.checkpoint = checkpoint_text_view(text);
	}
	checkpoint_text_unref(text);
	return ok;
}

/* All that is durable after COMMIT and nothing that leaves the process before it. */
static enum result transact(struct writer *w, struct job *first, struct job **rest, struct error *e)
{
	*rest = NULL;
	w->start_us = instant_monotonic_us();
	if (!store_begin(w->o.store, e))
		return ROLLED_BACK;
	w->open = true;
	w->start = tiles_size(w->tree.tiles);
	bool ok = run_jobs(w, first, rest, e);
	if (ok && tiles_size(w->tree.tiles) > w->start)
		ok = tree_seal(&w->tree, e) && give_receipts(w, first, e);
	if (!ok) {
		roll_back(w);
		return ROLLED_BACK;
	}
	if (!keystore_sync(w->o.keys, e) || !store_commit(w->o.store, e)) {
		roll_back(w);
		return LOST;
	}
	w->open = false;
	return COMMITTED;
}

static void after_commit(struct writer *w, struct job *first, uint32_t jobs)
{
	uint64_t size = tiles_size(w->tree.tiles);

	tree_commit(&w->tree);
	keystore_settle(w->o.keys, true);
	if (w->o.mirror)
		mirror_flush(w->o.mirror);
	if (w->anchor && size > w->start)
		anchor_set(w->anchor, buf_view(&w->tree.note));
	tally_commit(&w->tally, jobs, size - w->start, size);
	tally_took(&w->tally, first, w->start_us, instant_monotonic_us());
}

static void finish(struct job *first, bool committed, const struct error *e)
{
	for (struct job *j = first; j; j = j->next) {
		j->committed = committed;
		if (committed)
			continue;
		j->error = *e;
		writer_release(j);
	}
	job_send_home(first);
}

/* From here on nothing is written: whatever is queued, and whatever still comes, fails. */
static void die(struct writer *w, struct job *first, const struct error *e)
{
	uint32_t n;

	error_set(&w->lost, REASON_STORE, "the store failed and nothing more is written: %s", e->text);
	pthread_mutex_lock(&w->lock);
	w->dead = true;
	struct job *queued = queue_take(&w->queue, UINT32_MAX, UINT32_MAX, &n);
	pthread_mutex_unlock(&w->lock);
	if (w->o.died)
		w->o.died(w->o.arg, &w->lost);
	finish(first, false, &w->lost);
	finish(queued, false, &w->lost);
}

/* Those that erased nothing go home; the others when their keys are destroyed, which no answer may come before. */
static bool finish_committed(struct writer *w, struct job *first)
{
	struct error e = { .reason = REASON_NONE };
	struct job *plain = NULL, **plain_end = &plain, *erasing = NULL, **erasing_end = &erasing;

	for (struct job *j = first, *next; j; j = next) {
		struct job ***end = j->erased ? &erasing_end : &plain_end;
		next = j->next;
		j->next = NULL;
		**end = j;
		*end = &j->next;
	}
	finish(plain, true, NULL);
	if (keystore_destroy(w->o.keys, &e)) {
		finish(erasing, true, NULL);
		return true;
	}
	die(w, erasing, &e);
	return false;
}

/* How many. */
static uint32_t put_back(struct writer *w, struct job *rest)
{
	pthread_mutex_lock(&w->lock);
	uint32_t before = w->queue.n;
	queue_put_back(&w->queue, rest);
	uint32_t n = w->queue.n - before;
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* Runs a batch; when it fails, each of its jobs in a transaction of its own. False when the writer died. */
static bool run_batch(struct writer *w, struct job *first, uint32_t n)
{
	struct error e = { .reason = REASON_NONE };
	struct job *rest;
	enum result result = transact(w, first, &rest, &e);

	if (rest)
		n -= put_back(w, rest);
	if (result == COMMITTED) {
		after_commit(w, first, n);
		return finish_committed(w, first);
	}
	if (result == ROLLED_BACK && n == 1) {
		finish(first, false, &e);
		return true;
	}
	if (result == LOST) {
		die(w, first, &e);
		return false;
	}
	while (first) {
		struct job *j = first;

		first = j->next;
		j->next = NULL;
		if (!run_batch(w, j, 1)) {
			finish(first, false, &w->lost);
			return false;
		}
	}
	return true;
}

/* Between two transactions. False when the writer died. */
static bool fill_keys(struct writer *w)
{
	struct error e = { .reason = REASON_NONE };

	if (keystore_fill(w->o.keys, w->o.key_pool, &e))
		return true;
	die(w, NULL, &e);
	return false;
}

/* --- the thread --- */

static void report(struct writer *w, const struct error *e)
{
	if (w->o.report)
		w->o.report(w->o.arg, e);
}

/* Between two transactions: when none came for `idle_ms`, or, with `done`, before the end. */
static void tidy(struct writer *w, long idle_ms, bool done)
{
	struct error e = { .reason = REASON_NONE };
	struct store_unmoved now;

	if (!(done ? tidying_end(&w->tidying, w->o.store, &e) : tidying_step(&w->tidying, w->o.store, idle_ms, &e)))
		report(w, &e);
	store_unmoved(w->o.store, &now);
	tally_unmoved(&w->tally, &now);
}

/* Waits for jobs, so long at most, 0: for ever; the lock is held. False: none came. */
static bool wait_for_jobs(struct writer *w, long ms)
{
	struct timespec until;
	int rc = 0;

	w->waiting = true;
	if (ms > 0) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += ms / 1000;
		until.tv_nsec += ms % 1000 * 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		rc = pthread_cond_timedwait(&w->wake, &w->lock, &until);
	} else {
		pthread_cond_wait(&w->wake, &w->lock);
	}
	w->waiting = false;
	return rc != ETIMEDOUT;
}

static void *run(void *arg)
{
	struct writer *w = arg;
	uint32_t n;

	CONFINE_PROBE(CONFINE_CORE);
	for (;;) {
		long wait_ms = tidying_wait_ms(&w->tidying, w->o.store), idle_ms = 0;

		pthread_mutex_lock(&w->lock);
		if (w->queue.n == 0 && !w->stopping && !copying_wanted(&w->copying) && !wait_for_jobs(w, wait_ms))
			idle_ms = wait_ms;
		struct job *batch = queue_take(&w->queue, BATCH_MAX, BATCH_SHARED, &n);
		atomic_store_explicit(&w->newcomer, false, memory_order_relaxed);
		bool done = !batch && w->stopping;
		pthread_mutex_unlock(&w->lock);
		if (batch && (!run_batch(w, batch, n) || !fill_keys(w)))
			return NULL;
		if (batch || idle_ms > 0 || done)
			tidy(w, batch ? 0 : idle_ms, done);
		if (done)
			return NULL;
		copying_step(&w->copying, w->o.store);
	}
}

static bool genesis_run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct buf leaf = BUF_INIT(65536);
	int64_t now_ms = instant_now_ms();
	uint64_t index;

	(void)s;
	bool ok = tree_genesis(&w->tree, now_ms, &leaf, e) && writer_append(w, j, buf_view(&leaf), VIEW(""), &index, e);
	buf_reset(&leaf);
	ok = ok && tree_restore(&w->tree, now_ms, &leaf, e) &&
	     (leaf.n == 0 || writer_append(w, j, buf_view(&leaf), VIEW(""), &index, e));
	buf_reset(&leaf);
	ok = ok && tree_announcement(&w->tree, now_ms, &leaf, e) &&
	     (leaf.n == 0 || writer_append(w, j, buf_view(&leaf), VIEW(""), &index, e));
	buf_free(&leaf);
	return ok;
}

static bool genesis(struct writer *w, struct error *e)
{
	struct job j = { .run = genesis_run }, *rest;

	if (tiles_size(w->tree.tiles) > 0)
		return true;
	if (transact(w, &j, &rest, e) != COMMITTED)
		return false;
	after_commit(w, NULL, 1);
	return true;
}

static bool start_thread(struct writer *w, struct error *e)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 || error_set(e, REASON_NO_MEMORY, "cannot start the writer's thread: %s", strerror(rc));
}

static void free_writer(struct writer *w)
{
	anchor_stop(w->anchor);
	copying_end(&w->copying);
	tree_close(&w->tree);
	pthread_mutex_destroy(&w->lock);
	tally_close(&w->tally);
	pthread_cond_destroy(&w->wake);
	free(w);
}

bool writer_verify(const struct writer_options *o, struct error *e)
{
	struct tree tree;

	if (!tree_open(&tree, o->store, &o->signer, o->anchor_path, e))
		return false;
	tree_close(&tree);
	return true;
}

struct writer *writer_start(const struct writer_options *o, struct error *e)
{
	struct writer *w = calloc(1, sizeof *w);
	pthread_condattr_t monotonic;

	if (!w) {
		error_set(e, REASON_NO_MEMORY, "no memory for the writer");
		return NULL;
	}
	w->o = *o;
	TAILQ_INIT(&w->queue.lanes);
	pthread_mutex_init(&w->lock, NULL);
	tally_open(&w->tally);
	copying_init(&w->copying);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (!tree_open(&w->tree, o->store, &o->signer, o->anchor_path, e))
		goto fail;
	w->tally.figures.tree_size = tiles_size(w->tree.tiles);
	if (o->anchor_path && !tree_first_anchor(&w->tree, o->anchor_path, e))
		goto fail;
	if (o->anchor_path && !(w->anchor = anchor_start(o->anchor_path, o->anchored, o->arg, e)))
		goto fail;
	if (genesis(w, e) && start_thread(w, e))
		return w;
fail:
	free_writer(w);
	return NULL;
}

void writer_stop(struct writer *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	free_writer(w);
}

void writer_submit(struct writer *w, struct job *j)
{
	static const struct error stopped = { .reason = REASON_STORE, .text = "the writer has stopped" };

	j->next = NULL;
	j->committed = false;
	j->submitted_us = instant_monotonic_us();
	if (!w) {
		finish(j, false, &stopped);
		return;
	}
	pthread_mutex_lock(&w->lock);
	bool dead = w->dead, waiting = w->waiting;
	if (!dead) {
		if (queue_add(&w->queue, j))
			atomic_store_explicit(&w->newcomer, true, memory_order_relaxed);
		w->waiting = false;
	}
	pthread_mutex_unlock(&w->lock);
	if (dead) {
		finish(j, false, &w->lost);
	} else if (waiting) {
		pthread_cond_signal(&w->wake);
	}
}

bool writer_copy(struct writer *w, const char *path, struct error *e)
{
	if (!copying_ask(&w->copying, path, e))
		return false;
	pthread_mutex_lock(&w->lock);
	w->waiting = false;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	return true;
}

void writer_copy_state(struct writer *w, struct writer_copy *out)
{
	copying_tell(&w->copying, out);
}

void writer_stats(struct writer *w, struct writer_stats *out)
{
	tally_read(&w->tally, out);
	pthread_mutex_lock(&w->lock);
	out->queued = w->queue.n;
	pthread_mutex_unlock(&w->lock);
}

void writer_took(const struct writer *w, struct latency_sum *waited, struct latency_sum *committed)
{
	latency_add(waited, &w->tally.waited);
	latency_add(committed, &w->tally.committed);
}
