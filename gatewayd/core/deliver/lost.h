/* Payloads whose keys are gone: after a restore, for what was erased between the backup and then, and after the loss of the
 * file of key slots. Each is logged by its exchange, and its sealed bytes, which nobody can open any more, are erased; the
 * slot is not touched, for it may hold the key of another. What was held ends as refused, what waits in the outbox fails at
 * once and is told to the own system (after a restore when that is reconciled); what waits in the inbox is not handed out, and its time ends it. */
#ifndef GATEWAYD_CORE_DELIVER_LOST_H
#define GATEWAYD_CORE_DELIVER_LOST_H

#include "gatewayd/core/context/act.h"
#include "gatewayd/core/context/context.h"

/* Where the store says that keys may be gone (core/backup/restored.h): looks at every payload, and takes that word back. Core's
 * main thread, before it serves, with its reading store; waits for the writer. False: the store failed. */
bool lost_sweep(struct core *c, struct store *reader, struct error *e) MUST_USE;

/* The restored store was compared with what partners hold: what then still waits without a key is told to the own system as
 * failed, which lost_sweep() puts off that long, for it may have arrived. Inside a job's run(). */
bool lost_tell(const struct act *a, struct error *e) MUST_USE;

#endif
