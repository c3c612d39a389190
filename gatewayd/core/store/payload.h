/* Payloads: sealed bytes, and the slot of their key. See store.h. */
#ifndef GATEWAYD_CORE_STORE_PAYLOAD_H
#define GATEWAYD_CORE_STORE_PAYLOAD_H

#include "gatewayd/core/store/store.h"

struct store_payload {
	uint64_t seq;
	uint32_t slot;
	struct view sealed; /* AES-256-GCM(key, salt || record), aad: exchange id */
};
/* One payload an exchange; replaces an older one, whose key the caller erases. */
bool store_put_payload(struct store *s, const struct store_payload *p, struct error *e) MUST_USE;
bool store_get_payload(struct store *s, uint64_t seq, struct store_payload *out,
                       struct error *e) MUST_USE; /* NOT_FOUND when erased */
bool store_erase_payload(struct store *s, uint64_t seq, struct error *e) MUST_USE;
/* Whether a payload needs the slot; for keystore_sweep() at start, on the writing store before the writer
 * runs. The slots are read once, at the first call; store_slots_forget() lets that memory go. False answers
 * would erase keys, so a store that cannot be read answers true. */
bool store_slot_live(struct store *s, uint32_t slot);
void store_slots_forget(struct store *s);

#endif
