/* Incidents in the log: what was found wrong at a partner, with the evidence kept as a document by its digest. */
#ifndef GATEWAYD_CORE_AUDIT_INCIDENT_H
#define GATEWAYD_CORE_AUDIT_INCIDENT_H

#include "gatewayd/core/context/context.h"
#include "lib/tlog/note.h"

#define EVIDENCE_MAX (2u * NOTE_MAX + 1) /* two notes, an empty line between them */

/* Submits a job that logs an incident about partner `peer`; `what` is short ASCII text without a value of a record,
 * `evidence` the signed checkpoint that shows it, whose digest is the entry's input (empty: there is none). Any thread; nobody waits for it:
 * when it cannot be written, the daemon goes down. */
void incident_submit(struct core *c, const char *peer, const char *what, struct view evidence);

/* The same of what a log contradicted: partners are told of it (witness/tales.h). Where the store has the checkpoint of that
 * log with `size` entries, as it was seen or cosigned, that stands before `evidence`, an empty line between them: two that
 * contradict each other are proof for anybody. Size 0: `evidence` is all. */
void incident_submit_told(struct core *c, const char *peer, const char *what, struct view origin, uint64_t size,
                          struct view evidence);

#endif
