/* Exact decimal arithmetic on JSON number tokens (RFC 8259 section 6), for JSON Schema: what is
 * written is what counts, nothing passes through binary floating point. 1, 1.0 and 10e-1 are one
 * value, and so are 0, -0 and 0e5; 1e999999 compares without its digits being made, and an exponent
 * may itself have any number of digits.
 *
 * Every token must have the form of a JSON number (TAPE_NUMBER tokens have). A struct decimal looks
 * into its token, which must outlive it. No allocation, no state, any thread.
 *
 * Cost: all functions but decimal_multiple_of() are linear in the length of the tokens. With n the
 * significant digits of the value and d those of the divisor, decimal_multiple_of() takes n + 64
 * steps when d <= 19, otherwise (n + 4d) * d / 19 times 10 at most: about 15,000 steps for records
 * (72 characters), 50 million at the ceiling of 4,096. */
#ifndef GATEWAY_JSON_DECIMAL_H
#define GATEWAY_JSON_DECIMAL_H

#include <stdint.h>

#include "lib/base/view.h"

/* Significant digits of a divisor at most; one with more divides nothing but zero. */
#define DECIMAL_DIVISOR_DIGITS 4096

/* A number taken apart: digits (without zeros at either end) times a power of ten. The digits are
 * those of `head` followed by those of `tail`, either may be empty; a dot stands between them. Make
 * one ahead for a number of a schema; the token functions below make them as they go. */
struct decimal {
	struct view head, tail;
	struct view exponent; /* digits of the written exponent without leading zeros; may be empty */
	int64_t shift;        /* the last digit counts 10^(written exponent + shift) */
	uint64_t small;       /* the digits as an integer, where fits_small */
	int8_t sign;          /* -1, 0 (the value is zero), 1 */
	bool exponent_negative;
	bool fits_small; /* at most 19 digits */
};

struct decimal decimal_parse(struct view token);
int decimal_compare(const struct decimal *a, const struct decimal *b); /* -1, 0, 1 */
bool decimal_divides(const struct decimal *divisor, const struct decimal *value);

/* The value has no fraction: 1, 1.0, 1e2 and 12.30e1 are, 1e-1 is not (JSON Schema "integer"). */
bool decimal_is_integer(struct view token);
/* The value as int64_t when it is an integer and fits, however it is written. Plain integer tokens
 * of up to 18 digits take the fast path. `*out` is written only on success. */
bool decimal_int64(struct view token, int64_t *out) MUST_USE;
/* By value: -1, 0, 1. */
int decimal_cmp(struct view a, struct view b);
static inline bool decimal_equal(struct view a, struct view b)
{
	return decimal_cmp(a, b) == 0;
}
/* value / divisor is an integer (JSON Schema "multipleOf"). Signs do not matter; a divisor of zero
 * divides nothing. */
bool decimal_multiple_of(struct view value, struct view divisor);
/* Equal values have equal hashes. */
uint32_t decimal_hash(struct view token);

#endif
