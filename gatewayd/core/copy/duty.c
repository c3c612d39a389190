/* See duty.h. */
#include "gatewayd/core/copy/duty.h"

#include "gatewayd/core/copy/duty_receipt.h"
#include "gatewayd/core/copy/keep.h"
#include "gatewayd/core/copy/refuse.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/outbox.h"
#include "lib/policy/recall_code.h"
#include "lib/policy/schedule.h"
#include "lib/tlog/entry.h"

#define BODY_MAX  300000
#define LIST_MAX  64
#define TRAVEL_MS DAY_MS /* of a receipt to the provider's gateway */
#define DOUBLINGS 5      /* a receipt is called for again after once, twice, … 32 times its time */

/* --- lists of an exchange's duties; rows are changed after the listing --- */

struct duties {
	struct store_duty items[LIST_MAX];
	size_t n;
	bool (*wanted)(const struct store_duty *d, int64_t now_ms);
	int64_t now_ms;
};

static bool is_open(const struct store_duty *d, int64_t now_ms)
{
	(void)now_ms;
	return d->state == DUTY_OPEN || d->state == DUTY_OVERDUE;
}

/* A correction that waits for others is overtaken by what withdraws it. */
static bool is_not_done(const struct store_duty *d, int64_t now_ms)
{
	return is_open(d, now_ms) || (d->kind == DUTY_CORRECTION && d->state == DUTY_WAITING);
}

static bool is_owed(const struct store_duty *d, int64_t now_ms)
{
	return is_open(d, now_ms) && d->due_ms <= now_ms;
}

static bool collect(void *arg, const struct store_duty *d)
{
	struct duties *l = arg;

	if (l->wanted(d, l->now_ms)) {
		l->items[l->n] = *d;
		/* Of what is not done there is no answer yet; why it was recalled is read where it is needed. */
		l->items[l->n].result = VIEW("");
		l->items[l->n++].why = VIEW("");
	}
	return l->n < LIST_MAX;
}

static bool list(const struct act *a, uint64_t seq, bool (*wanted)(const struct store_duty *, int64_t),
                 struct duties *out, struct error *e)
{
	out->n = 0;
	out->wanted = wanted;
	out->now_ms = a->now_ms;
	return store_list_duties(a->store, seq, collect, out, e);
}

/* --- made --- */

static const char *what(char *note, size_t size, enum duty_kind kind, const char *became)
{
	snprintf(note, size, "%s %s", duty_kind_name(kind), became);
	return note;
}

/* The item through which the recipient's system gets a duty; replaces one that it did not answer. */
static bool hand_out(const struct act *a, const struct copy *c, struct store_duty *d, struct error *e)
{
	struct store_inbox item = {
		.seq = c->seq, .exchange = c->id, .kind = view_of(duty_kind_name(d->kind)), .made_ms = a->now_ms
	};
	struct buf body = BUF_INIT(BODY_MAX);
	char due[TIME_TEXT + 1];
	struct copy_terms terms;

	time_print(d->due_ms, due);
	buf_adds(&body, "\"agreement\":");
	buf_add_json_string(&body, view_of(c->agreement));
	if (c->reference[0]) {
		buf_adds(&body, ",\"own_reference\":");
		buf_add_json_string(&body, view_of(c->reference));
	}
	if (d->why.n) {
		buf_adds(&body, ",\"why\":");
		buf_add_json_string(&body, d->why);
	}
	buf_addf(&body, ",\"due\":\"%s\",\"escalated\":%u", due, (unsigned)d->escalated);
	bool ok = true;
	if (d->kind == DUTY_MASK) {
		buf_adds(&body, ",\"pointers\":");
		ok = copy_terms(a, c, &terms, &body, e);
	}
	if (ok && body.failed)
		ok = error_set(e, REASON_LIMIT, "a duty is larger than an inbox item may be");
	item.body = buf_view(&body);
	ok = ok && (d->inbox == 0 || store_drop_inbox(a->store, d->inbox, e)) && store_put_inbox(a->store, &item, e);
	d->inbox = item.id;
	buf_free(&body);
	return ok;
}

