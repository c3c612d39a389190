/* See duty_receipt.h. */
#include "gatewayd/core/copy/duty_receipt.h"

#include "gatewayd/core/copy/keep.h"
#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/lineage/lineage.h"
#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/outbox.h"
#include "lib/policy/schedule.h"
#include "lib/tlog/entry.h"

#define REASON_MAX 8192
#define NOT_YET    "done here, not yet by onward recipients"

/* --- which answers there are --- */

static const struct {
	enum duty_kind kind;
	const char *result;
	bool reason, until, record; /* what it must come with */
} answers[] = {
	{ DUTY_MASK, "masked", false, false, false },     { DUTY_REVIEW, "kept", true, false, false },
	{ DUTY_REVIEW, "erased", false, false, false },   { DUTY_ERASE, "erased", false, false, false },
	{ DUTY_RETURN, "returned", false, false, true },  { DUTY_RETURN, "erased", false, false, false },
	{ DUTY_RECALL, "erased", false, false, false },   { DUTY_CORRECTION, "corrected", false, false, false },
	{ DUTY_NOTIFY, "notified", false, false, false }, { DUTY_NOTIFY, "delayed", true, true, false },
};

const char *duty_answer_fault(enum duty_kind kind, const struct duty_answer *answer)
{
	if (view_is(answer->result, "not-found"))
		return NULL;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		if (answers[i].kind != kind || !view_is(answer->result, answers[i].result))
			continue;
		if (answers[i].reason && answer->reason.n == 0)
			return "/reason: this result needs one";
		if (answers[i].until && answer->until_ms == TIME_NONE)
			return "/until: this result needs a date-time";
		if (answers[i].record && (answer->record.n == 0 || answer->salt.n == 0))
			return "/record, /salt: what is returned comes with them";
		return NULL;
	}
	return "/result: is no answer to this duty";
}

/* --- the lineage: what else has to be over --- */

static bool parent_of(const struct act *a, uint64_t seq, enum link_kind kind, uint64_t *parent, struct error *e)
{
	struct store_link l;

	*parent = 0;
	enum sought link = sought(store_get_link(a->store, seq, kind, &l, e), e);
	if (link == SOUGHT_FOUND)
		*parent = l.parent;
	return link != SOUGHT_FAILED;
}

/* Called back, and its recipient has not said that it is gone. */
static bool owes_recall(const struct act *a, uint64_t seq, enum exchange_state state, bool *owes, struct error *e)
{
	struct store_duty d;

	*owes = false;
	if (state != STATE_RECALLED)
		return true;
	enum sought duty = sought(store_find_duty(a->store, seq, DUTY_RECALL, &d, e), e);
	*owes = duty == SOUGHT_FOUND && d.state != DUTY_WAITING;
	return duty != SOUGHT_FAILED;
}

/* A correction is over when what was passed on before it came is corrected or gone; and what was passed on since of an
 * earlier version, but as a correction. */
static bool is_outdated(const struct act *a, uint64_t correction, uint64_t seq, bool *outdated, struct error *e)
{
	uint64_t came, before;

	if (!parent_of(a, seq, LINK_ONWARD, &came, e) || !parent_of(a, seq, LINK_CORRECTS, &before, e))
		return false;
	*outdated = came && (seq < correction || (came < correction && !before));
	return true;
}

/* Whether `kind` of exchange `seq` has to wait for `other`, of the same lineage. */
static bool waits_for(const struct act *a, uint64_t seq, enum duty_kind kind, uint64_t other, bool *waits,
                      struct error *e)
{
	struct store_exchange x;

	*waits = false;
	if (!store_get_exchange(a->store, other, &x, e))
		return false;
	enum exchange_state state = x.state;
	if (!owes_recall(a, other, state, waits, e) || *waits || kind == DUTY_RECALL || !exchange_lives(state))
		return e->reason == REASON_NONE;
	return is_outdated(a, seq, other, waits, e);
}

