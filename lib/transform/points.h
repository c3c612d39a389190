/* Code points that people write for one another: foreign digits, the many dashes, spaces, dots and apostrophes, marks
 * that may be left out. Shared by the normaliser and the recognisers, so that both take the same spellings. Pure, any
 * thread. */
#ifndef GATEWAY_TRANSFORM_POINTS_H
#define GATEWAY_TRANSFORM_POINTS_H

#include <stdint.h>

#include "lib/base/view.h"

int point_digit(int32_t c);          /* 0 to 9 of any script's decimal digits (Unicode category Nd), else -1 */
bool point_is_space(int32_t c);      /* category Zs, and the control characters that are white space */
bool point_is_line_end(int32_t c);   /* among those: what ends a line */
bool point_is_dash(int32_t c);       /* category Pd, and what is typed for it: minus, hyphen bullet */
bool point_is_dot(int32_t c);        /* full stops and middle dots of any script */
bool point_is_apostrophe(int32_t c); /* and the modifier letters, primes and accents that are typed for it */
bool point_is_word_beyond(int32_t c);

/* Letters, marks, digits. */
static inline bool point_is_word(int32_t c)
{
	if (c < 0x80)
		return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
	return point_is_word_beyond(c);
}

/* Marks that a word can have or not and stay the same: the general ones, and the vowel points of Hebrew and Arabic with
 * the letter extender. */
bool point_is_overlay(int32_t c); /* general combining marks: accents, strokes, enclosing circles and keycaps */
bool point_is_vowel_point(int32_t c);

/* A to Z where a Greek or Cyrillic letter (small or capital) looks like it, else 0. */
char point_look_alike(int32_t c);

#endif
