/* The operator's UNIX socket: one JSON object a line in, one out. Who may connect is decided by the socket's
 * permissions; a uid approves nothing. Core's main thread; it has its own reading store. */
#ifndef GATEWAYD_CORE_CONTROL_CONTROL_H
#define GATEWAYD_CORE_CONTROL_CONTROL_H

#include <event2/event.h>

#include "gatewayd/core/context/context.h"
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/copy/retention.h"

struct control;

/* Serves `listen_fd` (bound and listening, taken over) on `base`. `reload` is called for a reload and says
 * what came of it. */
struct control_options {
	struct core *core;
	struct event_base *base;
	int listen_fd;
	struct store *reader;
	struct retention *retention;
	struct holds *holds;
	bool (*reload)(struct core *c, struct reload_said *said);
};
struct control *control_new(const struct control_options *o) MUST_USE;
void control_free(struct control *c);

#endif
