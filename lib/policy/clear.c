/* See clear.h. One function an action; parameters have passed the transforms' schema, or the rule does not compile. */
#include "lib/policy/clear.h"

#include <math.h>

#define POSTCODE_MAX 12 /* characters that the transform takes */

static uint32_t number_of(const json_t *params, const char *name, uint32_t otherwise)
{
	const json_t *v = json_object_get(params, name);

	return json_is_integer(v) ? (uint32_t)json_integer_value(v) : otherwise;
}

/* So many characters of a value of that length are kept. */
static bool most_of(uint32_t kept, uint32_t length)
{
	return kept > 0 && (kept > CLEAR_CHARACTERS || (uint64_t)kept * 3 > length);
}

static bool clear_mask(const json_t *params, const struct domain *d)
{
	uint32_t kept = number_of(params, "keep_first", 0) + number_of(params, "keep_last", 0);
	uint32_t shortest = 2 * kept > d->min_length ? 2 * kept : d->min_length; /* shorter ones are masked whole */

	return kept > 0 && shortest <= d->max_length && most_of(kept, shortest);
}

static bool clear_postcode(const json_t *params, const struct domain *d)
{
	uint32_t first = number_of(params, "keep_first", 0), last = number_of(params, "drop_last", 0);
	uint32_t longest = d->max_length < POSTCODE_MAX ? d->max_length : POSTCODE_MAX;

	/* What is shorter than the part that stays leaves whole. */
	if (first)
		return most_of(first, d->min_length);
	return longest > last && most_of(longest - last, longest);
}

static bool clear_date_trunc(const json_t *params, const struct domain *d)
{
	struct view to = view_of(json_string_value(json_object_get(params, "to")));

	/* A date that is no more exact than the period leaves as it is. */
	if (view_is(to, "day"))
		return true;
	return d->max_length <= (view_is(to, "month") || view_is(to, "quarter") ? 7u : 5u);
}

static bool clear_topcode(const json_t *params, const struct domain *d)
{
	const json_t *max = json_object_get(params, "max"), *min = json_object_get(params, "min");

	/* All values between the edges leave as they are, unless there are none. */
	return !(max && d->min >= json_number_value(max)) && !(min && d->max <= json_number_value(min));
}

static double values_in(double from, double to)
{
	return to < from ? 0 : floor(to) - ceil(from) + 1;
}

/* So many results for the domain's values, of which the fewest behind one result are `least`. */
static bool clear_results(const struct domain *d, double results, double least)
{
	bool whole = !(d->kinds & DOMAIN_FRACTION);

	if (!(results <= CLEAR_RESULTS))
		return true;
	return whole && (least < CLEAR_VALUES || results * results * results > values_in(d->min, d->max));
}

static bool clear_unit(const struct domain *d, double unit)
{
	return clear_results(d, floor((d->max - d->min) / unit) + 1, unit);
}

static bool clear_band(const json_t *params, const struct domain *d)
{
	const json_t *edges = json_object_get(params, "edges");
	double width = json_number_value(json_object_get(params, "width")), from = d->min, least = INFINITY;
	double results = 0;
	size_t n = json_array_size(edges);

	if (width > 0)
		return clear_results(d, floor(d->max / width) - floor(fmax(d->min, 0) / width) + 1, width);
	for (size_t i = 0; i <= n; i++) {
		double to = i < n ? json_number_value(json_array_get(edges, i)) - 1 : d->max;
		double values = values_in(fmax(from, d->min), fmin(to, d->max));
		/* A band that no value lies in is no result. */
		if (values > 0) {
			least = fmin(least, values);
			results++;
		}
		from = to + 1;
	}
	return clear_results(d, results, least);
}

static bool clear_geo(const json_t *params, const struct domain *d)
{
	struct domain degrees = *d;

	if (json_object_get(params, "geohash"))
		return most_of(number_of(params, "geohash", 0), d->min_length);
	degrees.min = fmax(d->min, -180);
	degrees.max = fmin(d->max, 180);
	return clear_unit(&degrees, pow(10, -(double)number_of(params, "decimals", 0)));
}

static bool clear_keep(const struct field_rule *r, const struct domain *d)
{
	return r->subtree || (d->kinds & ~DOMAIN_CONTAINER);
}

static bool clear_among(const struct field_rule *r, const struct domain *d)
{
	switch (r->action) {
	case ACTION_KEEP: return clear_keep(r, d);
	case ACTION_REDACT_TEXT: return true;
	case ACTION_MASK: return clear_mask(r->params, d);
	case ACTION_POSTCODE: return clear_postcode(r->params, d);
	case ACTION_DATE_TRUNC: return clear_date_trunc(r->params, d);
	case ACTION_DATE_SHIFT: return number_of(r->params, "days", 0) < CLEAR_DAYS;
	case ACTION_TOPCODE: return clear_topcode(r->params, d);
	case ACTION_ROUND: return clear_unit(d, pow(10, -json_number_value(json_object_get(r->params, "digits"))));
	case ACTION_BAND: return clear_band(r->params, d);
	case ACTION_GEO: return clear_geo(r->params, d);
	case ACTION_IP_PREFIX:
		return number_of(r->params, "ipv4", 24) > CLEAR_IPV4 || number_of(r->params, "ipv6", 48) > CLEAR_IPV6;
	case ACTION_FPE:
	case ACTION_TOKEN:
	case ACTION_SEAL:
	case ACTION_PSEUDONYM:
	case ACTION_SURROGATE:
	case ACTION_CONST:
	case ACTION_NULL:
	case ACTION_DROP:
	case ACTION_K_GUARD:
	case ACTION_COUNT: break;
	}
	return false;
}

bool rule_in_clear(const struct field_rule *r, const struct domain *values)
{
	struct domain anything = domain_all();

	return clear_among(r, values) || (r->subtree && clear_among(r, &anything));
}
