/* Revocation lists (RFC 5280 5): verified once, when loaded; then a look-up of a serial is a search in a
 * sorted array. Letting OpenSSL check a list of 50,000 at each handshake costs 4 ms. */
#include "lib/crypto/internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base/encode.h"

#define SERIAL_MAX 20

/* Length first, so that memcmp orders all. */
struct serial {
	uint8_t b[SERIAL_MAX + 1];
};

struct crl {
	int64_t next_update_ms;
	size_t n;
	struct serial serials[];
};

static bool bad(struct error *e, const char *what)
{
	return error_set(e, REASON_REVOCATION_UNKNOWN, "revocation list: %s", what);
}

/* A list that a critical extension narrows (one distribution point, a delta, another issuer's
 * certificates) says nothing about the certificates that it leaves out. */
static bool list_is_complete(X509_CRL *list, struct error *e)
{
	if (X509_CRL_get_ext_by_critical(list, 1, -1) >= 0)
		return bad(e, "has a critical extension, so it may not cover every certificate");
	STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(list);
	for (int i = 0; i < sk_X509_REVOKED_num(revoked); i++)
		if (X509_REVOKED_get_ext_by_critical(sk_X509_REVOKED_value(revoked, i), 1, -1) >= 0)
			return bad(e, "has an entry with a critical extension");
	return true;
}

static bool list_is_genuine(X509_CRL *list, X509 *ca, struct error *e)
{
	if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(ca)) != 0)
		return bad(e, "its issuer is not an authority");
	if (X509_check_ca(ca) == 0 || !(X509_get_key_usage(ca) & KU_CRL_SIGN))
		return bad(e, "the authority's certificate may not sign revocation lists");
	if (!signature_is_strong(X509_CRL_get_signature_nid(list)))
		return bad(e, "its signature uses a digest weaker than SHA-256");
	if (X509_CRL_verify(list, X509_get0_pubkey(ca)) != 1)
		return bad(e, "its signature does not verify");
	return true;
}

static int serial_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct serial));
}

static bool serial_set(struct serial *s, const void *p, size_t n)
{
	memset(s, 0, sizeof *s);
	if (n < 1 || n > SERIAL_MAX)
		return false;
	s->b[0] = (uint8_t)n;
	memcpy(s->b + 1, p, n);
	return true;
}

static struct crl *collect(X509_CRL *list, struct error *e)
{
	STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(list);
	size_t n = revoked ? (size_t)sk_X509_REVOKED_num(revoked) : 0;
	struct crl *c = malloc(sizeof *c + n * sizeof c->serials[0]);

	if (!c) {
		error_set(e, REASON_NO_MEMORY, "no memory for a revocation list");
		return NULL;
	}
	c->n = n;
	for (size_t i = 0; i < n; i++) {
		const ASN1_INTEGER *s = X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(revoked, (int)i));

		if (ASN1_STRING_type(s) != V_ASN1_INTEGER ||
		    !serial_set(&c->serials[i], ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s))) {
			bad(e, "has a serial number that is negative or too long");
			free(c);
			return NULL;
		}
	}
	qsort(c->serials, n, sizeof c->serials[0], serial_cmp);
	if (!asn1_time_ms(X509_CRL_get0_nextUpdate(list), &c->next_update_ms)) {
		bad(e, "has no time of its next update");
		free(c);
		return NULL;
	}
	return c;
}

struct crl *crl_load(struct view pem, const struct authorities *authorities, size_t *which, struct error *e)
{
	BIO *bio = bio_of(pem);
	X509_CRL *list = bio ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
	size_t n = authorities_count(authorities);
	struct error why = { .reason = REASON_NONE };
	struct crl *c = NULL;

	if (!list)
		bad(e, "cannot be read");
	/* What is said of the last is said when it is of none; authorities may be named alike. */
	for (size_t i = 0; list && i < n; i++) {
		struct error one = { .reason = REASON_NONE };
		if (list_is_genuine(list, authority_cert(authorities, i), &one)) {
			if (list_is_complete(list, e))
				c = collect(list, e);
			if (c)
				*which = i;
			break;
		}
		if (why.reason == REASON_NONE ||
		    X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(authority_cert(authorities, i))) ==
		            0)
			why = one;
		if (i + 1 == n)
			bad(e, why.text + (sizeof "revocation list: " - 1));
	}
	BIO_free(bio);
	X509_CRL_free(list);
	ERR_clear_error();
	return c;
}

void crl_free(struct crl *c)
{
	free(c);
}

bool crl_has(const struct crl *c, const char *serial_hex)
{
	uint8_t raw[SERIAL_MAX];
	struct serial s;
	size_t n = 0;

	/* What cannot be a serial cannot be cleared either. */
	if (!hex_decode(view_of(serial_hex), raw, sizeof raw, &n) || !serial_set(&s, raw, n))
		return true;
	return bsearch(&s, c->serials, c->n, sizeof s, serial_cmp) != NULL;
}

int64_t crl_next_update_ms(const struct crl *c)
{
	return c->next_update_ms;
}
