/* A certificate authority in small, for trials: one self-signed certificate, and what it issues on requests (RFC 2986). It
 * keeps no register and revokes nothing; who needs that has an authority of their own. Any thread. */
#ifndef GATEWAY_CRYPTO_ISSUE_H
#define GATEWAY_CRYPTO_ISSUE_H

#include "lib/crypto/x509.h"

/* A new P-256 key and its certificate, both PEM, valid from an hour before `now_ms` on for `days`: basicConstraints CA with no
 * authority below it, keyUsage keyCertSign and cRLSign. */
bool authority_make(struct view common_name, int64_t now_ms, unsigned days, struct buf *key_pem, struct buf *cert_pem,
                    struct error *e) MUST_USE;
/* Issues a certificate on a request whose signature holds: subject and subject alternative names are the request's, the usages
 * are those of `use`, whatever it asks for. Valid from an hour before `now_ms` for `days`, and never longer than the authority.
 * REASON_CONFIG: the request, the authority or its key cannot be read, the request names no subject alternative name, or the
 * key is not the authority's. */
bool authority_issue(struct view authority_pem, struct view key_pem, struct view csr_pem, enum cert_use use,
                     int64_t now_ms, unsigned days, struct buf *cert_pem, struct error *e) MUST_USE;

#endif
