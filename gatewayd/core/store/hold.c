/* The store's holds. Whether a timer is held follows from them: it is set here when a hold comes or ends, and by
 * the statement that puts a timer. See store.h. */
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/sql_private.h"
#include "lib/base/datetime.h"

const char *hold_kind_name(enum hold_kind k)
{
	switch (k) {
	case HOLD_LEGAL: return "hold";
	case HOLD_RESTRICTION: return "restriction";
	}
	return "unknown";
}

/* Steps a statement that answers with one number at most; *found false: it changed nothing. */
static bool change_one(struct store *s, struct statement *q, uint64_t *number, bool *found, struct error *e)
{
	bool ok;

	*found = sql_next(s, q, &ok, e);
	if (*found) {
		*number = (uint64_t)col_int(q, 0);
		sql_end(q);
	}
	return ok;
}

bool store_put_hold(struct store *s, struct store_hold *h, bool *fresh, struct error *e)
{
	s->puts_hold = true;
	return change_one(s,
	                  sql_start(s, SQL_HOLD_PUT,
	                            BOUND(as_number(h->seq), as_int(h->kind), as_int(h->from_ms), as_int(h->until_ms),
	                                  as_digest(&h->statement), as_text(h->signer), as_text(h->role)),
	                            e),
	                  &h->id, fresh, e) &&
	       (!*fresh || sql_run(s, SQL_HOLD_TIMER, BOUND(as_number(h->seq)), e));
}

bool store_end_hold(struct store *s, uint64_t id, int64_t ended_ms, struct error *e)
{
	uint64_t seq = 0;
	bool found;

	if (!change_one(s, sql_start(s, SQL_HOLD_END, BOUND(as_number(id), as_int(ended_ms)), e), &seq, &found, e))
		return false;
	return found ? sql_run(s, SQL_HOLD_TIMER, BOUND(as_number(seq)), e)
	             : error_set(e, REASON_NOT_FOUND, "no such hold is in force");
}

static struct store_hold hold_row(struct statement *q)
{
	struct store_hold h = { .id = (uint64_t)col_int(q, 0),
		                .seq = (uint64_t)col_int(q, 1),
		                .kind = (enum hold_kind)col_int(q, 2),
		                .from_ms = col_int(q, 3),
		                .until_ms = col_int(q, 4),
		                .signer = col_view(q, 6),
		                .role = col_view(q, 7),
		                .ended_ms = col_null(q, 8) ? TIME_NONE : col_int(q, 8) };

	col_bytes(q, 5, h.statement.b, sizeof h.statement.b);
	return h;
}

bool store_find_hold(struct store *s, const struct digest *statement, struct store_hold *out, struct error *e)
{
	struct statement *q = sql_row(s, SQL_HOLD_FIND, BOUND(as_digest(statement)), "hold", e);

	if (!q)
		return false;
	arena_reset(&s->scratch);
	struct store_hold h = hold_row(q);
	bool ok = col_keep(s, q, 6, &h.signer, e) && col_keep(s, q, 7, &h.role, e);
	sql_end(q);
	if (ok)
		*out = h;
	return ok;
}

static bool list(struct store *s, struct statement *q, bool (*each)(void *arg, const struct store_hold *h), void *arg,
                 struct error *e)
{
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_hold h = hold_row(q);
		if (!each(arg, &h)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_list_holds(struct store *s, uint64_t seq, bool ended_too,
                      bool (*each)(void *arg, const struct store_hold *h), void *arg, struct error *e)
{
	struct statement *q = seq ? sql_start(s, SQL_HOLD_LIST_OF, BOUND(as_number(seq), as_int(ended_too)), e)
	                          : sql_start(s, SQL_HOLD_LIST, BOUND(as_int(ended_too)), e);

	return list(s, q, each, arg, e);
}

bool store_due_holds(struct store *s, int64_t now_ms, unsigned max, bool (*each)(void *arg, const struct store_hold *h),
                     void *arg, struct error *e)
{
	return list(s, sql_start(s, SQL_HOLD_DUE, BOUND(as_int(now_ms), as_int(max)), e), each, arg, e);
}

bool store_held(struct store *s, uint64_t seq, struct store_held *out, struct error *e)
{
	struct statement *q = sql_row(s, SQL_HOLD_COUNT,
	                              BOUND(as_number(seq), as_int(HOLD_LEGAL), as_int(HOLD_RESTRICTION)), "row", e);

	if (!q)
		return false;
	*out = (struct store_held){ .legal = (unsigned)col_int(q, 0), .restrictions = (unsigned)col_int(q, 1) };
	sql_end(q);
	return true;
}
