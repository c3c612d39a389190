/* Instants, dates and calendar durations. */
#include <check.h>

#include "lib/base/datetime.h"

static int64_t at(const char *text)
{
	int64_t ms;

	ck_assert_msg(time_parse(view_of(text), &ms), "%s", text);
	return ms;
}

static void adds(const char *from, const char *duration, const char *to)
{
	struct duration d;
	char text[TIME_TEXT + 1];

	ck_assert_msg(duration_parse(view_of(duration), &d), "%s", duration);
	time_print(duration_add(at(from), &d), text);
	ck_assert_str_eq(text, to);
}

START_TEST(rfc3339_examples)
{
	/* RFC 3339 section 5.8. */
	ck_assert(at("1985-04-12T23:20:50.52Z") == INT64_C(482196050520));
	ck_assert(at("1996-12-19T16:39:57-08:00") == INT64_C(851042397000));
	ck_assert(at("1990-12-31T23:59:60Z") == at("1990-12-31T23:59:59Z"));
	ck_assert(at("1937-01-01T12:00:27.87+00:20") == at("1937-01-01T11:40:27.870Z"));
	ck_assert(at("1970-01-01t00:00:00z") == 0);
}
END_TEST

START_TEST(what_is_no_date_time)
{
	static const char *const bad[] = { "",
		                           "2026-02-29T00:00:00Z",
		                           "2026-13-01T00:00:00Z",
		                           "2026-00-01T00:00:00Z",
		                           "2026-01-32T00:00:00Z",
		                           "2026-01-01T24:00:00Z",
		                           "2026-01-01T00:60:00Z",
		                           "2026-01-01T00:00:61Z",
		                           "2026-01-01T00:00:00",
		                           "2026-01-01 00:00:00Z",
		                           "2026-01-01T00:00:00.Z",
		                           "2026-01-01T00:00:00+24:00",
		                           "2026-01-01T00:00:00Zx",
		                           "2026-1-01T00:00:00Z",
		                           "26-01-01T00:00:00Z" };
	int64_t ms;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!time_parse(view_of(bad[i]), &ms), "%s", bad[i]);
	ck_assert(at("0000-01-01T00:01:00+00:01") == at("0000-01-01T00:00:00Z"));
	ck_assert(at("9999-12-31T23:58:59.999-00:01") == at("9999-12-31T23:59:59.999Z"));
	/* Of no year that can be written, in UTC. */
	ck_assert(at("0000-01-01T00:00:00+00:01") == at("0000-01-01T00:00:00Z"));
	ck_assert(at("9999-12-31T23:59:59-23:59") == at("9999-12-31T23:59:59.999Z"));
}
END_TEST

START_TEST(what_is_told_has_one_spelling)
{
	static const char *const times[] = { "2026-01-02T03:04:05Z",          "2026-01-02T03:04:05.000z",
		                             "2026-01-02t03:04:05.000Z",      "2026-01-02T03:04:05.0000Z",
		                             "2026-01-02T03:04:05.000+00:00", "2026-01-02T04:04:05.000+01:00",
		                             "2026-01-02T03:04:60.000Z",      "soon" };
	static const char *const durations[] = { "P1W", "PT1H", "P12M",   "PT86400S", "P1Y13M",
		                                 "P0Y", "P01D", "P1DT0S", "PT60M",    "soon" };
	struct duration d;
	int64_t ms, same;

	ck_assert(time_parse_printed(VIEW("2026-01-02T03:04:05.000Z"), &ms));
	ck_assert(time_parse(VIEW("2026-01-02T03:04:05Z"), &same) && ms == same);
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		ck_assert_msg(!time_parse_printed(view_of(times[i]), &ms), "%s", times[i]);
	ck_assert(duration_parse_printed(VIEW("P1Y2M3DT4S"), &d) && d.years == 1 && d.seconds == 4);
	ck_assert(duration_parse_printed(VIEW("P999999999Y999999999M999999999DT999999999S"), &d));
	static const char *const alike[][2] = { { "P24M", "P2Y" },
		                                { "P1Y13M", "P2Y1M" },
		                                { "PT24H", "P1D" },
		                                { "P1DT90000S", "P2DT3600S" },
		                                { "P1Y365D", "P1Y365D" },
		                                { "P0Y", "P0D" },
		                                { "P999999999Y12M", "P999999999Y12M" },
		                                { "P999999999DT86400S", "P999999999DT86400S" } };
	for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
		struct buf b = BUF_INIT(100);
		ck_assert(duration_parse(view_of(alike[i][0]), &d));
		duration_print(&b, &d);
		ck_assert_msg(view_is(buf_view(&b), alike[i][1]), "%.*s", VIEW_ARG(buf_view(&b)));
		ck_assert(duration_parse_printed(buf_view(&b), &d));
		buf_free(&b);
	}
	for (size_t i = 0; i < sizeof durations / sizeof *durations; i++)
		ck_assert_msg(!duration_parse_printed(view_of(durations[i]), &d), "%s", durations[i]);
}
END_TEST

