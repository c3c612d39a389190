/* Instants of the recipient's copy: leap days, month ends, what comes first, and reviews counted from the release. */
#include <check.h>

#include "lib/policy/internal.h"
#include "lib/policy/schedule.h"

TCase *make_schedule_case(void);

static int64_t at(const char *text)
{
	int64_t ms;

	ck_assert_msg(time_parse(view_of(text), &ms), "%s", text);
	return ms;
}

static struct duration lasting(const char *text)
{
	struct duration d = { 0 };

	ck_assert_msg(text[0] == 0 || duration_parse(view_of(text), &d), "%s", text);
	return d;
}

static struct schedule made(const char *base, const char *copy, const char *mask, const char *review,
                            const char *notify)
{
	struct ruling r = { .mask = lasting(mask), .review = lasting(review), .notify = lasting(notify) };
	struct duration kept = lasting(copy);
	struct schedule s;

	schedule_make(&r, &kept, at(base), &s);
	return s;
}

static void is(int64_t have, const char *want)
{
	char text[TIME_TEXT + 1] = "";

	if (have != SCHEDULE_NEVER)
		time_print(have, text);
	ck_assert_str_eq(text, want);
}

/* Release, duration, end: hand-computed from the calendar. */
START_TEST(ends)
{
	static const struct {
		const char *base, *copy, *end;
	} cases[] = {
		{ "2024-02-29T12:00:00Z", "P1Y", "2025-02-28T12:00:00.000Z" },
		{ "2024-02-29T12:00:00Z", "P4Y", "2028-02-29T12:00:00.000Z" },
		{ "2026-01-31T00:00:00Z", "P1M", "2026-02-28T00:00:00.000Z" },
		{ "2028-01-31T00:00:00Z", "P1M", "2028-02-29T00:00:00.000Z" },
		{ "2026-08-31T23:59:59Z", "P6M", "2027-02-28T23:59:59.000Z" },
		{ "2026-12-31T23:30:00-01:00", "P1D", "2027-01-02T00:30:00.000Z" },   /* already the next year in UTC */
		{ "2026-03-29T00:30:00+01:00", "PT24H", "2026-03-29T23:30:00.000Z" }, /* no clocks change in UTC */
		{ "2026-06-30T10:00:00Z", "P2W", "2026-07-14T10:00:00.000Z" },
		{ "2100-02-28T00:00:00Z", "P1D", "2100-03-01T00:00:00.000Z" }, /* no leap year */
		{ "9999-06-01T00:00:00Z", "P1Y", "" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		is(made(cases[i].base, cases[i].copy, "", "", "").end_ms, cases[i].end);
}
END_TEST

START_TEST(what_comes_first)
{
	struct schedule s = made("2026-01-01T00:00:00Z", "P5Y", "P6M", "P3Y", "P1M");
	int64_t due;

	s.payload_ms = at("2026-01-08T00:00:00Z");
	ck_assert_int_eq(schedule_next(&s, &due), DUE_PAYLOAD);
	is(due, "2026-01-08T00:00:00.000Z");
	s.payload_ms = SCHEDULE_NEVER;
	ck_assert_int_eq(schedule_next(&s, &due), DUE_NOTIFY);
	s.notify_ms = SCHEDULE_NEVER;
	ck_assert_int_eq(schedule_next(&s, &due), DUE_MASK);
	is(due, "2026-07-01T00:00:00.000Z");
	s.mask_ms = SCHEDULE_NEVER;
	ck_assert_int_eq(schedule_next(&s, &due), DUE_REVIEW);
	is(due, "2029-01-01T00:00:00.000Z");
	s.review_ms = SCHEDULE_NEVER;
	ck_assert_int_eq(schedule_next(&s, &due), DUE_END);
	is(due, "2031-01-01T00:00:00.000Z");
	s.end_ms = SCHEDULE_NEVER;
	ck_assert_int_eq(schedule_next(&s, &due), DUE_NOTHING);
	ck_assert(due == SCHEDULE_NEVER);
}
END_TEST

/* Nothing that would come at or after the end; but the subject is told, at the end at the latest. */
START_TEST(nothing_past_the_end)
{
	struct schedule s = made("2026-01-01T00:00:00Z", "P1Y", "P1Y", "P12M", "P2Y");

	is(s.mask_ms, "");
	is(s.review_ms, "");
	is(s.notify_ms, "2027-01-01T00:00:00.000Z");
	s = made("2026-01-01T00:00:00Z", "P1Y", "P364D", "P11M", "P1M");
	is(s.mask_ms, "2026-12-31T00:00:00.000Z");
	is(s.review_ms, "2026-12-01T00:00:00.000Z");
	is(s.notify_ms, "2026-02-01T00:00:00.000Z");
	is(made("2026-01-01T00:00:00Z", "P1Y", "", "", "").notify_ms, "");
}
END_TEST

START_TEST(reviews_do_not_drift)
{
	struct schedule s = made("2026-01-31T10:00:00Z", "P3Y", "", "P1M", "");
	struct duration every = lasting("P1M");
	static const char *const reviews[] = { "2026-02-28T10:00:00.000Z", "2026-03-31T10:00:00.000Z",
		                               "2026-04-30T10:00:00.000Z", "2026-05-31T10:00:00.000Z" };
	int64_t after = s.base_ms;

	for (size_t i = 0; i < sizeof reviews / sizeof *reviews; i++) {
		after = schedule_review_after(&s, &every, after);
		is(after, reviews[i]);
	}
	/* Missed ones are not made up for: the next one lies ahead. */
	is(schedule_review_after(&s, &every, at("2027-11-30T10:00:00Z")), "2027-12-31T10:00:00.000Z");
	is(schedule_review_after(&s, &every, at("2028-12-31T10:00:00Z")), "");
	every = lasting("");
	is(schedule_review_after(&s, &every, s.base_ms), "");
	every = lasting("P9000Y");
	is(schedule_review_after(&s, &every, s.base_ms), "");
}
END_TEST

TCase *make_schedule_case(void)
{
	TCase *c = tcase_create("schedule");

	tcase_add_test(c, ends);
	tcase_add_test(c, what_comes_first);
	tcase_add_test(c, nothing_past_the_end);
	tcase_add_test(c, reviews_do_not_drift);
	return c;
}
