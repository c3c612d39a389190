/* See encode.h. */
#include "lib/base/encode.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

static const char hex_digits[] = "0123456789abcdef";
static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char digits64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char digits32[] = "abcdefghijklmnopqrstuvwxyz234567";

/* Sixteen bytes at a time, where that can be: a record prints some twenty digests. Returns the bytes that it took. */
static size_t hex_wide(char *room, struct view in)
{
	size_t at = 0;

#if defined(__SSE2__)
	const __m128i low = _mm_set1_epi8(15), nine = _mm_set1_epi8(9), zero = _mm_set1_epi8('0'),
	              letter = _mm_set1_epi8('a' - 10 - '0');
	for (; in.n - at >= 16; at += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(in.p + at));
		__m128i high = _mm_and_si128(_mm_srli_epi16(x, 4), low), rest = _mm_and_si128(x, low);
		__m128i halves[] = { _mm_unpacklo_epi8(high, rest), _mm_unpackhi_epi8(high, rest) };
		for (size_t i = 0; i < 2; i++) {
			__m128i more = _mm_and_si128(_mm_cmpgt_epi8(halves[i], nine), letter);
			_mm_storeu_si128((__m128i *)(void *)(room + 2 * at + 16 * i),
			                 _mm_add_epi8(_mm_add_epi8(halves[i], zero), more));
		}
	}
#else
	(void)room, (void)in;
#endif
	return at;
}

void hex_encode(struct buf *out, struct view in)
{
	char *room = buf_room(out, in.n * 2);

	if (!room)
		return;
	for (size_t i = hex_wide(room, in); i < in.n; i++) {
		room[2 * i] = hex_digits[(unsigned char)in.p[i] >> 4];
		room[2 * i + 1] = hex_digits[(unsigned char)in.p[i] & 15];
	}
	out->n += in.n * 2;
}

/* Writes `in` as digits of `bits` bits each, the last one filled up with zero bits (RFC 4648 3.5). */
static size_t encode(char *room, struct view in, const char *digits, unsigned bits)
{
	uint32_t have = 0;
	unsigned n = 0;
	size_t k = 0;

	for (size_t i = 0; i < in.n; i++) {
		have = have << 8 | (unsigned char)in.p[i];
		for (n += 8; n >= bits; n -= bits)
			room[k++] = digits[have >> (n - bits) & ((1u << bits) - 1)];
		have &= (1u << n) - 1;
	}
	if (n)
		room[k++] = digits[have << (bits - n) & ((1u << bits) - 1)];
	return k;
}

#if defined(__x86_64__)
/* Twelve bytes are sixteen digits, while sixteen can be read (W. Mula, D. Lemire, Faster Base64 Encoding and Decoding Using AVX2
 * Instructions, 2018, sections 3.1 and 3.2, at half the width): a record's 4.6 KB of digits cost 27,000 instructions
 * one by one, and 6,000 so. Returns the bytes that it took. */
__attribute__((target("ssse3"))) static size_t encode64_wide(char *room, struct view in, const char *digits)
{
	const __m128i spread = _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
	/* What is added to a value to make its digit: of 26 to 51, 52 to 61, 62, 63, and 0 to 25. */
	const char low = 'a' - 26, number = '0' - 52, plus = (char)(digits[62] - 62), slash = (char)(digits[63] - 63);
	const __m128i add = _mm_setr_epi8(low, number, number, number, number, number, number, number, number, number,
	                                  number, plus, slash, 'A', 0, 0);
	size_t at = 0;

	for (; in.n - at >= 16; at += 12, room += 16) {
		__m128i x = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(in.p + at)), spread);
		__m128i odd = _mm_mulhi_epu16(_mm_and_si128(x, _mm_set1_epi32(0x0fc0fc00)), _mm_set1_epi32(0x04000040));
		__m128i even =
		        _mm_mullo_epi16(_mm_and_si128(x, _mm_set1_epi32(0x003f03f0)), _mm_set1_epi32(0x01000010));
		__m128i value = _mm_or_si128(odd, even);
		__m128i upper = _mm_and_si128(_mm_cmplt_epi8(value, _mm_set1_epi8(26)), _mm_set1_epi8(13));
		__m128i which = _mm_or_si128(_mm_subs_epu8(value, _mm_set1_epi8(51)), upper);
		_mm_storeu_si128((__m128i *)(void *)room, _mm_add_epi8(value, _mm_shuffle_epi8(add, which)));
	}
	return at;
}

static bool has_wide(void)
{
	return __builtin_cpu_supports("ssse3");
}
#else
static size_t encode64_wide(char *room, struct view in, const char *digits)
{
	(void)room, (void)in, (void)digits;
	return 0;
}

static bool has_wide(void)
{
	return false;
}
#endif

