/* See caveats.h. */
#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/sql_private.h"

bool store_put_caveats(struct store *s, uint64_t seq, const struct store_caveats *c, struct error *e)
{
	static const struct digest none;
	struct view salt = view_make(c->salt.b, sizeof c->salt.b),
	            mark = view_make(c->mark.b, digest_eq(&c->mark, &none) ? 0 : sizeof c->mark.b);

	return sql_run(s, SQL_CAVEATS_PUT,
	               BOUND(as_number(seq), as_text(c->text), as_blob(salt), mark.n ? as_blob(mark) : as_null()), e) &&
	       (mark.n == 0 || mark_put(s, seq, &c->mark, e));
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

bool store_drop_caveats(struct store *s, uint64_t seq, struct error *e)
{
	return sql_run(s, SQL_MARK_DROP, BOUND(as_number(seq)), e) &&
	       sql_run(s, SQL_CAVEATS_DROP, BOUND(as_number(seq)), e);
}
