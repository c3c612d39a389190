/* Payloads: sealed bytes, and the slot of their key. See store.h. */
#ifndef GATEWAYD_CORE_STORE_PAYLOAD_H
#define GATEWAYD_CORE_STORE_PAYLOAD_H

#include "gatewayd/core/store/store.h"

struct store_payload {
	uint64_t seq;
	uint32_t slot;
	struct view sealed; /* keys/payload.h */
};
/* One payload an exchange; replaces an older one, whose key the caller erases. */
bool store_put_payload(struct store *s, const struct store_payload *p, struct error *e) MUST_USE;
bool store_get_payload(struct store *s, uint64_t seq, struct store_payload *out,
                       struct error *e) MUST_USE; /* NOT_FOUND when erased */
/* The slot of its key alone; NOT_FOUND when erased. */
bool store_get_slot(struct store *s, uint64_t seq, uint32_t *slot, struct error *e) MUST_USE;
/* With what is known of the checkpoint that it came under. */
bool store_erase_payload(struct store *s, uint64_t seq, struct error *e) MUST_USE;
/* Numbers of exchanges with a payload, from behind `after_seq` on, at most `max`. */
bool store_list_payloads(struct store *s, uint64_t after_seq, unsigned max, bool (*each)(void *arg, uint64_t seq),
                         void *arg, struct error *e) MUST_USE;
/* Whether a payload needs the slot; for keystore_sweep() at start, before any
 * job is submitted. The slots are read once, at the first call; store_slots_forget() lets that memory go. False answers
 * would erase keys, so a store that cannot be read answers true. */
bool store_slot_live(struct store *s, uint32_t slot);
/* No slot from this number on is needed. */
uint32_t store_slots_end(struct store *s);
void store_slots_forget(struct store *s);

#endif
