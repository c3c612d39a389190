/* What fuzz targets share. A target is one function over any bytes, and says by must() what holds whatever they are. */
#ifndef TEST_FUZZ_TARGET_H
#define TEST_FUZZ_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/view.h"

/* libFuzzer's, and replay.c's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool good)
{
	if (!good)
		abort();
}

/* Whether there is time for what takes the square of an input: when a corpus is replayed, not while a fuzzer counts. */
__attribute__((weak)) extern bool fuzz_thorough;
static inline bool is_thorough(void)
{
	return &fuzz_thorough && fuzz_thorough;
}

/* A copy of its own, exactly as large, so that a sanitizer sees a read beyond it. */
static inline struct view exact(struct view v)
{
	char *p = malloc(v.n ? v.n : 1);

	must(p != NULL);
	if (v.n)
		memcpy(p, v.p, v.n);
	return view_make(p, v.n);
}

static inline void exact_free(struct view v)
{
	free((void *)(uintptr_t)v.p);
}

/* The first byte of the input, which chooses among cases; 0 of an empty one. */
static inline uint8_t first_byte(struct view *in)
{
	uint8_t b = in->n ? (uint8_t)in->p[0] : 0;

	*in = view_from(*in, 1);
	return b;
}

#endif
