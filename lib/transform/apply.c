/* One leaf through its rule: which types an action takes, and where its result goes. */
#include "lib/transform/actions.h"

#include "lib/json/canonical.h"

bool rule_fail(const struct rule *r, struct error *e, const char *what)
{
	/* The rule's pattern stands for the place: the record's own names may not be repeated. */
	return error_at(e, REASON_TRANSFORM_FAILED, r->pointer, 0, 0, "rule %s, %s: %s", r->id, action_name(r->action),
	                what);
}

static bool type_is(const struct tape *t, uint32_t node, enum tape_type type)
{
	return t->nodes[node].type == type;
}

/* Until a round finds nothing more, which is what ingress checks: without what went, its neighbour may be a find. Each
 * round leaves less that is no bracket to look at, so that they end; with the recognisers there are, after three. */
static bool apply_redact(const struct rule *r, struct transform_run *run, struct view text, struct error *e)
{
	const struct redact_params *d = &r->p.redact;
	size_t finds;

	do {
		struct buf swap = run->text;

		buf_reset(&run->bytes);
		finds = redact(d->recognisers, d->words, text, &run->bytes, run->redactions);
		if (finds == REDACT_REFUSED)
			return rule_fail(r, e, "the text is too long to be searched");
		run->text = run->bytes;
		run->bytes = swap;
		text = buf_view(&run->text);
	} while (finds > 0 && !run->text.failed);
	return true;
}

/* Actions on a string; the result goes to run->text. */
static bool apply_string(const struct rule *r, struct transform_run *run, struct view text, struct error *e)
{
	switch (r->action) {
	case ACTION_MASK: return apply_mask(r, text, &run->text);
	case ACTION_POSTCODE: return apply_postcode(r, text, &run->text, e);
	case ACTION_GEO:
		return r->p.geo.is_hash ? apply_geohash(r, text, &run->text, e)
		                        : rule_fail(r, e, "the value is not a number");
	case ACTION_IP_PREFIX: return apply_ip_prefix(r, text, &run->text, e);
	case ACTION_DATE_TRUNC: return apply_date_trunc(r, text, &run->text, e);
	case ACTION_DATE_SHIFT: return apply_date_shift(r, run, text, &run->text, e);
	case ACTION_PSEUDONYM: return apply_pseudonym(r, run, text, e);
	case ACTION_SURROGATE: return apply_surrogate(r, run, text, e);
	case ACTION_FPE: return apply_fpe(r, false, text, &run->text, e);
	case ACTION_TOKEN: return apply_token(r, run, HIDDEN_STRING, text, e);
	case ACTION_SEAL: return apply_seal(r, run, HIDDEN_STRING, text, e);
	case ACTION_REDACT_TEXT: return apply_redact(r, run, text, e);
	case ACTION_ROUND:
	case ACTION_BAND:
	case ACTION_TOPCODE: return rule_fail(r, e, "the value is not a number");
	case ACTION_KEEP:
	case ACTION_CONST:
	case ACTION_NULL:
	case ACTION_DROP:
	case ACTION_K_GUARD:
	case ACTION_COUNT: break;
	}
	return rule_fail(r, e, "the action does not change texts");
}

/* A number or boolean: hidden as its token, linked as its digits, or changed as a number. A number's spelling is no
 * part of it, or a sender could tell one token or pseudonym from another by choice. */
static bool apply_scalar(const struct rule *r, struct transform_run *run, const struct tape *t, uint32_t node,
                         bool *is_string, struct error *e)
{
	struct view token = tape_token(t, node);
	bool number = type_is(t, node, TAPE_NUMBER);

	*is_string = true;
	buf_reset(&run->number);
	if (number && (r->action == ACTION_TOKEN || r->action == ACTION_SEAL)) {
		canonical_number(token, &run->number);
		token = buf_view(&run->number);
	}
	if (r->action == ACTION_TOKEN)
		return apply_token(r, run, HIDDEN_TOKEN, token, e);
	if (r->action == ACTION_SEAL)
		return apply_seal(r, run, HIDDEN_TOKEN, token, e);
	if (number && (r->action == ACTION_PSEUDONYM || r->action == ACTION_SURROGATE) &&
	    canonical_whole(token, &run->number))
		return r->action == ACTION_PSEUDONYM ? apply_pseudonym(r, run, buf_view(&run->number), e)
		                                     : apply_surrogate(r, run, buf_view(&run->number), e);
	if (number && (r->action == ACTION_BAND || r->action == ACTION_ROUND || r->action == ACTION_TOPCODE ||
	               (r->action == ACTION_GEO && !r->p.geo.is_hash)))
		return apply_number(r, token, &run->text, is_string, e);
	return rule_fail(r, e,
	                 number ? "the value is a number, which this transform does not take"
	                        : "the value is true or false, which this transform does not take");
}

bool action_apply(const struct rule *r, struct transform_run *run, const struct tape *t, uint32_t node,
                  struct splice *out, struct error *e)
{
	bool is_string = true;

	if (r->action == ACTION_KEEP) {
		splice_copy(out, t, node);
		return true;
	}
	if (r->action == ACTION_CONST) {
		splice_literal(out, view_of(r->p.constant.token));
		return true;
	}
	if (r->action == ACTION_NULL || type_is(t, node, TAPE_NULL)) {
		splice_literal(out, VIEW("null"));
		return true;
	}
	if (type_is(t, node, TAPE_OBJECT) || type_is(t, node, TAPE_ARRAY))
		return rule_fail(r, e, "the value is an empty object or array");
	if (action_has_key(r->action) && !r->key.ready)
		return error_at(e, REASON_CRYPTO, r->pointer, 0, 0, "rule %s, %s: there is no key", r->id,
		                action_name(r->action));
	buf_reset(&run->text);
	if (type_is(t, node, TAPE_STRING) ? !apply_string(r, run, tape_string(t, node), e)
	                                  : !apply_scalar(r, run, t, node, &is_string, e))
		return false;
	if (run->text.failed || run->number.failed)
		return rule_fail(r, e, "the result is too long");
	if (is_string)
		splice_string(out, buf_view(&run->text));
	else
		splice_number(out, buf_view(&run->text));
	return true;
}
