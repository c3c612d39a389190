/* See own_chain.h. */
#include "lib/crypto/own_chain.h"

#include <arpa/inet.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "lib/base/datetime.h"
#include "lib/crypto/internal.h"

#define CERTIFICATES_MAX 8
#define RSA_BITS_LEAST   3072 /* 128 bits of security (SP 800-57 part 1, table 2) */
#define BEGIN_CERT       VIEW("-----BEGIN CERTIFICATE-----")

struct own {
	const struct own_files *f;
	int64_t now_ms;
	struct error_list *errors;
	size_t before; /* errors */
	X509 *certs[CERTIFICATES_MAX];
	uint32_t lines[CERTIFICATES_MAX];
	size_t n;
	EVP_PKEY *key;
	struct own_chain found;
};

static bool fault(struct own *o, const char *file, uint32_t line, const char *text)
{
	return error_list_addf(o->errors, REASON_CONFIG, file, line, line ? 1 : 0, "%s", text);
}

static bool cert_fault(struct own *o, size_t i, const char *text)
{
	return fault(o, o->f->certificate_file, o->lines[i], text);
}

static const char *find(struct view text, struct view what)
{
	return text.p ? memmem(text.p, text.n, what.p, what.n) : NULL;
}

/* The line, from 1, of the next certificate at or after *at, which moves behind its first line; 0: there is none. */
static uint32_t next_line(struct view pem, size_t *at)
{
	const char *begin = find(view_from(pem, *at), BEGIN_CERT);
	uint32_t line = 1;

	if (!begin)
		return 0;
	*at = (size_t)(begin - pem.p) + BEGIN_CERT.n;
	for (const char *p = pem.p; p < begin; p++)
		line += *p == '\n';
	return line;
}

static int no_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out, (void)size, (void)writing;
	*(bool *)arg = true;
	return 0;
}

static void print_subject(X509 *cert, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n = 0;

	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_get_mem_data(bio, &p);
	snprintf(out, size, "%.*s", (int)(n > 0 ? n : 0), p ? p : "");
	BIO_free(bio);
}

/* --- the files --- */

/* What stands there instead of a certificate. */
static bool no_certificate(struct own *o)
{
	struct view pem = o->f->certificate;

	if (find(pem, VIEW("CERTIFICATE REQUEST-----")))
		return fault(o, o->f->certificate_file, 1,
		             "is a certificate request: have it signed, and put the certificate here");
	if (find(pem, VIEW("PRIVATE KEY-----")))
		return fault(o, o->f->certificate_file, 1,
		             "is a private key: `certificate` and `key` name each other's files");
	if (pem.n > 1 && pem.p[0] == 0x30)
		return fault(o, o->f->certificate_file, 0,
		             "is no PEM but DER: convert it (openssl x509 -inform DER -in FILE -out FILE.pem)");
	return fault(
	        o, o->f->certificate_file, 0,
	        "holds no certificate in PEM form: put the gateway's own there, then those that signed it, without "
	        "the root");
}

static bool read_certificates(struct own *o)
{
	struct view pem = o->f->certificate;
	size_t at = 0;
	uint32_t line;
	BIO *bio = bio_of(pem);
	bool ok = true;

	if (find(pem, BEGIN_CERT) && find(pem, VIEW("PRIVATE KEY-----")))
		ok = fault(
		        o, o->f->certificate_file, 1,
		        "holds a private key beside certificates, which others may read: keep it in the file of `key` alone");
	while (bio && ok && (line = next_line(pem, &at)) != 0) {
		if (o->n == CERTIFICATES_MAX) {
			ok = fault(o, o->f->certificate_file, line,
			           "holds more than 8 certificates: keep the gateway's own and those that signed it");
			break;
		}
		X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (!cert) {
			ok = fault(
			        o, o->f->certificate_file, line,
			        "the certificate that begins here cannot be read: it was cut or changed; copy it again");
			break;
		}
		(void)X509_check_purpose(cert, -1, 0); /* reads its extensions */
		o->lines[o->n] = line;
		o->certs[o->n++] = cert;
	}
	BIO_free(bio);
	ERR_clear_error();
	return ok && (o->n > 0 || no_certificate(o));
}

static void read_key(struct own *o)
{
	struct view pem = o->f->key;
	bool asked = false;
	BIO *bio = bio_of(pem);

	o->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (o->key)
		return;
	if (asked || find(pem, VIEW("ENCRYPTED")))
		fault(o, o->f->key_file, 1,
		      "has a passphrase, which nobody types at a start: write it without (openssl pkey -in FILE -out NEW) in a "
		      "file that its owner alone may read");
	else if (find(pem, BEGIN_CERT))
		fault(o, o->f->key_file, 1, "is a certificate: `certificate` and `key` name each other's files");
	else if (pem.n > 1 && pem.p[0] == 0x30)
		fault(o, o->f->key_file, 0,
		      "is no PEM but DER: convert it (openssl pkey -inform DER -in FILE -out FILE.pem)");
	else
		fault(o, o->f->key_file, 0,
		      "holds no private key in PEM form: put the key there that the certificate was asked for with");
}

