/* See timer.h. */
#include "gatewayd/core/store/timer.h"
#include "gatewayd/core/store/sql_private.h"

const char *timer_kind_name(enum timer_kind k)
{
	switch (k) {
	case TIMER_ERASE: return "erase";
	case TIMER_MASK: return "mask";
	case TIMER_REVIEW: return "review";
	case TIMER_COPY_ERASE: return "copy-erase";
	case TIMER_COPY_RETURN: return "copy-return";
	case TIMER_RECEIPT: return "receipt";
	case TIMER_NOTIFY: return "notify";
	}
	return "unknown";
}

/* Of an exchange that this transaction accepts nothing is held, unless it did so itself. */
static bool may_be_held(const struct store *s, uint64_t seq)
{
	return s->puts_hold || seq < s->committed_seq || seq >= s->next_seq;
}

bool store_put_timer(struct store *s, const struct store_timer *t, struct error *e)
{
	const struct schedule *p = &t->plan;

	return sql_run(s, may_be_held(s, t->seq) ? SQL_TIMER_PUT : SQL_TIMER_PUT_NEW,
	               BOUND(as_number(t->seq), as_int(t->due_ms), as_int(t->kind), as_int(p->base_ms),
	                     as_int(p->payload_ms), as_int(p->mask_ms), as_int(p->review_ms), as_int(p->notify_ms),
	                     as_int(p->end_ms), as_int(p->return_at_end), as_int(t->receipt_ms), as_number(t->inbox),
	                     as_text(t->purpose), as_text(t->reference)),
	               e);
}

bool store_rearm_timer(struct store *s, const struct store_timer *t, struct error *e)
{
	return sql_change(s, SQL_TIMER_REARM,
	                  BOUND(as_number(t->seq), as_int(t->due_ms), as_int(t->kind), as_int(t->plan.payload_ms)),
	                  "timer", e);
}

bool store_drop_timer(struct store *s, uint64_t seq, struct error *e)
{
	return sql_run(s, SQL_TIMER_DROP, BOUND(as_number(seq)), e);
}

struct schedule timer_plan(struct statement *q, int at)
{
	return (struct schedule){ .base_ms = col_int(q, at),
		                  .payload_ms = col_int(q, at + 1),
		                  .mask_ms = col_int(q, at + 2),
		                  .review_ms = col_int(q, at + 3),
		                  .notify_ms = col_int(q, at + 4),
		                  .end_ms = col_int(q, at + 5),
		                  .return_at_end = col_int(q, at + 6) != 0 };
}

static struct store_timer timer_row(struct statement *q)
{
	return (struct store_timer){ .seq = (uint64_t)col_int(q, 0),
		                     .due_ms = col_int(q, 1),
		                     .kind = (enum timer_kind)col_int(q, 2),
		                     .held = col_int(q, 3) != 0,
		                     .plan = timer_plan(q, 4),
		                     .receipt_ms = col_int(q, 11),
		                     .inbox = (uint64_t)col_int(q, 12),
		                     .purpose = col_view(q, 13),
		                     .reference = col_view(q, 14) };
}

bool store_get_timer(struct store *s, uint64_t seq, struct store_timer *out, struct error *e)
{
	struct statement *q = sql_row_of(s, SQL_TIMER_GET, seq, "timer", e);

	if (!q)
		return false;
	struct store_timer t = timer_row(q);
	bool ok = col_keep(s, q, 13, &t.purpose, e) && col_keep(s, q, 14, &t.reference, e);
	sql_end(q);
	if (ok)
		*out = t;
	return ok;
}

static bool list_timers(struct store *s, enum sql id, int64_t bound, unsigned max,
                        bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e)
{
	struct statement *q = sql_start(s, id, BOUND(as_int(bound), as_int(max)), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_timer t = timer_row(q);
		if (!each(arg, &t)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_list_due(struct store *s, int64_t until_ms, unsigned max,
                    bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e)
{
	return list_timers(s, SQL_DUE_LIST, until_ms, max, each, arg, e);
}

bool store_count_due(struct store *s, bool by_agreement, int64_t until_ms,
                     bool (*each)(void *arg, const struct store_due *d), void *arg, struct error *e)
{
	struct statement *q =
	        sql_start(s, by_agreement ? SQL_DUE_AGREEMENTS : SQL_DUE_DAYS, BOUND(as_int(until_ms)), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		/* Counted by day, the first column is day << 8 | kind. */
		struct store_due d = { .day = by_agreement ? 0 : col_int(q, 0) >> 8,
			               .kind = (enum timer_kind)(col_int(q, 0) & 0xff),
			               .held = col_int(q, 1) != 0,
			               .n = (uint64_t)col_int(q, 2),
			               .first_ms = col_int(q, 3),
			               .last_ms = col_int(q, 4) };
		if (by_agreement)
			d.agreement = col_view(q, 5);
		if (!each(arg, &d)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_due_timers(struct store *s, int64_t now_ms, unsigned max,
                      bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e)
{
	return list_timers(s, SQL_TIMER_DUE, now_ms, max, each, arg, e);
}

bool store_list_timers(struct store *s, uint64_t after_seq, unsigned max,
                       bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e)
{
	return list_timers(s, SQL_TIMER_LIST, (int64_t)after_seq, max, each, arg, e);
}
