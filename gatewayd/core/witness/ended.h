/* Where a partner's log ended that its present one continues. A partner that begins a new epoch, after a restore above all, says
 * where the log before ended: its last signed checkpoint, GET /checkpoint?ended. That is compared with the largest checkpoint
 * of that log that this node cosigned or saw. One that is smaller, or of the same size and another tree, means that entries
 * left the log: an incident in this node's, once. Partners' files say which logs were earlier (`audit/earlier`).
 *
 * The first worker's thread asks, one partner after another. */
#ifndef GATEWAYD_CORE_WITNESS_ENDED_H
#define GATEWAYD_CORE_WITNESS_ENDED_H

#include "gatewayd/core/serve/worker.h"

void *ended_new(struct worker *w) MUST_USE;
void ended_free(void *asking);
void ended_tick(void *asking);

#endif
