/* What is held of a record is held of all its versions and of whatever was passed on from them (lineage.h): whoever has a
 * copy learns of it, and of its lifting. What an exchange has besides because of another one's hold stands under a digest
 * of its own, made of the statement's and of the exchange's id, in a role in which nobody states: it is lifted with the hold that
 * it follows, or ends at the same date. Nothing is set where nothing is left to hold, and nothing on what is linked later.
 * The writer's thread, inside a job's run(). */
#ifndef GATEWAYD_CORE_HOLD_HOLD_SPREAD_PRIVATE_H
#define GATEWAYD_CORE_HOLD_HOLD_SPREAD_PRIVATE_H

#include "gatewayd/core/context/act.h"
#include "gatewayd/core/store/hold.h"
#include "lib/base/ids.h"

/* Under which an exchange is held because of what was stated for another one. */
void hold_spread_statement(const struct digest *root, const struct uuid *exchange, struct digest *out);
/* `h` was put: the same for the others of the lineage of its exchange. `root`: the digest of what was stated first, as it is
 * known here; what one statement brings to an exchange by several ways is one. Recipients' gateways are told, providers' not. */
bool hold_spread(const struct act *a, const struct store_hold *h, const struct digest *root, struct error *e) MUST_USE;
/* `h` was lifted: with it what hold_spread() has put for it. */
bool hold_spread_lift(const struct act *a, const struct store_hold *h, const struct digest *root,
                      struct error *e) MUST_USE;

#endif
