/* See datetime.h. Calendar arithmetic by days from civil dates, proleptic Gregorian. */
#include "lib/base/datetime.h"

/* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z. */
#define FIRST_MS (INT64_C(-719528) * DAY_MS)
#define LAST_MS  (INT64_C(2932897) * DAY_MS - 1)

static int month_days(int year, int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

bool date_valid(int year, int month, int day)
{
	return year >= 0 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= month_days(year, month);
}

int64_t date_to_days(struct date d)
{
	/* Years start in March, so that the leap day is the last of its year. */
	int64_t y = d.year - (d.month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

struct date date_from_days(int64_t days)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * day_of_year + 2) / 153;
	int month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);

	return (struct date){ .year = (int32_t)(year_of_era + era * 400 + (month <= 2)),
		              .month = (uint8_t)month,
		              .day = (uint8_t)(day_of_year - (153 * shifted + 2) / 5 + 1) };
}

/* `n` decimal digits at the start of `*v`, cut off; -1 when they are not there. */
static int digits(struct view *v, size_t n)
{
	int value = 0;

	if (v->n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (v->p[i] < '0' || v->p[i] > '9')
			return -1;
		value = value * 10 + (v->p[i] - '0');
	}
	*v = view_from(*v, n);
	return value;
}

static bool skip(struct view *v, char c)
{
	if (v->n == 0 || v->p[0] != c)
		return false;
	*v = view_from(*v, 1);
	return true;
}

static bool take_date(struct view *v, struct date *out)
{
	int year = digits(v, 4);
	if (year < 0 || !skip(v, '-'))
		return false;
	int month = digits(v, 2);
	if (month < 0 || !skip(v, '-'))
		return false;
	int day = digits(v, 2);
	if (day < 0 || !date_valid(year, month, day))
		return false;
	*out = (struct date){ .year = year, .month = (uint8_t)month, .day = (uint8_t)day };
	return true;
}

bool date_parse(struct view text, struct date *out)
{
	return take_date(&text, out) && text.n == 0;
}

/* Milliseconds of the day, from RFC 3339 partial-time. */
static bool take_time(struct view *v, int64_t *ms)
{
	int hour = digits(v, 2);
	if (hour < 0 || hour > 23 || !skip(v, ':'))
		return false;
	int minute = digits(v, 2);
	if (minute < 0 || minute > 59 || !skip(v, ':'))
		return false;
	int second = digits(v, 2);
	if (second < 0 || second > 60)
		return false;
	int64_t milli = 0;
	if (skip(v, '.')) {
		int scale = 100;
		size_t n = 0;
		for (int d; (d = digits(v, 1)) >= 0; n++, scale /= 10)
			milli += d * scale;
		if (n == 0)
			return false;
	}
	*ms = ((hour * 60 + minute) * 60 + (second == 60 ? 59 : second)) * SECOND_MS + milli;
	return true;
}

/* RFC 3339 time-offset, in minutes east. */
static bool take_offset(struct view *v, int *minutes)
{
	*minutes = 0;
	if (skip(v, 'Z') || skip(v, 'z'))
		return true;
	bool west = v->n && v->p[0] == '-';
	if (!skip(v, '+') && !skip(v, '-'))
		return false;
	int hour = digits(v, 2);
	if (hour < 0 || hour > 23 || !skip(v, ':'))
		return false;
	int minute = digits(v, 2);
	if (minute < 0 || minute > 59)
		return false;
	*minutes = (west ? -1 : 1) * (hour * 60 + minute);
	return true;
}

bool time_parse(struct view text, int64_t *out_ms)
{
	struct date d;
	int64_t ms;
	int offset;

	if (!take_date(&text, &d) || !(skip(&text, 'T') || skip(&text, 't')) || !take_time(&text, &ms) ||
	    !take_offset(&text, &offset) || text.n != 0)
		return false;
	ms += date_to_days(d) * DAY_MS - offset * 60 * SECOND_MS;
	/* An offset can lead out of the years that can be written down. */
	*out_ms = ms < FIRST_MS ? FIRST_MS : ms > LAST_MS ? LAST_MS : ms;
	return true;
}

/* Zeros in front, and what stands behind. */
static char *put_digits(char *out, unsigned value, unsigned n, char behind)
{
	for (unsigned i = n; i-- > 0; value /= 10)
		out[i] = (char)('0' + value % 10);
	out[n] = behind;
	return out + n + 1;
}

