/* URIs (RFC 3986), IRIs (RFC 3987) and URI templates (RFC 6570), in one pass without backtracking. */
#include "lib/schema/format_parts.h"

/* What a character may be part of. */
#define UNRESERVED 1u /* ALPHA DIGIT - . _ ~ */
#define SUB_DELIM  2u /* ! $ & ' ( ) * + , ; = */
#define COLON      4u
#define AT         8u
#define SLASH      16u
#define QUESTION   32u
#define USERINFO   (UNRESERVED | SUB_DELIM | COLON)
#define PCHAR      (USERINFO | AT)
#define PATH       (PCHAR | SLASH)
#define QUERY      (PATH | QUESTION)

static const uint8_t kinds[128] = {
	['!'] = SUB_DELIM,  ['$'] = SUB_DELIM,  ['&'] = SUB_DELIM,  ['\''] = SUB_DELIM, ['('] = SUB_DELIM,
	[')'] = SUB_DELIM,  ['*'] = SUB_DELIM,  ['+'] = SUB_DELIM,  [','] = SUB_DELIM,  [';'] = SUB_DELIM,
	['='] = SUB_DELIM,  [':'] = COLON,      ['@'] = AT,         ['/'] = SLASH,      ['?'] = QUESTION,
	['-'] = UNRESERVED, ['.'] = UNRESERVED, ['_'] = UNRESERVED, ['~'] = UNRESERVED, ['0'] = UNRESERVED,
	['1'] = UNRESERVED, ['2'] = UNRESERVED, ['3'] = UNRESERVED, ['4'] = UNRESERVED, ['5'] = UNRESERVED,
	['6'] = UNRESERVED, ['7'] = UNRESERVED, ['8'] = UNRESERVED, ['9'] = UNRESERVED, ['A'] = UNRESERVED,
	['B'] = UNRESERVED, ['C'] = UNRESERVED, ['D'] = UNRESERVED, ['E'] = UNRESERVED, ['F'] = UNRESERVED,
	['G'] = UNRESERVED, ['H'] = UNRESERVED, ['I'] = UNRESERVED, ['J'] = UNRESERVED, ['K'] = UNRESERVED,
	['L'] = UNRESERVED, ['M'] = UNRESERVED, ['N'] = UNRESERVED, ['O'] = UNRESERVED, ['P'] = UNRESERVED,
	['Q'] = UNRESERVED, ['R'] = UNRESERVED, ['S'] = UNRESERVED, ['T'] = UNRESERVED, ['U'] = UNRESERVED,
	['V'] = UNRESERVED, ['W'] = UNRESERVED, ['X'] = UNRESERVED, ['Y'] = UNRESERVED, ['Z'] = UNRESERVED,
	['a'] = UNRESERVED, ['b'] = UNRESERVED, ['c'] = UNRESERVED, ['d'] = UNRESERVED, ['e'] = UNRESERVED,
	['f'] = UNRESERVED, ['g'] = UNRESERVED, ['h'] = UNRESERVED, ['i'] = UNRESERVED, ['j'] = UNRESERVED,
	['k'] = UNRESERVED, ['l'] = UNRESERVED, ['m'] = UNRESERVED, ['n'] = UNRESERVED, ['o'] = UNRESERVED,
	['p'] = UNRESERVED, ['q'] = UNRESERVED, ['r'] = UNRESERVED, ['s'] = UNRESERVED, ['t'] = UNRESERVED,
	['u'] = UNRESERVED, ['v'] = UNRESERVED, ['w'] = UNRESERVED, ['x'] = UNRESERVED, ['y'] = UNRESERVED,
	['z'] = UNRESERVED,
};

/* RFC 3987 2.2. */
static bool is_ucschar(uint32_t c)
{
	if (c < 0x10000)
		return (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xf900 && c <= 0xfdcf) || (c >= 0xfdf0 && c <= 0xffef);
	return c < 0xf0000 && (c & 0xffff) <= 0xfffd && (c < 0xe0000 || c >= 0xe1000);
}

static bool is_iprivate(uint32_t c)
{
	return (c >= 0xe000 && c <= 0xf8ff) || (c >= 0xf0000 && (c & 0xffff) <= 0xfffd);
}

/* Every character is of a kind of `allowed` or a percent-encoded octet. */
static bool all_of(struct view v, unsigned allowed, bool iri, bool private)
{
	size_t i = 0;

	while (i < v.n) {
		unsigned char c = (unsigned char)v.p[i];
		if (c >= 0x80) {
			uint32_t cp = next_code_point(v, &i);
			if (!iri || !(is_ucschar(cp) || (private && is_iprivate(cp))))
				return false;
		} else if (c == '%') {
			if (i + 2 >= v.n || !is_hex(v.p[i + 1]) || !is_hex(v.p[i + 2]))
				return false;
			i += 3;
		} else if (kinds[c] & allowed) {
			i++;
		} else {
			return false;
		}
	}
	return true;
}

/* IPvFuture of RFC 3986 3.2.2. */
static bool is_ip_future(struct view v)
{
	size_t i = 1;

	if (v.n < 4 || (v.p[0] != 'v' && v.p[0] != 'V'))
		return false;
	while (i < v.n && is_hex(v.p[i]))
		i++;
	struct view rest = view_from(v, i + 1);
	return i > 1 && i < v.n && v.p[i] == '.' && rest.n && !memchr(rest.p, '%', rest.n) &&
	       all_of(rest, USERINFO, false, false);
}

