/* See held.h. */
#include "gatewayd/core/exchange/officer.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/copy/refuse.h"
#include "gatewayd/core/exchange/exchange.h"
#include "gatewayd/core/exchange/officer_approval_private.h"
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/audit/testimony.h"
#include "gatewayd/core/store/exchange.h"
#include "lib/schema/document.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/core/copy/copy.h"
#include "lib/tlog/entry.h"
#include "lib/policy/decision.h"

#define ENVELOPE_MAX  (20u * 1024 * 1024)
#define APPROVALS_MAX 8 /* the envelope's schema */

struct held {
	struct worker worker; /* scratch memory and reader for the steps; it has no thread and no channel */
	struct home *home;
	struct schema *approval_schema;
};

struct held *held_new(struct core *core, struct store *reader, struct home *home)
{
	struct held *h = calloc(1, sizeof *h);
	struct error e = { .reason = REASON_NONE };

	if (!h)
		return NULL;
	h->worker.core = core;
	h->worker.reader = reader;
	h->home = home;
	h->approval_schema = document_schema(VIEW("approval"), &e);
	if (!decider_new(&h->worker) || !scratch_open(&h->worker.scratch) || !h->approval_schema) {
		held_free(h);
		return NULL;
	}
	return h;
}

void held_free(struct held *h)
{
	if (!h)
		return;
	decider_free(h->worker.decider);
	scratch_close(&h->worker.scratch);
	schema_unref(h->approval_schema);
	free(h);
}

static void tell(const struct held_request *r, const char *text)
{
	struct held_result result = { .state = exchange_state_name(STATE_HELD) };

	snprintf(result.text, sizeof result.text, "%s", text);
	r->done(r->arg, &result);
}

/* The exchange, which must be held; else says so and returns false. */
static bool find_held(struct held *h, const struct held_request *r, struct store_exchange *x)
{
	struct error e = { .reason = REASON_NONE };

	if (!store_find_exchange(h->worker.reader, &r->exchange, x, &e)) {
		tell(r, e.reason == REASON_NOT_FOUND ? "no such exchange" : e.text);
		return false;
	}
	if (x->state != STATE_HELD) {
		tell(r, "the exchange is not held");
		return false;
	}
	return true;
}

struct refusal {
	struct job job; /* first */
	struct held *held;
	struct held_request asked;
	uint64_t seq;
	int64_t now_ms;
	bool still_held;
	struct testimony testimony;
};

static bool write_refusal(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct refusal *r = (struct refusal *)j;
	struct store_exchange x;

	if (!store_get_exchange(s, r->seq, &x, e))
		return false;
	r->still_held = x.state == STATE_HELD;
	if (!r->still_held)
		return true;
	struct act a = { .core = r->held->worker.core, .writer = w, .job = j, .store = s, .now_ms = r->now_ms };
	return held_end(&a, r->seq, "refused by a person", &r->testimony, e);
}

static void refusal_free(struct refusal *r)
{
	testimony_free(&r->testimony);
	free(r);
}

static void refused(struct job *j)
{
	struct refusal *r = (struct refusal *)j;
	struct held_result result = { .decided = true, .state = exchange_state_name(STATE_REFUSED) };

	if (!j->committed) {
		tell(&r->asked, j->error.text);
	} else if (!r->still_held) {
		tell(&r->asked, "the exchange is not held");
	} else {
		atomic_fetch_add_explicit(&r->held->worker.core->refused, 1, memory_order_relaxed);
		r->asked.done(r->asked.arg, &result);
	}
	writer_release(j);
	refusal_free(r);
}

void held_refuse(struct held *h, const struct held_request *asked)
{
	struct store_exchange x;
	struct refusal *r;

	if (!find_held(h, asked, &x))
		return;
	r = calloc(1, sizeof *r);
	if (!r) {
		tell(asked, "memory ran out");
		return;
	}
	r->held = h;
	r->asked = *asked;
	r->seq = x.seq;
	r->now_ms = instant_now_ms();
	testimony_init(&r->testimony);
	testimony_uid(&r->testimony, asked->uid);
	testimony_text(&r->testimony, "reason", asked->why);
	r->job = (struct job){ .home = h->home, .run = write_refusal, .done = refused };
	writer_submit(h->worker.core->writer, &r->job);
}

/* --- release --- */

struct release {
	struct request request; /* first: what the steps ask about; no peer waits for it */
	struct held *held;
	struct held_request asked;
	struct exchange *x;
	struct held_row row;
	uint64_t seq;
	struct payload payload;
	struct buf envelope; /* with the approval */
	char path[200];
	struct testimony testimony;
	bool approved; /* false: only the attempt is logged */
	bool still_held;
	char why_not[400];
};

