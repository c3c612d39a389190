/* Whether the clock is to be trusted: the rule over a table, and the daemon's clock over time. */
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/witness/witness.h"
#include "test/core/log_fixture.h"
#include "gatewayd/core/store/store.h"

#define HOUR_MS (3600 * SECOND_MS)
#define T0      INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define NONE    TIME_NONE

static const struct {
	int64_t now, entry, known, cosigned, stamped; /* relative to T0; NONE */
	enum clock_verdict want;
} rule[] = {
	/* Nothing is known: a new node. */
	{ 0, NONE, NONE, NONE, NONE, CLOCK_TRUSTED },
	{ 0, NONE, NONE, -900 * HOUR_MS, NONE, CLOCK_TRUSTED },
	/* The last entry, to the millisecond. */
	{ 0, 0, NONE, NONE, NONE, CLOCK_TRUSTED },
	{ -1, 0, NONE, NONE, NONE, CLOCK_BEHIND },
	{ 72 * HOUR_MS, 0, NONE, NONE, NONE, CLOCK_TRUSTED },
	{ 72 * HOUR_MS + 1, 0, NONE, NONE, NONE, CLOCK_AHEAD },
	/* What confirms it: younger than 24 hours, on either side. */
	{ 100 * HOUR_MS, 0, NONE, 76 * HOUR_MS + 1, NONE, CLOCK_TRUSTED },
	{ 100 * HOUR_MS, 0, NONE, 76 * HOUR_MS, NONE, CLOCK_AHEAD },
	{ 100 * HOUR_MS, 0, NONE, 124 * HOUR_MS - 1, NONE, CLOCK_TRUSTED },
	{ 100 * HOUR_MS, 0, NONE, 124 * HOUR_MS, NONE, CLOCK_AHEAD },
	{ 100 * HOUR_MS, 0, NONE, NONE, 76 * HOUR_MS + 1, CLOCK_TRUSTED },
	{ 100 * HOUR_MS, 0, NONE, NONE, 76 * HOUR_MS, CLOCK_AHEAD },
	{ 100 * HOUR_MS, 0, NONE, 0, 100 * HOUR_MS, CLOCK_TRUSTED },
	{ 100 * HOUR_MS, 0, NONE, 100 * HOUR_MS, 0, CLOCK_TRUSTED },
	{ 100 * HOUR_MS, 0, NONE, 0, 0, CLOCK_AHEAD },
	/* A clock before the last entry is confirmed by nothing but a person. */
	{ -1, 0, 0, -1, -1, CLOCK_BEHIND },
	{ -99 * HOUR_MS, 0, NONE, -99 * HOUR_MS, -99 * HOUR_MS, CLOCK_BEHIND },
	/* A daemon that runs on for days without an entry knows the time all the same. */
	{ 100 * HOUR_MS, 0, 100 * HOUR_MS, NONE, NONE, CLOCK_TRUSTED },
	{ 100 * HOUR_MS, 0, 28 * HOUR_MS, NONE, NONE, CLOCK_TRUSTED },
	{ 100 * HOUR_MS, 0, 28 * HOUR_MS - 1, NONE, NONE, CLOCK_AHEAD },
	{ 100 * HOUR_MS, 28 * HOUR_MS, 0, NONE, NONE, CLOCK_TRUSTED },
	/* Put back, but not before the last entry. */
	{ 50 * HOUR_MS, 0, 90 * HOUR_MS, NONE, NONE, CLOCK_TRUSTED },
};

static int64_t at(int64_t ms)
{
	return ms == NONE ? NONE : T0 + ms;
}

START_TEST(the_rule)
{
	const struct clock_facts f = { at(rule[_i].now), at(rule[_i].entry), at(rule[_i].known), at(rule[_i].cosigned),
		                       at(rule[_i].stamped) };

	ck_assert_str_eq(clock_why(clock_judge(&f)), clock_why(rule[_i].want));
}
END_TEST

/* --- over time --- */

static struct log_fixture f;
static struct witness witness;
static struct core core;
static struct store *reader;
static int64_t wall, monotonic;

static void append_at(int64_t ms)
{
	struct append_job job;

	append_init(&job, f.home, 0);
	snprintf(job.leaf, sizeof job.leaf, "{\"time\":%lld}", (long long)ms);
	writer_submit(f.writer, &job.job);
	append_wait(f.home, &job, 1);
	append_free(&job, 1);
}

/* A log whose last entry is of T0. */
static void setup_clock(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
	append_at(T0);
	OK((reader = store_open_reader(scratch_file(&f.dir, "store.db"), e)) != NULL);
	memset(&core, 0, sizeof core);
	core.build = "test";
	core.writer = f.writer;
	core.witness = &witness;
	atomic_store(&witness.near_ms, TIME_NONE);
	atomic_store(&core.timestamp_ms, TIME_NONE);
	wall = T0;
	monotonic = 1000;
}

