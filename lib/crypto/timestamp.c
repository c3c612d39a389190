/* RFC 3161 over OpenSSL's TS. See timestamp.h. */
#include "lib/crypto/timestamp.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ts.h>

#include "lib/base/datetime.h"
#include "lib/crypto/internal.h"

#define SECURITY_BITS_MIN 112

static bool refuse(struct error *e, const char *what)
{
	return error_set(e, REASON_SIGNATURE, "the timestamp %s", what);
}

/* --- the request --- */

static bool fill_request(TS_REQ *request, TS_MSG_IMPRINT *imprint, X509_ALGOR *algorithm, const struct digest *d,
                         const uint8_t nonce[TIMESTAMP_NONCE])
{
	unsigned char bytes[32];
	BIGNUM *number = BN_bin2bn(nonce, TIMESTAMP_NONCE, NULL);
	ASN1_INTEGER *integer = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;

	memcpy(bytes, d->b, sizeof bytes);
	bool ok = integer && TS_REQ_set_version(request, 1) &&
	          X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) &&
	          TS_MSG_IMPRINT_set_algo(imprint, algorithm) && TS_MSG_IMPRINT_set_msg(imprint, bytes, sizeof bytes) &&
	          TS_REQ_set_msg_imprint(request, imprint) && TS_REQ_set_nonce(request, integer) &&
	          TS_REQ_set_cert_req(request, 1);
	ASN1_INTEGER_free(integer);
	BN_free(number);
	return ok;
}

bool timestamp_request(const struct digest *imprint, const uint8_t nonce[TIMESTAMP_NONCE], struct buf *out,
                       struct error *e)
{
	TS_REQ *request = TS_REQ_new();
	TS_MSG_IMPRINT *message = TS_MSG_IMPRINT_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	unsigned char *der = NULL;
	int n = -1;

	if (request && message && algorithm && fill_request(request, message, algorithm, imprint, nonce))
		n = i2d_TS_REQ(request, &der);
	if (n > 0)
		buf_add(out, view_make(der, (size_t)n));
	OPENSSL_free(der);
	X509_ALGOR_free(algorithm);
	TS_MSG_IMPRINT_free(message);
	TS_REQ_free(request);
	ERR_clear_error();
	return (n > 0 && !out->failed) || error_set(e, REASON_CRYPTO, "a timestamp request cannot be made");
}

/* --- the authorities --- */

static X509_STORE *read_authorities(struct view pem, struct error *e)
{
	X509_STORE *store = X509_STORE_new();
	BIO *bio = bio_of(pem);
	unsigned n = 0;
	bool ok = store && bio;

	while (ok) {
		X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (!cert)
			break;
		ok = X509_STORE_add_cert(store, cert);
		X509_free(cert);
		n++;
	}
	/* The end of the text, and not something that is no certificate. */
	if (ok && n > 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		n = 0;
	ERR_clear_error();
	BIO_free(bio);
	if (ok && n > 0)
		return store;
	X509_STORE_free(store);
	error_set(e, REASON_CONFIG, "the timestamp authorities are not PEM certificates");
	return NULL;
}

bool timestamp_authorities(struct view pem, struct error *e)
{
	X509_STORE *store = read_authorities(pem, e);

	X509_STORE_free(store);
	return store != NULL;
}

/* --- the response --- */

static TS_RESP *read_response(struct view der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	TS_RESP *response = der.n > 0 && der.n <= TIMESTAMP_MAX ? d2i_TS_RESP(NULL, &p, (long)der.n) : NULL;

	if (response && p != (const unsigned char *)der.p + der.n) {
		TS_RESP_free(response);
		return NULL;
	}
	return response;
}

static bool granted(TS_RESP *response, struct error *e)
{
	long status = ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(response)));

	if (status != TS_STATUS_GRANTED && status != TS_STATUS_GRANTED_WITH_MODS)
		return refuse(e, "was not granted");
	return (TS_RESP_get_token(response) && TS_RESP_get_tst_info(response)) || refuse(e, "has no token");
}

