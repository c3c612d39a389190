/* RFC 3161 timestamps: that some bytes existed at a time, by the word of an authority whose certificate is pinned.
 * Any thread, no state. Errors: REASON_SIGNATURE when a response is not one that counts, REASON_CONFIG for the
 * authorities, REASON_CRYPTO and REASON_NO_MEMORY. */
#ifndef GATEWAY_CRYPTO_TIMESTAMP_H
#define GATEWAY_CRYPTO_TIMESTAMP_H

#include "lib/crypto/crypto.h"

#define TIMESTAMP_NONCE 8
#define TIMESTAMP_MAX   (64u * 1024) /* bytes of a response: token and certificates */

/* Appends a TimeStampReq in DER (section 2.4.1): SHA-256 imprint, nonce, certificates asked for. */
bool timestamp_request(const struct digest *imprint, const uint8_t nonce[TIMESTAMP_NONCE], struct buf *out,
                       struct error *e) MUST_USE;
/* Checks a TimeStampResp in DER (section 2.4.2): granted (with modifications or without); version 1; this imprint; this
 * nonce (NULL: any, for responses that were kept); signed by a certificate whose one extended key usage is timeStamping,
 * critical, named by the signed attributes (RFC 5816), with a chain to one of `authorities` (PEM) that was valid at the
 * time it states, SHA-256 or better. `*time_ms` is that time. */
bool timestamp_verify(struct view response, const struct digest *imprint, const uint8_t *nonce, struct view authorities,
                      int64_t *time_ms, struct error *e) MUST_USE;
/* Whether there is at least one certificate in a PEM text, and nothing that is none. */
bool timestamp_authorities(struct view pem, struct error *e) MUST_USE;

#endif
