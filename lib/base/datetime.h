/* Time as the law and RFC 3339 count it. An instant is int64_t milliseconds since the Unix epoch,
 * UTC; names end in `_ms`. `now` is always handed in. Any thread, no state. */
#ifndef GATEWAY_BASE_DATETIME_H
#define GATEWAY_BASE_DATETIME_H

#include <stdint.h>

#include "lib/base/buf.h"

#define TIME_NONE INT64_MIN
#define SECOND_MS INT64_C(1000)
#define DAY_MS    INT64_C(86400000)

/* A calendar date of the proleptic Gregorian calendar. */
struct date {
	int32_t year;       /* 0 to 9999 */
	uint8_t month, day; /* from 1 */
};

/* RFC 3339 date-time: full date, `T`, full time with offset; a leap second (:60) counts as :59. An instant that
 * lies before year 0000 or after year 9999 in UTC counts as the first or last within, which time_print() can say. */
bool time_parse(struct view text, int64_t *out_ms) MUST_USE;
/* `2026-01-02T03:04:05.678Z`, always with milliseconds. */
#define TIME_TEXT 24
void time_print(int64_t ms, char out[TIME_TEXT + 1]);
/* time_parse() of an instant as time_print() spells it, and of no other spelling: gateways tell each other times so, that
 * the choice among spellings says nothing. */
bool time_parse_printed(struct view text, int64_t *out_ms) MUST_USE;
bool date_parse(struct view text, struct date *out) MUST_USE; /* RFC 3339 full-date */
bool date_valid(int year, int month, int day);
/* Days since 1970-01-01, and back. */
int64_t date_to_days(struct date d);
struct date date_from_days(int64_t days);

/* An ISO 8601 duration: PnYnMnDTnHnMnS or PnW, whole numbers, at least one part. Years, months, days and seconds are at most
 * 999,999,999 each. */
struct duration {
	uint32_t years, months, days, seconds; /* weeks are kept as days, hours and minutes as seconds */
};
bool duration_parse(struct view text, struct duration *out) MUST_USE;
/* Its one text: durations that are alike for every start have the same. Weeks as days, hours and minutes as seconds, twelve months
 * as a year and 86,400 seconds as a day; a zero duration is P0D. */
void duration_print(struct buf *out, const struct duration *d);
/* duration_parse() of what duration_print() has spelled, and of no other spelling. */
bool duration_parse_printed(struct view text, struct duration *out) MUST_USE;
/* Calendar addition in UTC: years and months first (the day is cut to the month's last), then days,
 * then seconds. TIME_NONE past the year 9999. */
int64_t duration_add(int64_t from_ms, const struct duration *d);
/* Is `a` never longer than `b`, and always shorter, whatever instant both are added to? A month has 28 to 31 days, so
 * P31D is not at most P1M, and of P30D and P1M neither is. */
bool duration_at_most(const struct duration *a, const struct duration *b);
bool duration_below(const struct duration *a, const struct duration *b);
/* The longer of both nowhere: `a` or `b` where one is at most the other, else the most whole days that are at most
 * both. */
struct duration duration_shorter(const struct duration *a, const struct duration *b);

#endif
