/* Inside of the outbound client (client.h), shared by client.c (the client, its destinations, core's frames),
 * client_request.c (a request's life), client_link.c (a connection's life: address, TLS, pins) and
 * client_answer.c (the bytes of both). All of it belongs to one edge thread and is touched by no other; no
 * function waits. */
#ifndef GATEWAYD_EDGE_CLIENT_PRIVATE_H
#define GATEWAYD_EDGE_CLIENT_PRIVATE_H

#include "gatewayd/edge/client.h"
#include "gatewayd/edge/http.h"
#include "gatewayd/edge/resolve.h"

#define BUCKETS 256

/* Where requests go. Two that differ in any of these never share a connection. */
struct target {
	struct target *next;
	char *host, *server_name;
	uint16_t port;
	bool plain; /* without TLS */
	uint8_t n_pins;
	struct digest *pins;
	TAILQ_HEAD(, outbound) waiting;
	TAILQ_HEAD(, link) idle; /* the one used last first, so that the others grow old and close */
	uint32_t n_links;
	bool dispatching; /* dispatch() is on the stack: the outermost call goes on */
};

/* A request of core. `bytes` holds head and body from the start until more than a credit's worth went by,
 * so that a request that met a connection just closed by the other side can be sent again. */
struct outbound {
	struct client *client;
	uint64_t id;
	struct target *target;
	struct link *link; /* NULL: waiting */
	TAILQ_ENTRY(outbound) waits;
	struct outbound *chain; /* of the table by id */
	struct event deadline;
	struct buf bytes;
	size_t sent;          /* of bytes */
	uint64_t body_left;   /* still to come from core */
	uint64_t core_credit; /* what core may send of it */
	bool dropped;         /* the start of bytes is gone */
	bool safe_to_repeat;  /* GET, HEAD, with a key that makes it once in effect, or core says so */
	bool repeated, head_request;
	bool replied;    /* the answer's head went to core */
	uint64_t credit; /* what core takes of the answer's body */
};

/* A connection's life; link_become() makes every transition.
 *
 *   RESOLVING ──▶ CONNECTING ──▶ HANDSHAKE ──▶ BUSY ◀──▶ IDLE
 *                  ▲      │ next address
 *                  └──────┘              every state ──▶ CLOSED
 *
 * In all states but IDLE and CLOSED it carries a request, whose deadline is its own. */
enum link_state { LINK_RESOLVING, LINK_CONNECTING, LINK_HANDSHAKE, LINK_BUSY, LINK_IDLE, LINK_CLOSED };

struct link {
	struct client *client;
	enum link_state state;
	struct target *target;
	struct settings *settings;
	struct outbound *request;
	struct lookup *lookup;
	struct addresses addresses;
	int next_address;
	int fd; /* -1: none */
	struct tls *tls;
	struct event readable, writable, idle_timer;
	bool reads, writes, has_events;
	uint32_t served; /* answers read whole */
	struct http_reader http;
	struct buf pending;      /* of an answer, beyond core's credit */
	TAILQ_ENTRY(link) entry; /* in the target's idle list, or the closed */
};

struct client {
	struct edge_thread *thread;
	struct settings *settings; /* that resolver and new connections use */
	struct resolver *resolver;
	struct target *targets;
	struct outbound *bucket[BUCKETS];
	TAILQ_HEAD(, link) closed;
};

/* client.c. Where a request goes, made when it is new; the client keeps it. NULL: no memory, or a zero byte in a
 * name. `pins`: digests of 32 bytes, one after another. */
struct target *target_get(struct client *c, struct view host, uint16_t port, struct view server_name, struct view pins,
                          bool plain) MUST_USE;
/* Gives waiting requests the connections that are free, and opens new ones. */
void target_dispatch(struct client *c, struct target *g);

/* client_request.c. The place of the request with this id in its table; *place is NULL when there is none. */
struct outbound **outbound_find(struct client *c, uint64_t id);
/* Forgets a request; its connection is the caller's to close or use again. */
void outbound_free(struct outbound *o);
/* Tells core that no (whole) answer came, and why. `why` names no value of a record. Frees the request. */
void outbound_fail(struct outbound *o, const char *why);
/* Ends a request and the connection that carries it, and gives its place to the next: with the reason for core,
 * or NULL when core itself gave it up. */
void outbound_end(struct outbound *o, const char *why);
/* A new request of core, and more of its body. */
void outbound_take(struct client *c, const struct frame *f);
void outbound_take_body(struct outbound *o, const struct frame *f);

/* client_link.c. The one place where a connection changes its state. */
void link_become(struct link *l, enum link_state state);
void link_wants(struct link *l, bool read, bool write);
/* A new connection, for the request. */
void link_open(struct client *c, struct outbound *o);
/* Gives a connection that stands the request, and writes it. */
void link_carry(struct link *l, struct outbound *o);
/* Does nothing when it is closed. The struct itself is freed at the end of the turn. */
void link_close(struct link *l);
/* The connection broke: its request goes out again on a new one where that is safe, or fails. */
void link_fail(struct link *l, const char *why);

/* client_answer.c. Writes what waits of the request. */
void link_write(struct link *l);
void link_read(struct link *l);
/* Core takes more of an answer's body. */
void outbound_take_credit(struct outbound *o, const struct frame *f);

#endif
