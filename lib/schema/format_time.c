/* Dates, times and durations of RFC 3339 as `format` asserts them. Stricter than lib/base/datetime.h
 * where the grammar is: an offset below 24:00, and a leap second only in the last minute of a UTC day
 * (section 5.7); and wider, for durations have no bound on their digits. */
#include "lib/base/datetime.h"
#include "lib/schema/format_parts.h"

/* Two digits at `at`, or -1. */
static int two_digits(struct view v, size_t at)
{
	if (at + 2 > v.n || !is_digit(v.p[at]) || !is_digit(v.p[at + 1]))
		return -1;
	return 10 * (v.p[at] - '0') + (v.p[at + 1] - '0');
}

bool format_date(struct view v)
{
	if (v.n != 10 || v.p[4] != '-' || v.p[7] != '-')
		return false;
	int century = two_digits(v, 0), year = two_digits(v, 2), month = two_digits(v, 5), day = two_digits(v, 8);
	return century >= 0 && year >= 0 && month >= 0 && day >= 0 && date_valid(100 * century + year, month, day);
}

/* full-time of RFC 3339 5.6. */
bool format_time(struct view v)
{
	int hour = two_digits(v, 0), minute = two_digits(v, 3), second = two_digits(v, 6);
	int offset = 0;
	size_t at = 8;

	if (v.n < 9 || v.p[2] != ':' || v.p[5] != ':' || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
	    second < 0 || second > 60)
		return false;
	if (v.p[at] == '.') {
		size_t from = ++at;
		while (at < v.n && is_digit(v.p[at]))
			at++;
		if (at == from)
			return false;
	}
	struct view zone = view_from(v, at);
	if (!view_is(zone, "Z") && !view_is(zone, "z")) {
		int hours = two_digits(zone, 1), minutes = two_digits(zone, 4);
		if (zone.n != 6 || (zone.p[0] != '+' && zone.p[0] != '-') || zone.p[3] != ':' || hours < 0 ||
		    hours > 23 || minutes < 0 || minutes > 59)
			return false;
		offset = (zone.p[0] == '-' ? -1 : 1) * (60 * hours + minutes);
	}
	return second < 60 || (60 * hour + minute - offset + 2 * 1440) % 1440 == 1439;
}

bool format_date_time(struct view v)
{
	return v.n > 11 && (v.p[10] == 'T' || v.p[10] == 't') && format_date(view_make(v.p, 10)) &&
	       format_time(view_from(v, 11));
}

/* Reads as many of the units, each after digits, as follow one another in `units`; true when at least
 * one was there. `P1Y2D` is not in the grammar: a unit may only be followed by the next smaller one. */
static bool take_units(struct view *v, const char *units)
{
	bool any = false;

	while (v->n && is_digit(v->p[0])) {
		size_t digits = 0;
		while (digits < v->n && is_digit(v->p[digits]))
			digits++;
		const char *unit = digits < v->n && v->p[digits] ? strchr(units, v->p[digits]) : NULL;
		if (!unit || (any && unit != units))
			return false;
		any = true;
		units = unit + 1;
		*v = view_from(*v, digits + 1);
	}
	return any;
}

/* RFC 3339 appendix A. */
bool format_duration(struct view v)
{
	if (v.n < 2 || v.p[0] != 'P')
		return false;
	v = view_from(v, 1);
	if (v.p[v.n - 1] == 'W')
		return take_units(&v, "W") && v.n == 0;
	if (v.p[0] != 'T' && !take_units(&v, "YMD"))
		return false;
	if (v.n == 0)
		return true;
	if (v.p[0] != 'T')
		return false;
	v = view_from(v, 1);
	return take_units(&v, "HMS") && v.n == 0;
}
