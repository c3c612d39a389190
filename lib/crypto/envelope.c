/* See envelope.h. */
#include "lib/crypto/envelope.h"

#include "lib/crypto/internal.h"

#include <openssl/pem.h> /* before cms.h, which declares its PEM functions only then */
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#define FLAGS (CMS_BINARY | CMS_PARTIAL | CMS_KEY_PARAM)

struct envelope_recipient {
	X509 *cert;
	struct digest digest;
	bool rsa;
};

struct envelope_opener {
	X509 *cert;
	EVP_PKEY *key;
	struct digest digest;
};

static bool digest_of(X509 *cert, struct digest *out)
{
	unsigned n = sizeof out->b;

	return X509_digest(cert, EVP_sha256(), out->b, &n) == 1;
}

/* Keys to which OpenSSL 3.0 makes messages that others open. */
static bool supported(const EVP_PKEY *key, bool *rsa)
{
	char group[32] = "";
	size_t n = 0;

	*rsa = key && EVP_PKEY_is_a(key, "RSA");
	if (*rsa)
		return EVP_PKEY_get_bits(key) >= 2048;
	return key && EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
	       (view_is(view_of(group), "prime256v1") || view_is(view_of(group), "secp384r1"));
}

/* --- certificates and keys --- */

struct envelope_recipient *envelope_recipient_new(struct view cert_pem, struct error *e)
{
	struct envelope_recipient *r = calloc(1, sizeof *r);

	if (!r) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	r->cert = cert_from_pem(cert_pem);
	if (!r->cert)
		error_set(e, REASON_CONFIG, "the certificate cannot be read in PEM form");
	else if (!supported(X509_get0_pubkey(r->cert), &r->rsa))
		error_set(e, REASON_CONFIG,
		          "the certificate's key is none of P-256, P-384, or RSA of 2,048 bits or more");
	else if (!(X509_get_key_usage(r->cert) & (r->rsa ? X509v3_KU_KEY_ENCIPHERMENT : X509v3_KU_KEY_AGREEMENT)))
		error_set(e, REASON_CONFIG, "the certificate's key usage has no %s",
		          r->rsa ? "keyEncipherment" : "keyAgreement");
	else if (digest_of(r->cert, &r->digest))
		return r;
	envelope_recipient_free(r);
	ERR_clear_error();
	return NULL;
}

void envelope_recipient_free(struct envelope_recipient *r)
{
	if (!r)
		return;
	X509_free(r->cert);
	free(r);
}

const struct digest *envelope_recipient_digest(const struct envelope_recipient *r)
{
	return &r->digest;
}

static EVP_PKEY *key_from_pem(struct view pem)
{
	BIO *bio = bio_of(pem);
	/* An empty password instead of NULL: never ask on the terminal. */
	char none[] = "";
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, none) : NULL;

	BIO_free(bio);
	return key;
}

struct envelope_opener *envelope_opener_new(struct view cert_pem, struct view key_pem, struct error *e)
{
	struct envelope_opener *o = calloc(1, sizeof *o);

	if (!o) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	o->cert = cert_from_pem(cert_pem);
	o->key = key_from_pem(key_pem);
	if (!o->cert || !o->key)
		error_set(e, REASON_CONFIG, "the certificate or its key cannot be read in PEM form");
	else if (X509_check_private_key(o->cert, o->key) != 1)
		error_set(e, REASON_CONFIG, "the key is not that of the certificate");
	else if (digest_of(o->cert, &o->digest))
		return o;
	envelope_opener_free(o);
	ERR_clear_error();
	return NULL;
}

void envelope_opener_free(struct envelope_opener *o)
{
	if (!o)
		return;
	X509_free(o->cert);
	EVP_PKEY_free(o->key);
	free(o);
}

const struct digest *envelope_opener_digest(const struct envelope_opener *o)
{
	return &o->digest;
}

/* --- messages --- */

/* SHA-256 instead of the SHA-1 that both ways have when nothing is said. */
static bool add_recipient(CMS_ContentInfo *cms, const struct envelope_recipient *to)
{
	CMS_RecipientInfo *info = CMS_add1_recipient_cert(cms, to->cert, CMS_KEY_PARAM);
	EVP_PKEY_CTX *ctx = info ? CMS_RecipientInfo_get0_pkey_ctx(info) : NULL;

	if (!ctx)
		return false;
	if (!to->rsa)
		return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) > 0;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0;
}

bool envelope_seal(const struct envelope_recipient *to, struct view plain, struct buf *out, struct error *e)
{
	BIO *in = plain.n <= ENVELOPE_MAX ? bio_of(plain) : NULL, *der = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = in && der ? CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(), FLAGS) : NULL;
	bool ok = cms && add_recipient(cms, to) && CMS_final(cms, in, NULL, CMS_BINARY) == 1 &&
	          i2d_CMS_bio(der, cms) == 1 && bio_take(der, out);

	if (!ok)
		error_set(e, plain.n > ENVELOPE_MAX ? REASON_TOO_LARGE : REASON_CRYPTO, "the message cannot be sealed");
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	BIO_free(der);
	ERR_clear_error();
	return ok;
}

bool envelope_open(const struct envelope_opener *o, struct view message, struct buf *out, struct error *e)
{
	BIO *in = bio_of(message), *plain = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = in && plain ? d2i_CMS_bio(in, NULL) : NULL;
	char *p = NULL;
	bool ok = cms && BIO_eof(in) && OBJ_obj2nid(CMS_get0_type(cms)) == NID_id_smime_ct_authEnvelopedData &&
	          CMS_decrypt(cms, o->key, o->cert, NULL, plain, CMS_BINARY) == 1 && bio_take(plain, out);

	if (!ok)
		error_set(e, REASON_CRYPTO, "the message does not open: it is for another certificate, or damaged");
	long n = plain ? BIO_get_mem_data(plain, &p) : 0;
	if (n > 0 && p)
		wipe(p, (size_t)n);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	BIO_free(plain);
	ERR_clear_error();
	return ok;
}
