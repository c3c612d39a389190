/* See mark.h. */
#include "gatewayd/core/store/mark.h"
#include "gatewayd/core/store/mark_private.h"
#include "gatewayd/core/store/sql_private.h"

#define PREFIX_BYTES 4
#define MOVED_LEAST  32 /* with each commit; and two for each that it adds */

void store_share_marks(struct store *reader, const struct store *from)
{
	reader->marks = from->marks;
}

/* --- the writer's --- */

bool mark_put(struct store *s, uint64_t seq, const struct digest *mark, struct error *e)
{
	/* Of an exchange that waited for long: those of its time are in the index. Or of a record that comes again and again. */
	if (seq < s->marks->newest.base || marks_are_many(s->marks, mark))
		return sql_run(s, SQL_MARK_PUT, BOUND(as_number(seq)), e);
	return marks_add(s->marks, mark, seq) || error_set(e, REASON_NO_MEMORY, "no memory for marks");
}

bool marks_move(struct store *s, struct error *e)
{
	struct marks *m = s->marks;
	size_t most = MOVED_LEAST + 2 * m->n_added;
	uint64_t seq;

	if (!marks_reserve(m))
		return error_set(e, REASON_NO_MEMORY, "no memory for marks");
	for (size_t n = 0; n < most && marks_next(m, &seq); n++)
		if (!sql_run(s, SQL_MARK_PUT, BOUND(as_number(seq)), e))
			return false;
	return !marks_are_through(m) || sql_run(s, SQL_MARK_END, BOUND(as_number(m->last)), e);
}

bool marks_load(struct store *s, struct error *e)
{
	uint64_t end;
	bool ok;

	if (!sql_number(s, SQL_MARK_LAST, NULL, 0, &end, e))
		return false;
	s->marks = marks_new(end + 1);
	if (!s->marks)
		return error_set(e, REASON_NO_MEMORY, "no memory for marks");
	struct statement *q = sql_start(s, SQL_MARK_UNMOVED, BOUND(as_number(end)), e);
	while (sql_next(s, q, &ok, e)) {
		struct digest mark;

		col_bytes(q, 1, mark.b, sizeof mark.b);
		if (marks_add(s->marks, &mark, (uint64_t)col_int(q, 0)))
			continue;
		sql_end(q);
		return error_set(e, REASON_NO_MEMORY, "no memory for marks");
	}
	if (!ok || !marks_reserve(s->marks))
		return ok && error_set(e, REASON_NO_MEMORY, "no memory for marks");
	marks_commit(s->marks);
	return true;
}

/* --- looking --- */

/* Exchanges that may have the mark, in order, each once. */
struct found {
	uint64_t seqs[STORE_MARKED_MAX];
	size_t n;
};

/* Of those that lie in memory, or, where none is shared, of all that are not in the index; each behind `after`. Before the index:
 * what moves there meanwhile is found twice, and not missed. */
static bool look_newest(struct store *s, const struct digest *mark, uint64_t after, struct found *out, struct error *e)
{
	uint64_t end;
	bool ok;

	if (s->marks) {
		out->n = marks_look(s->marks, mark, after, out->seqs);
		return true;
	}
	if (!sql_number(s, SQL_MARK_LAST, NULL, 0, &end, e))
		return false;
	struct statement *q = sql_start(s, SQL_MARK_UNMOVED, BOUND(as_number(end > after ? end : after)), e);
	while (sql_next(s, q, &ok, e))
		if (view_eq(col_view(q, 1), view_make(mark->b, sizeof mark->b)))
			out->n = marks_keep(out->seqs, out->n, (uint64_t)col_int(q, 0));
	return ok;
}

static bool look_index(struct store *s, const struct digest *mark, uint64_t after, struct found *out, struct error *e)
{
	struct view prefix = view_make(mark->b, PREFIX_BYTES);
	struct statement *q =
	        sql_start(s, SQL_MARK_LIST, BOUND(as_blob(prefix), as_number(after), as_int(STORE_MARKED_MAX)), e);
	bool ok;

	while (sql_next(s, q, &ok, e))
		out->n = marks_keep(out->seqs, out->n, (uint64_t)col_int(q, 0));
	return ok;
}

/* Its row says so; one that was rolled back, or dropped, has none. */
static bool has_mark(struct store *s, uint64_t seq, const struct digest *mark, bool *has, struct error *e)
{
	uint64_t n;

	if (!sql_number(s, SQL_MARK_IS, BOUND(as_number(seq), as_digest(mark)), &n, e))
		return false;
	*has = n > 0;
	return true;
}

bool store_list_marked(struct store *s, const struct digest *mark, bool (*each)(void *arg, uint64_t seq), void *arg,
                       struct error *e)
{
	struct found may;
	uint64_t after = 0;
	size_t n = 0;
	bool has;

	/* Those that are gone, or only begin as it does, may be as many as are looked at in one round. */
	do {
		may.n = 0;
		if (!look_newest(s, mark, after, &may, e) || !look_index(s, mark, after, &may, e))
			return false;
		for (size_t i = 0; i < may.n; i++) {
			after = may.seqs[i];
			if (!has_mark(s, after, mark, &has, e))
				return false;
			if (has && (!each(arg, after) || ++n == STORE_MARKED_MAX))
				return true;
		}
	} while (may.n == STORE_MARKED_MAX);
	return true;
}

bool store_any_marked(struct store *s, bool *any, struct error *e)
{
	uint64_t n;

	if (!sql_number(s, SQL_MARK_ANY, NULL, 0, &n, e))
		return false;
	*any = n > 0;
	return true;
}