static void stop_clock(void)
{
	log_stop(&f); /* jobs of the clock end first */
	clock_free(core.clock);
	core.clock = NULL;
	store_close(reader);
	reader = NULL;
}

static void teardown_clock(void)
{
	stop_clock();
	log_teardown(&f);
}

static void start_clock(void)
{
	OK((core.clock = clock_open(&core, reader, wall, monotonic, e)) != NULL);
}

/* Time passes, and the wall clock jumps as well. */
static enum clock_verdict look(int64_t passed_ms, int64_t jump_ms)
{
	wall += passed_ms + jump_ms;
	monotonic += passed_ms;
	OK(clock_tick(core.clock, wall, monotonic, e));
	return clock_verdict(&core);
}

/* A daemon that was down: the monotonic clock means nothing. */
static enum clock_verdict restart(int64_t down_ms)
{
	stop_clock();
	OK(log_start(&f, e));
	OK((reader = store_open_reader(scratch_file(&f.dir, "store.db"), e)) != NULL);
	core.writer = f.writer;
	wall += down_ms;
	monotonic = 5;
	start_clock();
	enum clock_verdict v = clock_verdict(&core);
	ck_assert_int_eq(look(0, 0), v);
	return v;
}

static bool join_notes(void *arg, uint64_t index, struct view leaf, struct view packed)
{
	struct buf *all = arg;

	(void)index;
	(void)packed;
	if (memmem(leaf.p, leaf.n, "clock-step", 10)) {
		const char *note = memmem(leaf.p, leaf.n, "\"note\":\"", 8);
		ck_assert_ptr_nonnull(note);
		struct view rest = view_from(leaf, (size_t)(note - leaf.p) + 8);
		buf_add(all, view_cut(&rest, '"'));
		buf_addc(all, '|');
	}
	return true;
}

/* The notes of all entries about the clock, once all jobs are done. */
static void logged(const char *want)
{
	struct buf all = BUF_INIT(65536);
	struct append_job job;

	append_init(&job, f.home, 7);
	writer_submit(f.writer, &job.job);
	append_wait(f.home, &job, 1);
	append_free(&job, 1);
	OK(store_list_entries(reader, 0, 1000, join_notes, &all, e));
	buf_addc(&all, 0);
	ck_assert_str_eq(all.p, want);
	buf_free(&all);
}

START_TEST(small_corrections_are_no_steps)
{
	start_clock();
	ck_assert(clock_trusted(&core));
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(look(HOUR_MS, i % 2 ? CLOCK_STEP_MS : -CLOCK_STEP_MS), CLOCK_TRUSTED);
	logged("");
	ck_assert_int_eq(look(500, CLOCK_STEP_MS + 1), CLOCK_TRUSTED);
	ck_assert_int_eq(look(500, -CLOCK_STEP_MS - 1000), CLOCK_TRUSTED);
	logged("the clock stepped forward by 10 s|the clock stepped back by 11 s|");
}
END_TEST

START_TEST(a_leap_forward)
{
	start_clock();
	look(HOUR_MS, 0);
	ck_assert_int_eq(look(500, 72 * HOUR_MS), CLOCK_TRUSTED);
	/* What a hundred steps add up to is as far off as one of that size. */
	ck_assert_int_eq(look(500, HOUR_MS), CLOCK_AHEAD);
	ck_assert(!clock_trusted(&core));
	ck_assert_int_eq(look(500, 0), CLOCK_AHEAD);
	/* Set right again; what came before that is written after it, and stands for nothing. */
	ck_assert_int_eq(look(500, -73 * HOUR_MS), CLOCK_TRUSTED);
	append_at(wall + 73 * HOUR_MS);
	ck_assert_int_eq(look(500, 0), CLOCK_TRUSTED);
	ck_assert_int_eq(look(500, 0), CLOCK_TRUSTED);
	logged("the clock stepped forward by 259200 s|the clock stepped forward by 3600 s|"
	       "the clock is more than 72 hours past what is known and nothing confirms it: nothing is erased|"
	       "the clock stepped back by 262800 s|the clock is trusted again: what is due is erased|");
}
END_TEST

START_TEST(a_leap_back)
{
	start_clock();
	look(HOUR_MS, 0);
	/* Not before the last entry, an hour ago: but what comes forward again counts from there. */
	ck_assert_int_eq(look(500, -HOUR_MS), CLOCK_TRUSTED);
	ck_assert_int_eq(look(500, 72 * HOUR_MS + HOUR_MS / 2), CLOCK_AHEAD);
	ck_assert_int_eq(look(500, -72 * HOUR_MS - HOUR_MS / 2 - 1000), CLOCK_TRUSTED);
	/* Later than what the log was just told of the leaps. */
	ck_assert_int_eq(look(500, 0), CLOCK_TRUSTED);
	append_at(T0 + 750);
	ck_assert_int_eq(look(0, 0), CLOCK_TRUSTED);
	/* From 1,000 to 749 milliseconds after T0, not enough for a step. */
	ck_assert_int_eq(look(0, -251), CLOCK_BEHIND);
	ck_assert_int_eq(look(1, 0), CLOCK_TRUSTED);
	ck_assert_int_eq(look(0, -HOUR_MS), CLOCK_BEHIND);
	/* A cosignature of that time does not help. */
	atomic_store(&witness.near_ms, wall);
	ck_assert_int_eq(look(500, 0), CLOCK_BEHIND);
	/* Until the clock is past that entry again. */
	ck_assert_int_eq(look(HOUR_MS, 0), CLOCK_TRUSTED);
}
END_TEST

