/* See tls_verify.h. */
#include "gatewayd/edge/tls_verify.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "gatewayd/edge/chains.h"

#define SHOWN_MAX 4 /* certificates of a chain that is remembered */

/* Exactly one URI among the subject alternative names, without a NUL inside. */
static bool one_uri(X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int uris = 0;
	bool clean = true;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_URI)
			continue;
		const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
		int n = ASN1_STRING_length(uri);
		uris++;
		clean = clean && n > 0 && !memchr(ASN1_STRING_get0_data(uri), 0, (size_t)n);
	}
	GENERAL_NAMES_free(names);
	return uris == 1 && clean;
}

/* OpenSSL itself takes a certificate without extended key usage for any purpose, which is why this looks again. */
int tls_verify_certificate(int ok, X509_STORE_CTX *store)
{
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

	if (!ok || X509_STORE_CTX_get_error_depth(store) != 0 || !cert || !ssl)
		return ok;
	uint32_t wanted = SSL_is_server(ssl) ? XKU_SSL_CLIENT : XKU_SSL_SERVER;
	if (!(X509_get_extension_flags(cert) & EXFLAG_XKUSAGE) || !(X509_get_extended_key_usage(cert) & wanted) ||
	    X509_get_extension_flags(cert) & EXFLAG_CA) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_PURPOSE);
		return 0;
	}
	if (SSL_is_server(ssl) &&
	    (!(X509_get_extension_flags(cert) & EXFLAG_KUSAGE) || !(X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE))) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_PURPOSE);
		return 0;
	}
	if (SSL_is_server(ssl) && !one_uri(cert)) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
		return 0;
	}
	return ok;
}

/* Of everything that the peer showed, in its order, its own certificate first. False: more than is remembered, or no memory. */
static bool digest_shown(X509_STORE_CTX *store, struct digest *out)
{
	STACK_OF(X509) *shown = X509_STORE_CTX_get0_untrusted(store);
	struct digest each[SHOWN_MAX];
	int n = sk_X509_num(shown);

	if (n < 1 || n > SHOWN_MAX || sk_X509_value(shown, 0) != X509_STORE_CTX_get0_cert(store))
		return false;
	for (int i = 0; i < n; i++)
		if (X509_digest(sk_X509_value(shown, i), EVP_sha256(), each[i].b, NULL) != 1)
			return false;
	return EVP_Digest(each, (size_t)n * sizeof each[0], out->b, NULL, EVP_sha256(), NULL) == 1;
}

static bool unix_time(const ASN1_TIME *t, time_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*out = timegm(&tm);
	return true;
}

/* When all certificates of the chain that was found hold, as X509_cmp_time() has it: from the first moment, before the last. */
static bool time_of(X509_STORE_CTX *store, time_t *from, time_t *until)
{
	STACK_OF(X509) *found = X509_STORE_CTX_get0_chain(store);

	for (int i = 0; i < sk_X509_num(found); i++) {
		const X509 *cert = sk_X509_value(found, i);
		time_t begin, end;
		if (!unix_time(X509_get0_notBefore(cert), &begin) || !unix_time(X509_get0_notAfter(cert), &end))
			return false;
		*from = i == 0 || begin > *from ? begin : *from;
		*until = i == 0 || end < *until ? end : *until;
	}
	return sk_X509_num(found) > 0;
}

int tls_verify_chain(X509_STORE_CTX *store, void *chains)
{
	struct digest shown;
	time_t from = 0, until = 0;
	bool has_digest = digest_shown(store, &shown);

	if (has_digest && chains_hold(chains, &shown, time(NULL))) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	if (X509_verify_cert(store) != 1)
		return 0;
	if (has_digest && time_of(store, &from, &until))
		chains_keep(chains, &shown, from, until);
	return 1;
}
