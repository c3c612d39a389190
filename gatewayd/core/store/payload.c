/* The store's payloads, outbox and inbox. See store.h. */
#include "gatewayd/core/store/sql_private.h"

#include <stdlib.h>

/* --- payloads --- */

bool store_put_payload(struct store *s, const struct store_payload *p, struct error *e)
{
	return sql_run(s, SQL_PAYLOAD_PUT, BOUND(as_number(p->seq), as_blob(p->sealed)), e) &&
	       sql_run(s, SQL_PAYLOAD_SLOT_PUT, BOUND(as_number(p->seq), as_int(p->slot)), e);
}

bool store_get_payload(struct store *s, uint64_t seq, struct store_payload *out, struct error *e)
{
	struct sqlite3_stmt *q = sql_row_of(s, SQL_PAYLOAD_GET, seq, "payload", e);

	if (!q)
		return false;
	struct store_payload p = { .seq = seq, .slot = (uint32_t)col_int(q, 0) };
	bool ok = col_keep(s, q, 1, &p.sealed, e);
	sql_end(q);
	if (ok)
		*out = p;
	return ok;
}

bool store_erase_payload(struct store *s, uint64_t seq, struct error *e)
{
	if (!sql_run(s, SQL_PAYLOAD_ERASE, BOUND(as_number(seq)), e) ||
	    !sql_change(s, SQL_PAYLOAD_SLOT_ERASE, BOUND(as_number(seq)), "payload", e))
		return false;
	s->erased = true;
	return true;
}

static bool mark_slot(struct store *s, uint32_t slot)
{
	if (slot / 32 >= s->live_slots_n) {
		uint32_t n = slot / 32 + 1024;
		uint32_t *more = realloc(s->live_slots, n * sizeof *more);

		if (!more)
			return false;
		memset(more + s->live_slots_n, 0, (n - s->live_slots_n) * sizeof *more);
		s->live_slots = more;
		s->live_slots_n = n;
	}
	s->live_slots[slot / 32] |= UINT32_C(1) << slot % 32;
	return true;
}

static bool load_slots(struct store *s)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_PAYLOAD_SLOTS, NULL, 0, NULL);
	bool ok = mark_slot(s, 0);

	if (ok)
		s->live_slots[0] = 0;
	while (ok && sql_next(s, q, &ok, NULL)) {
		if (mark_slot(s, (uint32_t)col_int(q, 0)))
			continue;
		sql_end(q);
		ok = false;
	}
	if (!ok)
		store_slots_forget(s);
	return ok;
}

bool store_slot_live(struct store *s, uint32_t slot)
{
	if (!s->live_slots && !load_slots(s))
		return true;
	return slot / 32 < s->live_slots_n && (s->live_slots[slot / 32] >> slot % 32 & 1);
}

void store_slots_forget(struct store *s)
{
	free(s->live_slots);
	s->live_slots = NULL;
	s->live_slots_n = 0;
}

/* --- outbox --- */

bool store_put_delivery(struct store *s, const struct store_delivery *d, struct error *e)
{
	return sql_run(s, SQL_DELIVERY_PUT,
	               BOUND(as_number(d->seq), as_text(d->recipient), as_int(d->next_ms), as_int(d->deadline_ms),
	                     as_int(d->attempts), as_text(d->last_error), as_text(d->envelope)),
	               e);
}

bool store_retry_delivery(struct store *s, uint64_t seq, int64_t next_ms, struct view last_error, struct error *e)
{
	return sql_change(s, SQL_DELIVERY_RETRY, BOUND(as_number(seq), as_int(next_ms), as_text(last_error)),
	                  "delivery", e);
}

bool store_extend_delivery(struct store *s, uint64_t seq, int64_t next_ms, int64_t by_ms, struct error *e)
{
	return sql_run(s, SQL_DELIVERY_EXTEND, BOUND(as_number(seq), as_int(next_ms), as_int(by_ms)), e);
}

bool store_drop_delivery(struct store *s, uint64_t seq, struct error *e)
{
	return sql_run(s, SQL_DELIVERY_DROP, BOUND(as_number(seq)), e);
}

static struct store_delivery delivery_row(struct sqlite3_stmt *q)
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
	struct sqlite3_stmt *q = sql_row_of(s, SQL_DELIVERY_GET, seq, "delivery", e);

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

