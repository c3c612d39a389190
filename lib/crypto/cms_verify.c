/* Detached CMS signatures (RFC 5652) over documents: the check.
 *
 * OpenSSL verifies the arithmetic; by itself it would also take SHA-1, a signature without signed
 * attributes, content that the file carries along, and the certificates that it brings. So each
 * SignerInfo is first matched to one pinned certificate and its attributes are looked at here. */
#include "lib/crypto/internal.h"

#include <openssl/pem.h> /* before cms.h, which declares its PEM functions only then */
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#define SECURITY_BITS_MIN 112 /* RSA of 2,048 bits; P-256 has 128 */

/* RFC 5652 5.3: any SignerInfo of the file while it is checked. */
struct check {
	CMS_ContentInfo *cms;
	STACK_OF(CMS_SignerInfo) * infos; /* borrowed from cms */
	X509 **certs;                     /* of each pinned signer */
	int64_t *signed_at;               /* TIME of each pinned signer, or NOT_SIGNED */
	struct cms_signer *signers;
	size_t n;
	int64_t now_ms;
	struct error *e;
};
#define NOT_SIGNED INT64_MIN

static bool refuse(const struct check *c, const char *what)
{
	return error_set(c->e, REASON_SIGNATURE, "%s", what);
}

static bool refuse_signer(const struct check *c, size_t i, const char *what)
{
	return error_set(c->e, REASON_SIGNATURE, "signature of %.*s: %s", VIEW_ARG(c->signers[i].name), what);
}

static CMS_ContentInfo *cms_read(struct view text)
{
	const unsigned char *p = (const unsigned char *)text.p;
	CMS_ContentInfo *cms = NULL;

	if (text.n == 0 || text.n > INT32_MAX)
		return NULL;
	if (p[0] == 0x30) { /* DER: a SEQUENCE; PEM starts with a letter or '-' */
		cms = d2i_CMS_ContentInfo(NULL, &p, (long)text.n);
		if (cms && p != (const unsigned char *)text.p + text.n) {
			CMS_ContentInfo_free(cms);
			cms = NULL;
		}
	} else {
		BIO *bio = bio_of(text);

		cms = bio ? PEM_read_bio_CMS(bio, NULL, NULL, NULL) : NULL;
		BIO_free(bio);
	}
	return cms;
}

/* SignedData over plain data, without the content, with as many signers as there can be. */
static bool check_container(struct check *c)
{
	if (OBJ_obj2nid(CMS_get0_type(c->cms)) != NID_pkcs7_signed)
		return refuse(c, "the signature file holds no signed data");
	if (CMS_is_detached(c->cms) != 1)
		return refuse(c, "the signature file carries content of its own; it must be detached");
	if (OBJ_obj2nid(CMS_get0_eContentType(c->cms)) != NID_pkcs7_data)
		return refuse(c, "the signature file signs another type of content than data");
	c->infos = CMS_get0_SignerInfos(c->cms);
	if (sk_CMS_SignerInfo_num(c->infos) < 1)
		return refuse(c, "the signature file has no signer");
	return true;
}

/* The certificate that the file brings for a signer; NULL: none, or no memory. The caller frees it. */
static X509 *brought(const struct check *c, CMS_SignerInfo *si)
{
	STACK_OF(X509) *certs = CMS_get1_certs(c->cms);
	X509 *found = NULL;

	for (int i = 0; i < sk_X509_num(certs) && !found; i++)
		if (CMS_SignerInfo_cert_cmp(si, sk_X509_value(certs, i)) == 0 && X509_up_ref(sk_X509_value(certs, i)))
			found = sk_X509_value(certs, i);
	sk_X509_pop_free(certs, X509_free);
	return found;
}

/* Who a signer says that he is: nobody has confirmed it, but an operator finds the one to ask. Printed in ASCII. */
static bool refuse_stranger(const struct check *c, CMS_SignerInfo *si)
{
	X509 *cert = brought(c, si);
	ASN1_OCTET_STRING *key_id = NULL;
	X509_NAME *issuer = NULL;
	ASN1_INTEGER *serial = NULL;
	struct buf who = BUF_INIT(4096);
	BIO *bio = BIO_new(BIO_s_mem());

	CMS_SignerInfo_get0_signer_id(si, &key_id, &issuer, &serial);
	if (bio && cert) {
		X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253);
	} else if (bio && issuer) {
		BIO_puts(bio, "serial number ");
		i2a_ASN1_INTEGER(bio, serial);
		BIO_puts(bio, " of ");
		X509_NAME_print_ex(bio, issuer, 0, XN_FLAG_RFC2253);
	} else if (bio && key_id) {
		BIO_puts(bio, "key ");
		i2a_ASN1_STRING(bio, key_id, V_ASN1_OCTET_STRING);
	}
	struct view text = bio && bio_take(bio, &who) ? buf_view(&who) : VIEW("");
	error_set(c->e, REASON_SIGNATURE, "a signer of the file%s%.*s%s is not one of those who may sign it",
	          text.n ? " (by its own words " : "", (int)(text.n < 200 ? text.n : 200), view_bytes(text),
	          text.n ? ")" : "");
	buf_free(&who);
	BIO_free(bio);
	X509_free(cert);
	return false;
}

