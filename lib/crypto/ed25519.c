/* Ed25519 (RFC 8032) over EVP. A key is only read after it was made; threads may share it. */
#include "lib/crypto/crypto.h"

#include <openssl/evp.h>

struct ed25519_key {
	EVP_PKEY *pkey;
	EVP_MD_CTX *ready; /* initialised to sign; each signature takes a copy */
	uint8_t public_key[32];
};

struct ed25519_key *ed25519_from_seed(const uint8_t seed[32])
{
	struct ed25519_key *k = calloc(1, sizeof *k);
	size_t n = sizeof k->public_key;

	if (!k)
		return NULL;
	k->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	k->ready = EVP_MD_CTX_new();
	if (!k->pkey || !k->ready || EVP_DigestSignInit(k->ready, NULL, NULL, NULL, k->pkey) != 1 ||
	    EVP_PKEY_get_raw_public_key(k->pkey, k->public_key, &n) != 1 || n != 32) {
		ed25519_free(k);
		return NULL;
	}
	return k;
}

void ed25519_free(struct ed25519_key *k)
{
	if (!k)
		return;
	EVP_MD_CTX_free(k->ready);
	EVP_PKEY_free(k->pkey);
	free(k);
}

void ed25519_public(const struct ed25519_key *k, uint8_t out[32])
{
	memcpy(out, k->public_key, sizeof k->public_key);
}

bool ed25519_sign(const struct ed25519_key *k, struct view message, uint8_t out[64])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t n = 64;
	bool ok = c && EVP_MD_CTX_copy_ex(c, k->ready) == 1 &&
	          EVP_DigestSign(c, out, &n, (const unsigned char *)message.p, message.n) == 1 && n == 64;

	EVP_MD_CTX_free(c);
	if (!ok)
		wipe(out, 64);
	return ok;
}

bool ed25519_verify(const uint8_t public_key[32], struct view message, const uint8_t signature[64])
{
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = pkey && c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, pkey) == 1 &&
	          EVP_DigestVerify(c, signature, 64, (const unsigned char *)message.p, message.n) == 1;

	EVP_MD_CTX_free(c);
	EVP_PKEY_free(pkey);
	return ok;
}
