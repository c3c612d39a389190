/* The store's used approvals. See approval.h. */
#include "gatewayd/core/store/approval.h"
#include "gatewayd/core/store/sql_private.h"

bool store_put_approval(struct store *s, const struct store_approval *a, bool *fresh, struct error *e)
{
	if (!sql_run(s, SQL_APPROVAL_PUT, BOUND(as_digest(&a->statement), as_int(a->until_ms)), e))
		return false;
	*fresh = sql_changes(s) > 0;
	return true;
}

bool store_get_approval(struct store *s, const struct digest *statement, struct store_approval *out, struct error *e)
{
	struct statement *q = sql_row(s, SQL_APPROVAL_GET, BOUND(as_digest(statement)), "approval", e);

	if (!q)
		return false;
	*out = (struct store_approval){ .statement = *statement, .until_ms = col_int(q, 0) };
	sql_end(q);
	return true;
}

bool store_drop_approvals(struct store *s, int64_t now_ms, struct error *e)
{
	return sql_run(s, SQL_APPROVAL_DROP, BOUND(as_int(now_ms)), e);
}