/* The one pinned certificate that a SignerInfo names; c->n when there is none. */
static bool find_signer(struct check *c, CMS_SignerInfo *si, size_t *found)
{
	*found = c->n;
	for (size_t i = 0; i < c->n; i++) {
		if (CMS_SignerInfo_cert_cmp(si, c->certs[i]) != 0)
			continue;
		if (*found < c->n)
			return refuse_signer(
			        c, i, "its certificate is pinned for two signers, so it cannot stand for either");
		*found = i;
	}
	if (*found == c->n)
		return refuse_stranger(c, si);
	if (c->signed_at[*found] != NOT_SIGNED)
		return refuse_signer(c, *found, "the same signer signed twice");
	return true;
}

static bool check_algorithms(struct check *c, size_t i, CMS_SignerInfo *si)
{
	X509_ALGOR *digest = NULL, *signature = NULL;
	const ASN1_OBJECT *object = NULL;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, &signature);
	X509_ALGOR_get0(&object, NULL, NULL, digest);
	if (!digest_is_strong(OBJ_obj2nid(object)))
		return refuse_signer(c, i, "its digest is weaker than SHA-256");
	X509_ALGOR_get0(&object, NULL, NULL, signature);
	if (!signature_is_strong(OBJ_obj2nid(object)))
		return refuse_signer(c, i, "its signature algorithm is not one with SHA-256 or better");
	if (EVP_PKEY_get_security_bits(X509_get0_pubkey(c->certs[i])) < SECURITY_BITS_MIN)
		return refuse_signer(c, i, "its key is too short");
	return true;
}

/* RFC 5652 11: content type, message digest and signing time, each once with one value. */
static bool check_attributes(struct check *c, size_t i, CMS_SignerInfo *si, int64_t *signed_at)
{
	if (CMS_signed_get_attr_count(si) <= 0)
		return refuse_signer(c, i, "it has no signed attributes");
	/* The position -3 demands one attribute with one value. */
	const ASN1_OBJECT *type =
	        CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);
	if (!type || OBJ_cmp(type, CMS_get0_eContentType(c->cms)) != 0)
		return refuse_signer(c, i, "its signed content type is missing or another one");
	if (!CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING))
		return refuse_signer(c, i, "its signed attributes have no message digest");
	const ASN1_OBJECT *time = OBJ_nid2obj(NID_pkcs9_signingTime);
	const ASN1_TIME *t = CMS_signed_get0_data_by_OBJ(si, time, -3, V_ASN1_UTCTIME);
	if (!t)
		t = CMS_signed_get0_data_by_OBJ(si, time, -3, V_ASN1_GENERALIZEDTIME);
	if (!asn1_time_ms(t, signed_at))
		return refuse_signer(c, i, "its signed attributes have no signing time");
	return true;
}

static bool check_time(struct check *c, size_t i, int64_t signed_at)
{
	int64_t from, to;

	if (!asn1_time_ms(X509_get0_notBefore(c->certs[i]), &from) ||
	    !asn1_time_ms(X509_get0_notAfter(c->certs[i]), &to))
		return refuse_signer(c, i, "the life of its certificate cannot be read");
	if (signed_at < from || signed_at > to)
		return refuse_signer(c, i, "it was made outside the life of its certificate");
	if (signed_at > c->now_ms)
		return refuse_signer(c, i, "its signing time lies in the future");
	return true;
}

