/* FF1 format-preserving encryption (NIST SP 800-38G, algorithms 7 and 8) over the AES block of EVP.
 *
 * Halves are kept as digits: the round function's number is turned into the digits that it has modulo
 * radix^m and added digit by digit, so that no big modulus is needed. Lengths of numbers come from bit
 * lengths of exact powers, never from logarithms, which round to the wrong byte for some lengths. A key's
 * context is only copied, so threads may share a key. */
#include "lib/crypto/crypto.h"

#include <openssl/evp.h>

#define DIGITS_MAX 128
#define HALF_MAX   (DIGITS_MAX / 2)
#define NUMBER_MAX 48 /* bytes of 36^64, which has 331 bits; and room for d */
#define TWEAK_MAX  256
#define ROUNDS     10
#define DOMAIN_MIN 1000000 /* SP 800-38G Rev. 1: smaller domains can be searched */

struct ff1_key {
	EVP_CIPHER_CTX *aes;
	unsigned radix;
};

struct ff1_key *ff1_key_new(struct view key, unsigned radix)
{
	const EVP_CIPHER *cipher = key.n == 16   ? EVP_aes_128_ecb()
	                           : key.n == 24 ? EVP_aes_192_ecb()
	                           : key.n == 32 ? EVP_aes_256_ecb()
	                                         : NULL;

