/* The store's timers, duties and links: what becomes of the recipient's copy. See store.h. */
#include "gatewayd/core/store/sql_private.h"

/* --- timers --- */

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

bool store_put_timer(struct store *s, const struct store_timer *t, struct error *e)
{
	const struct schedule *p = &t->plan;

	return sql_run(s, SQL_TIMER_PUT,
	               BOUND(as_number(t->seq), as_int(t->due_ms), as_int(t->kind), as_int(p->base_ms),
	                     as_int(p->payload_ms), as_int(p->mask_ms), as_int(p->review_ms), as_int(p->notify_ms),
	                     as_int(p->end_ms), as_int(p->return_at_end), as_int(t->receipt_ms), as_number(t->inbox),
	                     as_text(t->purpose), as_text(t->reference)),
	               e);
}

bool store_drop_timer(struct store *s, uint64_t seq, struct error *e)
{
	return sql_run(s, SQL_TIMER_DROP, BOUND(as_number(seq)), e);
}

static struct store_timer timer_row(struct sqlite3_stmt *q)
{
	return (struct store_timer){ .seq = (uint64_t)col_int(q, 0),
		                     .due_ms = col_int(q, 1),
		                     .kind = (enum timer_kind)col_int(q, 2),
		                     .held = col_int(q, 3) != 0,
		                     .plan = { .base_ms = col_int(q, 4),
		                               .payload_ms = col_int(q, 5),
		                               .mask_ms = col_int(q, 6),
		                               .review_ms = col_int(q, 7),
		                               .notify_ms = col_int(q, 8),
		                               .end_ms = col_int(q, 9),
		                               .return_at_end = col_int(q, 10) != 0 },
		                     .receipt_ms = col_int(q, 11),
		                     .inbox = (uint64_t)col_int(q, 12),
		                     .purpose = col_view(q, 13),
		                     .reference = col_view(q, 14) };
}

