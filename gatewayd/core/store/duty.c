/* See duty.h. */
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/sql_private.h"

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
	return sql_number(s, SQL_DUTY_PUT,
	                  BOUND(as_number(d->seq), as_int(d->kind), as_int(d->state), as_int(d->made_ms),
	                        as_int(d->due_ms), as_int(d->done_ms), as_int(d->escalated), as_int(d->blocks),
	                        as_number(d->inbox), as_text(d->result), as_text(d->why)),
	                  &d->id, e);
}

bool store_set_duty(struct store *s, const struct store_duty *d, struct error *e)
{
	return sql_change(s, SQL_DUTY_SET,
	                  BOUND(as_number(d->id), as_int(d->state), as_int(d->due_ms), as_int(d->done_ms),
	                        as_int(d->escalated), as_int(d->blocks), as_number(d->inbox), as_text(d->result),
	                        as_text(d->why)),
	                  "duty", e);
}

static struct store_duty duty_row(struct statement *q)
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
	struct statement *q = sql_row(s, SQL_DUTY_FIND, BOUND(as_number(seq), as_int(kind)), "duty", e);

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

static bool each_duty(struct store *s, struct statement *q, bool (*each)(void *arg, const struct store_duty *d),
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
	struct statement *q = sql_start(s, SQL_DUTY_BLOCKING, NULL, 0, e);
	bool ok;

	while (sql_next(s, q, &ok, e))
		if (!each(arg, col_view(q, 0), col_view(q, 1))) {
			sql_end(q);
			break;
		}
	return ok;
}
