/* The mirror: a line an entry, complete whatever happens to the file. */
#include "gatewayd/core/commit/mirror.h"

#include <stdatomic.h>

#include "gatewayd/core/store/store.h"
#include "test/core/log_fixture.h"

static struct log_fixture f;
static _Atomic unsigned failures, recoveries;

static void report(void *arg, const struct error *e)
{
	(void)arg;
	atomic_fetch_add(e ? &failures : &recoveries, 1);
}

static void open_mirror(void)
{
	OK((f.mirror = mirror_open(scratch_file(&f.dir, "logs/audit.jsonl"), scratch_file(&f.dir, "store.db"), report,
	                           NULL, e)) != NULL);
}

static void setup(void)
{
	log_setup(&f);
	ck_assert_int_eq(mkdir(scratch_file(&f.dir, "logs"), 0700), 0);
	OK((f.store = store_open(scratch_file(&f.dir, "store.db"), e)) != NULL);
	open_mirror();
	OK(log_start(&f, e));
}

static void stop(void)
{
	log_stop(&f);
	mirror_close(f.mirror);
	f.mirror = NULL;
}

static void teardown(void)
{
	stop();
	log_teardown(&f);
}

static void restart(void)
{
	OK((f.store = store_open(scratch_file(&f.dir, "store.db"), e)) != NULL);
	open_mirror();
	OK(log_start(&f, e));
}

static void append(unsigned n, unsigned from)
{
	struct append_job *jobs = calloc(n, sizeof *jobs);

	log_append_some(&f, jobs, n, from);
	append_free(jobs, n);
	free(jobs);
}

/* Checks that the file has the lines of indexes [from, to) and nothing else. */
static void check_lines(const char *name, unsigned from, unsigned to)
{
	struct view v = scratch_read(scratch_file(&f.dir, name)), rest = v;
	char start[64];

	for (unsigned i = from; i < to; i++) {
		struct view line = view_cut(&rest, '\n');
		if (i == 0)
			snprintf(start, sizeof start, "{\"index\":0,\"");
		else
			snprintf(start, sizeof start, "{\"index\":%u,\"n\":%u,\"operation\":\"disclosure\"}", i, i - 1);
		ck_assert_msg(view_starts(line, view_of(start)), "line %u of %s is %.*s", i, name, VIEW_ARG(line));
	}
	ck_assert_msg(rest.n == 0, "%s has more: %.*s", name, VIEW_ARG(rest));
	scratch_free(v);
}

/* Waits until the last line of the file is that of index `last`. */
static void wait_for_line(const char *name, unsigned last)
{
	char start[32];

	snprintf(start, sizeof start, "{\"index\":%u,", last);
	for (unsigned i = 0; i < 1000; i++) {
		if (scratch_holds(scratch_file(&f.dir, name), start, strlen(start)))
			return;
		usleep(5000);
	}
	ck_abort_msg("no line of index %u came to %s", last, name);
}

START_TEST(lines_have_index_and_leaf)
{
	struct buf b = BUF_INIT(4096);

	mirror_line(7, VIEW("{\"a\":1}"), &b);
	mirror_line(8, VIEW("{}"), &b);
	mirror_line(9, VIEW("no \"object\""), &b);
	ck_assert(view_is(buf_view(&b),
	                  "{\"index\":7,\"a\":1}\n{\"index\":8}\n{\"index\":9,\"leaf\":\"no \\\"object\\\"\"}\n"));
	buf_free(&b);
}
END_TEST

START_TEST(entries_appear_while_it_runs)
{
	append(50, 0);
	wait_for_line("logs/audit.jsonl", 50);
	append(50, 50);
	wait_for_line("logs/audit.jsonl", 100);
	stop();
	check_lines("logs/audit.jsonl", 0, 101);
	ck_assert_uint_eq(atomic_load(&failures), 0);
}
END_TEST

START_TEST(only_committed_entries_appear)
{
	struct append_job jobs[3];

	for (unsigned i = 0; i < 3; i++) {
		append_init(&jobs[i], f.home, i);
		jobs[i].fails = i == 1;
	}
	snprintf(jobs[2].leaf, sizeof jobs[2].leaf, "{\"n\":1,\"operation\":\"disclosure\"}");
	for (unsigned i = 0; i < 3; i++)
		writer_submit(f.writer, &jobs[i].job);
	append_wait(f.home, jobs, 3);
	append_free(jobs, 3);
	stop();
	check_lines("logs/audit.jsonl", 0, 3);
}
END_TEST

START_TEST(rotated_file_is_followed_by_a_new_one)
{
	append(10, 0);
	wait_for_line("logs/audit.jsonl", 10);
	ck_assert_int_eq(rename(scratch_file(&f.dir, "logs/audit.jsonl"), scratch_file(&f.dir, "logs/audit.jsonl.1")),
	                 0);
	append(10, 10);
	wait_for_line("logs/audit.jsonl", 20);
	/* Down, rotated once more, an empty file made. */
	stop();
	check_lines("logs/audit.jsonl.1", 0, 11);
	check_lines("logs/audit.jsonl", 11, 21);
	ck_assert_int_eq(rename(scratch_file(&f.dir, "logs/audit.jsonl"), scratch_file(&f.dir, "logs/audit.jsonl.1")),
	                 0);
	scratch_write(scratch_file(&f.dir, "logs/audit.jsonl"), VIEW(""));
	restart();
	append(10, 20);
	mirror_reopen(f.mirror);
	append(10, 30);
	stop();
	check_lines("logs/audit.jsonl", 21, 41);
}
END_TEST

