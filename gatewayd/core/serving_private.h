/* Serving: what core's main thread starts, in order, what it does while the workers serve (signals, sweeps, the operator's
 * socket), and how all of it ends. */
#ifndef GATEWAYD_CORE_SERVING_PRIVATE_H
#define GATEWAYD_CORE_SERVING_PRIVATE_H

#include "gatewayd/core/core.h"

/* Serves until something ends it: the exit status. Everything is opened and the workers are made. The writer is stopped. */
int core_serve(struct core *c, const struct core_options *o, struct store *reader, struct error *e);
/* Ends and reaps the edge, if there is one. `hung_up`: its channels were, so it is given time to end by itself. */
void edge_child_stop(const struct edge_child *edge, bool hung_up);
/* Builds and checks everything new, then swaps one pointer; an error leaves the old one running. What binds
 * sockets and opens stores is taken at start only. The main thread. */
bool core_reload(struct core *c, struct reload_said *said);

#endif
