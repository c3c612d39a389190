/* Where a partner's log ended that its present one continues. A partner that begins a new epoch, after a restore above all, says
 * where the log before ended:
 *
 *   GET /checkpoint?ended         its last signed checkpoint: no smaller than the largest that this node cosigned or saw, be it
 *                                 with a receipt; of the same size the same tree
 *   GET /checkpoint?ended=<size>  the proof that it continues that largest one
 *   GET /checkpoint?genesis       the receipt of the new log's first entry, which names that checkpoint
 *
 * The log that ended is the last of those before: one that is named while something was seen of a later one passed that over.
 *
 * What does not hold means that entries left the log: an incident here, once, with the exchanges whose receipts lie beyond
 * its end, and evidence for all partners, the one that ended it included. Partners' files say which logs were earlier
 * (`audit/earlier`).
 *
 * The first worker's thread asks, one partner after another. */
#ifndef GATEWAYD_CORE_WITNESS_ENDED_H
#define GATEWAYD_CORE_WITNESS_ENDED_H

#include "gatewayd/core/serve/worker.h"

void *ended_new(struct worker *w) MUST_USE;
void ended_free(void *asking);
void ended_tick(void *asking);

/* How many entries an earlier log of a partner had when it was ended, as that said. False: it has not, or the store fails.
 * Any thread, with a reading store of its own. */
bool ended_at(struct store *reader, struct view origin, uint64_t *size) MUST_USE;

#endif