static bool is_authority(struct view v, bool iri)
{
	const char *at = v.n ? memchr(v.p, '@', v.n) : NULL;

	if (at) {
		if (!all_of(view_make(v.p, (size_t)(at - v.p)), USERINFO, iri, false))
			return false;
		v = view_from(v, (size_t)(at - v.p) + 1);
	}
	if (v.n && v.p[0] == '[') {
		const char *close = memchr(v.p, ']', v.n);
		if (!close)
			return false;
		struct view literal = view_make(v.p + 1, (size_t)(close - v.p) - 1);
		if (!format_ipv6(literal) && !is_ip_future(literal))
			return false;
		v = view_from(v, literal.n + 2);
	} else {
		struct view rest = v;
		struct view host = view_cut(&rest, ':');
		if (!all_of(host, UNRESERVED | SUB_DELIM, iri, false))
			return false;
		v = view_from(v, host.n);
	}
	if (!v.n)
		return true;
	for (size_t i = 1; i < v.n; i++)
		if (!is_digit(v.p[i]))
			return false;
	return v.p[0] == ':';
}

/* Length of the scheme, 0 when the text does not begin with one and a colon. */
static size_t scheme_length(struct view v)
{
	size_t i = 0;

	if (!v.n || !is_letter(v.p[0]))
		return 0;
	while (i < v.n && (is_letter(v.p[i]) || is_digit(v.p[i]) || v.p[i] == '+' || v.p[i] == '-' || v.p[i] == '.'))
		i++;
	return i < v.n && v.p[i] == ':' ? i : 0;
}

/* Cuts `v` before the first of the characters and returns what follows, with the character. */
static struct view cut_at(struct view *v, char a, char b)
{
	size_t i = 0;

	while (i < v->n && v->p[i] != a && v->p[i] != b)
		i++;
	struct view rest = view_from(*v, i);
	v->n = i;
	return rest;
}

bool format_uri(struct view v, enum uri_form form, bool iri)
{
	size_t scheme = scheme_length(v);

	if (form == URI_ABSOLUTE && !scheme)
		return false;
	struct view path = scheme ? view_from(v, scheme + 1) : v;
	struct view fragment = cut_at(&path, '#', '#');
	struct view query = cut_at(&path, '?', '?');

	if (path.n >= 2 && path.p[0] == '/' && path.p[1] == '/') {
		struct view authority = view_from(path, 2);
		path = cut_at(&authority, '/', '/');
		if (!is_authority(authority, iri))
			return false;
	} else if (!scheme) {
		struct view first = path;
		cut_at(&first, '/', '/');
		if (first.n && memchr(first.p, ':', first.n)) /* path-noscheme, RFC 3986 4.2 */
			return false;
	}
	return all_of(path, PATH, iri, false) && all_of(view_from(query, 1), QUERY, iri, true) &&
	       all_of(view_from(fragment, 1), QUERY, iri, false);
}

/* varname of RFC 6570 2.3 and its modifiers of 2.4. */
static bool is_varspec(struct view v)
{
	struct view name = v;
	struct view modifier = cut_at(&name, ':', '*');
	bool dot = true;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (c == '.') {
			if (dot)
				return false;
			dot = true;
			continue;
		}
		dot = false;
		if (c == '%') {
			if (i + 2 >= name.n || !is_hex(name.p[i + 1]) || !is_hex(name.p[i + 2]))
				return false;
			i += 2;
		} else if (!is_letter(c) && !is_digit(c) && c != '_') {
			return false;
		}
	}
	if (dot)
		return false;
	if (!modifier.n || view_is(modifier, "*"))
		return true;
	struct view length = view_from(modifier, 1);
	if (modifier.p[0] != ':' || !length.n || length.n > 4 || length.p[0] == '0')
		return false;
	for (size_t i = 0; i < length.n; i++)
		if (!is_digit(length.p[i]))
			return false;
	return true;
}

static bool is_expression(struct view v)
{
	if (v.n && v.p[0] && strchr("+#./;?&=,!@|", v.p[0]))
		v = view_from(v, 1);
	while (v.p) {
		struct view spec = view_cut(&v, ',');
		if (!is_varspec(spec))
			return false;
	}
	return true;
}

/* literals of RFC 6570 2.1; with the apostrophe, as its erratum 6937 has it. */
static bool is_literal(struct view v)
{
	size_t i = 0;

	while (i < v.n) {
		unsigned char c = (unsigned char)v.p[i];
		if (c >= 0x80) {
			uint32_t cp = next_code_point(v, &i);
			if (!is_ucschar(cp) && !is_iprivate(cp))
				return false;
			continue;
		}
		if (c <= ' ' || c == 0x7f || strchr("\"<>\\^`{|}", c))
			return false;
		if (c == '%') {
			if (i + 2 >= v.n || !is_hex(v.p[i + 1]) || !is_hex(v.p[i + 2]))
				return false;
			i += 2;
		}
		i++;
	}
	return true;
}

bool format_uri_template(struct view v)
{
	while (v.n) {
		struct view literal = v;
		v = cut_at(&literal, '{', '{');
		if (!is_literal(literal))
			return false;
		if (!v.n)
			return true;
		struct view expression = view_from(v, 1);
		v = cut_at(&expression, '}', '}');
		if (!v.n || !is_expression(expression))
			return false;
		v = view_from(v, 1);
	}
	return true;
}
