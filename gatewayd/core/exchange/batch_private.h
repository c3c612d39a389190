/* A batch under k-guards: a line of NDJSON each, and what of a line may leave depends on the others. All lines are
 * decided first; a combination that too few of the released ones have is withheld, or its lines are refused, until
 * nothing changes any more; then each goes its own way to the writer. A line that repeats another's idempotency key
 * does not count a second time. The worker's thread; nothing outlives the call but the exchanges themselves. */
#ifndef GATEWAYD_CORE_EXCHANGE_BATCH_PRIVATE_H
#define GATEWAYD_CORE_EXCHANGE_BATCH_PRIVATE_H

#include "gatewayd/core/exchange/exchange.h"

/* Whether the lines of this request have to be counted: the agreement that its path names has k-guards, and the
 * peer is no gateway, which sees to it before it sends. */
bool batch_is_counted(const struct request *r);
/* Starts each line of r->body; r->work has room for them (records.h). The request may be gone afterwards. */
void batch_start(struct request *r);

#endif
