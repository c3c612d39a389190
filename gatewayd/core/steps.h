/* Start and stop as a table: steps are started in their order, and what was started is stopped in reverse. One thread. */
#ifndef GATEWAYD_CORE_STEPS_H
#define GATEWAYD_CORE_STEPS_H

#include "lib/base/error.h"

struct step {
	const char *name; /* what it is; NULL ends the table */
	/* NULL: nothing to do. False: what it began is undone by itself, and its stop is not called. */
	bool (*start)(void *arg, struct error *e);
	void (*stop)(void *arg); /* NULL: nothing to do */
};

/* Starts those from *started on, and counts them there. False at the first that cannot; *started is then its place. */
bool steps_start(const struct step *steps, void *arg, size_t *started, struct error *e) MUST_USE;
/* Stops the `started` first ones, the last of them first. */
void steps_stop(const struct step *steps, void *arg, size_t started);

#endif
