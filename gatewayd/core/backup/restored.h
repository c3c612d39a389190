/* What is remembered in a store of what came over it or its keys, until people or the next start have dealt with it. Verbs
 * that write belong to the writer, inside a transaction. */
#ifndef GATEWAYD_CORE_BACKUP_RESTORED_H
#define GATEWAYD_CORE_BACKUP_RESTORED_H

#include "gatewayd/core/store/store.h"

/* The store is one that was restored: its log ended with `entries` entries, at `made_ms`. Until restored_end(), which people
 * ask for once they have compared it with what partners hold, no slot is swept: what lies in slots that no row names may be
 * the keys of what was lost. */
struct restored {
	uint64_t entries;
	int64_t made_ms;
};
bool restored_put(struct store *s, const struct restored *r, struct error *e) MUST_USE;
bool restored_get(struct store *s, struct restored *out, struct error *e) MUST_USE; /* REASON_NOT_FOUND: it was not */
bool restored_end(struct store *s, struct error *e) MUST_USE;

/* Payloads may have lost their keys: the next start looks at each and logs those that do not open. */
bool doubt_put(struct store *s, bool doubt, struct error *e) MUST_USE;
bool doubt_get(struct store *s, bool *doubt, struct error *e) MUST_USE;

#endif
