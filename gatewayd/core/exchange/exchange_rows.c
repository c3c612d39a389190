/* What is written of a decision: rows, the sealed payload, the audit entry, the answer. See exchange.h. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/exchange/officer.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/copy/retention.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/timer.h"
#include "lib/json/splice.h"
#include "lib/policy/schedule.h"
#include "lib/tlog/entry.h"
#include "lib/policy/decision.h"

/* --- the rows --- */

bool exchange_is_release(const struct exchange *x)
{
	return x->decision.outcome == OUTCOME_RELEASED || x->decision.outcome == OUTCOME_TRANSFORMED;
}

/* Seals what is kept: the record that leaves, or, when a person has to decide, what came. */
static bool seal(struct exchange *x)
{
	struct scratch *s = &x->worker->scratch;
	struct payload_parts parts = { .key = x->random.key,
		                       .nonce = x->random.nonce,
		                       .exchange = &x->id,
		                       .salt = &x->random.salt,
		                       .input_salt = &x->random.input_salt,
		                       .record = x->decision.outcome == OUTCOME_HELD ? x->text : buf_view(&s->record) };

	return payload_seal(s->gcm, &parts, &s->proof, &x->sealed);
}

/* The envelope's members but record, origin, key, onward_of and approvals, as a JSON object, with the retention that was
 * granted. Approvals are the provider's own, and one with the officer's salt would let the recipient confirm guesses of
 * what was dropped; how the data came to the provider is its own affair, too. */
static void delivery_members(struct exchange *x)
{
	const struct tape *t = &x->tape;
	struct splice s;

	splice_start(&s, &x->members);
	splice_open(&s, '{');
	for (uint32_t k = 1; k < t->nodes[0].next; k = t->nodes[k + 1].next) {
		struct view name = tape_string(t, k);
		if (view_is(name, "record") || view_is(name, "origin") || view_is(name, "key") ||
		    view_is(name, "onward_of") || view_is(name, "approvals") || view_is(name, "retention"))
			continue;
		splice_key(&s, t, k);
		splice_copy(&s, t, k + 1);
	}
	splice_close(&s, '}');
	x->members.n--;
	buf_adds(&x->members, ",\"retention\":\"");
	duration_print(&x->members, &x->decision.copy);
	buf_adds(&x->members, "\"}");
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
	if (x->corrects.seq && x->corrects.base_ms)
		return x->corrects.base_ms;
	return x->kind == EXCHANGE_INGRESS && x->origin_ms < x->request->now_ms ? x->origin_ms : x->request->now_ms;
}

/* What the recipient's system is told beside the record, as JSON members. */
static void inbox_members(struct exchange *x)
{
	struct buf *b = &x->members;
	char text[UUID_TEXT + 1];
	int64_t until = duration_add(release_ms(x), &x->decision.copy);

	buf_adds(b, "\"agreement\":");
	buf_add_json_string(b, agreement_id(x->agreement));
	add_text_member(b, "version", agreement_version(x->agreement));
	add_text_member(b, "provider", view_of(x->request->peer->agency));
	add_text_member(b, "purpose", x->envelope.purpose);
	add_text_member(b, "legal_basis", x->envelope.legal_basis);
	add_text_member(b, "tier", x->envelope.tier);
	add_text_member(b, "subject_category", x->envelope.subject_category);
	add_text_member(b, "case", x->envelope.case_ref);
	add_text_member(b, "reference", x->envelope.reference);
	if (x->corrects.seq) {
		uuid_print(&x->corrects.id, text);
		buf_addf(b, ",\"corrects\":\"%s\",\"version\":%u", text, (unsigned)x->corrects.version);
	}
	if (until != TIME_NONE) {
		time_print(until, text);
		buf_addf(b, ",\"erase_by\":\"%s\"", text);
	}
	if (x->envelope.handling) {
		buf_adds(b, ",\"handling\":");
		buf_add(b, tape_token(&x->tape, x->envelope.handling));
	}
}

static enum exchange_state state_of(const struct exchange *x)
{
	switch (x->decision.outcome) {
	case OUTCOME_HELD: return STATE_HELD;
	case OUTCOME_REFUSED: return STATE_REFUSED;
	case OUTCOME_RELEASED:
	case OUTCOME_TRANSFORMED: break;
	}
	return x->kind == EXCHANGE_EGRESS ? STATE_QUEUED : STATE_READY;
}

/* Keyed digest of what was sent, for idempotency: over the whole body from systems; between gateways over
 * record and salt, because a retry carries a fresh proof of the same. */
