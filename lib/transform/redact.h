/* Recognisers of identifiers in free text, each with its check: what only looks like an IBAN stays. They
 * report counts, never text. Any thread; a dictionary is immutable. */
#ifndef GATEWAY_TRANSFORM_REDACT_H
#define GATEWAY_TRANSFORM_REDACT_H

#include <stdint.h>

#include "lib/base/buf.h"

enum recogniser {
	RECOGNISER_MRZ,  /* lines of travel documents, ICAO Doc 9303-4 to -6 */
	RECOGNISER_IBAN, /* ISO 13616, mod 97 */
	RECOGNISER_CARD, /* 12 to 19 digits, ISO/IEC 7812-1 Luhn */
	RECOGNISER_EMAIL,
	RECOGNISER_PHONE, /* E.164 with `+` */
	RECOGNISER_WORD,  /* of the dictionary */
	RECOGNISER_COUNT
};

const char *recogniser_name(enum recogniser r);
enum recogniser recogniser_find(struct view name); /* RECOGNISER_COUNT: none */

/* Words and phrases, found as whole words in any case. */
struct dictionary;
struct dictionary *dictionary_new(size_t capacity) MUST_USE;
bool dictionary_add(struct dictionary *d, struct view word) MUST_USE; /* false: no memory, or no word in it */
void dictionary_free(struct dictionary *d);

/* Appends `text` with each find replaced by its name in brackets; adds to counts[] (may be NULL). `set` has
 * a bit 1 << recogniser for each that looks. Returns the number of finds; `out` NULL: only counts. */
size_t redact(unsigned set, const struct dictionary *words, struct view text, struct buf *out,
              uint32_t counts[RECOGNISER_COUNT]);

/* Check digits, shared with fpe. */
unsigned luhn_digit(const uint8_t *digits, size_t n); /* that belongs behind n digits */
unsigned mrz_digit(const char *text, size_t n);       /* ICAO Doc 9303-3 4.9, weights 7 3 1 */

#endif
