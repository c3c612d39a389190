/* The store's notices: those that wait, how each ended, and what was taken from partners. See store.h. */
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/store/sql_private.h"

const char *notice_kind_name(enum notice_kind k)
{
	switch (k) {
	case NOTICE_RECEIPT: return "receipt";
	case NOTICE_RECALL: return "recall";
	case NOTICE_HOLD: return "hold";
	case NOTICE_LIFT: return "lift";
	case NOTICE_RETURN: return "return";
	}
	return "unknown";
}

/* --- those that wait --- */

bool store_put_notice(struct store *s, struct store_notice *n, struct error *e)
{
	uint64_t last;

	if (!sql_number(s, SQL_NOTICE_LAST, NULL, 0, &last, e) ||
	    !sql_run(s, SQL_NOTICE_PUT,
	             BOUND(as_number(last + 1), as_number(n->seq), as_int(n->kind), as_text(n->recipient),
	                   as_number(n->entry), as_text(n->body), as_int(n->made_ms), as_int(n->next_ms),
	                   as_int(n->attempts), as_text(n->last_error)),
	             e))
		return false;
	n->id = last + 1;
	return true;
}

bool store_retry_notice(struct store *s, uint64_t id, int64_t next_ms, struct view last_error, struct error *e)
{
	return sql_change(s, SQL_NOTICE_RETRY, BOUND(as_number(id), as_int(next_ms), as_text(last_error)), "notice", e);
}

static struct store_notice notice_row(struct statement *q)
{
	return (struct store_notice){ .id = (uint64_t)col_int(q, 0),
		                      .seq = (uint64_t)col_int(q, 1),
		                      .kind = (enum notice_kind)col_int(q, 2),
		                      .recipient = col_view(q, 3),
		                      .entry = (uint64_t)col_int(q, 4),
		                      .body = col_view(q, 5),
		                      .made_ms = col_int(q, 6),
		                      .next_ms = col_int(q, 7),
		                      .attempts = (uint32_t)col_int(q, 8),
		                      .last_error = col_view(q, 9) };
}

bool store_hasten_notice(struct store *s, uint64_t id, int64_t next_ms, struct error *e)
{
	return sql_change(s, SQL_NOTICE_HASTEN, BOUND(as_number(id), as_int(next_ms)), "notice", e);
}

bool store_get_notice(struct store *s, uint64_t id, struct store_notice *out, struct error *e)
{
	struct statement *q = sql_row(s, SQL_NOTICE_GET, BOUND(as_number(id)), "notice", e);

	if (!q)
		return false;
	arena_reset(&s->scratch);
	struct store_notice n = notice_row(q);
	bool ok = col_keep(s, q, 3, &n.recipient, e) && col_keep(s, q, 5, &n.body, e) &&
	          col_keep(s, q, 9, &n.last_error, e);
	sql_end(q);
	if (ok)
		*out = n;
	return ok;
}

