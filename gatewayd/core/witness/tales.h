/* What was found against a log is told to all partner gateways, that of the log included: POST /evidence of what its key
 * signed, so that it is an incident on every side. Whoever is told judges it anew, and tells on what is new to it: so it
 * reaches also those who do not know the finder. The last 64 bodies are remembered, which ends the round.
 *
 * tales_first() and tales_tell() any thread; the first worker sends, one piece after another. What waits to be told lies in
 * memory: after a restart it stands in the log and is told no more. */
#ifndef GATEWAYD_CORE_WITNESS_TALES_H
#define GATEWAYD_CORE_WITNESS_TALES_H

#include "gatewayd/core/serve/worker.h"

struct tales;
struct tales *tales_new(void) MUST_USE;
void tales_free(struct tales *t);
/* Whether this body was not here before; from now on it was. */
bool tales_first(struct tales *t, struct view body) MUST_USE;
/* Has `body` told. At most 16 wait; beyond that it is let go, with a warning. */
void tales_tell(struct tales *t, struct view body);

/* The sending side; the first worker has one. */
void *telling_new(struct worker *w) MUST_USE;
void telling_free(void *telling);
void telling_tick(void *telling);

#endif
