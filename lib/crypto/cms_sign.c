/* Detached CMS signatures (RFC 5652), the making: by a first signer, and by further ones over the same
 * digest, as `openssl cms -sign` and `-resign` do. The signing time is OpenSSL's, from the wall clock:
 * the one place of lib where it is read, for a person who signs at that moment. */
#include "lib/crypto/internal.h"

#include <openssl/pem.h> /* before cms.h, which declares its PEM functions only then */
#include <openssl/cms.h>
#include <openssl/err.h>

#define FLAGS (CMS_BINARY | CMS_DETACHED | CMS_NOSMIMECAP)

static bool fail(struct error *e, const char *what)
{
	return error_set(e, REASON_SIGNATURE, "%s", what);
}

/* Keys for which OpenSSL 3.0 makes CMS signatures that others read. */
static bool key_is_supported(const EVP_PKEY *key)
{
	char group[32] = "";
	size_t n = 0;

	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) >= 2048;
	return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
	       (view_is(view_of(group), "prime256v1") || view_is(view_of(group), "secp384r1"));
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

static CMS_ContentInfo *sign_first(X509 *cert, EVP_PKEY *key, struct view content, struct error *e)
{
	BIO *bio = bio_of(content);
	CMS_ContentInfo *cms = bio ? CMS_sign(NULL, NULL, NULL, NULL, FLAGS | CMS_PARTIAL) : NULL;
	bool ok = cms && CMS_add1_signer(cms, cert, key, EVP_sha256(), FLAGS) && CMS_final(cms, bio, NULL, FLAGS) == 1;

	BIO_free(bio);
	if (!ok) {
		fail(e, "the signature could not be made");
		CMS_ContentInfo_free(cms);
		return NULL;
	}
	return cms;
}

/* The digest comes from those who signed before; it must be that of our content, or we would sign
 * what we have not seen. */
static bool covers(CMS_SignerInfo *si, struct view content)
{
	const ASN1_OCTET_STRING *signed_digest =
	        CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);
	struct digest digest;

	sha256(content, &digest);
	return signed_digest && ASN1_STRING_length(signed_digest) == (int)sizeof digest.b &&
	       memcmp(ASN1_STRING_get0_data(signed_digest), digest.b, sizeof digest.b) == 0;
}

static CMS_ContentInfo *sign_further(X509 *cert, EVP_PKEY *key, struct view signature, struct view content,
                                     struct error *e)
{
	BIO *bio = bio_of(signature);
	CMS_ContentInfo *cms = bio ? PEM_read_bio_CMS(bio, NULL, NULL, NULL) : NULL;
	CMS_SignerInfo *si = NULL;
	const char *what = NULL;

	BIO_free(bio);
	if (!cms || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed || CMS_is_detached(cms) != 1)
		what = "the signature file is not a detached CMS signature in PEM";
	STACK_OF(CMS_SignerInfo) *infos = what ? NULL : CMS_get0_SignerInfos(cms);
	for (int i = 0; !what && i < sk_CMS_SignerInfo_num(infos); i++)
		if (CMS_SignerInfo_cert_cmp(sk_CMS_SignerInfo_value(infos, i), cert) == 0)
			what = "this certificate has signed the document already";
	if (!what) {
		si = CMS_add1_signer(cms, cert, key, EVP_sha256(), FLAGS | CMS_REUSE_DIGEST);
		if (!si)
			what = "the signature could not be added; earlier ones may use another digest than SHA-256";
		else if (!covers(si, content))
			what = "the earlier signatures are over another document";
	}
	if (!what)
		return cms;
	fail(e, what);
	CMS_ContentInfo_free(cms);
	return NULL;
}

bool cms_sign(struct view signature, struct view content, struct view cert_pem, struct view key_pem,
              struct buf *out_pem, struct error *e)
{
	X509 *cert = cert_from_pem(cert_pem);
	EVP_PKEY *key = key_from_pem(key_pem);
	BIO *bio = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = NULL;
	bool ok = false;

	if (!cert || !key || !bio)
		fail(e, "the certificate or its key cannot be read in PEM form");
	else if (X509_check_private_key(cert, key) != 1)
		fail(e, "the key is not that of the certificate");
	else if (!key_is_supported(key))
		fail(e, "documents are signed with a P-256, P-384 or RSA key of 2,048 bits or more");
	else
		cms = signature.n == 0 ? sign_first(cert, key, content, e)
		                       : sign_further(cert, key, signature, content, e);
	if (cms)
		ok = (PEM_write_bio_CMS(bio, cms) == 1 && bio_take(bio, out_pem)) ||
		     error_set(e, REASON_NO_MEMORY, "no memory for the signature");
	CMS_ContentInfo_free(cms);
	BIO_free(bio);
	EVP_PKEY_free(key);
	X509_free(cert);
	ERR_clear_error();
	return ok;
}
