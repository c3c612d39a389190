/* One record, top to bottom: the page to read. Each step answers true or leaves its reason in the exchange;
 * the first that fails ends the questions, and what was decided is written and answered all the same. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/exchange/approvals.h"
#include "gatewayd/core/exchange/ingress_private.h"
#include "gatewayd/core/copy/overdue.h"
#include "lib/base/encode.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "lib/policy/decision.h"

static bool fail(struct exchange *x, enum reason reason, const char *where, const char *text)
{
	return error_at(&x->decided.error, reason, where, 0, 0, "%s", text);
}

/* Who are you? The router has found the partner by its certificate; here is what role it may play. */
static bool identify(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct partner *p = d->asked.peer;

	if (p->roles & ROLE(GATEWAY))
		d->kind = EXCHANGE_INGRESS;
	else if (view_is(view_of(p->agency), d->asked.conf->node.agency))
		d->kind = EXCHANGE_EGRESS;
	else
		d->kind = EXCHANGE_SINGLE;
	return true;
}

/* The envelope, indexed on its own bytes. */
static bool read_envelope(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct scratch *s = x->decider->scratch;

	if (!tape_parse(s->envelope, d->text, &d->tape, &d->error))
		return false;
	buf_reset(&s->text);
	if (!envelope_read(x->decider->core->envelope_schema, s->schema_run, &d->tape, &s->text, &d->envelope,
	                   &d->error))
		return false;
	if (d->envelope.from_gateway != (d->kind == EXCHANGE_INGRESS))
		return fail(x, REASON_ENVELOPE_INVALID, "/origin",
		            d->envelope.from_gateway ? "only a partner's gateway sends an origin"
		                                     : "a gateway must send its origin");
	return true;
}

struct view submission_agreement(const struct submission *s)
{
	struct view rest = view_from(s->path, strlen("/v1/agreements/"));

	return view_cut(&rest, '/');
}

/* Which signed instrument covers this? The path names it. */
static bool find_agreement(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct submission *asked = &d->asked;
	struct view id = submission_agreement(asked);

	if (d->kind == EXCHANGE_INGRESS)
		return ingress_agreement(x, id);
	d->agreement = conf_agreement(asked->conf, id, NULL, asked->now_ms);
	if (!d->agreement || !agreement_has_party(d->agreement, view_of(asked->peer->agency))) {
		d->agreement = NULL;
		return fail(x, REASON_AGREEMENT_UNKNOWN, "", "no agreement of that name with this partner");
	}
	return true;
}

void exchange_salted(const struct salt *salt, struct view bytes, struct digest *out)
{
	struct view parts[] = { view_make(salt->b, sizeof salt->b), bytes };

	sha256_parts(parts, 2, out);
}

/* What came, and, from a gateway, the proof that it is what the sender's log says left. */
static bool check_origin(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct view record = tape_token(&d->tape, d->envelope.record);

	if (d->kind == EXCHANGE_INGRESS) {
		exchange_salted(&d->envelope.origin.salt, record, &d->input);
		return ingress_verify(x);
	}
	exchange_salted(&d->random.input_salt, record, &d->input);
	return true;
}

struct lookup {
	const struct conf *conf;
	struct store *reader;
};

static bool find_officer(void *arg, const struct digest *spki, struct officer_found *out)
{
	return conf_officer(((struct lookup *)arg)->conf, VIEW(""), spki, out);
}

static bool approval_used(void *arg, const struct digest *statement)
{
	return approvals_used(((struct lookup *)arg)->reader, statement);
}

/* How often was it used already? What a gateway delivers was released when its log says so. */
static bool reserve(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct submission *asked = &d->asked;
	bool ingress = d->kind == EXCHANGE_INGRESS;
	int64_t told = d->origin_ms > asked->now_ms - QUOTA_LATE_MS ? d->origin_ms : asked->now_ms - QUOTA_LATE_MS;
	struct quota_claim claim = { .provider = view_of(asked->peer->agency),
		                     .source = { agreement_id(d->agreement), agreement_text(d->agreement),
		                                 *agreement_digest(d->agreement) },
		                     .tier = d->envelope.tier,
		                     .exception = d->envelope.exception,
		                     .reported = ingress,
		                     .look = asked->dry_run,
		                     .at_ms = ingress && told < asked->now_ms ? told : asked->now_ms };

	/* A record of a batch may be decided twice; it is reserved once. */
	if (x->reserved.quota.quotas)
		return true;
	return quota_reserve(x->decider->core->quotas, &claim, x->decider->reader, &x->reserved.quota, &d->error);
}

/* Does the recipient owe receipts, and does the agreement stop new records for that? The sender's side asks. */
static bool owes_receipts(const struct exchange *x)
{
	const struct decided *d = &x->decided;
	struct view recipient = agreement_recipient(d->agreement, view_of(d->asked.peer->agency));

	return d->kind != EXCHANGE_INGRESS && overdue_blocks(x->decider->core, agreement_id(d->agreement), recipient);
}