void time_print(int64_t ms, char out[TIME_TEXT + 1])
{
	int64_t days = (ms >= 0 ? ms : ms - (DAY_MS - 1)) / DAY_MS;
	int64_t rest = ms - days * DAY_MS;
	struct date d = date_from_days(days);
	unsigned year = d.year < 0 ? 0 : d.year > 9999 ? 9999 : (unsigned)d.year;
	unsigned second = (unsigned)(rest / SECOND_MS);

	out = put_digits(out, year, 4, '-');
	out = put_digits(out, (unsigned)d.month, 2, '-');
	out = put_digits(out, (unsigned)d.day, 2, 'T');
	out = put_digits(out, second / 3600, 2, ':');
	out = put_digits(out, second / 60 % 60, 2, ':');
	out = put_digits(out, second % 60, 2, '.');
	out = put_digits(out, (unsigned)(rest % SECOND_MS), 3, 'Z');
	*out = 0;
}

bool time_parse_printed(struct view text, int64_t *out_ms)
{
	char spelled[TIME_TEXT + 1];

	if (!time_parse(text, out_ms))
		return false;
	time_print(*out_ms, spelled);
	return view_is(text, spelled);
}

/* Up to nine digits; so has each of a duration's numbers, that what is printed of one can be read. */
#define COUNT_MAX 999999999u
static bool take_count(struct view *v, uint32_t *out)
{
	uint32_t value = 0;
	size_t n = 0;

	for (int d; n < 9 && (d = digits(v, 1)) >= 0; n++)
		value = value * 10 + (uint32_t)d;
	*out = value;
	return n > 0;
}

static bool add_scaled(uint32_t *sum, uint32_t count, uint32_t scale)
{
	uint64_t value = *sum + (uint64_t)count * scale;

	*sum = (uint32_t)value;
	return value <= COUNT_MAX;
}

/* Parts in the order of `units`, each at most once. */
static bool take_parts(struct view *v, const char *units, struct duration *d, bool clock, unsigned *parts)
{
	while (v->n && v->p[0] != 'T') {
		uint32_t count;
		if (!take_count(v, &count) || v->n == 0)
			return false;
		/* strchr() finds a NUL, too, behind the last unit. */
		const char *unit = v->p[0] ? strchr(units, v->p[0]) : NULL;
		if (!unit)
			return false;
		bool fits = true;
		switch (*unit) {
		case 'Y': d->years = count; break;
		case 'W': fits = add_scaled(&d->days, count, 7); break;
		case 'D': fits = add_scaled(&d->days, count, 1); break;
		case 'H': fits = add_scaled(&d->seconds, count, 3600); break;
		case 'S': fits = add_scaled(&d->seconds, count, 1); break;
		case 'M':
			if (clock)
				fits = add_scaled(&d->seconds, count, 60);
			else
				d->months = count;
			break;
		}
		if (!fits)
			return false;
		*v = view_from(*v, 1);
		units = unit + 1;
		++*parts;
	}
	return true;
}

bool duration_parse(struct view text, struct duration *out)
{
	struct duration d = { 0 };
	unsigned parts = 0;

	if (!skip(&text, 'P'))
		return false;
	bool weeks = text.n && text.p[text.n - 1] == 'W';
	if (!take_parts(&text, weeks ? "W" : "YMD", &d, false, &parts))
		return false;
	if (skip(&text, 'T')) {
		unsigned before = parts;
		if (!take_parts(&text, "HMS", &d, true, &parts) || parts == before)
			return false;
	}
	if (text.n != 0 || parts == 0)
		return false;
	*out = d;
	return true;
}

/* Twelve months are a year, and so many seconds a day, whatever they are added to; where the sum can be written. */
static void carry(uint32_t *small, uint32_t each, uint32_t *large)
{
	uint32_t more = *small / each;

	if (more > COUNT_MAX - *large)
		return;
	*large += more;
	*small -= more * each;
}

void duration_print(struct buf *out, const struct duration *given)
{
	struct duration same = *given, *d = &same;

	carry(&d->months, 12, &d->years);
	carry(&d->seconds, (uint32_t)(DAY_MS / SECOND_MS), &d->days);
	buf_addc(out, 'P');
	if (d->years)
		buf_addf(out, "%uY", d->years);
	if (d->months)
		buf_addf(out, "%uM", d->months);
	if (d->days || (!d->years && !d->months && !d->seconds))
		buf_addf(out, "%uD", d->days);
	if (d->seconds)
		buf_addf(out, "T%uS", d->seconds);
}

bool duration_parse_printed(struct view text, struct duration *out)
{
	char room[64];
	struct buf spelled = { .p = room, .cap = sizeof room, .max = sizeof room };

	if (!duration_parse(text, out))
		return false;
	duration_print(&spelled, out);
	return !spelled.failed && view_eq(text, buf_view(&spelled));
}

