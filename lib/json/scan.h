/* Inner loops of the tape reader: bytes of strings, white space, and the hash of names. Private to
 * lib/json and its tests. All of them read up to SCAN_PAD bytes past what they are asked about, so
 * that they need no test for the end; whoever calls pads the buffer. No state, any thread. */
#ifndef GATEWAY_JSON_SCAN_H
#define GATEWAY_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Bytes after the end of a text (zero there) and of the decoded strings that may be read. */
#define SCAN_PAD 64

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

static inline uint64_t load_le64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

/* The product of 64-bit numbers, its halves folded together. */
static inline uint64_t fold_product(uint64_t a, uint64_t b)
{
	unsigned __int128 r = (unsigned __int128)a * b;

	return (uint64_t)r ^ (uint64_t)(r >> 64);
}

/* The constants are odd and random; the first, as text, is not UTF-8, so that no name can cancel it. */
#define HASH_A UINT64_C(0xa0761d6478bd642f)
#define HASH_B UINT64_C(0xe7037ed1a0b428db)
#define HASH_N UINT64_C(0x8ebc6af09c88c6e3)

/* The first `n` (at most 16) bytes as two little-endian numbers, zero beyond. Reads 16 bytes. */
static inline void hash_tail(const char *p, size_t n, uint64_t *a, uint64_t *b)
{
	uint64_t lo = load_le64(p), hi = load_le64(p + 8);

	*a = n >= 8 ? lo : lo & ((UINT64_C(1) << n * 8) - 1);
	*b = n >= 16 ? hi : n <= 8 ? 0 : hi & ((UINT64_C(1) << (n - 8) * 8) - 1);
}

/* Two steps of tape_hash(): sixteen bytes, and what is left (0 to 16 bytes). */
static inline uint64_t hash_block(uint64_t h, const char *p)
{
	return fold_product(load_le64(p) ^ HASH_A, load_le64(p + 8) ^ h);
}

static inline uint32_t hash_end(uint64_t h, const char *p, size_t n)
{
	uint64_t a, b;

	hash_tail(p, n, &a, &b);
	h = fold_product(a ^ HASH_A, b ^ h);
	return (uint32_t)(h ^ h >> 32);
}

static inline uint64_t hash_start(size_t n)
{
	return HASH_B ^ n * HASH_N;
}

/* tape_hash() of bytes after which 16 more may be read. */
static inline uint32_t hash_padded(const char *p, size_t n)
{
	uint64_t h = hash_start(n);

	for (; n > 16; p += 16, n -= 16)
		h = hash_block(h, p);
	return hash_end(h, p, n);
}

/* The first byte from `s` on that is not plain text inside a string: a quote, a backslash, a control
 * character or a byte from 0x80 on. The padding's NUL ends the search. Eight bytes a step. */
static inline const char *scan_plain_portable(const char *s)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	for (;; s += 8) {
		uint64_t x = load_le64(s);
		/* A borrow can only mark bytes after the first that is marked rightly. */
		uint64_t hit =
		        (((x ^ ones * '"') - ones) | ((x ^ ones * '\\') - ones) | (x - ones * 0x20) | x) & ones * 0x80;
		if (hit)
			return s + (__builtin_ctzll(hit) >> 3);
	}
}

static inline bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The first byte from `s` on that is not white space of JSON. */
static inline const char *scan_space_portable(const char *s)
{
	while (is_space(*s))
		s++;
	return s;
}

#if defined(__SSE2__)
static inline const char *scan_plain(const char *s)
{
	const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\'), low = _mm_set1_epi8(0x20);

	for (;; s += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)s);
		/* Signed: bytes from 0x80 on are below 0x20 as well. */
		__m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, escape)),
		                           _mm_cmplt_epi8(x, low));
		int mask = _mm_movemask_epi8(hit);
		if (mask)
			return s + __builtin_ctz((unsigned)mask);
	}
}

static inline const char *scan_space(const char *s)
{
	if (s[0] == ' ' && (unsigned char)s[1] > ' ')
		return s + 1;
	for (;; s += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)s);
		__m128i blank = _mm_or_si128(
		        _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\n'))),
		        _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\t')), _mm_cmpeq_epi8(x, _mm_set1_epi8('\r'))));
		unsigned other = ~(unsigned)_mm_movemask_epi8(blank) & 0xffff;
		if (other)
			return s + __builtin_ctz(other);
	}
}
#else
static inline const char *scan_plain(const char *s)
{
	return scan_plain_portable(s);
}

static inline const char *scan_space(const char *s)
{
	return scan_space_portable(s);
}
#endif

static inline const char *skip_space(const char *s)
{
	return LIKELY((unsigned char)*s > ' ') ? s : scan_space(s);
}

/* What a scanner of one token met. `at` is the byte that decided: when it lies past what has come so
 * far, the token may yet be good. `place` is what the error points at. */
struct scan_fault {
	const char *at, *place;
	const char *text;
};

/* The end of the number at `s`, or NULL with the fault. `*integer`: neither fraction nor exponent. */
const char *scan_number(const char *s, bool *integer, struct scan_fault *fault);
/* The end of the UTF-8 sequence at `s` (a byte from 0x80 on; RFC 3629), or NULL with the fault. */
const char *scan_utf8(const char *s, struct scan_fault *fault);
/* The end of the escape at `s` (a backslash), surrogate pairs taken together, and what it stands for
 * as UTF-8 (1 to 4 bytes); NULL with the fault. */
const char *scan_escape(const char *s, char out[4], unsigned *n, struct scan_fault *fault);

#endif
