/* Bytes encrypted to the holder of a certificate: CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084) in DER, the
 * key agreed (P-256, P-384; SHA-256 as key derivation) or carried (RSA, OAEP with SHA-256) by the certificate's key.
 * `openssl cms -decrypt -inform DER -binary` opens it. A message is in memory as a whole: what is large is cut into pieces
 * by the caller. Any thread, no state. Errors: REASON_CONFIG for a certificate or key that cannot be used, REASON_CRYPTO
 * for a message that does not open, REASON_NO_MEMORY. */
#ifndef GATEWAY_CRYPTO_ENVELOPE_H
#define GATEWAY_CRYPTO_ENVELOPE_H

#include "lib/crypto/crypto.h"

#define ENVELOPE_MAX (64u * 1024 * 1024) /* bytes of what is sealed */

/* To whom: the certificate is read once. Immutable. */
struct envelope_recipient;
struct envelope_recipient *envelope_recipient_new(struct view cert_pem, struct error *e) MUST_USE;
void envelope_recipient_free(struct envelope_recipient *r);
/* SHA-256 of the certificate in DER. */
const struct digest *envelope_recipient_digest(const struct envelope_recipient *r);

/* Whose: a certificate with its private key (PEM without a passphrase). REASON_CONFIG: they do not belong together. */
struct envelope_opener;
struct envelope_opener *envelope_opener_new(struct view cert_pem, struct view key_pem, struct error *e) MUST_USE;
void envelope_opener_free(struct envelope_opener *o);
const struct digest *envelope_opener_digest(const struct envelope_opener *o);

/* Appends the message to `out`. */
bool envelope_seal(const struct envelope_recipient *to, struct view plain, struct buf *out, struct error *e) MUST_USE;
/* Appends what was sealed to `out`, all of it authenticated. REASON_CRYPTO: it is for another certificate, or damaged. */
bool envelope_open(const struct envelope_opener *o, struct view message, struct buf *out, struct error *e) MUST_USE;

#endif
