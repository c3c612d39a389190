/* See outbox.h. */
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/sql_private.h"
#include "lib/tlog/receipt_bundle.h"

bool store_put_delivery(struct store *s, const struct store_delivery *d, struct error *e)
{
	return sql_run(s, SQL_DELIVERY_PUT,
	               BOUND(as_number(d->seq), as_text(d->recipient), as_int(d->next_ms), as_int(d->deadline_ms),
	                     as_int(d->attempts), as_text(d->last_error), as_text(d->envelope),
	                     d->series.n ? as_blob(d->series) : as_null()),
	               e);
}

bool store_retry_delivery(struct store *s, uint64_t seq, int64_t next_ms, struct view last_error, struct error *e)
{
	return sql_change(s, SQL_DELIVERY_RETRY, BOUND(as_number(seq), as_int(next_ms), as_text(last_error)),
	                  "delivery", e);
}

bool store_stop_delivery(struct store *s, uint64_t seq, int64_t next_ms, struct view last_error, struct error *e)
{
	return sql_change(s, SQL_DELIVERY_STOP, BOUND(as_number(seq), as_int(next_ms), as_text(last_error)), "delivery",
	                  e);
}

bool store_extend_delivery(struct store *s, uint64_t seq, int64_t next_ms, int64_t by_ms, struct error *e)
{
	return sql_run(s, SQL_DELIVERY_EXTEND, BOUND(as_number(seq), as_int(next_ms), as_int(by_ms)), e);
}

bool store_drop_delivery(struct store *s, uint64_t seq, struct error *e)
{
	return sql_run(s, SQL_DELIVERY_DROP, BOUND(as_number(seq)), e);
}

static struct store_delivery delivery_row(struct statement *q)
{
	return (struct store_delivery){ .seq = (uint64_t)col_int(q, 0),
		                        .recipient = col_view(q, 1),
		                        .next_ms = col_int(q, 2),
		                        .deadline_ms = col_int(q, 3),
		                        .attempts = (uint32_t)col_int(q, 4),
		                        .last_error = col_view(q, 5),
		                        .envelope = col_view(q, 6) };
}

bool store_get_delivery(struct store *s, uint64_t seq, struct store_delivery *out, struct error *e)
{
	struct statement *q = sql_row_of(s, SQL_DELIVERY_GET, seq, "delivery", e);

	if (!q)
		return false;
	struct store_delivery d = delivery_row(q);
	bool ok = col_keep(s, q, 1, &d.recipient, e) && col_keep(s, q, 5, &d.last_error, e) &&
	          col_keep(s, q, 6, &d.envelope, e);
	sql_end(q);
	if (ok)
		*out = d;
	return ok;
}

