/* What was decided, written in one transaction and answered after its commit. See exchange.h. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/core/serve/border_trace.h"
#include "gatewayd/core/exchange/approvals.h"
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/timer.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "lib/policy/decision.h"

/* --- the transaction (writer's thread) --- */

static bool copy_prior(struct exchange *x, const struct store_exchange *prior)
{
	struct found *f = &x->found;

	buf_reset(&x->written.prior);
	buf_add(&x->written.prior, prior->answer);
	f->prior_status = prior->status;
	f->index = prior->entry;
	f->answer_id = prior->id;
	return !x->written.prior.failed;
}

bool exchange_write_payload(struct exchange *x, struct writer *w, struct store *s, struct error *e)
{
	struct decided *d = &x->decided;
	struct store_payload payload = { .seq = d->row.seq, .sealed = buf_view(&x->written.sealed) };
	struct store_caveats caveats = { .text = buf_view(&x->written.caveats), .mark = d->mark };

	stops_note_late(x->decider->core, x->generation);
	memcpy(caveats.salt.b, d->random.disclosures[DISCLOSED_CAVEATS], sizeof caveats.salt.b);
	if (!writer_place_key(w, &x->reserved.key, &payload.slot, e) || !store_put_payload(s, &payload, e))
		return false;
	d->timer.seq = d->delivery.seq = d->inbox.seq = d->unproved.seq = d->row.seq;
	if (exchange_is_release(x) &&
	    (!approvals_use(&d->decision, s, d->asked.now_ms, e) || !store_put_caveats(s, d->row.seq, &caveats, e) ||
	     !quota_write(&x->reserved.quota, s, e) || !surrogates_write(&x->reserved.surrogates, s, e)))
		return false;
	d->consent.seq = d->row.seq;
	if (d->consent.agreement.n && !store_put_consent(s, &d->consent, e))
		return false;
	d->delivery.envelope = d->inbox.body = buf_view(&x->written.members);
	if ((d->delivers && !store_put_delivery(s, &d->delivery, e)) ||
	    (d->receives && !store_put_inbox(s, &d->inbox, e)) ||
	    (d->receives && d->unproved.size && !sight_put_unproved(x->decider->core->sights, s, &d->unproved, e)))
		return false;
	d->timer.inbox = d->receives ? d->inbox.id : 0;
	return store_put_timer(s, &d->timer, e) && (!exchange_is_release(x) || exchange_write_links(x, w, s, e));
}

/* May be run a second time, after a rollback: what the first found is gone with it. */
static bool write_exchange(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct exchange *x = JOB_OF(struct exchange, j);
	struct decided *d = &x->decided;
	struct found *f = &x->found;
	struct store_exchange prior;

	*f = (struct found){ .accepted = STORE_NEW, .answer_id = d->id };
	if (d->asked.dry_run || !d->final)
		return exchange_append(x, w, e);
	d->row.answer = buf_view(&x->written.answer);
	d->row.status = d->status;
	if (!store_accept(s, &d->row, &f->accepted, &prior, e))
		return false;
	if (f->accepted == STORE_REPLAY)
		return copy_prior(x, &prior) || error_set(e, REASON_NO_MEMORY, "memory ran out");
	if (f->accepted != STORE_NEW)
		return true;
	f->keyed = d->keeps_payload;
	/* What follows from it has entries, too: the receipt is for this one. */
	return exchange_append(x, w, e) && store_set_entry(s, d->row.seq, f->index, e) &&
	       (!d->keeps_payload || exchange_write_payload(x, w, s, e)) &&
	       writer_receipt(w, j, store_log(s) << STORE_LOG_SHIFT | f->index, e);
}

static void plain_problem(struct exchange *x, enum reason reason)
{
	struct buf *b = &x->written.result;

	buf_reset(b);
	problem_open(b, reason);
	buf_addc(b, '}');
	x->found.status = reason_status(reason);
}

/* --- attempts that come again (the decider's thread) --- */

/* A gateway's delivery that may pass another time; `one` gets its name. */
static bool is_attempt(const struct exchange *x, struct attempt *one)
{
	const struct decided *d = &x->decided;
	const struct uuid *o = &d->envelope.origin.exchange;

	if (d->kind != EXCHANGE_INGRESS || d->final || d->asked.dry_run || d->status >= 500)
		return false;
	*one = attempt_of(view_of(d->asked.peer->id),
	                  d->envelope.from_gateway ? view_make(o->b, sizeof o->b) : d->asked.key, exchange_reason(x));
	return true;
}

