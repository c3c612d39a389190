/* What is written of a decision: rows, the sealed payload, the audit entry, the answer. See exchange.h. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/border_trace.h"
#include "gatewayd/core/exchange/officer.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/copy/retention.h"
#include "lib/json/canonical.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/timer.h"
#include "lib/policy/allowed.h"
#include "lib/policy/consents.h"
#include "lib/policy/schedule.h"
#include "lib/tlog/entry.h"
#include "lib/policy/decision.h"

#define DETAIL_MAX (64u * 1024)

/* --- the rows --- */

/* Seals what is kept: the record that leaves, or, when a person has to decide, what came. */
static bool seal(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct scratch *s = x->decider->scratch;
	struct payload_parts parts = { .key = x->reserved.key.grant.key,
		                       .nonce = d->random.nonce,
		                       .exchange = &d->id,
		                       .salt = &d->random.salt,
		                       .input_salt = &d->random.input_salt,
		                       .beside = buf_view(&x->written.members),
		                       .record = d->decision.outcome == OUTCOME_HELD ? d->text : buf_view(&s->record) };

	return key_lease_take(&x->reserved.key, x->decider->core->keys) &&
	       payload_seal(s->gcm, &parts, &s->proof, &x->written.sealed);
}

/* What goes to the recipient's gateway beside the record, with the retention that was granted; the entry has its digest.
 * A consent goes on as a digest, origin.consent. Approvals are the provider's own, and one with the officer's salt would let the recipient confirm guesses of what was
 * dropped; how the data came to the provider is its own affair, too. */
static void delivery_members(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct buf *b = &x->written.members;

	beside_delivery(&d->decision, &d->envelope, &d->beside, &x->decider->scratch->order, b);
	exchange_salted(&d->random.salt, buf_view(b), &d->members);
}

/* A value that stands in JSON already. */
static void add_token_member(struct buf *b, const char *name, struct view token)
{
	if (token.n == 0)
		return;
	buf_addf(b, ",\"%s\":", name);
	buf_add(b, token);
}

static void add_text_member(struct buf *b, const char *name, struct view value)
{
	if (value.n == 0)
		return;
	buf_addf(b, ",\"%s\":", name);
	buf_add_json_string(b, value);
}

/* From the release, as the first gateway's log has it; what corrects another record lives no longer than that one. */
static int64_t release_ms(const struct exchange *x)
{
	const struct decided *d = &x->decided;

	if (d->corrects.seq && d->corrects.base_ms)
		return d->corrects.base_ms;
	int64_t at = d->kind == EXCHANGE_INGRESS && d->origin_ms < d->asked.now_ms ? d->origin_ms : d->asked.now_ms;
	return d->corrects.base_ms && d->corrects.base_ms < at ? d->corrects.base_ms : at;
}

/* What the recipient's system may go on with: of this gateway's side, and made of what both gateways name the exchange. */
static void add_trace(struct exchange *x)
{
	struct traceparent t;
	char text[TRACEPARENT_TEXT + 1];

	border_trace(&x->decided.origin, BORDER_RECIPIENT, &t);
	traceparent_print(&t, text);
	buf_addf(&x->written.members, ",\"traceparent\":\"%s\"", text);
}

/* What the recipient's system is told beside the record, as JSON members. */
static void inbox_members(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct buf *b = &x->written.members;
	char text[UUID_TEXT + 1];
	int64_t until = duration_add(release_ms(x), &d->decision.copy);

	buf_adds(b, "\"agreement\":");
	buf_add_json_string(b, agreement_id(d->agreement));
	add_text_member(b, "version", agreement_version(d->agreement));
	add_text_member(b, "provider", view_of(d->asked.peer->agency));
	add_text_member(b, "purpose", d->envelope.purpose);
	add_text_member(b, "legal_basis", d->envelope.legal_basis);
	add_text_member(b, "tier", d->envelope.tier);
	add_text_member(b, "subject_category", d->envelope.subject_category);
	add_token_member(b, "case", d->beside.case_ref);
	add_token_member(b, "reference", d->beside.reference);
	if (d->corrects.seq) {
		uuid_print(&d->corrects.id, text);
		buf_addf(b, ",\"corrects\":\"%s\",\"version\":%u", text, (unsigned)d->corrects.version);
	}
	if (until != TIME_NONE) {
		time_print(until, text);
		buf_addf(b, ",\"erase_by\":\"%s\"", text);
	}
	buf_adds(b, ",\"caveats\":");
	buf_add(b, buf_view(&x->written.caveats));
	add_token_member(b, "handling", d->beside.handling);
	add_trace(x);
}

