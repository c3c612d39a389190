/* Counts what happens at the door, and says it in the log where an operator has to know: with the source address and what
 * to do, at a bounded rate, so that strangers cannot fill the log. Each thread for itself. */
#ifndef GATEWAYD_EDGE_TELL_H
#define GATEWAYD_EDGE_TELL_H

#include "gatewayd/edge/address.h"
#include "gatewayd/edge/edge.h"

/* Of a kind, in TELL_MS; the next line of that kind says how many were left out. */
#define TELL_LINES 3
#define TELL_MS    60000u

void tell(struct edge_thread *t, enum edge_count what, const struct address *from);
/* The same, and who it said that it is: `spki` of a certificate that an authority of ours signed. */
void tell_stranger(struct edge_thread *t, const struct address *from, const struct digest *spki);
/* The label of the metric. */
const char *edge_count_name(enum edge_count what);

#endif
