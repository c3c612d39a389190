/* See payload.h. */
#include "gatewayd/core/payload.h"

#define NONCE 12
#define TAG 16
#define SALTS (2 * sizeof(struct salt))

bool payload_open(struct keystore *keys, struct gcm *gcm, struct store *reader, uint64_t seq,
                  const struct uuid *exchange, struct payload *out, struct error *e)
{
	struct store_payload row;
	uint8_t key[32];
	bool ok = false;

	if (!store_get_payload(reader, seq, &row, e) || !keystore_get(keys, row.slot, key, e))
		return false;
	if (row.sealed.n >= NONCE + SALTS + TAG) {
		struct view sealed = view_from(row.sealed, NONCE);
		uint8_t *plain = (uint8_t *)buf_room(&out->plain, sealed.n);
		ok = plain && gcm_open(gcm, key, (const uint8_t *)row.sealed.p, view_make(exchange->b, sizeof exchange->b),
		                       sealed, plain);
		if (ok) {
			out->plain.n = sealed.n - TAG;
			memcpy(out->salt.b, plain, sizeof out->salt.b);
			memcpy(out->input_salt.b, plain + sizeof out->salt.b, sizeof out->input_salt.b);
			out->record = view_from(buf_view(&out->plain), SALTS);
		}
	}
	wipe(key, sizeof key);
	return ok || error_set(e, REASON_CRYPTO, "a payload does not open with its key");
}

void payload_close(struct payload *p)
{
	buf_wipe(&p->plain);
	wipe(p->salt.b, sizeof p->salt.b);
	wipe(p->input_salt.b, sizeof p->input_salt.b);
	p->record = (struct view){ NULL, 0 };
}
