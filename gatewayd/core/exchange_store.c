/* What was decided, written in one transaction and answered after its commit. See exchange.h. */
#include "gatewayd/core/exchange.h"

#include "gatewayd/core/answer.h"
#include "gatewayd/core/held.h"
#include "gatewayd/core/proofs.h"
#include "gatewayd/core/retention.h"
#include "lib/base/encode.h"
#include "lib/json/splice.h"

#define ANSWER_MAX (256u * 1024)
#define KEPT_MAX 65536          /* bytes that a buffer of an idle exchange may hold on to */

/* --- the exchange's memory --- */

struct exchange *exchange_take(struct request *r, unsigned line)
{
	struct worker *w = r->worker;
	struct exchange *x = w->free_exchanges;

	if (x) {
		w->free_exchanges = x->next_free;
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

/* Keeps little memory for the next exchange and nothing of this one. */
static void clear(struct buf *b)
{
	if (b->cap > KEPT_MAX) {
		buf_wipe(b);
		return;
	}
	if (b->n)
		wipe(b->p, b->n);
	buf_reset(b);
}

void exchange_recycle(struct exchange *x)
{
	struct worker *w = x->worker;

	wipe(&x->random, sizeof x->random);
	clear(&x->sealed);
	clear(&x->answer);
	clear(&x->leaf);
	clear(&x->members);
	clear(&x->prior);
	clear(&x->result);
	clear(&x->sd.text);
	clear(&x->sd.packed);
	disclosures_reset(&x->sd);
	arena_wipe(&x->mem);
	x->job = (struct job){ .next = NULL };
	x->request = NULL;
	x->dry_run = false;
	x->agreement = NULL;
	x->decision = (struct decision){ .outcome = OUTCOME_REFUSED };
	x->envelope = (struct envelope){ .record = 0 };
	x->error = (struct error){ .reason = REASON_NONE };
	x->row = (struct store_exchange){ .seq = 0 };
	x->keeps_payload = x->delivers = x->receives = x->approved = false;
	quota_settle(&x->quota, false);
	x->origin_ms = 0;
	x->input = x->output = (struct digest){ .b = { 0 } };
	x->accepted = STORE_NEW;
	x->index = 0;
	x->next_free = w->free_exchanges;
	w->free_exchanges = x;
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
	free(x);
}

/* --- the rows --- */

bool exchange_is_release(const struct exchange *x)
{
	return x->decision.outcome == OUTCOME_RELEASED || x->decision.outcome == OUTCOME_TRANSFORMED;
}

/* Seals what is kept: the record that leaves, or, when a person has to decide, what came. */
static bool seal(struct exchange *x)
{
	struct scratch *s = &x->worker->scratch;
	struct view record = x->decision.outcome == OUTCOME_HELD ? x->text : buf_view(&s->record);
	size_t n = SEALED_SALTS + record.n;
	uint8_t *out;

	buf_reset(&s->proof);
	buf_add(&s->proof, view_make(x->random.salt.b, sizeof x->random.salt.b));
	buf_add(&s->proof, view_make(x->random.input_salt.b, sizeof x->random.input_salt.b));
	buf_add(&s->proof, record);
	buf_add(&x->sealed, view_make(x->random.nonce, sizeof x->random.nonce));
	out = (uint8_t *)buf_room(&x->sealed, n + 16);
	bool ok = !s->proof.failed && out &&
	          gcm_seal(s->gcm, x->random.key, x->random.nonce, view_make(x->id.b, sizeof x->id.b), buf_view(&s->proof), out);
	if (ok)
		x->sealed.n += n + 16;
	if (s->proof.n)
		wipe(s->proof.p, s->proof.n);
	return ok;
}

/* The envelope's members but record, origin, key and approvals, as a JSON object. Approvals are the provider's
 * own, and one with the officer's salt would let the recipient confirm guesses of what was dropped. */
static void delivery_members(struct exchange *x)
{
	const struct tape *t = &x->tape;
	struct splice s;

	splice_start(&s, &x->members);
	splice_open(&s, '{');
	for (uint32_t k = 1; k < t->nodes[0].next; k = t->nodes[k + 1].next) {
		struct view name = tape_string(t, k);
		if (view_is(name, "record") || view_is(name, "origin") || view_is(name, "key") ||
		    view_is(name, "approvals"))
			continue;
		splice_key(&s, t, k);
		splice_copy(&s, t, k + 1);
	}
	splice_close(&s, '}');
}

static void add_text_member(struct buf *b, const char *name, struct view value)
{
	if (value.n == 0)
		return;
	buf_addf(b, ",\"%s\":", name);
	buf_add_json_string(b, value);
}

/* What the recipient's system is told beside the record, as JSON members. */
static void inbox_members(struct exchange *x)
{
	struct buf *b = &x->members;
	char text[TIME_TEXT + 1];
	int64_t until = duration_add(x->request->now_ms, &x->decision.copy);

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
	case OUTCOME_HELD:
		return STATE_HELD;
	case OUTCOME_REFUSED:
		return STATE_REFUSED;
	case OUTCOME_RELEASED:
	case OUTCOME_TRANSFORMED:
		break;
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
		.id = x->id, .origin = x->origin, .partner = view_of(r->peer->id), .key = arena_copy(&x->mem, key),
		.received_ms = r->now_ms, .provider = view_of(r->peer->agency), .state = state_of(x),
		.recipient = x->decision.recipient, .status = x->status,
	};
	if (x->agreement) {
		x->row.agreement = agreement_id(x->agreement);
		x->row.agreement_digest = *agreement_digest(x->agreement);
	}
	body_digest(x, &x->row.body);
}

static void fill_release(struct exchange *x)
{
	const struct node *node = &x->request->conf->node;
	int64_t now = x->request->now_ms;

	x->keeps_payload = true;
	x->timer = (struct store_timer){ .kind = TIMER_ERASE, .due_ms = retention_payload_due(x->decision.ruling, now) };
	if (x->kind == EXCHANGE_EGRESS) {
		int64_t deadline = duration_add(now, &node->delivery_deadline);
		x->delivers = true;
		delivery_members(x);
		x->delivery = (struct store_delivery){ .recipient = x->decision.recipient, .next_ms = now,
			.deadline_ms = deadline == TIME_NONE || deadline > x->timer.due_ms ? x->timer.due_ms : deadline };
	} else {
		x->receives = true;
		inbox_members(x);
		x->inbox = (struct store_inbox){ .exchange = x->id, .kind = VIEW("record"), .made_ms = now };
	}
}

/* --- the audit entry --- */

static enum operation operation_of(const struct exchange *x)
{
	if (x->dry_run)
		return OPERATION_VALIDATION;
	switch (x->decision.outcome) {
	case OUTCOME_HELD:
		return OPERATION_HOLD;
	case OUTCOME_REFUSED:
		return OPERATION_REFUSAL;
	case OUTCOME_RELEASED:
	case OUTCOME_TRANSFORMED:
		break;
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
	struct entry e = { .operation = operation_of(x), .time_ms = r->now_ms, .exchange = x->id,
		.peer = view_of(r->peer->id), .recipient = x->decision.recipient,
		.outcome = view_of(outcome_name(x->decision.outcome)), .input = x->input, .output = x->output,
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
	decision_json(&x->decision, &x->tape, x->envelope.record, exchange_is_release(x) ? s->transform_run : NULL, &s->text);
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
		buf_addf(b, ",\"released\":%u,\"transformed\":%u,\"dropped\":%u", d->released, d->transformed, d->dropped);
	} else {
		add_errors(x, b);
	}
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
	if (!store_put_timer(s, &x->timer, e) || (exchange_is_release(x) && !quota_write(&x->quota, s, e)))
		return false;
	if (x->delivers) {
		x->delivery.envelope = buf_view(&x->members);
		return store_put_delivery(s, &x->delivery, e);
	}
	if (x->receives) {
		x->inbox.body = buf_view(&x->members);
		return store_put_inbox(s, &x->inbox, e);
	}
	return true;
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
	       store_set_entry(s, x->row.seq, x->index, e) &&
	       (!x->keeps_payload || exchange_write_payload(x, w, s, e));
}

/* --- home again (worker's thread) --- */

static void add_receipt(struct exchange *x, struct view receipt)
{
	buf_addf(&x->result, ",\"audit_index\":%llu,\"receipt\":", (unsigned long long)store_entry_index(x->index));
	buf_add_json_string(&x->result, receipt);
	buf_addc(&x->result, '}');
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
		if (!proof_of_entry(x->worker->reader, x->index, true, NULL, &s->proof, &e)) {
			core_log("error", "replay: %s", e.text);
			plain_problem(x, REASON_UNAVAILABLE);
			return;
		}
		buf_add(&x->result, buf_view(&x->prior));
		break;
	case STORE_CONFLICT:
		plain_problem(x, REASON_KEY_REUSED);
		return;
	case STORE_IN_USE:
		plain_problem(x, REASON_KEY_IN_USE);
		return;
	}
	add_receipt(x, buf_view(&s->proof));
	count_outcome(x);
}

/* One envelope, one answer. */
static void answer_single(struct exchange *x)
{
	struct answer a = { .status = x->status, .body = buf_view(&x->result), .replayed = x->accepted == STORE_REPLAY };
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

/* A line of NDJSON each, in order. */
static void answer_lines(struct request *r)
{
	struct buf all = BUF_INIT((size_t)r->n_lines * 3 * ANSWER_MAX);
	struct answer a = { .status = 200, .content_type = VIEW("application/x-ndjson") };

	for (unsigned i = 0; i < r->n_lines; i++) {
		if (r->lines[i]) {
			buf_add(&all, buf_view(&r->lines[i]->result));
			exchange_recycle(r->lines[i]);
		} else {
			problem_open(&all, REASON_UNAVAILABLE);
			buf_addc(&all, '}');
		}
		buf_addc(&all, '\n');
	}
	free(r->lines);
	r->lines = NULL;
	a.body = buf_view(&all);
	if (all.failed)
		answer_problem(r, REASON_NO_MEMORY);
	else
		answer_send(r, &a);
	buf_free(&all);
}

void exchange_lost(struct request *r)
{
	if (--r->pending > 0)
		return;
	if (r->lines)
		answer_lines(r);
	else
		answer_problem(r, REASON_UNAVAILABLE);
}

static void came_home(struct job *j)
{
	struct exchange *x = (struct exchange *)j;
	struct request *r = x->request;

	quota_settle(&x->quota, j->committed && x->accepted == STORE_NEW);
	if (j->committed)
		fill_result(x);
	else
		plain_problem(x, REASON_UNAVAILABLE);
	if (x->result.failed)
		plain_problem(x, REASON_NO_MEMORY);
	writer_release(j);
	r->pending--;
	if (r->lines) {
		if (r->pending == 0)
			answer_lines(r);
		return;
	}
	answer_single(x);
	exchange_recycle(x);
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
		x->timer = (struct store_timer){ .kind = TIMER_ERASE, .due_ms = x->request->now_ms + HELD_MS };
	}
}

static bool filled(const struct exchange *x)
{
	return !x->answer.failed && !x->leaf.failed && !x->members.failed && !x->sd.packed.failed && !x->sd.text.failed &&
	       !x->worker->scratch.text.failed;
}

bool exchange_prepare(struct exchange *x)
{
	fill(x);
	if (!filled(x)) {
		/* What has to be written of it is larger than any row: that will not change when it is sent again. */
		refuse_all(x, REASON_LIMIT);
		fill(x);
	}
	if (x->dry_run || !exchange_is_release(x))
		quota_settle(&x->quota, false);
	return filled(x);
}

void exchange_submit(struct exchange *x)
{
	bool ok = exchange_prepare(x);

	if (x->request->lines)
		x->request->lines[x->line] = x;
	x->job.home = x->worker->home;
	x->job.run = write_exchange;
	x->job.done = came_home;
	x->job.want_receipt = true;
	if (!ok) {
		x->job.committed = false;
		came_home(&x->job);
		return;
	}
	writer_submit(x->worker->core->writer, &x->job);
}