START_TEST(dates_go_there_and_back)
{
	for (int64_t day = -719528; day < 2932897; day += 37) {
		struct date d = date_from_days(day);
		ck_assert(date_valid(d.year, d.month, d.day));
		ck_assert(date_to_days(d) == day);
	}
	struct date d;
	ck_assert(date_parse(VIEW("2000-02-29"), &d) && d.day == 29);
	ck_assert(!date_parse(VIEW("1900-02-29"), &d));
	char text[TIME_TEXT + 1];
	time_print(-1, text);
	ck_assert_str_eq(text, "1969-12-31T23:59:59.999Z");
}
END_TEST

START_TEST(durations_follow_the_calendar)
{
	adds("2024-01-31T10:00:00Z", "P1M", "2024-02-29T10:00:00.000Z");
	adds("2023-01-31T10:00:00Z", "P1M", "2023-02-28T10:00:00.000Z");
	adds("2024-02-29T00:00:00Z", "P1Y", "2025-02-28T00:00:00.000Z");
	adds("2024-02-29T00:00:00Z", "P4Y", "2028-02-29T00:00:00.000Z");
	adds("2026-12-31T23:00:00Z", "PT2H", "2027-01-01T01:00:00.000Z");
	adds("2026-01-01T00:00:00Z", "P4W", "2026-01-29T00:00:00.000Z");
	adds("2026-01-31T00:00:00+02:00", "P6M", "2026-07-30T22:00:00.000Z");
	adds("2026-10-31T12:00:00Z", "P1Y2M3DT4H5M6S", "2028-01-03T16:05:06.000Z");
	struct duration d = { .years = 9000 };
	ck_assert(duration_add(at("2026-01-01T00:00:00Z"), &d) == TIME_NONE);
}
END_TEST

START_TEST(what_is_no_duration)
{
	static const char *const bad[] = {
		"",      "P",    "PT",    "P1",    "1D",     "P1S",  "PT1D", "P1D1Y",
		"P1Y1Y", "P-1D", "P1.5D", "P1W1D", "PT1H2H", "P1DT", "P1d",  "P9999999999D"
	};
	struct duration d;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!duration_parse(view_of(bad[i]), &d), "%s", bad[i]);
	/* As many seconds, or days, as could be printed but not read. */
	ck_assert(!duration_parse(VIEW("PT52949672M"), &d) && !duration_parse(VIEW("P142857143W"), &d));
	ck_assert(duration_parse(VIEW("PT999999999S"), &d) && duration_parse(VIEW("P142857142W"), &d));
	/* Behind the last unit of a list stands a NUL. */
	ck_assert(!duration_parse(VIEW("P1\0"), &d) && !duration_parse(VIEW("PT1S2\0003S"), &d));
}
END_TEST

