/* See binding.h. */
#include "gatewayd/core/keys/binding.h"

#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/rest.h"

#define ID_BYTES sizeof(((struct uuid *)0)->b)

#define VALUE VIEW("keys/id") /* of the store: an id; then a byte while the slot file may have none */

static bool same(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static bool read_store(struct store *s, struct binding *b, struct error *e)
{
	struct view value;

	switch (sought(store_get_value(s, VALUE, &value, e), e)) {
	case SOUGHT_NONE: return true;
	case SOUGHT_FAILED: return false;
	case SOUGHT_FOUND: break;
	}
	if (value.n != ID_BYTES && value.n != ID_BYTES + 1)
		return error_set(e, REASON_TAMPERED, "the store's id of its key folder is damaged");
	memcpy(b->id.b, value.p, ID_BYTES);
	b->in_store = true;
	b->marked = value.n > ID_BYTES;
	return true;
}

bool binding_id(struct store *s, struct uuid *out, struct error *e)
{
	struct binding b = { .in_store = false };

	if (!read_store(s, &b, e))
		return false;
	if (!b.in_store)
		return error_set(e, REASON_NOT_FOUND, "the store has no id yet: start gatewayd once");
	*out = b.id;
	return true;
}

/* *named: slots that the store names; *held: those of them that hold a key. */
static bool count_slots(struct store *s, struct keystore *k, uint32_t *named, uint32_t *held, struct error *e)
{
	uint32_t slots = store_slots_end(s);
	uint8_t key[32];

	*named = *held = 0;
	for (uint32_t slot = 0; slot < slots; slot++) {
		if (!store_slot_live(s, slot))
			continue;
		++*named;
		enum sought got = sought(keystore_get(k, slot, key, e), e);
		wipe(key, sizeof key);
		if (got == SOUGHT_FAILED)
			return false;
		*held += got == SOUGHT_FOUND;
	}
	store_slots_forget(s);
	return true;
}

static bool fit(struct store *s, struct keystore *k, bool *out, struct error *e)
{
	uint32_t named, held;
	uint64_t entries;

	if (!count_slots(s, k, &named, &held, e) || !store_entry_count(s, &entries, e))
		return false;
	*out = named > 0 ? held == named : entries == 0 && store_log(s) == 0;
	return true;
}

static bool refuse(const char *store_path, const char *keys_path, const char *why, struct error *e)
{
	return error_at(
	        e, REASON_CONFIG, keys_path, 0, 0,
	        "the key folder belongs to another store than %.200s (%s): `keys` or `store` names the wrong path",
	        store_path, why);
}

/* A file of slots that ends before a slot that a row names was cut: it grows before a slot is given out, and never shrinks. */
static bool check_cut(struct store *s, struct keystore *k, const char *keys_path, struct error *e)
{
	uint32_t size = keystore_size(k), end = store_slots_end(s), cut = 0;

	for (uint32_t slot = size; slot < end; slot++)
		cut += store_slot_live(s, slot);
	store_slots_forget(s);
	return cut == 0 ||
	       error_at(
	               e, REASON_CONFIG, keys_path, 0, 0,
	               "the file `slots` was cut: it ends after %u slots, and %u payloads have their keys behind "
	               "that. Put it back as it was, or let `gatewayctl keys new-slots` make what is missing anew: those "
	               "payloads are lost then, and logged one by one",
	               (unsigned)size, (unsigned)cut);
}

bool binding_check(struct store *s, struct keystore *k, const char *store_path, const char *keys_path,
                   struct binding *out, struct error *e)
{
	static const struct uuid none;
	struct binding b = { .in_store = false };
	bool fits = true;

	if (!read_store(s, &b, e))
		return false;
	b.in_keys = !same(keystore_id(k), &none);
	if (b.in_store && b.in_keys && !same(&b.id, keystore_id(k)))
		return refuse(store_path, keys_path, "their ids differ", e);
	/* Neither says of the other that it is a stranger: both are of an older build, or were being bound. */
	if (b.in_store != b.in_keys && !b.marked && !fit(s, k, &fits, e))
		return false;
	if (!fits)
		return refuse(store_path, keys_path,
		              b.in_keys ? "the store has no id, and its payloads are not in this folder"
		                        : "the folder has no id, and not the payloads of the store",
		              e);
	if (!b.in_store && b.in_keys)
		b.id = *keystore_id(k);
	if (!b.in_store && !b.in_keys && !random_bytes(b.id.b, sizeof b.id.b))
		return error_set(e, REASON_CRYPTO, "no random bytes for an id");
	if (b.in_store && !check_cut(s, k, keys_path, e))
		return false;
	*out = b;
	return true;
}

static bool write_store(struct store *s, const struct uuid *id, bool mark, struct error *e)
{
	char value[ID_BYTES + 1];

	memcpy(value, id->b, ID_BYTES);
	value[ID_BYTES] = 1;
	if (store_begin(s, e) && store_put_value(s, VALUE, view_make(value, ID_BYTES + mark), e) && store_commit(s, e))
		return true;
	store_rollback(s);
	return false;
}

bool binding_make(struct store *s, struct keystore *k, const struct binding *b, struct error *e)
{
	bool marked = b->in_store ? b->marked : !b->in_keys;

	return (b->in_store || write_store(s, &b->id, marked, e)) && (b->in_keys || keystore_name(k, &b->id, e)) &&
	       (!marked || write_store(s, &b->id, false, e));
}
