/* Keys of a rule. The secret stays with the node; the partner never holds it. Each agreement, purpose, domain,
 * transform and epoch has a key of its own, so that pseudonyms of one say nothing in another. */
#include "lib/transform/actions.h"

#include "lib/base/wire.h"

#define SCHEME     "gatewayd transform key 1"
#define SECRET_MIN 32

bool action_has_key(enum action a)
{
	return a == ACTION_PSEUDONYM || a == ACTION_SURROGATE || a == ACTION_TOKEN || a == ACTION_SEAL ||
	       a == ACTION_FPE || a == ACTION_DATE_SHIFT;
}

static bool make_key(struct rule *r, const uint8_t *key)
{
	struct rule_key *k = &r->key;

	switch (r->action) {
	case ACTION_PSEUDONYM:
	case ACTION_SURROGATE:
	case ACTION_DATE_SHIFT: return (k->hmac = hmac_key_new(view_make(key, 32))) != NULL;
	case ACTION_TOKEN: return (k->siv = siv_key_new(key)) != NULL;
	case ACTION_SEAL: memcpy(k->gcm.b, key, k->gcm.n = 32); return true;
	case ACTION_FPE: return (k->ff1 = ff1_key_new(view_make(key, 32), r->p.fpe.radix)) != NULL;
	case ACTION_KEEP:
	case ACTION_ROUND:
	case ACTION_BAND:
	case ACTION_TOPCODE:
	case ACTION_DATE_TRUNC:
	case ACTION_GEO:
	case ACTION_IP_PREFIX:
	case ACTION_POSTCODE:
	case ACTION_REDACT_TEXT:
	case ACTION_MASK:
	case ACTION_CONST:
	case ACTION_NULL:
	case ACTION_DROP:
	case ACTION_K_GUARD:
	case ACTION_COUNT: break;
	}
	return false;
}

static void add_context(struct buf *b, const struct rule_key *k)
{
	put_view16(b, k->purpose);
	put_view16(b, view_of(k->domain));
}

bool rule_derive(struct rule *r, const struct key_context *keys, struct error *e)
{
	struct rule_key *k = &r->key;
	struct buf info = BUF_INIT(4096);
	uint8_t key[64];

	if (!action_has_key(r->action))
		return true;
	r->epoch = keys->epoch;
	snprintf(k->prefix, sizeof k->prefix, "%c1.%u.",
	         r->action == ACTION_PSEUDONYM   ? 'p'
	         : r->action == ACTION_SURROGATE ? 'r'
	         : r->action == ACTION_TOKEN     ? 't'
	                                         : 's',
	         (unsigned)keys->epoch);
	if (keys->secret.n == 0)
		return true;
	if (keys->secret.n < SECRET_MIN)
		return error_at(e, REASON_CONFIG, r->pointer, 0, 0,
		                "rule %s: the pseudonym secret has fewer than %d bytes", r->id, SECRET_MIN);
	if (k->agreement.n == 0 || k->purpose.n == 0 || keys->epoch == 0)
		return error_at(e, REASON_CONFIG, r->pointer, 0, 0,
		                "rule %s: keys need an agreement, a purpose and an epoch from 1 on", r->id);
	put_view16(&info, VIEW(SCHEME));
	add_context(&info, k);
	put_view16(&info, view_of(action_name(r->action)));
	put_u32(&info, keys->epoch);
	/* What a sealed value is bound to: associated data, length-prefixed. */
	k->aad = BUF_INIT(4096);
	put_view16(&k->aad, k->agreement);
	add_context(&k->aad, k);
	k->ready = !info.failed && !k->aad.failed &&
	           hkdf_sha256(view_make(keys->secret.b, keys->secret.n), k->agreement, buf_view(&info), key,
	                       sizeof key) &&
	           make_key(r, key);
	wipe(key, sizeof key);
	buf_free(&info);
	return k->ready || error_at(e, REASON_CRYPTO, r->pointer, 0, 0, "rule %s: its key could not be derived", r->id);
}
