/* Cryptographic primitives over OpenSSL 3. This folder alone of lib includes <openssl/…>. Contexts
 * belong to one thread at a time; keys are immutable once made and may be shared unless said otherwise.
 * Every function that can fail returns false and leaves its output untouched or wiped. */
#ifndef GATEWAY_CRYPTO_CRYPTO_H
#define GATEWAY_CRYPTO_CRYPTO_H

#include "lib/base/error.h"
#include "lib/base/ids.h"

/* A secret wipes itself when freed. At most 64 bytes. */
struct secret {
	uint8_t b[64];
	size_t n;
};
void secret_wipe(struct secret *s);

/* Salts, nonces, ids: whatever is known to others later on. From a pool of the calling thread, a few thousand bytes that are
 * drawn at once from RAND_bytes (NIST SP 800-90A, CTR_DRBG): each is overwritten there when it is handed out, none is handed
 * out on both sides of a fork(), and the pool is wiped when its thread ends. Any thread. False: the generator failed. */
bool random_bytes(void *out, size_t n) MUST_USE;
/* Keys: each call is a draw of its own from the generator that makes nothing else (RAND_priv_bytes). Any thread. Ask for
 * several at once where there are many. */
bool random_secret(void *out, size_t n) MUST_USE;

/* SHA-256 (FIPS 180-4) of up to several parts in a row. Thread-safe, allocates nothing. */
void sha256(struct view in, struct digest *out);
void sha256_parts(const struct view *parts, size_t n, struct digest *out);

/* HMAC-SHA-256 (RFC 2104) with a keyed state that is made once and copied for each message. Immutable
 * after new: any number of threads. */
struct hmac_key;
struct hmac_key *hmac_key_new(struct view key) MUST_USE;
void hmac_key_free(struct hmac_key *k);
void hmac_parts(const struct hmac_key *k, const struct view *parts, size_t n, struct digest *out);

/* HKDF-SHA-256 (RFC 5869), extract and expand; at most 255 * 32 bytes. */
bool hkdf_sha256(struct view secret, struct view salt, struct view info, void *out, size_t n) MUST_USE;

/* AES-256-GCM (NIST SP 800-38D), 12-byte nonce, 16-byte tag after the ciphertext: n + 16 bytes. */
struct gcm; /* one thread's context */
struct gcm *gcm_new(void) MUST_USE;
void gcm_free(struct gcm *g);
bool gcm_seal(struct gcm *g, const uint8_t key[32], const uint8_t nonce[12], struct view aad, struct view plain,
              uint8_t *out) MUST_USE;
bool gcm_open(struct gcm *g, const uint8_t key[32], const uint8_t nonce[12], struct view aad, struct view sealed,
              uint8_t *out) MUST_USE;

/* AES-256-SIV (RFC 5297, 64-byte key): out is 16 bytes of SIV, then n of ciphertext. `context` are
 * separate associated-data components, at most 126, none of them empty. The plaintext must not be empty.
 * A key may be shared by threads; each call copies its contexts. */
struct siv_key;
struct siv_key *siv_key_new(const uint8_t key[64]) MUST_USE;
/* The same for AES-128, AES-192 and AES-256: 32, 48 or 64 bytes. */
struct siv_key *siv_key_of(struct view key) MUST_USE;
void siv_key_free(struct siv_key *k);
bool siv_seal(const struct siv_key *k, const struct view *context, size_t n, struct view plain, uint8_t *out) MUST_USE;
bool siv_open(const struct siv_key *k, const struct view *context, size_t n, struct view sealed, uint8_t *out) MUST_USE;

/* FF1 (NIST SP 800-38G), radix 2 to 36, at most 128 digits as numbers below the radix, radix^n >=
 * 1,000,000, tweak at most 256 bytes. A key may be shared by threads. */
struct ff1_key;
struct ff1_key *ff1_key_new(struct view key, unsigned radix) MUST_USE; /* 16, 24 or 32 bytes */
void ff1_key_free(struct ff1_key *k);
bool ff1_crypt(const struct ff1_key *k, bool decrypt, struct view tweak, const uint8_t *in, size_t n,
               uint8_t *out) MUST_USE;

/* Ed25519 (RFC 8032). */
struct ed25519_key;
struct ed25519_key *ed25519_from_seed(const uint8_t seed[32]) MUST_USE;
void ed25519_free(struct ed25519_key *k);
void ed25519_public(const struct ed25519_key *k, uint8_t out[32]);
bool ed25519_sign(const struct ed25519_key *k, struct view message, uint8_t out[64]) MUST_USE;
bool ed25519_verify(const uint8_t public_key[32], struct view message, const uint8_t signature[64]) MUST_USE;

/* ML-DSA-44 (FIPS 204), with an empty context: verifying alone. Any thread. */
#define MLDSA44_KEY       1312
#define MLDSA44_SIGNATURE 2420
/* Whether the OpenSSL that runs has it; without it nothing verifies. */
bool mldsa44_available(void) MUST_USE;
bool mldsa44_verify(const uint8_t public_key[MLDSA44_KEY], struct view message,
                    const uint8_t signature[MLDSA44_SIGNATURE]) MUST_USE;

#endif
