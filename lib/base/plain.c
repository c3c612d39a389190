/* See plain.h. */
#include "lib/base/plain.h"

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

/* How many bytes at the head of `text` are one such code point, or none at all; 0: it is plain. */
static size_t steers(struct view text)
{
	unsigned char c = (unsigned char)text.p[0];

	if (c < 0x20 || c == 0x7f)
		return 1;
	if (c >= 0x80 && utf8_valid(view_make(text.p, text.n < 4 ? text.n : 4)) == 0)
		return 1;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (text.n >= ranges[i].n && memcmp(text.p, ranges[i].first, ranges[i].n) >= 0 &&
		    memcmp(text.p, ranges[i].last, ranges[i].n) <= 0)
			return ranges[i].n;
	return 0;
}

size_t plain_span(struct view text)
{
	size_t n = 0;

	while (n < text.n && steers(view_from(text, n)) == 0)
		n++;
	return n;
}

void plain_text(char *text, size_t n)
{
	for (size_t at = 0; at < n; at++) {
		size_t much = steers(view_make(text + at, n - at));
		if (much > 0)
			memset(text + at, '?', much);
	}
}
