/* Takes new connections off the listening sockets of one thread. */
#ifndef GATEWAYD_EDGE_LISTENER_H
#define GATEWAYD_EDGE_LISTENER_H

#include "gatewayd/edge/edge.h"

/* Adds a bound, listening socket, which the process keeps open to its end. False: no memory. */
bool listener_add(struct edge_thread *t, int fd, bool monitor) MUST_USE;
/* Takes up again what paused because descriptors had run out. */
void listeners_tick(struct edge_thread *t);
void listeners_free(struct edge_thread *t);

#endif
