/* See arrival.h. */
#include "gatewayd/core/store/arrival.h"
#include "gatewayd/core/store/sql_private.h"

static struct store_arrival arrival_row(struct statement *q)
{
	return (struct store_arrival){ .seq = (uint64_t)col_int(q, 0),
		                       .state = (enum exchange_state)col_int(q, 1),
		                       .slot = (uint32_t)col_int(q, 2),
		                       .plan = timer_plan(q, 3),
		                       .inbox = (uint64_t)col_int(q, 10),
		                       .purpose = col_view(q, 11),
		                       .reference = col_view(q, 12) };
}

/* Of SQL_THESE at most; *more: `each` wants more. */
static bool list_some(struct store *s, const uint64_t *seqs, size_t n,
                      bool (*each)(void *arg, const struct store_arrival *x), void *arg, bool *more, struct error *e)
{
	struct statement *q = sql_start_these(s, SQL_ARRIVAL_LIST, seqs, n, NULL, e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_arrival x = arrival_row(q);
		*more = each(arg, &x);
		if (!*more) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_list_arrivals(struct store *s, const uint64_t *seqs, size_t n,
                         bool (*each)(void *arg, const struct store_arrival *x), void *arg, struct error *e)
{
	bool more = true;

	if (!pending_flush(s, e))
		return false;
	for (size_t at = 0; more && at < n; at += SQL_THESE)
		if (!list_some(s, seqs + at, n - at, each, arg, &more, e))
			return false;
	return true;
}

bool store_end_arrivals(struct store *s, const uint64_t *seqs, size_t n, struct error *e)
{
	uint64_t erased;

	if (!sql_run_these(s, SQL_DELIVERIES_DROP, seqs, n, NULL, NULL, e) ||
	    !sql_run_these(s, SQL_PAYLOADS_ERASE, seqs, n, NULL, NULL, e) ||
	    !sql_run_these(s, SQL_UNPROVED_ERASE_ALL, seqs, n, NULL, NULL, e) ||
	    !sql_run_these(s, SQL_PAYLOAD_SLOTS_ERASE, seqs, n, NULL, &erased, e))
		return false;
	s->erased = true;
	return erased == n || error_set(e, REASON_NOT_FOUND, "the store holds no such payload");
}