bool store_get_timer(struct store *s, uint64_t seq, struct store_timer *out, struct error *e)
{
	struct sqlite3_stmt *q = sql_row_of(s, SQL_TIMER_GET, seq, "timer", e);

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
	struct sqlite3_stmt *q = sql_start(s, id, BOUND(as_int(bound), as_int(max)), e);
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
	struct sqlite3_stmt *q =
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

/* --- duties --- */

static const char *const duty_names[DUTY_KINDS] = {
	[DUTY_MASK] = "mask",     [DUTY_REVIEW] = "review",         [DUTY_ERASE] = "erase",   [DUTY_RETURN] = "return",
	[DUTY_RECALL] = "recall", [DUTY_CORRECTION] = "correction", [DUTY_NOTIFY] = "notify",
};

const char *duty_kind_name(enum duty_kind k)
{
	return duty_names[k];
}

enum duty_kind duty_kind_find(struct view name)
{
	unsigned k = 0;

	while (k < DUTY_KINDS && !view_is(name, duty_names[k]))
		k++;
	return (enum duty_kind)k;
}

const char *duty_state_name(enum duty_state s)
{
	switch (s) {
	case DUTY_OPEN: return "open";
	case DUTY_OVERDUE: return "overdue";
	case DUTY_WAITING: return "waiting";
	case DUTY_DONE: return "done";
	case DUTY_WITHDRAWN: return "withdrawn";
	}
	return "unknown";
}

bool store_put_duty(struct store *s, struct store_duty *d, struct error *e)
{
	if (!sql_run(s, SQL_DUTY_PUT,
	             BOUND(as_number(d->seq), as_int(d->kind), as_int(d->state), as_int(d->made_ms), as_int(d->due_ms),
	                   as_int(d->done_ms), as_int(d->escalated), as_int(d->blocks), as_number(d->inbox),
	                   as_text(d->result), as_text(d->why)),
	             e))
		return false;
	d->id = sql_inserted(s);
	return true;
}

bool store_set_duty(struct store *s, const struct store_duty *d, struct error *e)
{
	return sql_change(s, SQL_DUTY_SET,
	                  BOUND(as_number(d->id), as_int(d->state), as_int(d->due_ms), as_int(d->done_ms),
	                        as_int(d->escalated), as_int(d->blocks), as_number(d->inbox), as_text(d->result),
	                        as_text(d->why)),
	                  "duty", e);
}

static struct store_duty duty_row(struct sqlite3_stmt *q)
{
	return (struct store_duty){ .id = (uint64_t)col_int(q, 0),
		                    .seq = (uint64_t)col_int(q, 1),
		                    .kind = (enum duty_kind)col_int(q, 2),
		                    .state = (enum duty_state)col_int(q, 3),
		                    .made_ms = col_int(q, 4),
		                    .due_ms = col_int(q, 5),
		                    .done_ms = col_int(q, 6),
		                    .escalated = (uint32_t)col_int(q, 7),
		                    .blocks = col_int(q, 8) != 0,
		                    .inbox = (uint64_t)col_int(q, 9),
		                    .result = col_view(q, 10),
		                    .why = col_view(q, 11) };
}

bool store_find_duty(struct store *s, uint64_t seq, enum duty_kind kind, struct store_duty *out, struct error *e)
{
	struct sqlite3_stmt *q = sql_row(s, SQL_DUTY_FIND, BOUND(as_number(seq), as_int(kind)), "duty", e);

	if (!q)
		return false;
	arena_reset(&s->scratch);
	struct store_duty d = duty_row(q);
	bool ok = col_keep(s, q, 10, &d.result, e) && col_keep(s, q, 11, &d.why, e);
	sql_end(q);
	if (ok)
		*out = d;
	return ok;
}

static bool each_duty(struct store *s, struct sqlite3_stmt *q, bool (*each)(void *arg, const struct store_duty *d),
                      void *arg, struct error *e)
{
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_duty d = duty_row(q);
		if (!each(arg, &d)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_list_duties(struct store *s, uint64_t seq, bool (*each)(void *arg, const struct store_duty *d), void *arg,
                       struct error *e)
{
	return each_duty(s, sql_start(s, SQL_DUTY_LIST, BOUND(as_number(seq)), e), each, arg, e);
}

bool store_list_overdue(struct store *s, uint64_t after_id, unsigned max,
                        bool (*each)(void *arg, const struct store_duty *d), void *arg, struct error *e)
{
	return each_duty(s, sql_start(s, SQL_DUTY_OVERDUE, BOUND(as_number(after_id), as_int(max)), e), each, arg, e);
}

bool store_list_blocking(struct store *s, bool (*each)(void *arg, struct view agreement, struct view recipient),
                         void *arg, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_DUTY_BLOCKING, NULL, 0, e);
	bool ok;

	while (sql_next(s, q, &ok, e))
		if (!each(arg, col_view(q, 0), col_view(q, 1))) {
			sql_end(q);
			break;
		}
	return ok;
}

/* --- links --- */

bool store_put_link(struct store *s, const struct store_link *l, struct error *e)
{
	return sql_run(s, SQL_LINK_PUT,
	               BOUND(as_number(l->child), as_int(l->kind), as_number(l->parent), as_int(l->version)), e);
}

static struct store_link link_row(struct sqlite3_stmt *q)
{
	return (struct store_link){ .child = (uint64_t)col_int(q, 0),
		                    .parent = (uint64_t)col_int(q, 1),
		                    .kind = (enum link_kind)col_int(q, 2),
		                    .version = (uint32_t)col_int(q, 3) };
}

bool store_get_link(struct store *s, uint64_t child, enum link_kind kind, struct store_link *out, struct error *e)
{
	struct sqlite3_stmt *q = sql_row(s, SQL_LINK_GET, BOUND(as_number(child), as_int(kind)), "link", e);

	if (!q)
		return false;
	*out = link_row(q);
	sql_end(q);
	return true;
}

bool store_list_links(struct store *s, uint64_t parent, enum link_kind kind,
                      bool (*each)(void *arg, const struct store_link *l), void *arg, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_LINK_LIST, BOUND(as_number(parent), as_int(kind)), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_link l = link_row(q);
		if (!each(arg, &l)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}
