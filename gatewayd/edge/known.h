/* The sources that partners came from: a table of fixed size without anything else of them, so that it costs little to
 * remember many for a day. Where there is no room the one that was added longest ago goes, of the partner that came from most: no
 * partner makes room for itself at another's cost, however many addresses it has. Not for several threads at
 * once: the gate's lock guards it. Times are in milliseconds of the monotonic clock. */
#ifndef GATEWAYD_EDGE_KNOWN_H
#define GATEWAYD_EDGE_KNOWN_H

#include "gatewayd/edge/address.h"
#include "lib/base/ids.h"

#define KNOWN_MAX 4096

struct known;

struct known *known_new(void) MUST_USE;
void known_free(struct known *k); /* NULL is fine */
/* From now on until then, or longer if it was told so before. `partner`: the first key that its file pins. */
void known_add(struct known *k, const struct address *source, const struct digest *partner, uint64_t until);
bool known_has(const struct known *k, const struct address *source, uint64_t now);

#endif
