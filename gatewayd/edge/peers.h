/* How many connections each partner has, by the first key that its file pins, over all threads. Any thread. */
#ifndef GATEWAYD_EDGE_PEERS_H
#define GATEWAYD_EDGE_PEERS_H

#include "lib/base/ids.h"

struct peers;

struct peers *peers_new(void) MUST_USE;
void peers_free(struct peers *p);
/* Counts one connection more, unless the peer has `max` already or memory ran out. */
bool peers_enter(struct peers *p, const struct digest *partner, uint32_t max) MUST_USE;
void peers_leave(struct peers *p, const struct digest *partner);

#endif
