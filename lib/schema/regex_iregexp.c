/* Recogniser of I-Regexp (RFC 9485 section 3), see regex.h. `^` and `$`, which are ordinary characters
 * there and assertions in ECMA-262, are taken at the two ends of the pattern and nowhere else. */
#include "lib/schema/regex_ast.h"

struct cursor {
	struct view rest;
	unsigned depth;
};

static bool choice(struct cursor *c);

static char peek(const struct cursor *c)
{
	return c->rest.n ? *c->rest.p : 0;
}

static bool take(struct cursor *c, char x)
{
	if (!c->rest.n || *c->rest.p != x)
		return false;
	c->rest = view_from(c->rest, 1);
	return true;
}

static bool take_one_of(struct cursor *c, const char *set)
{
	char x = peek(c);

	return x && strchr(set, x) && take(c, x);
}

static bool take_digits(struct cursor *c)
{
	bool any = false;

	while (take_one_of(c, "0123456789"))
		any = true;
	return any;
}

/* quantifier, or nothing. */
static bool quantifier(struct cursor *c)
{
	if (take_one_of(c, "*+?") || !take(c, '{'))
		return true;
	if (!take_digits(c))
		return false;
	if (take(c, ','))
		take_digits(c);
	return take(c, '}');
}

/* SingleCharEsc, the backslash taken. */
static bool single_escape(struct cursor *c)
{
	return take_one_of(c, "()*+-.?[\\]^nrt{|}");
}

/* charClassEsc, the backslash taken: \p and \P with a general category of one or two letters. */
static bool category_escape(struct cursor *c)
{
	static const char *const second[] = {
		"Llmotu", "Mcen", "Ndlo", "Pcdefios", "Zlps", "Sckmo", "Ccfno",
	};

	if (!take_one_of(c, "pP") || !take(c, '{'))
		return false;
	for (size_t i = 0; i < sizeof second / sizeof *second; i++)
		if (take(c, second[i][0])) {
			take_one_of(c, second[i] + 1);
			return take(c, '}');
		}
	return false;
}

/* CCchar: any character but - [ \ ], or an escape of one. */
static bool class_char(struct cursor *c)
{
	if (take(c, '\\'))
		return single_escape(c);
	char x = peek(c);
	if (!c->rest.n || x == '-' || x == '[' || x == ']')
		return false;
	return take(c, x);
}

/* charClassExpr, the opening bracket taken. */
static bool class_expression(struct cursor *c)
{
	take(c, '^');
	bool any = take(c, '-');
	while (c->rest.n && peek(c) != ']') {
		if (peek(c) == '-') {
			take(c, '-');
			break;
		}
		struct cursor saved = *c;
		any = true;
		if (take(c, '\\') && category_escape(c))
			continue;
		*c = saved;
		if (!class_char(c))
			return false;
		/* A hyphen before the bracket stands for itself. Bytes after the first of a character
		 * pass as characters, which changes nothing. */
		if (peek(c) == '-' && c->rest.n > 1 && c->rest.p[1] != ']' && (!take(c, '-') || !class_char(c)))
			return false;
	}
	return any && take(c, ']');
}

static bool atom(struct cursor *c)
{
	if (take(c, '('))
		return ++c->depth <= REGEX_DEPTH_MAX && choice(c) && c->depth-- && take(c, ')');
	if (take(c, '['))
		return class_expression(c);
	if (take(c, '\\')) {
		struct cursor saved = *c;
		if (category_escape(c))
			return true;
		*c = saved;
		return single_escape(c);
	}
	char x = peek(c);
	if (x && strchr("*+?{}])^$", x))
		return false;
	return take(c, x);
}

static bool choice(struct cursor *c)
{
	while (c->rest.n && peek(c) != ')') {
		if (take(c, '|'))
			continue;
		if (!atom(c) || !quantifier(c))
			return false;
	}
	return true;
}

bool regex_is_iregexp(struct view pattern)
{
	struct cursor c = { .rest = pattern };

	if (utf8_valid(pattern) != pattern.n)
		return false;
	take(&c, '^');
	if (c.rest.n && c.rest.p[c.rest.n - 1] == '$') {
		size_t backslashes = 0;
		while (backslashes + 1 < c.rest.n && c.rest.p[c.rest.n - 2 - backslashes] == '\\')
			backslashes++;
		if (backslashes % 2 == 0)
			c.rest.n--;
	}
	return choice(&c) && c.rest.n == 0;
}
