/* What this agency's own system acknowledges: records that it has stored, whose payload is erased at once, and duties
 * that it has carried out, whose receipts go on to the provider's gateway.
 *
 *   record, correction   nothing, or {"reference": its own name for the record}
 *   delivery-failed      nothing: it only tells
 *   a duty               {"result": …, "reason": …, "until": …, "record": …, "salt": …}, see duty_receipt.h */
#include "gatewayd/core/deliver/inbox.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/copy/duty_receipt.h"
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/copy/overdue.h"
#include "gatewayd/core/copy/returns.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/witness/sight.h"
#include "lib/tlog/entry.h"
#include "gatewayd/os/log.h"

#define RECORD_MAX (48u * 1024 * 1024)

#define ACK_MAX         65536 /* without a returned record */
#define REFERENCE_MAX   128
#define REASON_TEXT_MAX 2000

struct ack {
	struct job job; /* first */
	struct request *request;
	uint64_t id;
	struct arena mem; /* what the views below look into */
	struct duty_answer answer;
	struct view reference;
	struct returned returned; /* a record that goes back */

	/* found by the job */
	bool found, first, overdue;
	bool restricted;     /* its use is: it stays where it is */
	enum reason stopped; /* an act of persons stops it: so does it */
	const char *fault;   /* the answer does not fit */
	struct uuid exchange;
	uint64_t index;
};

/* --- the body --- */

static bool take_text(struct ack *a, const struct tape *t, uint32_t value, size_t most, struct view *out)
{
	if (t->nodes[value].type != TAPE_STRING)
		return false;
	struct view text = tape_string(t, value);
	*out = arena_copy(&a->mem, text);
	return text.n > 0 && text.n <= most && out->p;
}

static bool take_member(struct ack *a, const struct tape *t, uint32_t key)
{
	struct view name = tape_string(t, key), until;
	uint32_t value = key + 1;

	if (view_is(name, "reference"))
		return take_text(a, t, value, REFERENCE_MAX, &a->reference);
	if (view_is(name, "result"))
		return take_text(a, t, value, 32, &a->answer.result);
	if (view_is(name, "reason") || view_is(name, "ground"))
		return take_text(a, t, value, REASON_TEXT_MAX, &a->answer.reason);
	if (view_is(name, "salt"))
		return take_text(a, t, value, 2 * sizeof(struct salt), &a->answer.salt);
	if (view_is(name, "until"))
		return take_text(a, t, value, 64, &until) && time_parse(until, &a->answer.until_ms);
	if (!view_is(name, "record"))
		return false;
	a->answer.record = arena_copy(&a->mem, tape_token(t, value));
	return a->answer.record.p != NULL;
}

static enum reason read_body(struct ack *a)
{
	struct request *r = a->request;
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	a->answer.until_ms = TIME_NONE;
	if (r->body.n == 0)
		return REASON_NONE;
	bool parsed =
	        tape_parse(r->worker->scratch.envelope, buf_view(&r->body), &t, &e) && t.nodes[0].type == TAPE_OBJECT;
	bool ok = parsed;
	for (uint32_t k = 1; ok && k < t.nodes[0].next; k = t.nodes[k + 1].next)
		ok = take_member(a, &t, k);
	if (r->body.n > ACK_MAX && (!ok || a->answer.record.n == 0))
		return REASON_TOO_LARGE;
	return !parsed ? REASON_BAD_JSON : ok ? REASON_NONE : REASON_DUTY_ANSWER;
}

/* --- the transaction (writer's thread) --- */

static bool log_ack(struct ack *a, const struct act *act, struct view kind, bool refused, struct error *e)
{
	struct request *r = a->request;
	struct entry entry = { .operation = refused                                         ? OPERATION_REFUSAL
		                            : inbox_has_record(kind) || inbox_is_told(kind) ? OPERATION_DELIVERY
		                                                                            : OPERATION_DUTY,
		               .exchange = a->exchange,
		               .peer = view_of(r->peer->id),
		               .recipient = view_of(r->conf->node.agency),
		               .outcome = refused ? VIEW("refused") : VIEW("acknowledged"),
		               .note = kind };

	if (refused)
		entry.reason = view_of(reason_coarse(REASON_DUTY_ANSWER));
	return audit_append(act, &entry, NULL, &a->index, e);
}

