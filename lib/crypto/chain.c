/* See chain.h. What lies outside the bytes that an authority signs is held as well: the outer algorithm is compared with the
 * signed one and unused bits of the signature are refused by OpenSSL, and an encoding that is not DER is refused here. What
 * is left is that an ECDSA signature (r, s) has a twin (r, n - s): the same serial, key and name under another digest. */
#include "lib/crypto/chain.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "lib/base/datetime.h"
#include "lib/crypto/internal.h"

#define SECURITY_LEVEL 3 /* of OpenSSL: 128 bits */
#define DEPTH          1 /* authorities between the certificate and one that signed itself */

struct chain {
	X509_STORE *store;
};

static bool set_rules(X509_STORE *store)
{
	X509_VERIFY_PARAM *rules = store ? X509_STORE_get0_param(store) : NULL;

	if (!rules)
		return false;
	X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
	X509_VERIFY_PARAM_set_depth(rules, DEPTH);
	return X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT) == 1 &&
	       X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT) == 1 &&
	       X509_VERIFY_PARAM_set_trust(rules, X509_TRUST_SSL_CLIENT) == 1;
}

struct chain *chain_load(struct view pem, struct error *e)
{
	struct chain *c = calloc(1, sizeof *c);
	BIO *bio = bio_of(pem);
	X509 *cert;
	int n = 0;

	if (c)
		c->store = X509_STORE_new();
	bool ok = c && bio && set_rules(c->store);
	while (ok && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		/* Reads its extensions now; else the first that verifies would, in whichever thread that is. */
		(void)X509_check_purpose(cert, -1, 0);
		n += X509_STORE_add_cert(c->store, cert) == 1;
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (ok && n > 0)
		return c;
	error_set(e, ok ? REASON_CONFIG : REASON_NO_MEMORY,
	          ok ? "holds no authority's certificate in PEM form" : "memory ran out");
	chain_free(c);
	return NULL;
}

void chain_free(struct chain *c)
{
	if (c)
		X509_STORE_free(c->store);
	free(c);
}

X509_STORE *chain_store(const struct chain *c)
{
	return c->store;
}

static bool refused(struct error *e, const char *what)
{
	return error_set(e, REASON_PARTNER_UNKNOWN, "the certificate %s", what);
}

/* The same certificate in other bytes would have another digest, and be taken for one that was never seen. */
static bool is_der(const X509 *cert, struct view der)
{
	unsigned char *p = NULL;
	int n = i2d_X509(cert, &p);
	bool same = n > 0 && (size_t)n == der.n && memcmp(p, der.p, der.n) == 0;

	OPENSSL_free(p);
	return same;
}

/* OpenSSL takes one without these extensions for any use. */
static bool may_be_client(X509 *cert, struct error *e)
{
	uint32_t has = X509_get_extension_flags(cert);

	if (has & EXFLAG_CA)
		return refused(e, "is an authority's");
	if (!(has & EXFLAG_XKUSAGE) || !(X509_get_extended_key_usage(cert) & XKU_SSL_CLIENT))
		return refused(e, "has no extendedKeyUsage with clientAuth");
	if (!(has & EXFLAG_KUSAGE) || !(X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE))
		return refused(e, "has no keyUsage with digitalSignature");
	return true;
}

/* Narrows the time to that of every certificate above it. */
static bool narrow(X509_STORE_CTX *ctx, struct cert_id *id)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

	for (int i = 1; i < sk_X509_num(chain); i++) {
		int64_t from, until;
		if (!asn1_time_ms(X509_get0_notBefore(sk_X509_value(chain, i)), &from) ||
		    !asn1_time_ms(X509_get0_notAfter(sk_X509_value(chain, i)), &until))
			return false;
		id->not_before_ms = from > id->not_before_ms ? from : id->not_before_ms;
		id->not_after_ms = until < id->not_after_ms ? until : id->not_after_ms;
	}
	return true;
}

bool chain_verify(const struct chain *c, struct view der, int64_t now_ms, struct cert_id *out, struct error *e)
{
	X509 *cert = cert_from_der(der);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	struct cert_id id;
	bool ok = false;

	if (!ctx || (cert && X509_STORE_CTX_init(ctx, c->store, cert, NULL) != 1)) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		goto out;
	}
	if (!cert || !is_der(cert, der)) {
		refused(e, "cannot be read as DER");
		goto out;
	}
	X509_STORE_CTX_set_time(ctx, 0, (time_t)(now_ms / SECOND_MS));
	if (X509_verify_cert(ctx) != 1) {
		error_set(e, REASON_PARTNER_UNKNOWN, "the certificate does not verify: %s",
		          X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
		goto out;
	}
	if (may_be_client(cert, e) && cert_describe(cert, der, &id, e)) {
		ok = narrow(ctx, &id) || refused(e, "comes from an authority whose time cannot be read");
		if (ok)
			*out = id;
	}
out:
	X509_STORE_CTX_free(ctx);
	X509_free(cert);
	ERR_clear_error();
	return ok;
}
