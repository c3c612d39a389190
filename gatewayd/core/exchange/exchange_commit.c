/* What was decided, written in one transaction and answered after its commit. See exchange.h. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/exchange/records.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/timer.h"
#include "gatewayd/os/log.h"
#include "lib/policy/decision.h"

/* --- the exchange's memory --- */

struct exchange *exchange_take(struct request *r, unsigned line)
{
	struct worker *w = r->worker;
	struct exchange *x = w->decider->free;

	if (x) {
		w->decider->free = x->next_free;
	} else {
		x = calloc(1, sizeof *x);
		if (!x)
			return NULL;
		x->worker = w;
		x->sealed = BUF_INIT(32u * 1024 * 1024);
		x->answer = BUF_INIT(ANSWER_MAX);
		x->leaf = BUF_INIT(65536);
		x->members = BUF_INIT(4u * 1024 * 1024);
		x->prior = BUF_INIT(ANSWER_MAX);
		x->result = BUF_INIT(2 * ANSWER_MAX);
		x->sd.packed = BUF_INIT(4u * 1024 * 1024);
		x->sd.text = BUF_INIT(4u * 1024 * 1024);
		x->sd.digests = BUF_INIT(4096);
	}
	x->request = r;
	x->line = line;
	x->final = true;
	return x;
}

/* What was decided and filled in. */
static void forget(struct exchange *x)
{
	wipe(&x->random, sizeof x->random);
	scratch_clear_buf(&x->sealed);
	scratch_clear_buf(&x->answer);
	scratch_clear_buf(&x->leaf);
	scratch_clear_buf(&x->members);
	scratch_clear_buf(&x->sd.text);
	scratch_clear_buf(&x->sd.packed);
	disclosures_reset(&x->sd);
	arena_wipe(&x->mem);
	x->agreement = NULL;
	x->decision = (struct decision){ .outcome = OUTCOME_REFUSED };
	x->envelope = (struct envelope){ .record = 0 };
	x->error = (struct error){ .reason = REASON_NONE };
	x->row = (struct store_exchange){ .seq = 0 };
	x->keeps_payload = x->delivers = x->receives = false;
	surrogates_settle(&x->surrogates);
}

bool exchange_again(struct exchange *x)
{
	forget(x);
	x->final = true;
	x->decision.now_ms = x->request->now_ms;
	return random_bytes(&x->random, sizeof x->random);
}

void exchange_recycle(struct exchange *x)
{
	struct worker *w = x->worker;

	forget(x);
	scratch_clear_buf(&x->prior);
	scratch_clear_buf(&x->result);
	x->job = (struct job){ .next = NULL };
	x->request = NULL;
	x->dry_run = x->approved = x->batch = false;
	x->suppressed = 0;
	x->rare = NULL;
	quota_settle(&x->quota, false);
	x->origin_ms = 0;
	x->corrects = (struct corrected){ .seq = 0 };
	x->onward_of = 0;
	x->input = x->output = (struct digest){ .b = { 0 } };
	x->accepted = STORE_NEW;
	x->index = 0;
	x->next_free = w->decider->free;
	w->decider->free = x;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	buf_wipe(&x->sealed);
	buf_free(&x->answer);
	buf_free(&x->leaf);
	buf_wipe(&x->members);
	buf_free(&x->prior);
	buf_free(&x->result);
	disclosures_free(&x->sd);
	arena_free(&x->mem);
	free(x->surrogates.held);
	free(x);
}

void *decider_new(struct worker *w)
{
	return w->decider = calloc(1, sizeof *w->decider);
}

void decider_free(void *arg)
{
	struct decider *d = arg;

	while (d && d->free) {
		struct exchange *x = d->free;
		d->free = x->next_free;
		exchange_free(x);
	}
	free(d);
}

/* --- the transaction (writer's thread) --- */

static bool copy_prior(struct exchange *x, const struct store_exchange *prior)
{
	buf_reset(&x->prior);
	buf_add(&x->prior, prior->answer);
	x->prior_status = prior->status;
	x->index = prior->entry;
	x->answer_id = prior->id;
	return !x->prior.failed;
}

bool exchange_write_payload(struct exchange *x, struct writer *w, struct store *s, struct error *e)
{
	struct store_payload payload = { .seq = x->row.seq, .sealed = buf_view(&x->sealed) };

	if (!writer_put_key(w, x->random.key, &payload.slot, e) || !store_put_payload(s, &payload, e))
		return false;
	x->timer.seq = x->delivery.seq = x->inbox.seq = x->row.seq;
	if (exchange_is_release(x) && (!quota_write(&x->quota, s, e) || !surrogates_write(&x->surrogates, s, e)))
		return false;
	x->delivery.envelope = x->inbox.body = buf_view(&x->members);
	if ((x->delivers && !store_put_delivery(s, &x->delivery, e)) ||
	    (x->receives && !store_put_inbox(s, &x->inbox, e)))
		return false;
	x->timer.inbox = x->receives ? x->inbox.id : 0;
	return store_put_timer(s, &x->timer, e) && (!exchange_is_release(x) || exchange_write_links(x, w, s, e));
}

