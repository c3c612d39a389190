/* See ingress_private.h. */
#include "gatewayd/core/exchange/ingress_private.h"

#include "gatewayd/core/witness/sight.h"
#include "lib/json/canonical.h"
#include "lib/policy/consents.h"
#include "lib/tlog/entry_shown.h"
#include "lib/tlog/receipt.h"

static bool invalid(struct exchange *x, const char *what)
{
	return error_at(&x->decided.error, REASON_RECEIPT_INVALID, "/origin", 0, 0, "%s", what);
}

bool ingress_agreement(struct exchange *x, struct view id)
{
	struct decided *d = &x->decided;
	const struct conf *conf = d->asked.conf;
	const struct origin *o = &d->envelope.origin;
	int64_t now = d->asked.now_ms;
	struct agreement *current = conf_agreement(conf, id, NULL, now);
	struct agreement *named = conf_agreement(conf, id, &o->agreement_digest, now);

	if (!current || !agreement_has_party(current, view_of(d->asked.peer->agency)))
		return error_at(&d->error, REASON_AGREEMENT_UNKNOWN, "", 0, 0,
		                "no agreement of that name with this partner");
	d->agreement = current;
	if (!named)
		return error_at(&d->error, REASON_AGREEMENT_MISMATCH, "/origin/agreement_digest", 0, 0,
		                "the sender decided by a version that is not held here");
	if (named != current) {
		bool predecessor = digest_eq(agreement_digest(named), agreement_supersedes(current));
		if (!predecessor || uuid_time_ms(&o->exchange) >= agreement_effective_ms(current) ||
		    now > agreement_grace_end_ms(current))
			return error_at(&d->error, REASON_AGREEMENT_MISMATCH, "/origin/agreement_digest", 0, 0,
			                "the version that the sender decided by has been superseded");
		d->agreement = named;
	}
	return true;
}

/* A string member of the entry, compared with what it must be. */
static bool entry_says(const struct tape *t, const char *name, struct view want)
{
	uint32_t value = tape_member(t, 0, view_of(name));

	return value && t->nodes[value].type == TAPE_STRING && view_eq(tape_string(t, value), want);
}

static bool entry_digest(const struct tape *t, const char *name, const struct digest *want)
{
	uint32_t value = tape_member(t, 0, view_of(name));
	struct digest d;

	return value && t->nodes[value].type == TAPE_STRING && digest_parse(tape_string(t, value), &d) &&
	       digest_eq(&d, want);
}

/* The codes under which it travels: without them, or with others than left there, nothing is taken. */
static bool check_caveats(struct exchange *x, const struct tape *t)
{
	const struct decided *d = &x->decided;
	const struct origin *o = &d->envelope.origin;
	struct digest came;

	if (!tape_member(t, 0, VIEW("caveats")))
		return invalid(x, "the entry has no digest of caveats: a build of before them decided this record");
	if (!o->caveats)
		return invalid(x, "the caveats that the entry has the digest of did not come with the record");
	exchange_salted(&o->salt, tape_token(&d->tape, o->caveats), &came);
	return entry_digest(t, "caveats", &came) ||
	       invalid(x, "the entry's digest of caveats is not that of those that came");
}

/* The consent that the sender judged is the one that its log names, or neither names one. */
static bool check_consent(struct exchange *x, const struct tape *t)
{
	static const struct digest none;
	const struct origin *o = &x->decided.envelope.origin;
	struct digest told;

	if (digest_eq(&o->consent, &none))
		return tape_member(t, 0, VIEW("consent")) == 0;
	consent_told(&o->salt, &o->consent, &told);
	if (!entry_digest(t, "consent", &told))
		return false;
	x->decided.consent_told = told;
	return true;
}

/* What was checked is said in one way. */
static bool check_words(struct exchange *x, const struct tape *t)
{
	uint32_t said = tape_member(t, 0, VIEW("checked"));
	char room[64];
	struct buf words = { .p = room, .cap = sizeof room, .max = sizeof room };

	checked_print(x->decided.checked, &words);
	return view_eq(said ? tape_string(t, said) : VIEW(""), buf_view(&words)) ||
	       invalid(x, "the entry says otherwise than gateways do what was checked");
}

/* What stands beside the record is what the sender's log says, and so is what was checked of what stays there. */
static bool check_members(struct exchange *x, const struct tape *t)
{
	struct decided *d = &x->decided;
	struct scratch *s = x->decider->scratch;
	struct digest digest;

	if (!tape_member(t, 0, VIEW("envelope")))
		return invalid(x, "the entry has no digest of the envelope: an older build decided this record");
	buf_reset(&s->beside);
	beside_arrived(&d->tape, &s->order, &s->beside);
	if (s->beside.failed)
		return error_at(&d->error, REASON_NO_MEMORY, "/origin", 0, 0, "memory ran out");
	exchange_salted(&d->envelope.origin.salt, buf_view(&s->beside), &digest);
	if (!entry_digest(t, "envelope", &digest))
		return invalid(x, "the entry's digest of the envelope is not that of its members");
	d->checked = checked_of_entry(t);
	return check_words(x, t);
}

