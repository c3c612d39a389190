/* See plain.h. */
#include "lib/base/plain.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/encode.h"

/* Code points of two and three bytes, first to last. */
static const struct {
	const char *first, *last;
	size_t n;
} ranges[] = {
	{ "\xc2\x80", "\xc2\x9f", 2 },         /* U+0080 to U+009F, C1 */
	{ "\xd8\x9c", "\xd8\x9c", 2 },         /* U+061C */
	{ "\xe2\x80\x8e", "\xe2\x80\x8f", 3 }, /* U+200E, U+200F */
	{ "\xe2\x80\xa8", "\xe2\x80\xae", 3 }, /* U+2028 to U+202E: separators, embeddings, overrides */
	{ "\xe2\x81\xa6", "\xe2\x81\xa9", 3 }, /* U+2066 to U+2069: isolates */
};

/* How many bytes the character at the head of `text` has, and whether it is one of those; of what is no UTF-8 a byte is one. */
static size_t step(struct view text, bool *steers)
{
	unsigned char c = (unsigned char)text.p[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	*steers = c < 0x20 || c == 0x7f;
	if (c < 0x80)
		return 1;
	if (n > text.n || utf8_valid(view_make(text.p, n)) != n) {
		*steers = true;
		return 1;
	}
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges && !*steers; i++)
		*steers = n == ranges[i].n && memcmp(text.p, ranges[i].first, n) >= 0 &&
		          memcmp(text.p, ranges[i].last, n) <= 0;
	return n;
}

size_t plain_span(struct view text)
{
	size_t n = 0;
	bool steers;

	while (n < text.n) {
		size_t more = step(view_from(text, n), &steers);
		if (steers)
			break;
		n += more;
	}
	return n;
}

void plain_text(char *text, size_t n)
{
	bool steers;

	for (size_t at = 0; at < n;) {
		size_t more = step(view_make(text + at, n - at), &steers);
		if (steers)
			memset(text + at, '?', more);
		at += more;
	}
}
