/* Recognisers of identifiers in free text, each with its check: what only looks like an IBAN stays. They read the text
 * in one plain form (reading.h), so that foreign digits, full width, invisible characters, other dashes and spaces, and
 * lines that end within a number hide nothing; what is blacked out is the text as it was written. They report counts,
 * never text. Nothing is allocated. Any thread; a dictionary is immutable. */
#ifndef GATEWAY_TRANSFORM_REDACT_H
#define GATEWAY_TRANSFORM_REDACT_H

#include <stdint.h>

#include "lib/base/buf.h"

enum recogniser {
	RECOGNISER_MRZ,  /* lines of travel documents, ICAO Doc 9303-4 to -6 */
	RECOGNISER_IBAN, /* ISO 13616: the country's form, and mod 97 */
	RECOGNISER_CARD, /* 12 to 19 digits of an issuer's range, ISO/IEC 7812-1 Luhn */
	RECOGNISER_EMAIL,
	RECOGNISER_PHONE, /* E.164 with `+`, `00`, `011` or "plus" */
	RECOGNISER_WORD,  /* of the dictionary */
	RECOGNISER_COUNT
};

const char *recogniser_name(enum recogniser r);
enum recogniser recogniser_find(struct view name); /* RECOGNISER_COUNT: none */

/* Words and phrases, found as whole words in any case, with or without accents. */
struct dictionary;
struct dictionary *dictionary_new(size_t capacity) MUST_USE;
bool dictionary_add(struct dictionary *d, struct view word) MUST_USE; /* false: no memory, or no word in it */
void dictionary_free(struct dictionary *d);

/* Longer texts are refused: nobody can say what stands in them. */
#define REDACT_TEXT_MAX (1u << 20)
#define REDACT_REFUSED  SIZE_MAX

/* Appends `text` with each find replaced by its name in brackets; adds to counts[] (may be NULL). `set` has
 * a bit 1 << recogniser for each that looks. Returns the number of finds, or REDACT_REFUSED; `out` NULL: only counts.
 * Brackets with a recogniser's name in them are not looked into. What stands beside a find may be one only afterwards,
 * so that whoever needs a text without any calls again on the result until there is none. */
size_t redact(unsigned set, const struct dictionary *words, struct view text, struct buf *out,
              uint32_t counts[RECOGNISER_COUNT]) MUST_USE;

/* Check digits, shared with fpe. */
unsigned luhn_digit(const uint8_t *digits, size_t n); /* that belongs behind n digits */
unsigned mrz_digit(const char *text, size_t n);       /* ICAO Doc 9303-3 4.9, weights 7 3 1 */

#endif
