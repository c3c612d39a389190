/* Text encodings of bytes: hex, base64 (RFC 4648 section 4), base64url without padding (section 5),
 * base32 (section 6, lower case, no padding). Decoders take the canonical form only: no white space,
 * no missing or surplus padding, no stray bits. Any thread. */
#ifndef GATEWAY_BASE_ENCODE_H
#define GATEWAY_BASE_ENCODE_H

#include <stdint.h>

#include "lib/base/buf.h"

void hex_encode(struct buf *out, struct view in); /* lower case */
void base64_encode(struct buf *out, struct view in);
void base64url_encode(struct buf *out, struct view in);
void base32_encode(struct buf *out, struct view in);
/* Each writes at most `size` bytes and sets *n; false when `in` is not canonical or too long. */
bool hex_decode(struct view in, void *out, size_t size, size_t *n) MUST_USE;
bool base64_decode(struct view in, void *out, size_t size, size_t *n) MUST_USE;
bool base64url_decode(struct view in, void *out, size_t size, size_t *n) MUST_USE;
bool base32_decode(struct view in, void *out, size_t size, size_t *n) MUST_USE;
/* Length of the first valid UTF-8 prefix of `v`; equal to v.n when all of it is valid (RFC 3629: no
 * surrogates, no overlong forms, at most U+10FFFF). */
size_t utf8_valid(struct view v);

#endif