static bool check_signer(struct check *c, CMS_SignerInfo *si)
{
	int64_t signed_at;
	size_t i;

	if (!find_signer(c, si, &i) || !check_algorithms(c, i, si) || !check_attributes(c, i, si, &signed_at) ||
	    !check_time(c, i, signed_at))
		return false;
	/* Without the extension every bit is set. */
	if (!(X509_get_key_usage(c->certs[i]) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
		return refuse_signer(c, i, "its certificate may not be used to sign");
	CMS_SignerInfo_set1_signer_cert(si, c->certs[i]);
	c->signed_at[i] = signed_at;
	return true;
}

/* The digest that a signer signed is the content's. */
static bool digest_matches(CMS_SignerInfo *si, struct view content)
{
	const ASN1_OCTET_STRING *was =
	        CMS_signed_get0_data_by_OBJ(si, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);
	unsigned char is[EVP_MAX_MD_SIZE];
	const ASN1_OBJECT *object = NULL;
	X509_ALGOR *digest = NULL;
	unsigned n = 0;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, NULL);
	X509_ALGOR_get0(&object, NULL, NULL, digest);
	return was && EVP_Digest(view_bytes(content), content.n, is, &n, EVP_get_digestbyobj(object), NULL) == 1 &&
	       view_eq(view_make(is, n), view_make(ASN1_STRING_get0_data(was), (size_t)ASN1_STRING_length(was)));
}

/* Whose signature it is that does not hold. */
static bool refuse_wrong(const struct check *c, struct view content)
{
	for (int k = 0; k < sk_CMS_SignerInfo_num(c->infos); k++) {
		CMS_SignerInfo *si = sk_CMS_SignerInfo_value(c->infos, k);
		size_t i = 0;

		while (i < c->n && CMS_SignerInfo_cert_cmp(si, c->certs[i]) != 0)
			i++;
		if (i < c->n && !digest_matches(si, content))
			return refuse_signer(c, i, "it does not match the document: another text was signed");
		if (i < c->n && CMS_SignerInfo_verify(si) != 1)
			return refuse_signer(c, i,
			                     "it does not match the document: it is altered, or not of the pinned key");
	}
	return refuse(c, "a signature does not match the document");
}

/* The signatures themselves, with the pinned certificates only. */
static bool check_arithmetic(struct check *c, struct view content)
{
	const unsigned flags = CMS_BINARY | CMS_DETACHED | CMS_NO_SIGNER_CERT_VERIFY | CMS_NOINTERN;
	STACK_OF(X509) *pinned = sk_X509_new_null();
	BIO *bio = bio_of(content);
	bool ok = pinned && bio;

	for (size_t i = 0; ok && i < c->n; i++)
		ok = sk_X509_push(pinned, c->certs[i]) > 0;
	ok = ok && CMS_verify(c->cms, pinned, NULL, bio, NULL, flags) == 1;
	BIO_free(bio);
	sk_X509_free(pinned);
	return ok || refuse_wrong(c, content);
}

static bool check_all(struct check *c, struct view signature, struct view content)
{
	for (size_t i = 0; i < c->n; i++) {
		c->signed_at[i] = NOT_SIGNED;
		c->certs[i] = cert_from_der(c->signers[i].cert_der);
		if (!c->certs[i])
			return refuse_signer(c, i, "the pinned certificate cannot be read");
	}
	c->cms = cms_read(signature);
	if (!c->cms)
		return refuse(c, "the signature file cannot be read as CMS in PEM or DER");
	if (!check_container(c))
		return false;
	for (int k = 0; k < sk_CMS_SignerInfo_num(c->infos); k++)
		if (!check_signer(c, sk_CMS_SignerInfo_value(c->infos, k)))
			return false;
	return check_arithmetic(c, content);
}

bool cms_verify(struct view signature, struct view content, struct cms_signer *signers, size_t n, int64_t now_ms,
                struct error *e)
{
	struct check c = { .signers = signers, .n = n, .now_ms = now_ms, .e = e };
	bool ok = false;

	for (size_t i = 0; i < n; i++) {
		signers[i].signed_it = false;
		signers[i].signed_at_ms = 0;
	}
	c.certs = calloc(n ? n : 1, sizeof *c.certs);
	c.signed_at = calloc(n ? n : 1, sizeof *c.signed_at);
	if (!c.certs || !c.signed_at)
		error_set(e, REASON_NO_MEMORY, "no memory to check a signature");
	else
		ok = check_all(&c, signature, content);
	for (size_t i = 0; ok && i < n; i++) {
		signers[i].signed_it = c.signed_at[i] != NOT_SIGNED;
		signers[i].signed_at_ms = signers[i].signed_it ? c.signed_at[i] : 0;
	}
	for (size_t i = 0; c.certs && i < n; i++)
		X509_free(c.certs[i]);
	CMS_ContentInfo_free(c.cms);
	free(c.certs);
	free(c.signed_at);
	ERR_clear_error();
	return ok;
}