static bool list_deliveries(struct store *s, struct statement *q,
                            bool (*each)(void *arg, const struct store_delivery *d), void *arg, struct error *e)
{
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_delivery d = delivery_row(q);
		if (!each(arg, &d)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_due_deliveries(struct store *s, const struct store_ask *ask,
                          bool (*each)(void *arg, const struct store_delivery *d), void *arg, struct error *e)
{
	return list_deliveries(s,
	                       sql_start(s, SQL_DELIVERY_DUE,
	                                 BOUND(as_text(ask->recipient), as_int(ask->now_ms), as_int(ask->before_ms),
	                                       as_int(ask->share), as_int(ask->shares), as_int(ask->max),
	                                       as_int(HOLD_RESTRICTION), as_int(OUTBOX_FAILED)),
	                                 e),
	                       each, arg, e);
}

bool store_next_delivery_recipient(struct store *s, struct view after, struct view *out, struct error *e)
{
	return sql_keep(s, SQL_DELIVERY_RECIPIENT, BOUND(as_text(after)), "recipient", out, e);
}

bool store_list_deliveries(struct store *s, uint64_t after_seq, unsigned max,
                           bool (*each)(void *arg, const struct store_delivery *d), void *arg, struct error *e)
{
	return list_deliveries(s, sql_start(s, SQL_DELIVERY_LIST, BOUND(as_number(after_seq), as_int(max)), e), each,
	                       arg, e);
}

bool sql_each_waiting(struct store *s, struct statement *q, bool (*each)(void *arg, const struct store_waiting *w),
                      void *arg, struct error *e)
{
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_waiting w = { .recipient = col_view(q, 0),
			                   .reason = col_view(q, 1),
			                   .n = (uint64_t)col_int(q, 2),
			                   .failed = (uint64_t)col_int(q, 3),
			                   .first_ms = col_int(q, 4) };
		if (!each(arg, &w)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_count_deliveries(struct store *s, int64_t failed_ms, bool (*each)(void *arg, const struct store_waiting *w),
                            void *arg, struct error *e)
{
	return sql_each_waiting(s, sql_start(s, SQL_DELIVERY_COUNT, BOUND(as_int(failed_ms)), e), each, arg, e);
}

/* --- receipts --- */

bool store_put_receipts(struct store *s, const uint64_t *seqs, size_t n, struct view bundle, struct error *e)
{
	uint64_t id;

	if (!sql_number(s, SQL_RECEIPT_BUNDLE_PUT, BOUND(as_blob(bundle)), &id, e))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!sql_run(s, SQL_RECEIPT_OF_PUT, BOUND(as_number(seqs[i]), as_number(id), as_number(i)), e))
			return false;
	return true;
}

bool store_put_receipt(struct store *s, uint64_t seq, struct view receipt, struct error *e)
{
	struct receipt_bundle b = RECEIPT_BUNDLE_INIT;
	struct buf packed = BUF_INIT(RECEIPT_BUNDLE_MAX);

	if (receipt_bundle_add(&b, receipt))
		receipt_bundle_print(&b, &packed);
	else
		packed.failed = true;
	bool ok = packed.failed ? error_set(e, REASON_NO_MEMORY, "memory ran out for a receipt")
	                        : store_put_receipts(s, &seq, 1, buf_view(&packed), e);
	receipt_bundle_free(&b);
	buf_free(&packed);
	return ok;
}

/* Its text, which a build of before kept as it is. */
static bool receipt_text(struct view packed, uint64_t place, struct view kept, struct buf *out, struct error *e)
{
	if (packed.n)
		return receipt_bundle_read(packed, (unsigned)place, out, e);
	buf_add(out, kept);
	return !out->failed || error_set(e, REASON_NO_MEMORY, "memory ran out for a receipt");
}

bool store_get_receipt(struct store *s, uint64_t seq, struct view *receipt, struct error *e)
{
	struct statement *q = sql_row_of(s, SQL_RECEIPT_GET, seq, "receipt", e);
	struct buf text = BUF_INIT(RECEIPT_BUNDLE_MAX);

	if (!q)
		return false;
	bool ok = receipt_text(col_view(q, 1), (uint64_t)col_int(q, 0), col_view(q, 2), &text, e);
	sql_end(q);
	*receipt = ok && text.n ? arena_copy(&s->scratch, buf_view(&text)) : VIEW("");
	buf_free(&text);
	return ok && (receipt->p || error_set(e, REASON_NO_MEMORY, "no memory for a row of the store"));
}

bool store_put_kept(struct store *s, uint64_t seq, struct view envelope, struct error *e)
{
	return sql_run(s, SQL_KEPT_PUT, BOUND(as_number(seq), as_text(envelope)), e);
}

bool store_get_kept(struct store *s, uint64_t seq, struct view *envelope, struct error *e)
{
	return sql_keep(s, SQL_KEPT_GET, BOUND(as_number(seq)), "kept record", envelope, e);
}

bool store_drop_kept(struct store *s, uint64_t seq, struct error *e)
{
	return sql_run(s, SQL_KEPT_DROP, BOUND(as_number(seq)), e);
}

bool store_list_receipts(struct store *s, uint64_t after_seq, unsigned max,
                         bool (*each)(void *arg, uint64_t seq, const struct uuid *exchange, struct view receipt),
                         void *arg, struct error *e)
{
	struct statement *q = sql_start(s, SQL_RECEIPT_LIST, BOUND(as_number(after_seq), as_int(max)), e);
	struct buf text = BUF_INIT(RECEIPT_BUNDLE_MAX);
	struct uuid id;
	bool ok, more = true;

	while (more && sql_next(s, q, &ok, e)) {
		buf_reset(&text);
		col_bytes(q, 1, id.b, sizeof id.b);
		ok = receipt_text(col_view(q, 3), (uint64_t)col_int(q, 4), col_view(q, 2), &text, e);
		more = ok && each(arg, (uint64_t)col_int(q, 0), &id, buf_view(&text));
		if (!more)
			sql_end(q);
	}
	buf_free(&text);
	return ok;
}