/* What is sent, or shown, beside the record; sealed with it. */
static void fill_members(struct exchange *x)
{
	if (x->decided.kind == EXCHANGE_EGRESS)
		delivery_members(x);
	else
		inbox_members(x);
}

static enum exchange_state state_of(const struct exchange *x)
{
	const struct decided *d = &x->decided;

	switch (d->decision.outcome) {
	case OUTCOME_HELD: return STATE_HELD;
	case OUTCOME_REFUSED: return STATE_REFUSED;
	case OUTCOME_RELEASED:
	case OUTCOME_TRANSFORMED: break;
	}
	return d->kind == EXCHANGE_EGRESS ? STATE_QUEUED : STATE_READY;
}

/* Keyed digest of what was sent, for idempotency: over the whole body from systems, where it has a key by which it may come
 * again; between gateways over record and salt, because a retry carries a fresh proof of the same. */
static void body_digest(struct exchange *x, struct digest *out)
{
	struct decided *d = &x->decided;
	struct view parts[3] = { d->asked.path, d->text };
	size_t n = 2;

	if (d->kind == EXCHANGE_INGRESS && d->envelope.record) {
		parts[1] = view_make(d->envelope.origin.salt.b, sizeof d->envelope.origin.salt.b);
		parts[2] = tape_token(&d->tape, d->envelope.record);
		n = 3;
	}
	hmac_parts(x->decider->core->body_key, parts, n, out);
}

static void fill_row(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct submission *asked = &d->asked;
	struct view key = d->kind == EXCHANGE_INGRESS ? VIEW("") : d->envelope.key.n ? d->envelope.key : asked->key;

	d->row = (struct store_exchange){
		.id = d->id,
		.origin = d->origin,
		.partner = view_of(asked->peer->id),
		.key = arena_copy(&x->written.mem, key),
		.received_ms = asked->now_ms,
		.provider = view_of(asked->peer->agency),
		.state = state_of(x),
		.recipient = d->decision.recipient,
		.status = d->status,
	};
	if (d->agreement) {
		d->row.agreement = agreement_id(d->agreement);
		d->row.agreement_digest = *agreement_digest(d->agreement);
	}
	if (key.n || d->kind == EXCHANGE_INGRESS)
		body_digest(x, &d->row.body);
}

static void fill_timer(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct ruling *r = d->decision.ruling;
	int64_t payload = retention_payload_due(r, d->asked.now_ms);
	struct schedule *plan = &d->timer.plan;

	d->timer = (struct store_timer){ .kind = TIMER_ERASE, .purpose = d->decision.purpose };
	schedule_make(r, &d->decision.copy, release_ms(x), plan);
	/* A payload that outlives the copy would be one. */
	plan->payload_ms = plan->end_ms != SCHEDULE_NEVER && plan->end_ms < payload ? plan->end_ms : payload;
	schedule_next(plan, &d->timer.due_ms);
}

/* What names the case of one flow in the outbox: a digest, for the agreement may say that the case itself goes nowhere. */
static struct view series_of(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct view parts[] = { agreement_id(d->agreement), VIEW("\n"), d->decision.recipient, VIEW("\n"),
		                d->envelope.case_ref };

	sha256_parts(parts, sizeof parts / sizeof *parts, &d->series);
	return view_make(d->series.b, sizeof d->series.b);
}

/* What a later withdrawal finds it by. The recipient's gateway keeps what the first one's log says. */
static void fill_consent(struct exchange *x)
{
	static const struct digest none;
	struct decided *d = &x->decided;

	if (digest_eq(&d->decision.consent, &none))
		return;
	if (digest_eq(&d->consent_told, &none))
		consent_told(&d->random.salt, &d->decision.consent, &d->consent_told);
	d->consent = (struct store_consent){ .agreement = agreement_id(d->agreement),
		                             .purpose = d->decision.purpose,
		                             .consent = d->decision.consent,
		                             .told = d->consent_told };
}

static void fill_release(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct node *node = &d->asked.conf->node;
	int64_t now = d->asked.now_ms;

	d->keeps_payload = true;
	fill_timer(x);
	if (d->kind == EXCHANGE_EGRESS) {
		int64_t deadline = duration_add(now, &node->delivery_deadline), payload = d->timer.plan.payload_ms;
		d->delivers = true;
		d->delivery = (struct store_delivery){ .recipient = d->decision.recipient,
			                               .next_ms = now,
			                               .deadline_ms = deadline == TIME_NONE || deadline > payload
			                                                      ? payload
			                                                      : deadline };
		if (agreement_orders_cases(d->agreement) && d->envelope.case_ref.n)
			d->delivery.series = series_of(x);
	} else {
		d->receives = true;
		d->inbox = (struct store_inbox){ .exchange = d->id,
			                         .made_ms = now,
			                         .kind = d->corrects.seq ? VIEW("correction") : VIEW("record") };
	}
}