static bool write_exchange(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct exchange *x = (struct exchange *)j;
	struct store_exchange prior;

	x->accepted = STORE_NEW;
	x->answer_id = x->id;
	if (x->dry_run || !x->final)
		return writer_append(w, j, buf_view(&x->leaf), buf_view(&x->sd.packed), &x->index, e);
	x->row.answer = buf_view(&x->answer);
	x->row.status = x->status;
	if (!store_accept(s, &x->row, &x->accepted, &prior, e))
		return false;
	if (x->accepted == STORE_REPLAY)
		return copy_prior(x, &prior) || error_set(e, REASON_NO_MEMORY, "memory ran out");
	if (x->accepted != STORE_NEW)
		return true;
	return writer_append(w, j, buf_view(&x->leaf), buf_view(&x->sd.packed), &x->index, e) &&
	       store_set_entry(s, x->row.seq, x->index, e) && (!x->keeps_payload || exchange_write_payload(x, w, s, e));
}

/* --- home again (worker's thread) --- */

static void add_receipt(struct exchange *x, struct view receipt)
{
	buf_addf(&x->result, ",\"audit_index\":%llu,\"receipt\":", (unsigned long long)store_entry_index(x->index));
	buf_add_json_string(&x->result, receipt);
	buf_addc(&x->result, '}');
}

/* The answer is known, its receipt can only be made from the archive. */
static bool is_archived(const struct exchange *x)
{
	struct error none = { .reason = REASON_NONE };
	struct store_archive a;

	return store_get_archive(x->worker->reader, store_entry_log(x->index), &a, &none);
}

static void plain_problem(struct exchange *x, enum reason reason)
{
	buf_reset(&x->result);
	problem_open(&x->result, reason);
	buf_addc(&x->result, '}');
	x->status = reason_status(reason);
}

static void count_outcome(struct exchange *x)
{
	struct core *c = x->worker->core;

	if (x->dry_run)
		return;
	if (x->accepted == STORE_REPLAY)
		atomic_fetch_add_explicit(&c->replayed, 1, memory_order_relaxed);
	else if (x->decision.outcome == OUTCOME_REFUSED)
		atomic_fetch_add_explicit(&c->refused, 1, memory_order_relaxed);
	else if (x->decision.outcome == OUTCOME_HELD)
		atomic_fetch_add_explicit(&c->held, 1, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&c->released, 1, memory_order_relaxed);
}

static void fill_result(struct exchange *x)
{
	struct scratch *s = &x->worker->scratch;
	struct error e = { .reason = REASON_NONE };

	buf_reset(&s->proof);
	switch (x->accepted) {
	case STORE_NEW:
		receipt_print(&x->job.receipt, buf_view(&x->leaf), &s->proof);
		buf_add(&x->result, buf_view(&x->answer));
		break;
	case STORE_REPLAY:
		x->status = x->prior_status;
		if (is_archived(x)) {
			buf_add(&x->result, buf_view(&x->prior));
			buf_addf(&x->result, ",\"audit_index\":%llu,\"archived\":true}",
			         (unsigned long long)store_entry_index(x->index));
			count_outcome(x);
			return;
		}
		if (!proof_of_entry(x->worker->reader, x->index, true, NULL, &s->proof, &e)) {
			log_line("error", "replay: %s", e.text);
			plain_problem(x, REASON_UNAVAILABLE);
			return;
		}
		buf_add(&x->result, buf_view(&x->prior));
		break;
	case STORE_CONFLICT: plain_problem(x, REASON_KEY_REUSED); return;
	case STORE_IN_USE: plain_problem(x, REASON_KEY_IN_USE); return;
	}
	add_receipt(x, buf_view(&s->proof));
	count_outcome(x);
}

/* One envelope, one answer. */
static void answer_single(struct exchange *x)
{
	struct answer a = { .status = x->status,
		            .body = buf_view(&x->result),
		            .replayed = x->accepted == STORE_REPLAY };
	char location[64], id[UUID_TEXT + 1];

	if (x->status >= 400)
		a.content_type = VIEW("application/problem+json");
	if ((x->status == 201 || x->status == 202) && !x->dry_run) {
		uuid_print(&x->answer_id, id);
		snprintf(location, sizeof location, "/v1/exchanges/%s", id);
		a.location = view_of(location);
	}
	answer_send(x->request, &a);
}

void exchange_lost(struct request *r)
{
	if (records_of(r))
		records_done(r);
	else
		answer_problem(r, REASON_UNAVAILABLE);
}

static void came_home(struct job *j)
{
	struct exchange *x = (struct exchange *)j;
	struct request *r = x->request;

	quota_settle(&x->quota, j->committed && x->accepted == STORE_NEW);
	surrogates_settle(&x->surrogates);
	if (j->committed)
		fill_result(x);
	else
		plain_problem(x, REASON_UNAVAILABLE);
	if (x->result.failed)
		plain_problem(x, REASON_NO_MEMORY);
	writer_release(j);
	if (records_of(r)) {
		records_done(r);
		return;
	}
	answer_single(x);
	exchange_recycle(x);
}

void exchange_submit(struct exchange *x)
{
	exchange_hand_over(x, exchange_prepare(x));
}

void exchange_hand_over(struct exchange *x, bool prepared)
{
	if (records_of(x->request))
		records_of(x->request)->lines[x->line] = x;
	x->job.home = x->worker->home;
	x->job.run = write_exchange;
	x->job.done = came_home;
	x->job.want_receipt = true;
	if (!prepared) {
		x->job.committed = false;
		came_home(&x->job);
		return;
	}
	writer_submit(x->worker->core->writer, &x->job);
}
