/* See caveats.h. */
#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/sql_private.h"

bool store_put_caveats(struct store *s, uint64_t seq, struct view text, struct error *e)
{
	return sql_run(s, SQL_CAVEATS_PUT, BOUND(as_number(seq), as_text(text)), e);
}

bool store_get_caveats(struct store *s, uint64_t seq, struct view *text, struct error *e)
{
	return sql_keep(s, SQL_CAVEATS_GET, BOUND(as_number(seq)), "caveats", text, e);
}

bool store_drop_caveats(struct store *s, uint64_t seq, struct error *e)
{
	return sql_run(s, SQL_CAVEATS_DROP, BOUND(as_number(seq)), e);
}
