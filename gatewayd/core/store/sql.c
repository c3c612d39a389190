/* How the files of the nouns run statements, over whatever engine. See sql_private.h. */
#include "gatewayd/core/store/sql_private.h"

bool sql_prepare(struct store *s, struct error *e)
{
	for (int i = s->writes ? 0 : SQL_WRITES; i < SQL_COUNT; i++)
		if (!(s->statements[i] = s->engine->prepare(s->connection, sql_texts[i], e)))
			return false;
	return true;
}

void sql_finish(struct store *s)
{
	for (int i = 0; i < SQL_COUNT; i++)
		s->engine->finish(s->statements[i]);
}

void sql_end(struct statement *q)
{
	q->engine->end(q);
}

struct statement *sql_start(struct store *s, enum sql id, const struct bound *b, size_t n, struct error *e)
{
	struct statement *q = s->statements[id];

	if (id < SQL_WRITES && !s->in_transaction) {
		error_set(e, REASON_STORE, "a verb that writes was called outside a transaction");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (s->engine->bind(q, (int)i + 1, &b[i]))
			continue;
		sql_end(q);
		error_set(e, REASON_STORE, "a value is too large for the store");
		return NULL;
	}
	return q;
}

bool sql_next(struct store *s, struct statement *q, bool *ok, struct error *e)
{
	enum step step = q ? s->engine->step(q) : STEP_FAILED;

	*ok = step != STEP_FAILED;
	if (q && !*ok)
		s->engine->fail(s->connection, e);
	if (q && step != STEP_ROW)
		sql_end(q);
	return step == STEP_ROW;
}

bool sql_run(struct store *s, enum sql id, const struct bound *b, size_t n, struct error *e)
{
	struct statement *q = sql_start(s, id, b, n, e);
	bool ok;

	if (sql_next(s, q, &ok, e))
		sql_end(q);
	return ok;
}

struct statement *sql_start_these(struct store *s, enum sql id, const uint64_t *these, size_t n,
                                  const struct bound *more, struct error *e)
{
	struct bound b[SQL_THESE + 1];

	for (size_t i = 0; i < SQL_THESE; i++)
		b[i] = i < n ? as_number(these[i]) : as_null();
	if (more)
		b[SQL_THESE] = *more;
	return sql_start(s, id, b, SQL_THESE + (more ? 1 : 0), e);
}

bool sql_run_these(struct store *s, enum sql id, const uint64_t *these, size_t n, const struct bound *more,
                   uint64_t *changed, struct error *e)
{
	uint64_t rows = 0;

	for (size_t at = 0; at < n; at += SQL_THESE) {
		struct statement *q = sql_start_these(s, id, these + at, n - at, more, e);
		bool ok;

		if (sql_next(s, q, &ok, e))
			sql_end(q);
		if (!ok)
			return false;
		rows += (uint64_t)sql_changes(s);
	}
	if (changed)
		*changed = rows;
	return true;
}

static bool missing(const char *what, struct error *e)
{
	return error_set(e, REASON_NOT_FOUND, "the store holds no such %s", what);
}

bool sql_change(struct store *s, enum sql id, const struct bound *b, size_t n, const char *what, struct error *e)
{
	return sql_run(s, id, b, n, e) && (sql_changes(s) > 0 || missing(what, e));
}

struct statement *sql_row(struct store *s, enum sql id, const struct bound *b, size_t n, const char *what,
                          struct error *e)
{
	struct statement *q = sql_start(s, id, b, n, e);
	bool ok;

	if (sql_next(s, q, &ok, e))
		return q;
	if (ok)
		missing(what, e);
	return NULL;
}

struct statement *sql_row_of(struct store *s, enum sql id, uint64_t number, const char *what, struct error *e)
{
	struct statement *q = sql_row(s, id, BOUND(as_number(number)), what, e);

	if (q)
		arena_reset(&s->scratch);
	return q;
}

bool sql_number(struct store *s, enum sql id, const struct bound *b, size_t n, uint64_t *out, struct error *e)
{
	struct statement *q = sql_row(s, id, b, n, "row", e);

	if (!q)
		return false;
	*out = (uint64_t)col_int(q, 0);
	sql_end(q);
	return true;
}

bool sql_keep(struct store *s, enum sql id, const struct bound *b, size_t n, const char *what, struct view *out,
              struct error *e)
{
	struct statement *q = sql_row(s, id, b, n, what, e);

	if (!q)
		return false;
	arena_reset(&s->scratch);
	bool ok = col_keep(s, q, 0, out, e);
	sql_end(q);
	return ok;
}

int sql_changes(struct store *s)
{
	return s->engine->changes(s->connection);
}

int64_t col_int(struct statement *q, int at)
{
	return q->engine->column_int(q, at);
}

bool col_null(struct statement *q, int at)
{
	return q->engine->column_null(q, at);
}

struct view col_view(struct statement *q, int at)
{
	return q->engine->column_view(q, at);
}

bool col_keep(struct store *s, struct statement *q, int at, struct view *out, struct error *e)
{
	struct view v = col_view(q, at);

	if (v.n > 0)
		v = arena_copy(&s->scratch, v);
	if (!v.p)
		return error_set(e, REASON_NO_MEMORY, "no memory for a row of the store");
	*out = v;
	return true;
}

void col_bytes(struct statement *q, int at, void *out, size_t n)
{
	struct view v = col_view(q, at);

	memset(out, 0, n);
	if (v.n == n)
		memcpy(out, v.p, n);
}
