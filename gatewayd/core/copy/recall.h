/* Recalls: the provider wants back what it let go. What has not left is erased; what was delivered becomes a duty of the
 * recipient (duty.h), whose receipt is owed, and walks on to those to whom the recipient passed it. */
#ifndef GATEWAYD_CORE_COPY_RECALL_H
#define GATEWAYD_CORE_COPY_RECALL_H

#include "gatewayd/core/copy/copy.h"
#include "gatewayd/core/serve/request.h"
#include "lib/policy/recall_code.h"

/* Only inside a job's run(). Recalls an exchange, whoever asked for it; *first is false, and nothing changes, when it was
 * recalled before or nothing is left of it. `why` is all that the recipient is told. */
bool recall_exchange(const struct act *a, struct copy *c, enum recall_code why, bool *first, struct error *e) MUST_USE;
/* The same for a record that is known to have arrived at the recipient's gateway. */
bool recall_delivered(const struct act *a, struct copy *c, enum recall_code why, struct error *e) MUST_USE;

/* POST /v1/exchanges/{id}/recall, by the provider's system: {"why": code, "words": text}. The words may be left out, and stay
 * in this node's log as a disclosure. */
void handle_recall(struct request *r);

#endif
