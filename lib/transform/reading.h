/* A text as the recognisers read it: one sign after another in one plain form, each with the bytes that it was
 * written with, so that what is found is blacked out where it stands.
 *
 * NFKC with case folded; decimal digits of any script are `0` to `9`; soft hyphens, zero-width and other ignorable
 * characters and general combining marks are left out; white space of any length is one space, or one `\n` when a
 * line ends in it; dashes are `-` (several in a row are one), dots `.`, apostrophes `'`; HTML character references
 * and `%40`, `%2B`, `%20` are what they stand for. Allocates nothing. One thread's. */
#ifndef GATEWAY_TRANSFORM_READING_H
#define GATEWAY_TRANSFORM_READING_H

#include <stdint.h>

#include "lib/base/view.h"

struct sign {
	int32_t point;
	uint32_t from, to; /* in the text; of a character that became several signs, each has all of it */
};

#define SIGNS_PENDING 32 /* no character decomposes into more than 18 code points */

struct reading {
	struct view text;
	size_t at;
	struct sign pending[SIGNS_PENDING];
	size_t n_pending, next_pending;
};

/* The text is valid UTF-8, as the tape saw to, and shorter than 4 GiB. */
void reading_start(struct reading *r, struct view text);
bool reading_next(struct reading *r, struct sign *s); /* false: the end */
/* As many as there is room for; how many. Fewer than `room`: the end. */
size_t reading_fill(struct reading *r, struct sign *s, size_t room);

#endif