/* Three bytes are four digits; what is left of the input goes the slow way. */
static size_t encode64(char *room, struct view in, const char *digits)
{
	/* To NULL not even nothing may be added. */
	if (in.n == 0)
		return 0;
	size_t wide = has_wide() ? encode64_wide(room, in, digits) : 0;
	const unsigned char *p = (const unsigned char *)in.p + wide;
	size_t whole = (in.n - wide) / 3, taken = wide + whole * 3;

	room += wide / 3 * 4;
	for (size_t i = 0; i < whole; i++, p += 3, room += 4) {
		uint32_t three = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		room[0] = digits[three >> 18];
		room[1] = digits[three >> 12 & 63];
		room[2] = digits[three >> 6 & 63];
		room[3] = digits[three & 63];
	}
	return taken / 3 * 4 + encode(room, view_from(in, taken), digits, 6);
}

void base64_encode(struct buf *out, struct view in)
{
	char *room = buf_room(out, (in.n + 2) / 3 * 4);

	if (!room)
		return;
	size_t k = encode64(room, in, digits64);
	while (k % 4)
		room[k++] = '=';
	out->n += k;
}

void base64url_encode(struct buf *out, struct view in)
{
	char *room = buf_room(out, (in.n * 8 + 5) / 6);

	if (room)
		out->n += encode64(room, in, digits64url);
}

/* Five bytes are eight digits; what is left of the input goes the slow way. */
static size_t encode32(char *room, struct view in)
{
	const unsigned char *p = (const unsigned char *)in.p;
	size_t whole = in.n / 5;

	for (size_t i = 0; i < whole; i++, p += 5, room += 8) {
		uint64_t five =
		        (uint64_t)p[0] << 32 | (uint64_t)p[1] << 24 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 8 | p[4];
		room[0] = digits32[five >> 35];
		room[1] = digits32[five >> 30 & 31];
		room[2] = digits32[five >> 25 & 31];
		room[3] = digits32[five >> 20 & 31];
		room[4] = digits32[five >> 15 & 31];
		room[5] = digits32[five >> 10 & 31];
		room[6] = digits32[five >> 5 & 31];
		room[7] = digits32[five & 31];
	}
	return whole * 8 + encode(room, view_from(in, whole * 5), digits32, 5);
}

void base32_encode(struct buf *out, struct view in)
{
	char *room = buf_room(out, (in.n * 8 + 4) / 5);

	if (room)
		out->n += encode32(room, in);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

#if defined(__SSE2__)
static __m128i between(__m128i x, char first, char last)
{
	return _mm_and_si128(_mm_cmpgt_epi8(x, _mm_set1_epi8((char)(first - 1))),
	                     _mm_cmplt_epi8(x, _mm_set1_epi8((char)(last + 1))));
}

/* Sixteen digits at a time, up to the first sixteen that are not all digits. Returns the digits that it took. */
static size_t hex_decode_wide(struct view in, unsigned char *to)
{
	size_t at = 0;

	for (; in.n - at >= 16; at += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(in.p + at));
		__m128i number = between(x, '0', '9'), letter = between(x, 'a', 'f');
		if (_mm_movemask_epi8(_mm_or_si128(number, letter)) != 0xffff)
			break;
		__m128i less = _mm_or_si128(_mm_and_si128(number, _mm_set1_epi8('0')),
		                            _mm_and_si128(letter, _mm_set1_epi8('a' - 10)));
		__m128i value = _mm_sub_epi8(x, less);
		__m128i pair = _mm_or_si128(_mm_slli_epi16(value, 4), _mm_srli_epi16(value, 8));
		_mm_storel_epi64((__m128i *)(void *)(to + at / 2),
		                 _mm_packus_epi16(_mm_and_si128(pair, _mm_set1_epi16(255)), _mm_setzero_si128()));
	}
	return at;
}
#else
static size_t hex_decode_wide(struct view in, unsigned char *to)
{
	(void)in, (void)to;
	return 0;
}
#endif

bool hex_decode(struct view in, void *out, size_t size, size_t *n)
{
	unsigned char *to = out;

	if (in.n % 2 || in.n / 2 > size)
		return false;
	for (size_t i = hex_decode_wide(in, to); i < in.n; i += 2) {
		int high = hex_value(in.p[i]), low = hex_value(in.p[i + 1]);
		if (high < 0 || low < 0)
			return false;
		to[i / 2] = (unsigned char)(high << 4 | low);
	}
	*n = in.n / 2;
	return true;
}

/* Of ASCII: letters and digits, which all alphabets of base64 share. */
/* clang-format off */
static const signed char values64[128] = {
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1, -1,
	-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1,
	-1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, -1, -1, -1, -1, -1,
};
/* clang-format on */

static int value64(char c, bool url)
{
	unsigned char u = (unsigned char)c;

	if (u < 128 && values64[u] >= 0)
		return values64[u];
	if (c == (url ? '-' : '+'))
		return 62;
	if (c == (url ? '_' : '/'))
		return 63;
	return -1;
}

