/* See rebuild.h. */
#include "gatewayd/core/audit/rebuild.h"

#include <signal.h>

#include "gatewayd/confine.h"
#include "gatewayd/core/audit/damaged.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/shape.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/witness.h"
#include "lib/base/wire.h"
#include "lib/tlog/verify.h"
#include "gatewayd/os/log.h"
#include "gatewayd/os/instant.h"

#define FIRST_MS    60000
#define FETCH       256 /* entries read at once: no snapshot lives longer */
#define FETCH_BYTES (64u * 1024 * 1024)
#define REST        3 /* parts of rest to one of work */

struct rebuild {
	struct core *core;
	struct note_vkey log;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	bool stopping;

	/* the thread's */
	struct store *store;
	struct buf newer;   /* checkpoint of a log that grew meanwhile */
	struct buf fetched; /* entries: the index, then leaf and packed disclosures, each behind its length */
	struct reader rest; /* of it, not yet asked for */
	uint64_t next;      /* index of the first in `rest` */
	int64_t worked_us;  /* when this stretch of work began */
};

/* Waits; false when it is time to stop. */
static bool rest_for(struct rebuild *r, int64_t us)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += us / 1000000;
	until.tv_nsec += us % 1000000 * 1000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&r->lock);
	while (!r->stopping && pthread_cond_timedwait(&r->wake, &r->lock, &until) == 0)
		continue;
	bool go_on = !r->stopping;
	pthread_mutex_unlock(&r->lock);
	return go_on;
}

/* --- the source --- */

static bool fetch_entry(void *arg, uint64_t index, struct view leaf, struct view packed)
{
	struct rebuild *r = arg;

	put_u64(&r->fetched, index);
	put_view32(&r->fetched, leaf);
	put_view32(&r->fetched, packed);
	return !r->fetched.failed;
}

static bool fetch(struct rebuild *r, uint64_t index, struct error *e)
{
	int64_t worked = instant_monotonic_us() - r->worked_us;

	if (!rest_for(r, worked * REST))
		return error_set(e, REASON_UNAVAILABLE, "the verification was stopped");
	r->worked_us = instant_monotonic_us();
	buf_reset(&r->fetched);
	r->next = index;
	if (!store_list_entries(r->store, index, FETCH, fetch_entry, r, e))
		return false;
	r->rest = (struct reader){ .rest = buf_view(&r->fetched) };
	return !r->fetched.failed || error_set(e, REASON_NO_MEMORY, "no memory for entries");
}

/* A row that is missing in the middle shows by its number: the leaf behind it may be the same, byte for byte. */
static bool get_entry(void *arg, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	struct rebuild *r = arg;

	if ((r->rest.rest.n == 0 || r->next != index) && !fetch(r, index, e))
		return false;
	if (r->rest.rest.n == 0 || read_u64(&r->rest) != index)
		return error_set(e, REASON_NOT_FOUND, "entry %llu is missing", (unsigned long long)index);
	*leaf = read_view32(&r->rest);
	*packed = read_view32(&r->rest);
	r->next++;
	return true;
}

static bool get_named(void *arg, uint64_t index, struct view packed, struct error *e)
{
	return shape_is_whole(((struct rebuild *)arg)->store, index, packed, e);
}

static bool get_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(((struct rebuild *)arg)->store, level, index, hashes, e);
}

/* --- one verification --- */

static bool open_note(struct rebuild *r, struct view found, struct buf *copy, struct checkpoint *out, struct error *e)
{
	buf_add(copy, found);
	return copy->failed ? error_set(e, REASON_NO_MEMORY, "no memory for a checkpoint")
	                    : checkpoint_open(buf_view(copy), &r->log, out, e);
}

static bool get_newer(void *arg, struct checkpoint *out, struct error *e)
{
	struct rebuild *r = arg;
	struct view note;
	uint64_t size;

	buf_reset(&r->newer);
	return store_last_checkpoint(r->store, &size, &note, e) && open_note(r, note, &r->newer, out, e);
}