/* --- what they say --- */

/* What is not too small is not looked at: verification says that of every key of the chain. */
static void check_kind(struct own *o)
{
	char group[64] = "";
	bool used = false;

	switch (EVP_PKEY_get_base_id(o->key)) {
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448: used = true; break;
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS: used = EVP_PKEY_get_bits(o->key) >= RSA_BITS_LEAST; break;
	case EVP_PKEY_EC:
		used = EVP_PKEY_get_group_name(o->key, group, sizeof group, NULL) == 1 &&
		       (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0 ||
		        strcmp(group, "secp521r1") == 0);
		break;
	default: break;
	}
	if (!used)
		fault(o, o->f->key_file, 1,
		      "is a key that TLS here does not use: make one on P-256, P-384 or P-521, Ed25519, or RSA of 3072 bits or "
		      "more, and have its certificate signed");
}

static void check_key(struct own *o)
{
	if (!o->key || o->n == 0)
		return;
	check_kind(o);
	if (X509_check_private_key(o->certs[0], o->key) != 1)
		error_list_addf(
		        o->errors, REASON_CONFIG, o->f->key_file, 1, 1,
		        "is not the private key of %.150s, whose public key is another: install the pair that belongs "
		        "together (a certificate goes with the key that its request was made with)",
		        o->f->certificate_file);
	ERR_clear_error();
}

static void check_time(struct own *o, size_t i)
{
	int64_t from, until;
	char when[TIME_TEXT + 1];

	if (!asn1_time_ms(X509_get0_notBefore(o->certs[i]), &from) ||
	    !asn1_time_ms(X509_get0_notAfter(o->certs[i]), &until)) {
		cert_fault(o, i, "has a time of validity that cannot be read: have it issued anew");
		return;
	}
	if (i == 0 || until < o->found.until_ms)
		o->found.until_ms = until;
	if (until <= o->now_ms) {
		time_print(until, when);
		error_at(&o->found.late, REASON_CONFIG, o->f->certificate_file, o->lines[i], 1,
		         "expired at %s: have it renewed, and look at the clock if it should be valid", when);
	} else if (from > o->now_ms) {
		time_print(from, when);
		error_at(&o->found.late, REASON_CONFIG, o->f->certificate_file, o->lines[i], 1,
		         "is valid from %s on only: look at the clock, or install it then", when);
	}
}

static void check_order(struct own *o)
{
	if (X509_get_extension_flags(o->certs[0]) & EXFLAG_CA) {
		cert_fault(
		        o, 0,
		        "is an authority's certificate: the gateway's own comes first, then those that signed it, each "
		        "before its signer");
		return;
	}
	for (size_t i = 1; i < o->n; i++)
		if (X509_check_issued(o->certs[i], o->certs[i - 1]) != X509_V_OK)
			error_list_addf(
			        o->errors, REASON_CONFIG, o->f->certificate_file, o->lines[i], 1,
			        "did not sign the certificate before it (line %u): the gateway's own comes first, "
			        "then each one's signer",
			        o->lines[i - 1]);
}

static void check_uses(struct own *o)
{
	uint32_t has = X509_get_extension_flags(o->certs[0]), uses = X509_get_extended_key_usage(o->certs[0]);
	bool named = has & EXFLAG_XKUSAGE;
	bool serves = named && uses & XKU_SSL_SERVER, asks = named && uses & XKU_SSL_CLIENT;

	if (has & EXFLAG_CA)
		return; /* told by its place */
	if (!serves || !asks)
		error_list_addf(
		        o->errors, REASON_CONFIG, o->f->certificate_file, o->lines[0], 1,
		        "has no extendedKeyUsage with %s: have it issued with serverAuth and clientAuth, for the "
		        "gateway both answers and asks",
		        serves ? "clientAuth"
		        : asks ? "serverAuth"
		               : "serverAuth and clientAuth");
	if (!(has & EXFLAG_KUSAGE) || !(X509_get_key_usage(o->certs[0]) & KU_DIGITAL_SIGNATURE))
		cert_fault(o, 0, "has no keyUsage with digitalSignature: have it issued with that");
}