static void body_digest(struct exchange *x, struct digest *out)
{
	struct view parts[3] = { x->request->path, x->text };
	size_t n = 2;

	if (x->kind == EXCHANGE_INGRESS && x->envelope.record) {
		parts[1] = view_make(x->envelope.origin.salt.b, sizeof x->envelope.origin.salt.b);
		parts[2] = tape_token(&x->tape, x->envelope.record);
		n = 3;
	}
	hmac_parts(x->worker->core->body_key, parts, n, out);
}

static void fill_row(struct exchange *x)
{
	struct request *r = x->request;
	struct view key = x->kind == EXCHANGE_INGRESS ? VIEW("") : x->envelope.key.n ? x->envelope.key : r->key;

	x->row = (struct store_exchange){
		.id = x->id,
		.origin = x->origin,
		.partner = view_of(r->peer->id),
		.key = arena_copy(&x->mem, key),
		.received_ms = r->now_ms,
		.provider = view_of(r->peer->agency),
		.state = state_of(x),
		.recipient = x->decision.recipient,
		.status = x->status,
	};
	if (x->agreement) {
		x->row.agreement = agreement_id(x->agreement);
		x->row.agreement_digest = *agreement_digest(x->agreement);
	}
	body_digest(x, &x->row.body);
}

static void fill_timer(struct exchange *x)
{
	const struct ruling *r = x->decision.ruling;
	int64_t payload = retention_payload_due(r, x->request->now_ms);
	struct schedule *plan = &x->timer.plan;

	x->timer = (struct store_timer){ .kind = TIMER_ERASE, .purpose = x->decision.purpose };
	schedule_make(r, &x->decision.copy, release_ms(x), plan);
	/* A payload that outlives the copy would be one. */
	plan->payload_ms = plan->end_ms != SCHEDULE_NEVER && plan->end_ms < payload ? plan->end_ms : payload;
	schedule_next(plan, &x->timer.due_ms);
}

static void fill_release(struct exchange *x)
{
	const struct node *node = &x->request->conf->node;
	int64_t now = x->request->now_ms;

	x->keeps_payload = true;
	fill_timer(x);
	if (x->kind == EXCHANGE_EGRESS) {
		int64_t deadline = duration_add(now, &node->delivery_deadline), payload = x->timer.plan.payload_ms;
		x->delivers = true;
		delivery_members(x);
		x->delivery = (struct store_delivery){ .recipient = x->decision.recipient,
			                               .next_ms = now,
			                               .deadline_ms = deadline == TIME_NONE || deadline > payload
			                                                      ? payload
			                                                      : deadline };
	} else {
		x->receives = true;
		inbox_members(x);
		x->inbox = (struct store_inbox){ .exchange = x->id,
			                         .made_ms = now,
			                         .kind = x->corrects.seq ? VIEW("correction") : VIEW("record") };
	}
}

/* --- the audit entry --- */

static enum operation operation_of(const struct exchange *x)
{
	if (x->dry_run)
		return OPERATION_VALIDATION;
	switch (x->decision.outcome) {
	case OUTCOME_HELD: return OPERATION_HOLD;
	case OUTCOME_REFUSED: return OPERATION_REFUSAL;
	case OUTCOME_RELEASED:
	case OUTCOME_TRANSFORMED: break;
	}
	return x->kind == EXCHANGE_EGRESS ? OPERATION_DISCLOSURE : OPERATION_COLLECTION;
}

static void disclose(struct exchange *x, unsigned k, const char *name, struct view value)
{
	if (value.n)
		disclosures_add(&x->sd, x->random.disclosures[k], view_of(name), value);
}

static void disclose_string(struct exchange *x, unsigned k, const char *name, struct view value)
{
	struct buf *b = &x->worker->scratch.proof;

	if (value.n == 0)
		return;
	buf_reset(b);
	buf_add_json_string(b, value);
	disclose(x, k, name, buf_view(b));
}

static void fill_entry(struct exchange *x)
{
	struct scratch *s = &x->worker->scratch;
	struct request *r = x->request;
	enum reason reason = exchange_reason(x);
	struct entry e = { .operation = operation_of(x),
		           .time_ms = r->now_ms,
		           .exchange = x->id,
		           .peer = view_of(r->peer->id),
		           .recipient = x->decision.recipient,
		           .outcome = view_of(outcome_name(x->decision.outcome)),
		           .input = x->input,
		           .output = x->output,
		           .corrects = x->corrects.id,
		           .build = view_of(x->worker->core->build) };

	if (reason != REASON_NONE)
		e.reason = view_of(reason_coarse(reason));
	if (x->kind == EXCHANGE_INGRESS)
		e.origin = x->origin;
	if (x->agreement) {
		e.agreement = agreement_id(x->agreement);
		e.agreement_digest = *agreement_digest(x->agreement);
	}
	/* Only values that the agreement knows enter the leaf: a refused one is the sender's text. */
	if (x->decision.ruling) {
		e.purpose = x->envelope.purpose;
		e.legal_basis = x->envelope.legal_basis;
		e.tier = x->envelope.tier;
	}
	buf_reset(&s->text);
	decision_json(&x->decision, &x->tape, x->envelope.record, exchange_is_release(x) ? s->transform_run : NULL,
	              &s->text);
	disclose(x, 0, "decision", buf_view(&s->text));
	disclose_string(x, 1, "case", x->envelope.case_ref);
	disclose_string(x, 2, "reference", x->envelope.reference);
	if (x->envelope.officer)
		disclose(x, 3, "officer", tape_token(&x->tape, x->envelope.officer));
	entry_print(&e, &x->sd, &x->leaf);
}

