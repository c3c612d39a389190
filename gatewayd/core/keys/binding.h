/* Which key folder belongs to which store: both carry the same random id, and refuse each other's stranger. A store whose
 * payloads cannot be opened, and a folder whose slots would be swept by a store that does not name them, are so found before
 * anything is changed. Core's main thread, at start.
 *
 * The store has the id first, with a mark that says so, then the slot file, then the mark goes: a crash in between leaves
 * nothing that the next start does not know. */
#ifndef GATEWAYD_CORE_KEYS_BINDING_H
#define GATEWAYD_CORE_KEYS_BINDING_H

#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/core/store/store.h"

struct binding {
	struct uuid id;
	bool in_store, in_keys; /* has it already */
	bool marked;            /* the store's has the mark */
};

/* The id of a store; REASON_NOT_FOUND: an older build made it, and it has none. */
bool binding_id(struct store *s, struct uuid *out, struct error *e) MUST_USE;
/* Reads both and changes neither. Where one of them has no id (an older build made it) the other's is taken over only when
 * the two fit: every slot that the store names holds a key, or the store is empty. REASON_CONFIG: they do not belong
 * together; `keys_path` and `store_path` are for what the error says. */
bool binding_check(struct store *s, struct keystore *k, const char *store_path, const char *keys_path,
                   struct binding *out, struct error *e) MUST_USE;
/* Writes what binding_check() found missing; `s` writes. Each step is durable before the next. */
bool binding_make(struct store *s, struct keystore *k, const struct binding *b, struct error *e) MUST_USE;

#endif