/* `q`: a listing's statement, NULL when it could not be started. */
static bool each_notice(struct store *s, struct statement *q, bool (*each)(void *arg, const struct store_notice *n),
                        void *arg, struct error *e)
{
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_notice n = notice_row(q);
		if (!each(arg, &n)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_list_notices(struct store *s, uint64_t after_id, unsigned max,
                        bool (*each)(void *arg, const struct store_notice *n), void *arg, struct error *e)
{
	return each_notice(s, sql_start(s, SQL_NOTICE_LIST, BOUND(as_number(after_id), as_int(max)), e), each, arg, e);
}

bool store_list_notices_of(struct store *s, uint64_t seq, bool (*each)(void *arg, const struct store_notice *n),
                           void *arg, struct error *e)
{
	return each_notice(s, sql_start(s, SQL_NOTICE_LIST_OF, BOUND(as_number(seq)), e), each, arg, e);
}

bool store_due_notices(struct store *s, const struct store_ask *ask,
                       bool (*each)(void *arg, const struct store_notice *n), void *arg, struct error *e)
{
	return each_notice(s,
	                   sql_start(s, SQL_NOTICE_DUE,
	                             BOUND(as_text(ask->recipient), as_int(ask->now_ms), as_int(ask->before_ms),
	                                   as_int(ask->share), as_int(ask->shares), as_int(ask->max)),
	                             e),
	                   each, arg, e);
}

bool store_next_notice_recipient(struct store *s, struct view after, struct view *out, struct error *e)
{
	return sql_keep(s, SQL_NOTICE_RECIPIENT, BOUND(as_text(after)), "recipient", out, e);
}

bool store_count_notices(struct store *s, bool (*each)(void *arg, const struct store_waiting *w), void *arg,
                         struct error *e)
{
	return sql_each_waiting(s, sql_start(s, SQL_NOTICE_COUNT, NULL, 0, e), each, arg, e);
}

/* --- how they ended --- */

bool store_drop_notice(struct store *s, uint64_t id, int64_t now_ms, struct view error, struct view receipt,
                       struct error *e)
{
	return sql_change(s, SQL_NOTICE_END_PUT, BOUND(as_number(id), as_int(now_ms), as_text(error), as_text(receipt)),
	                  "notice", e) &&
	       sql_run(s, SQL_NOTICE_DROP, BOUND(as_number(id)), e);
}

bool store_list_notice_ends(struct store *s, uint64_t seq, bool (*each)(void *arg, const struct store_notice_end *n),
                            void *arg, struct error *e)
{
	struct statement *q = sql_start(s, SQL_NOTICE_END_LIST, BOUND(as_number(seq)), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_notice_end n = { .id = (uint64_t)col_int(q, 0),
			                      .kind = (enum notice_kind)col_int(q, 1),
			                      .recipient = col_view(q, 2),
			                      .entry = (uint64_t)col_int(q, 3),
			                      .made_ms = col_int(q, 4),
			                      .ended_ms = col_int(q, 5),
			                      .error = col_view(q, 6),
			                      .receipt = col_view(q, 7) };
		if (!each(arg, &n)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

/* --- those that were taken --- */

bool store_put_notice_taken(struct store *s, const struct store_notice_taken *t, struct error *e)
{
	return sql_run(s, SQL_NOTICE_TAKEN_PUT,
	               BOUND(as_number(t->seq), as_digest(&t->digest), as_int(t->kind), as_number(t->entry),
	                     as_int(t->taken_ms), as_text(t->proof)),
	               e);
}

static struct store_notice_taken taken_row(struct statement *q)
{
	struct store_notice_taken t = { .seq = (uint64_t)col_int(q, 0),
		                        .kind = (enum notice_kind)col_int(q, 2),
		                        .entry = (uint64_t)col_int(q, 3),
		                        .taken_ms = col_int(q, 4),
		                        .proof = col_view(q, 5) };

	col_bytes(q, 1, t.digest.b, sizeof t.digest.b);
	return t;
}

bool store_get_notice_taken(struct store *s, uint64_t seq, const struct digest *digest, struct store_notice_taken *out,
                            struct error *e)
{
	struct statement *q = sql_row(s, SQL_NOTICE_TAKEN_GET, BOUND(as_number(seq), as_digest(digest)), "notice", e);

	if (!q)
		return false;
	arena_reset(&s->scratch);
	struct store_notice_taken t = taken_row(q);
	bool ok = col_keep(s, q, 5, &t.proof, e);
	sql_end(q);
	if (ok)
		*out = t;
	return ok;
}

bool store_count_notices_taken(struct store *s, uint64_t seq, uint64_t *n, struct error *e)
{
	return sql_number(s, SQL_NOTICE_TAKEN_COUNT, BOUND(as_number(seq)), n, e);
}

bool store_list_notices_taken(struct store *s, uint64_t seq,
                              bool (*each)(void *arg, const struct store_notice_taken *t), void *arg, struct error *e)
{
	struct statement *q = sql_start(s, SQL_NOTICE_TAKEN_LIST, BOUND(as_number(seq)), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_notice_taken t = taken_row(q);
		if (!each(arg, &t)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}