bool duty_make(const struct act *a, struct copy *c, enum duty_kind kind, struct view why, struct error *e)
{
	struct store_duty d = { .seq = c->seq, .kind = kind, .made_ms = a->now_ms, .why = why };
	struct copy_terms terms;
	char note[80];

	if (!copy_terms(a, c, &terms, NULL, e))
		return false;
	d.due_ms = duration_add(a->now_ms, &terms.receipt) + (c->here ? 0 : TRAVEL_MS);
	d.blocks = terms.block_overdue;
	bool hands = c->here && kind != DUTY_CORRECTION;
	return (!hands || hand_out(a, c, &d, e)) && store_put_duty(a->store, &d, e) &&
	       copy_log(a, c, OPERATION_DUTY, "due", what(note, sizeof note, kind, "is due"), e) &&
	       copy_settle(a, c, e);
}

bool duty_withdraw(const struct act *a, const struct copy *c, struct error *e)
{
	struct duties open;

	if (!list(a, c->seq, is_not_done, &open, e))
		return false;
	for (size_t i = 0; i < open.n; i++) {
		struct store_duty *d = &open.items[i];
		if (d->kind == DUTY_NOTIFY)
			continue;
		if (d->inbox && !store_drop_inbox(a->store, d->inbox, e))
			return false;
		d->state = DUTY_WITHDRAWN;
		d->inbox = 0;
		if (!store_set_duty(a->store, d, e))
			return false;
	}
	return true;
}

/* --- due --- */

/* The copy is to go: what else was to be done with it has no object any more. */
bool duty_make_end(const struct act *a, struct copy *c, struct error *e)
{
	c->plan.mask_ms = c->plan.review_ms = c->plan.end_ms = SCHEDULE_NEVER;
	return keep_end(a, c, "the copy is to end", e) && duty_withdraw(a, c, e) &&
	       duty_make(a, c, c->plan.return_at_end ? DUTY_RETURN : DUTY_ERASE, VIEW(""), e);
}

/* What never reached a recipient's system is over: there is no copy. */
static bool end_unfetched(const struct act *a, struct copy *c, struct error *e)
{
	bool queued = c->state == STATE_QUEUED, ready = c->state == STATE_READY;

	if (queued && !store_drop_delivery(a->store, c->seq, e))
		return false;
	if (ready && c->from_gateway && !duty_tell(a, c, "delivery", "never-fetched", e))
		return false;
	c->plan.notify_ms = SCHEDULE_NEVER;
	return copy_end(a, c, queued ? STATE_FAILED : ready ? STATE_ERASED : STATE_ENDED, e);
}

static bool payload_due(const struct act *a, struct copy *c, struct error *e)
{
	switch (c->state) {
	case STATE_HELD: c->timed = false; return held_end(a, c->seq, "not decided in time", NULL, e);
	case STATE_QUEUED:
	case STATE_READY: return copy_erase_payload(a, c, "retention period over", e) && end_unfetched(a, c, e);
	case STATE_RETURNED:
		if (!copy_erase_payload(a, c, "retention period over", e))
			return false;
		return copy_end(a, c, STATE_ENDED, e);
	case STATE_REFUSED:
	case STATE_DELIVERED:
	case STATE_FETCHED:
	case STATE_FAILED:
	case STATE_ERASED:
	case STATE_RECALLED:
	case STATE_CORRECTED:
	case STATE_ENDED: break;
	}
	return copy_erase_payload(a, c, "retention period over", e);
}

