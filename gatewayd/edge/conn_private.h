/* Inside of the connections (conn.h), shared by conn.c (life and deadlines), conn_in.c (what the peer sends) and
 * conn_out.c (what is sent to it). */
#ifndef GATEWAYD_EDGE_CONN_PRIVATE_H
#define GATEWAYD_EDGE_CONN_PRIVATE_H

#include "gatewayd/edge/conn.h"
#include "gatewayd/edge/http.h"
#include "gatewayd/edge/tell.h"

#define CREDIT_STEP  (CHANNEL_CREDIT / 4)
#define READS_A_TURN 4  /* of one connection, so that none starves the others */
#define SLOT_BITS    20 /* low bits of an id: the place in the table */
#define SLOT_MASK    ((UINT64_C(1) << SLOT_BITS) - 1)

/* A connection's life; conn_become() makes every transition.
 *
 *   HANDSHAKE ──▶ IDLE ──▶ HEAD ──▶ BODY ──▶ WAITING ──▶ SENDING ──▶ IDLE
 *                  (monitors start here)        ▲            │
 *                           HEAD ── no body ────┘            └──▶ LINGER (the answer was the last)
 *   IDLE, HEAD, BODY, WAITING ──▶ SENDING      an answer before its time: a refusal, or core's
 *   BODY ──▶ BODY, BODY ──▶ SENDING             a stream: its answer may begin before its body ends
 *   every state ──▶ CLOSED
 *
 * Each state but CLOSED has a deadline that starts when it is entered; see timed(). */
enum conn_state {
	CONN_HANDSHAKE, /* TLS is under way */
	CONN_IDLE,      /* between requests */
	CONN_HEAD,      /* a request's first byte came */
	CONN_BODY,      /* its head went to core, its body is on the way */
	CONN_WAITING,   /* core has all of it */
	CONN_SENDING,   /* an answer is being written */
	CONN_LINGER,    /* all is written; what still comes is thrown away, so that a reset does not
	                         * overtake the answer */
	CONN_CLOSED     /* freed at the end of the turn */
};
#define CONN_STATES CONN_CLOSED

struct conn {
	struct edge_thread *thread;
	struct settings *settings;
	enum conn_state state;
	int fd;
	struct tls *tls; /* NULL: a monitor, or silent so far */
	struct event readable, writable;
	bool reads, writes;    /* the events are added */
	bool read_wants_write; /* TLS must write before it can read on */
	bool half_closed;      /* the peer said that it sends no more */
	bool last_answer;      /* the connection ends with the answer under way */
	bool bodiless;         /* the answer's body is not sent (HEAD) */
	bool answered;         /* core sent the whole answer */
	bool both;             /* the answer has begun, and the request's body still comes */
	bool chunked;          /* the answer's length is not known: it goes out in chunks */
	bool stream;           /* the request's body may be of any length, but comes at a rate */
	bool held;             /* not read while core's queue is full */
	bool counted;          /* in edge->peers */
	bool monitor;          /* plain HTTP, for health only */
	bool stranger;         /* no partner has its certificate: one answer, and the end */
	uint64_t id, request;  /* on the channel; request 0: none that core knows */
	uint64_t deadline;
	TAILQ_ENTRY(conn) link; /* in the list of its state, or of the closed */
	TAILQ_ENTRY(conn) unread_link;
	bool unread; /* in the list of those of which more came than was read */
	struct http_reader http;
	struct buf pending; /* read, not taken yet: sent ahead, or beyond core's credit */
	uint64_t credit;    /* bytes of body that core takes now */
	struct buf out;     /* written as far as out_at */
	size_t out_at;
	uint64_t answer_left; /* of the answer's body, still to come from core */
	uint64_t uncredited;  /* of the answer's body, came and not yet given back as credit */
	uint64_t written;     /* to the socket or TLS, in all */
	uint64_t read_since,
	        read_ms; /* of a stream: since when it is read, and how long it was before, in this period */
	uint64_t got;    /* and what came in it */
	uint64_t floor_at, floor_written; /* what the reader's rate is measured from */
	struct address from;
	struct seat seat;
	struct digest partner; /* the first of its pins */
};

TAILQ_HEAD(conn_list, conn);

struct conn_table {
	struct conn **slot;
	uint32_t n_slots, n_free;
	uint32_t *free_slots;
	uint64_t next_id;
	uint32_t n_held;
	uint64_t rested; /* connections idle since before then have given their buffers back */
	/* One list a state, in the order of entering. A state's duration is the same for all but around a
	 * reload, so the head is the first that is due. */
	struct conn_list timed[CONN_STATES];
	struct conn_list closed;
	struct conn_list unread;
	uint32_t n_unread;
};

/* conn.c. The one place where a connection changes its state, and starts the state's deadline. SENDING may be
 * entered again: there is progress. */
void conn_become(struct conn *c, enum conn_state state);
/* The rate of the reader is taken from here on. */
void conn_measure(struct conn *c);
void conn_want_read(struct conn *c, bool on);
/* What its TLS has of it already is read at the end of this turn; its socket would not tell. */
void conn_read_later(struct conn *c);
/* A stream's period begins, over which the rate of its body is taken: only while it is read. */
void conn_begin_period(struct conn *c);
void conn_want_write(struct conn *c, bool on);
uint64_t conn_new_id(struct conn_table *table, uint64_t slot);
/* Ends the connection now, and counts why. Core learns it, and that the request under way is over. */
void conn_close(struct conn *c, enum edge_count why);

/* conn_in.c. Takes what was put off, then reads on. */
void conn_resume(struct conn *c);
/* Core takes more of a request's body. */
void conn_take_credit(struct conn *c, const struct frame *f);
void conn_on_readable(evutil_socket_t fd, short what, void *arg);
void conn_on_writable(evutil_socket_t fd, short what, void *arg);

/* conn_out.c. Writes what waits; ends the answer when that was all of it. */
void conn_flush(struct conn *c);
/* Sends bytes after those that wait already. */
void conn_write(struct conn *c, struct view v);
/* The edge's own answer, which is the last: names the rule, repeats nothing of what was sent. `why` is a
 * constant sentence without quotes. */
void conn_refuse(struct conn *c, int status, enum reason reason, const char *why);
/* Core's answer, and more of its body. */
void conn_take_reply(struct conn *c, const struct frame *f);
void conn_take_answer(struct conn *c, const struct frame *f);

#endif