static bool list_deliveries(struct store *s, struct sqlite3_stmt *q,
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

bool store_due_deliveries(struct store *s, int64_t now_ms, unsigned max,
                          bool (*each)(void *arg, const struct store_delivery *d), void *arg, struct error *e)
{
	return list_deliveries(
	        s, sql_start(s, SQL_DELIVERY_DUE, BOUND(as_int(now_ms), as_int(max), as_int(HOLD_RESTRICTION)), e),
	        each, arg, e);
}

bool store_list_deliveries(struct store *s, uint64_t after_seq, unsigned max,
                           bool (*each)(void *arg, const struct store_delivery *d), void *arg, struct error *e)
{
	return list_deliveries(s, sql_start(s, SQL_DELIVERY_LIST, BOUND(as_number(after_seq), as_int(max)), e), each,
	                       arg, e);
}

bool store_put_receipt(struct store *s, uint64_t seq, struct view receipt, struct error *e)
{
	return sql_run(s, SQL_RECEIPT_PUT, BOUND(as_number(seq), as_text(receipt)), e);
}

bool store_get_receipt(struct store *s, uint64_t seq, struct view *receipt, struct error *e)
{
	return sql_keep(s, SQL_RECEIPT_GET, BOUND(as_number(seq)), "receipt", receipt, e);
}

/* --- inbox --- */

bool store_put_inbox(struct store *s, struct store_inbox *i, struct error *e)
{
	if (!sql_run(s, SQL_INBOX_PUT,
	             BOUND(as_number(s->next_inbox), as_number(i->seq), as_uuid(&i->exchange), as_text(i->kind),
	                   as_text(i->body), as_int(i->made_ms)),
	             e))
		return false;
	i->id = s->next_inbox++;
	return true;
}

static struct store_inbox inbox_row(struct sqlite3_stmt *q)
{
	struct store_inbox i = { .id = (uint64_t)col_int(q, 0),
		                 .seq = (uint64_t)col_int(q, 1),
		                 .kind = col_view(q, 3),
		                 .body = col_view(q, 4),
		                 .made_ms = col_int(q, 5) };

	col_bytes(q, 2, i.exchange.b, sizeof i.exchange.b);
	return i;
}

bool store_list_inbox(struct store *s, uint64_t after, unsigned max,
                      bool (*each)(void *arg, const struct store_inbox *i), void *arg, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(
	        s, SQL_INBOX_LIST, BOUND(as_int(after > INT64_MAX ? INT64_MAX : (int64_t)after), as_int(max)), e);
	bool ok;

	while (sql_next(s, q, &ok, e)) {
		struct store_inbox i = inbox_row(q);
		if (!each(arg, &i)) {
			sql_end(q);
			break;
		}
	}
	return ok;
}

bool store_get_inbox(struct store *s, uint64_t id, struct store_inbox *out, struct error *e)
{
	struct error missing = { 0 };
	struct sqlite3_stmt *q = sql_row_of(s, SQL_INBOX_GET, id, "inbox item", &missing);
	bool done = !q && missing.reason == REASON_NOT_FOUND;

	if (!q && !done)
		return error_set(e, missing.reason, "%s", missing.text);
	if (done && !(q = sql_row_of(s, SQL_INBOX_DONE_GET, id, "inbox item", e)))
		return false;
	struct store_inbox i = inbox_row(q);
	i.acked_ms = done ? col_int(q, 6) : 0;
	bool ok = col_keep(s, q, 3, &i.kind, e) && col_keep(s, q, 4, &i.body, e);
	sql_end(q);
	if (ok)
		*out = i;
	return ok;
}

bool store_drop_inbox(struct store *s, uint64_t id, struct error *e)
{
	return sql_run(s, SQL_INBOX_DROP, BOUND(as_number(id)), e);
}

bool store_ack_inbox(struct store *s, uint64_t id, int64_t now_ms, struct view receipt, bool *first, struct error *e)
{
	struct sqlite3_stmt *q;

	/* Looked up first: a second acknowledgement must not fail on the row that the first one left. */
	if ((q = sql_row_of(s, SQL_INBOX_DONE_GET, id, "inbox item", NULL))) {
		sql_end(q);
		*first = false;
		return true;
	}
	if (!sql_change(s, SQL_INBOX_DONE, BOUND(as_number(id), as_int(now_ms), as_text(receipt)), "inbox item", e))
		return false;
	*first = true;
	return sql_run(s, SQL_INBOX_DROP, BOUND(as_number(id)), e);
}
