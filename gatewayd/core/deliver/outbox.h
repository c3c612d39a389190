/* Deliveries that did not arrive in time: their payload stays until its own time is over, the sending system is told, and
 * people may have them tried again or ended. Only inside a job's run(). */
#ifndef GATEWAYD_CORE_DELIVER_OUTBOX_H
#define GATEWAYD_CORE_DELIVER_OUTBOX_H

#include "gatewayd/core/copy/copy.h"
#include "gatewayd/core/store/outbox.h"

/* The item `delivery-failed` in the inbox of the own system. `reason` is a slug; `kept`: it can be tried again until the
 * payload's time is over. */
bool outbox_tell(const struct act *a, const struct copy *c, struct view reason, uint32_t attempts, bool kept,
                 struct error *e) MUST_USE;
/* Due now; one that had failed gets another deadline, and an entry with `who` (short ASCII). *done: it waits there. */
bool outbox_retry(const struct act *a, uint64_t seq, const char *who, bool *done, struct error *e) MUST_USE;
/* Ends it as failed, erases the payload, logs both with `who`. *done as above. */
bool outbox_expire(const struct act *a, uint64_t seq, const char *who, bool *done, struct error *e) MUST_USE;

/* Delivers once more what the partner had acknowledged and lost, from what is kept of it (copy/keep.h); *what became of it.
 * The partner takes it once, by its id. An entry with `who` says so. */
enum outbox_again {
	AGAIN_QUEUED,
	AGAIN_WAITS /* in the outbox already */,
	AGAIN_NOT_KEPT /* not any more, or never: the agreement's `delivery.keep` */,
	AGAIN_NOT_DELIVERED /* or its copy has ended, or was recalled or corrected */
};
const char *outbox_again_name(enum outbox_again what);
bool outbox_again(const struct act *a, uint64_t seq, const char *who, enum outbox_again *what,
                  struct error *e) MUST_USE;

#endif
