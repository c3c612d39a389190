/* Whether a peer's certificate comes from our authorities as it stands (RFC 5280 section 6). By the rules of the edge's TLS
 * (gatewayd/edge/tls.h), for whoever is told by the edge what a peer has shown and does not trust it to have looked.
 * Immutable; any thread. */
#ifndef GATEWAY_CRYPTO_CHAIN_H
#define GATEWAY_CRYPTO_CHAIN_H

#include "lib/crypto/x509.h"

struct chain;
/* From a PEM text of authorities; the caller frees. NULL: there is none that can be read (REASON_CONFIG), or no memory. */
struct chain *chain_load(struct view authorities_pem, struct error *e) MUST_USE;
void chain_free(struct chain *c); /* NULL is fine */

/* Verifies a client's certificate at `now_ms`: DER and nothing else, so that one certificate has one digest; signatures up to
 * an authority that signed itself, all of them among ours but the certificate; strict extensions, keys and digests of 128
 * bits of security; no authority itself, extendedKeyUsage with clientAuth, keyUsage with digitalSignature, exactly one SAN
 * URI. False: REASON_PARTNER_UNKNOWN with what is wrong. *out is as cert_read() has it, but valid only while all of the
 * chain is. */
bool chain_verify(const struct chain *c, struct view der, int64_t now_ms, struct cert_id *out,
                  struct error *e) MUST_USE;

#endif
