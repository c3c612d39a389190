/* What core opens at its start, in order, and closes at its end: secrets, key slots, store, what is kept in memory of the
 * store, mirror and log. Core's main thread, before and after all others. */
#ifndef GATEWAYD_CORE_OPEN_H
#define GATEWAYD_CORE_OPEN_H

#include "gatewayd/core/core.h"
#include "gatewayd/core/keys/binding.h"

struct opened {
	struct core *core;
	/* Loads the configuration again, now that the secrets are there; `reader` knows what was in force. Called before
	 * anything is changed; may be NULL. */
	bool (*arm)(struct core *c, struct store *reader, struct error *e);
	struct binding binding;
	struct store *store, *reader;
	struct ed25519_key *audit;
	size_t n_verified, n; /* steps that were done, up to "verified" and after it */
};

/* On false everything that was opened is let go by core_close() all the same. Up to the step "verified" no byte of any file is
 * changed, so that a start that is refused harms nothing; payload keys that no row names are erased in the last step.
 * REASON_TAMPERED when the log is not the one that was signed last. */
bool core_open(struct opened *o, struct error *e) MUST_USE;
/* The same up to "verified", for gatewayd -t: whether a start would be refused. Where a daemon has both store and keys open
 * nothing is said against that. core_close() ends it. */
bool core_try(struct opened *o, struct error *e) MUST_USE;
void core_close(struct opened *o);

#endif
