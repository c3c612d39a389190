/* Who may have a connection. Every connection has a seat of one kind, and each kind has a cap of its own, so that what a
 * stranger can open takes no room from a partner, nor from the operator's monitor:
 *
 *   NEW        the handshake is not done, from an address that is not known      cap: handshakes
 *   RESERVED   the handshake is not done, from one that is known                 cap: handshakes_reserved
 *   STRANGER   the handshake is done, and no partner has the certificate; or     cap: strangers
 *              its partner has all that it may have, or all are taken: one
 *              answer, and the end
 *   PARTNER    the handshake is done with a partner's certificate                cap: connections
 *   MONITOR    came to a monitor listener, and has asked nothing yet             cap: monitors
 *   ASKING     the same when it has                                              cap: monitors
 *
 * A source is an IPv4 address or the /64 of an IPv6 one. It is known for 24 hours from each handshake of a partner, or
 * for good where configuration lists it. When a cap is full, the oldest seat of the source that has most of that kind is
 * evicted; a PARTNER only for one of a source that has fewer. A source has a cap over all kinds (connections_per_source:
 * its own oldest unfinished goes first), and a budget of handshakes a second; those that are not known share one more.
 *
 * One gate serves all threads, behind its lock. A seat belongs to the thread of its connection; one that is
 * evicted is put on its owner's exit, where the owner looks after each gate_enter() and gate_finish() of its own, and
 * several times a second; where many wait for it there, it is rung. `now` is in milliseconds of the monotonic clock. */
#ifndef GATEWAYD_EDGE_GATE_H
#define GATEWAYD_EDGE_GATE_H

#include <sys/queue.h>

#include "gatewayd/edge/address.h"
#include "gatewayd/edge_config.h"
#include "lib/base/ids.h"

enum seat_kind { SEAT_NEW, SEAT_RESERVED, SEAT_STRANGER, SEAT_PARTNER, SEAT_MONITOR, SEAT_ASKING, SEAT_KINDS };

struct gate;
struct source;
struct gate_exit;

struct seat {
	struct source *source; /* NULL: has none */
	enum seat_kind kind;
	bool evicted;
	struct gate_exit *exit; /* of the thread that owns the connection */
	void *conn;             /* the owner's own */
	TAILQ_ENTRY(seat) link; /* in its source's list, or in its exit */
};

TAILQ_HEAD(seat_list, seat);

/* Where a thread finds its seats that were evicted; under the gate's lock. */
struct gate_exit {
	struct seat_list evicted;
	uint32_t n;
	int wake_fd; /* eventfd */
};
void gate_exit_init(struct gate_exit *x, int wake_fd);

struct gate *gate_new(void) MUST_USE;
void gate_free(struct gate *g);

enum gate_answer {
	GATE_OPEN,
	GATE_SOURCE_FULL, /* the source has as many as it may have, and none of its own can go */
	GATE_FULL,        /* the kind's cap is full, and none is to go for this one */
	GATE_NO_MEMORY
};
/* A connection came from `from`. `listed`: configuration lists the address. What is not GATE_OPEN has no seat. */
enum gate_answer gate_enter(struct gate *g, struct seat *s, const struct address *from, bool monitor, bool listed,
                            const struct edge_limits *l, uint64_t now) MUST_USE;
/* The first bytes of a handshake came: may it cost what a handshake costs? */
enum gate_budget { GATE_IN_BUDGET, GATE_SOURCE_SPENT, GATE_ALL_SPENT };
enum gate_budget gate_begin(struct gate *g, struct seat *s, const struct edge_limits *l, uint64_t now) MUST_USE;
/* The handshake is done. `partner`: the first pin of the partner that has the certificate, NULL if none has; its source is known from now on; `stays`: and may
 * have one connection more. GATE_FULL: nevertheless there is no seat of a partner, but one for an answer. */
enum gate_answer gate_finish(struct gate *g, struct seat *s, const struct digest *partner, bool stays,
                             const struct edge_limits *l, uint64_t now) MUST_USE;
/* One that came to a monitor listener asks something: silence takes no seat of it any more. */
void gate_ask(struct gate *g, struct seat *s, const struct edge_limits *l);
/* The connection is over; also for a seat that was evicted, or never had. */
void gate_leave(struct gate *g, struct seat *s, uint64_t now);
/* Takes one seat off the exit, whose connection the caller then closes; NULL: none. */
struct seat *gate_evicted(struct gate *g, struct gate_exit *x);
/* An address is known until then, by what core remembers of earlier runs. */
#define GATE_KNOWN_MS UINT64_C(86400000) /* a source stays known so long after a handshake of a partner */
void gate_know(struct gate *g, const struct address *from, const struct digest *partner, uint64_t until);
/* Forgets sources without a seat of which there is nothing to remember, for their budgets are full. Some at a time; a few times a second. */
void gate_rest(struct gate *g, uint64_t now);
/* How many sources are remembered. */
uint32_t gate_sources(struct gate *g);
/* How many seats of the kind are taken. */
uint32_t gate_taken(struct gate *g, enum seat_kind kind);
/* How many sources a look-up may have to pass. */
uint32_t gate_longest(struct gate *g);

#endif
