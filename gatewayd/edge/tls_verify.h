/* Whether a peer's certificate is taken, on the rules of tls.h: callbacks of OpenSSL, in whose terms they answer. Any thread. */
#ifndef GATEWAYD_EDGE_TLS_VERIFY_H
#define GATEWAYD_EDGE_TLS_VERIFY_H

struct x509_store_ctx_st;

/* For SSL_CTX_set_verify(): called for each certificate of a chain; what it refuses ends the handshake with an alert. */
int tls_verify_certificate(int ok, struct x509_store_ctx_st *store);
/* For SSL_CTX_set_cert_verify_callback() of a server: verifies a whole chain, unless `chains` (a struct chains) knows it. */
int tls_verify_chain(struct x509_store_ctx_st *store, void *chains);

#endif
