/* How much a partner may ask to be decided: bounds of a second and of a day, of it as a whole and of an agreement. */
#include <check.h>

#include "gatewayd/core/serve/rate.h"
#include "lib/base/datetime.h"

#define NOON (INT64_C(20000) * DAY_MS + 12 * INT64_C(3600000))

static struct rate_counts *counts;
static struct agreement_rates of_pnr = { .agreement = "pnr", .rates = { .second_records = 2 } };
static struct partner p;
static unsigned retry;
static const struct rates *clause;

static const struct rated *under(const char *agreement)
{
	static struct rated of;

	of = (struct rated){ .partner = &p, .agreement = view_of(agreement), .clause = clause };
	return &of;
}

static void set_up(void)
{
	p = (struct partner){ .id = "north" };
	clause = NULL;
	ck_assert_ptr_nonnull(counts = rate_counts_new());
}

static void tear_down(void)
{
	rate_counts_free(counts);
	rate_counts_free(NULL);
}

static bool may(const char *agreement, int64_t now_ms, int64_t monotonic_ms)
{
	return rate_permits(counts, under(agreement), now_ms, monotonic_ms, &retry);
}

static void count(const char *agreement, uint64_t records, uint64_t bytes, int64_t monotonic_ms)
{
	rate_count(counts, under(agreement), records, bytes, NOON, monotonic_ms);
}

START_TEST(what_is_not_bounded_passes)
{
	ck_assert(!rate_is_bounded(under("pnr")));
	count("pnr", 1000000, 1000000000, 0);
	ck_assert(may("pnr", NOON, 0));
}
END_TEST

START_TEST(records_of_a_second)
{
	p.rates.second_records = 10;
	ck_assert(rate_is_bounded(under("pnr")));
	for (int i = 0; i < 10; i++) {
		ck_assert(may("pnr", NOON, 1000));
		count("pnr", 1, 500, 1000);
	}
	ck_assert(!may("pnr", NOON, 1000));
	ck_assert_uint_eq(retry, 1);
	ck_assert(!may("pnr", NOON, 1000));
	ck_assert(may("pnr", NOON, 1101)); /* one has leaked */
	count("pnr", 35, 0, 1101);         /* what was begun is finished, and paid for afterwards */
	ck_assert(!may("pnr", NOON, 1101));
	ck_assert_uint_eq(retry, 4);
	ck_assert(!may("pnr", NOON, 4400));
	ck_assert(may("pnr", NOON, 4600));
}
END_TEST

START_TEST(bytes_of_a_second)
{
	p.rates.second_bytes = 1000;
	count("pnr", 1, 999, 0);
	ck_assert(may("pnr", NOON, 0));
	count("pnr", 1, 1, 0);
	ck_assert(!may("pnr", NOON, 0));
}
END_TEST

START_TEST(a_day_ends_at_midnight)
{
	p.rates = (struct rates){ .day_records = 3, .day_bytes = 100 };
	count("pnr", 2, 99, 0);
	ck_assert(may("pnr", NOON, 0));
	count("pnr", 1, 0, 0);
	ck_assert(!may("pnr", NOON, 3600000));
	ck_assert_uint_eq(retry, 12 * 3600);
	ck_assert(may("pnr", NOON + 12 * INT64_C(3600000), 3600000));
	rate_count(counts, under("pnr"), 1, 100, NOON + DAY_MS, 3600000);
	ck_assert(!may("pnr", NOON + DAY_MS, 3600000));
}
END_TEST

/* Around midnight neither day is had twice; and a clock that was far ahead does not keep its day for good. */
START_TEST(a_clock_that_goes_back_begins_no_day_anew)
{
	const int64_t late = NOON + DAY_MS / 2 - 1000, early = late + 2000;

	p.rates = (struct rates){ .day_records = 3 };
	rate_count(counts, under("pnr"), 3, 0, late, 0);
	ck_assert(!may("pnr", late, 0) && may("pnr", early, 2000));
	rate_count(counts, under("pnr"), 3, 0, early, 2000);
	ck_assert(!may("pnr", late, 3000) && !may("pnr", early, 5000));
	ck_assert(may("pnr", late + 10 * DAY_MS, 6000));
	rate_count(counts, under("pnr"), 3, 0, late + 10 * DAY_MS, 6000);
	ck_assert(may("pnr", late, 7000));
}
END_TEST

START_TEST(an_agreement_has_bounds_of_its_own)
{
	p.by_agreement = &of_pnr;
	p.n_by_agreement = 1;
	p.rates.second_records = 5;
	ck_assert(rate_is_bounded(under("pnr")));
	count("pnr", 2, 0, 0);
	ck_assert(!may("pnr", NOON, 0));
	ck_assert(may("other", NOON, 0));
	count("other", 3, 0, 0);
	ck_assert(!may("other", NOON, 0)); /* the partner as a whole */
}
END_TEST

static void prints(const char *agreement, const char *policy, const char *limit)
{
	struct buf a = BUF_INIT(4096), b = BUF_INIT(4096);

	rate_print(counts, under(agreement), NOON, 0, &a, &b);
	buf_addc(&a, 0);
	buf_addc(&b, 0);
	ck_assert_str_eq(a.p, policy);
	ck_assert_str_eq(b.p, limit);
	buf_free(&a);
	buf_free(&b);
}

START_TEST(fields)
{
	prints("pnr", "", "");
	p.by_agreement = &of_pnr;
	p.n_by_agreement = 1;
	p.rates = (struct rates){ .second_bytes = 1000, .day_records = 500 };
	count("pnr", 7, 300, 0);
	prints("pnr",
	       "\"bytes-second\";q=1000;qu=\"content-bytes\";w=1, \"records-day\";q=500;w=86400, "
	       "\"agreement-records-second\";q=2;w=1",
	       "\"bytes-second\";r=700;t=1, \"records-day\";r=493;t=43200, \"agreement-records-second\";r=0;t=3");
}
END_TEST

START_TEST(the_stricter_of_partner_file_and_agreement_counts)
{
	static const struct rates says = { .second_records = 5, .day_records = 10 };

	clause = &says;
	ck_assert(rate_is_bounded(under("pnr")));
	count("pnr", 5, 0, 0);
	ck_assert(!may("pnr", NOON, 0));
	ck_assert(may("pnr", NOON, 1000));
	p.by_agreement = &of_pnr;
	p.n_by_agreement = 1;
	count("pnr", 2, 0, 1000);
	ck_assert(!may("pnr", NOON, 1000));
	/* The day is the agreement's: nothing of the partner's bounds it. */
	count("pnr", 3, 0, 5000);
	ck_assert(!may("pnr", NOON, 9000));
	ck_assert_uint_eq(retry, 12 * 3600);
}
END_TEST

TCase *make_rate_case(void);
TCase *make_rate_case(void)
{
	TCase *c = tcase_create("rate");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, what_is_not_bounded_passes);
	tcase_add_test(c, records_of_a_second);
	tcase_add_test(c, bytes_of_a_second);
	tcase_add_test(c, a_day_ends_at_midnight);
	tcase_add_test(c, a_clock_that_goes_back_begins_no_day_anew);
	tcase_add_test(c, an_agreement_has_bounds_of_its_own);
	tcase_add_test(c, fields);
	tcase_add_test(c, the_stricter_of_partner_file_and_agreement_counts);
	return c;
}