static bool right_imprint(TS_RESP *response, const struct digest *imprint)
{
	TS_MSG_IMPRINT *message = TS_TST_INFO_get_msg_imprint(TS_RESP_get_tst_info(response));
	const ASN1_OBJECT *algorithm = NULL;

	X509_ALGOR_get0(&algorithm, NULL, NULL, TS_MSG_IMPRINT_get_algo(message));
	const ASN1_OCTET_STRING *bytes = TS_MSG_IMPRINT_get_msg(message);
	return OBJ_obj2nid(algorithm) == NID_sha256 && ASN1_STRING_length(bytes) == (int)sizeof imprint->b &&
	       memcmp(ASN1_STRING_get0_data(bytes), imprint->b, sizeof imprint->b) == 0;
}

static bool right_nonce(TS_RESP *response, const uint8_t nonce[TIMESTAMP_NONCE])
{
	const ASN1_INTEGER *found = TS_TST_INFO_get_nonce(TS_RESP_get_tst_info(response));
	BIGNUM *want = BN_bin2bn(nonce, TIMESTAMP_NONCE, NULL), *have = found ? ASN1_INTEGER_to_BN(found, NULL) : NULL;
	bool same = want && have && BN_cmp(want, have) == 0;

	BN_free(want);
	BN_free(have);
	return same;
}

/* One signer, whose digest and key are strong: OpenSSL would take SHA-1. */
static bool strong(TS_RESP *response, struct error *e)
{
	PKCS7 *token = TS_RESP_get_token(response);
	STACK_OF(PKCS7_SIGNER_INFO) *infos = PKCS7_get_signer_info(token);
	STACK_OF(X509) *signers = PKCS7_get0_signers(token, NULL, 0);
	X509_ALGOR *digest = NULL, *signature = NULL;
	const ASN1_OBJECT *object = NULL;
	bool ok = sk_PKCS7_SIGNER_INFO_num(infos) == 1 && signers && sk_X509_num(signers) == 1;

	if (ok) {
		PKCS7_SIGNER_INFO_get0_algs(sk_PKCS7_SIGNER_INFO_value(infos, 0), NULL, &digest, &signature);
		X509_ALGOR_get0(&object, NULL, NULL, digest);
		ok = digest_is_strong(OBJ_obj2nid(object)) &&
		     EVP_PKEY_get_security_bits(X509_get0_pubkey(sk_X509_value(signers, 0))) >= SECURITY_BITS_MIN;
	}
	sk_X509_free(signers);
	return ok || refuse(e, "is not signed by one strong key with SHA-256 or better");
}

/* Version, chain, purpose and signature, at the time that the token states. */
static bool right_signature(TS_RESP *response, X509_STORE *store, int64_t time_ms, struct error *e)
{
	TS_VERIFY_CTX *ctx = TS_VERIFY_CTX_new();

	if (!ctx) {
		X509_STORE_free(store);
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	}
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)(time_ms / 1000));
	TS_VERIFY_CTX_set_flags(ctx, TS_VFY_VERSION | TS_VFY_SIGNATURE);
	TS_VERIFY_CTX_set_store(ctx, store); /* its own now */
	bool ok = TS_RESP_verify_response(ctx, response) == 1;
	TS_VERIFY_CTX_free(ctx);
	return ok || refuse(e, "is not signed by a timestamp authority that is named here and was valid then");
}

static bool check(TS_RESP *response, const struct digest *imprint, const uint8_t *nonce, struct view authorities,
                  int64_t *time_ms, struct error *e)
{
	X509_STORE *store;

	if (!granted(response, e))
		return false;
	if (!right_imprint(response, imprint))
		return refuse(e, "is for something else");
	if (nonce && !right_nonce(response, nonce))
		return refuse(e, "answers another request");
	if (!asn1_time_ms(TS_TST_INFO_get_time(TS_RESP_get_tst_info(response)), time_ms))
		return refuse(e, "states no time");
	if (!strong(response, e))
		return false;
	store = read_authorities(authorities, e);
	return store && right_signature(response, store, *time_ms, e);
}

bool timestamp_verify(struct view response, const struct digest *imprint, const uint8_t *nonce, struct view authorities,
                      int64_t *time_ms, struct error *e)
{
	TS_RESP *parsed = read_response(response);
	int64_t time = TIME_NONE;
	bool ok = parsed ? check(parsed, imprint, nonce, authorities, &time, e) : refuse(e, "response is not one");

	TS_RESP_free(parsed);
	ERR_clear_error();
	if (ok)
		*time_ms = time;
	return ok;
}
