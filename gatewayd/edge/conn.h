/* The connections that others open to this gateway: TLS, requests to core, answers back. One request is in
 * flight at a time; what a peer sends ahead waits. Whatever the reader refuses is answered here, as RFC 9457
 * application/problem+json, and ends the connection. A connection belongs to its thread. */
#ifndef GATEWAYD_EDGE_CONN_H
#define GATEWAYD_EDGE_CONN_H

#include "gatewayd/edge/edge.h"

struct conn_table *conns_new(void) MUST_USE;
uint32_t conns_open(const struct conn_table *table);
/* Closes every connection, telling core nothing. */
void conns_free(struct conn_table *table);

/* Takes over an accepted, non-blocking socket; the gate may shut it at once. `monitor`: plain HTTP. */
void conn_open(struct edge_thread *t, int fd, const struct address *from, bool monitor);
/* Ends those whose seats the gate gave to others. */
void conns_evict(struct edge_thread *t);
/* A frame of core about a request or a connection of this side; frames about what is gone are ignored. */
void conn_frame(struct edge_thread *t, const struct frame *f);
/* Ends what is past its deadline. */
void conns_tick(struct edge_thread *t);
/* Before what a turn queued leaves: reads what came and the sockets do not tell of, once each. */
void conns_read_on(struct edge_thread *t);
/* There is more of it: the loop must not wait. */
bool conns_have_more(const struct edge_thread *t) MUST_USE;
/* At the end of each turn of the loop: frees what closed, lets those read that waited for core's queue. */
void conns_turn(struct edge_thread *t);

#endif
