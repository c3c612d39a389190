/* One record, top to bottom: the page to read. Each step answers true or leaves its reason in the exchange;
 * the first that fails ends the questions, and what was decided is written and answered all the same. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/exchange/ingress_private.h"
#include "gatewayd/core/copy/overdue.h"
#include "lib/base/encode.h"
#include "gatewayd/os/log.h"
#include "lib/policy/decision.h"

static bool fail(struct exchange *x, enum reason reason, const char *where, const char *text)
{
	return error_at(&x->error, reason, where, 0, 0, "%s", text);
}

/* Who are you? The router has found the partner by its certificate; here is what role it may play. */
static bool identify(struct exchange *x)
{
	const struct partner *p = x->request->peer;

	if (p->roles & ROLE(GATEWAY))
		x->kind = EXCHANGE_INGRESS;
	else if (view_is(view_of(p->agency), x->request->conf->node.agency))
		x->kind = EXCHANGE_EGRESS;
	else
		x->kind = EXCHANGE_SINGLE;
	return true;
}

/* The envelope, indexed on its own bytes. */
static bool read_envelope(struct exchange *x)
{
	struct scratch *s = &x->worker->scratch;

	if (!tape_parse(s->envelope, x->text, &x->tape, &x->error))
		return false;
	buf_reset(&s->text);
	if (!envelope_read(x->worker->core->envelope_schema, s->schema_run, &x->tape, &s->text, &x->envelope,
	                   &x->error))
		return false;
	if (x->envelope.from_gateway != (x->kind == EXCHANGE_INGRESS))
		return fail(x, REASON_ENVELOPE_INVALID, "/origin",
		            x->envelope.from_gateway ? "only a partner's gateway sends an origin"
		                                     : "a gateway must send its origin");
	return true;
}

/* Which signed instrument covers this? The last part of the path names it. */
static bool find_agreement(struct exchange *x)
{
	struct request *r = x->request;
	struct view id = view_from(r->path, strlen("/v1/agreements/"));

	id = view_cut(&id, '/');
	if (x->kind == EXCHANGE_INGRESS)
		return ingress_agreement(x, id);
	x->agreement = conf_agreement(r->conf, id, NULL, r->now_ms);
	if (!x->agreement || !agreement_has_party(x->agreement, view_of(r->peer->agency))) {
		x->agreement = NULL;
		return fail(x, REASON_AGREEMENT_UNKNOWN, "", "no agreement of that name with this partner");
	}
	return true;
}

/* SHA-256(salt || record), over the record's exact bytes. */
static void salted_digest(const struct salt *salt, struct view record, struct digest *out)
{
	struct view parts[] = { view_make(salt->b, sizeof salt->b), record };

	sha256_parts(parts, 2, out);
}

/* What came, and, from a gateway, the proof that it is what the sender's log says left. */
static bool check_origin(struct exchange *x)
{
	struct view record = tape_token(&x->tape, x->envelope.record);

	if (x->kind == EXCHANGE_INGRESS) {
		salted_digest(&x->envelope.origin.salt, record, &x->input);
		return ingress_verify(x);
	}
	salted_digest(&x->random.input_salt, record, &x->input);
	return true;
}

struct lookup {
	const struct conf *conf;
	const struct exchange *exchange;
};

static bool find_officer(void *arg, const struct digest *spki, struct view *cert_der, int64_t *training_until_ms)
{
	return conf_officer(((struct lookup *)arg)->conf, VIEW(""), spki, cert_der, training_until_ms);
}

static bool consent_withdrawn(void *arg, struct view reference)
{
	const struct lookup *l = arg;

	return conf_consent_withdrawn(l->conf, l->exchange->agreement, reference, l->exchange->envelope.purpose);
}

/* How often was it used already? What a gateway delivers was released when its log says so. */
static bool reserve(struct exchange *x)
{
	struct request *r = x->request;
	bool ingress = x->kind == EXCHANGE_INGRESS;
	int64_t told = x->origin_ms > r->now_ms - QUOTA_LATE_MS ? x->origin_ms : r->now_ms - QUOTA_LATE_MS;
	struct quota_claim claim = { .provider = view_of(r->peer->agency),
		                     .source = { agreement_id(x->agreement), agreement_text(x->agreement),
		                                 *agreement_digest(x->agreement) },
		                     .tier = x->envelope.tier,
		                     .exception = x->envelope.exception,
		                     .reported = ingress,
		                     .look = x->dry_run,
		                     .at_ms = ingress && told < r->now_ms ? told : r->now_ms };

	/* A record of a batch may be decided twice; it is reserved once. */
	if (x->quota.quotas)
		return true;
	return quota_reserve(x->worker->core->quotas, &claim, x->worker->reader, &x->quota, &x->error);
}

