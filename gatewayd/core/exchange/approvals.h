/* Approvals are used once: an exchange that is committed as released uses those that count for it, in its own
 * transaction, and they are remembered until they expire. A record that is retried by its key is answered from the first
 * time and uses none. */
#ifndef GATEWAYD_CORE_EXCHANGE_APPROVALS_H
#define GATEWAYD_CORE_EXCHANGE_APPROVALS_H

#include "gatewayd/core/store/store.h"
#include "lib/policy/decision.h"

/* Since when this node knows which were used: 0 in its first log; a later log began with a store that was put back, and
 * what was signed before it may have been used. Any thread, on its own reading store. */
bool approvals_epoch(struct store *reader, int64_t *epoch_ms, struct error *e) MUST_USE;
/* What cannot be looked up counts as used. */
bool approvals_used(struct store *reader, const struct digest *statement);
/* Only inside a job's run(), of a release. False with REASON_APPROVAL_USED when another release has used one since it was
 * decided: the transaction must not go on. */
bool approvals_use(const struct decision *d, struct store *s, int64_t now_ms, struct error *e) MUST_USE;

#endif
