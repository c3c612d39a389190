/* How long a text is that matches: the grammar of ECMA-262 as far as lengths go, in one pass without a tree. */
#include "lib/policy/domain.h"

#define NESTING_MAX 32

struct scan {
	struct view rest;
	size_t depth;
	bool unknown; /* something that it cannot measure: no answer */
};

struct range {
	uint32_t min, max;
};

static uint32_t add(uint32_t a, uint32_t b)
{
	return a == LENGTH_NONE || b == LENGTH_NONE || a > LENGTH_NONE - 1 - b ? LENGTH_NONE : a + b;
}

static uint32_t times(uint32_t a, uint32_t n)
{
	if (a == 0 || n == 0)
		return 0;
	return a == LENGTH_NONE || n == LENGTH_NONE || a > (LENGTH_NONE - 1) / n ? LENGTH_NONE : a * n;
}

static bool more(const struct scan *s)
{
	return s->rest.n > 0 && !s->unknown;
}

static char peek(const struct scan *s)
{
	return s->rest.n ? s->rest.p[0] : '\0';
}

static bool take(struct scan *s, const char *text)
{
	if (!view_starts(s->rest, view_of(text)))
		return false;
	s->rest = view_from(s->rest, strlen(text));
	return true;
}

/* One character of the pattern's text, all its bytes. */
static void take_point(struct scan *s)
{
	do
		s->rest = view_from(s->rest, 1);
	while (s->rest.n && ((unsigned char)s->rest.p[0] & 0xc0) == 0x80);
}

static bool take_number(struct scan *s, uint32_t *out)
{
	size_t n = 0;

	for (*out = 0; n < 6 && peek(s) >= '0' && peek(s) <= '9'; n++, s->rest = view_from(s->rest, 1))
		*out = *out * 10 + (uint32_t)(peek(s) - '0');
	return n > 0;
}

/* Behind the backslash. */
static struct range escape(struct scan *s)
{
	char c = peek(s);
	size_t skip = 1;

	if (c == 'b' || c == 'B') {
		take_point(s);
		return (struct range){ 0, 0 };
	}
	/* A reference back repeats what was found; half of a surrogate pair is half a character. */
	if (c == '\0' || (c >= '1' && c <= '9') || c == 'k' || c == 'c' ||
	    (c == 'u' && s->rest.n > 1 && strchr("dD{", s->rest.p[1])))
		s->unknown = true;
	else if (c == 'u')
		skip = 5;
	else if (c == 'x')
		skip = 3;
	else if (c == 'p' || c == 'P')
		while (skip < s->rest.n && s->rest.p[skip - 1] != '}')
			skip++;
	if (s->rest.n < skip)
		s->unknown = true;
	else if (skip == 1)
		take_point(s);
	else
		s->rest = view_from(s->rest, skip);
	return (struct range){ 1, 1 };
}

static struct range class_of(struct scan *s)
{
	take(s, "^");
	while (more(s) && peek(s) != ']') {
		take(s, "\\");
		take_point(s);
	}
	s->unknown = s->unknown || !take(s, "]");
	return (struct range){ 1, 1 };
}

static struct range alternatives(struct scan *s, bool *anchored);

static struct range group(struct scan *s)
{
	bool ahead = take(s, "?=") || take(s, "?!") || take(s, "?<=") || take(s, "?<!"), anchored;
	struct range r;

	if (!ahead && !take(s, "?:") && take(s, "?<"))
		while (more(s) && !take(s, ">"))
			take_point(s);
	s->depth++;
	r = alternatives(s, &anchored);
	s->depth--;
	s->unknown = s->unknown || !take(s, ")");
	return ahead ? (struct range){ 0, 0 } : r;
}

static struct range atom(struct scan *s)
{
	if (take(s, "("))
		return group(s);
	if (take(s, "["))
		return class_of(s);
	if (take(s, "\\"))
		return escape(s);
	take_point(s);
	return (struct range){ 1, 1 };
}

static struct range quantified(struct scan *s, struct range r)
{
	uint32_t low = 1, high = 1;

	if (take(s, "?")) {
		low = 0;
	} else if (take(s, "*")) {
		low = 0;
		high = LENGTH_NONE;
	} else if (take(s, "+")) {
		high = LENGTH_NONE;
	} else if (take(s, "{")) {
		s->unknown = s->unknown || !take_number(s, &low);
		high = low;
		if (take(s, ",") && !take_number(s, &high))
			high = LENGTH_NONE;
		s->unknown = s->unknown || !take(s, "}");
	} else {
		return r;
	}
	take(s, "?"); /* lazy */
	return (struct range){ times(r.min, low), times(r.max, high) };
}

/* `*anchored`: at both ends. */
static struct range sequence(struct scan *s, bool *anchored)
{
	struct range sum = { 0, 0 };
	bool start = take(s, "^"), end = false;

	while (more(s) && peek(s) != '|' && peek(s) != ')') {
		end = take(s, "$");
		if (end || take(s, "^"))
			continue;
		struct range r = quantified(s, atom(s));
		sum = (struct range){ add(sum.min, r.min), add(sum.max, r.max) };
	}
	*anchored = start && end;
	return sum;
}

static struct range alternatives(struct scan *s, bool *anchored)
{
	struct range all = { LENGTH_NONE, 0 };
	bool one = false;

	*anchored = true;
	s->unknown = s->unknown || s->depth > NESTING_MAX;
	do {
		struct range r = s->unknown ? (struct range){ 0, LENGTH_NONE } : sequence(s, &one);
		*anchored = *anchored && !s->unknown && one;
		all.min = r.min < all.min ? r.min : all.min;
		all.max = r.max > all.max ? r.max : all.max;
	} while (more(s) && take(s, "|"));
	return all;
}

void regex_lengths(struct view pattern, uint32_t *min, uint32_t *max)
{
	struct scan s = { .rest = pattern };
	bool anchored;
	struct range r = alternatives(&s, &anchored);
	bool known = !s.unknown && s.rest.n == 0;

	*min = known && r.min != LENGTH_NONE ? r.min : 0;
	*max = known && anchored ? r.max : LENGTH_NONE;
}