/* May it? Purpose, legal basis, tier, case, necessity, exceptions, approvals, quotas, dates. */
static bool authorise(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct submission *asked = &d->asked;
	static const struct digest none;
	struct lookup lookup = { .conf = asked->conf, .reader = x->decider->reader };
	const struct signed_document *training = conf_training(asked->conf);
	size_t n_acts;
	const struct act_effect *acts = stops_of(x->stops, agreement_id(d->agreement), &n_acts);
	struct facts facts = { .now_ms = asked->now_ms,
		               .self = view_of(asked->conf->node.agency),
		               .agency = view_of(asked->peer->agency),
		               .gateway = d->kind == EXCHANGE_INGRESS,
		               .checked = d->checked,
		               .input = d->input,
		               .acts = acts,
		               .n_acts = n_acts,
		               .exchange = d->origin,
		               .receipt_overdue = owes_receipts(x),
		               .tier_uses = x->reserved.quota.uses[0],
		               .exception_uses = x->reserved.quota.uses[1],
		               .build = view_of(x->decider->core->build),
		               .arg = &lookup,
		               .officer = find_officer,
		               .approval_used = approval_used,
		               .epoch_ms = x->decider->core->approvals_from_ms,
		               .withdrawals = conf_withdrawals(asked->conf, d->agreement),
		               .given = conf_given(asked->conf, d->agreement),
		               .consent_unknown = conf_consent_unknown(asked->conf, d->agreement, asked->now_ms),
		               .inherited = d->onward.known ? &d->onward.caveats : NULL,
		               .consent = digest_eq(&d->consent_told, &none) ? NULL : &d->envelope.origin.consent,
		               .training = training && d->kind != EXCHANGE_INGRESS ? &training->digest : NULL };

	return decision_authorise(&d->decision, d->agreement, &facts, &d->envelope, &d->tape);
}

struct fault_sink {
	struct decision *decision;
	enum reason reason;
};

static bool add_fault(void *arg, const struct schema_fault *f)
{
	struct fault_sink *s = arg;
	char clause[96], pointer[200];

	snprintf(clause, sizeof clause, "%.*s", VIEW_ARG(f->keyword));
	snprintf(pointer, sizeof pointer, "%.*s", VIEW_ARG(f->pointer));
	/* A name that was cut within a character would spoil the answer. */
	pointer[utf8_valid(view_of(pointer))] = 0;
	decision_fail(s->decision, s->reason, clause, pointer);
	return s->decision->n_failed < DECISION_REASONS;
}

/* Runs a schema over a record and notes every fault in the decision. */
static bool check_schema(struct exchange *x, const struct schema *schema, const struct tape *t, uint32_t node,
                         enum reason reason)
{
	struct scratch *s = x->decider->scratch;
	struct fault_sink sink = { .decision = &x->decided.decision, .reason = reason };

	switch (schema_check(schema, s->schema_run, t, node)) {
	case SCHEMA_VALID: return true;
	case SCHEMA_INVALID: schema_explain(schema, s->schema_run, t, node, add_fault, &sink); break;
	case SCHEMA_LIMIT: reason = REASON_LIMIT; break;
	}
	if (x->decided.decision.n_failed == 0)
		decision_fail(&x->decided.decision, reason, "", "");
	return false;
}

/* Does it fit the standard schema? From a gateway: is it what the agreement lets through? */
static bool fits(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct ruling *ruling = d->decision.ruling;
	struct error e = { .reason = REASON_NONE };

	if (d->kind != EXCHANGE_INGRESS)
		return check_schema(x, ruling->input, &d->tape, d->envelope.record, REASON_SCHEMA_VIOLATION);
	if (!check_schema(x, ruling->output, &d->tape, d->envelope.record, REASON_OUTPUT_VIOLATION))
		return false;
	if (!program_check_output(ruling->shared, &d->tape, d->envelope.record, &e)) {
		decision_fail(&d->decision, REASON_OUTPUT_VIOLATION, e.text, e.where);
		return false;
	}
	return true;
}

/* What of the envelope may go with it? Before the record is transformed, for one trace is kept, the record's. */
static bool take_beside(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct scratch *s = x->decider->scratch;
	const struct beside_tools tools = { .parser = s->output,
		                            .run = s->schema_run,
		                            .transform = s->transform_run,
		                            .order = &s->order,
		                            .text = &s->beside };

	return beside_take(&d->decision, &d->envelope, &d->tape, &tools, &d->beside);
}

