/* Names in their own script: spellings that are one name, without a change of letters into others. */
#ifndef GATEWAY_TRANSFORM_SCRIPT_H
#define GATEWAY_TRANSFORM_SCRIPT_H

#include <stdint.h>

#include "lib/base/buf.h"

/* Appends the form of a name that was folded (NFKC, case) to `out`: letters and marks, ASCII digits, one space between
 * words. NULL on success, else what is wrong.
 * Left out: apostrophes and full stops, the marks of Greek letters (capitals have none), the vowel points of Hebrew and
 * Arabic with hamza and madda over alef, waw and yeh. One: dashes, commas and spaces; Persian and Arabic yeh and kaf;
 * Cyrillic io and ie; i with and without its dot. Between characters of Chinese, Japanese and Korean no space stays. */
const char *script_name(const int32_t *points, size_t n, struct buf *out) MUST_USE;

#endif
