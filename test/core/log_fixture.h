/* A store, a key store and a writer in a folder of their own, and jobs that append one entry each. Shared by
 * the tests of the writer and the mirror. */
#ifndef TEST_CORE_LOG_FIXTURE_H
#define TEST_CORE_LOG_FIXTURE_H

#include <poll.h>

#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/core/commit/mirror.h"
#include "gatewayd/core/commit/writer.h"
#include "gatewayd/core/store/store.h"
#include "test/core/scratch.h"

#ifndef LOG_KEYS
#define LOG_KEYS 4 /* ready, after the first commit; each further one makes as many as were taken */
#endif
#define LOG_ORIGIN "north.example/audit/n1/1"

struct log_fixture {
	struct scratch_dir dir;
	struct store *store;
	struct keystore *keys;
	struct mirror *mirror;
	struct writer *writer;
	struct home *home;
	struct ed25519_key *key;
	struct note_vkey vkey;
	unsigned deaths;
};

struct append_job {
	struct job job; /* first */
	char leaf[64];
	bool fails;
	unsigned runs, came_home;
	uint64_t index;
	uint64_t again; /* asks for the receipt of this older entry instead; UINT64_MAX: no */
	struct buf receipt;
};

static inline void log_died(void *arg, const struct error *e)
{
	struct log_fixture *f = arg;

	ck_assert_int_eq(e->reason, REASON_STORE);
	f->deaths++;
}

static inline void log_signer(struct log_fixture *f, uint8_t seed_byte)
{
	uint8_t seed[32] = { seed_byte }, public_key[32];

	ed25519_free(f->key);
	f->key = ed25519_from_seed(seed);
	ck_assert_ptr_nonnull(f->key);
	ed25519_public(f->key, public_key);
	ck_assert(note_vkey_make(VIEW(LOG_ORIGIN), NOTE_ED25519, public_key, &f->vkey));
}

static inline bool log_start(struct log_fixture *f, struct error *e)
{
	struct writer_options o = { .keys = f->keys,
		                    .key_pool = LOG_KEYS,
		                    .mirror = f->mirror,
		                    .signer = { .vkey = f->vkey, .key = f->key },
		                    .anchor_path = scratch_file(&f->dir, "anchor"),
		                    .died = log_died,
		                    .arg = f };

	if (!f->store && !(f->store = store_open(scratch_file(&f->dir, "store.db"), e)))
		return false;
	o.store = f->store;
	f->writer = writer_start(&o, e);
	return f->writer != NULL;
}

static inline bool log_names_no_slot(void *arg, uint32_t slot)
{
	(void)arg;
	(void)slot;
	return false;
}

static inline void log_setup(struct log_fixture *f)
{
	*f = (struct log_fixture){ .dir = scratch_new() };
	log_signer(f, 1);
	f->home = home_new();
	ck_assert_ptr_nonnull(f->home);
	OK((f->keys = keystore_open(scratch_file(&f->dir, "keys"), true, e)) != NULL);
	uint32_t none;
	OK(keystore_sweep(f->keys, log_names_no_slot, NULL, &none, e));
}

static inline void log_stop(struct log_fixture *f)
{
	writer_stop(f->writer);
	f->writer = NULL;
	store_close(f->store);
	f->store = NULL;
}

static inline void log_teardown(struct log_fixture *f)
{
	log_stop(f);
	keystore_close(f->keys);
	home_free(f->home);
	ed25519_free(f->key);
	scratch_remove(&f->dir);
}

static inline bool append_run(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct append_job *a = JOB_OF(struct append_job, j);

	(void)s;
	a->runs++;
	if (a->again != UINT64_MAX) {
		a->index = a->again;
		return writer_receipt(w, j, a->again, e);
	}
	if (!writer_append(w, j, view_of(a->leaf), VIEW("[\"ZGlzY2xvc3VyZQ\"]"), &a->index, e))
		return false;
	return !a->fails || error_set(e, REASON_QUOTA, "this one fails");
}

static inline void append_done(struct job *j)
{
	struct append_job *a = JOB_OF(struct append_job, j);

	a->came_home++;
	if (j->committed && (j->want_receipt || a->again != UINT64_MAX))
		receipt_print(&j->receipt, a->again == UINT64_MAX ? view_of(a->leaf) : VIEW(""), &a->receipt);
	writer_release(j);
}

static inline void append_init(struct append_job *a, struct home *home, unsigned n)
{
	*a = (struct append_job){ .again = UINT64_MAX, .receipt = BUF_INIT(65536) };
	a->job.home = home;
	a->job.run = append_run;
	a->job.done = append_done;
	a->job.want_receipt = true;
	snprintf(a->leaf, sizeof a->leaf, "{\"n\":%u,\"operation\":\"disclosure\"}", n);
}

/* Collects until all `n` have come home. */
static inline void append_wait(struct home *home, const struct append_job *jobs, unsigned n)
{
	struct pollfd p = { .fd = home_fd(home), .events = POLLIN };

	for (unsigned at_home = 0; at_home < n;) {
		ck_assert_int_eq(poll(&p, 1, 30000), 1);
		home_collect(home);
		while (at_home < n && jobs[at_home].came_home > 0)
			at_home++;
	}
}

static inline void append_free(struct append_job *jobs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_free(&jobs[i].receipt);
}

/* Appends `n` entries and waits for them. */
static inline void log_append_some(struct log_fixture *f, struct append_job *jobs, unsigned n, unsigned from)
{
	for (unsigned i = 0; i < n; i++) {
		append_init(&jobs[i], f->home, from + i);
		writer_submit(f->writer, &jobs[i].job);
	}
	append_wait(f->home, jobs, n);
}

#endif
