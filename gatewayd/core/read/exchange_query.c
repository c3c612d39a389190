/* See exchange_query.h. */
#include "gatewayd/core/read/exchange_query.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/datetime.h"

#define SHOWN_IF_NOT_SAID 50

static bool hex_of(char c, unsigned *out)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	*out = at ? (unsigned)(at - digits) : 0;
	*out -= *out > 15 ? 6 : 0;
	return at;
}

/* Percent-decoding (RFC 3986 section 2.1). */
static bool decode(struct view from, char out[QUERY_VALUE_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < from.n; i++, n++) {
		unsigned high, low;

		if (n == QUERY_VALUE_MAX - 1)
			return false;
		out[n] = from.p[i];
		if (from.p[i] != '%')
			continue;
		if (i + 2 >= from.n || !hex_of(from.p[i + 1], &high) || !hex_of(from.p[i + 2], &low) || high + low == 0)
			return false;
		out[n] = (char)(high << 4 | low);
		i += 2;
	}
	out[n] = 0;
	return n > 0;
}

static bool read_agreement(struct exchange_query *a, const char *text)
{
	snprintf(a->agreement, sizeof a->agreement, "%s", text);
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(text);
}

static bool read_state(struct exchange_query *a, const char *text)
{
	for (int s = 0; s <= STATE_ENDED; s++)
		if (strcmp(text, exchange_state_name((enum exchange_state)s)) == 0) {
			a->state = (enum exchange_state)s;
			a->any_state = false;
			return true;
		}
	return false;
}

static bool read_outcome(struct exchange_query *a, const char *text)
{
	static const char *const known[] = { "released", "released-transformed", "held", "refused" };
	size_t i = 0;

	snprintf(a->outcome, sizeof a->outcome, "%s", text);
	while (i < sizeof known / sizeof *known && strcmp(text, known[i]) != 0)
		i++;
	return i < sizeof known / sizeof *known;
}

static bool read_since(struct exchange_query *a, const char *text)
{
	return time_parse(view_of(text), &a->since_ms);
}

static bool read_until(struct exchange_query *a, const char *text)
{
	return time_parse(view_of(text), &a->until_ms);
}

static bool read_before(struct exchange_query *a, const char *text)
{
	return view_to_u64(view_of(text), INT64_MAX, &a->before) && a->before > 0;
}

static bool read_limit(struct exchange_query *a, const char *text)
{
	return view_to_u64(view_of(text), EXCHANGES_SHOWN, &a->limit) && a->limit > 0;
}

static const struct {
	const char *name;
	bool (*read)(struct exchange_query *a, const char *text);
	const char *wants;
} parameters[] = {
	{ "agreement", read_agreement, "agreement: give the id of one, as GET /v1/agreements lists it." },
	{ "state", read_state,
	  "state: give one of refused, held, queued, delivered, ready, fetched, failed, erased, recalled, corrected, returned, ended." },
	{ "outcome", read_outcome, "outcome: give one of released, released-transformed, held, refused." },
	{ "since", read_since, "since: give an instant after RFC 3339, as 2026-01-31T00:00:00Z." },
	{ "until", read_until, "until: give an instant after RFC 3339, as 2026-01-31T00:00:00Z." },
	{ "before", read_before, "before: give next of the page before." },
	{ "limit", read_limit, "limit: give a number from 1 to 200." },
};
#define PARAMETERS (sizeof parameters / sizeof *parameters)

const char *exchange_query_read(struct view query, struct exchange_query *a)
{
	unsigned seen = 0;
	char value[QUERY_VALUE_MAX];

	*a = (struct exchange_query){
		.any_state = true, .since_ms = INT64_MIN, .until_ms = INT64_MAX, .limit = SHOWN_IF_NOT_SAID
	};
	while (query.n) {
		struct view pair = view_cut(&query, '&'), name = view_cut(&pair, '=');
		size_t i = 0;

		while (i < PARAMETERS && !view_is(name, parameters[i].name))
			i++;
		if (i == PARAMETERS)
			return "The parameters are agreement, state, outcome, since, until, before and limit.";
		if (seen >> i & 1)
			return "Give each parameter once.";
		if (!decode(pair, value) || !parameters[i].read(a, value))
			return parameters[i].wants;
		seen |= 1u << i;
	}
	return NULL;
}
