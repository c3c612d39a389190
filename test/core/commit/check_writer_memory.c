/* The writer when memory runs out: at every allocation in turn, from a job's entry to the end of its commit, the job comes home
 * committed with its receipt, or with the reason why not; where what the disk holds is not known the writer dies, and the next
 * start goes on with all that was answered. */
#include "gatewayd/core/commit/writer.h"
#include "test/core/commit/epoch_fixture.h"
#include "test/memory.h"

TCase *make_writer_memory_case(void);

#define MOST 3000

static struct log_fixture f;
static long at;                      /* the allocation that fails */
static _Atomic unsigned long failed; /* how many did, on the writer's thread */

static void setup(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
}

static void teardown(void)
{
	log_teardown(&f);
}

static bool run_short_of_memory(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	fail_once = true;
	fail_at = at;
	bool ok = append_run(j, w, s, e);
	uint32_t slot;
	uint8_t key[32] = { 1 };
	return ok && writer_put_key(w, key, &slot, e) && writer_erase_key(w, j, slot, e);
}

/* The next job: with all memory again. */
static bool run_after(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	fail_at = -1;
	atomic_store(&failed, failed_allocations);
	return append_run(j, w, s, e);
}

static void submit(struct append_job *a, bool (*run)(struct job *j, struct writer *w, struct store *s, struct error *e),
                   unsigned n)
{
	append_init(a, f.home, n);
	a->job.run = run;
	writer_submit(f.writer, &a->job);
	append_wait(f.home, a, 1);
}

START_TEST(at_every_allocation_in_turn)
{
	uint64_t entries = 1, died = 0, refused = 0;
	unsigned long before = 0;
	unsigned whole = 0;

	for (at = 0; at < MOST && whole < 3 && !SANITIZER_ALLOCATES; at++) {
		struct append_job job, after;

		submit(&job, run_short_of_memory, (unsigned)at);
		ck_assert(job.job.committed || job.job.error.reason != REASON_NONE);
		ck_assert(!job.job.committed || job.receipt.n > 0);
		entries += job.job.committed;
		refused += !job.job.committed;
		submit(&after, run_after, (unsigned)at);
		if (!after.job.committed) {
			/* It died with the commit before. */
			died++;
			log_stop(&f);
			OK(log_start(&f, e));
			atomic_store(&failed, before + 1);
		} else {
			entries++;
		}
		whole = atomic_load(&failed) == before ? whole + 1 : 0;
		before = died && !after.job.committed ? 0 : atomic_load(&failed);
		append_free(&job, 1);
		append_free(&after, 1);
	}
	struct writer_stats stats;
	writer_stats(f.writer, &stats);
	/* A COMMIT whose outcome was not known may have been one. */
	ck_assert(stats.tree_size >= entries && stats.tree_size <= entries + died);
	ck_assert(SANITIZER_ALLOCATES || (whole == 3 && refused > 5));
}
END_TEST

/* --- receipts of older entries --- */

/* Memory is short for what the receipt needs, and for nothing else. */
static bool run_receipt(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	(void)s;
	fail_once = true;
	fail_at = at;
	bool ok = writer_receipt(w, j, JOB_OF(struct append_job, j)->again, e);
	fail_at = -1;
	atomic_store(&failed, failed_allocations);
	return ok;
}

