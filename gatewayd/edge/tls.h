/* TLS 1.3 with both certificates, for the listeners and for the outbound client. Only files of its name
 * include <openssl/…>. Contexts are built from PEM bytes (the edge opens no files), immutable,
 * counted by reference and shared by threads; a struct tls belongs to the thread that made it.
 *
 * Rules (RFC 8446, RFC 5280): TLS 1.3 only; no tickets, no resumption, no early data; chains of depth 1 at
 * most, checked with X509_V_FLAG_X509_STRICT and security level 3. A peer's certificate must name its
 * extended key usage, client or server by its side; a client's must have exactly one URI among its subject
 * alternative names, the identity that the partner file pins, and keyUsage with digitalSignature. Unknown server names, and ALPN without
 * http/1.1, end the handshake; no server name is taken where one of the names is an address, for which there is
 * none (RFC 6066 section 3). The server sends its chain without a root, which a peer has or does not trust. */
#ifndef GATEWAYD_EDGE_TLS_H
#define GATEWAYD_EDGE_TLS_H

#include <stdint.h>

#include "gatewayd/edge_counts.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"

#define TLS_KEY_UPDATES_MAX 32    /* of a connection; a peer that sends more is cut off */
#define TLS_RECORD_MAX      16384 /* a read with this much room takes all of a record */

struct tls_contexts;
struct tls;

/* What a context is made from; `names` are the server names answered to, a line each (none: any). */
struct tls_material {
	struct view cert, key, ca, names;
};

/* Loads tables and random state that need files, before the sandbox closes them. False: no TLS here. */
bool tls_prepare(void) MUST_USE;

/* One reference, owned by the caller. NULL with an error (REASON_CONFIG). */
struct tls_contexts *tls_contexts_new(const struct tls_material *m, struct error *err) MUST_USE;
void tls_contexts_unref(struct tls_contexts *c);

enum tls_status {
	TLS_OK,
	TLS_WANT_READ,
	TLS_WANT_WRITE,
	TLS_CLOSED, /* the peer sent close_notify: it writes no more, and may still read */
	TLS_FAILED  /* broken, or the stream ended without close_notify */
};

/* On a connected non-blocking socket, which the caller keeps and closes. NULL: no memory. */
struct tls *tls_accept(struct tls_contexts *c, int fd) MUST_USE;
/* `server_name`: name or address that the peer's certificate must carry; a name is sent as SNI. */
struct tls *tls_connect(struct tls_contexts *c, int fd, const char *server_name) MUST_USE;
void tls_free(struct tls *t);

enum tls_status tls_handshake(struct tls *t) MUST_USE;
enum tls_status tls_read(struct tls *t, char *p, size_t room, size_t *n) MUST_USE;
/* More came than was read, of which the socket does not tell: a server takes all that is there at once. */
bool tls_has_more(const struct tls *t) MUST_USE;
/* Writes what the socket takes, at least something with TLS_OK. */
enum tls_status tls_write(struct tls *t, struct view v, size_t *n) MUST_USE;
/* Gives the record buffers (34 KiB) back while nothing happens; they come again with the next record. */
void tls_rest(struct tls *t);
/* Sends close_notify, once, without waiting for the peer's. */
void tls_close_notify(struct tls *t);

/* After the handshake: the peer's certificate as DER (may be NULL) and the SHA-256 of its public key. */
bool tls_peer(const struct tls *t, struct buf *der, struct digest *spki) MUST_USE;
/* After the handshake: whether the peer's chain was verified, and not known to (chains.h). */
bool tls_was_verified(const struct tls *t) MUST_USE;
/* After TLS_FAILED or TLS_CLOSED: which kind of failure it was. */
enum edge_count tls_cause(const struct tls *t);
/* A constant text for TLS_FAILED: what was wrong, as far as OpenSSL says. */
const char *tls_why(const struct tls *t);

#endif
