/* The full verification of this node's log while it serves: a thread of its own, with a reading store of its
 * own, hashes every entry, rebuilds every tile and compares with the last signed checkpoint, and that the log
 * grew from the newest one that a witness cosigned. What it finds altered takes the daemon down (exit 78). Then it
 * looks for damaged payloads (damaged.h). It works a quarter of the time and rests the others, so that it delays no
 * record. */
#ifndef GATEWAYD_CORE_AUDIT_REBUILD_H
#define GATEWAYD_CORE_AUDIT_REBUILD_H

#include "gatewayd/core/context/context.h"
#include "lib/tlog/note.h"

struct rebuild;

/* Starts the thread: a first time soon, then every node.rebuild_every_s. Counts in the core's figures. NULL on
 * error. */
struct rebuild *rebuild_start(struct core *c, const struct note_vkey *log, struct error *e) MUST_USE;
/* Ends the thread, also in the middle of a verification. NULL is fine. */
void rebuild_stop(struct rebuild *r);

#endif
