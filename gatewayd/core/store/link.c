/* See link.h. */
#include "gatewayd/core/store/link.h"
#include "gatewayd/core/store/sql_private.h"

bool store_put_link(struct store *s, const struct store_link *l, struct error *e)
{
	return sql_run(s, SQL_LINK_PUT,
	               BOUND(as_number(l->child), as_int(l->kind), as_number(l->parent), as_int(l->version)), e);
}

static struct store_link link_row(struct statement *q)
{
	return (struct store_link){ .child = (uint64_t)col_int(q, 0),
		                    .parent = (uint64_t)col_int(q, 1),
		                    .kind = (enum link_kind)col_int(q, 2),
		                    .version = (uint32_t)col_int(q, 3) };
}

bool store_get_link(struct store *s, uint64_t child, enum link_kind kind, struct store_link *out, struct error *e)
{
	struct statement *q = sql_row(s, SQL_LINK_GET, BOUND(as_number(child), as_int(kind)), "link", e);

	if (!q)
		return false;
	*out = link_row(q);
	sql_end(q);
	return true;
}

bool store_list_links(struct store *s, uint64_t parent, enum link_kind kind,
                      bool (*each)(void *arg, const struct store_link *l), void *arg, struct error *e)
{
	struct statement *q = sql_start(s, SQL_LINK_LIST, BOUND(as_number(parent), as_int(kind)), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_link l = link_row(q);
		if (!each(arg, &l)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}
