/* What the writer clears up between its transactions: what was erased leaves the write-ahead log and the file soon, and memory
 * that makes the store quick goes back after a rest. Used by writer.c, on its thread, and never while it holds a lock. */
#ifndef GATEWAYD_CORE_COMMIT_TIDYING_PRIVATE_H
#define GATEWAYD_CORE_COMMIT_TIDYING_PRIVATE_H

#include "gatewayd/core/store/store.h"

struct tidying {
	int64_t truncate_ms; /* monotonic: when erasures are cleared under load; 0: none to clear */
	unsigned retries;    /* of that, since a reader was in the way */
	long idle_ms;        /* how long there has been no transaction; counts up to a rest */
	bool warm;           /* there was one since memory went back last */
};

/* How long at most nothing is to be done while there are no jobs; 0: until there are. Milliseconds. */
long tidying_wait_ms(const struct tidying *t, const struct store *s);
/* After a transaction, with `idle_ms` 0; or when none came for so long. False: what failed delays nothing and is tried again;
 * a reader that is in the way is no failure. */
bool tidying_step(struct tidying *t, struct store *s, long idle_ms, struct error *e) MUST_USE;
/* Before the end: what was erased is cleared, if nothing is in the way. */
bool tidying_end(struct tidying *t, struct store *s, struct error *e) MUST_USE;

#endif