static bool verify(struct rebuild *r, struct verify_report *report, struct error *e)
{
	struct verify_source source = { .entry = get_entry,
		                        .tile = get_tile,
		                        .arg = r,
		                        .disclosures = true,
		                        .named = get_named,
		                        .newer = get_newer };
	struct buf last = BUF_INIT(NOTE_MAX), earlier = BUF_INIT(NOTE_MAX);
	struct checkpoint now, before;
	struct view note;
	uint64_t size, cosigned;

	buf_reset(&r->fetched);
	r->rest = (struct reader){ .rest = VIEW("") };
	r->worked_us = instant_monotonic_us();
	bool ok = store_last_checkpoint(r->store, &size, &note, e) && open_note(r, note, &last, &now, e) &&
	          store_cosigned(r->store, &cosigned, e);
	/* A cosignature of a later moment than the checkpoint read above is left for the next time. */
	bool witnessed = ok && cosigned > 0 && cosigned <= now.size;
	if (witnessed)
		ok = store_get_checkpoint(r->store, cosigned - 1, &size, &note, e) &&
		     open_note(r, note, &earlier, &before, e);
	ok = ok && verify_log(&now, witnessed ? &before : NULL, &source, report, e);
	buf_free(&last);
	buf_free(&earlier);
	return ok;
}

static void judge(struct rebuild *r, bool ok, const struct verify_report *report, const struct error *e)
{
	bool altered = !ok && (e->reason == REASON_TAMPERED || e->reason == REASON_NOT_FOUND);
	struct error fatal = { .reason = REASON_NONE };

	pthread_mutex_lock(&r->lock);
	bool stopping = r->stopping;
	pthread_mutex_unlock(&r->lock);
	if (ok) {
		atomic_fetch_add(&r->core->rebuilds, 1);
		atomic_store(&r->core->rebuild_entries, report->entries);
		log_line("notice", "the audit log was verified in full: %llu entries",
		         (unsigned long long)report->entries);
	} else if (altered) {
		atomic_fetch_add(&r->core->rebuild_failures, 1);
		error_set(&fatal, REASON_TAMPERED, "the audit log was altered: %s", e->text);
		core_die(r->core, &fatal);
	} else if (!stopping) {
		log_line("warning", "the audit log could not be verified: %s", e->text);
	}
}

static bool rest_between(void *arg, int64_t worked_us)
{
	return rest_for(arg, worked_us * REST);
}

static void look_for_damage(struct rebuild *r)
{
	struct error e = { .reason = REASON_NONE };

	if (!damaged_look(r->core, r->store, rest_between, r, &e) && e.reason != REASON_UNAVAILABLE)
		log_line("warning", "the payloads could not be looked through: %s", e.text);
}

static void *run(void *arg)
{
	struct rebuild *r = arg;
	struct conf *conf;
	bool first = true;

	CONFINE_PROBE(CONFINE_CORE);
	for (;;) {
		conf = core_conf(r->core);
		int64_t wait_ms = (int64_t)conf->node.rebuild_every_s * 1000;
		conf_unref(conf);
		if (first && wait_ms > FIRST_MS)
			wait_ms = FIRST_MS;
		first = false;
		if (!rest_for(r, wait_ms * 1000))
			return NULL;
		struct verify_report report = { .entries = 0 };
		struct error e = { .reason = REASON_NONE };
		bool ok = verify(r, &report, &e);
		judge(r, ok, &report, &e);
		if (atomic_load(&r->core->dying))
			return NULL;
		look_for_damage(r);
	}
}

/* --- life --- */

static void free_rebuild(struct rebuild *r)
{
	store_close(r->store);
	buf_wipe(&r->fetched);
	buf_free(&r->newer);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct rebuild *rebuild_start(struct core *c, const struct note_vkey *log, struct error *e)
{
	struct rebuild *r = calloc(1, sizeof *r);
	pthread_condattr_t monotonic;
	sigset_t all, before;

	if (!r) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	r->core = c;
	r->log = *log;
	r->fetched = BUF_INIT(FETCH_BYTES);
	r->newer = BUF_INIT(NOTE_MAX);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	r->store = store_open_reader(c->conf->node.store, e);
	if (r->store) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		int failed = pthread_create(&r->thread, NULL, run, r);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (failed == 0)
			return r;
		error_set(e, REASON_NO_MEMORY, "cannot start the thread that verifies the log: %s", strerror(failed));
	}
	free_rebuild(r);
	return NULL;
}

void rebuild_stop(struct rebuild *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	free_rebuild(r);
}