/* The system has it: the payload goes, and a correction has taken effect. */
static bool take_record(struct ack *a, struct act *act, uint64_t seq, bool correction, struct error *e)
{
	const struct duty_answer corrected = { .result = VIEW("corrected"), .until_ms = TIME_NONE };
	struct store_duty d;
	struct copy c;
	bool taken;

	if (!copy_load(act, seq, &c, e))
		return false;
	c.inbox = 0;
	snprintf(c.reference, sizeof c.reference, "%.*s", VIEW_ARG(a->reference));
	if (c.state == STATE_RETURNED)
		return copy_erase_payload(act, &c, "fetched by the provider's system", e) &&
		       copy_end(act, &c, STATE_ENDED, e);
	if (c.state != STATE_READY) /* erased before: it stays so */
		return copy_settle(act, &c, e);
	if (!exchange_become(act, &c, STATE_FETCHED, e) ||
	    !copy_erase_payload(act, &c, "fetched by the recipient's system", e))
		return false;
	if (!correction)
		return true;
	enum sought duty = sought(store_find_duty(act->store, seq, DUTY_CORRECTION, &d, e), e);
	if (duty != SOUGHT_FOUND)
		return duty == SOUGHT_NONE;
	return d.state == DUTY_DONE || duty_answered(act, &c, &d, &corrected, &taken, e);
}

/* Only what was masked is erased in place of being returned. */
static bool check_return(struct ack *a, const struct act *act, uint64_t seq, enum duty_kind kind, struct error *e)
{
	bool masked = true;

	if (kind != DUTY_RETURN || !view_is(a->answer.result, "erased"))
		return true;
	if (!returned_masked(act->store, seq, &masked, e))
		return false;
	if (!masked)
		a->fault = "/result: what was not masked since is returned";
	return true;
}

static bool take_duty(struct ack *a, struct act *act, uint64_t seq, enum duty_kind kind, struct error *e)
{
	struct store_duty d;
	struct copy c;
	bool taken;

	if (!store_find_duty(act->store, seq, kind, &d, e) || !copy_load(act, seq, &c, e))
		return false;
	if (d.inbox != a->id)
		return error_set(e, REASON_STORE, "an inbox item has no duty");
	if (a->answer.record.n && !returned_write(&a->returned, act, &c, e))
		return false;
	if (!duty_answered(act, &c, &d, &a->answer, &taken, e))
		return false;
	if (!taken)
		a->fault = "/until: is past the longest delay, or not in the future";
	return true;
}

/* What the answer has to be, before anything is written. */
static const char *find_fault(const struct ack *a, struct view kind)
{
	enum duty_kind duty = duty_kind_find(kind);

	if (inbox_has_record(kind))
		return a->answer.result.n || a->answer.record.n ? "/result: a record is acknowledged without one"
		                                                : NULL;
	if (a->reference.n)
		return "/reference: only a record is acknowledged with one";
	if (inbox_is_told(kind))
		return a->answer.result.n || a->answer.record.n ? "/result: what is only told has none" : NULL;
	return duty == DUTY_KINDS ? "/result: is no answer to this duty" : duty_answer_fault(duty, &a->answer);
}

static bool write_ack(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct ack *a = JOB_OF(struct ack, j);
	struct act act = {
		.core = a->request->worker->core, .writer = w, .job = j, .store = s, .now_ms = a->request->now_ms
	};
	struct store_inbox i;
	char kind[32];

	a->fault = a->returned.fault;
	enum sought item = sought(store_get_inbox(s, a->id, &i, e), e);
	a->found = item == SOUGHT_FOUND;
	if (!a->found)
		return item == SOUGHT_NONE;
	uint64_t seq = i.seq;
	bool answered = i.acked_ms != 0;
	a->exchange = i.exchange;
	snprintf(kind, sizeof kind, "%.*s", VIEW_ARG(i.kind));
	a->restricted = false;
	if (!answered && inbox_has_record(view_of(kind)) && !hold_restricted(s, seq, &a->restricted, e))
		return false;
	a->stopped = REASON_NONE;
	if (!answered && inbox_has_record(view_of(kind)) && !inbox_stopped(act.core, s, seq, &a->stopped, e))
		return false;
	if (a->restricted || a->stopped != REASON_NONE)
		return true;
	if (!answered && !a->fault)
		a->fault = find_fault(a, view_of(kind));
	if (!answered && !a->fault && !check_return(a, &act, seq, duty_kind_find(view_of(kind)), e))
		return false;
	if (a->fault || answered) {
		a->first = false;
		return log_ack(a, &act, view_of(kind), a->fault && !answered, e);
	}
	bool record = inbox_has_record(view_of(kind));
	if (!log_ack(a, &act, view_of(kind), false, e))
		return false;
	bool ok = true;
	if (record)
		ok = take_record(a, &act, seq, strcmp(kind, "correction") == 0, e);
	else if (!inbox_is_told(view_of(kind)))
		ok = take_duty(a, &act, seq, duty_kind_find(view_of(kind)), e);
	a->overdue = act.overdue;
	return ok && (a->fault || store_ack_inbox(s, a->id, a->request->now_ms, a->answer.result, &a->first, e));
}

/* --- home again (worker's thread) --- */

static void ack_free(struct ack *a)
{
	returned_free(&a->returned);
	arena_wipe(&a->mem);
	arena_free(&a->mem);
	free(a);
}

