/* See outbox.h. */
#include "gatewayd/core/deliver/outbox.h"

#include "gatewayd/core/store/inbox.h"

bool outbox_tell(const struct act *a, const struct copy *c, struct view reason, uint32_t attempts, bool kept,
                 struct error *e)
{
	struct buf body = BUF_INIT(4096);
	struct store_inbox item = {
		.seq = c->seq, .exchange = c->id, .kind = VIEW("delivery-failed"), .made_ms = a->now_ms
	};
	char until[TIME_TEXT + 1];

	buf_adds(&body, "\"agreement\":");
	buf_add_json_string(&body, view_of(c->agreement));
	buf_adds(&body, ",\"recipient\":");
	buf_add_json_string(&body, view_of(c->recipient));
	buf_adds(&body, ",\"reason\":");
	buf_add_json_string(&body, reason);
	buf_addf(&body, ",\"attempts\":%u", (unsigned)attempts);
	if (kept && c->plan.payload_ms != SCHEDULE_NEVER) {
		time_print(c->plan.payload_ms, until);
		buf_addf(&body, ",\"retry_until\":\"%s\"", until);
	}
	item.body = buf_view(&body);
	bool ok = (!body.failed || error_set(e, REASON_NO_MEMORY, "memory ran out")) &&
	          store_put_inbox(a->store, &item, e);
	buf_free(&body);
	return ok;
}

/* Its row and exchange, while it waits. */
static bool load(const struct act *a, uint64_t seq, struct copy *c, struct store_delivery *d, bool *waits,
                 struct error *e)
{
	*waits = false;
	if (!copy_load(a, seq, c, e))
		return false;
	if (c->state != STATE_QUEUED && c->state != STATE_DELIVERED)
		return true;
	enum sought row = sought(store_get_delivery(a->store, seq, d, e), e);
	*waits = row == SOUGHT_FOUND;
	return row != SOUGHT_FAILED;
}

/* The deadline that it would have if it were queued now. */
static int64_t new_deadline(const struct act *a, const struct copy *c)
{
	struct conf *conf = core_conf(a->core);
	int64_t deadline = duration_add(a->now_ms, &conf->node.delivery_deadline);

	conf_unref(conf);
	return deadline == TIME_NONE || deadline > c->plan.payload_ms ? c->plan.payload_ms : deadline;
}

bool outbox_retry(const struct act *a, uint64_t seq, const char *who, bool *done, struct error *e)
{
	struct store_delivery d;
	struct copy c;

	if (!load(a, seq, &c, &d, done, e))
		return false;
	if (!*done)
		return true;
	if (d.next_ms != OUTBOX_FAILED)
		return store_extend_delivery(a->store, seq, a->now_ms, 0, e);
	int64_t deadline = new_deadline(a, &c);
	*done = deadline > a->now_ms;
	return !*done || (store_extend_delivery(a->store, seq, a->now_ms, deadline - d.deadline_ms, e) &&
	                  copy_log(a, &c, OPERATION_DELIVERY, "queued", who, e));
}

bool outbox_expire(const struct act *a, uint64_t seq, const char *who, bool *done, struct error *e)
{
	struct store_delivery d;
	struct copy c;
	char reason[64];

	if (!load(a, seq, &c, &d, done, e))
		return false;
	if (!*done)
		return true;
	if (c.state == STATE_DELIVERED) /* once more: it arrived before */
		return copy_log(a, &c, OPERATION_DELIVERY, "failed", who, e) && store_drop_delivery(a->store, seq, e);
	snprintf(reason, sizeof reason, "%.*s", VIEW_ARG(d.last_error));
	c.plan.notify_ms = SCHEDULE_NEVER;
	return outbox_tell(a, &c, view_of(reason[0] ? reason : "expired"), d.attempts, false, e) &&
	       copy_log(a, &c, OPERATION_DELIVERY, "failed", who, e) && store_drop_delivery(a->store, seq, e) &&
	       copy_erase_payload(a, &c, "delivery ended by a person", e) && copy_end(a, &c, STATE_FAILED, e);
}

const char *outbox_again_name(enum outbox_again what)
{
	switch (what) {
	case AGAIN_QUEUED: return "queued";
	case AGAIN_WAITS: return "waits";
	case AGAIN_NOT_KEPT: return "not-kept";
	case AGAIN_NOT_DELIVERED: return "not-delivered";
	}
	return "unknown";
}

/* Queues what is kept of it. */
static bool queue_again(const struct act *a, const struct copy *c, struct view envelope, const char *who,
                        struct error *e)
{
	struct store_delivery d = { .seq = c->seq,
		                    .recipient = view_of(c->recipient),
		                    .next_ms = a->now_ms,
		                    .deadline_ms = new_deadline(a, c),
		                    .envelope = envelope };

	return store_put_delivery(a->store, &d, e) && copy_log(a, c, OPERATION_DELIVERY, "queued", who, e);
}

bool outbox_again(const struct act *a, uint64_t seq, const char *who, enum outbox_again *what, struct error *e)
{
	struct store_delivery d;
	struct view envelope;
	struct copy c;
	bool waits;

	*what = AGAIN_NOT_DELIVERED;
	if (!load(a, seq, &c, &d, &waits, e))
		return false;
	if (waits)
		*what = AGAIN_WAITS;
	if (waits || c.state != STATE_DELIVERED)
		return true;
	*what = AGAIN_NOT_KEPT;
	if (c.plan.payload_ms == SCHEDULE_NEVER || c.plan.payload_ms <= a->now_ms)
		return true;
	enum sought kept = sought(store_get_kept(a->store, seq, &envelope, e), e);
	if (kept != SOUGHT_FOUND)
		return kept == SOUGHT_NONE;
	*what = AGAIN_QUEUED;
	return queue_again(a, &c, envelope, who, e);
}
