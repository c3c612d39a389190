/* What the tests of this folder share. */
#ifndef GATEWAY_TEST_CRYPTO_TEST_H
#define GATEWAY_TEST_CRYPTO_TEST_H

#include <check.h>

#include "lib/base/encode.h"
#include "lib/crypto/x509.h"

/* Bytes from hex, in a static ring of buffers large enough for one assertion. */
static inline struct view from_hex(const char *hex)
{
	static char ring[8][512];
	static unsigned next;
	char *p = ring[next++ % 8];
	size_t n = 0;

	ck_assert_msg(hex_decode(view_of(hex), p, sizeof ring[0], &n), "test vector is not hex: %s", hex);
	return view_make(p, n);
}

static inline void assert_hex(const void *got, size_t n, const char *want)
{
	char text[1025];

	ck_assert_uint_le(n, 512);
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)got)[i]);
	text[2 * n] = 0;
	ck_assert_str_eq(text, want);
}

#endif
