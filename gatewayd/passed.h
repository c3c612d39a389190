/* Listening sockets that the service manager passes (sd_listen_fds(3)): it has bound them, so that ports below 1024 need no
 * privilege here, and connections that come during a restart wait instead of being refused. Main thread, at a start. */
#ifndef GATEWAYD_PASSED_H
#define GATEWAYD_PASSED_H

#include "lib/base/error.h"

#define PASSED_MAX 32

struct passed {
	int fds[PASSED_MAX];
	size_t n;
	bool taken[PASSED_MAX]; /* the configuration names its address */
};

/* Reads $LISTEN_PID and $LISTEN_FDS and takes them out of the environment; nothing is passed where they are not there or are
 * another process's. REASON_CONFIG: what is passed is no listening TCP socket, or there are too many. */
bool passed_take(struct passed *p, struct error *e) MUST_USE;
/* A copy, non-blocking, of the one that listens on "127.0.0.1:8443"; -1: none is passed. */
int passed_copy(struct passed *p, const char *address);
/* Closes them. REASON_CONFIG: one has an address that nobody asked for. */
bool passed_settle(struct passed *p, struct error *e) MUST_USE;

#endif
