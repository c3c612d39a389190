/* The outbox: deliveries to partner gateways. Each worker serves the exchanges whose number leaves its index
 * when divided by the number of workers, over its own channel. A delivery that fails is tried again, later
 * each time, until it arrives or its deadline has passed; the receiving gateway keys on (agency, exchange),
 * so that it takes effect once. The worker's thread. */
#ifndef GATEWAYD_CORE_DELIVER_OUTBOX_H
#define GATEWAYD_CORE_DELIVER_OUTBOX_H

#include "lib/base/view.h"

struct worker;

void *outbox_new(struct worker *w) MUST_USE;
void outbox_free(void *outbox);
/* Looks for what is due. Called often; reads the store only when something may be due. */
void outbox_tick(void *outbox);

#endif
