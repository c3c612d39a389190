/* What was found against a log is told to all partner gateways, that of the log included: POST /evidence of what its key
 * signed, so that it is an incident on every side. Whoever is told judges it anew, and tells on what is new to it: so it
 * reaches also those who do not know the finder.
 *
 * What is to be told stands in the store (store_put_tale(), in the transaction of the incident) until all partners were told,
 * or for a day of tries: a restart begins that anew. The first worker sends, one piece after another; a partner that
 * cannot be reached delays no other piece. */
#ifndef GATEWAYD_CORE_WITNESS_TALES_H
#define GATEWAYD_CORE_WITNESS_TALES_H

#include "gatewayd/core/serve/worker.h"

struct tales;
struct tales *tales_new(void) MUST_USE;
void tales_free(struct tales *t);
/* Whether this body was not here before, among the last 64; from now on it was. Any thread. */
bool tales_first(struct tales *t, struct view body) MUST_USE;

/* The sending side; the first worker has one. */
void *telling_new(struct worker *w) MUST_USE;
void telling_free(void *telling);
void telling_tick(void *telling);

#endif