START_TEST(what_is_missing_is_caught_up)
{
	append(20, 0);
	stop();
	/* A line was cut off in the middle, and some are gone. */
	struct view v = scratch_read(scratch_file(&f.dir, "logs/audit.jsonl"));
	const char *eleventh = memmem(v.p, v.n, "{\"index\":10,", 12);
	ck_assert_ptr_nonnull(eleventh);
	scratch_write(scratch_file(&f.dir, "logs/audit.jsonl"), view_make(v.p, (size_t)(eleventh + 17 - v.p)));
	scratch_free(v);
	restart();
	append(5, 20);
	stop();
	check_lines("logs/audit.jsonl", 0, 26);
	/* Without any file it is written anew. */
	ck_assert_int_eq(unlink(scratch_file(&f.dir, "logs/audit.jsonl")), 0);
	restart();
	stop();
	check_lines("logs/audit.jsonl", 0, 26);
}
END_TEST

/* What a loss of power makes of the tail: `n` bytes from the line of entry `from` on become zeros. */
static void lose_block(unsigned from, size_t n)
{
	struct view v = scratch_read(scratch_file(&f.dir, "logs/audit.jsonl"));
	char start[32], *copy = malloc(v.n);

	snprintf(start, sizeof start, "{\"index\":%u,", from);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, v.p, v.n);
	char *at = memmem(copy, v.n, start, strlen(start));
	ck_assert_ptr_nonnull(at);
	ck_assert_uint_le((size_t)(at - copy) + n, v.n);
	memset(at, 0, n);
	scratch_write(scratch_file(&f.dir, "logs/audit.jsonl"), view_make(copy, v.n));
	free(copy);
	scratch_free(v);
}

START_TEST(what_a_loss_of_power_left_is_written_anew)
{
	struct buf none = BUF_INIT(64);

	append(20, 0);
	stop();
	lose_block(5, 40); /* in the middle: good lines stand behind it */
	restart();
	stop();
	check_lines("logs/audit.jsonl", 0, 21);
	lose_block(20, 3); /* in the last line */
	restart();
	stop();
	check_lines("logs/audit.jsonl", 0, 21);
	/* A whole line is gone. */
	struct view v = scratch_read(scratch_file(&f.dir, "logs/audit.jsonl"));
	const char *from = memmem(v.p, v.n, "{\"index\":7,", 11), *to = memmem(v.p, v.n, "{\"index\":8,", 11);
	ck_assert(from && to);
	struct buf b = BUF_INIT(1 << 20);
	buf_add(&b, view_make(v.p, (size_t)(from - v.p)));
	buf_add(&b, view_make(to, (size_t)(v.p + v.n - to)));
	scratch_write(scratch_file(&f.dir, "logs/audit.jsonl"), buf_view(&b));
	buf_free(&b);
	scratch_free(v);
	restart();
	stop();
	check_lines("logs/audit.jsonl", 0, 21);
	/* Nothing of it is good. */
	for (unsigned i = 0; i < 64; i++)
		buf_addc(&none, 0);
	scratch_write(scratch_file(&f.dir, "logs/audit.jsonl"), buf_view(&none));
	buf_free(&none);
	restart();
	stop();
	check_lines("logs/audit.jsonl", 0, 21);
}
END_TEST

START_TEST(failure_delays_no_record)
{
	append(5, 0);
	wait_for_line("logs/audit.jsonl", 5);
	ck_assert_int_eq(rename(scratch_file(&f.dir, "logs"), scratch_file(&f.dir, "away")), 0);
	append(5, 5);
	for (unsigned i = 0; i < 1000 && atomic_load(&failures) == 0; i++)
		usleep(5000);
	ck_assert_uint_eq(atomic_load(&failures), 1);
	append(5, 10);
	ck_assert_int_eq(rename(scratch_file(&f.dir, "away"), scratch_file(&f.dir, "logs")), 0);
	wait_for_line("logs/audit.jsonl", 15);
	stop();
	ck_assert_uint_eq(atomic_load(&failures), 1);
	ck_assert_uint_eq(atomic_load(&recoveries), 1);
	check_lines("logs/audit.jsonl", 0, 16);
}
END_TEST

START_TEST(mirror_of_another_log_is_reported)
{
	append(3, 0);
	stop();
	scratch_write(scratch_file(&f.dir, "logs/audit.jsonl"), VIEW("{\"index\":900,\"n\":1}\n"));
	restart();
	/* It goes on with what comes after it has seen that. */
	for (unsigned i = 0; i < 1000 && atomic_load(&failures) == 0; i++)
		usleep(5000);
	append(1, 3);
	wait_for_line("logs/audit.jsonl", 4);
	stop();
	ck_assert_uint_eq(atomic_load(&failures), 1);
}
END_TEST

TCase *make_mirror_case(void);
TCase *make_mirror_case(void)
{
	TCase *c = tcase_create("mirror");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, lines_have_index_and_leaf);
	tcase_add_test(c, entries_appear_while_it_runs);
	tcase_add_test(c, only_committed_entries_appear);
	tcase_add_test(c, rotated_file_is_followed_by_a_new_one);
	tcase_add_test(c, what_is_missing_is_caught_up);
	tcase_add_test(c, what_a_loss_of_power_left_is_written_anew);
	tcase_add_test(c, failure_delays_no_record);
	tcase_add_test(c, mirror_of_another_log_is_reported);
	return c;
}
