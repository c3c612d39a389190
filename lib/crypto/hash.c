/* SHA-256, HMAC and HKDF over copied hash states.
 *
 * The states are OpenSSL's SHA256_CTX, which 3.0 calls deprecated: unlike EVP_MD_CTX they are plain
 * values, so that hashing allocates nothing, needs no fetched algorithm kept somewhere, and a keyed HMAC
 * is two states that any number of threads copy at once. The assembly behind both is the same. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/crypto/crypto.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#define BLOCK 64 /* of SHA-256, bytes */

struct hmac_key {
	SHA256_CTX inner, outer;
};

void secret_wipe(struct secret *s)
{
	wipe(s, sizeof *s);
}

static void update_parts(SHA256_CTX *c, const struct view *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (parts[i].n > 0)
			SHA256_Update(c, parts[i].p, parts[i].n);
}

void sha256_parts(const struct view *parts, size_t n, struct digest *out)
{
	SHA256_CTX c;

	SHA256_Init(&c);
	update_parts(&c, parts, n);
	SHA256_Final(out->b, &c);
}

void sha256(struct view in, struct digest *out)
{
	sha256_parts(&in, 1, out);
}

static void hmac_prepare(struct hmac_key *k, struct view key)
{
	uint8_t block[BLOCK] = { 0 };
	struct digest hashed;

	if (key.n > BLOCK) {
		sha256(key, &hashed);
		memcpy(block, hashed.b, sizeof hashed.b);
		wipe(&hashed, sizeof hashed);
	} else if (key.n > 0) {
		memcpy(block, key.p, key.n);
	}
	for (size_t i = 0; i < BLOCK; i++)
		block[i] ^= 0x36;
	SHA256_Init(&k->inner);
	SHA256_Update(&k->inner, block, BLOCK);
	for (size_t i = 0; i < BLOCK; i++)
		block[i] ^= 0x36 ^ 0x5c;
	SHA256_Init(&k->outer);
	SHA256_Update(&k->outer, block, BLOCK);
	wipe(block, sizeof block);
}

struct hmac_key *hmac_key_new(struct view key)
{
	struct hmac_key *k = malloc(sizeof *k);

	if (k)
		hmac_prepare(k, key);
	return k;
}

void hmac_key_free(struct hmac_key *k)
{
	if (!k)
		return;
	wipe(k, sizeof *k);
	free(k);
}

void hmac_parts(const struct hmac_key *k, const struct view *parts, size_t n, struct digest *out)
{
	SHA256_CTX c = k->inner;
	struct digest inner;

	update_parts(&c, parts, n);
	SHA256_Final(inner.b, &c);
	c = k->outer;
	SHA256_Update(&c, inner.b, sizeof inner.b);
	SHA256_Final(out->b, &c);
	wipe(&c, sizeof c);
	wipe(&inner, sizeof inner);
}

bool hkdf_sha256(struct view secret, struct view salt, struct view info, void *out, size_t n)
{
	struct hmac_key k;
	struct digest t = { { 0 } };
	uint8_t *p = out;

	if (n > 255 * sizeof t.b)
		return false;
	/* RFC 5869 2.2: an absent salt is a block of zeros, which HMAC makes of an empty key. */
	hmac_prepare(&k, salt);
	hmac_parts(&k, &secret, 1, &t);
	hmac_prepare(&k, view_make(t.b, sizeof t.b));
	for (uint8_t i = 1; n > 0; i++) {
		struct view parts[] = {
			view_make(t.b, i == 1 ? 0 : sizeof t.b),
			info,
			view_make(&i, 1),
		};
		size_t take = n < sizeof t.b ? n : sizeof t.b;

		hmac_parts(&k, parts, 3, &t);
		memcpy(p, t.b, take);
		p += take;
		n -= take;
	}
	wipe(&k, sizeof k);
	wipe(&t, sizeof t);
	return true;
}