	if (!cipher || radix < 2 || radix > 36)
		return NULL;
	struct ff1_key *k = calloc(1, sizeof *k);
	if (!k)
		return NULL;
	k->radix = radix;
	k->aes = EVP_CIPHER_CTX_new();
	if (!k->aes || EVP_EncryptInit_ex(k->aes, cipher, NULL, (const unsigned char *)key.p, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(k->aes, 0) != 1) {
		ff1_key_free(k);
		return NULL;
	}
	return k;
}

void ff1_key_free(struct ff1_key *k)
{
	if (!k)
		return;
	EVP_CIPHER_CTX_free(k->aes);
	free(k);
}

/* number = number * radix + digit; big-endian bytes. */
static void multiply_add(uint8_t *number, size_t n, unsigned radix, unsigned digit)
{
	unsigned carry = digit;

	for (size_t i = n; i-- > 0;) {
		carry += number[i] * radix;
		number[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

/* number = number / radix; returns the remainder. */
static unsigned divide(uint8_t *number, size_t n, unsigned radix)
{
	unsigned rest = 0;

	for (size_t i = 0; i < n; i++) {
		rest = rest << 8 | number[i];
		number[i] = (uint8_t)(rest / radix);
		rest %= radix;
	}
	return rest;
}

/* Bytes of radix^digits - 1, the largest number of so many digits. */
static size_t number_bytes(unsigned radix, size_t digits)
{
	uint8_t number[NUMBER_MAX] = { 0 };
	size_t zeros = 0;

	for (size_t i = 0; i < digits; i++)
		multiply_add(number, sizeof number, radix, radix - 1);
	while (zeros < sizeof number && number[zeros] == 0)
		zeros++;
	return sizeof number - zeros;
}

static bool domain_is_large(unsigned radix, size_t digits)
{
	uint64_t size = 1;

	for (size_t i = 0; i < digits && size < DOMAIN_MIN; i++)
		size *= radix;
	return size >= DOMAIN_MIN;
}

static bool aes_block(EVP_CIPHER_CTX *c, uint8_t block[16])
{
	int n = 0;

	return EVP_EncryptUpdate(c, block, &n, block, 16) == 1 && n == 16;
}

/* What stays the same in all rounds of one call. */
struct ff1_call {
	EVP_CIPHER_CTX *aes;
	unsigned radix;
	size_t b, d;   /* bytes of NUM(half), bytes of the round's number */
	uint8_t p[16]; /* PRF state after the block P */
	uint8_t q[TWEAK_MAX + 16 + NUMBER_MAX];
	size_t q_len;
};

/* The digits of NUM(S) mod radix^m for round i over `half`, in y[0..m), most significant first. */
static bool ff1_round(struct ff1_call *c, unsigned i, const uint8_t *half, size_t half_n, uint8_t *y, size_t m)
{
	uint8_t r[16], s[NUMBER_MAX + 32] = { 0 };
	uint8_t *number = c->q + c->q_len - c->b;

	memset(number, 0, c->b);
	for (size_t j = 0; j < half_n; j++)
		multiply_add(number, c->b, c->radix, half[j]);
	number[-1] = (uint8_t)i;
	memcpy(r, c->p, sizeof r);
	for (size_t at = 0; at < c->q_len; at += 16) {
		for (size_t j = 0; j < 16; j++)
			r[j] ^= c->q[at + j];
		if (!aes_block(c->aes, r))
			return false;
	}
	memcpy(s, r, 16);
	for (uint8_t j = 1; j * 16u < c->d; j++) {
		uint8_t *block = s + j * 16u;

		memcpy(block, r, 16);
		block[15] ^= j;
		if (!aes_block(c->aes, block))
			return false;
	}
	for (size_t j = m; j-- > 0;)
		y[j] = (uint8_t)divide(s, c->d, c->radix);
	return true;
}

/* half = half ± y modulo radix^m. */
static void add_digits(uint8_t *half, const uint8_t *y, size_t m, unsigned radix, bool subtract)
{
	unsigned carry = 0;

	for (size_t j = m; j-- > 0;) {
		unsigned sum = subtract ? half[j] + radix - y[j] - carry : half[j] + y[j] + carry;

		carry = subtract ? sum < radix : sum >= radix;
		half[j] = (uint8_t)(sum % radix);
	}
}

static bool ff1_prepare(struct ff1_call *c, struct view tweak, size_t n)
{
	size_t u = n / 2, v = n - u;

	c->b = number_bytes(c->radix, v);
	c->d = 4 * ((c->b + 3) / 4) + 4;
	const uint8_t p[16] = {
		1, 2, 1,          0, 0, (uint8_t)c->radix,       ROUNDS,           (uint8_t)u, 0,
		0, 0, (uint8_t)n, 0, 0, (uint8_t)(tweak.n >> 8), (uint8_t)tweak.n,
	};
	memcpy(c->p, p, sizeof p);
	memset(c->q, 0, sizeof c->q);
	if (tweak.n)
		memcpy(c->q, tweak.p, tweak.n);
	/* T, zeros up to a whole block, the round's number, NUM(B). */
	c->q_len = (tweak.n + c->b + 1 + 15) / 16 * 16;
	return aes_block(c->aes, c->p);
}

bool ff1_crypt(const struct ff1_key *k, bool decrypt, struct view tweak, const uint8_t *in, size_t n, uint8_t *out)
{
	size_t u = n / 2, v = n - u;
	uint8_t left[HALF_MAX], right[HALF_MAX], y[HALF_MAX];
	struct ff1_call c = { .radix = k->radix };
	bool ok = false;

	if (n < 2 || n > DIGITS_MAX || tweak.n > TWEAK_MAX || !domain_is_large(k->radix, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (in[i] >= k->radix)
			return false;
	memcpy(left, in, u);
	memcpy(right, in + u, v);
	c.aes = EVP_CIPHER_CTX_new();
	if (!c.aes || EVP_CIPHER_CTX_copy(c.aes, k->aes) != 1 || !ff1_prepare(&c, tweak, n))
		goto done;
	/* In even rounds the left half changes under the right one, in odd rounds the other way round:
	 * the same as the standard's swap, without moving bytes. */
	for (unsigned step = 0; step < ROUNDS; step++) {
		unsigned i = decrypt ? ROUNDS - 1 - step : step;
		bool even = i % 2 == 0;
		uint8_t *changed = even ? left : right;
		size_t m = even ? u : v;

		if (!ff1_round(&c, i, even ? right : left, even ? v : u, y, m))
			goto done;
		add_digits(changed, y, m, k->radix, decrypt);
	}
	memcpy(out, left, u);
	memcpy(out + u, right, v);
	ok = true;
done:
	EVP_CIPHER_CTX_free(c.aes);
	wipe(&c, sizeof c);
	wipe(left, sizeof left);
	wipe(right, sizeof right);
	wipe(y, sizeof y);
	return ok;
}
