/* What the files over X.509 and CMS share. Includes OpenSSL: for this folder only. Any thread. */
#ifndef GATEWAY_CRYPTO_INTERNAL_H
#define GATEWAY_CRYPTO_INTERNAL_H

#include <openssl/bio.h>
#include <openssl/x509.h>

#include "lib/crypto/chain.h"
#include "lib/crypto/x509.h"

/* A BIO that reads the bytes, or NULL when there are too many. */
BIO *bio_of(struct view bytes);
/* Appends what a memory BIO holds. */
bool bio_take(BIO *bio, struct buf *out);
/* One DER certificate with nothing after it, or NULL. The caller frees it. */
X509 *cert_from_der(struct view der);
X509 *cert_from_pem(struct view pem);
/* Borrowed from the authorities. */
X509 *authority_cert(const struct authorities *a, size_t i);
/* Borrowed from the chain; its rules are set. */
X509_STORE *chain_store(const struct chain *c);
/* cert_read() of one that was parsed from `der` already; NULL is refused. Leaves OpenSSL's errors to the caller. */
bool cert_describe(const X509 *cert, struct view der, struct cert_id *out, struct error *e) MUST_USE;
/* False when the time is not one that X.509 allows. */
bool asn1_time_ms(const ASN1_TIME *t, int64_t *out_ms);
/* The extended key usages, as OpenSSL's configuration spells them. */
const char *cert_use_text(enum cert_use use);
/* SHA-256, SHA-384 or SHA-512. */
bool digest_is_strong(int nid);
/* The digest inside a signature algorithm is strong, or the algorithm has none of its own (Ed25519, PSS). */
bool signature_is_strong(int nid);

#endif
