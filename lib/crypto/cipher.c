/* AES-256-GCM and AES-256-SIV over EVP.
 *
 * A struct gcm is one thread's pair of contexts, re-keyed for each message. A SIV key is shared by
 * threads: its keyed contexts are never used, only copied (EVP_CIPHER_CTX_copy reads the source). That
 * is also the only correct way to seal twice: OpenSSL 3.0 returns success and a wrong ciphertext when
 * a SIV context is used again or re-initialised without its key. */
#include "lib/crypto/crypto.h"

#include <openssl/evp.h>

#define GCM_TAG        16
#define SIV_TAG        16
#define SIV_COMPONENTS 126 /* RFC 5297 7 */
#define LENGTH_MAX     (INT32_MAX - 64)

struct gcm {
	EVP_CIPHER_CTX *seal, *open;
};

struct gcm *gcm_new(void)
{
	struct gcm *g = calloc(1, sizeof *g);

	if (!g)
		return NULL;
	g->seal = EVP_CIPHER_CTX_new();
	g->open = EVP_CIPHER_CTX_new();
	if (!g->seal || !g->open || EVP_EncryptInit_ex(g->seal, EVP_aes_256_gcm(), NULL, NULL, NULL) != 1 ||
	    EVP_DecryptInit_ex(g->open, EVP_aes_256_gcm(), NULL, NULL, NULL) != 1) {
		gcm_free(g);
		return NULL;
	}
	return g;
}

void gcm_free(struct gcm *g)
{
	if (!g)
		return;
	EVP_CIPHER_CTX_free(g->seal);
	EVP_CIPHER_CTX_free(g->open);
	free(g);
}

static const unsigned char *bytes(struct view v)
{
	return (const unsigned char *)v.p;
}

bool gcm_seal(struct gcm *g, const uint8_t key[32], const uint8_t nonce[12], struct view aad, struct view plain,
              uint8_t *out)
{
	int n = 0, rest = 0;

	if (plain.n > LENGTH_MAX || aad.n > LENGTH_MAX)
		return false;
	if (EVP_EncryptInit_ex(g->seal, NULL, NULL, key, nonce) != 1 ||
	    (aad.n && EVP_EncryptUpdate(g->seal, NULL, &n, bytes(aad), (int)aad.n) != 1))
		return false;
	n = 0;
	if ((plain.n && EVP_EncryptUpdate(g->seal, out, &n, bytes(plain), (int)plain.n) != 1) || (size_t)n != plain.n ||
	    EVP_EncryptFinal_ex(g->seal, out + n, &rest) != 1 || rest != 0 ||
	    EVP_CIPHER_CTX_ctrl(g->seal, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, out + n) != 1) {
		wipe(out, plain.n + GCM_TAG);
		return false;
	}
	return true;
}

bool gcm_open(struct gcm *g, const uint8_t key[32], const uint8_t nonce[12], struct view aad, struct view sealed,
              uint8_t *out)
{
	uint8_t tag[GCM_TAG];
	int n = 0, rest = 0;

	if (sealed.n < GCM_TAG || sealed.n > LENGTH_MAX || aad.n > LENGTH_MAX)
		return false;
	struct view cipher = view_make(sealed.p, sealed.n - GCM_TAG);
	memcpy(tag, sealed.p + cipher.n, GCM_TAG);
	if (EVP_DecryptInit_ex(g->open, NULL, NULL, key, nonce) != 1 ||
	    EVP_CIPHER_CTX_ctrl(g->open, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, tag) != 1 ||
	    (aad.n && EVP_DecryptUpdate(g->open, NULL, &n, bytes(aad), (int)aad.n) != 1))
		return false;
	n = 0;
	if ((cipher.n && EVP_DecryptUpdate(g->open, out, &n, bytes(cipher), (int)cipher.n) != 1) ||
	    (size_t)n != cipher.n || EVP_DecryptFinal_ex(g->open, tag, &rest) != 1) {
		/* Not one byte that was not authenticated. */
		wipe(out, cipher.n);
		return false;
	}
	return true;
}

