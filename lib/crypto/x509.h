/* Certificates: who they name, and detached CMS signatures over documents (RFC 5652). Any thread. */
#ifndef GATEWAY_CRYPTO_X509_H
#define GATEWAY_CRYPTO_X509_H

#include "lib/crypto/crypto.h"

/* What the gateway asks of a certificate. */
struct cert_id {
	struct digest spki;  /* SHA-256 of the DER SubjectPublicKeyInfo */
	struct digest whole; /* SHA-256 of the DER certificate */
	char uri[256];       /* its one SAN URI */
	char serial[64];     /* lower-case hex */
	int64_t not_before_ms, not_after_ms;
	bool client_auth, server_auth; /* extended key usage; both false without the extension */
};
/* Reads a DER certificate. Refuses one without exactly one SAN URI (REASON_PARTNER_UNKNOWN). */
bool cert_read(struct view der, struct cert_id *out, struct error *e) MUST_USE;
/* The first certificate of a PEM text as DER, added to `out`. */
bool cert_pem_to_der(struct view pem, struct buf *out, struct error *e) MUST_USE;

/* The certificates of a PEM text, at most AUTHORITIES_MAX, that sign others. Immutable; the caller frees. NULL: there is
 * none (REASON_CONFIG). */
#define AUTHORITIES_MAX 16
struct authorities;
struct authorities *authorities_load(struct view pem, struct error *e) MUST_USE;
void authorities_free(struct authorities *a); /* NULL is fine */
size_t authorities_count(const struct authorities *a);
/* SHA-256 of its DER subject and SubjectPublicKeyInfo, one after the other: who it is, whatever its validity; and its
 * subject for people (RFC 2253). */
const struct digest *authority_id(const struct authorities *a, size_t i);
const char *authority_name(const struct authorities *a, size_t i);
/* When it expires; 0 where that cannot be read. */
int64_t authority_until_ms(const struct authorities *a, size_t i);
/* Its certificate as PEM, appended. */
bool authority_print(const struct authorities *a, size_t i, struct buf *out) MUST_USE;
/* Which of them signed the certificate: by name and signature (RFC 5280 section 6.1.3 a). False: none. */
bool authorities_signed(const struct authorities *a, struct view cert_der, size_t *which) MUST_USE;

/* A revocation list: its signature verified once with the certificate of the authority that issued it, `*which` of
 * `authorities`; serials in a set. Immutable. */
struct crl;
struct crl *crl_load(struct view pem, const struct authorities *authorities, size_t *which, struct error *e) MUST_USE;
void crl_free(struct crl *c);
/* What cannot be a serial counts as revoked. */
bool crl_has(const struct crl *c, const char *serial_hex);
int64_t crl_next_update_ms(const struct crl *c);

/* A signer that a document may have: a pinned certificate and the name of its party or seat. */
struct cms_signer {
	struct view name;
	struct view cert_der;
	/* set by cms_verify */
	bool signed_it;
	int64_t signed_at_ms;
};
/* Checks a detached CMS signature (PEM or DER) over the exact bytes of `content`. Every SignerInfo must
 * map to a distinct pinned certificate; one unknown signer refuses all. Signed attributes with content
 * type, message digest and signingTime must be present, digest SHA-256 or better, no attached content,
 * signing time within the certificate's life and not after `now_ms`. Marks who signed. */
bool cms_verify(struct view signature, struct view content, struct cms_signer *signers, size_t n, int64_t now_ms,
                struct error *e) MUST_USE;
/* Adds a signer to `signature` (empty: the first) and writes the new PEM. Keys: P-256, P-384 or RSA. The
 * signing time is the wall clock's, read by OpenSSL. */
bool cms_sign(struct view signature, struct view content, struct view cert_pem, struct view key_pem,
              struct buf *out_pem, struct error *e) MUST_USE;

/* What a certificate is for: the extended key usage that goes with it (RFC 5280 section 4.2.1.12). */
enum cert_use {
	CERT_GATEWAY, /* serverAuth and clientAuth: a gateway is asked, and asks others */
	CERT_CLIENT,  /* clientAuth: systems and people that speak to a gateway */
	CERT_SIGNER   /* emailProtection: signs documents (CMS) and speaks to nobody */
};
/* A new P-256 key and a certificate request, both PEM, that asks for one SAN URI, DNS names where there are any, keyUsage
 * digitalSignature and the extended key usage. */
bool csr_make(enum cert_use use, struct view common_name, struct view uri, const struct view *dns, size_t n_dns,
              struct buf *key_pem, struct buf *csr_pem, struct error *e) MUST_USE;

#endif
