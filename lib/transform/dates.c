/* Transforms of dates: truncation to a period, and a shift that is secret and the same for all dates of one
 * data subject. */
#include "lib/transform/actions.h"

#include "lib/base/datetime.h"
#include "lib/base/wire.h"

/* A date as exact as it was written. Parts below its precision are the first ones of the period. */
struct partial {
	struct date first;
	enum period precision;
	bool has_time;
};

/* `v` has that many bytes. */
static bool digits(struct view v, size_t at, size_t n, int *out)
{
	*out = 0;
	for (size_t i = at; i < at + n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		*out = *out * 10 + (v.p[i] - '0');
	}
	return true;
}

/* 1984-03-17, 1984-03-17T…, 1984-03, 1984-Q1, 1984, 1980s. */
static bool partial_parse(struct view v, struct partial *out)
{
	int year, month, quarter;
	int64_t ms;

	*out = (struct partial){ .precision = PERIOD_DAY };
	if (v.n >= 10) {
		out->has_time = v.n > 10;
		return date_parse(view_make(v.p, 10), &out->first) && (!out->has_time || time_parse(v, &ms));
	}
	if (v.n < 4 || !digits(v, 0, 4, &year))
		return false;
	out->first = (struct date){ year, 1, 1 };
	if (v.n == 4) {
		out->precision = PERIOD_YEAR;
	} else if (v.n == 5 && v.p[4] == 's' && year % 10 == 0) {
		out->precision = PERIOD_DECADE;
	} else if (v.n == 7 && v.p[4] == '-' && v.p[5] == 'Q' && digits(v, 6, 1, &quarter) && quarter >= 1 &&
	           quarter <= 4) {
		out->precision = PERIOD_QUARTER;
		out->first.month = (uint8_t)(quarter * 3 - 2);
	} else if (v.n == 7 && v.p[4] == '-' && digits(v, 5, 2, &month) && month >= 1 && month <= 12) {
		out->precision = PERIOD_MONTH;
		out->first.month = (uint8_t)month;
	} else {
		return false;
	}
	return true;
}

static void truncate_date(struct date *d, enum period to)
{
	if (to >= PERIOD_MONTH)
		d->day = 1;
	if (to == PERIOD_QUARTER)
		d->month = (uint8_t)((d->month - 1) / 3 * 3 + 1);
	if (to >= PERIOD_YEAR)
		d->month = 1;
	if (to == PERIOD_DECADE)
		d->year -= d->year % 10;
}

/* As many digits, zeros in front. */
static void put_digits(struct buf *out, int number, size_t n)
{
	char *room = buf_room(out, n);

	if (!room)
		return;
	for (size_t i = n; i-- > 0; number /= 10)
		room[i] = (char)('0' + number % 10);
	out->n += n;
}

static void print_short(struct buf *out, struct date d, enum period precision)
{
	put_digits(out, d.year, 4);
	switch (precision) {
	case PERIOD_DAY:
	case PERIOD_MONTH:
		buf_addc(out, '-');
		put_digits(out, d.month, 2);
		if (precision == PERIOD_MONTH)
			return;
		buf_addc(out, '-');
		put_digits(out, d.day, 2);
		return;
	case PERIOD_QUARTER:
		buf_adds(out, "-Q");
		put_digits(out, (d.month + 2) / 3, 1);
		return;
	case PERIOD_YEAR: return;
	case PERIOD_DECADE: buf_addc(out, 's'); return;
	}
}

bool apply_date_trunc(const struct rule *r, struct view text, struct buf *out, struct error *e)
{
	const struct trunc_params *p = &r->p.trunc;
	struct partial d;

	if (!partial_parse(text, &d))
		return rule_fail(r, e, "the value is not a date");
	enum period to = d.precision > p->to ? d.precision : p->to;
	truncate_date(&d.first, to);
	print_short(out, d.first, p->as_date ? PERIOD_DAY : to);
	return true;
}

bool date_trunc_form(struct view text, const struct trunc_params *p)
{
	struct partial d;
	struct date first;

	if (!partial_parse(text, &d) || d.has_time)
		return false;
	if (!p->as_date)
		return d.precision >= p->to;
	first = d.first;
	truncate_date(&first, p->to);
	return d.precision == PERIOD_DAY && date_to_days(first) == date_to_days(d.first);
}

bool date_or_time(struct view text)
{
	struct partial d;

	return text.n >= 10 && partial_parse(text, &d);
}

/* A number of days from -max to max without 0, alike for all: values of the hash at the upper edge, which
 * would favour some, are thrown away. */
static int32_t subject_shift(const struct rule *r, struct view subject)
{
	uint32_t choices = 2 * r->p.shift.days, limit = UINT32_MAX - UINT32_MAX % choices;

	for (uint8_t round = 0;; round++) {
		struct view parts[] = { view_make(&round, 1), subject };
		struct digest d;

		hmac_parts(r->key.hmac, parts, 2, &d);
		struct reader words = { .rest = view_make(d.b, sizeof d.b) };
		for (int i = 0; i < 8; i++) {
			uint32_t v = read_u32(&words);

			/* The last round takes what comes: 2^-2000 of all subjects would get there. */
			if (v < limit || round == UINT8_MAX) {
				int32_t shift = (int32_t)(v % choices) - (int32_t)r->p.shift.days;

				return shift < 0 ? shift : shift + 1;
			}
		}
	}
}

bool apply_date_shift(const struct rule *r, struct transform_run *run, struct view text, struct buf *out,
                      struct error *e)
{
	struct view subject;
	struct partial d;

	if (!rule_subject(r, run, &subject, e))
		return false;
	if (text.n < 10 || !partial_parse(text, &d))
		return rule_fail(r, e, "the value is not a full date or date-time");
	int64_t days = date_to_days(d.first) + subject_shift(r, subject);
	if (days < date_to_days((struct date){ 0, 1, 1 }) || days > date_to_days((struct date){ 9999, 12, 31 }))
		return rule_fail(r, e, "the shifted date lies outside the years 0 to 9999");
	print_short(out, date_from_days(days), PERIOD_DAY);
	buf_add(out, view_from(text, 10));
	return true;
}
