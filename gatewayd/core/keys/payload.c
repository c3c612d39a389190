/* See payload.h. */
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/store/payload.h"

#define NONCE 12
#define TAG   16
#define SALTS (2 * sizeof(struct salt))

bool payload_unseal(struct gcm *gcm, const uint8_t key[32], struct view sealed, const struct uuid *exchange,
                    struct payload *out)
{
	struct view text = view_from(sealed, NONCE);
	uint8_t *plain;

	if (sealed.n < NONCE + SALTS + TAG)
		return false;
	plain = (uint8_t *)buf_room(&out->plain, text.n);
	if (!plain ||
	    !gcm_open(gcm, key, (const uint8_t *)sealed.p, view_make(exchange->b, sizeof exchange->b), text, plain))
		return false;
	out->plain.n = text.n - TAG;
	memcpy(out->salt.b, plain, sizeof out->salt.b);
	memcpy(out->input_salt.b, plain + sizeof out->salt.b, sizeof out->input_salt.b);
	out->record = view_from(buf_view(&out->plain), SALTS);
	return true;
}

bool payload_seal(struct gcm *gcm, const struct payload_parts *p, struct buf *plain, struct buf *out)
{
	size_t n = SALTS + p->record.n;

	buf_reset(plain);
	buf_add(plain, view_make(p->salt->b, sizeof p->salt->b));
	buf_add(plain, view_make(p->input_salt->b, sizeof p->input_salt->b));
	buf_add(plain, p->record);
	buf_add(out, view_make(p->nonce, NONCE));
	uint8_t *room = (uint8_t *)buf_room(out, n + TAG);
	bool ok = !plain->failed && room &&
	          gcm_seal(gcm, p->key, p->nonce, view_make(p->exchange->b, sizeof p->exchange->b), buf_view(plain),
	                   room);
	if (ok)
		out->n += n + TAG;
	if (plain->n)
		wipe(plain->p, plain->n);
	return ok;
}

bool payload_open(struct keystore *keys, struct gcm *gcm, struct store *reader, uint64_t seq,
                  const struct uuid *exchange, struct payload *out, struct error *e)
{
	struct store_payload row;
	uint8_t key[32];

	if (!store_get_payload(reader, seq, &row, e) || !keystore_get(keys, row.slot, key, e))
		return false;
	bool ok = payload_unseal(gcm, key, row.sealed, exchange, out);
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
