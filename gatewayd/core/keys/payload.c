/* See payload.h. */
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/store/payload.h"

#define NONCE 12
#define TAG   16
#define SALTS (2 * sizeof(struct salt))
#define HEAD  (SALTS + sizeof(struct digest))

/* The exchange's id, and behind it the form of the sealed text: an older build's has no digest, and no mark. */
struct additional {
	uint8_t b[sizeof(struct uuid) + 1];
};

static struct additional additional_of(const struct uuid *exchange)
{
	struct additional a;

	memcpy(a.b, exchange->b, sizeof exchange->b);
	a.b[sizeof exchange->b] = 2;
	return a;
}

static bool unseal(struct gcm *gcm, const uint8_t key[32], struct view sealed, struct view additional, size_t head,
                   struct payload *out)
{
	struct view text = view_from(sealed, NONCE);

	if (sealed.n < NONCE + head + TAG)
		return false;
	buf_reset(&out->plain);
	uint8_t *plain = (uint8_t *)buf_room(&out->plain, text.n);
	if (!plain || !gcm_open(gcm, key, (const uint8_t *)sealed.p, additional, text, plain))
		return false;
	out->plain.n = text.n - TAG;
	memcpy(out->salt.b, plain, sizeof out->salt.b);
	memcpy(out->input_salt.b, plain + sizeof out->salt.b, sizeof out->input_salt.b);
	out->has_beside = head > SALTS;
	if (out->has_beside)
		memcpy(out->beside.b, plain + SALTS, sizeof out->beside.b);
	out->record = view_from(buf_view(&out->plain), head);
	return true;
}

bool payload_unseal(struct gcm *gcm, const uint8_t key[32], struct view sealed, const struct uuid *exchange,
                    struct payload *out)
{
	struct additional a = additional_of(exchange);

	return unseal(gcm, key, sealed, view_make(a.b, sizeof a.b), HEAD, out) ||
	       unseal(gcm, key, sealed, view_make(exchange->b, sizeof exchange->b), SALTS, out);
}

bool payload_seal(struct gcm *gcm, const struct payload_parts *p, struct buf *plain, struct buf *out)
{
	struct additional a = additional_of(p->exchange);
	size_t n = HEAD + p->record.n;
	struct digest beside;

	sha256(p->beside, &beside);
	buf_reset(plain);
	buf_add(plain, view_make(p->salt->b, sizeof p->salt->b));
	buf_add(plain, view_make(p->input_salt->b, sizeof p->input_salt->b));
	buf_add(plain, view_make(beside.b, sizeof beside.b));
	buf_add(plain, p->record);
	buf_add(out, view_make(p->nonce, NONCE));
	uint8_t *room = (uint8_t *)buf_room(out, n + TAG);
	bool ok = !plain->failed && room &&
	          gcm_seal(gcm, p->key, p->nonce, view_make(a.b, sizeof a.b), buf_view(plain), room);
	if (ok)
		out->n += n + TAG;
	if (plain->n)
		wipe(plain->p, plain->n);
	return ok;
}

bool payload_beside(const struct payload *p, struct view text)
{
	struct digest d;

	sha256(text, &d);
	return !p->has_beside || digest_eq(&d, &p->beside);
}

static bool open_row(struct keystore *keys, struct gcm *gcm, const struct store_payload *row,
                     const struct uuid *exchange, struct payload *out, struct error *e)
{
	struct error why = { .reason = REASON_NONE };
	uint8_t key[32];

	if (!keystore_get(keys, row->slot, key, &why)) {
		bool gone = why.reason == REASON_NOT_FOUND;
		return error_set(e, gone ? REASON_DAMAGED : why.reason, "%s",
		                 gone ? "the key of a payload is gone" : why.text);
	}
	bool ok = payload_unseal(gcm, key, row->sealed, exchange, out);
	wipe(key, sizeof key);
	return ok || error_set(e, REASON_DAMAGED, "a payload does not open with its key");
}

/* An erasure takes the row first and then the key, and the slot is soon another's: what does not open was erased meanwhile, or
 * replaced, unless the row is still there as it was. */
bool payload_open(struct keystore *keys, struct gcm *gcm, struct store *reader, uint64_t seq,
                  const struct uuid *exchange, struct payload *out, struct error *e)
{
	struct store_payload row;
	struct error why = { .reason = REASON_NONE };
	bool replaced;

	if (!store_get_payload(reader, seq, &row, e))
		return false;
	do {
		uint32_t slot = row.slot;

		why = (struct error){ .reason = REASON_NONE };
		if (open_row(keys, gcm, &row, exchange, out, &why))
			return true;
		if (!store_look_anew(reader, e) || !store_get_payload(reader, seq, &row, e))
			return false;
		replaced = row.slot != slot;
	} while (replaced);
	return error_set(e, why.reason, "%s", why.text);
}

void payload_close(struct payload *p)
{
	buf_wipe(&p->plain);
	wipe(p->salt.b, sizeof p->salt.b);
	wipe(p->input_salt.b, sizeof p->input_salt.b);
	p->record = (struct view){ NULL, 0 };
}