int64_t duration_add(int64_t from_ms, const struct duration *d)
{
	int64_t days = (from_ms >= 0 ? from_ms : from_ms - (DAY_MS - 1)) / DAY_MS;
	int64_t rest = from_ms - days * DAY_MS;
	struct date date = date_from_days(days);
	int64_t months = date.year * INT64_C(12) + date.month - 1 + d->years * INT64_C(12) + d->months;
	int64_t year = months / 12;
	int month = (int)(months % 12) + 1;

	if (year > 9999)
		return TIME_NONE;
	int last = month_days((int)year, month);
	struct date moved = { .year = (int32_t)year,
		              .month = (uint8_t)month,
		              .day = (uint8_t)(date.day < last ? date.day : last) };
	int64_t result = (date_to_days(moved) + (int64_t)d->days) * DAY_MS + rest + d->seconds * SECOND_MS;
	struct date end = { .year = 9999, .month = 12, .day = 31 };

	return result > (date_to_days(end) + 1) * DAY_MS - 1 ? TIME_NONE : result;
}

/* --- which of two is longer, for every start ---
 *
 * Adding d = (months, days, seconds) to a start goes to the same day of another month, cut to that month's last, and
 * then a fixed number of seconds on; the time of day is carried along. So the difference of two durations depends on
 * the start's date alone, and of it on
 *   - the month in the cycle of 400 years = 4,800 months, after which the Gregorian calendar (146,097 days, a whole
 *     number of weeks, leap years alike) repeats: adding months and then taking the difference gives the same days;
 *   - the day of the month by way of the cut alone. Months have 28 to 31 days, so a day up to 28 is never cut and all
 *     of them give the same difference; 29, 30 and 31 are looked at for themselves.
 * Four days in each of 4,800 months therefore stand for all starts. The year 9999 plays no part: durations are compared
 * as if years went on. */
#define CYCLE_MONTHS 4800
#define CYCLE_DAYS   INT64_C(146097)

/* Days from the start of the cycle to the first of a month, which may lie in a later cycle. */
static int64_t days_to_month(int64_t month)
{
	struct date first = { .year = (int32_t)(2000 + month % CYCLE_MONTHS / 12),
		              .month = (uint8_t)(month % 12 + 1),
		              .day = 1 };

	return month / CYCLE_MONTHS * CYCLE_DAYS + date_to_days(first) - date_to_days((struct date){ 2000, 1, 1 });
}

static int length_of_month(int64_t month)
{
	return month_days((int)(2000 + month % CYCLE_MONTHS / 12), (int)(month % 12) + 1);
}

static int64_t months_of(const struct duration *d)
{
	return d->years * INT64_C(12) + d->months;
}

static int64_t seconds_of(const struct duration *d)
{
	return d->days * INT64_C(86400) + d->seconds;
}

/* Days from the `day`th of `start` to the same day so many months on. */
static int64_t month_step(int64_t start, int day, int64_t months)
{
	int last = length_of_month(start + months);

	return days_to_month(start + months) + (day < last ? day : last) - (days_to_month(start) + day);
}

/* The most, or with `least` the least, days that so many months more than so many others can be: over all starts. */
static int64_t extreme_step(int64_t months, int64_t than, bool least)
{
	int64_t found = 0;
	bool any = false;

	for (int64_t start = 0; start < CYCLE_MONTHS; start++)
		for (int day = 28; day <= length_of_month(start); day++) {
			int64_t step = month_step(start, day, months) - month_step(start, day, than);
			if (!any || (least ? step < found : step > found))
				found = step;
			any = true;
		}
	return found;
}

/* How many seconds `a` is longer than `b` at the worst start. Most pairs are told apart by the mean month and the few
 * days that any number of months is off it: fewer than 10, for both cuts together (3), the months (3) and the leap days
 * (2) that a span has more or fewer than the mean. */
static int64_t excess(const struct duration *a, const struct duration *b)
{
	int64_t months = months_of(a) - months_of(b), rest = seconds_of(a) - seconds_of(b);
	int64_t mean = months * (CYCLE_DAYS * 86400 / CYCLE_MONTHS) + rest, slack = INT64_C(10) * 86400;

	if (months == 0)
		return rest;
	if (mean > slack || mean < -slack)
		return mean;
	return extreme_step(months_of(a), months_of(b), false) * 86400 + rest;
}

bool duration_at_most(const struct duration *a, const struct duration *b)
{
	return excess(a, b) <= 0;
}

bool duration_below(const struct duration *a, const struct duration *b)
{
	return excess(a, b) < 0;
}

/* Whole days that the duration has at every start. */
static int64_t fewest_days(const struct duration *d)
{
	return (extreme_step(months_of(d), 0, true) * 86400 + seconds_of(d)) / 86400;
}

struct duration duration_shorter(const struct duration *a, const struct duration *b)
{
	if (duration_at_most(a, b))
		return *a;
	if (duration_at_most(b, a))
		return *b;
	int64_t days = fewest_days(a), other = fewest_days(b);
	days = days < other ? days : other;
	return (struct duration){ .days = days < UINT32_MAX ? (uint32_t)days : UINT32_MAX };
}
