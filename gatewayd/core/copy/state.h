/* The state of an exchange, and the one place where it changes. Only inside a job's run().
 *
 *   (decided) ─▶ refused                              (decided) ─▶ held ─▶ refused
 *       │                                                            └──▶ queued, ready
 *       ├─▶ queued ─▶ delivered ────────────────────────┬─▶ an end     at the provider's, as its partner reports
 *       │      ├────▶ failed                            │
 *       │      ├────▶ corrected, ended                  │              before it left
 *       │      └────▶ recalled ─────────────────────────┤              it may have arrived
 *       └─▶ ready ──▶ fetched ─▶ returned ──────────────┤              at the recipient's
 *              │        └──────▶ recalled, corrected, ended
 *              └──────▶ erased, recalled, corrected, ended
 *
 *   ends: failed, erased, corrected, returned, ended; from recalled, too. A partner's receipt that comes late, or after
 *   another, may name another end (erased, corrected, ended); a record that ended as returned here goes to the
 *   provider's system (ended ▶ returned ▶ ended). What had been let go (failed, corrected, ended) and arrived all the
 *   same is recalled; so is what is gone (erased, corrected, ended) when its provider wants back what was passed on from it. `refused` is final: nothing was released. */
#ifndef GATEWAYD_CORE_COPY_STATE_H
#define GATEWAYD_CORE_COPY_STATE_H

#include "gatewayd/core/copy/copy.h"

/* The record, or a copy of it, may be used: held, on its way, or with its recipient. */
bool exchange_lives(enum exchange_state state);
bool exchange_may_become(enum exchange_state from, enum exchange_state to);
/* Writes the state of `c`, and sets c->state. What the diagram does not have is a fault of this program:
 * REASON_INTERNAL, so that the job is rolled back, and a line in the process's log; builds with GATEWAY_ASSERT
 * (SANITIZE=…) stop there. */
bool exchange_become(const struct act *a, struct copy *c, enum exchange_state to, struct error *e) MUST_USE;
/* The same for many, different ones, with few statements. */
#define EXCHANGES_MAX 64
bool exchanges_become(const struct act *a, struct copy *const *all, size_t n, enum exchange_state to,
                      struct error *e) MUST_USE;

#endif