START_TEST(days_without_an_entry)
{
	start_clock();
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(look(HOUR_MS, 0), CLOCK_TRUSTED);
	logged("");
}
END_TEST

START_TEST(a_restart_brings_no_trust_back)
{
	start_clock();
	look(500, 0);
	ck_assert_int_eq(restart(71 * HOUR_MS), CLOCK_TRUSTED);
	ck_assert_int_eq(look(500, 73 * HOUR_MS), CLOCK_AHEAD);
	/* What is written now carries the wrong time. */
	logged("the clock stepped forward by 262800 s|"
	       "the clock is more than 72 hours past what is known and nothing confirms it: nothing is erased|");
	ck_assert_int_eq(restart(HOUR_MS), CLOCK_AHEAD);
	ck_assert_int_eq(restart(HOUR_MS), CLOCK_AHEAD);
	/* Right again while it was down: the entries of a time to come stand for nothing. */
	ck_assert_int_eq(restart(-75 * HOUR_MS), CLOCK_TRUSTED);
	ck_assert_int_eq(look(500, 0), CLOCK_TRUSTED);
}
END_TEST

START_TEST(down_for_long)
{
	wall += 73 * HOUR_MS;
	start_clock();
	ck_assert_int_eq(clock_verdict(&core), CLOCK_AHEAD);
	ck_assert_int_eq(look(500, 0), CLOCK_AHEAD);
	/* A partner's clock agrees. */
	atomic_store(&witness.near_ms, wall - HOUR_MS);
	ck_assert_int_eq(look(500, 0), CLOCK_TRUSTED);
	/* And now the time is known, without that cosignature staying fresh. */
	ck_assert_int_eq(look(100 * HOUR_MS, 0), CLOCK_TRUSTED);
	atomic_store(&witness.near_ms, TIME_NONE);
	ck_assert_int_eq(restart(0), CLOCK_AHEAD); /* the last entry is that of the trust, 100 hours ago */
}
END_TEST

START_TEST(a_timestamp_confirms)
{
	wall += 73 * HOUR_MS;
	start_clock();
	atomic_store(&core.timestamp_ms, T0);
	ck_assert_int_eq(look(500, 0), CLOCK_AHEAD);
	atomic_store(&core.timestamp_ms, wall);
	ck_assert_int_eq(look(500, 0), CLOCK_TRUSTED);
}
END_TEST

START_TEST(a_clock_that_went_back_while_down)
{
	wall -= 1;
	start_clock();
	ck_assert_int_eq(clock_verdict(&core), CLOCK_BEHIND);
	ck_assert_int_eq(look(0, 0), CLOCK_BEHIND);
	ck_assert_int_eq(restart(0), CLOCK_BEHIND);
	ck_assert_int_eq(restart(1), CLOCK_TRUSTED);
	logged("the clock lies before the last entry of the audit log: nothing is erased|"
	       "the clock is trusted again: what is due is erased|");
}
END_TEST

START_TEST(a_store_that_says_no_time)
{
	struct store *s;

	log_stop(&f);
	OK((s = store_open(scratch_file(&f.dir, "store.db"), e)) != NULL);
	OK(store_begin(s, e));
	OK(store_put_value(s, VIEW("clock/known"), VIEW("yesterday"), e));
	OK(store_commit(s, e));
	store_close(s);
	REFUSED(REASON_STORE, clock_open(&core, reader, wall, monotonic, e) != NULL);
}
END_TEST

TCase *make_clock_case(void);
TCase *make_clock_case(void)
{
	TCase *c = tcase_create("clock");

	tcase_add_checked_fixture(c, setup_clock, teardown_clock);
	tcase_add_loop_test(c, the_rule, 0, sizeof rule / sizeof *rule);
	tcase_add_test(c, small_corrections_are_no_steps);
	tcase_add_test(c, a_leap_forward);
	tcase_add_test(c, a_leap_back);
	tcase_add_test(c, days_without_an_entry);
	tcase_add_test(c, a_restart_brings_no_trust_back);
	tcase_add_test(c, down_for_long);
	tcase_add_test(c, a_timestamp_confirms);
	tcase_add_test(c, a_clock_that_went_back_while_down);
	tcase_add_test(c, a_store_that_says_no_time);
	return c;
}
