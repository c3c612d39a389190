/* The sources that partners came from: a table of fixed size without anything else of them, so that it costs little to
 * remember many for a day. Where there is no room the one that was added longest ago goes. Not for several threads at
 * once: the gate's lock guards it. Times are in milliseconds of the monotonic clock. */
#ifndef GATEWAYD_EDGE_KNOWN_H
#define GATEWAYD_EDGE_KNOWN_H

#include "gatewayd/edge/address.h"

#define KNOWN_MAX 4096

struct known;

struct known *known_new(void) MUST_USE;
void known_free(struct known *k); /* NULL is fine */
/* From now on until then, or longer if it was told so before. */
void known_add(struct known *k, const struct address *source, uint64_t until);
bool known_has(const struct known *k, const struct address *source, uint64_t now);

#endif