/* Of this log's first entry, and of the one before. */
START_TEST(a_receipt_again)
{
	static struct append_job jobs[20];
	unsigned long before = 0;
	unsigned whole = 0, refused = 0;

	log_append_some(&f, jobs, 20, 0);
	append_free(jobs, 20);
	log_stop(&f);
	if (_i)
		epoch_begin(&f);
	/* What the first run read is in no cache any more. */
	OK(log_start(&f, e));
	for (at = 0; at < MOST && whole < 3 && !SANITIZER_ALLOCATES; at++) {
		struct append_job job;

		append_init(&job, f.home, 0);
		job.job.run = run_receipt;
		job.again = 1;
		writer_submit(f.writer, &job.job);
		append_wait(f.home, &job, 1);
		ck_assert(job.job.committed ? job.receipt.n > 0 : job.job.error.reason != REASON_NONE);
		refused += !job.job.committed;
		whole = atomic_load(&failed) == before ? whole + 1 : 0;
		ck_assert(whole == 0 || job.job.committed);
		before = atomic_load(&failed);
		append_free(&job, 1);
	}
	ck_assert_uint_eq(f.deaths, 0);
	ck_assert(SANITIZER_ALLOCATES || (whole == 3 && refused > 0));
}
END_TEST

/* --- keys --- */

/* As many keys as there is room to remember, and then one more. */
static bool run_keys(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	uint8_t key[32] = { 1 };
	uint32_t slot;
	bool ok = true;

	(void)j;
	(void)s;
	fail_once = true;
	fail_at = 0;
	for (unsigned i = 0; i < MOST && ok; i++)
		ok = writer_put_key(w, key, &slot, e);
	fail_at = -1;
	return ok;
}

START_TEST(a_key_too_many)
{
	struct append_job job, after;

	submit(&job, run_keys, 0);
	ck_assert(SANITIZER_ALLOCATES || !job.job.committed);
	ck_assert(SANITIZER_ALLOCATES || job.job.error.reason == REASON_NO_MEMORY);
	submit(&after, run_after, 1);
	ck_assert(after.job.committed);
	/* Of what was rolled back no slot holds a key. */
	log_stop(&f);
	ck_assert_uint_eq(keystore_count(f.keys), job.job.committed ? MOST : 0);
	append_free(&job, 1);
	append_free(&after, 1);
}
END_TEST

/* --- the start --- */

static void remove_file(const char *name)
{
	ck_assert(unlink(scratch_file(&f.dir, name)) == 0 || errno == ENOENT);
}

/* A start that fails changes nothing that the next would not know: it begins the log, whole, or goes on with it. */
START_TEST(a_start_that_fails)
{
	unsigned refused = 0, whole = 0;

	log_stop(&f);
	epoch_begin(&f);
	scratch_copy(scratch_file(&f.dir, "store.db"), scratch_file(&f.dir, "before.db"));
	for (long n = 0; n < MOST && whole < 2 && !SANITIZER_ALLOCATES; n++) {
		struct error e = { .reason = REASON_NONE };
		struct writer_stats stats;

		scratch_copy(scratch_file(&f.dir, "before.db"), scratch_file(&f.dir, "store.db"));
		remove_file("anchor");
		f.store = store_open(scratch_file(&f.dir, "store.db"), &e);
		ck_assert_ptr_nonnull(f.store);
		unsigned long before = failed_allocations;
		fail_once = true;
		fail_at = n;
		bool ok = log_start(&f, &e);
		fail_at = -1;
		whole = failed_allocations == before ? whole + 1 : 0;
		ck_assert(ok || e.reason != REASON_NONE);
		ck_assert(whole == 0 || ok);
		refused += !ok;
		log_stop(&f);
		e = (struct error){ .reason = REASON_NONE };
		ck_assert_msg(log_start(&f, &e), "allocation %ld: %s", n, e.text);
		writer_stats(f.writer, &stats);
		ck_assert_uint_eq(stats.tree_size, NEXT_ENTRIES);
		log_stop(&f);
	}
	OK(log_start(&f, e));
	ck_assert(SANITIZER_ALLOCATES || (whole == 2 && refused > 20));
}
END_TEST

TCase *make_writer_memory_case(void)
{
	TCase *c = tcase_create("writer_memory");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, at_every_allocation_in_turn);
	tcase_add_loop_test(c, a_receipt_again, 0, 2);
	tcase_add_test(c, a_key_too_many);
	tcase_add_test(c, a_start_that_fails);
	return c;
}