/* For the people who can mend it; what the sender will be told is in the answer. */
static void tell_attempt(const struct exchange *x)
{
	const struct decided *d = &x->decided;
	const struct failed *first = d->decision.n_failed ? &d->decision.failed[0] : NULL;
	char id[UUID_TEXT + 1] = "of no name";

	if (d->envelope.from_gateway)
		uuid_print(&d->envelope.origin.exchange, id);
	char agreement[72];
	struct traceparent trace = { .sampled = false };
	if (d->envelope.from_gateway)
		border_trace(&d->envelope.origin.exchange, BORDER_RECIPIENT, &trace);
	snprintf(agreement, sizeof agreement, "%.*s", VIEW_ARG(submission_agreement(&d->asked)));
	const struct journal_field fields[] = { { "exchange", d->envelope.from_gateway ? id : NULL },
		                                { "partner", d->asked.peer->id },
		                                { "agreement", agreement },
		                                { "reason", reason_slug(exchange_reason(x)) },
		                                { "trace", trace.trace },
		                                { NULL, NULL } };
	log_event("warning", fields,
	          "delivery %s of partner %s under agreement %.*s is not taken: %s%s%s%s%s; the partner tries again",
	          id, d->asked.peer->id, VIEW_ARG(submission_agreement(&d->asked)), reason_slug(exchange_reason(x)),
	          first && first->pointer[0] ? ": " : "", first ? first->pointer : "",
	          first && first->clause[0] ? ": " : "", first ? first->clause : "");
}

static void note_attempt(struct exchange *x)
{
	struct attempt one;

	if (!is_attempt(x, &one))
		return;
	attempts_note(x->decider->core->attempts, &one, x->decided.asked.now_ms);
	tell_attempt(x);
}

/* The log has an entry of it already: the same answer, without a receipt. */
static bool answer_again(struct exchange *x)
{
	struct buf *b = &x->written.result;
	struct attempt one;

	if (!is_attempt(x, &one) || !attempts_known(x->decider->core->attempts, &one, x->decided.asked.now_ms))
		return false;
	quota_settle(&x->reserved.quota, false);
	surrogates_settle(&x->reserved.surrogates);
	key_lease_settle(&x->reserved.key, false);
	buf_reset(b);
	buf_add(b, buf_view(&x->written.answer));
	buf_addc(b, '}');
	x->found.status = x->decided.status;
	if (b->failed)
		plain_problem(x, REASON_NO_MEMORY);
	return true;
}

/* --- home again (the decider's thread) --- */

static void add_receipt(struct exchange *x, struct view receipt)
{
	struct buf *b = &x->written.result;

	buf_addf(b, ",\"audit_index\":%llu,\"receipt\":", (unsigned long long)store_entry_index(x->found.index));
	buf_add_json_string(b, receipt);
	buf_addc(b, '}');
}

/* The answer is known, its receipt can only be made from the archive. */
static bool is_archived(const struct exchange *x)
{
	struct error none = { .reason = REASON_NONE };
	struct store_archive a;

	return store_get_archive(x->decider->reader, store_entry_log(x->found.index), &a, &none);
}

static enum ended_as ended_as(const struct exchange *x)
{
	if (x->found.accepted == STORE_REPLAY)
		return ENDED_REPLAYED;
	switch (x->decided.decision.outcome) {
	case OUTCOME_REFUSED: return ENDED_REFUSED;
	case OUTCOME_HELD: return ENDED_HELD;
	case OUTCOME_TRANSFORMED: return ENDED_TRANSFORMED;
	case OUTCOME_RELEASED: break;
	}
	return ENDED_RELEASED;
}

static void count_outcome(struct exchange *x)
{
	const struct decided *d = &x->decided;
	struct core *c = x->decider->core;
	enum ended_as how = ended_as(x);
	_Atomic uint64_t *const all[ENDED_COUNT] = { [ENDED_RELEASED] = &c->released,
		                                     [ENDED_TRANSFORMED] = &c->released,
		                                     [ENDED_HELD] = &c->held,
		                                     [ENDED_REFUSED] = &c->refused,
		                                     [ENDED_REPLAYED] = &c->replayed };

	if (d->asked.dry_run)
		return;
	atomic_fetch_add_explicit(all[how], 1, memory_order_relaxed);
	outcomes_count(&c->outcomes, d->agreement ? agreement_id(d->agreement) : VIEW(""), how);
}

