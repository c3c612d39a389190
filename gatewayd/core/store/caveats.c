/* See caveats.h. */
#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/sql_private.h"

bool store_put_caveats(struct store *s, uint64_t seq, const struct store_caveats *c, struct error *e)
{
	static const struct digest none;
	struct view salt = view_make(c->salt.b, sizeof c->salt.b),
	            mark = view_make(c->mark.b, digest_eq(&c->mark, &none) ? 0 : sizeof c->mark.b);

	return sql_run(s, SQL_CAVEATS_PUT,
	               BOUND(as_number(seq), as_text(c->text), as_blob(salt), mark.n ? as_blob(mark) : as_null()), e);
}

bool store_get_caveats(struct store *s, uint64_t seq, struct store_caveats *out, struct error *e)
{
	struct statement *q = sql_row_of(s, SQL_CAVEATS_GET, seq, "caveats", e);
	struct store_caveats c = { .text = VIEW("") };

	if (!q)
		return false;
	col_bytes(q, 1, c.salt.b, sizeof c.salt.b);
	col_bytes(q, 2, c.mark.b, sizeof c.mark.b);
	bool ok = col_keep(s, q, 0, &c.text, e);
	sql_end(q);
	if (ok)
		*out = c;
	return ok;
}

bool store_any_marked(struct store *s, bool *any, struct error *e)
{
	uint64_t n;

	if (!sql_number(s, SQL_CAVEATS_ANY_MARKED, NULL, 0, &n, e))
		return false;
	*any = n > 0;
	return true;
}

bool store_list_marked(struct store *s, const struct digest *mark, bool (*each)(void *arg, uint64_t seq), void *arg,
                       struct error *e)
{
	struct view bytes = view_make(mark->b, sizeof mark->b);
	struct statement *q = sql_start(s, SQL_CAVEATS_MARKED, BOUND(as_blob(bytes)), e);
	bool ok;

	while (sql_next(s, q, &ok, e))
		if (!each(arg, (uint64_t)col_int(q, 0))) {
			sql_end(q);
			break;
		}
	return ok;
}

bool store_drop_caveats(struct store *s, uint64_t seq, struct error *e)
{
	return sql_run(s, SQL_CAVEATS_DROP, BOUND(as_number(seq)), e);
}
