/* The store's surrogates. See store.h. */
#include "gatewayd/core/store/surrogate.h"
#include "gatewayd/core/store/sql_private.h"

bool store_put_surrogate(struct store *s, const struct store_surrogate *x, struct error *e)
{
	uint8_t have[STORE_SURROGATE];

	if (!sql_run(s, SQL_SURROGATE_PUT,
	             BOUND(as_text(x->agreement), as_int(x->epoch), as_digest(&x->key),
	                   as_blob(view_make(x->value, sizeof x->value))),
	             e))
		return false;
	if (sql_changes(s) == 0) {
		if (!store_get_surrogate(s, x->agreement, x->epoch, &x->key, have, e))
			return false;
		if (memcmp(have, x->value, sizeof have) != 0)
			return error_set(e, REASON_STORE, "a value would have two surrogates");
	}
	return sql_run(s, SQL_SURROGATE_END_PUT, BOUND(as_text(x->agreement), as_int(x->epoch), as_int(x->until_ms)),
	               e);
}

bool store_get_surrogate(struct store *s, struct view agreement, uint32_t epoch, const struct digest *key,
                         uint8_t value[STORE_SURROGATE], struct error *e)
{
	struct statement *q =
	        sql_row(s, SQL_SURROGATE_GET, BOUND(as_text(agreement), as_int(epoch), as_digest(key)), "surrogate", e);

	if (!q)
		return false;
	col_bytes(q, 0, value, STORE_SURROGATE);
	sql_end(q);
	return true;
}

bool store_list_surrogates(struct store *s,
                           bool (*each)(void *arg, struct view agreement, uint32_t epoch, int64_t until_ms), void *arg,
                           struct error *e)
{
	struct statement *q = sql_start(s, SQL_SURROGATE_END_LIST, NULL, 0, e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		if (!each(arg, col_view(q, 0), (uint32_t)col_int(q, 1), col_int(q, 2))) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_erase_surrogates(struct store *s, struct view agreement, uint32_t epoch, struct error *e)
{
	s->erased = true;
	return sql_run(s, SQL_SURROGATE_ERASE, BOUND(as_text(agreement), as_int(epoch)), e) &&
	       sql_run(s, SQL_SURROGATE_END_DROP, BOUND(as_text(agreement), as_int(epoch)), e);
}