/* --- the answer --- */

static void add_errors(struct exchange *x, struct buf *b)
{
	buf_adds(b, ",\"errors\":[");
	for (size_t i = 0; i < x->decision.n_failed; i++) {
		const struct failed *f = &x->decision.failed[i];
		enum reason told = reason_for_peer(f->reason);
		buf_adds(b, i ? ",{\"pointer\":" : "{\"pointer\":");
		buf_add_json_string(b, view_of(told == f->reason ? f->pointer : ""));
		buf_adds(b, ",\"keyword\":");
		buf_add_json_string(b, view_of(told == f->reason ? f->clause : ""));
		buf_addf(b, ",\"code\":\"%s\"}", reason_slug(told));
	}
	buf_addc(b, ']');
}

static void fill_answer(struct exchange *x)
{
	struct buf *b = &x->answer;
	const struct decision *d = &x->decision;
	enum reason reason = exchange_reason(x);
	char id[UUID_TEXT + 1];

	uuid_print(&x->id, id);
	if (d->outcome == OUTCOME_REFUSED) {
		problem_open(b, reason);
		x->status = reason_status(reason_for_peer(reason));
	} else {
		x->status = d->outcome == OUTCOME_HELD ? 202 : x->dry_run ? 200 : 201;
		buf_addf(b, "{\"status\":%d", x->status);
	}
	buf_addf(b, ",\"exchange\":\"%s\",\"outcome\":\"%s\"", id, outcome_name(d->outcome));
	if (x->agreement) {
		add_text_member(b, "agreement", agreement_id(x->agreement));
		buf_adds(b, ",\"agreement_digest\":\"");
		digest_print(b, agreement_digest(x->agreement));
		buf_addc(b, '"');
	}
	if (exchange_is_release(x)) {
		add_text_member(b, "recipient", d->recipient);
		buf_addf(b, ",\"released\":%u,\"transformed\":%u,\"dropped\":%u", d->released, d->transformed,
		         d->dropped);
	} else {
		add_errors(x, b);
	}
}

/* Nothing leaves, for one reason of the gateway's own. */
static void refuse_all(struct exchange *x, enum reason reason)
{
	buf_reset(&x->sealed);
	buf_reset(&x->answer);
	buf_reset(&x->leaf);
	buf_reset(&x->members);
	disclosures_reset(&x->sd);
	x->keeps_payload = x->delivers = x->receives = false;
	x->decision.n_failed = 0;
	decision_fail(&x->decision, reason, "", "");
	x->decision.outcome = OUTCOME_REFUSED;
	x->output = (struct digest){ .b = { 0 } };
}

/* Rows, entry and answer of the decision as it stands. */
static void fill(struct exchange *x)
{
	bool keeps = x->decision.outcome != OUTCOME_REFUSED && !x->dry_run;

	if (keeps && !seal(x)) {
		refuse_all(x, REASON_CRYPTO);
		keeps = false;
	}
	fill_answer(x);
	fill_entry(x);
	fill_row(x);
	/* The gateway's own failure is no decision: the sender may try again. */
	if (x->status >= 500)
		x->final = false;
	if (keeps && exchange_is_release(x)) {
		fill_release(x);
	} else if (keeps) {
		x->keeps_payload = true;
		x->timer = (struct store_timer){ .kind = TIMER_ERASE,
			                         .due_ms = x->request->now_ms + HELD_MS,
			                         .plan.payload_ms = x->request->now_ms + HELD_MS };
	}
}

static bool filled(const struct exchange *x)
{
	return !x->answer.failed && !x->leaf.failed && !x->members.failed && !x->sd.packed.failed &&
	       !x->sd.text.failed && !x->worker->scratch.text.failed;
}

bool exchange_prepare(struct exchange *x)
{
	fill(x);
	if (!filled(x)) {
		/* What has to be written of it is larger than any row: that will not change when it is sent again. */
		refuse_all(x, REASON_LIMIT);
		fill(x);
	}
	if (x->dry_run || !exchange_is_release(x)) {
		quota_settle(&x->quota, false);
		surrogates_settle(&x->surrogates);
	}
	return filled(x);
}