static void answer_fault(struct ack *a)
{
	struct request *r = a->request;
	struct buf body = BUF_INIT(4096);
	struct answer answer = { .status = reason_status(REASON_DUTY_ANSWER),
		                 .content_type = VIEW("application/problem+json") };
	struct view place = view_of(a->fault);

	problem_open_at(&body, REASON_DUTY_ANSWER, a->fault);
	buf_adds(&body, ",\"errors\":[{\"pointer\":");
	buf_add_json_string(&body, view_cut(&place, ':'));
	buf_adds(&body, ",\"keyword\":");
	buf_add_json_string(&body, view_from(place, 1));
	buf_addf(&body, ",\"code\":\"%s\"}]}", reason_slug(REASON_DUTY_ANSWER));
	answer.body = buf_view(&body);
	answer_send(r, &answer);
	buf_free(&body);
}

static void ack_home(struct job *j)
{
	struct ack *a = JOB_OF(struct ack, j);
	struct request *r = a->request;
	struct buf body = BUF_INIT(4096);
	struct answer answer = { .status = 200 };
	char id[UUID_TEXT + 1];

	if (j->committed && a->overdue)
		overdue_refresh(r->worker->core, r->worker->reader);
	if (!j->committed) {
		log_line("error", "inbox: %s", j->error.text);
		answer_problem(r, REASON_UNAVAILABLE);
	} else if (!a->found) {
		answer_problem(r, REASON_NOT_FOUND);
	} else if (a->restricted) {
		answer_own_problem(r, REASON_UNDER_CHALLENGE);
	} else if (a->stopped != REASON_NONE) {
		answer_own_problem(r, a->stopped);
	} else if (a->fault) {
		answer_fault(a);
	} else {
		uuid_print(&a->exchange, id);
		buf_addf(&body,
		         "{\"id\":%llu,\"exchange\":\"%s\",\"acknowledged\":true,\"first\":%s,\"audit_index\":%llu}",
		         (unsigned long long)a->id, id, a->first ? "true" : "false", (unsigned long long)a->index);
		answer.body = buf_view(&body);
		answer_send(r, &answer);
	}
	writer_release(j);
	buf_free(&body);
	ack_free(a);
}

static bool is_damaged(struct worker *w, uint64_t seq, const struct uuid *exchange, struct view body)
{
	struct payload payload = { .plain = BUF_INIT(RECORD_MAX) };
	struct error e = { .reason = REASON_NONE };
	bool damaged = !inbox_open(w, seq, exchange, body, &payload, &e) && e.reason == REASON_DAMAGED;

	payload_close(&payload);
	return damaged;
}

/* What was not shown cannot be acknowledged: its payload would be erased with that. Why it was not. */
static enum reason not_shown(const struct request *r, uint64_t id)
{
	struct worker *w = r->worker;
	struct error e = { .reason = REASON_NONE };
	enum sight_verdict sight;
	struct store_inbox item;

	if (!store_get_inbox(w->reader, id, &item, &e) || item.acked_ms != 0 || !inbox_has_record(item.kind))
		return REASON_NONE;
	struct buf body = BUF_INIT(RECORD_MAX);
	struct uuid exchange = item.exchange;
	uint64_t seq = item.seq;
	buf_add(&body, item.body);
	bool known = sight_of_exchange(w->core->sights, w->reader, seq, item.made_ms, r->now_ms, &sight, &e);
	bool damaged = known && sight != SIGHT_WAITS && is_damaged(w, seq, &exchange, buf_view(&body));
	buf_free(&body);
	if (!known || sight == SIGHT_WAITS)
		return REASON_UNAVAILABLE;
	return damaged ? REASON_DAMAGED : sight == SIGHT_FORKED ? REASON_RECEIPT_INVALID : REASON_NONE;
}

void handle_ack(struct request *r)
{
	enum reason reason;
	unsigned long long id;
	struct ack *a;

	if (!inbox_own_system(r))
		return;
	if (!view_to_u64(request_path_part(r, 2), INT64_MAX, &id) || id == 0) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	reason = not_shown(r, id);
	if (reason != REASON_NONE) {
		answer_own_problem(r, reason);
		return;
	}
	a = calloc(1, sizeof *a);
	if (!a) {
		answer_problem(r, REASON_NO_MEMORY);
		return;
	}
	a->request = r;
	a->id = id;
	reason = read_body(a);
	if (reason == REASON_NONE && a->answer.record.n && !returned_prepare(&a->returned, r->worker, id, &a->answer))
		reason = REASON_UNAVAILABLE;
	if (reason != REASON_NONE) {
		answer_problem(r, reason);
		ack_free(a);
		return;
	}
	a->job = (struct job){ .lane = request_lane(r), .home = r->worker->home, .run = write_ack, .done = ack_home };
	writer_submit(r->worker->core->writer, &a->job);
}
