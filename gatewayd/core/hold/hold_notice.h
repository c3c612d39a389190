/* Telling the other party's gateway of a hold, so that it neither erases what is held there nor waits in vain for what
 * a hold puts off; and taking such a notice (notice.h). Body of NOTICE_HOLD: {"hold": digest of the statement, "kind":
 * "hold" or "restriction", "until": date-time}; of NOTICE_LIFT: {"hold": the same digest}. Where it follows the hold
 * of another exchange, "of" is the digest of what was stated for that one. Neither who stated it nor why. A hold that a gateway told of is lifted by that gateway, and ends by itself at its date. One that the provider's
 * gateway told of goes on from here, to whom the record was passed on (hold_spread_private.h).
 * The writer's thread, inside a job's run(). */
#ifndef GATEWAYD_CORE_HOLD_HOLD_NOTICE_H
#define GATEWAYD_CORE_HOLD_HOLD_NOTICE_H

#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"

/* `root`: of what it follows; NULL: nothing. Sends it when the exchange came from a gateway, or has arrived at one; else does nothing. */
bool hold_tell(const struct act *a, const struct store_hold *h, const struct digest *root, bool lift,
               struct error *e) MUST_USE;

/* The exchange has arrived at its recipient's gateway: of what was set here before that nobody was told. */
bool hold_tell_standing(const struct act *a, uint64_t seq, struct error *e) MUST_USE;

bool hold_taken(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
                struct error *e) MUST_USE;
bool hold_lift_taken(struct notice_in *in, const struct store_exchange *x, struct writer *w, struct store *s,
                     struct error *e) MUST_USE;

#endif
