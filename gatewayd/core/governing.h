/* Governing documents in the log: every agreement, floor, overlay and schema that is loaded is kept by digest,
 * and what is new is logged; starts and stops too. */
#ifndef GATEWAYD_CORE_GOVERNING_H
#define GATEWAYD_CORE_GOVERNING_H

#include "gatewayd/core/core.h"

/* Submits a job that stores the documents of the current configuration and logs `why` ("start", "reload") and
 * a policy change for each document that was not known. False: no memory. */
bool governing_submit(struct core *c, const char *why) MUST_USE;
/* Logs the stop; the writer is still running. */
void governing_stop(struct core *c);

#endif
