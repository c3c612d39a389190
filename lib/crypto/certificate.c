/* Certificates (RFC 5280): who they name, how long, what for. */
#include "lib/crypto/internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base/datetime.h"

#define SERIAL_BYTES_MAX 20 /* RFC 5280 4.1.2.2 */

BIO *bio_of(struct view bytes)
{
	return bytes.n > INT32_MAX ? NULL : BIO_new_mem_buf(bytes.p ? bytes.p : "", (int)bytes.n);
}

bool bio_take(BIO *bio, struct buf *out)
{
	char *p = NULL;
	long n = BIO_get_mem_data(bio, &p);

	if (n < 0 || (n > 0 && !p))
		return false;
	buf_add(out, view_make(p, (size_t)n));
	return !out->failed;
}

X509 *cert_from_der(struct view der)
{
	const unsigned char *p = (const unsigned char *)der.p;

	if (der.n == 0 || der.n > INT32_MAX)
		return NULL;
	X509 *cert = d2i_X509(NULL, &p, (long)der.n);
	ERR_clear_error();
	if (cert && p != (const unsigned char *)der.p + der.n) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

X509 *cert_from_pem(struct view pem)
{
	BIO *bio = bio_of(pem);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return cert;
}

bool asn1_time_ms(const ASN1_TIME *t, int64_t *out_ms)
{
	struct tm tm;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1 || tm.tm_year + 1900 > 9999)
		return false;
	struct date d = { tm.tm_year + 1900, (uint8_t)(tm.tm_mon + 1), (uint8_t)tm.tm_mday };
	*out_ms = date_to_days(d) * DAY_MS + (int64_t)(tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec) * SECOND_MS;
	return true;
}

bool digest_is_strong(int nid)
{
	return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

bool signature_is_strong(int nid)
{
	int md = NID_undef, key = NID_undef;

	/* rsaEncryption as a CMS signature algorithm means PKCS #1 v1.5 over the SignerInfo's digest. */
	if (nid == NID_rsaEncryption || nid == NID_rsassaPss || nid == NID_ED25519)
		return true;
	return OBJ_find_sigid_algs(nid, &md, &key) == 1 && digest_is_strong(md);
}

static bool unreadable(struct error *e)
{
	return error_set(e, REASON_PARTNER_UNKNOWN, "the certificate cannot be read");
}

static bool read_digests(const X509 *cert, struct view der, struct cert_id *out)
{
	unsigned char *spki = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);

	if (n <= 0)
		return false;
	sha256(view_make(spki, (size_t)n), &out->spki);
	sha256(der, &out->whole);
	OPENSSL_free(spki);
	return true;
}

static bool read_serial(const X509 *cert, struct cert_id *out)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
	int n = serial ? ASN1_STRING_length(serial) : 0;
	const unsigned char *p = serial ? ASN1_STRING_get0_data(serial) : NULL;

	if (n < 1 || n > SERIAL_BYTES_MAX || ASN1_STRING_type(serial) != V_ASN1_INTEGER)
		return false;
	for (int i = 0; i < n; i++)
		snprintf(out->serial + (size_t)i * 2, 3, "%02x", p[i]);
	return true;
}

/* Only printable ASCII: what stands here is compared with the partner file and written to logs. */
static bool uri_is_plain(const ASN1_IA5STRING *s, size_t max)
{
	const unsigned char *p = ASN1_STRING_get0_data(s);
	int n = ASN1_STRING_length(s);

	if (n < 1 || (size_t)n >= max)
		return false;
	for (int i = 0; i < n; i++)
		if (p[i] <= 0x20 || p[i] >= 0x7f)
			return false;
	return true;
}

static bool read_uri(const X509 *cert, struct cert_id *out, struct error *e)
{
	/* NULL for no extension, a broken one and two of them alike: all refused below. */
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const ASN1_IA5STRING *uri = NULL;
	int uris = 0;
	bool ok;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_URI) {
			uri = name->d.uniformResourceIdentifier;
			uris++;
		}
	}
	if (uris != 1) {
		ok = error_set(e, REASON_PARTNER_UNKNOWN,
		               "the certificate must name exactly one URI as subject alternative name, it has %d",
		               uris);
	} else if (!uri_is_plain(uri, sizeof out->uri)) {
		ok = error_set(e, REASON_PARTNER_UNKNOWN,
		               "the URI of the certificate is empty, too long or not printable ASCII");
	} else {
		memcpy(out->uri, ASN1_STRING_get0_data(uri), (size_t)ASN1_STRING_length(uri));
		ok = true;
	}
	GENERAL_NAMES_free(names);
	return ok;
}

static void read_usage(const X509 *cert, struct cert_id *out)
{
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);

	for (int i = 0; i < sk_ASN1_OBJECT_num(usage); i++) {
		int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i));

		out->client_auth = out->client_auth || nid == NID_client_auth;
		out->server_auth = out->server_auth || nid == NID_server_auth;
	}
	EXTENDED_KEY_USAGE_free(usage);
}

bool cert_describe(const X509 *cert, struct view der, struct cert_id *out, struct error *e)
{
	struct cert_id id;

	memset(&id, 0, sizeof id);
	if (!cert || !read_digests(cert, der, &id) || !read_serial(cert, &id) ||
	    !asn1_time_ms(X509_get0_notBefore(cert), &id.not_before_ms) ||
	    !asn1_time_ms(X509_get0_notAfter(cert), &id.not_after_ms))
		return unreadable(e);
	if (!read_uri(cert, &id, e))
		return false;
	read_usage(cert, &id);
	*out = id;
	return true;
}

bool cert_read(struct view der, struct cert_id *out, struct error *e)
{
	X509 *cert = cert_from_der(der);
	bool ok = cert_describe(cert, der, out, e);

	X509_free(cert);
	ERR_clear_error();
	return ok;
}

bool cert_pem_to_der(struct view pem, struct buf *out, struct error *e)
{
	X509 *cert = cert_from_pem(pem);
	unsigned char *der = NULL;
	int n = cert ? i2d_X509(cert, &der) : -1;
	bool ok = n > 0;

	if (ok)
		buf_add(out, view_make(der, (size_t)n));
	else
		error_set(e, REASON_CONFIG, "there is no readable certificate in PEM form");
	if (ok && out->failed)
		ok = error_set(e, REASON_NO_MEMORY, "the certificate does not fit its buffer");
	OPENSSL_free(der);
	X509_free(cert);
	return ok;
}
