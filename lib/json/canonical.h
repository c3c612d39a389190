/* The one form in which a record leaves: of the many spellings of a value, its escapes, its numbers, the order
 * of its members and the white space between, one is left, so that nobody passes a message in the choice and
 * the same values have the same bytes and the same digest. It is the form of RFC 8785 (JCS) but for two things:
 *
 * - Members stand in the order of code points, RFC 8785's in that of UTF-16 code units. The two differ only
 *   where a name has a character above U+FFFF and another name, at that place, one from U+E000 to U+FFFF.
 * - Numbers are exact decimals, RFC 8785's the doubles next to them: 123456789012345678901 stays what it is.
 *   A number has its significant digits, without zeros at either end. From 10^-7 to below 10^21 (in size) they
 *   are written plain, otherwise as d.ddde+n or d.ddde-n. Zero is 0. RFC 8785 goes over to exponents one power
 *   of ten earlier, below 10^-6.
 *
 * Strings have the escaping of RFC 8785 section 3.2.2.2: \b \t \n \f \r \" \\, \u00xx in lower case for other
 * control characters, and every other character as itself. What a string says is a value and stays, in
 * whatever normalisation of Unicode; so does the order of items in an array.
 *
 * No state, any thread. */
#ifndef GATEWAY_JSON_CANONICAL_H
#define GATEWAY_JSON_CANONICAL_H

#include "lib/base/buf.h"
#include "lib/json/tape.h"

/* What an audit entry calls this form; a change of it is another number. */
#define CANONICAL_FORM 1

/* The one spelling may be longer than the one that came, by no more than this: 10^63 + 1, with a sign, gains a
 * point and an exponent of three characters. Exponents may have any number of digits, and are never made out. */
#define CANONICAL_GROWTH 8

/* Appends the number that `token` (of a JSON number) spells. */
void canonical_number(struct view token, struct buf *out);
/* Appends the digits of a whole number, plain however large it is: 1.0 and 10e-1 are 1, 1e21 is 1 and 21 zeros.
 * False, with nothing appended: the number is not whole, or has more than CANONICAL_WHOLE_DIGITS. */
#define CANONICAL_WHOLE_DIGITS 72
bool canonical_whole(struct view token, struct buf *out) MUST_USE;
/* The token is that spelling already. */
bool canonical_is_number(struct view token);

/* NULL when the value at `node` stands in the text in the one form; otherwise what is not as it must be, without
 * any of its text, and the offset in the text where. Linear in the size of the value. */
const char *canonical_fault(const struct tape *t, uint32_t node, uint32_t *off);
/* The same as an error: RECORD_FORM, with the byte of the value, from 1, and what is wrong with it. */
bool canonical_check(const struct tape *t, uint32_t node, struct error *e) MUST_USE;

#endif