/* Done here; are all those that it has to be told for, too? */
static bool must_wait(const struct act *a, uint64_t seq, enum duty_kind kind, bool *wait, struct error *e)
{
	struct lineage all = { .n = 0 };

	*wait = false;
	if (kind != DUTY_RECALL && kind != DUTY_CORRECTION)
		return true;
	bool ok = lineage_descend(a->store, seq, NULL, NULL, &all, e);
	for (size_t i = 1; ok && !*wait && i < all.n; i++)
		ok = waits_for(a, seq, kind, all.seq[i], wait, e);
	lineage_free(&all);
	return ok;
}

/* --- what a receipt does --- */

/* All versions before it: one that came while the one before it was still waiting has replaced both. */
static bool end_corrected(const struct act *a, const struct copy *c, struct error *e)
{
	struct copy old;
	uint64_t seq = c->seq;

	for (;;) {
		if (!parent_of(a, seq, LINK_CORRECTS, &seq, e))
			return false;
		if (seq == 0)
			return true;
		if (!copy_load(a, seq, &old, e))
			return false;
		/* Of one that is recalled the recall says when it is gone. */
		if (exchange_lives(old.state) && old.state != STATE_HELD &&
		    (!copy_log(a, &old, OPERATION_ALTERATION, "corrected", "replaced by a correction", e) ||
		     !copy_end(a, &old, STATE_CORRECTED, e)))
			return false;
	}
}

/* `waits`: others of its lineage are not over yet. */
static bool take_effect(const struct act *a, struct copy *c, enum duty_kind kind, struct view result, int64_t until_ms,
                        bool waits, struct error *e)
{
	struct copy_terms terms;

	if (view_is(result, "kept")) {
		if (!copy_terms(a, c, &terms, NULL, e))
			return false;
		c->plan.review_ms = schedule_review_after(&c->plan, &terms.review, a->now_ms);
	} else if (view_is(result, "delayed")) {
		c->plan.notify_ms = until_ms;
	} else if (view_is(result, "corrected")) {
		return end_corrected(a, c, e) && copy_settle(a, c, e);
	} else if (view_is(result, "never-fetched")) {
		c->plan.notify_ms = SCHEDULE_NEVER;
		return copy_end(a, c, STATE_ERASED, e);
	} else if (view_is(result, "returned")) {
		/* A provider without a gateway fetches it here. */
		return copy_end(a, c, c->here && !c->from_gateway ? STATE_RETURNED : STATE_ENDED, e);
	} else if (c->state == STATE_RECALLED && kind != DUTY_RECALL) {
		/* The two crossed: the receipt of the recall says whether what was passed on is gone, too. */
		return copy_settle(a, c, e);
	} else if (view_is(result, "erased") ||
	           (view_is(result, "not-found") && kind != DUTY_NOTIFY && kind != DUTY_CORRECTION)) {
		return waits && kind == DUTY_RECALL ? copy_gone(a, c, e) : copy_end(a, c, STATE_ENDED, e);
	}
	return copy_settle(a, c, e);
}

/* --- the receipt that travels --- */

static void write_body(struct buf *b, const char *duty, const struct store_duty *d)
{
	char made[TIME_TEXT + 1], done[TIME_TEXT + 1];

	time_print(d->made_ms, made);
	time_print(d->done_ms, done);
	buf_addf(b, "{\"duty\":\"%s\",\"result\":\"%.*s\",\"made\":\"%s\",\"done\":\"%s\"", duty, VIEW_ARG(d->result),
	         made, done);
}

/* Logs the receipt and, where a gateway delivered the record, sends it there, with the record that goes back. `sd` may be
 * NULL. */
static bool send_receipt(const struct act *a, const struct copy *c, const char *duty, const struct store_duty *d,
                         int64_t until_ms, struct disclosures *sd, struct error *e)
{
	struct notice n = { .kind = view_is(d->result, "returned") ? NOTICE_RETURN : NOTICE_RECEIPT,
		            .seq = c->seq,
		            .recipient = view_of(c->provider) };
	struct buf body = BUF_INIT(4096);
	char note[80], until[TIME_TEXT + 1];
	struct entry entry = { .operation = OPERATION_DUTY, .outcome = d->result, .input = c->returned };

	write_body(&body, duty, d);
	if (until_ms != TIME_NONE) {
		time_print(until_ms, until);
		buf_addf(&body, ",\"until\":\"%s\"", until);
	}
	buf_addc(&body, '}');
	n.body = buf_view(&body);
	snprintf(note, sizeof note, "%s: %s", notice_kind_name(n.kind), duty);
	entry.note = view_of(note);
	bool ok = body.failed       ? error_set(e, REASON_NO_MEMORY, "memory ran out")
	          : c->from_gateway ? notice_send(a, &n, &entry, sd, e)
	                            : copy_append(a, c, &entry, sd, e);
	buf_free(&body);
	return ok;
}

