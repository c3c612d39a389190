/* See witness.h. */
#include "gatewayd/core/store/witness.h"
#include "gatewayd/core/store/log_private.h"

bool store_put_witnessed(struct store *s, struct view origin, const struct store_witnessed *w, struct error *e)
{
	return sql_run(s, SQL_WITNESSED_PUT,
	               BOUND(as_text(origin), as_number(w->size), as_digest(&w->root), as_text(w->note),
	                     as_digest(&w->incident)),
	               e);
}

bool store_get_witnessed(struct store *s, struct view origin, struct store_witnessed *out, struct error *e)
{
	struct statement *q = sql_row(s, SQL_WITNESSED_GET, BOUND(as_text(origin)), "witnessed log", e);

	if (!q)
		return false;
	arena_reset(&s->scratch);
	struct store_witnessed w = { .size = (uint64_t)col_int(q, 0) };
	col_bytes(q, 1, w.root.b, sizeof w.root.b);
	col_bytes(q, 3, w.incident.b, sizeof w.incident.b);
	bool ok = col_keep(s, q, 2, &w.note, e);
	sql_end(q);
	if (ok)
		*out = w;
	return ok;
}

bool store_put_cosignature(struct store *s, struct view witness, uint64_t size, struct view line, struct error *e)
{
	return sql_run(s, SQL_COSIGNATURE_PUT, BOUND(as_text(witness), as_int(log_key(s, size)), as_text(line)), e);
}

bool store_drop_cosignatures(struct store *s, uint64_t size, struct error *e)
{
	return sql_run(s, SQL_COSIGNATURE_DROP, BOUND(as_int(log_key(s, 0)), as_int(log_key(s, size))), e);
}

bool store_trim_cosignatures(struct store *s, unsigned most, struct error *e)
{
	return sql_run(s, SQL_COSIGNATURE_TRIM, BOUND(as_int(log_key(s, 0)), as_int(log_end(s)), as_int(most)), e);
}

bool store_cosigned(struct store *s, uint64_t *size, struct error *e)
{
	return sql_number(s, SQL_COSIGNATURE_LEAST, BOUND(as_int(log_key(s, 0)), as_int(log_end(s))), size, e);
}

bool store_list_cosignatures(struct store *s, uint64_t size, bool (*each)(void *arg, struct view line), void *arg,
                             struct error *e)
{
	struct statement *q = sql_start(s, SQL_COSIGNATURE_LIST, BOUND(as_int(log_key(s, size))), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		if (!each(arg, col_view(q, 0))) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_put_sighted(struct store *s, struct view origin, uint64_t size, struct view note, struct error *e)
{
	return sql_run(s, SQL_SIGHTED_PUT, BOUND(as_text(origin), as_number(size), as_text(note)), e);
}

bool store_drop_sighted(struct store *s, struct view origin, uint64_t from, uint64_t to, struct error *e)
{
	return sql_run(s, SQL_SIGHTED_DROP, BOUND(as_text(origin), as_number(from), as_number(to)), e);
}

/* How long a text is takes reading it, which the most frequent case has no need of. */
bool store_trim_sighted(struct store *s, struct view origin, unsigned longer, unsigned most, struct error *e)
{
	return longer ? sql_run(s, SQL_SIGHTED_TRIM_LONG, BOUND(as_text(origin), as_int(most), as_int(longer)), e)
	              : sql_run(s, SQL_SIGHTED_TRIM, BOUND(as_text(origin), as_int(most)), e);
}

bool store_get_sighted(struct store *s, struct view origin, uint64_t size, struct view *note, struct error *e)
{
	return sql_keep(s, SQL_SIGHTED_GET, BOUND(as_text(origin), as_number(size)), "checkpoint", note, e);
}

bool store_list_sighted(struct store *s, bool (*each)(void *arg, struct view origin, uint64_t size, struct view note),
                        void *arg, struct error *e)
{
	struct statement *q = sql_start(s, SQL_SIGHTED_LIST, NULL, 0, e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		if (!each(arg, col_view(q, 0), (uint64_t)col_int(q, 1), col_view(q, 2))) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_put_unproved(struct store *s, const struct store_unproved *u, struct error *e)
{
	return sql_run(s, SQL_UNPROVED_PUT, BOUND(as_number(u->seq), as_text(u->origin), as_number(u->size)), e);
}

bool store_get_unproved(struct store *s, uint64_t seq, struct store_unproved *out, struct error *e)
{
	struct statement *q = sql_row(s, SQL_UNPROVED_GET, BOUND(as_number(seq)), "unproved exchange", e);

	if (!q)
		return false;
	arena_reset(&s->scratch);
	struct store_unproved u = { .seq = seq, .size = (uint64_t)col_int(q, 1), .forked = col_int(q, 2) != 0 };
	bool ok = col_keep(s, q, 0, &u.origin, e);
	sql_end(q);
	if (ok)
		*out = u;
	return ok;
}

bool store_set_forked(struct store *s, struct view origin, uint64_t size, struct error *e)
{
	return sql_run(s, SQL_UNPROVED_FORKED, BOUND(as_text(origin), as_number(size)), e);
}

bool store_drop_unproved(struct store *s, struct view origin, uint64_t size, struct error *e)
{
	return sql_run(s, SQL_UNPROVED_DROP, BOUND(as_text(origin), as_number(size)), e);
}

bool store_put_tale(struct store *s, const struct digest *evidence, struct error *e)
{
	return sql_run(s, SQL_TALE_PUT, BOUND(as_digest(evidence)), e);
}

bool store_drop_tale(struct store *s, const struct digest *evidence, struct error *e)
{
	return sql_run(s, SQL_TALE_DROP, BOUND(as_digest(evidence)), e);
}

bool store_list_tales(struct store *s, bool (*each)(void *arg, const struct digest *evidence), void *arg,
                      struct error *e)
{
	struct statement *q = sql_start(s, SQL_TALE_LIST, NULL, 0, e);
	struct digest d;
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		col_bytes(q, 0, d.b, sizeof d.b);
		if (!each(arg, &d)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

/* --- timestamps --- */

bool store_put_timestamp(struct store *s, uint64_t size, int64_t time_ms, struct view response, struct error *e)
{
	return log_index_fits(size, e) &&
	       sql_run(s, SQL_TIMESTAMP_PUT, BOUND(as_int(log_key(s, size)), as_int(time_ms), as_blob(response)), e);
}

bool store_get_timestamp(struct store *s, uint64_t size, struct view *response, struct error *e)
{
	return log_index_fits(size, e) &&
	       sql_keep(s, SQL_TIMESTAMP_GET, BOUND(as_int(log_key(s, size))), "timestamp", response, e);
}

bool store_timestamped(struct store *s, uint64_t *size, struct error *e)
{
	return sql_number(s, SQL_TIMESTAMP_LAST, BOUND(as_int(log_key(s, 0)), as_int(log_end(s))), size, e);
}
