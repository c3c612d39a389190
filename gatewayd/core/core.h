/* Core's main thread: opens, starts, loops, stops. What its threads share is context.h's. */
#ifndef GATEWAYD_CORE_CORE_H
#define GATEWAYD_CORE_CORE_H

#include "gatewayd/core/context/context.h"

/* The edge's process: `fd` is its pidfd (pidfd_open(2)), by which alone it is ended. `pid` 0: there is none. */
struct edge_child {
	int pid, fd;
};

/* Runs core until a signal or the end of the edge: `channels` has one socket a worker. Returns the exit
 * status. `edge` is stopped and reaped. */
struct core_options {
	const char *config_path;
	struct conf *conf; /* taken over */
	const int *channels;
	unsigned n_channels;
	struct edge_child edge;
	int control_fd; /* bound UNIX socket */
};
int core_run(const struct core_options *o);
/* Whether a start with this configuration, which is taken over, would be refused for its secrets, keys, store, log or anchor.
 * Changes no byte of any file, and stands in no running daemon's way. */
bool core_check(struct conf *conf, struct error *e) MUST_USE;

#endif
