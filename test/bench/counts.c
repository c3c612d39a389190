/* Fixed scenarios whose instructions counts.py counts with callgrind: each is done a while to warm up, then so many times
 * while it is counted, by what stands in counts.txt. Nothing depends on time: the writer is held until all of a batch is
 * queued. Without valgrind it is a test that the scenarios run.
 *
 *   counts NAME */
#include <check.h>
#include <semaphore.h>
#include <valgrind/callgrind.h>

#define LOG_KEYS 256
#include "test/core/exchange/exchange_fixture.h"

#define BATCH  64
#define WARM   3 /* batches before it is counted */
#define ROUNDS 4 /* batches that are */

/* Holds the writer, in a transaction of its own, until `go`. */
struct gate {
	struct job job; /* first */
	sem_t held, go;
	unsigned home;
};

static bool hold_writer(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct gate *g = (struct gate *)j;

	(void)w, (void)s, (void)e;
	sem_post(&g->held);
	sem_wait(&g->go);
	return true;
}

static void let_go(struct job *j)
{
	((struct gate *)j)->home++;
	writer_release(j);
}

static void close_gate(struct gate *g)
{
	*g = (struct gate){ .job = { .home = f.log.home, .run = hold_writer, .done = let_go } };
	sem_init(&g->held, 0, 0);
	sem_init(&g->go, 0, 0);
	writer_submit(f.log.writer, &g->job);
	sem_wait(&g->held);
}

static void open_gate(struct gate *g)
{
	sem_post(&g->go);
	core_wait(&f, &g->home, 1);
}

/* --- a record through core: an agency's system posts, 64 to a commit --- */

static void record_batch(const struct submission *s, struct view text)
{
	struct exchange *all[BATCH];
	struct gate gate;
	unsigned before = commits;

	close_gate(&gate);
	for (size_t i = 0; i < BATCH; i++) {
		all[i] = decide(s, text);
		exchange_commit(all[i], exchange_prepare(all[i]), note_commit, &commits);
	}
	open_gate(&gate);
	core_wait(&f, &commits, before + BATCH);
	for (size_t i = 0; i < BATCH; i++) {
		ck_assert_int_eq(all[i]->found.status, 201);
		exchange_recycle(all[i]);
		scratch_clear(&scratch);
	}
}

START_TEST(record)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct view text = released_text();

	for (int i = 0; i < WARM; i++)
		record_batch(&s, text);
	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_ZERO_STATS;
	for (int i = 0; i < ROUNDS; i++)
		record_batch(&s, text);
	CALLGRIND_STOP_INSTRUMENTATION;
	CALLGRIND_DUMP_STATS_AT("record");
	printf("record %d\n", ROUNDS * BATCH);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("counts");
	TCase *c = tcase_create("record");

	(void)argc, (void)argv;
	tcase_set_timeout(c, 0);
	tcase_add_checked_fixture(c, exchange_open, exchange_close);
	tcase_add_test(c, record);
	suite_add_tcase(suite, c);
	SRunner *r = srunner_create(suite);
	srunner_set_fork_status(r, CK_NOFORK);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
