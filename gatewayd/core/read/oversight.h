/* Who oversees whom, for what may be read. An oversight body has one of the roles of oversight, and is of an agency itself, or
 * its partner file says which agencies it oversees (`oversees`).
 *
 * Of this node's own agency it sees all that the log says, and what is withheld there. Of another party of an agreement it sees
 * what that party may see, where the agreement, which all parties signed, names it as that party's oversight. The worker's
 * thread. */
#ifndef GATEWAYD_CORE_READ_OVERSIGHT_H
#define GATEWAYD_CORE_READ_OVERSIGHT_H

#include "gatewayd/core/serve/request.h"

/* Whether who asks oversees this node's own agency. */
bool oversight_own(const struct request *r) MUST_USE;
/* Whether who asks is an oversight body that may see what this party may see under the agreement with this id. */
bool oversight_of(const struct request *r, struct view agreement, struct view party) MUST_USE;
/* Whether who asks is an oversight body that may see anything under this agreement. */
bool oversight_under(const struct request *r, const struct agreement *a) MUST_USE;

#endif
