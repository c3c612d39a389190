/* Which recipients owe receipts, where the agreement says that this stops new records to them (receipt-overdue). A
 * picture of the store's overdue duties, made anew after each job that changed them, and before that is answered: what was
 * asked between the commit and the picture is still refused, or still let pass. Its own lock, any thread. */
#ifndef GATEWAYD_CORE_COPY_OVERDUE_H
#define GATEWAYD_CORE_COPY_OVERDUE_H

#include "gatewayd/core/context/context.h"

struct overdue;
struct overdue *overdue_new(void) MUST_USE;
void overdue_free(struct overdue *o);
/* After a commit; `reader` is the caller's. A store that cannot be read leaves the picture as it is and is logged. */
void overdue_refresh(struct core *c, struct store *reader);
bool overdue_blocks(const struct core *c, struct view agreement, struct view recipient);

#endif
