/* See returns.h. */
#include "gatewayd/core/copy/returns.h"

#include <jansson.h>

#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/payload.h"
#include "lib/base/encode.h"
#include "gatewayd/os/log.h"

#define KEPT_DAYS  28 /* as any payload: Regulation (EU) 2023/969 Art. 21 */
#define SEALED_MAX (32u * 1024 * 1024)

static int64_t kept_until(int64_t now_ms)
{
	return now_ms + KEPT_DAYS * DAY_MS;
}

static void salted(const struct salt *salt, struct view record, struct digest *out)
{
	struct view parts[] = { view_make(salt->b, sizeof salt->b), record };

	sha256_parts(parts, 2, out);
}

static bool seal(struct returned *r, struct gcm *gcm, const struct uuid *exchange, const struct salt *salt,
                 struct view beside, struct view record)
{
	static const struct salt none;
	struct buf plain = BUF_INIT(SEALED_MAX);
	uint8_t nonce[12];
	struct payload_parts parts = { .key = r->key,
		                       .nonce = nonce,
		                       .exchange = exchange,
		                       .salt = salt,
		                       .input_salt = &none,
		                       .beside = beside,
		                       .record = record };

	r->sealed = BUF_INIT(SEALED_MAX);
	bool ok = random_secret(r->key, sizeof r->key) && random_bytes(nonce, sizeof nonce) &&
	          payload_seal(gcm, &parts, &plain, &r->sealed);
	buf_wipe(&plain);
	return ok;
}

void returned_free(struct returned *r)
{
	wipe(r->key, sizeof r->key);
	buf_free(&r->sealed);
}

/* --- the recipient's side --- */

/* The digest of what was handed out, as our own entry has it. */
static bool handed_out(struct store *reader, uint64_t entry, struct digest *out, struct error *e)
{
	struct view leaf;

	if (!store_find_entry(reader, entry, &leaf, NULL, e))
		return false;
	json_t *doc = json_loadb(leaf.p, leaf.n, 0, NULL);
	bool ok = digest_parse(view_of(json_string_value(json_object_get(doc, "output"))), out);
	json_decref(doc);
	return ok || error_set(e, REASON_STORE, "an entry names no output");
}

bool returned_masked(struct store *reader, uint64_t seq, bool *masked, struct error *e)
{
	struct store_duty d;

	enum sought duty = sought(store_find_duty(reader, seq, DUTY_MASK, &d, e), e);
	*masked = duty == SOUGHT_FOUND && d.state == DUTY_DONE;
	return duty != SOUGHT_FAILED;
}

bool returned_prepare(struct returned *r, struct worker *w, uint64_t id, const struct duty_answer *answer)
{
	struct error e = { .reason = REASON_NONE };
	struct store_inbox item;
	struct store_exchange x;
	struct digest want;
	struct salt salt;
	bool masked;
	size_t n;

	if (!hex_decode(answer->salt, salt.b, sizeof salt.b, &n) || n != sizeof salt.b) {
		r->fault = "/salt: is not 16 bytes in hex";
		return true;
	}
	enum sought got = sought(store_get_inbox(w->reader, id, &item, &e), &e);
	if (got != SOUGHT_FOUND)
		return got == SOUGHT_NONE;
	if (!view_is(item.kind, duty_kind_name(DUTY_RETURN)) || item.acked_ms)
		return true; /* the job says what is wrong with that, or that it came before */
	uint64_t seq = item.seq;
	struct uuid exchange = item.exchange;
	if (!store_get_exchange(w->reader, seq, &x, &e) || !handed_out(w->reader, x.entry, &want, &e) ||
	    !returned_masked(w->reader, seq, &masked, &e)) {
		log_line("error", "return: %s", e.text);
		return false;
	}
	if (masked) {
		r->fault = "/record: was masked since it was handed out, so it is erased, not returned";
		return true;
	}
	salted(&salt, answer->record, &r->digest);
	if (!digest_eq(&r->digest, &want)) {
		r->fault = "/record: is not what was handed out";
		return true;
	}
	return seal(r, w->scratch.gcm, &exchange, &salt, VIEW(""), answer->record);
}

bool returned_write(const struct returned *r, const struct act *a, struct copy *c, struct error *e)
{
	struct store_payload payload = { .seq = c->seq, .sealed = buf_view(&r->sealed) };

	if (!writer_put_key(a->writer, r->key, &payload.slot, e) || !store_put_payload(a->store, &payload, e))
		return false;
	c->returned = r->digest;
	c->plan.payload_ms = kept_until(a->now_ms);
	return true;
}

/* --- the provider's side --- */

bool returned_take(struct notice_in *in, struct act *a, struct copy *c, struct error *e)
{
	struct store_inbox item = { .seq = c->seq, .exchange = c->id, .kind = VIEW("returned"), .made_ms = a->now_ms };
	struct gcm *gcm = gcm_new();
	struct buf body = BUF_INIT(4096);
	struct returned r = { .fault = NULL };

	buf_adds(&body, "\"agreement\":");
	buf_add_json_string(&body, view_of(c->agreement));
	item.body = buf_view(&body);
	bool ok = gcm && seal(&r, gcm, &c->id, &in->salt, item.body, in->record);
	ok = ok && !body.failed ? returned_write(&r, a, c, e) && store_put_inbox(a->store, &item, e)
	                        : error_set(e, REASON_CRYPTO, "a returned record cannot be sealed");
	if (ok) {
		c->inbox = item.id;
		ok = exchange_become(a, c, STATE_RETURNED, e) && copy_settle(a, c, e);
	}
	gcm_free(gcm);
	buf_free(&body);
	returned_free(&r);
	return ok;
}
