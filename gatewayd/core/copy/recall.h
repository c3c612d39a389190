/* Recalls: the provider wants back what it let go. What has not left is erased; what was delivered becomes a duty of the
 * recipient (duty.h), whose receipt is owed. One walk (lineage.h) takes the versions of the record and what was passed on
 * from any of them; each of these that a partner's gateway has is called back by a notice of its own, and that gateway
 * walks on from it. A copy that the partner has reported gone is called back, too: what was passed on from it there may
 * live. */
#ifndef GATEWAYD_CORE_COPY_RECALL_H
#define GATEWAYD_CORE_COPY_RECALL_H

#include "gatewayd/core/copy/copy.h"
#include "gatewayd/core/serve/request.h"
#include "lib/policy/recall_code.h"

enum recall_scope {
	RECALL_RECORD, /* every version: its provider asks */
	RECALL_VERSION /* the one named, and what was passed on from it: its provider names each that it wants back */
};

/* Only inside a job's run(). Recalls an exchange, whoever asked for it, and what the scope says besides; *first is false,
 * and nothing changes, when all of that was recalled before or is gone. `why` is all that the recipients are told. For a withdrawn
 * consent (c->consent) a version, and what was passed on from it, is left out that stands on something else. */
bool recall_exchange(const struct act *a, struct copy *c, enum recall_code why, enum recall_scope scope, bool *first,
                     struct error *e) MUST_USE;
/* The same for a record that is known to have arrived at the recipient's gateway, and for no other exchange. */
bool recall_delivered(const struct act *a, struct copy *c, enum recall_code why, struct error *e) MUST_USE;

/* POST /v1/exchanges/{id}/recall, by the provider's system: {"why": code, "words": text}. The words may be left out, and stay
 * in this node's log as a disclosure. */
void handle_recall(struct request *r);

#endif
