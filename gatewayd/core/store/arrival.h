/* Deliveries that the partner took, many at once: what has to be known of them, and what of them goes. See store.h. */
#ifndef GATEWAYD_CORE_STORE_ARRIVAL_H
#define GATEWAYD_CORE_STORE_ARRIVAL_H

#include "gatewayd/core/store/exchange.h"
#include "lib/policy/schedule.h"

struct store_arrival {
	uint64_t seq;
	enum exchange_state state;
	uint32_t slot;        /* of the payload's key */
	struct schedule plan; /* of its timer */
	uint64_t inbox;
	struct view purpose, reference;
};
/* Of these exchanges those whose payload is there, whose timer runs, and of which there is neither a duty nor a hold; by
 * number, whatever order they are named in. Views until the next one. */
bool store_list_arrivals(struct store *s, const uint64_t *seqs, size_t n,
                         bool (*each)(void *arg, const struct store_arrival *x), void *arg, struct error *e) MUST_USE;
/* Their deliveries and payloads go, with what is known of checkpoints that they came under; the caller erases the keys. All
 * have a payload, and are different ones. */
bool store_end_arrivals(struct store *s, const uint64_t *seqs, size_t n, struct error *e) MUST_USE;

#endif