static int value32(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

enum alphabet { BASE32, BASE64, BASE64URL };

#if defined(__x86_64__)
/* Sixteen digits are twelve bytes, up to the first sixteen that are not all digits (Mula and Lemire, section 3.4): the digits of a
 * delivery and of its answer cost 19,000 instructions four by four, and 3,000 so. Returns the digits that it took. */
__attribute__((target("ssse3"))) static size_t decode64_wide(struct view in, unsigned char *to, bool url)
{
	const char plus = url ? '-' : '+', slash = url ? '_' : '/';
	const __m128i gather = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
	size_t at = 0;

	for (; in.n - at >= 16; at += 16, to += 12) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(in.p + at));
		__m128i big = between(x, 'A', 'Z'), small = between(x, 'a', 'z'), number = between(x, '0', '9');
		__m128i is62 = _mm_cmpeq_epi8(x, _mm_set1_epi8(plus)), is63 = _mm_cmpeq_epi8(x, _mm_set1_epi8(slash));
		__m128i letter = _mm_or_si128(big, small), other = _mm_or_si128(is62, is63);
		if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, number), other)) != 0xffff)
			break;
		/* What is added to a digit to make its value. */
		__m128i add = _mm_or_si128(_mm_and_si128(big, _mm_set1_epi8(-'A')),
		                           _mm_and_si128(small, _mm_set1_epi8(26 - 'a')));
		add = _mm_or_si128(add, _mm_and_si128(number, _mm_set1_epi8(52 - '0')));
		add = _mm_or_si128(add, _mm_and_si128(is62, _mm_set1_epi8((char)(62 - plus))));
		add = _mm_or_si128(add, _mm_and_si128(is63, _mm_set1_epi8((char)(63 - slash))));
		__m128i twelve = _mm_maddubs_epi16(_mm_add_epi8(x, add), _mm_set1_epi32(0x01400140));
		__m128i all = _mm_shuffle_epi8(_mm_madd_epi16(twelve, _mm_set1_epi32(0x00011000)), gather);
		int last = _mm_cvtsi128_si32(_mm_srli_si128(all, 8));
		_mm_storel_epi64((__m128i *)(void *)to, all);
		memcpy(to + 8, &last, sizeof last);
	}
	return at;
}
#else
static size_t decode64_wide(struct view in, unsigned char *to, bool url)
{
	(void)in, (void)to, (void)url;
	return 0;
}
#endif

/* Digits without padding. Stray bits at the end must be zero and the length one that encode() makes. */
static bool decode(struct view in, enum alphabet alphabet, void *out, size_t size, size_t *n)
{
	unsigned char *to = out;
	unsigned bits = alphabet == BASE32 ? 5 : 6, have_bits = 0;
	uint32_t have = 0;
	size_t k = 0;

	if (in.n * bits / 8 > size)
		return false;
	size_t i = alphabet != BASE32 && has_wide() ? decode64_wide(in, to, alphabet == BASE64URL) : 0;
	k = i / 4 * 3;
	/* Four digits are three bytes. */
	for (; alphabet != BASE32 && i + 4 <= in.n; i += 4, k += 3) {
		bool url = alphabet == BASE64URL;
		int a = value64(in.p[i], url), b = value64(in.p[i + 1], url), c = value64(in.p[i + 2], url),
		    d = value64(in.p[i + 3], url);
		if ((a | b | c | d) < 0)
			return false;
		uint32_t all = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)d;
		to[k] = (unsigned char)(all >> 16);
		to[k + 1] = (unsigned char)(all >> 8);
		to[k + 2] = (unsigned char)all;
	}
	for (; i < in.n; i++) {
		int value = alphabet == BASE32 ? value32(in.p[i]) : value64(in.p[i], alphabet == BASE64URL);
		if (value < 0)
			return false;
		have = have << bits | (unsigned)value;
		have_bits += bits;
		if (have_bits >= 8) {
			have_bits -= 8;
			to[k++] = (unsigned char)(have >> have_bits);
			have &= (1u << have_bits) - 1;
		}
	}
	if (have != 0 || have_bits >= bits)
		return false;
	*n = k;
	return true;
}

bool base64_decode(struct view in, void *out, size_t size, size_t *n)
{
	if (in.n % 4)
		return false;
	for (int pad = 0; pad < 2 && in.n && in.p[in.n - 1] == '='; pad++)
		in.n--;
	if (in.n % 4 == 1)
		return false;
	return decode(in, BASE64, out, size, n);
}

bool base64url_decode(struct view in, void *out, size_t size, size_t *n)
{
	return in.n % 4 != 1 && decode(in, BASE64URL, out, size, n);
}

bool base32_decode(struct view in, void *out, size_t size, size_t *n)
{
	return decode(in, BASE32, out, size, n);
}

/* Length of the valid UTF-8 sequence at `p`, 0 when there is none (RFC 3629 section 4). */
static size_t sequence(const unsigned char *p, size_t n)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	size_t want = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n < want)
		return 0;
	unsigned char low = 0x80, high = 0xbf;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < want; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return want;
}

size_t utf8_valid(struct view v)
{
	size_t i = 0;

	while (i < v.n) {
		size_t n = sequence((const unsigned char *)v.p + i, v.n - i);
		if (n == 0)
			break;
		i += n;
	}
	return i;
}
