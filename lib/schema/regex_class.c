/* Characters of ECMA-262 patterns: escapes (22.2.1, CharacterEscape and CharacterClassEscape) and classes
 * (CharacterClass), with the flag `u`; see regex_parser.h. */
#include "lib/schema/regex_parser.h"

uint32_t regex_take_code_point(struct regex_parser *p)
{
	unsigned char c = (unsigned char)p->text.p[p->at++];
	int more_bytes = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	uint32_t cp = c < 0x80 ? c : c & (0x3fu >> more_bytes);

	while (more_bytes-- > 0)
		cp = cp << 6 | ((unsigned char)p->text.p[p->at++] & 0x3f);
	return cp;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool take_hex(struct regex_parser *p, int digits, uint32_t *out)
{
	uint32_t v = 0;

	for (int i = 0; i < digits; i++) {
		int h = hex_value(peek(p, (size_t)i));
		if (h < 0)
			return false;
		v = v << 4 | (uint32_t)h;
	}
	p->at += (size_t)digits;
	*out = v;
	return true;
}

/* After `\u`: four digits, a surrogate pair of two such escapes, or {digits}. */
static bool take_unicode_escape(struct regex_parser *p, uint32_t *out)
{
	uint32_t high, low;

	if (take(p, '{')) {
		uint32_t v = 0;
		size_t digits = 0;
		for (int h; (h = hex_value(peek(p, 0))) >= 0; digits++, p->at++) {
			v = v << 4 | (uint32_t)h;
			if (v > CODE_POINT_MAX)
				return false;
		}
		*out = v;
		return digits > 0 && take(p, '}');
	}
	if (!take_hex(p, 4, &high))
		return false;
	*out = high;
	if (high < 0xd800 || high > 0xdbff || peek(p, 0) != '\\' || peek(p, 1) != 'u')
		return true;
	size_t before = p->at;
	p->at += 2;
	if (take_hex(p, 4, &low) && low >= 0xdc00 && low <= 0xdfff)
		*out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	else
		p->at = before;
	return true;
}

bool regex_take_escape(struct regex_parser *p, uint32_t *out)
{
	char c = peek(p, 0);
	static const char controls[] = "t\tn\nv\vf\fr\r";

	for (size_t i = 0; i + 1 < sizeof controls; i += 2)
		if (c == controls[i]) {
			p->at++;
			*out = (uint32_t)controls[i + 1];
			return true;
		}
	if (c == '0') {
		p->at++;
		*out = 0;
		return !(peek(p, 0) >= '0' && peek(p, 0) <= '9');
	}
	if (c == 'c') {
		char letter = peek(p, 1);
		if (!((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')))
			return false;
		p->at += 2;
		*out = (uint32_t)letter & 0x1f;
		return true;
	}
	if (take(p, 'x'))
		return take_hex(p, 2, out);
	if (take(p, 'u'))
		return take_unicode_escape(p, out);
	bool punctuation =
	        c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z');
	if (!punctuation && c != ' ')
		return false;
	p->at++;
	*out = (uint32_t)(unsigned char)c;
	return true;
}

int regex_take_class_escape(struct regex_parser *p, struct code_set *s)
{
	char c = peek(p, 0);

	if (c && strchr("dDsSwW", c)) {
		p->at++;
		if (!code_set_add_class(p->a, s, c)) {
			regex_no_memory(p);
			return -1;
		}
		return 1;
	}
	if (c != 'p' && c != 'P')
		return 0;
	const char *end = peek(p, 1) == '{' ? memchr(p->text.p + p->at, '}', p->text.n - p->at) : NULL;
	if (!end) {
		regex_fail(p, "\\p and \\P need a property name in braces");
		return -1;
	}
	struct view name = view_make(p->text.p + p->at + 2, (size_t)(end - p->text.p) - p->at - 2);
	if (!code_set_add_property(p->a, s, name, c == 'P')) {
		regex_fail(p, "no such Unicode property");
		return -1;
	}
	p->at += name.n + 3;
	p->out->uses |= REGEX_USES_PROPERTY;
	return 1;
}

/* One atom of a class: a code point (1), a class escape added to `s` (2), or an error (0). */
static int take_class_atom(struct regex_parser *p, struct code_set *s, uint32_t *cp)
{
	if (!more(p)) {
		regex_fail(p, "a class is not closed");
		return 0;
	}
	if (!take(p, '\\')) {
		*cp = regex_take_code_point(p);
		return 1;
	}
	int taken = regex_take_class_escape(p, s);
	if (taken)
		return taken < 0 ? 0 : 2;
	if (take(p, 'b')) {
		*cp = '\b';
		return 1;
	}
	if (regex_take_escape(p, cp))
		return 1;
	regex_fail(p, "an escape that ECMA-262 does not have");
	return 0;
}

/* A surrogate by itself occurs in no UTF-8 text: kept out, so that both back ends need not know it. */
static bool add_range(struct regex_parser *p, struct code_set *s, uint32_t lo, uint32_t hi)
{
	bool ok = true;

	if (lo < 0xd800)
		ok = code_set_add(p->a, s, lo, hi < 0xd800 ? hi : 0xd7ff);
	if (ok && hi > 0xdfff)
		ok = code_set_add(p->a, s, lo > 0xdfff ? lo : 0xe000, hi);
	if (!ok)
		regex_no_memory(p);
	return ok;
}

struct regex_node *regex_parse_class(struct regex_parser *p)
{
	struct regex_node *n = regex_set_new(p);

	if (!n)
		return NULL;
	n->set->negated = take(p, '^');
	while (!take(p, ']')) {
		uint32_t lo = 0, hi = 0;
		int kind = take_class_atom(p, n->set, &lo), last = 1;
		if (!kind)
			return NULL;
		hi = lo;
		if (peek(p, 0) == '-' && peek(p, 1) != ']' && p->at + 1 < p->text.n) {
			p->at++;
			last = take_class_atom(p, n->set, &hi);
			if (!last)
				return NULL;
			if (kind == 2 || last == 2)
				return regex_fail(p,
				                  "a class escape is no end of a range; write \\- for the character");
			if (lo > hi)
				return regex_fail(p, "a range of a class is out of order");
		}
		if (kind == 1 && !add_range(p, n->set, lo, hi))
			return NULL;
	}
	if (!code_set_finish(p->a, n->set))
		return regex_no_memory(p);
	return n;
}

struct regex_node *regex_one_code_point(struct regex_parser *p, uint32_t cp)
{
	struct regex_node *n = regex_set_new(p);

	if (!n || !add_range(p, n->set, cp, cp))
		return NULL;
	return n;
}