static void fill_result(struct exchange *x)
{
	struct buf *b = &x->written.result, *proof = &x->decider->scratch->proof;
	struct found *f = &x->found;
	struct error e = { .reason = REASON_NONE };

	buf_reset(proof);
	switch (f->accepted) {
	case STORE_NEW:
		receipt_print(&x->job.receipt, buf_view(&x->written.leaf), proof);
		f->status = x->decided.status;
		buf_add(b, buf_view(&x->written.answer));
		break;
	case STORE_REPLAY:
		f->status = f->prior_status;
		if (is_archived(x)) {
			buf_add(b, buf_view(&x->written.prior));
			buf_addf(b, ",\"audit_index\":%llu,\"archived\":true}",
			         (unsigned long long)store_entry_index(f->index));
			count_outcome(x);
			return;
		}
		if (!proof_of_entry(x->decider->reader, f->index, true, NULL, proof, &e)) {
			log_line("error", "replay: %s", e.text);
			plain_problem(x, REASON_UNAVAILABLE);
			return;
		}
		buf_add(b, buf_view(&x->written.prior));
		break;
	case STORE_CONFLICT: plain_problem(x, REASON_KEY_REUSED); return;
	case STORE_IN_USE: plain_problem(x, REASON_KEY_IN_USE); return;
	}
	add_receipt(x, buf_view(proof));
	count_outcome(x);
}

/* --- the journal --- */

/* A record that was decided, for whoever looks for one. */
static void tell_decided(const struct exchange *x)
{
	const struct decided *d = &x->decided;
	struct traceparent trace;
	char id[UUID_TEXT + 1], agreement[72];

	if (!journal_takes(JOURNAL_DEBUG))
		return;
	uuid_print(&x->found.answer_id, id);
	border_trace(d->kind == EXCHANGE_INGRESS ? &d->origin : &x->found.answer_id,
	             d->kind == EXCHANGE_INGRESS ? BORDER_RECIPIENT : BORDER_SENDER, &trace);
	snprintf(agreement, sizeof agreement, "%.*s", VIEW_ARG(d->agreement ? agreement_id(d->agreement) : VIEW("")));
	const char *outcome = ended_name(ended_as(x)), *reason = reason_slug(exchange_reason(x));
	const struct journal_field fields[] = { { "exchange", id },
		                                { "partner", d->asked.peer->id },
		                                { "agreement", agreement },
		                                { "outcome", outcome },
		                                { "reason", reason },
		                                { "trace", trace.trace },
		                                { NULL, NULL } };
	log_event("debug", fields, "exchange %s: %s", id, outcome);
}

/* The caller's trace and the one that the partner knows it by stand together here and nowhere else: what a system of this
 * agency chose freely does not cross the border. Only what the caller says it records. */
static void tell_trace(const struct exchange *x)
{
	const struct decided *d = &x->decided;
	struct traceparent caller, trace;
	char id[UUID_TEXT + 1];

	if (d->kind != EXCHANGE_EGRESS || d->asked.dry_run || !journal_takes(JOURNAL_INFO) ||
	    !traceparent_parse(d->asked.traceparent, &caller) || !caller.sampled)
		return;
	uuid_print(&x->found.answer_id, id);
	border_trace(&x->found.answer_id, BORDER_SENDER, &trace);
	const struct journal_field fields[] = { { "exchange", id },
		                                { "partner", d->asked.peer->id },
		                                { "caller_trace", caller.trace },
		                                { "caller_span", caller.span },
		                                { "trace", trace.trace },
		                                { NULL, NULL } };
	log_event("info", fields, "exchange %s: trace %s of the caller (span %s) is trace %s to the partner", id,
	          caller.trace, caller.span, trace.trace);
}

/* Of what is kept for its key: a conflict has no exchange. */
static void tell_written(const struct exchange *x)
{
	if (x->found.accepted != STORE_NEW && x->found.accepted != STORE_REPLAY)
		return;
	tell_decided(x);
	tell_trace(x);
}

static void came_home(struct job *j)
{
	struct exchange *x = JOB_OF(struct exchange, j);

	quota_settle(&x->reserved.quota, j->committed && x->found.accepted == STORE_NEW);
	surrogates_settle(&x->reserved.surrogates);
	key_lease_settle(&x->reserved.key, j->committed && x->found.keyed);
	exchange_settle_shape(x, j->committed && x->found.accepted == STORE_NEW);
	if (j->committed) {
		fill_result(x);
		note_attempt(x);
		tell_written(x);
	} else {
		plain_problem(x, REASON_UNAVAILABLE);
	}
	if (x->written.result.failed)
		plain_problem(x, REASON_NO_MEMORY);
	writer_release(j);
	if (j->committed && x->decider->took)
		latency_note(&x->decider->took->answer, instant_monotonic_us() - j->committed_us);
	x->done(x);
}

void exchange_commit(struct exchange *x, bool prepared, void (*done)(struct exchange *x), void *owner)
{
	x->found = (struct found){ .accepted = STORE_NEW };
	x->done = done;
	x->owner = owner;
	x->job = (struct job){ .lane = x->decided.asked.lane,
		               .home = x->decider->home,
		               .run = write_exchange,
		               .done = came_home,
		               .want_receipt = true };
	if (prepared && answer_again(x))
		x->done(x);
	else if (prepared)
		writer_submit(x->decider->core->writer, &x->job);
	else
		came_home(&x->job);
}