/* --- the audit entry --- */

static enum operation operation_of(const struct exchange *x)
{
	const struct decided *d = &x->decided;

	if (d->asked.dry_run)
		return OPERATION_VALIDATION;
	switch (d->decision.outcome) {
	case OUTCOME_HELD: return OPERATION_HOLD;
	case OUTCOME_REFUSED: return OPERATION_REFUSAL;
	case OUTCOME_RELEASED:
	case OUTCOME_TRANSFORMED: break;
	}
	return d->kind == EXCHANGE_EGRESS ? OPERATION_DISCLOSURE : OPERATION_COLLECTION;
}

static void disclose(struct exchange *x, unsigned k, const char *name, struct view value)
{
	if (value.n)
		disclosures_add(&x->written.sd, x->decided.random.disclosures[k], view_of(name), value);
}

/* Of what the envelope states. */
static void disclose_stated(struct exchange *x, unsigned k, const char *name, struct view value)
{
	if (value.n)
		disclosures_nest(&x->written.sd, x->decided.random.disclosures[k], view_of(name), value);
}

static void disclose_string(struct exchange *x, unsigned k, const char *name, struct view value)
{
	struct buf *b = &x->decider->scratch->proof;

	if (value.n == 0)
		return;
	buf_reset(b);
	buf_add_json_string(b, value);
	disclose_stated(x, k, name, buf_view(b));
}

/* Ends the sender's delivery: the leaf names its exchange and the digest of what left there. */
static bool is_final_refusal(const struct exchange *x)
{
	const struct decided *d = &x->decided;

	return d->kind == EXCHANGE_INGRESS && d->decision.outcome == OUTCOME_REFUSED && d->final;
}

/* What a review needs of what left, or waits: who approved, why it was necessary, why each field, by whose consent. */
static void disclose_grounds(struct exchange *x)
{
	const struct decided *d = &x->decided;
	const struct envelope *e = &d->envelope;
	const struct tape *t = &d->tape;
	const struct {
		const char *name;
		uint32_t node;
	} grounds[] = {
		{ "approvals", e->approvals },
		{ "necessity", e->necessity },
		{ "justifications", e->justifications },
		{ "consent", e->consent ? tape_member(t, e->consent, VIEW("reference")) : 0 },
	};

	for (unsigned i = 0; i < sizeof grounds / sizeof grounds[0]; i++)
		if (grounds[i].node)
			disclose_stated(x, DISCLOSED_GROUNDS + i, grounds[i].name, tape_token(t, grounds[i].node));
}

static void disclose_decision(struct exchange *x)
{
	const struct decided *d = &x->decided;
	struct scratch *s = x->decider->scratch;
	struct shape_use use;

	buf_reset(&s->text);
	if (exchange_is_release(x) && exchange_take_shape(x, &use))
		decision_json_shaped(&d->decision, s->transform_run, &use, &s->text);
	else
		decision_json(&d->decision, &d->tape, d->envelope.record,
		              exchange_is_release(x) ? s->transform_run : NULL, &s->text);
	disclose(x, 0, "decision", buf_view(&s->text));
}

