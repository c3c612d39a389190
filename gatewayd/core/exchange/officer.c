/* See officer.h. */
#include "gatewayd/core/exchange/officer.h"

#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/copy/refuse.h"
#include "gatewayd/core/copy/state.h"
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

#define ENVELOPE_MAX       (20u * 1024 * 1024)
#define STATEMENT_MAX      4096 /* the envelope's schema */
#define SIGNATURE_MAX      32768
#define APPROVALS_TEXT_MAX 262144 /* of all that are shown at once, as they are disclosed */

struct held {
	struct decider decider;
	struct scratch scratch; /* the decider's */
	struct schema *approval_schema;
};

struct held *held_new(struct core *core, struct store *reader, struct home *home)
{
	struct held *h = calloc(1, sizeof *h);
	struct error e = { .reason = REASON_NONE };

	if (!h)
		return NULL;
	h->decider = (struct decider){ .core = core, .reader = reader, .home = home, .scratch = &h->scratch };
	h->approval_schema = document_schema(VIEW("approval"), &e);
	if (!scratch_open(&h->scratch) || !h->approval_schema) {
		held_free(h);
		return NULL;
	}
	return h;
}

void held_free(struct held *h)
{
	if (!h)
		return;
	decider_close(&h->decider);
	scratch_close(&h->scratch);
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

	if (!store_find_exchange(h->decider.reader, &r->exchange, x, &e)) {
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
	struct refusal *r = JOB_OF(struct refusal, j);
	struct store_exchange x;

	if (!store_get_exchange(s, r->seq, &x, e))
		return false;
	r->still_held = x.state == STATE_HELD;
	if (!r->still_held)
		return true;
	struct act a = { .core = r->held->decider.core, .writer = w, .job = j, .store = s, .now_ms = r->now_ms };
	return held_end(&a, r->seq, "refused by a person", &r->testimony, e);
}

static void refusal_free(struct refusal *r)
{
	testimony_free(&r->testimony);
	free(r);
}

static void refused(struct job *j)
{
	struct refusal *r = JOB_OF(struct refusal, j);
	struct held_result result = { .decided = true, .state = exchange_state_name(STATE_REFUSED) };

	if (!j->committed) {
		tell(&r->asked, j->error.text);
	} else if (!r->still_held) {
		tell(&r->asked, "the exchange is not held");
	} else {
		atomic_fetch_add_explicit(&r->held->decider.core->refused, 1, memory_order_relaxed);
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
	r->job = (struct job){ .home = h->decider.home, .run = write_refusal, .done = refused };
	writer_submit(h->decider.core->writer, &r->job);
}

/* --- release --- */

struct release {
	struct held *held;
	struct held_request asked;
	struct submission submission;
	struct approved before; /* for the submission */
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
	wipe(&r->before, sizeof r->before);
	buf_wipe(&r->envelope);
	scratch_clear(&r->held->scratch);
	wipe_registers();
	testimony_free(&r->testimony);
	conf_unref(r->submission.conf);
	free(r);
}

static const struct partner *partner_by_id(const struct conf *c, const char *id)
{
	for (size_t i = 0; i < c->n_partners; i++)
		if (strcmp(c->partners[i].id, id) == 0)
			return &c->partners[i];
	return NULL;
}

static bool approvals_fit(const struct held_request *asked, size_t already, struct error *e)
{
	if (asked->n_approvals + already > APPROVALS_MAX)
		return error_set(e, REASON_LIMIT, "the envelope has as many approvals as it may have");
	for (size_t i = 0; i < asked->n_approvals; i++)
		if (asked->approvals[i].statement.n < 2 || asked->approvals[i].statement.n > STATEMENT_MAX ||
		    asked->approvals[i].signature.n < 1 || asked->approvals[i].signature.n > SIGNATURE_MAX)
			return error_set(e, REASON_LIMIT,
			                 "the statement is not an approval, or its signature none: "
			                 "they have at most %d and %d bytes",
			                 STATEMENT_MAX, SIGNATURE_MAX);
	return true;
}

/* Copies the envelope with more approvals in it; every other byte stays, the record's above all. */
static bool splice_approvals(struct release *r, struct error *e)
{
	struct tape t;
	struct buf *b = &r->envelope;
	struct view text = r->payload.record;

	if (!tape_parse(r->held->scratch.envelope, text, &t, e))
		return false;
	uint32_t list = tape_member(&t, 0, VIEW("approvals"));
	if (!approvals_fit(&r->asked, list ? t.nodes[list].count : 0, e))
		return false;
	size_t at = list ? t.nodes[list].off + t.nodes[list].len - 1 : t.nodes[0].off + 1;
	buf_add(b, view_make(text.p, at));
	if (!list)
		buf_adds(b, "\"approvals\":[");
	else if (t.nodes[list].count)
		buf_addc(b, ',');
	for (size_t i = 0; i < r->asked.n_approvals; i++) {
		buf_adds(b, i ? ",{\"statement\":" : "{\"statement\":");
		buf_add_json_string(b, r->asked.approvals[i].statement);
		buf_adds(b, ",\"signature\":");
		buf_add_json_string(b, r->asked.approvals[i].signature);
		buf_addc(b, '}');
	}
	buf_adds(b, list ? "" : "],");
	buf_add(b, view_from(text, at));
	return !b->failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

/* What leaves everything as it is: the approvals, and acts of the council that may end. Sets `why_not`. */
static bool stays_held(struct release *r)
{
	const struct decision *d = &r->x->decided.decision;
	const char *fault = held_approvals_fault(r->x, r->held->approval_schema, &r->asked);

	for (size_t i = 0; !fault && i < d->n_failed; i++)
		switch ((int)d->failed[i].reason) {
		case REASON_APPROVAL_INVALID:
			fault = "the officer whom the envelope names may not be named here";
			break;
		case REASON_COUNCIL_VETO:
		case REASON_AGREEMENT_SUSPENDED:
		case REASON_AGREEMENT_TERMINATED: /* what ends it says so in its own entry: stop_walk.h */
		case REASON_TIER_RESTRICTED:
		case REASON_NOT_AUTHORISED: fault = reason_text(d->failed[i].reason); break;
		case REASON_TRAINING_EXPIRED: fault = "an officer's training has expired"; break;
		}
	if (fault)
		snprintf(r->why_not, sizeof r->why_not, "%s", fault);
	else if (d->lacking)
		snprintf(r->why_not, sizeof r->why_not,
		         "the agreement asks for more approvals: %u beside these, shown together",
		         (unsigned)d->lacking);
	return fault || d->lacking;
}

/* --- writing it --- */

static struct entry decision_facts(const struct release *r, const char *outcome, const char *note)
{
	return (struct entry){ .time_ms = r->submission.now_ms,
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

	return held_decision_append(r->held->decider.core, w, j, &facts, &r->testimony, &index, e);
}

/* Persons may have stopped it since it was decided. */
static bool look_for_acts(struct release *r, struct store *s, struct error *e)
{
	struct store_exchange row;
	struct stopped act;

	if (!r->approved)
		return true;
	if (!store_get_exchange(s, r->seq, &row, e) || !stops_exchange(r->held->decider.core, s, &row, &act, e))
		return false;
	if (act.reason != REASON_NONE) {
		r->approved = false;
		snprintf(r->why_not, sizeof r->why_not, "%s", reason_text(act.reason));
	}
	return true;
}

static bool write_release(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct exchange *x = JOB_OF(struct exchange, j);
	struct release *r = x->owner;
	struct decided *d = &x->decided;
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
	if (!look_for_acts(r, s, e))
		return false;
	if (!r->approved)
		return write_attempt(r, w, j, e);
	struct entry facts = decision_facts(r, outcome_name(d->decision.outcome), "an officer approved the release");
	facts.agreement_digest = *agreement_digest(d->agreement);
	d->row.seq = r->seq;
	struct act a = {
		.core = r->held->decider.core, .writer = w, .job = j, .store = s, .now_ms = r->submission.now_ms
	};
	struct copy held;
	return held_decision_append(r->held->decider.core, w, j, &facts, &r->testimony, &index, e) &&
	       copy_load(&a, r->seq, &held, e) && copy_erase_payload(&a, &held, "decided by a person", e) &&
	       exchange_append(x, w, e) && store_set_entry(s, r->seq, x->found.index, e) &&
	       store_set_answer(s, r->seq, d->status, buf_view(&x->written.answer), e) &&
	       store_set_agreement(s, r->seq, agreement_digest(d->agreement), e) &&
	       exchange_become(&a, &held, d->row.state, e) && (!d->keeps_payload || exchange_write_payload(x, w, s, e));
}

static void count(struct core *c, bool released)
{
	atomic_fetch_add_explicit(released ? &c->released : &c->refused, 1, memory_order_relaxed);
}

static void released(struct job *j)
{
	struct exchange *x = JOB_OF(struct exchange, j);
	struct release *r = x->owner;
	bool done = j->committed && r->still_held && r->approved;
	struct held_result result = { .decided = true,
		                      .released = exchange_is_release(x),
		                      .reason = exchange_reason(x),
		                      .state = exchange_state_name(x->decided.row.state) };

	quota_settle(&x->reserved.quota, done);
	key_lease_settle(&x->reserved.key, done && x->decided.keeps_payload);
	exchange_settle_shape(x, done);
	if (!j->committed) {
		tell(&r->asked, j->error.text);
	} else if (!r->still_held) {
		tell(&r->asked, "the exchange is not held");
	} else if (!r->approved) {
		tell(&r->asked, r->why_not);
	} else {
		count(r->held->decider.core, result.released);
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

	if (!payload_open(h->decider.core->keys, h->scratch.gcm, h->decider.reader, r->seq, &r->row.id, &r->payload, e))
		return false;
	/* The digest of the input is the one that was logged when it came, and that officers sign. */
	r->before = (struct approved){ .id = r->row.id, .input_salt = r->payload.input_salt };
	/* A provider's approvals are its own; ours is checked here. */
	return (r->submission.peer->roles & ROLE(GATEWAY)) || splice_approvals(r, e);
}

static bool decide(struct release *r, struct error *e)
{
	struct decider *d = &r->held->decider;
	struct view text = r->envelope.n ? buf_view(&r->envelope) : r->payload.record;
	bool prepared;

	r->x = exchange_take(d);
	if (!r->x)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	exchange_decide(d, &r->submission, text, r->x);
	if (!r->x->decided.drawn)
		return error_set(e, REASON_CRYPTO, "there are no random bytes");
	r->approved = !stays_held(r);
	prepared = exchange_prepare(r->x);
	if (r->approved && (!prepared || !r->x->decided.final)) {
		r->approved = false;
		snprintf(r->why_not, sizeof r->why_not, "%s", reason_text(exchange_reason(r->x)));
	}
	return true;
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
	r->submission = (struct submission){ .conf = core_conf(h->decider.core),
		                             .path = view_of(r->path),
		                             .now_ms = instant_now_ms(),
		                             .approved = &r->before };
	r->submission.peer = partner_by_id(r->submission.conf, r->row.partner);
	return r;
}

/* All of them in one disclosure: a decision's leaf does not tell how many there were. */
static void tell_approvals(struct testimony *t, const struct held_request *asked)
{
	struct buf list = BUF_INIT(APPROVALS_TEXT_MAX);

	for (size_t i = 0; i < asked->n_approvals; i++) {
		buf_adds(&list, i ? ",{\"signature\":" : "[{\"signature\":");
		buf_add_json_string(&list, asked->approvals[i].signature);
		buf_adds(&list, ",\"statement\":");
		buf_add_json_string(&list, asked->approvals[i].statement);
		buf_addc(&list, '}');
	}
	buf_addc(&list, ']');
	testimony_json(t, "approvals", &list);
	buf_wipe(&list);
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
	if (!r->submission.peer)
		error_set(&e, REASON_PARTNER_UNKNOWN, "who sent it is no longer a partner");
	if (!r->submission.peer || !open_envelope(r, &e) || !decide(r, &e)) {
		tell(asked, e.text);
		release_free(r);
		return;
	}
	testimony_uid(&r->testimony, asked->uid);
	tell_approvals(&r->testimony, asked);
	r->x->owner = r;
	r->x->job = (struct job){ .home = h->decider.home, .run = write_release, .done = released };
	writer_submit(h->decider.core->writer, &r->x->job);
}