static bool check_entry(struct exchange *x, const struct tape *t)
{
	struct decided *d = &x->decided;
	const struct origin *o = &d->envelope.origin;
	char id[UUID_TEXT + 1];

	uuid_print(&o->exchange, id);
	if (!entry_says(t, "operation", VIEW("disclosure")))
		return invalid(x, "the entry is not a disclosure");
	if (!entry_says(t, "outcome", view_of(outcome_name(OUTCOME_RELEASED))) &&
	    !entry_says(t, "outcome", view_of(outcome_name(OUTCOME_TRANSFORMED))))
		return invalid(x, "the entry does not say that it was released");
	if (!entry_says(t, "exchange", view_of(id)))
		return invalid(x, "the entry is another exchange's");
	if (!entry_says(t, "agreement", agreement_id(d->agreement)) ||
	    !entry_digest(t, "agreement_digest", &o->agreement_digest))
		return invalid(x, "the entry names another agreement");
	if (!entry_says(t, "recipient", view_of(d->asked.conf->node.agency)))
		return invalid(x, "the entry names another recipient");
	if (!entry_says(t, "purpose", d->envelope.purpose) || !entry_says(t, "legal_basis", d->envelope.legal_basis) ||
	    !entry_says(t, "tier", d->envelope.tier))
		return invalid(x, "the entry names another purpose, legal basis or tier");
	if (d->envelope.exception.n ? !entry_says(t, "exception", d->envelope.exception)
	                            : tape_member(t, 0, VIEW("exception")) != 0)
		return invalid(x, "the entry names another exception");
	if (!entry_digest(t, "output", &d->input))
		return invalid(x, "the entry's output digest is not that of the record");
	if (!check_caveats(x, t))
		return false;
	if (d->envelope.corrects.n ? !entry_says(t, "corrects", d->envelope.corrects)
	                           : tape_member(t, 0, VIEW("corrects")) != 0)
		return invalid(x, "the entry corrects another exchange");
	if (!check_consent(x, t))
		return invalid(x, "the entry names another consent");
	if (!check_members(x, t))
		return false;
	uint32_t time = tape_member(t, 0, VIEW("time"));
	unsigned long long ms;
	if (!time || t->nodes[time].type != TAPE_NUMBER || !view_to_u64(tape_token(t, time), INT64_MAX, &ms))
		return invalid(x, "the entry has no time");
	d->origin_ms = (int64_t)ms;
	return true;
}

/* One of another form may have members that this build does not know, and is refused for its form (check_form). */
static bool names_another_form(const struct tape *t)
{
	uint32_t form = tape_member(t, 0, VIEW("form"));
	unsigned long long n;

	return form && (t->nodes[form].type != TAPE_NUMBER || !view_to_u64(tape_token(t, form), UINT32_MAX, &n) ||
	                n != CANONICAL_FORM);
}

/* The record is spelled as its entry says: what came is never rewritten, so that both sides have one digest of it,
 * and a sender that chooses among spellings is refused. */
static bool check_form(struct exchange *x, const struct tape *t)
{
	struct error e = { .reason = REASON_NONE };

	if (!tape_member(t, 0, VIEW("form")))
		return error_at(
		        &x->decided.error, REASON_RECORD_FORM, "/origin/entry", 0, 0,
		        "the entry names no form: an older build decided this record, and no later one takes it");
	if (names_another_form(t))
		return error_at(&x->decided.error, REASON_RECORD_FORM, "/origin/entry", 0, 0,
		                "the entry names a form that this build does not know");
	return canonical_check(&x->decided.tape, x->decided.envelope.record, &e) ||
	       error_at(&x->decided.error, e.reason, "/record", 0, 0, "%s", e.text);
}

bool ingress_verify(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct origin *o = &d->envelope.origin;
	const struct partner *peer = d->asked.peer;
	struct scratch *s = x->decider->scratch;
	struct receipt receipt;
	struct checkpoint shown;
	struct error e = { .reason = REASON_NONE };
	struct view extra;
	struct tape entry;

	d->origin = o->exchange;
	if (!view_is(o->agency, peer->agency))
		return invalid(x, "the sender is not the agency that it names");
	if (!peer->has_log)
		return invalid(x, "no verifier key of the sender's log is known here");
	buf_reset(&s->proof);
	if (!receipt_parse(o->proof, &s->proof, &receipt, &extra, &e) ||
	    !conf_receipt(peer, x->decider->core->verified, &receipt, o->entry, &shown, &e))
		return invalid(x, e.text);
	if (!tape_parse(s->entry, o->entry, &entry, &e) || entry.nodes[0].type != TAPE_OBJECT)
		return invalid(x, "the entry is not a JSON object");
	const char *fault = names_another_form(&entry) ? NULL : entry_shown_fault(&entry, CANONICAL_FORM);
	if (fault)
		return invalid(x, fault);
	if (!check_entry(x, &entry))
		return false;
	d->unproved.origin = view_of(peer->log.name);
	if (!sight_take(x->decider->core, peer, &shown, receipt.checkpoint, &d->unproved.size, &e))
		return error_at(&d->error, e.reason, "/origin/proof", 0, 0, "%s", e.text);
	d->proved = true;
	return check_form(x, &entry);
}
