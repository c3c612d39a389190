/* Deliveries of a restored store that had arrived before it was lost: what waits here, and the partner's log shows that the
 * partner took it. People bring the receipt, made from that log; it counts as the answer to the delivery would have. */
#ifndef GATEWAYD_CORE_DELIVER_ARRIVED_H
#define GATEWAYD_CORE_DELIVER_ARRIVED_H

#include "gatewayd/core/context/act.h"
#include "gatewayd/core/context/context.h"
#include "lib/base/ids.h"

/* Whether `receipt` (a tlog-proof that carries its leaf) verifies by the log of the recipient's gateway, is of the history that
 * this log showed before, and says that this very record was taken. REASON_NOT_FOUND: no such exchange, or nothing of it waits;
 * REASON_RECEIPT_INVALID: another partner's, another record's, of another history. Main thread, with its reading store. */
bool arrived_check(struct core *c, struct store *reader, const struct uuid *exchange, struct view receipt,
                   uint64_t *seq, struct error *e) MUST_USE;
/* What arrived_check() let pass is delivered. Inside a job's run(). *done: it still waited. `who`: short ASCII. */
bool arrived_write(const struct act *a, uint64_t seq, struct view receipt, const char *who, bool *done,
                   struct error *e) MUST_USE;

#endif
