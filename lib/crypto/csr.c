/* Certificate requests (RFC 2986): a new P-256 key with the names that its node asks for. */
#include "lib/crypto/internal.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static bool add_name(GENERAL_NAMES *names, int type, struct view text)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *s = ASN1_IA5STRING_new();

	if (!name || !s || ASN1_STRING_set(s, text.p, (int)text.n) != 1 || sk_GENERAL_NAME_push(names, name) <= 0) {
		ASN1_IA5STRING_free(s);
		GENERAL_NAME_free(name);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, s);
	return true;
}

static bool name_is_plain(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= 0x20 || v.p[i] >= 0x7f)
			return false;
	return v.n > 0 && v.n < 256;
}

const char *cert_use_text(enum cert_use use)
{
	switch (use) {
	case CERT_GATEWAY: return "serverAuth,clientAuth";
	case CERT_CLIENT: return "clientAuth";
	case CERT_SIGNER: break;
	}
	return "emailProtection";
}

static bool add_usages(STACK_OF(X509_EXTENSION) * *to, enum cert_use use)
{
	const struct {
		int nid;
		const char *value;
	} all[] = { { NID_basic_constraints, "critical,CA:FALSE" },
		    { NID_key_usage, "critical,digitalSignature" },
		    { NID_ext_key_usage, cert_use_text(use) } };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, all[i].nid, all[i].value);
		bool ok = x && X509v3_add_ext(to, x, -1) != NULL; /* which copies it */
		X509_EXTENSION_free(x);
		if (!ok)
			return false;
	}
	return true;
}

static bool request_names(X509_REQ *req, enum cert_use use, struct view uri, const struct view *dns, size_t n_dns)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	bool ok = names && add_name(names, GEN_URI, uri);

	for (size_t i = 0; ok && i < n_dns; i++)
		ok = add_name(names, GEN_DNS, dns[i]);
	ok = ok && X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, 0) == 1 &&
	     add_usages(&extensions, use) && X509_REQ_add_extensions(req, extensions) == 1;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	GENERAL_NAMES_free(names);
	return ok;
}

static bool request_make(X509_REQ *req, EVP_PKEY *key, enum cert_use use, struct view common_name, struct view uri,
                         const struct view *dns, size_t n_dns)
{
	X509_NAME *subject = X509_REQ_get_subject_name(req);

	return X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
	       X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)common_name.p,
	                                  (int)common_name.n, -1, 0) == 1 &&
	       X509_REQ_set_pubkey(req, key) == 1 && request_names(req, use, uri, dns, n_dns) &&
	       X509_REQ_sign(req, key, EVP_sha256()) > 0;
}

bool csr_make(enum cert_use use, struct view common_name, struct view uri, const struct view *dns, size_t n_dns,
              struct buf *key_pem, struct buf *csr_pem, struct error *e)
{
	bool plain = name_is_plain(uri) && common_name.n > 0 && common_name.n <= 64;

	for (size_t i = 0; plain && i < n_dns; i++)
		plain = name_is_plain(dns[i]);
	if (!plain)
		return error_set(e, REASON_CONFIG,
		                 "certificate request: a name is empty, too long or not printable ASCII");

	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_REQ *req = X509_REQ_new();
	BIO *key_bio = BIO_new(BIO_s_mem()), *req_bio = BIO_new(BIO_s_mem());
	bool ok = key && req && key_bio && req_bio && request_make(req, key, use, common_name, uri, dns, n_dns) &&
	          PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	          PEM_write_bio_X509_REQ(req_bio, req) == 1 && bio_take(key_bio, key_pem) && bio_take(req_bio, csr_pem);

	BIO_free(key_bio); /* OpenSSL clears what it frees there */
	BIO_free(req_bio);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return ok || error_set(e, REASON_CRYPTO, "the key or the certificate request could not be made");
}
