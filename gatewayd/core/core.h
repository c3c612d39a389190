/* Core's main thread: opens, starts, loops, stops. What its threads share is context.h's. */
#ifndef GATEWAYD_CORE_CORE_H
#define GATEWAYD_CORE_CORE_H

#include "gatewayd/core/context/context.h"

/* Runs core until a signal or the end of the edge: `channels` has one socket a worker. Returns the exit
 * status. `edge_pid` is stopped and reaped. */
struct core_options {
	const char *config_path;
	struct conf *conf; /* taken over */
	const int *channels;
	unsigned n_channels;
	int edge_pid;
	int control_fd; /* bound UNIX socket */
};
int core_run(const struct core_options *o);

#endif
