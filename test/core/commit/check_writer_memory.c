/* The writer when memory runs out: at every allocation in turn, from a job's entry to the end of its commit, the job comes home
 * committed with its receipt, or with the reason why not; where what the disk holds is not known the writer dies, and the next
 * start goes on with all that was answered. */
#include "gatewayd/core/commit/writer.h"
#include "gatewayd/core/store/log.h"
#include "test/core/log_fixture.h"
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

TCase *make_writer_memory_case(void)
{
	TCase *c = tcase_create("writer_memory");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, at_every_allocation_in_turn);
	return c;
}