static bool names(X509 *cert, struct view name)
{
	char text[256];
	uint8_t address[16];

	if (name.n == 0 || name.n >= sizeof text)
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = 0;
	if (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1)
		return X509_check_ip_asc(cert, text, 0) == 1;
	return X509_check_host(cert, text, name.n, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

static void check_names(struct own *o)
{
	struct error e = { .reason = REASON_NONE };
	unsigned char *der = NULL;
	int n = i2d_X509(o->certs[0], &der);

	if (n <= 0 || !cert_describe(o->certs[0], view_make(der, (size_t)(n > 0 ? n : 0)), &o->found.id, &e))
		error_list_addf(o->errors, REASON_CONFIG, o->f->certificate_file, o->lines[0], 1,
		                "%s: have it issued with one, by which partner files know this gateway", e.text);
	OPENSSL_free(der);
	if (!names(o->certs[0], o->f->host))
		error_list_addf(
		        o->errors, REASON_CONFIG, o->f->certificate_file, o->lines[0], 1,
		        "is not for %.*s, the `host` of the node: have it issued with the subject alternative name "
		        "DNS:%.*s, or mend `host`",
		        VIEW_ARG(o->f->host), VIEW_ARG(o->f->host));
	ERR_clear_error();
}

/* --- at peers --- */

static bool in_file(const struct own *o, const X509 *cert)
{
	for (size_t i = 0; i < o->n; i++)
		if (X509_cmp(o->certs[i], cert) == 0)
			return true;
	return false;
}

/* Peers that have the root alone need what is between. */
static void check_complete(struct own *o, X509_STORE_CTX *ctx)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	char subject[200];

	for (int i = 1; i < sk_X509_num(chain); i++) {
		X509 *above = sk_X509_value(chain, i);
		if (X509_get_extension_flags(above) & EXFLAG_SS || in_file(o, above))
			continue;
		print_subject(above, subject, sizeof subject);
		error_list_addf(
		        o->errors, REASON_CONFIG, o->f->certificate_file, o->lines[0], 1,
		        "the chain is not complete: %s, which signed it and is no root, is not in this file; append "
		        "its certificate, for who knows the root alone",
		        subject);
	}
}

static void not_verified(struct own *o, X509_STORE_CTX *ctx)
{
	int error = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
	bool of_time = error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
	char subject[200] = "";

	/* Its uses were told with what to do. */
	if (error == X509_V_ERR_INVALID_PURPOSE && depth == 0 && o->errors->n + o->errors->dropped > o->before)
		return;
	if (X509_STORE_CTX_get_current_cert(ctx))
		print_subject(X509_STORE_CTX_get_current_cert(ctx), subject, sizeof subject);
	if (of_time) {
		error_at(&o->found.late, REASON_CONFIG, o->f->authorities_file, 0, 0,
		         "the authority %s: %s; have the certificate signed by one whose time holds", subject,
		         X509_verify_cert_error_string(error));
		return;
	}
	error_list_addf(
	        o->errors, REASON_CONFIG, o->f->certificate_file, o->lines[0], 1,
	        "does not verify as partners would, with %.150s: %s (%s); have it signed by an authority that they "
	        "have, or name what they have as /tls/own_authorities",
	        o->f->authorities_file, X509_verify_cert_error_string(error), subject);
}

/* As a partner's core does, which has the certificate and its own authorities, and nothing of the file. */
static void check_at_peers(struct own *o)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();

	if (!o->f->peers || X509_get_extension_flags(o->certs[0]) & EXFLAG_CA)
		goto out;
	if (!ctx || X509_STORE_CTX_init(ctx, chain_store(o->f->peers), o->certs[0], NULL) != 1) {
		error_list_addf(o->errors, REASON_NO_MEMORY, o->f->certificate_file, 0, 0, "memory ran out");
		goto out;
	}
	X509_STORE_CTX_set_time(ctx, 0, (time_t)(o->now_ms / SECOND_MS));
	if (X509_verify_cert(ctx) == 1)
		check_complete(o, ctx);
	else
		not_verified(o, ctx);
out:
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
}

bool own_chain_check(const struct own_files *f, int64_t now_ms, struct own_chain *out, struct error_list *errors)
{
	struct own o = { .f = f, .now_ms = now_ms, .errors = errors, .before = errors->n + errors->dropped };

	read_key(&o);
	if (read_certificates(&o)) {
		check_key(&o);
		check_order(&o);
		for (size_t i = 0; i < o.n; i++)
			check_time(&o, i);
		check_uses(&o);
		check_names(&o);
		check_at_peers(&o);
	}
	bool ok = errors->n + errors->dropped == o.before;
	if (ok)
		*out = o.found;
	for (size_t i = 0; i < o.n; i++)
		X509_free(o.certs[i]);
	EVP_PKEY_free(o.key);
	return ok;
}

bool own_chain_names(struct view certificate_pem, struct view name)
{
	X509 *cert = cert_from_pem(certificate_pem);
	bool ok = cert && names(cert, name);

	X509_free(cert);
	ERR_clear_error();
	return ok;
}

bool pem_each(struct view pem,
              void (*each)(void *arg, size_t number, uint32_t line, const char *subject, bool authority,
                           int64_t until_ms),
              void *arg)
{
	BIO *bio = bio_of(pem);
	size_t at = 0, n = 0;
	uint32_t line;
	char subject[200];
	bool ok = bio != NULL;

	while (ok && (line = next_line(pem, &at)) != 0) {
		X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		int64_t until;
		ok = cert && asn1_time_ms(X509_get0_notAfter(cert), &until);
		if (ok) {
			print_subject(cert, subject, sizeof subject);
			each(arg, ++n, line, subject, X509_check_ca(cert) > 0, until);
		}
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error();
	return ok;
}
