/* Patterns over patterns: which rule reaches what another one names. Tokens are compared in their escaped
 * form, which is unique. */
#include "lib/policy/internal.h"

/* The next token of a pointer, without its slash; false at the end. */
static bool next_token(struct view *rest, struct view *token)
{
	if (rest->n == 0)
		return false;
	*rest = view_from(*rest, 1);
	size_t n = 0;
	while (n < rest->n && rest->p[n] != '/')
		n++;
	*token = view_make(rest->p, n);
	*rest = view_from(*rest, n);
	return true;
}

bool pattern_covers(const char *pattern, bool subtree, const char *pointer)
{
	struct view p = view_of(pattern), q = view_of(pointer), a, b;

	for (;;) {
		bool more = next_token(&p, &a);
		if (!more)
			return subtree || q.n == 0;
		if (!next_token(&q, &b))
			return false;
		if (!view_is(a, "*") && !view_eq(a, b))
			return false;
	}
}

bool pattern_meets_above(const char *above, const char *pointer)
{
	struct view p = view_of(above), q = view_of(pointer), s, t;

	for (;;) {
		bool more = next_token(&p, &s), other = next_token(&q, &t);
		if (!more || !other)
			return !more && other;
		if (!view_is(s, "*") && !view_is(t, "*") && !view_eq(s, t))
			return false;
	}
}

bool patterns_meet(const char *a, const char *b)
{
	struct view p = view_of(a), q = view_of(b), s, t;

	for (;;) {
		bool more = next_token(&p, &s), other = next_token(&q, &t);
		if (!more || !other)
			return more == other;
		if (!view_is(s, "*") && !view_is(t, "*") && !view_eq(s, t))
			return false;
	}
}

bool pattern_of_items(const char *pointer, char out[POINTER_MAX])
{
	size_t n = 0;
	bool any = false;

	while (*pointer && n + 2 < POINTER_MAX) {
		size_t digits = *pointer == '/' ? strspn(pointer + 1, "0123456789") : 0;

		out[n++] = *pointer++;
		if (digits == 0 || (pointer[digits] && pointer[digits] != '/'))
			continue;
		out[n++] = '*';
		pointer += digits;
		any = true;
	}
	out[n] = '\0';
	return any && !*pointer;
}
