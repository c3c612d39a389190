/* See rest.h. */
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/log_private.h"
#include "lib/base/datetime.h"

bool store_put_document(struct store *s, const struct digest *d, struct view kind, struct view text, int64_t now_ms,
                        struct error *e)
{
	return sql_run(s, SQL_DOCUMENT_PUT, BOUND(as_digest(d), as_text(kind), as_blob(text), as_int(now_ms)), e);
}

bool store_get_document(struct store *s, const struct digest *d, struct view *text, struct error *e)
{
	return sql_keep(s, SQL_DOCUMENT_GET, BOUND(as_digest(d)), "document", text, e);
}

bool store_list_documents(struct store *s, struct view kind,
                          bool (*each)(void *arg, const struct digest *d, int64_t first_ms, struct view text),
                          void *arg, struct error *e)
{
	struct statement *q = sql_start(s, SQL_DOCUMENT_LIST, BOUND(as_text(kind)), e);
	struct digest d;
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		col_bytes(q, 0, d.b, sizeof d.b);
		if (!each(arg, &d, col_int(q, 1), col_view(q, 2))) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_put_value(struct store *s, struct view name, struct view value, struct error *e)
{
	return value.n > 0 ? sql_run(s, SQL_VALUE_PUT, BOUND(as_text(name), as_blob(value)), e)
	                   : sql_run(s, SQL_VALUE_DROP, BOUND(as_text(name)), e);
}

bool store_get_value(struct store *s, struct view name, struct view *value, struct error *e)
{
	return sql_keep(s, SQL_VALUE_GET, BOUND(as_text(name)), "value", value, e);
}

bool store_count(struct store *s, struct store_counts *out, struct error *e)
{
	if (s->in_transaction && !pending_flush(s, e))
		return false;
	struct statement *q = sql_row(s, SQL_COUNTS, BOUND(as_int(log_key(s, 0))), "row", e);

	if (!q)
		return false;
	*out = (struct store_counts){ .exchanges = (uint64_t)col_int(q, 0),
		                      .payloads = (uint64_t)col_int(q, 1),
		                      .timers = (uint64_t)col_int(q, 2),
		                      .deliveries = (uint64_t)col_int(q, 3),
		                      .inbox = (uint64_t)col_int(q, 4),
		                      .entries = (uint64_t)col_int(q, 5),
		                      .notices = (uint64_t)col_int(q, 6),
		                      .acts_in_effect = (uint64_t)col_int(q, 7),
		                      .acts_untold = (uint64_t)col_int(q, 8) };
	sql_end(q);
	return true;
}