/* Does the recipient owe receipts, and does the agreement stop new records for that? The sender's side asks. */
static bool owes_receipts(const struct exchange *x)
{
	struct view recipient = agreement_recipient(x->agreement, view_of(x->request->peer->agency));

	return x->kind != EXCHANGE_INGRESS && overdue_blocks(x->worker->core, agreement_id(x->agreement), recipient);
}

/* May it? Purpose, legal basis, tier, case, necessity, exceptions, approvals, quotas, dates. */
static bool authorise(struct exchange *x)
{
	struct request *r = x->request;
	struct lookup lookup = { .conf = r->conf, .exchange = x };
	const struct signed_document *withdrawals = conf_withdrawals(r->conf, x->agreement),
	                             *training = conf_training(r->conf);
	struct facts facts = { .now_ms = r->now_ms,
		               .self = view_of(r->conf->node.agency),
		               .agency = view_of(r->peer->agency),
		               .gateway = x->kind == EXCHANGE_INGRESS,
		               .input = x->input,
		               .receipt_overdue = owes_receipts(x),
		               .tier_uses = x->quota.uses[0],
		               .exception_uses = x->quota.uses[1],
		               .build = view_of(x->worker->core->build),
		               .arg = &lookup,
		               .officer = find_officer,
		               .consent_withdrawn = consent_withdrawn,
		               .consent_unknown = conf_consent_unknown(r->conf, x->agreement, r->now_ms),
		               .withdrawals = withdrawals ? &withdrawals->digest : NULL,
		               .training = training && x->kind != EXCHANGE_INGRESS ? &training->digest : NULL };

	return decision_authorise(&x->decision, x->agreement, &facts, &x->envelope, &x->tape);
}

struct fault_sink {
	struct exchange *x;
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
	decision_fail(&s->x->decision, s->reason, clause, pointer);
	return s->x->decision.n_failed < DECISION_REASONS;
}

/* Runs a schema over a record and notes every fault in the decision. */
static bool check_schema(struct exchange *x, const struct schema *schema, const struct tape *t, uint32_t node,
                         enum reason reason)
{
	struct scratch *s = &x->worker->scratch;
	struct fault_sink sink = { .x = x, .reason = reason };

	switch (schema_check(schema, s->schema_run, t, node)) {
	case SCHEMA_VALID: return true;
	case SCHEMA_INVALID: schema_explain(schema, s->schema_run, t, node, add_fault, &sink); break;
	case SCHEMA_LIMIT: reason = REASON_LIMIT; break;
	}
	if (x->decision.n_failed == 0)
		decision_fail(&x->decision, reason, "", "");
	return false;
}

/* Does it fit the standard schema? From a gateway: is it what the agreement lets through? */
static bool fits(struct exchange *x)
{
	const struct ruling *ruling = x->decision.ruling;
	struct error e = { .reason = REASON_NONE };

	if (x->kind != EXCHANGE_INGRESS)
		return check_schema(x, ruling->input, &x->tape, x->envelope.record, REASON_SCHEMA_VIOLATION);
	if (!check_schema(x, ruling->output, &x->tape, x->envelope.record, REASON_OUTPUT_VIOLATION))
		return false;
	if (!program_check_output(ruling->shared, &x->tape, x->envelope.record, &e)) {
		decision_fail(&x->decision, REASON_OUTPUT_VIOLATION, e.text, e.where);
		return false;
	}
	return true;
}

