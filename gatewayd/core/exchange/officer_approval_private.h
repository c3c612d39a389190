/* Officers' approvals of a held exchange. Where this gateway discloses they stand in the envelope and are judged with it,
 * as any are (lib/policy/approval.h). Where a partner's gateway has disclosed already and this one has only to take the
 * record in, they are this agency's own officers'. Main thread. */
#ifndef GATEWAYD_CORE_EXCHANGE_OFFICER_APPROVAL_PRIVATE_H
#define GATEWAYD_CORE_EXCHANGE_OFFICER_APPROVAL_PRIVATE_H

#include "gatewayd/core/exchange/exchange.h"
#include "gatewayd/core/exchange/officer.h"

/* Of the exchange as it was decided with them: what is wrong with the first that does not count, as a sentence; NULL: all
 * count, and stand among those that its release uses. */
const char *held_approvals_fault(struct exchange *x, const struct schema *schema, const struct held_request *shown);

#endif
