/* Chains of certificates that verified, so that a partner that comes again does not cost another verification: a
 * seventh of a handshake. What is remembered is the digest of every certificate that was shown, to the bit, and the time
 * in which all of the chain that was found holds; outside of it the chain is verified again, and refused for what is wrong.
 * Only what verified is remembered, under one set of authorities and rules: a table belongs to the TLS contexts that
 * verified by them, and a new configuration (a reload, another revocation list) begins with an empty one. Revocation is
 * not the edge's: core judges it at each request.
 *
 * Bounded: 1024 places, in which a chain has one that its digest names; another that verified takes it over. Any thread. */
#ifndef GATEWAYD_EDGE_CHAINS_H
#define GATEWAYD_EDGE_CHAINS_H

#include <time.h>

#include "lib/base/ids.h"

struct chains;

/* NULL: no memory. */
struct chains *chains_new(void) MUST_USE;
void chains_free(struct chains *c);

/* Verified before, and `now` (seconds) lies in its time. */
bool chains_hold(struct chains *c, const struct digest *chain, time_t now) MUST_USE;
/* It verified, and does so from `from` on, before `until` (seconds). */
void chains_keep(struct chains *c, const struct digest *chain, time_t from, time_t until);

#endif
