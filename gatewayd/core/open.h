/* What core opens at its start, in order, and closes at its end: secrets, key slots, store, what is kept in memory of the
 * store, mirror and log. Core's main thread, before and after all others. */
#ifndef GATEWAYD_CORE_OPEN_H
#define GATEWAYD_CORE_OPEN_H

#include "gatewayd/core/core.h"

struct opened {
	struct core *core;
	struct store *store, *reader;
	struct ed25519_key *audit;
	size_t n; /* steps that were done */
};

/* On false everything that was opened is let go by core_close() all the same. REASON_TAMPERED when the log is not the one
 * that was signed last. */
bool core_open(struct opened *o, struct error *e) MUST_USE;
void core_close(struct opened *o);

#endif
