/* Whether the certificate and key that a node shows are good at its peers: what they would refuse in every handshake is
 * told before it is used. By the rules by which peers' certificates are judged (chain.h), and those of RFC 8446 section
 * 4.4.2 on order and completeness. Any thread. */
#ifndef GATEWAY_CRYPTO_OWN_CHAIN_H
#define GATEWAY_CRYPTO_OWN_CHAIN_H

#include "lib/crypto/chain.h"

/* PEM texts, and what they and the authorities are called in errors. */
struct own_files {
	const char *certificate_file, *key_file, *authorities_file;
	struct view certificate, key;
	const struct chain *peers; /* the authorities that peers have; NULL: they could not be read, which was listed */
	struct view host;          /* the name under which peers reach the node */
};

struct own_chain {
	struct cert_id id;
	int64_t until_ms;  /* when the first of the file's certificates expires */
	struct error late; /* one is past its time, or before it: which, and what to do; else REASON_NONE */
};

/* Lists every fault as REASON_CONFIG, with the line of the certificate that is meant and what to do: what is no PEM or
 * stands in the wrong file; an order that is not own certificate, signer, signer's signer; one that is missing below the
 * root; a key that is another's, has a passphrase, or is of a kind that TLS here does not use; uses; names; and that it
 * does not verify at peers. That a time has passed at `now_ms` is no fault of the files: out->late says it. True: there is
 * no fault, and *out is filled. */
bool own_chain_check(const struct own_files *f, int64_t now_ms, struct own_chain *out,
                     struct error_list *errors) MUST_USE;

/* Whether the certificate holds for a host name or address (RFC 6125, RFC 9525). */
bool own_chain_names(struct view certificate_pem, struct view name);

/* Each of a PEM text's certificates: its number from 1, the line that it begins on, its subject (RFC 2253), whether it may
 * sign others, and until when it is valid. One that cannot be read ends it: false. */
bool pem_each(struct view pem,
              void (*each)(void *arg, size_t number, uint32_t line, const char *subject, bool authority,
                           int64_t until_ms),
              void *arg);

#endif
