/* See issue.h. */
#include "lib/crypto/issue.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base/datetime.h"
#include "lib/crypto/internal.h"

#define SERIAL_BYTES 16
#define EARLIER_S    3600 /* clocks of partners differ */

static bool set_serial(X509 *cert)
{
	uint8_t bytes[SERIAL_BYTES];
	BIGNUM *number = NULL;
	bool ok = random_bytes(bytes, sizeof bytes);

	bytes[0] = (uint8_t)((bytes[0] & 0x3f) | 0x40); /* positive, and never shorter */
	ok = ok && (number = BN_bin2bn(bytes, sizeof bytes, NULL)) &&
	     BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
	BN_free(number);
	return ok;
}

static bool set_times(X509 *cert, int64_t now_ms, unsigned days)
{
	time_t from = (time_t)(now_ms / SECOND_MS) - EARLIER_S;

	return X509_time_adj_ex(X509_getm_notBefore(cert), 0, 0, &from) != NULL &&
	       X509_time_adj_ex(X509_getm_notAfter(cert), (int)days, 0, &from) != NULL;
}

static bool add_extension(X509 *cert, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	bool ok = x && X509_add_ext(cert, x, -1) == 1;

	X509_EXTENSION_free(x);
	return ok;
}

static bool print(X509 *cert, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio && PEM_write_bio_X509(bio, cert) == 1 && bio_take(bio, out);

	BIO_free(bio);
	return ok;
}

static bool self_sign(X509 *cert, EVP_PKEY *key, struct view name, int64_t now_ms, unsigned days)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) && set_times(cert, now_ms, days) &&
	       X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)name.p,
	                                  (int)name.n, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, subject) == 1 && X509_set_pubkey(cert, key) == 1 &&
	       add_extension(cert, &ctx, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	       add_extension(cert, &ctx, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	       add_extension(cert, &ctx, NID_subject_key_identifier, "hash") && X509_sign(cert, key, EVP_sha256()) > 0;
}

bool authority_make(struct view common_name, int64_t now_ms, unsigned days, struct buf *key_pem, struct buf *cert_pem,
                    struct error *e)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = key && cert && bio && common_name.n > 0 && common_name.n <= 64 &&
	          self_sign(cert, key, common_name, now_ms, days) &&
	          PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 && bio_take(bio, key_pem) &&
	          print(cert, cert_pem);

	BIO_free(bio); /* OpenSSL clears what it frees there */
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok || error_set(e, REASON_CRYPTO, "the authority could not be made");
}

/* --- issuing --- */

/* The names of the request, under the extensions that this authority sets. */
static bool copy_names(X509 *cert, X509_REQ *req)
{
	STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(req);
	int at = asked ? X509v3_get_ext_by_NID(asked, NID_subject_alt_name, -1) : -1;
	bool ok = at >= 0 && X509_add_ext(cert, X509v3_get_ext(asked, at), -1) == 1;

	sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
	return ok;
}

/* No certificate outlives who issued it. */
static bool cut_time(X509 *cert, const X509 *authority)
{
	const ASN1_TIME *last = X509_get0_notAfter(authority);

	return ASN1_TIME_compare(X509_get0_notAfter(cert), last) <= 0 || X509_set1_notAfter(cert, last) == 1;
}

static bool fill(X509 *cert, X509_REQ *req, X509 *authority, EVP_PKEY *key, enum cert_use use, int64_t now_ms,
                 unsigned days)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, authority, cert, NULL, NULL, 0);
	return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) && set_times(cert, now_ms, days) &&
	       cut_time(cert, authority) && X509_set_subject_name(cert, X509_REQ_get_subject_name(req)) == 1 &&
	       X509_set_issuer_name(cert, X509_get_subject_name(authority)) == 1 &&
	       X509_set_pubkey(cert, X509_REQ_get0_pubkey(req)) == 1 &&
	       add_extension(cert, &ctx, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(cert, &ctx, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(cert, &ctx, NID_ext_key_usage, cert_use_text(use)) &&
	       add_extension(cert, &ctx, NID_subject_key_identifier, "hash") &&
	       add_extension(cert, &ctx, NID_authority_key_identifier, "keyid") && copy_names(cert, req) &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
}

/* The first thing that does not hold, in words; NULL: all does. */
static const char *unfit(X509 *authority, EVP_PKEY *key, X509_REQ *req)
{
	if (!authority || !key)
		return "the authority's certificate or key cannot be read";
	if (X509_check_private_key(authority, key) != 1)
		return "the key is not the authority's";
	if (!req)
		return "is no certificate request (PEM, PKCS #10)";
	if (X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) != 1)
		return "the request's own signature does not hold";
	return NULL;
}

bool authority_issue(struct view authority_pem, struct view key_pem, struct view csr_pem, enum cert_use use,
                     int64_t now_ms, unsigned days, struct buf *cert_pem, struct error *e)
{
	BIO *key_bio = bio_of(key_pem), *csr_bio = bio_of(csr_pem);
	X509 *authority = cert_from_pem(authority_pem), *cert = X509_new();
	EVP_PKEY *key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL) : NULL;
	X509_REQ *req = csr_bio ? PEM_read_bio_X509_REQ(csr_bio, NULL, NULL, NULL) : NULL;
	const char *why = unfit(authority, key, req);
	bool ok = why == NULL;

	if (!ok)
		error_set(e, REASON_CONFIG, "%s", why);
	else if (!cert || !fill(cert, req, authority, key, use, now_ms, days) || !print(cert, cert_pem))
		ok = error_set(e, REASON_CONFIG, "the request names no subject alternative name, or memory ran out");
	BIO_free(key_bio);
	BIO_free(csr_bio);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	X509_free(authority);
	X509_free(cert);
	ERR_clear_error();
	return ok;
}
