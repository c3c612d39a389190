/* Incidents in the log: what was found wrong at a partner, with the evidence kept as a document by its digest. */
#ifndef GATEWAYD_CORE_AUDIT_INCIDENT_H
#define GATEWAYD_CORE_AUDIT_INCIDENT_H

#include "gatewayd/core/context/context.h"

/* Submits a job that logs an incident about partner `peer`; `what` is short ASCII text without a value of a record,
 * `evidence` the signed checkpoint that shows it, whose digest is the entry's input (empty: there is none). Any thread; nobody waits for it:
 * when it cannot be written, the daemon goes down. */
void incident_submit(struct core *c, const char *peer, const char *what, struct view evidence);

#endif