bool duty_tell(const struct act *a, const struct copy *c, const char *duty, const char *result, struct error *e)
{
	struct store_duty d = { .made_ms = a->now_ms, .done_ms = a->now_ms, .result = view_of(result) };

	return send_receipt(a, c, duty, &d, TIME_NONE, NULL, e);
}

/* --- answers of the own system --- */

/* What is kept of a delay: at most until it has to be justified anew, never past the longest. */
static bool settle_delay(const struct act *a, const struct copy *c, int64_t *until_ms, bool *fits, struct error *e)
{
	struct copy_terms terms;

	if (!copy_terms(a, c, &terms, NULL, e))
		return false;
	int64_t last = duration_add(c->plan.base_ms, &terms.notify_longest),
	        again = duration_add(a->now_ms, &terms.notify_again);
	*fits = *until_ms <= last && *until_ms > a->now_ms;
	if (*until_ms > again)
		*until_ms = again;
	return true;
}

/* The reason that the system gave stays here, where oversight reads it. */
static bool disclose_reason(struct disclosures *sd, struct view text, struct error *e)
{
	struct buf reason = BUF_INIT(2 * REASON_MAX);
	uint8_t salt[16];
	bool ok = text.n == 0 || random_bytes(salt, sizeof salt) || error_set(e, REASON_CRYPTO, "no random bytes");

	if (ok && text.n) {
		buf_add_json_string(&reason, text);
		disclosures_add(sd, salt, VIEW("reason"), buf_view(&reason));
	}
	ok = ok && (!reason.failed || error_set(e, REASON_NO_MEMORY, "memory ran out"));
	buf_free(&reason);
	return ok;
}

bool duty_answered(struct act *a, struct copy *c, struct store_duty *d, const struct duty_answer *answer, bool *taken,
                   struct error *e)
{
	struct disclosures sd = { .packed = BUF_INIT(65536), .text = BUF_INIT(65536), .digests = BUF_INIT(4096) };
	bool delayed = view_is(answer->result, "delayed"), wait, ok;
	int64_t until_ms = delayed ? answer->until_ms : TIME_NONE;

	*taken = true;
	if (delayed && !settle_delay(a, c, &until_ms, taken, e))
		return false;
	if (!*taken)
		return true;
	if (!must_wait(a, c->seq, d->kind, &wait, e))
		return false;
	a->overdue = a->overdue || d->state == DUTY_OVERDUE;
	d->state = wait ? DUTY_WAITING : DUTY_DONE;
	d->done_ms = a->now_ms;
	d->result = answer->result;
	d->why = VIEW("");
	d->inbox = 0;
	ok = disclose_reason(&sd, answer->reason, e);
	if (ok && wait)
		ok = copy_log(a, c, OPERATION_DUTY, "waiting", NOT_YET, e);
	else if (ok)
		ok = send_receipt(a, c, duty_kind_name(d->kind), d, until_ms, &sd, e);
	ok = ok && store_set_duty(a->store, d, e) && take_effect(a, c, d->kind, answer->result, until_ms, wait, e);
	disclosures_free(&sd);
	return ok;
}

/* --- of the partner's system --- */

/* A receipt may overtake the answer to its delivery: then it is the news that the record arrived. */
static bool note_arrival(const struct act *a, struct copy *c, struct error *e)
{
	if (c->state != STATE_QUEUED)
		return true;
	return keep_arrived(a, c, e) && exchange_become(a, c, STATE_DELIVERED, e);
}

