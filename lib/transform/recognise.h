/* What one recogniser finds at one place of a text, read as reading.h says. For redact.c and its neighbours; each
 * function returns how many signs its find has, 0 for none, and looks at LOOKAHEAD signs at most. */
#ifndef GATEWAY_TRANSFORM_RECOGNISE_H
#define GATEWAY_TRANSFORM_RECOGNISE_H

#include "lib/transform/reading.h"
#include "lib/transform/redact.h"

#define LOOKAHEAD 1024

#define LOOKBACK 64

/* The place: its signs, and the two before it (0 at the front, and behind a find, where anything can begin). `back`
 * signs before it can be read, LOOKBACK at most. */
struct place {
	const struct sign *s;
	size_t n, back;
	int32_t before, before2;
};

size_t find_mrz(const struct place *p);
size_t find_iban(const struct place *p);
size_t find_card(const struct place *p);
size_t find_email(const struct place *p);
/* An address whose front is the place has its `@`, or a word for it, less than this many signs further on. */
#define ADDRESS_REACH 264
/* Signs up to the first `@` or word for it that an address could have; p->n: there is none. Where the text goes on behind
 * the last sign (`ended` is false), a word that is cut off there counts as one. */
size_t find_at(const struct place *p, bool ended);
size_t find_phone(const struct place *p);
size_t find_word(const struct dictionary *d, const struct place *p);

/* What an ASCII sign can be; the reading has no capitals. */
#define SIGN_DIGIT     1u
#define SIGN_LETTER    2u
#define SIGN_SEPARATES 4u  /* within numbers: spaces, dashes, dots and what else people put between groups */
#define SIGN_LOCAL     8u  /* within the local part of an address, RFC 5322 atext and the dot */
#define SIGN_OPENS     16u /* has a closing counterpart */
extern const uint8_t sign_classes[128];

static inline bool sign_is(int32_t c, unsigned classes)
{
	return c >= 0 && c < 128 && (sign_classes[c] & classes);
}

static inline bool sign_is_digit(int32_t c)
{
	return c >= '0' && c <= '9';
}

static inline bool sign_is_letter(int32_t c)
{
	return c >= 'a' && c <= 'z';
}

/* The point at `i`, 0 behind the end. */
static inline int32_t sign_at(const struct place *p, size_t i)
{
	return i < p->n ? p->s[i].point : 0;
}

/* What people put between the groups of a number. The signs of a fraction's bar stand for a slash. */
static inline bool separates(int32_t c)
{
	return c < 128 ? sign_is(c, SIGN_SEPARATES) : c == 0x2044 || c == 0x2215;
}

/* Characters that stand in groups with separators between: A to Z and 0 to 9. */
#define SPELT_MAX 48
struct spelt {
	char c[SPELT_MAX];
	uint16_t end[SPELT_MAX]; /* signs up to and with this character */
	uint8_t gap[SPELT_MAX];  /* what stands before it: nothing, separators, or a line's end */
	size_t n;
};
enum { GAP_NONE, GAP_SEPARATORS, GAP_LINE };

/* Collects at most `max` characters that `take` accepts, across at most `gaps` separators in a row. */
void spell(const struct place *p, char (*take)(int32_t c), size_t max, size_t gaps, struct spelt *out);
char take_digit(int32_t c);
char take_alnum(int32_t c); /* capital; letters that look like one of A to Z count as it */

/* Are the first `n` in groups of one size, but for a shorter last one? A line may end within a group. */
bool spelt_is_even(const struct spelt *s, size_t n);

#endif
