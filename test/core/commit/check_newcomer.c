/* A commit that is cut short for a lane that has no part in it. */
#include "gatewayd/core/commit/writer.h"
#include "test/core/log_fixture.h"

#define FLOOD 120

TCase *make_newcomer_case(void);

static struct log_fixture f;
static struct lane flood, quiet;
static struct append_job jobs[FLOOD], late;
static _Atomic bool entered, go;
static bool came; /* the writer's thread */

static void setup(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
	flood = quiet = (struct lane){ .weight = 1 };
	atomic_store(&entered, false);
	atomic_store(&go, false);
	came = false;
	append_init(&late, f.home, FLOOD);
	late.job.lane = &quiet;
	for (unsigned i = 0; i < FLOOD; i++) {
		append_init(&jobs[i], f.home, i);
		jobs[i].job.lane = &flood;
	}
}

static void teardown(void)
{
	append_free(jobs, FLOOD);
	append_free(&late, 1);
	log_teardown(&f);
}

/* The first job of the flood is a commit of its own, and holds the writer until all others are queued. */
static bool run_when_all_wait(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	atomic_store(&entered, true);
	while (!atomic_load(&go))
		usleep(100);
	return append_run(j, w, s, e);
}

/* Inside the next commit the other lane's job comes. */
static bool run_while_one_comes(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	if (!came)
		writer_submit(w, &late.job);
	came = true;
	return append_run(j, w, s, e);
}

static uint64_t commits(void)
{
	struct writer_stats stats;

	writer_stats(f.writer, &stats);
	return stats.commits;
}

static void run_flood(void)
{
	jobs[0].job.run = run_when_all_wait;
	for (unsigned i = 0; i < FLOOD; i++) {
		writer_submit(f.writer, &jobs[i].job);
		while (i == 0 && !atomic_load(&entered))
			usleep(100);
	}
	atomic_store(&go, true);
	append_wait(f.home, jobs, FLOOD);
	if (late.came_home == 0)
		append_wait(f.home, &late, 1);
}

START_TEST(who_has_no_part_in_a_commit_cuts_it_short)
{
	uint64_t before = commits();

	jobs[1].job.run = run_while_one_comes;
	run_flood();
	/* The first, sixteen, two lanes' thirty-two with the late one among them, and the rest by thirty-two, for it may be back. */
	ck_assert_uint_eq(commits() - before, 6);
	ck_assert_uint_gt(late.index, jobs[16].index);
	ck_assert_uint_lt(late.index, jobs[17 + 31].index);
	/* Nobody else changed places, and each ran once. */
	for (unsigned i = 1; i < FLOOD; i++)
		ck_assert(jobs[i].index > jobs[i - 1].index && jobs[i].runs == 1 && jobs[i].job.committed);
}
END_TEST

/* What was left for later does not suffer from a commit that failed. */
START_TEST(a_commit_that_was_cut_short_fails)
{
	jobs[1].job.run = run_while_one_comes;
	jobs[16].fails = true;
	run_flood();
	for (unsigned i = 0; i < FLOOD; i++) {
		ck_assert_uint_eq(jobs[i].came_home, 1);
		ck_assert(jobs[i].job.committed == (i != 16));
	}
	ck_assert(late.job.committed);
}
END_TEST

TCase *make_newcomer_case(void)
{
	TCase *c = tcase_create("newcomer");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, who_has_no_part_in_a_commit_cuts_it_short);
	tcase_add_test(c, a_commit_that_was_cut_short_fails);
	return c;
}