/* Which fields may pass, in what form? The record that leaves is written into the worker's scratch. */
static bool transform(struct exchange *x)
{
	struct scratch *s = &x->worker->scratch;
	struct surrogate_search search = { x->worker->core->surrogates, x->agreement, x->worker->reader,
		                           &x->surrogates };
	const struct surrogate_table surrogates = { &search, surrogates_find };
	struct transform_input in = { .tape = &x->tape,
		                      .record = x->envelope.record,
		                      .subject = x->envelope.reference,
		                      .surrogates = &surrogates,
		                      .batch = x->batch,
		                      .suppressed = x->suppressed };
	struct error e = { .reason = REASON_NONE };

	if (x->rare) {
		snprintf(e.text, sizeof e.text, "rule %s, k-guard: too few records of the batch are alike", x->rare);
		decision_fail(&x->decision, REASON_GROUP_TOO_SMALL, e.text, "");
		return false;
	}

	memcpy(in.random, x->random.seed, sizeof in.random);
	buf_reset(&s->record);
	if (!program_run(x->decision.ruling->program, s->transform_run, &in, &s->record, &e) || s->record.failed) {
		decision_fail(&x->decision, e.reason ? e.reason : REASON_NO_MEMORY, e.text, e.where);
		return false;
	}
	return true;
}

/* Is what leaves what the agreement lets through? Checked on the bytes that leave. */
static bool check_output(struct exchange *x)
{
	struct scratch *s = &x->worker->scratch;
	struct error e = { .reason = REASON_NONE };
	struct tape out;

	if (!decision_conclude(&x->decision, &x->envelope, &x->tape, s->transform_run))
		return false;
	if (!tape_parse(s->output, buf_view(&s->record), &out, &e)) {
		/* In its one form it may exceed what a reader takes; anything else would be this build's fault. */
		decision_fail(&x->decision, e.reason == REASON_LIMIT ? REASON_LIMIT : REASON_INTERNAL,
		              e.reason == REASON_LIMIT ? e.text : "the output is not JSON", "");
		return false;
	}
	if (x->kind != EXCHANGE_INGRESS &&
	    !check_schema(x, x->decision.ruling->output, &out, 0, REASON_OUTPUT_VIOLATION))
		return false;
	salted_digest(&x->random.salt, buf_view(&s->record), &x->output);
	return true;
}

/* A person has approved what the gateway would have held. */
static bool take_approval(struct exchange *x)
{
	struct decision *d = &x->decision;

	if (x->approved && d->outcome == OUTCOME_HELD) {
		d->n_failed = 0;
		d->outcome = d->transformed || d->dropped ? OUTCOME_TRANSFORMED : OUTCOME_RELEASED;
	}
	return true;
}

/* A step before the decision failed: its reason becomes the decision's. */
static void take_error(struct exchange *x)
{
	if (x->error.reason == REASON_NONE)
		return;
	decision_fail(&x->decision, x->error.reason, x->error.text, x->error.where);
	/* The sender keeps what it sent and tries again after the two sides agree. */
	if (x->error.reason == REASON_AGREEMENT_MISMATCH)
		x->final = false;
}

bool exchange_decide(struct exchange *x)
{
	/* clang-format off */
	bool passes = identify(x)
		&& read_envelope(x)
		&& find_agreement(x)
		&& check_origin(x)
		&& reserve(x)
		&& authorise(x)
		&& exchange_follow(x)
		&& fits(x)
		&& transform(x)
		&& check_output(x)
		&& take_approval(x);
	/* clang-format on */

	if (!passes) {
		take_error(x);
		x->decision.outcome = OUTCOME_REFUSED;
	}
	return passes;
}

struct exchange *exchange_begin(struct request *r, unsigned line, struct view text, bool dry_run)
{
	struct exchange *x = exchange_take(r, line);

	if (!x || !random_bytes(&x->random, sizeof x->random)) {
		log_line("error", "exchange: %s", x ? "no random bytes" : "memory ran out");
		if (x)
			exchange_recycle(x);
		return NULL;
	}
	x->text = text;
	x->dry_run = dry_run;
	x->decision.now_ms = r->now_ms;
	x->id = x->origin = uuid_v7(r->now_ms, x->random.id);
	return x;
}

void exchange_start(struct request *r, unsigned line, struct view text, bool dry_run)
{
	struct exchange *x = exchange_begin(r, line, text, dry_run);

	if (!x) {
		exchange_lost(r);
		return;
	}
	exchange_decide(x);
	exchange_submit(x);
}

enum reason exchange_reason(const struct exchange *x)
{
	if (x->decision.outcome == OUTCOME_HELD)
		return REASON_WAITING_DECISION;
	if (x->decision.n_failed == 0)
		return x->decision.outcome == OUTCOME_REFUSED ? REASON_INTERNAL : REASON_NONE;
	return x->decision.failed[0].reason;
}