struct siv_key {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *seal, *open;
};

struct siv_key *siv_key_of(struct view key)
{
	const char *name = key.n == 32   ? "AES-128-SIV"
	                   : key.n == 48 ? "AES-192-SIV"
	                   : key.n == 64 ? "AES-256-SIV"
	                                 : NULL;
	struct siv_key *k = name ? calloc(1, sizeof *k) : NULL;

	if (!k)
		return NULL;
	k->cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	k->seal = EVP_CIPHER_CTX_new();
	k->open = EVP_CIPHER_CTX_new();
	if (!k->cipher || !k->seal || !k->open ||
	    EVP_EncryptInit_ex2(k->seal, k->cipher, bytes(key), NULL, NULL) != 1 ||
	    EVP_DecryptInit_ex2(k->open, k->cipher, bytes(key), NULL, NULL) != 1) {
		siv_key_free(k);
		return NULL;
	}
	return k;
}

struct siv_key *siv_key_new(const uint8_t key[64])
{
	return siv_key_of(view_make(key, 64));
}

void siv_key_free(struct siv_key *k)
{
	if (!k)
		return;
	EVP_CIPHER_CTX_free(k->seal);
	EVP_CIPHER_CTX_free(k->open);
	EVP_CIPHER_free(k->cipher);
	free(k);
}

/* A copy of `from` that has taken in the components. OpenSSL skips an empty component without a word,
 * which would make two contexts one: refused. */
static EVP_CIPHER_CTX *siv_start(const EVP_CIPHER_CTX *from, const struct view *context, size_t n)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int ignored;

	if (!c || n > SIV_COMPONENTS || EVP_CIPHER_CTX_copy(c, from) != 1)
		goto fail;
	for (size_t i = 0; i < n; i++)
		if (context[i].n == 0 || context[i].n > LENGTH_MAX ||
		    EVP_CipherUpdate(c, NULL, &ignored, bytes(context[i]), (int)context[i].n) != 1)
			goto fail;
	return c;
fail:
	EVP_CIPHER_CTX_free(c);
	return NULL;
}

bool siv_seal(const struct siv_key *k, const struct view *context, size_t n, struct view plain, uint8_t *out)
{
	int got = 0, rest = 0;

	if (plain.n == 0 || plain.n > LENGTH_MAX)
		return false;
	EVP_CIPHER_CTX *c = siv_start(k->seal, context, n);
	if (!c)
		return false;
	bool ok = EVP_EncryptUpdate(c, out + SIV_TAG, &got, bytes(plain), (int)plain.n) == 1 &&
	          (size_t)got == plain.n && EVP_EncryptFinal_ex(c, out + SIV_TAG + got, &rest) == 1 && rest == 0 &&
	          EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, SIV_TAG, out) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!ok)
		wipe(out, plain.n + SIV_TAG);
	return ok;
}

bool siv_open(const struct siv_key *k, const struct view *context, size_t n, struct view sealed, uint8_t *out)
{
	uint8_t tag[SIV_TAG];
	int got = 0, rest = 0;

	if (sealed.n <= SIV_TAG || sealed.n > LENGTH_MAX)
		return false;
	EVP_CIPHER_CTX *c = siv_start(k->open, context, n);
	if (!c)
		return false;
	struct view cipher = view_from(sealed, SIV_TAG);
	memcpy(tag, sealed.p, SIV_TAG);
	bool ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, SIV_TAG, tag) == 1 &&
	          EVP_DecryptUpdate(c, out, &got, bytes(cipher), (int)cipher.n) == 1 && (size_t)got == cipher.n &&
	          EVP_DecryptFinal_ex(c, tag, &rest) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!ok)
		wipe(out, cipher.n);
	return ok;
}
