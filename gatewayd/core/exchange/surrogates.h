/* Surrogates: random stand-ins of values, in a table of the store. A new one is drawn when a record that is being
 * decided first meets the value, and written in the transaction of its release. Until then it lies here, where
 * others that meet the same value find it: all of them release the same one, and whoever commits first writes it. A
 * record that is not released leaves nothing behind.
 *
 * Keys are digests that only the holder of the pseudonym secret can make, so the table tells nothing without it. Its
 * rows are erased when the key epoch or the agreement has ended (retention.h): afterwards nobody can tell whose a
 * surrogate was. Any thread; a struct surrogate_use belongs to one. */
#ifndef GATEWAYD_CORE_EXCHANGE_SURROGATES_H
#define GATEWAYD_CORE_EXCHANGE_SURROGATES_H

#include "gatewayd/core/store/store.h"
#include "lib/policy/agreement.h"

struct surrogates;
struct surrogate;

/* What one record uses of those that are not written yet. A zeroed one is valid and empty. */
struct surrogate_use {
	struct surrogates *of;
	struct surrogate **held;
	size_t n, cap;
};

/* Where a record's transforms look: `arg` of a struct surrogate_table whose find is surrogates_find(). */
struct surrogate_search {
	struct surrogates *surrogates;
	const struct agreement *agreement;
	struct store *reader; /* a reading store of the calling thread */
	struct surrogate_use *use;
};

struct surrogates *surrogates_new(void) MUST_USE; /* NULL: no memory */
void surrogates_free(struct surrogates *s);
/* False: the store cannot be read, memory or random bytes ran out. */
bool surrogates_find(void *arg, const struct surrogate_key *key, uint8_t out[SURROGATE_BYTES],
                     struct error *e) MUST_USE;
/* Only inside a job's run(): writes those of a release beside it. May be called again after a rollback. */
bool surrogates_write(const struct surrogate_use *u, struct store *s, struct error *e) MUST_USE;
/* The end of a use, after the commit or when nothing is released; more calls do nothing. */
void surrogates_settle(struct surrogate_use *u);
/* Those that are held; for tests and the state of the daemon. */
size_t surrogates_held(struct surrogates *s);

#endif
