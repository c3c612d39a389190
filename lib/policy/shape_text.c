/* What a shape's text is written with, and where packed disclosures name one. See shape.h. */
#include "lib/policy/shape.h"

#include <stdlib.h>

#include "lib/base/encode.h"

void shape_add_ascii(struct buf *out, struct view v)
{
	size_t i = 0;

	buf_addc(out, '"');
	while (i < v.n) {
		unsigned char c = (unsigned char)v.p[i];
		size_t plain = i;
		while (plain < v.n && (unsigned char)v.p[plain] >= 0x20 && (unsigned char)v.p[plain] < 0x80 &&
		       v.p[plain] != '"' && v.p[plain] != '\\')
			plain++;
		if (plain > i) {
			buf_add(out, view_make(v.p + i, plain - i));
			i = plain;
			continue;
		}
		uint32_t code = c;
		size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
		if (more)
			code = c & (0x3fu >> more);
		for (i++; more && i < v.n; more--, i++)
			code = code << 6 | ((unsigned char)v.p[i] & 0x3f);
		if (code >= 0x10000)
			buf_addf(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
			         0xdc00 + ((code - 0x10000) & 0x3ff));
		else if (code == '"' || code == '\\')
			buf_addf(out, "\\%c", (char)code);
		else
			buf_addf(out, "\\u%04x", code);
	}
	buf_addc(out, '"');
}

#define NAMED ",\"shape\":\""

/* Of [salt,"decision",{…}]: strings in it are escaped, so that none of them has a member of the decision. */
static bool named_in(struct view disclosure, struct digest *out)
{
	static const char decision[] = "\"decision\",{";
	const char *begin = memmem(disclosure.p, disclosure.n, decision, strlen(decision));
	const char *end = disclosure.p + disclosure.n;

	/* Behind the salt: 22 characters in quotes, a bracket and a comma. */
	if (!begin || begin - disclosure.p != 26)
		return false;
	const char *at = memmem(begin, (size_t)(end - begin), NAMED, strlen(NAMED));
	return at && (size_t)(end - at) > strlen(NAMED) + 64 && digest_parse(view_make(at + strlen(NAMED), 64), out);
}

bool shape_named(struct view packed, struct digest *out)
{
	size_t size = packed.n + 1, n;
	char *bytes = malloc(size);
	bool found = false;

	/* ["…","…"]: what is no base64url string is no disclosure. */
	while (bytes && !found && packed.n > 1) {
		const char *quote = memchr(packed.p + 1, '"', packed.n - 1);
		if (!quote)
			break;
		struct view rest = view_from(packed, (size_t)(quote - packed.p) + 1);
		const char *close = memchr(rest.p, '"', rest.n);
		if (!close)
			break;
		struct view item = view_make(rest.p, (size_t)(close - rest.p));
		found = base64url_decode(item, bytes, size, &n) && named_in(view_make(bytes, n), out);
		packed = view_from(rest, item.n);
	}
	if (bytes)
		wipe(bytes, size);
	free(bytes);
	return found;
}
