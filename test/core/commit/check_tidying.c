/* What the writer clears up between its transactions, on a store of its own. */
#include <check.h>
#include <sqlite3.h>

#include "gatewayd/core/commit/tidying_private.h"
#include "gatewayd/core/store/payload.h"
#include "test/core/store_fixture.h"

static struct tidying t;

static void set_up(void)
{
	setup();
	t = (struct tidying){ .warm = false };
}

static void erased(void)
{
	struct store_payload p = { .seq = 1, .sealed = VIEW("sealed") };

	OK(store_begin(s, e));
	OK(store_put_payload(s, &p, e));
	OK(store_erase_payload(s, 1, e));
	OK(store_commit(s, e));
	ck_assert(store_erased(s));
}

START_TEST(memory_goes_back_after_a_rest)
{
	ck_assert_int_eq(tidying_wait_ms(&t, s), 0);
	OK(tidying_step(&t, s, 0, e));
	ck_assert_int_eq(tidying_wait_ms(&t, s), 2000);
	OK(tidying_step(&t, s, 500, e));
	ck_assert_int_eq(tidying_wait_ms(&t, s), 1500);
	/* A transaction begins it anew. */
	OK(tidying_step(&t, s, 0, e));
	ck_assert_int_eq(tidying_wait_ms(&t, s), 2000);
	OK(tidying_step(&t, s, 2000, e));
	ck_assert(!t.warm);
	ck_assert_int_eq(tidying_wait_ms(&t, s), 0);
}
END_TEST

START_TEST(what_was_erased_goes_at_the_first_quiet_moment)
{
	erased();
	OK(tidying_step(&t, s, 0, e));
	ck_assert(store_erased(s));
	ck_assert_int_eq(tidying_wait_ms(&t, s), 20);
	OK(tidying_step(&t, s, 20, e));
	ck_assert(!store_erased(s));
	/* That moment was no rest. */
	ck_assert_int_eq(tidying_wait_ms(&t, s), 1980);
}
END_TEST

START_TEST(under_load_it_goes_in_time)
{
	erased();
	OK(tidying_step(&t, s, 0, e));
	ck_assert(store_erased(s) && t.truncate_ms > 0);
	t.truncate_ms = 1;
	OK(tidying_step(&t, s, 0, e));
	ck_assert(!store_erased(s) && t.truncate_ms == 0);
}
END_TEST

START_TEST(at_the_end_it_goes_at_once)
{
	erased();
	OK(tidying_end(&t, s, e));
	ck_assert(!store_erased(s));
}
END_TEST

/* A reader in the way is no failure; it is tried again, later each time. */
START_TEST(a_reader_in_the_way)
{
	sqlite3 *reader;
	long last = 0;

	ck_assert_int_eq(sqlite3_open(scratch_file(&dir, "store.db"), &reader), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM exchange", NULL, NULL, NULL), SQLITE_OK);
	erased();
	for (unsigned i = 0; i < 3; i++) {
		OK(tidying_step(&t, s, 20, e));
		ck_assert(store_erased(s));
		ck_assert_int_gt(tidying_wait_ms(&t, s), last);
		last = tidying_wait_ms(&t, s);
		t.truncate_ms = 1;
	}
	sqlite3_close(reader);
	OK(tidying_step(&t, s, 20, e));
	ck_assert(!store_erased(s) && t.retries == 0);
}
END_TEST

TCase *make_tidying_case(void);
TCase *make_tidying_case(void)
{
	TCase *c = tcase_create("tidying");

	tcase_add_checked_fixture(c, set_up, teardown);
	tcase_add_test(c, memory_goes_back_after_a_rest);
	tcase_add_test(c, what_was_erased_goes_at_the_first_quiet_moment);
	tcase_add_test(c, under_load_it_goes_in_time);
	tcase_add_test(c, at_the_end_it_goes_at_once);
	tcase_add_test(c, a_reader_in_the_way);
	return c;
}