static void release_free(struct release *r)
{
	if (r->x)
		exchange_recycle(r->x);
	payload_close(&r->payload);
	buf_wipe(&r->envelope);
	scratch_clear(&r->held->worker.scratch);
	wipe_registers();
	testimony_free(&r->testimony);
	conf_unref(r->request.conf);
	free(r);
}

static const struct partner *partner_by_id(const struct conf *c, const char *id)
{
	for (size_t i = 0; i < c->n_partners; i++)
		if (strcmp(c->partners[i].id, id) == 0)
			return &c->partners[i];
	return NULL;
}

/* Copies the envelope with one more approval in it; every other byte stays, the record's above all. */
static bool splice_approval(struct release *r, struct error *e)
{
	struct tape t;
	struct buf *b = &r->envelope;
	struct view text = r->payload.record;

	if (!tape_parse(r->held->worker.scratch.envelope, text, &t, e))
		return false;
	uint32_t list = tape_member(&t, 0, VIEW("approvals"));
	if (list && t.nodes[list].count >= APPROVALS_MAX)
		return error_set(e, REASON_LIMIT, "the envelope has as many approvals as it may have");
	size_t at = list ? t.nodes[list].off + t.nodes[list].len - 1 : t.nodes[0].off + 1;
	buf_add(b, view_make(text.p, at));
	if (!list)
		buf_adds(b, "\"approvals\":[");
	else if (t.nodes[list].count)
		buf_addc(b, ',');
	buf_adds(b, "{\"statement\":");
	buf_add_json_string(b, r->asked.statement);
	buf_adds(b, ",\"signature\":");
	buf_add_json_string(b, r->asked.signature);
	buf_adds(b, list ? "}" : "}],");
	buf_add(b, view_from(text, at));
	return !b->failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

/* What leaves everything as it is: the approval, a changed agreement, the gateway's own failure. */
static const char *obstacle(struct release *r)
{
	const struct exchange *x = r->x;
	struct held_approval approval = { .schema = r->held->approval_schema,
		                          .conf = r->request.conf,
		                          .now_ms = r->request.now_ms,
		                          .exchange = x,
		                          .agreement = &r->row.agreement_digest,
		                          .statement = r->asked.statement,
		                          .signature = r->asked.signature };
	const char *fault = held_approval_fault(&approval);

	if (fault)
		return fault;
	if (x->agreement && !digest_eq(agreement_digest(x->agreement), &r->row.agreement_digest))
		return "another version of the agreement is in force since: it has to be sent anew";
	for (size_t i = 0; i < x->decision.n_failed; i++)
		switch ((int)x->decision.failed[i].reason) {
		case REASON_APPROVAL_INVALID:
			return "the agreement asks for another approval: one of another officer, or one that still holds";
		case REASON_APPROVAL_MISSING: return "the agreement asks for more approvals";
		case REASON_TRAINING_EXPIRED: return "an officer's training has expired";
		}
	return NULL;
}

/* --- writing it --- */

static struct entry decision_facts(const struct release *r, const char *outcome, const char *note)
{
	return (struct entry){ .time_ms = r->request.now_ms,
		               .exchange = r->row.id,
		               .peer = view_of(r->row.partner),
		               .recipient = view_of(r->row.recipient),
		               .agreement = view_of(r->row.agreement),
		               .agreement_digest = r->row.agreement_digest,
		               .outcome = view_of(outcome),
		               .note = view_of(note) };
}

static bool write_attempt(struct release *r, struct writer *w, struct job *j, struct error *e)
{
	struct entry facts =
	        decision_facts(r, outcome_name(OUTCOME_HELD), "release was asked for without a valid approval");
	uint64_t index;

	return held_decision_append(r->held->worker.core, w, j, &facts, &r->testimony, &index, e);
}

static bool write_release(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct exchange *x = (struct exchange *)j;
	struct release *r = (struct release *)x->request;
	struct store_exchange row;
	uint64_t index;
	bool stopped;

	if (!store_get_exchange(s, r->seq, &row, e))
		return false;
	r->still_held = row.state == STATE_HELD;
	if (!r->still_held)
		return true;
	/* A release puts what leaves in the place of what came: a hold keeps that as it is. */
	if (!hold_in_force(s, r->seq, &stopped, e))
		return false;
	if (stopped && r->approved) {
		r->approved = false;
		snprintf(r->why_not, sizeof r->why_not,
		         "a legal hold or a restriction is in force: the exchange stays as it is");
	}
	if (!r->approved)
		return write_attempt(r, w, j, e);
	struct entry facts = decision_facts(r, outcome_name(x->decision.outcome), "an officer approved the release");
	x->row.seq = r->seq;
	struct act a = { .core = r->held->worker.core, .writer = w, .job = j, .store = s, .now_ms = r->request.now_ms };
	struct copy held;
	return held_decision_append(r->held->worker.core, w, j, &facts, &r->testimony, &index, e) &&
	       copy_load(&a, r->seq, &held, e) && copy_erase_payload(&a, &held, "decided by a person", e) &&
	       writer_append(w, j, buf_view(&x->leaf), buf_view(&x->sd.packed), &x->index, e) &&
	       store_set_entry(s, r->seq, x->index, e) &&
	       store_set_answer(s, r->seq, x->status, buf_view(&x->answer), e) &&
	       store_set_state(s, r->seq, x->row.state, e) && (!x->keeps_payload || exchange_write_payload(x, w, s, e));
}

static void count(struct core *c, bool released)
{
	atomic_fetch_add_explicit(released ? &c->released : &c->refused, 1, memory_order_relaxed);
}

static void released(struct job *j)
{
	struct exchange *x = (struct exchange *)j;
	struct release *r = (struct release *)x->request;
	bool done = j->committed && r->still_held && r->approved;
	struct held_result result = { .decided = true,
		                      .released = exchange_is_release(x),
		                      .reason = exchange_reason(x),
		                      .state = exchange_state_name(x->row.state) };

	quota_settle(&x->quota, done);
	if (!j->committed) {
		tell(&r->asked, j->error.text);
	} else if (!r->still_held) {
		tell(&r->asked, "the exchange is not held");
	} else if (!r->approved) {
		tell(&r->asked, r->why_not);
	} else {
		count(r->held->worker.core, result.released);
		if (!result.released)
			snprintf(result.text, sizeof result.text, "refused: %s", reason_text(result.reason));
		r->asked.done(r->asked.arg, &result);
	}
	writer_release(j);
	release_free(r);
}

/* --- running the steps again --- */

static bool open_envelope(struct release *r, struct error *e)
{
	struct held *h = r->held;
	struct core *c = h->worker.core;

	if (!payload_open(c->keys, h->worker.scratch.gcm, h->worker.reader, r->seq, &r->row.id, &r->payload, e))
		return false;
	r->x = exchange_take(&r->request, 0);
	if (!r->x || !random_bytes(&r->x->random, sizeof r->x->random))
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	/* The digest of the input is the one that was logged when it came, and that officers sign. */
	r->x->random.input_salt = r->payload.input_salt;
	r->x->id = r->x->origin = r->row.id;
	r->x->approved = true;
	r->x->text = r->payload.record;
	if (r->request.peer->roles & ROLE(GATEWAY))
		return true; /* the provider's approvals are its own; ours is checked here */
	if (!splice_approval(r, e))
		return false;
	r->x->text = buf_view(&r->envelope);
	return true;
}

static void decide(struct release *r)
{
	struct exchange *x = r->x;
	const char *fault;
	bool prepared;

	x->decision.now_ms = r->request.now_ms;
	exchange_decide(x);
	fault = obstacle(r);
	prepared = exchange_prepare(x);
	if (!fault && (!prepared || !x->final))
		fault = reason_text(exchange_reason(x));
	r->approved = !fault;
	if (fault)
		snprintf(r->why_not, sizeof r->why_not, "%s", fault);
}

static struct release *release_new(struct held *h, const struct held_request *asked, const struct store_exchange *x)
{
	struct release *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->held = h;
	r->asked = *asked;
	r->seq = x->seq;
	held_row_copy(x, &r->row);
	r->payload.plain = BUF_INIT(ENVELOPE_MAX);
	r->envelope = BUF_INIT(ENVELOPE_MAX);
	testimony_init(&r->testimony);
	snprintf(r->path, sizeof r->path, "/v1/agreements/%s/records", r->row.agreement);
	r->request.worker = &h->worker;
	r->request.conf = core_conf(h->worker.core);
	r->request.now_ms = instant_now_ms();
	r->request.path = view_of(r->path);
	r->request.peer = partner_by_id(r->request.conf, r->row.partner);
	return r;
}

void held_release(struct held *h, const struct held_request *asked)
{
	struct error e = { .reason = REASON_NONE };
	struct store_exchange x;
	struct release *r;

	if (!find_held(h, asked, &x))
		return;
	r = release_new(h, asked, &x);
	if (!r) {
		tell(asked, "memory ran out");
		return;
	}
	if (!r->request.peer)
		error_set(&e, REASON_PARTNER_UNKNOWN, "who sent it is no longer a partner");
	if (!r->request.peer || !open_envelope(r, &e)) {
		tell(asked, e.text);
		release_free(r);
		return;
	}
	decide(r);
	testimony_uid(&r->testimony, asked->uid);
	testimony_text(&r->testimony, "approval", asked->statement);
	r->x->job = (struct job){ .home = h->home, .run = write_release, .done = released };
	writer_submit(h->worker.core->writer, &r->x->job);
}
