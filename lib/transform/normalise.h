/* Normalisation before a pseudonym, by named profile: which spellings count as one value.
 *
 * Unicode: NFKC with case folded and ignorable characters left out. Code points that are not assigned in
 * the library's version are refused; for assigned ones the results never change between versions
 * (Unicode stability policy), so a newer library gives no person a second pseudonym.
 *
 * A normaliser is one thread's scratch; once warm it allocates nothing. */
#ifndef GATEWAY_TRANSFORM_NORMALISE_H
#define GATEWAY_TRANSFORM_NORMALISE_H

#include "lib/base/buf.h"

enum profile {
	PROFILE_EXACT,    /* the same bytes */
	PROFILE_NAME,     /* A to Z, words separated by `<`, ICAO Doc 9303-3 section 6 transliteration */
	PROFILE_DOCUMENT, /* A to Z and 0 to 9; separators go */
	PROFILE_PHONE,    /* E.164 with its `+`; separators go */
	PROFILE_DATE,     /* RFC 3339 full-date */
	PROFILE_EMAIL,    /* one `@`, folded */
	PROFILE_TEXT,     /* folded, runs of white space one space */
	/* Names of people whose letters ICAO Doc 9303 has no transliteration for, with digits, in any script. */
	PROFILE_NAME_SCRIPT, /* in their own script, script.h */
	PROFILE_NAME_ANY,    /* as PROFILE_NAME where it takes the whole name, else as PROFILE_NAME_SCRIPT */
	PROFILE_COUNT
};

const char *profile_name(enum profile p);
enum profile profile_find(struct view name); /* PROFILE_COUNT: none */

struct normaliser;
struct normaliser *normaliser_new(void) MUST_USE;
void normaliser_free(struct normaliser *n);
void normaliser_wipe(struct normaliser *n);
/* Appends the normal form to `out`. NULL on success, else what is wrong, without the value. */
const char *normalise(struct normaliser *n, enum profile profile, struct view text, struct buf *out) MUST_USE;
/* The same for counting data subjects, where two that are taken for one are the safe mistake: what is left when case,
 * marks, white space, punctuation and symbols go (all of it, where nothing would be). */
const char *normalise_subject(struct normaliser *n, struct view text, struct buf *out) MUST_USE;

#endif