/* a ≤ b at every start, and b ≤ a; the shorter of both. */
START_TEST(durations_compare_for_every_start)
{
	static const struct {
		const char *a, *b;
		bool ab, ba;
		const char *shorter;
	} table[] = {
		{ "P31D", "P1M", false, true, "P1M" },        { "P28D", "P1M", true, false, "P28D" },
		{ "P30D", "P1M", false, false, "P28D" },      { "P29D", "P1M", false, false, "P28D" },
		{ "P1Y", "P365D", false, true, "P365D" },     { "P1Y", "P366D", true, false, "P1Y" },
		{ "P12M", "P1Y", true, true, "P12M" },        { "P1M", "P27D", false, true, "P27D" },
		{ "P2M", "P59D", false, true, "P59D" },       { "P2M", "P62D", true, false, "P2M" },
		{ "P2M", "P61D", false, false, "P59D" },      { "P4Y", "P1460D", false, true, "P1460D" },
		{ "P4Y", "P1461D", true, false, "P4Y" },      { "P8Y", "P2922D", true, false, "P8Y" },
		{ "P8Y", "P2921D", false, true, "P2921D" },   { "P400Y", "P146097D", true, true, "P400Y" },
		{ "P1MT1S", "P31D", false, false, "P28D" },   { "P1M", "P31DT1S", true, false, "P1M" },
		{ "PT72H", "P3D", true, true, "PT72H" },      { "PT73H", "P3D", false, true, "P3D" },
		{ "P999999999Y", "P5Y", false, true, "P5Y" }, { "P28D", "P4W", true, true, "P28D" },
		{ "P6M", "P184D", true, false, "P6M" },       { "P6M", "P183D", false, false, "P181D" },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct duration a, b;
		struct buf have = BUF_INIT(100), want = BUF_INIT(100);

		ck_assert(duration_parse(view_of(table[i].a), &a) && duration_parse(view_of(table[i].b), &b));
		ck_assert_msg(duration_at_most(&a, &b) == table[i].ab, "%s %s", table[i].a, table[i].b);
		ck_assert_msg(duration_at_most(&b, &a) == table[i].ba, "%s %s", table[i].b, table[i].a);
		ck_assert_msg(!duration_below(&a, &b) || table[i].ab, "%s %s", table[i].a, table[i].b);
		struct duration shorter = duration_shorter(&a, &b);
		duration_print(&have, &shorter);
		ck_assert(duration_parse(view_of(table[i].shorter), &a));
		duration_print(&want, &a);
		ck_assert_msg(view_eq(buf_view(&have), buf_view(&want)), "%s %s: %.*s", table[i].a, table[i].b,
		              VIEW_ARG(buf_view(&have)));
		buf_free(&have);
		buf_free(&want);
	}
}
END_TEST

/* The same by adding both to every day of a cycle of 400 years, for durations that lie close together. */
START_TEST(durations_compare_as_they_are_added)
{
	static const struct duration list[] = {
		{ 0, 1, 0, 0 }, { 0, 0, 28, 0 },   { 0, 0, 30, 0 },     { 0, 0, 31, 0 }, { 0, 1, 1, 0 },
		{ 0, 2, 0, 0 }, { 0, 0, 59, 0 },   { 0, 0, 61, 86399 }, { 0, 0, 62, 0 }, { 0, 11, 31, 0 },
		{ 1, 0, 0, 0 }, { 0, 0, 365, 0 },  { 0, 0, 366, 0 },    { 0, 12, 0, 1 }, { 3, 11, 30, 0 },
		{ 4, 0, 0, 0 }, { 0, 0, 1460, 0 }, { 0, 0, 1461, 0 },
	};
	const int64_t first = date_to_days((struct date){ 2000, 1, 1 });
	const size_t n = sizeof list / sizeof list[0];

	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < n; b++) {
			int64_t longest = INT64_MIN;

			for (int64_t day = first; day < first + 146097; day++) {
				int64_t more =
				        duration_add(day * DAY_MS, &list[a]) - duration_add(day * DAY_MS, &list[b]);

				longest = more > longest ? more : longest;
			}
			ck_assert_msg(duration_at_most(&list[a], &list[b]) == (longest <= 0), "%zu %zu", a, b);
			ck_assert_msg(duration_below(&list[a], &list[b]) == (longest < 0), "%zu %zu", a, b);
		}
}
END_TEST

TCase *make_datetime_case(void);
TCase *make_datetime_case(void)
{
	TCase *c = tcase_create("datetime");

	tcase_add_test(c, rfc3339_examples);
	tcase_add_test(c, what_is_no_date_time);
	tcase_add_test(c, what_is_told_has_one_spelling);
	tcase_add_test(c, dates_go_there_and_back);
	tcase_add_test(c, durations_follow_the_calendar);
	tcase_add_test(c, what_is_no_duration);
	tcase_add_test(c, durations_compare_for_every_start);
	tcase_add_test(c, durations_compare_as_they_are_added);
	return c;
}
