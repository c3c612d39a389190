/* See inbox.h. */
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/sql_private.h"

bool inbox_has_record(struct view kind)
{
	return view_is(kind, "record") || view_is(kind, "correction") || view_is(kind, "returned");
}

bool store_put_inbox(struct store *s, struct store_inbox *i, struct error *e)
{
	if (!sql_run(s, SQL_INBOX_PUT,
	             BOUND(as_number(s->next_inbox), as_number(i->seq), as_uuid(&i->exchange), as_text(i->kind),
	                   as_text(i->body), as_int(i->made_ms)),
	             e))
		return false;
	i->id = s->next_inbox++;
	return true;
}

static struct store_inbox inbox_row(struct statement *q)
{
	struct store_inbox i = { .id = (uint64_t)col_int(q, 0),
		                 .seq = (uint64_t)col_int(q, 1),
		                 .kind = col_view(q, 3),
		                 .body = col_view(q, 4),
		                 .made_ms = col_int(q, 5) };

	col_bytes(q, 2, i.exchange.b, sizeof i.exchange.b);
	return i;
}

bool store_list_inbox(struct store *s, uint64_t after, unsigned max,
                      bool (*each)(void *arg, const struct store_inbox *i), void *arg, struct error *e)
{
	struct statement *q = sql_start(s, SQL_INBOX_LIST,
	                                BOUND(as_int(after > INT64_MAX ? INT64_MAX : (int64_t)after), as_int(max)), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_inbox i = inbox_row(q);
		if (!each(arg, &i)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_get_inbox(struct store *s, uint64_t id, struct store_inbox *out, struct error *e)
{
	struct statement *q = sql_row_of(s, SQL_INBOX_GET, id, "inbox item", e);
	enum sought open = sought(q != NULL, e);
	bool done = open == SOUGHT_NONE;

	if (open == SOUGHT_FAILED)
		return false;
	if (done && !(q = sql_row_of(s, SQL_INBOX_DONE_GET, id, "inbox item", e)))
		return false;
	struct store_inbox i = inbox_row(q);
	i.acked_ms = done ? col_int(q, 6) : 0;
	bool ok = col_keep(s, q, 3, &i.kind, e) && col_keep(s, q, 4, &i.body, e);
	sql_end(q);
	if (ok)
		*out = i;
	return ok;
}

bool store_drop_inbox(struct store *s, uint64_t id, struct error *e)
{
	return sql_run(s, SQL_INBOX_DROP, BOUND(as_number(id)), e);
}

bool store_ack_inbox(struct store *s, uint64_t id, int64_t now_ms, struct view receipt, bool *first, struct error *e)
{
	struct statement *q;

	/* Looked up first: a second acknowledgement must not fail on the row that the first one left. */
	if ((q = sql_row_of(s, SQL_INBOX_DONE_GET, id, "inbox item", NULL))) {
		sql_end(q);
		*first = false;
		return true;
	}
	if (!sql_change(s, SQL_INBOX_DONE, BOUND(as_number(id), as_int(now_ms), as_text(receipt)), "inbox item", e))
		return false;
	*first = true;
	return sql_run(s, SQL_INBOX_DROP, BOUND(as_number(id)), e);
}