/* Which fields may pass, in what form? The record that leaves is written into the decider's scratch. */
static bool transform(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct scratch *s = x->decider->scratch;
	struct surrogate_search search = { x->decider->core->surrogates, d->agreement, x->decider->reader,
		                           &x->reserved.surrogates };
	const struct surrogate_table surrogates = { &search, surrogates_find };
	struct transform_input in = { .tape = &d->tape,
		                      .record = d->envelope.record,
		                      .subject = d->envelope.reference,
		                      .surrogates = &surrogates,
		                      .batch = d->asked.batch,
		                      .suppressed = d->asked.suppressed };
	struct error e = { .reason = REASON_NONE };

	if (d->asked.rare) {
		snprintf(e.text, sizeof e.text, "rule %s, k-guard: too few records of the batch are alike",
		         d->asked.rare);
		decision_fail(&d->decision, REASON_GROUP_TOO_SMALL, e.text, "");
		return false;
	}

	memcpy(in.random, d->random.seed, sizeof in.random);
	buf_reset(&s->record);
	if (!program_run(d->decision.ruling->program, s->transform_run, &in, &s->record, &e) || s->record.failed) {
		decision_fail(&d->decision, e.reason ? e.reason : REASON_NO_MEMORY, e.text, e.where);
		return false;
	}
	return true;
}

/* Is what leaves what the agreement lets through? Checked on the bytes that leave. */
static bool check_output(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct scratch *s = x->decider->scratch;
	struct error e = { .reason = REASON_NONE };
	struct tape out;

	if (!decision_conclude(&d->decision, &d->envelope, &d->tape, s->transform_run))
		return false;
	if (!tape_parse(s->output, buf_view(&s->record), &out, &e)) {
		/* In its one form it may exceed what a reader takes; anything else would be this build's fault. */
		decision_fail(&d->decision, e.reason == REASON_LIMIT ? REASON_LIMIT : REASON_INTERNAL,
		              e.reason == REASON_LIMIT ? e.text : "the output is not JSON", "");
		return false;
	}
	if (d->kind != EXCHANGE_INGRESS &&
	    !check_schema(x, d->decision.ruling->output, &out, 0, REASON_OUTPUT_VIOLATION))
		return false;
	exchange_salted(&d->random.salt, buf_view(&s->record), &d->output);
	exchange_mark(x, &out);
	return true;
}

/* A person has approved what the gateway would have held; what others have still to approve stays held. */
static bool take_approval(struct exchange *x)
{
	struct decision *d = &x->decided.decision;

	if (x->decided.asked.approved && d->outcome == OUTCOME_HELD && d->lacking == 0) {
		d->n_failed = 0;
		d->outcome = d->transformed || d->dropped ? OUTCOME_TRANSFORMED : OUTCOME_RELEASED;
	}
	return true;
}

/* A step before the decision failed: its reason becomes the decision's. */
static void take_error(struct exchange *x)
{
	struct decided *d = &x->decided;

	if (d->error.reason == REASON_NONE)
		return;
	decision_fail(&d->decision, d->error.reason, d->error.text, d->error.where);
}

/* Ids and random bytes of this decision. */
static bool draw(struct exchange *x)
{
	struct decided *d = &x->decided;
	const struct approved *approved = d->asked.approved;

	d->drawn = random_bytes(&d->random, sizeof d->random);
	if (!d->drawn) {
		log_line("error", "exchange: no random bytes");
		return false;
	}
	d->id = d->origin = uuid_v7(d->asked.now_ms, d->random.id);
	if (approved) {
		d->id = d->origin = approved->id;
		d->random.input_salt = approved->input_salt;
	}
	return true;
}

static bool decide(struct decider *d, const struct submission *s, struct view text, struct exchange *x)
{
	if (x->decider)
		exchange_forget(x);
	x->decider = d;
	x->decided = (struct decided){ .asked = *s,
		                       .text = text,
		                       .final = true,
		                       .decision = { .outcome = OUTCOME_REFUSED, .now_ms = s->now_ms } };
	/* In this order: an act that comes between the two is in the picture, and looked for again. */
	x->generation = stops_generation(d->core);
	x->stops = stops_picture(d->core);
	if (!draw(x))
		return false;

	/* clang-format off */
	bool passes = identify(x)
		&& read_envelope(x)
		&& find_agreement(x)
		&& check_origin(x)
		&& reserve(x)
		&& exchange_inherit(x)
		&& authorise(x)
		&& exchange_follow(x)
		&& exchange_caveats(x)
		&& fits(x)
		&& take_beside(x)
		&& transform(x)
		&& check_output(x)
		&& take_approval(x);
	/* clang-format on */

	if (!passes) {
		take_error(x);
		x->decided.decision.outcome = OUTCOME_REFUSED;
	}
	return passes;
}

bool exchange_decide(struct decider *d, const struct submission *s, struct view text, struct exchange *x)
{
	int64_t start_us = instant_monotonic_us();
	bool passes = decide(d, s, text, x);

	if (d->took)
		latency_note(&d->took->decide, instant_monotonic_us() - start_us);
	return passes;
}

enum reason exchange_reason(const struct exchange *x)
{
	const struct decision *d = &x->decided.decision;

	if (d->n_failed == 0)
		return d->outcome == OUTCOME_REFUSED ? REASON_INTERNAL : REASON_NONE;
	return d->failed[0].reason;
}

bool exchange_is_release(const struct exchange *x)
{
	enum outcome o = x->decided.decision.outcome;

	return o == OUTCOME_RELEASED || o == OUTCOME_TRANSFORMED;
}
