/* A copy of the store that the writer makes between its commits. */
#include "gatewayd/core/store/copying.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "test/core/log_fixture.h"

#include <sys/stat.h>

#define BALLAST (8u << 20) /* several steps */

static struct log_fixture f;

static bool put_ballast(struct store *s, struct error *e)
{
	char *bytes = calloc(1, BALLAST);
	bool ok = bytes && store_begin(s, e) && store_put_value(s, VIEW("ballast"), view_make(bytes, BALLAST), e) &&
	          store_commit(s, e);

	free(bytes);
	return ok;
}

static void setup(void)
{
	log_setup(&f);
	OK((f.store = store_open(scratch_file(&f.dir, "store.db"), e)) != NULL);
	OK(put_ballast(f.store, e));
	OK(log_start(&f, e));
}

static void teardown(void)
{
	log_teardown(&f);
}

static const char *copy(void)
{
	return scratch_file(&f.dir, "store.db.copy");
}

static struct writer_copy wait_for_end(void)
{
	struct writer_copy now;

	do {
		usleep(500);
		writer_copy_state(f.writer, &now);
		ck_assert_uint_le(now.done, now.total);
	} while (now.state == COPY_UNDER_WAY);
	return now;
}

static uint64_t entries_of(const char *path)
{
	struct store *t = NULL;
	uint64_t n = 0;

	OK((t = store_open_trial(path, e)) != NULL);
	OK(store_entry_count(t, &n, e));
	store_close(t);
	return n;
}

START_TEST(an_idle_writer_makes_one)
{
	struct writer_copy now;

	writer_copy_state(f.writer, &now);
	ck_assert_int_eq(now.state, COPY_NONE);
	OK(writer_copy(f.writer, copy(), e));
	ck_assert_int_eq(wait_for_end().state, COPY_MADE);
	ck_assert_uint_eq(entries_of(copy()), 1);
	/* And again, in place of the one before. */
	OK(writer_copy(f.writer, copy(), e));
	ck_assert_int_eq(wait_for_end().state, COPY_MADE);
	ck_assert_uint_eq(entries_of(copy()), 1);
}
END_TEST

/* Jobs go on meanwhile, and what they commit is in the copy as far as it is in it at all. */
START_TEST(jobs_go_on_meanwhile)
{
	struct append_job jobs[64];
	struct writer_copy now;
	unsigned n = 0;

	OK(writer_copy(f.writer, copy(), e));
	REFUSED(REASON_UNAVAILABLE, writer_copy(f.writer, copy(), e));
	do {
		log_append_some(&f, &jobs[n], 1, n);
		ck_assert(jobs[n].job.committed);
		n++;
		writer_copy_state(f.writer, &now);
	} while (now.state == COPY_UNDER_WAY && n < 64);
	ck_assert_int_eq(wait_for_end().state, COPY_MADE);
	ck_assert_uint_ge(entries_of(copy()), 1);
	ck_assert_uint_le(entries_of(copy()), 1 + n);
	append_free(jobs, n);
}
END_TEST

START_TEST(one_that_cannot_be_made_says_why)
{
	OK(writer_copy(f.writer, scratch_file(&f.dir, "nowhere/copy"), e));
	struct writer_copy now = wait_for_end();
	ck_assert_int_eq(now.state, COPY_FAILED);
	ck_assert_int_eq(now.error.reason, REASON_STORE);
	OK(writer_copy(f.writer, copy(), e));
	ck_assert_int_eq(wait_for_end().state, COPY_MADE);
}
END_TEST

START_TEST(an_end_in_the_midst_leaves_nothing)
{
	OK(writer_copy(f.writer, copy(), e));
	writer_stop(f.writer);
	f.writer = NULL;
	struct stat st;
	/* It may have been quick. */
	ck_assert(stat(copy(), &st) != 0 || entries_of(copy()) == 1);
}
END_TEST

TCase *make_copying_case(void);
TCase *make_copying_case(void)
{
	TCase *tc = tcase_create("copying");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, an_idle_writer_makes_one);
	tcase_add_test(tc, jobs_go_on_meanwhile);
	tcase_add_test(tc, one_that_cannot_be_made_says_why);
	tcase_add_test(tc, an_end_in_the_midst_leaves_nothing);
	return tc;
}