static bool fire(const struct act *a, struct copy *c, enum due due, struct error *e)
{
	bool travelling = c->state == STATE_QUEUED || c->state == STATE_READY;

	switch (due) {
	case DUE_NOTHING: break;
	case DUE_PAYLOAD: return payload_due(a, c, e);
	case DUE_NOTIFY: c->plan.notify_ms = SCHEDULE_NEVER; return duty_make(a, c, DUTY_NOTIFY, VIEW(""), e);
	case DUE_MASK: c->plan.mask_ms = SCHEDULE_NEVER; return duty_make(a, c, DUTY_MASK, VIEW(""), e);
	case DUE_REVIEW: c->plan.review_ms = SCHEDULE_NEVER; return duty_make(a, c, DUTY_REVIEW, VIEW(""), e);
	case DUE_END:
		if (travelling)
			return copy_erase_payload(a, c, "retention period over", e) && end_unfetched(a, c, e);
		return duty_make_end(a, c, e);
	}
	return true;
}

/* Why it was recalled, which is told again; words that a build of before the codes left here are not. */
static bool read_why(const struct act *a, const struct store_duty *d, struct view *out, struct error *e)
{
	struct store_duty found;

	if (!store_find_duty(a->store, d->seq, d->kind, &found, e))
		return false;
	enum recall_code why = recall_code_find(found.why);
	*out = view_of(why < RECALL_CODES ? recall_code_name(why) : "");
	return true;
}

/* A receipt did not come. The first time it is an incident; silence on a review means erase. */
static bool call_again(struct act *a, struct copy *c, struct store_duty *d, struct error *e)
{
	struct copy_terms terms;
	char note[80];
	bool first = d->state == DUTY_OPEN, review = d->kind == DUTY_REVIEW;

	if (!copy_terms(a, c, &terms, NULL, e) || (d->kind == DUTY_RECALL && !read_why(a, d, &d->why, e)))
		return false;
	if (!copy_log(a, c, first ? OPERATION_INCIDENT : OPERATION_DUTY, "overdue",
	              what(note, sizeof note, d->kind, first ? "receipt is overdue" : "receipt is called for again"),
	              e))
		return false;
	a->overdue = true;
	if (review) /* the duty to erase takes its place */
		return duty_make_end(a, c, e);
	d->state = DUTY_OVERDUE;
	d->escalated++;
	d->blocks = terms.block_overdue;
	d->due_ms = a->now_ms;
	for (uint32_t k = 0; k < 1u << (d->escalated < DOUBLINGS ? d->escalated : DOUBLINGS); k++)
		d->due_ms = duration_add(d->due_ms, &terms.receipt);
	/* A correction waits as a record. */
	bool again = c->here && d->kind != DUTY_CORRECTION;
	return (!again || hand_out(a, c, d, e)) && store_set_duty(a->store, d, e);
}

static enum due plan_due(const struct act *a, const struct copy *c)
{
	int64_t due_ms;
	enum due due = schedule_next(&c->plan, &due_ms);

	return due_ms > a->now_ms || c->held ? DUE_NOTHING : due;
}

static bool receipts_due(struct act *a, struct copy *c, struct error *e)
{
	struct duties owed;

	if (!list(a, c->seq, is_owed, &owed, e))
		return false;
	for (size_t i = 0; i < owed.n; i++)
		if (!call_again(a, c, &owed.items[i], e))
			return false;
	/* What is fired next settles the timer, too. */
	return (owed.n == 0 && plan_due(a, c) != DUE_NOTHING) || copy_settle(a, c, e);
}

/* Each step moves or clears what it fired, so that the loop ends. */
bool duty_fire(struct act *a, struct copy *c, struct error *e)
{
	if (!receipts_due(a, c, e))
		return false;
	for (;;) {
		enum due due = plan_due(a, c);
		if (due == DUE_NOTHING)
			return true;
		/* Years of silence at once: what the end overtakes is not asked for any more. */
		if (c->plan.end_ms != SCHEDULE_NEVER && c->plan.end_ms <= a->now_ms && due != DUE_PAYLOAD &&
		    due != DUE_NOTIFY)
			due = DUE_END;
		if (!fire(a, c, due, e))
			return false;
		if (!c->timed)
			return true;
	}
}