static void fill_entry(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct submission *asked = &d->asked;
	enum reason reason = exchange_reason(x);
	struct buf checked = BUF_INIT(64);
	struct entry e = { .operation = operation_of(x),
		           .time_ms = asked->now_ms,
		           .exchange = d->id,
		           .peer = view_of(asked->peer->id),
		           .recipient = d->decision.recipient,
		           .outcome = view_of(outcome_name(d->decision.outcome)),
		           .input = d->input,
		           .corrects = d->corrects.id,
		           .build = view_of(x->decider->core->build) };

	memcpy(e.random, d->random.leaf, sizeof e.random);
	memcpy(e.seed, d->random.decoys, sizeof e.seed);
	/* Of a record that does not leave nothing is named but what came. */
	if (d->decision.outcome != OUTCOME_REFUSED) {
		e.output = d->output;
		e.caveats = d->caveats;
	}
	if (reason != REASON_NONE)
		e.reason = view_of(reason_coarse(reason));
	if (exchange_is_release(x)) {
		e.form = CANONICAL_FORM;
		fill_consent(x);
		e.consent = d->consent.told;
	}
	e.envelope = d->members;
	if (exchange_is_release(x) && d->kind != EXCHANGE_INGRESS)
		checked_print(d->decision.checked, &checked);
	e.checked = buf_view(&checked);
	e.final = is_final_refusal(x);
	if (d->kind == EXCHANGE_INGRESS)
		e.origin = d->origin;
	if (d->agreement) {
		e.agreement = agreement_id(d->agreement);
		e.agreement_digest = *agreement_digest(d->agreement);
	}
	/* Only values that the agreement knows enter the leaf: a refused one is the sender's text. */
	if (d->decision.ruling) {
		e.purpose = d->envelope.purpose;
		e.legal_basis = d->envelope.legal_basis;
		e.tier = d->envelope.tier;
		if (d->decision.outcome != OUTCOME_REFUSED)
			e.exception = d->decision.exception;
	}
	disclose_decision(x);
	disclose_string(x, 1, "case", d->envelope.case_ref);
	disclose_string(x, 2, "reference", d->envelope.reference);
	if (d->envelope.officer)
		disclose_stated(x, 3, "officer", tape_token(&d->tape, d->envelope.officer));
	if (d->decision.outcome != OUTCOME_REFUSED) {
		disclose_grounds(x);
		disclose(x, DISCLOSED_CAVEATS, "caveats", buf_view(&x->written.caveats));
	}
	disclosures_group(&x->written.sd, d->random.disclosures[DISCLOSED_STATED]);
	entry_print(&e, &x->written.sd, &x->written.leaf);
	x->written.leaf.failed = x->written.leaf.failed || checked.failed;
	buf_free(&checked);
}

/* --- the answer --- */

struct values {
	struct buf *out;
	const char *before; /* of the first */
	const char *between;
	bool quoted, any;
};

static void add_value(void *arg, struct view value)
{
	struct values *v = arg;

	buf_adds(v->out, v->any ? v->between : v->before);
	v->any = true;
	if (v->quoted)
		buf_add_json_string(v->out, value);
	else
		buf_add(v->out, value);
}

/* What the agreement lists where the record failed: to a system of one of its parties, which may read all of it. Between gateways
 * it is nobody's to choose. */
static bool add_allowed(const struct exchange *x, const struct failed *f, struct values *v)
{
	const struct decided *d = &x->decided;

	if (d->kind != EXCHANGE_INGRESS && d->decision.outcome == OUTCOME_REFUSED)
		allowed_values(&d->decision, f, view_of(d->asked.peer->agency), add_value, v);
	return v->any;
}

/* Where the main rule failed, what to do, and what may stand there. */
static void open_problem(const struct exchange *x, enum reason reason, struct buf *b)
{
	const struct decision *d = &x->decided.decision;
	struct buf detail = BUF_INIT(DETAIL_MAX);
	struct values v = { .out = &detail, .before = " The agreement lists: ", .between = ", " };

	if (d->n_failed && d->failed[0].pointer[0])
		buf_addf(&detail, "%s: ", d->failed[0].pointer);
	buf_adds(&detail, reason_remedy(reason));
	if (d->n_failed && add_allowed(x, &d->failed[0], &v))
		buf_addc(&detail, '.');
	buf_addc(&detail, 0);
	problem_open_at(b, reason, detail.failed ? NULL : detail.p);
	buf_free(&detail);
}

static void add_errors(struct exchange *x, struct buf *b)
{
	struct decided *d = &x->decided;

	buf_adds(b, ",\"errors\":[");
	for (size_t i = 0; i < d->decision.n_failed; i++) {
		const struct failed *f = &d->decision.failed[i];
		/* What it waits for is told: somebody has to see to it. */
		enum reason told = d->decision.outcome == OUTCOME_HELD ? f->reason : reason_for_peer(f->reason);
		buf_adds(b, i ? ",{\"pointer\":" : "{\"pointer\":");
		buf_add_json_string(b, view_of(told == f->reason ? f->pointer : ""));
		buf_adds(b, ",\"keyword\":");
		buf_add_json_string(b, view_of(told == f->reason ? f->clause : ""));
		buf_addf(b, ",\"code\":\"%s\"", reason_slug(told));
		struct values v = { .out = b, .before = ",\"allowed\":[", .between = ",", .quoted = true };
		if (told == f->reason && add_allowed(x, f, &v))
			buf_addc(b, ']');
		buf_addc(b, '}');
	}
	buf_addc(b, ']');
}

