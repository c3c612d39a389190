/* See view.h. */
#include "lib/base/view.h"

int view_cmp(struct view a, struct view b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	if (order != 0)
		return order;
	return (a.n > b.n) - (a.n < b.n);
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool view_eq_nocase(struct view a, struct view b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

struct view view_cut(struct view *rest, char sep)
{
	const char *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
	struct view head = *rest;

	if (!at) {
		*rest = (struct view){ NULL, 0 };
		return head;
	}
	head.n = (size_t)(at - rest->p);
	rest->n -= head.n + 1;
	rest->p = at + 1;
	return head;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct view view_word(struct view *line)
{
	size_t n = 0;

	while (line->n && is_blank(line->p[0]))
		*line = view_from(*line, 1);
	while (n < line->n && !is_blank(line->p[n]) && line->p[n] != '#')
		n++;
	struct view word = view_make(line->p, n);
	*line = view_from(*line, n);
	return word;
}

void view_keep(char *out, size_t size, struct view v)
{
	size_t n = v.n < size ? v.n : size - 1;
	const char *nul = n > 0 ? memchr(v.p, 0, n) : NULL;

	n = nul ? (size_t)(nul - v.p) : n;
	if (n > 0)
		memcpy(out, v.p, n);
	out[n] = 0;
}

bool view_to_u64(struct view v, unsigned long long max, unsigned long long *out)
{
	unsigned long long value = 0;

	if (v.n == 0 || (v.n > 1 && v.p[0] == '0'))
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		unsigned digit = (unsigned)(v.p[i] - '0');
		if (value > (max - digit) / 10 || digit > max)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}
