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
	if (c->state != STATE_QUEUED)
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
	snprintf(reason, sizeof reason, "%.*s", VIEW_ARG(d.last_error));
	c.plan.notify_ms = SCHEDULE_NEVER;
	return outbox_tell(a, &c, view_of(reason[0] ? reason : "expired"), d.attempts, false, e) &&
	       copy_log(a, &c, OPERATION_DELIVERY, "failed", who, e) && store_drop_delivery(a->store, seq, e) &&
	       copy_erase_payload(a, &c, "delivery ended by a person", e) && copy_end(a, &c, STATE_FAILED, e);
}