bool duty_take_receipt(struct act *a, struct copy *c, const struct duty_receipt *r, struct error *e)
{
	struct store_duty d;
	bool wait = false;

	if (!note_arrival(a, c, e))
		return false;
	if (r->kind == DUTY_KINDS)
		return take_effect(a, c, r->kind, r->result, r->until_ms, false, e);
	if (r->kind == DUTY_RECALL && !must_wait(a, c->seq, r->kind, &wait, e))
		return false;
	enum sought duty = sought(store_find_duty(a->store, c->seq, r->kind, &d, e), e);
	if (duty == SOUGHT_FAILED)
		return false;
	bool found = duty == SOUGHT_FOUND && (d.state == DUTY_OPEN || d.state == DUTY_OVERDUE);
	if (!found)
		d = (struct store_duty){ .seq = c->seq, .kind = r->kind, .made_ms = a->now_ms, .due_ms = a->now_ms };
	a->overdue = a->overdue || d.state == DUTY_OVERDUE;
	/* Whoever asked hears that it is over when the other versions are. */
	wait = wait && c->state == STATE_RECALLED;
	d.state = wait ? DUTY_WAITING : DUTY_DONE;
	d.done_ms = r->done_ms;
	d.result = r->result;
	d.why = VIEW("");
	if (r->kind == DUTY_MASK)
		c->plan.mask_ms = SCHEDULE_NEVER;
	if (r->kind == DUTY_NOTIFY)
		c->plan.notify_ms = SCHEDULE_NEVER;
	return (found ? store_set_duty(a->store, &d, e) : store_put_duty(a->store, &d, e)) &&
	       take_effect(a, c, r->kind, r->result, r->until_ms, wait, e);
}

/* --- what waited for others --- */

/* A recall or correction of `seq` that waited: is it done now? */
static bool finish_waiting(const struct act *a, uint64_t seq, enum duty_kind kind, struct error *e)
{
	struct store_duty d;
	struct copy c;
	char result[32];
	bool wait;

	enum sought duty = sought(store_find_duty(a->store, seq, kind, &d, e), e);
	if (duty != SOUGHT_FOUND || d.state != DUTY_WAITING)
		return duty != SOUGHT_FAILED;
	snprintf(result, sizeof result, "%.*s", VIEW_ARG(d.result));
	d.result = view_of(result);
	d.why = VIEW("");
	if (!must_wait(a, seq, kind, &wait, e))
		return false;
	if (wait)
		return true;
	d.state = DUTY_DONE;
	d.done_ms = a->now_ms;
	return copy_load(a, seq, &c, e) && send_receipt(a, &c, duty_kind_name(kind), &d, TIME_NONE, NULL, e) &&
	       store_set_duty(a->store, &d, e) &&
	       (kind != DUTY_RECALL || c.state != STATE_RECALLED || exchange_become(a, &c, STATE_ENDED, e));
}

bool duty_passed_on(const struct act *a, const struct copy *c, struct error *e)
{
	struct lineage waiting = { .n = 0 };
	bool ok = lineage_ascend(a->store, c->seq, &waiting, e);

	for (size_t i = 1; ok && i < waiting.n; i++)
		ok = finish_waiting(a, waiting.seq[i], DUTY_RECALL, e) &&
		     finish_waiting(a, waiting.seq[i], DUTY_CORRECTION, e);
	lineage_free(&waiting);
	return ok;
}

bool duty_recall_gone(const struct act *a, struct copy *c, struct error *e)
{
	struct store_duty d = { .seq = c->seq,
		                .kind = DUTY_RECALL,
		                .made_ms = a->now_ms,
		                .due_ms = a->now_ms,
		                .done_ms = a->now_ms,
		                .state = DUTY_WAITING,
		                .result = VIEW("not-found") };
	bool wait, may = exchange_may_become(c->state, STATE_RECALLED);

	if (!must_wait(a, c->seq, DUTY_RECALL, &wait, e))
		return false;
	if (!wait || !may)
		return duty_tell(a, c, duty_kind_name(DUTY_RECALL), "not-found", e);
	return exchange_become(a, c, STATE_RECALLED, e) && store_put_duty(a->store, &d, e) &&
	       copy_log(a, c, OPERATION_DUTY, "waiting", NOT_YET, e);
}