/* Whether the answer stands. The gateway's own failure is no decision; and a partner's gateway that delivers something
 * unproved, or what people at one of the two sides can still mend, holds it and tries again. */
static bool is_decided(const struct exchange *x)
{
	const struct decided *d = &x->decided;

	if (d->status >= 500)
		return false;
	return d->kind != EXCHANGE_INGRESS || d->decision.outcome != OUTCOME_REFUSED ||
	       (d->proved && !reason_is_mendable(exchange_reason(x)));
}

static void fill_answer(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct decision *made = &d->decision;
	struct buf *b = &x->written.answer;
	enum reason reason = exchange_reason(x);
	char id[UUID_TEXT + 1];

	uuid_print(&d->id, id);
	if (made->outcome == OUTCOME_REFUSED) {
		open_problem(x, reason, b);
		d->status = reason_status(reason_for_peer(reason));
	} else {
		d->status = made->outcome == OUTCOME_HELD ? 202 : d->asked.dry_run ? 200 : 201;
		buf_addf(b, "{\"status\":%d", d->status);
	}
	d->final = is_decided(x);
	buf_addf(b, ",\"exchange\":\"%s\",\"outcome\":\"%s\"", id, outcome_name(made->outcome));
	if (d->agreement) {
		add_text_member(b, "agreement", agreement_id(d->agreement));
		buf_adds(b, ",\"agreement_digest\":\"");
		digest_print(b, agreement_digest(d->agreement));
		buf_addc(b, '"');
	}
	if (exchange_is_release(x)) {
		add_text_member(b, "recipient", made->recipient);
		buf_addf(b, ",\"released\":%u,\"transformed\":%u,\"dropped\":%u", made->released, made->transformed,
		         made->dropped);
	} else {
		if (d->kind == EXCHANGE_INGRESS && made->outcome == OUTCOME_REFUSED)
			buf_adds(b, d->final ? ",\"final\":true" : ",\"final\":false");
		if (made->outcome == OUTCOME_HELD && made->lacking)
			buf_addf(b, ",\"approvals_lacking\":%u", (unsigned)made->lacking);
		add_errors(x, b);
	}
}

/* Nothing leaves, for one reason of the gateway's own. */
static void refuse_all(struct exchange *x, enum reason reason)
{
	struct decided *d = &x->decided;
	struct written *w = &x->written;

	buf_reset(&w->sealed);
	buf_reset(&w->answer);
	buf_reset(&w->leaf);
	buf_reset(&w->members);
	disclosures_reset(&w->sd);
	exchange_settle_shape(x, false);
	d->members = (struct digest){ { 0 } };
	d->keeps_payload = d->delivers = d->receives = false;
	d->decision.n_failed = 0;
	decision_fail(&d->decision, reason, "", "");
	d->decision.outcome = OUTCOME_REFUSED;
}

/* Rows, entry and answer of the decision as it stands. */
static void fill(struct exchange *x)
{
	struct decided *d = &x->decided;
	bool keeps = d->decision.outcome != OUTCOME_REFUSED && !d->asked.dry_run;

	if (keeps && exchange_is_release(x))
		fill_members(x);
	if (keeps && !seal(x)) {
		refuse_all(x, REASON_CRYPTO);
		keeps = false;
	}
	fill_answer(x);
	if (keeps && exchange_is_release(x))
		fill_release(x); /* before the entry, which has the digest of what goes with the record */
	fill_entry(x);
	fill_row(x);
	if (keeps && !exchange_is_release(x)) {
		d->keeps_payload = true;
		d->timer = (struct store_timer){ .kind = TIMER_ERASE,
			                         .due_ms = d->asked.now_ms + HELD_MS,
			                         .plan.payload_ms = d->asked.now_ms + HELD_MS };
	}
}

static bool filled(const struct exchange *x)
{
	const struct written *w = &x->written;

	return !w->answer.failed && !w->leaf.failed && !w->members.failed && !w->sd.packed.failed &&
	       !w->sd.text.failed && !x->decider->scratch->text.failed;
}

bool exchange_prepare(struct exchange *x)
{
	if (!x->decided.drawn)
		return false;
	fill(x);
	if (!filled(x)) {
		/* What has to be written of it is larger than any row: that will not change when it is sent again. */
		refuse_all(x, REASON_LIMIT);
		fill(x);
	}
	if (x->decided.asked.dry_run || !exchange_is_release(x)) {
		quota_settle(&x->reserved.quota, false);
		surrogates_settle(&x->reserved.surrogates);
	}
	return filled(x);
}
