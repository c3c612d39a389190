/* What may have left: what is under way, what an earlier process may have begun, and who comes first when both want it. */
#include "gatewayd/core/serve/departures.h"

#include "test/core/store_fixture.h"

TCase *make_departures_case(void);

static struct departures *departures;

static void open_departures(void)
{
	setup();
	for (unsigned n = 1; n <= 2; n++) {
		struct store_exchange x = make_exchange(n, "system", "", 1), prior;
		begin();
		ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
		commit();
		ck_assert_uint_eq(x.seq, n);
	}
	OK((departures = departures_new(s, e)) != NULL);
}

static void close_departures(void)
{
	departures_free(departures);
	teardown();
}

START_TEST(of_an_earlier_process)
{
	ck_assert(departures_earlier(departures, 1));
	ck_assert(departures_earlier(departures, 2));
	ck_assert(!departures_earlier(departures, 3));
	ck_assert(departures_stop(departures, 1));
	ck_assert(departures_stop(departures, 2));
	ck_assert(!departures_stop(departures, 3));
	/* Its row is there: it is sent. */
	ck_assert_int_eq(departures_begin(departures, 2), DEPARTURE_BEGUN);
}
END_TEST

START_TEST(under_way_until_its_end_is_written)
{
	ck_assert_int_eq(departures_begin(departures, 3), DEPARTURE_BEGUN);
	ck_assert(departures_stop(departures, 3));
	ck_assert(!departures_stop(departures, 4));
	/* The job of its end failed, and it is sent again. */
	ck_assert_int_eq(departures_begin(departures, 3), DEPARTURE_AGAIN);
	departures_end(departures, 3);
	ck_assert(!departures_stop(departures, 3));
	departures_end(departures, 3);
}
END_TEST

START_TEST(stopped_before_it_left)
{
	ck_assert(!departures_stop(departures, 3));
	ck_assert_int_eq(departures_begin(departures, 3), DEPARTURE_STOPPED);
	/* The transaction that stopped it was rolled back: its row is still there. */
	ck_assert_int_eq(departures_begin(departures, 3), DEPARTURE_BEGUN);
	ck_assert(departures_stop(departures, 3));
}
END_TEST

/* There was no place for it: what it was before, it is again. */
START_TEST(undone)
{
	enum departure was = departures_begin(departures, 3);

	departures_undo(departures, 3, was);
	ck_assert(!departures_stop(departures, 3));
	was = departures_begin(departures, 3);
	ck_assert_int_eq(was, DEPARTURE_STOPPED);
	departures_undo(departures, 3, was);
	ck_assert_int_eq(departures_begin(departures, 3), DEPARTURE_STOPPED);
	ck_assert_int_eq(departures_begin(departures, 3), DEPARTURE_BEGUN);
	was = departures_begin(departures, 3);
	ck_assert_int_eq(was, DEPARTURE_AGAIN);
	departures_undo(departures, 3, was);
	ck_assert(departures_stop(departures, 3));
	departures_undo(departures, 4, DEPARTURE_NO_MEMORY);
	ck_assert_int_eq(departures_begin(departures, 4), DEPARTURE_BEGUN);
}
END_TEST

START_TEST(many_are_stopped_at_once)
{
	for (uint64_t seq = 3; seq < 1027; seq++)
		ck_assert(!departures_stop(departures, seq));
	for (uint64_t seq = 3; seq < 1027; seq++)
		ck_assert_int_eq(departures_begin(departures, seq), DEPARTURE_STOPPED);
}
END_TEST

START_TEST(an_empty_store)
{
	departures_free(departures);
	teardown();
	setup();
	OK((departures = departures_new(s, e)) != NULL);
	ck_assert(!departures_stop(departures, 1));
}
END_TEST

TCase *make_departures_case(void)
{
	TCase *c = tcase_create("departures");

	tcase_add_checked_fixture(c, open_departures, close_departures);
	tcase_add_test(c, of_an_earlier_process);
	tcase_add_test(c, under_way_until_its_end_is_written);
	tcase_add_test(c, stopped_before_it_left);
	tcase_add_test(c, undone);
	tcase_add_test(c, many_are_stopped_at_once);
	tcase_add_test(c, an_empty_store);
	return c;
}
