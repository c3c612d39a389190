/* What was decided, written in one transaction and answered after its commit. See exchange.h. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/exchange/approvals.h"
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/timer.h"
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

	if (!writer_put_key(w, d->random.key, &payload.slot, e) || !store_put_payload(s, &payload, e))
		return false;
	d->timer.seq = d->delivery.seq = d->inbox.seq = d->row.seq;
	if (exchange_is_release(x) &&
	    (!approvals_use(&d->decision, s, d->asked.now_ms, e) || !quota_write(&x->reserved.quota, s, e) ||
	     !surrogates_write(&x->reserved.surrogates, s, e)))
		return false;
	d->delivery.envelope = d->inbox.body = buf_view(&x->written.members);
	if ((d->delivers && !store_put_delivery(s, &d->delivery, e)) ||
	    (d->receives && !store_put_inbox(s, &d->inbox, e)))
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
	struct view leaf = buf_view(&x->written.leaf), packed = buf_view(&x->written.sd.packed);
	struct store_exchange prior;

	*f = (struct found){ .accepted = STORE_NEW, .answer_id = d->id };
	if (d->asked.dry_run || !d->final)
		return writer_append(w, j, leaf, packed, &f->index, e);
	d->row.answer = buf_view(&x->written.answer);
	d->row.status = d->status;
	if (!store_accept(s, &d->row, &f->accepted, &prior, e))
		return false;
	if (f->accepted == STORE_REPLAY)
		return copy_prior(x, &prior) || error_set(e, REASON_NO_MEMORY, "memory ran out");
	if (f->accepted != STORE_NEW)
		return true;
	return writer_append(w, j, leaf, packed, &f->index, e) && store_set_entry(s, d->row.seq, f->index, e) &&
	       (!d->keeps_payload || exchange_write_payload(x, w, s, e));
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

static void plain_problem(struct exchange *x, enum reason reason)
{
	struct buf *b = &x->written.result;

	buf_reset(b);
	problem_open(b, reason);
	buf_addc(b, '}');
	x->found.status = reason_status(reason);
}

static void count_outcome(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct core *c = x->decider->core;

	if (d->asked.dry_run)
		return;
	if (x->found.accepted == STORE_REPLAY)
		atomic_fetch_add_explicit(&c->replayed, 1, memory_order_relaxed);
	else if (d->decision.outcome == OUTCOME_REFUSED)
		atomic_fetch_add_explicit(&c->refused, 1, memory_order_relaxed);
	else if (d->decision.outcome == OUTCOME_HELD)
		atomic_fetch_add_explicit(&c->held, 1, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&c->released, 1, memory_order_relaxed);
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

static void came_home(struct job *j)
{
	struct exchange *x = JOB_OF(struct exchange, j);

	quota_settle(&x->reserved.quota, j->committed && x->found.accepted == STORE_NEW);
	surrogates_settle(&x->reserved.surrogates);
	if (j->committed)
		fill_result(x);
	else
		plain_problem(x, REASON_UNAVAILABLE);
	if (x->written.result.failed)
		plain_problem(x, REASON_NO_MEMORY);
	writer_release(j);
	x->done(x);
}

void exchange_commit(struct exchange *x, bool prepared, void (*done)(struct exchange *x), void *owner)
{
	x->found = (struct found){ .accepted = STORE_NEW };
	x->done = done;
	x->owner = owner;
	x->job = (struct job){
		.home = x->decider->home, .run = write_exchange, .done = came_home, .want_receipt = true
	};
	if (prepared)
		writer_submit(x->decider->core->writer, &x->job);
	else
		came_home(&x->job);
}
