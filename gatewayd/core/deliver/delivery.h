/* Deliveries of released records to partners' gateways: the outbox. A delivery that fails is tried again until it arrives or
 * its deadline has passed; the receiving gateway keys on (agency, exchange), so that it takes effect once. */
#ifndef GATEWAYD_CORE_DELIVER_DELIVERY_H
#define GATEWAYD_CORE_DELIVER_DELIVERY_H

#include "lib/base/view.h"

struct core;
struct worker;

/* Not before this node serves: what fell due while it was down is erased first, and what cannot be opened is set aside. Any
 * thread. */
bool delivery_ready(const struct core *c);
/* A worker's courier of deliveries (serve/courier.h); NULL: no memory. */
void *delivery_courier(struct worker *w) MUST_USE;

#endif
