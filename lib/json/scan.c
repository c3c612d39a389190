/* See scan.h. Tokens of JSON that are not decided by one byte: numbers (RFC 8259 section 6), UTF-8
 * (RFC 3629 section 4) and escapes (RFC 8259 section 7). */
#include "lib/json/scan.h"

static const char *refuse(struct scan_fault *fault, const char *at, const char *place, const char *text)
{
	*fault = (struct scan_fault){ at, place, text };
	return NULL;
}

static bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

const char *scan_number(const char *s, bool *integer, struct scan_fault *fault)
{
	if (*s == '-')
		s++;
	if (*s == '0') {
		s++;
		if (is_digit(*s))
			return refuse(fault, s, s, "a number has a leading zero");
	} else {
		if (!is_digit(*s))
			return refuse(fault, s, s, "a digit is missing in a number");
		while (is_digit(*s))
			s++;
	}
	*integer = true;
	if (*s == '.') {
		*integer = false;
		s++;
		if (!is_digit(*s))
			return refuse(fault, s, s, "a digit is missing after the decimal point");
		while (is_digit(*s))
			s++;
	}
	if (*s == 'e' || *s == 'E') {
		*integer = false;
		s++;
		if (*s == '+' || *s == '-')
			s++;
		if (!is_digit(*s))
			return refuse(fault, s, s, "a digit is missing in an exponent");
		while (is_digit(*s))
			s++;
	}
	return s;
}

const char *scan_utf8(const char *s, struct scan_fault *fault)
{
	static const char bad[] = "a string is not valid UTF-8";
	const unsigned char *u = (const unsigned char *)s;
	unsigned char first = u[0], low = 0x80, high = 0xbf;
	unsigned more;

	if (first < 0xc2 || first > 0xf4) /* a continuation, an overlong form, past U+10FFFF */
		return refuse(fault, s, s, bad);
	more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
	/* The second byte alone keeps out overlong forms, surrogates and what is past U+10FFFF. */
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	for (unsigned i = 1; i <= more; i++, low = 0x80, high = 0xbf)
		if (u[i] < low || u[i] > high)
			return refuse(fault, s + i, s, bad);
	return s + 1 + more;
}

/* The four digits of a \u escape at `s`, or NULL. */
static const char *hex4(const char *s, uint32_t *out, const char *place, struct scan_fault *fault)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++, s++) {
		char c = *s;
		uint32_t d;
		if (is_digit(c))
			d = (uint32_t)(c - '0');
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			d = (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return refuse(fault, s, place, "an escape \\u needs four hexadecimal digits");
		v = v << 4 | d;
	}
	*out = v;
	return s;
}

static unsigned put_utf8(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static const char *unicode_escape(const char *s, char out[4], unsigned *n, struct scan_fault *fault)
{
	static const char lone[] = "an escape is half of a surrogate pair";
	const char *place = s;
	uint32_t c, d;

	s = hex4(s + 2, &c, place, fault);
	if (!s)
		return NULL;
	if (c >= 0xd800 && c <= 0xdfff) {
		if (c >= 0xdc00)
			return refuse(fault, place, place, lone);
		if (s[0] != '\\')
			return refuse(fault, s, place, lone);
		if (s[1] != 'u')
			return refuse(fault, s + 1, place, lone);
		s = hex4(s + 2, &d, s, fault);
		if (!s)
			return NULL;
		if (d < 0xdc00 || d > 0xdfff)
			return refuse(fault, place, place, lone);
		c = 0x10000 + ((c - 0xd800) << 10) + (d - 0xdc00);
	}
	*n = put_utf8(c, out);
	return s;
}

const char *scan_escape(const char *s, char out[4], unsigned *n, struct scan_fault *fault)
{
	*n = 1;
	switch (s[1]) {
	case '"':
	case '\\':
	case '/': out[0] = s[1]; return s + 2;
	case 'b': out[0] = '\b'; return s + 2;
	case 'f': out[0] = '\f'; return s + 2;
	case 'n': out[0] = '\n'; return s + 2;
	case 'r': out[0] = '\r'; return s + 2;
	case 't': out[0] = '\t'; return s + 2;
	case 'u': return unicode_escape(s, out, n, fault);
	default: return refuse(fault, s + 1, s, "there is no such escape");
	}
}
