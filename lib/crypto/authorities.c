/* Authorities: the certificates of a PEM text, and which of them signed another. Parsed once; immutable. */
#include "lib/crypto/internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#define NAME_MAX_ 200

struct authority {
	X509 *cert;
	struct digest id;
	char name[NAME_MAX_];
};

struct authorities {
	size_t n;
	struct authority of[AUTHORITIES_MAX];
};

/* The subject as RFC 2253 writes it, for people. */
static void print_name(const X509 *cert, char out[NAME_MAX_])
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n = 0;

	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_get_mem_data(bio, &p);
	snprintf(out, NAME_MAX_, "%.*s", (int)(n > 0 ? n : 0), p ? p : "");
	BIO_free(bio);
}

/* Who it is: its subject and its key together. Two authorities may be named alike, and one key may have two names, each
 * of which has a revocation list of its own (RFC 5280 section 5); the same one with another validity is the same. */
static void identify(X509 *cert, struct digest *id)
{
	struct buf whole = BUF_INIT(1u << 16);
	unsigned char *name = NULL, *spki = NULL;
	int n = i2d_X509_NAME(X509_get_subject_name(cert), &name);

	buf_add(&whole, view_make(name, n > 0 ? (size_t)n : 0));
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
	buf_add(&whole, view_make(spki, n > 0 ? (size_t)n : 0));
	sha256(buf_view(&whole), id);
	OPENSSL_free(name);
	OPENSSL_free(spki);
	buf_free(&whole);
}

struct authorities *authorities_load(struct view pem, struct error *e)
{
	struct authorities *a = calloc(1, sizeof *a);
	BIO *bio = bio_of(pem);
	X509 *cert;

	while (a && bio && a->n < AUTHORITIES_MAX && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		struct authority *one = &a->of[a->n++];
		one->cert = cert;
		identify(cert, &one->id);
		print_name(cert, one->name);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (a && a->n > 0)
		return a;
	error_set(e, a ? REASON_CONFIG : REASON_NO_MEMORY, "the authority's certificate cannot be read");
	authorities_free(a);
	return NULL;
}

void authorities_free(struct authorities *a)
{
	for (size_t i = 0; a && i < a->n; i++)
		X509_free(a->of[i].cert);
	free(a);
}

size_t authorities_count(const struct authorities *a)
{
	return a->n;
}

const struct digest *authority_id(const struct authorities *a, size_t i)
{
	return &a->of[i].id;
}

const char *authority_name(const struct authorities *a, size_t i)
{
	return a->of[i].name;
}

int64_t authority_until_ms(const struct authorities *a, size_t i)
{
	int64_t until;

	return asn1_time_ms(X509_get0_notAfter(a->of[i].cert), &until) ? until : 0;
}

bool authority_print(const struct authorities *a, size_t i, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = bio && PEM_write_bio_X509(bio, a->of[i].cert) == 1 && bio_take(bio, out);

	BIO_free(bio);
	ERR_clear_error();
	return ok;
}

X509 *authority_cert(const struct authorities *a, size_t i)
{
	return a->of[i].cert;
}

bool authorities_signed(const struct authorities *a, struct view cert_der, size_t *which)
{
	X509 *cert = cert_from_der(cert_der);
	bool found = false;

	for (size_t i = 0; cert && !found && i < a->n; i++) {
		X509 *by = a->of[i].cert;
		if (X509_NAME_cmp(X509_get_issuer_name(cert), X509_get_subject_name(by)) != 0 ||
		    X509_verify(cert, X509_get0_pubkey(by)) != 1)
			continue;
		*which = i;
		found = true;
	}
	X509_free(cert);
	ERR_clear_error();
	return found;
}
