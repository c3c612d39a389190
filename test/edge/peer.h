/* A client of the edge for the tests: TLS by OpenSSL's own rules, so that what the edge refuses is really
 * sent; or plain TCP for the monitor. Blocking, with time-outs of five seconds. */
#ifndef TEST_EDGE_PEER_H
#define TEST_EDGE_PEER_H

#include <stdint.h>

#include "lib/base/buf.h"

struct peer_options {
	const char *certificate; /* NULL: "client"; "": none */
	const char *server_name; /* NULL: "north.example"; "": none sent */
	const char *alpn;        /* as on the wire; NULL: none */
	int max_version;         /* 0: TLS 1.3 */
	const char *suite;       /* of TLS 1.3; NULL: OpenSSL's */
	const char *group;       /* the same */
	bool held_back;          /* from the start, as peer_hold_back() does */
};

struct peer;

/* NULL when the connection or the handshake failed (in TLS 1.3 a client's certificate is refused later). */
struct peer *peer_open(uint16_t port, const struct peer_options *o);
struct peer *peer_open_plain(uint16_t port);
void peer_free(struct peer *p);
bool peer_write(struct peer *p, struct view v);
/* What is written is held back, for 200 ms at most, until this ends: then it comes all at once. */
void peer_hold_back(struct peer *p, bool on);
/* Sends close_notify (TLS) or the end of the stream, and goes on reading. */
void peer_half_close(struct peer *p);
/* Ends the connection by a reset. */
void peer_reset(struct peer *p);
bool peer_key_update(struct peer *p);

struct peer_answer {
	int status; /* 0: the connection ended, or nothing came */
	char head[2048];
	struct buf body;
};
/* Reads one answer by its Content-Length; head_only: a HEAD request's. */
int peer_read(struct peer *p, struct peer_answer *out, bool head_only);
/* Reads one chunk of an answer in chunks into `out`; the last one is empty. False: the connection ended, or it is none. */
bool peer_read_chunk(struct peer *p, struct buf *out);
/* True when the stream ended properly: close_notify, or the end of a plain stream. */
bool peer_at_end(struct peer *p);
/* True when the edge refused the handshake: it failed, or an alert came instead of an answer. */
bool peer_refused(uint16_t port, const struct peer_options *o);
/* Writes, reads one answer, frees its body; returns the status. */
int peer_ask(struct peer *p, const char *request);

#endif
