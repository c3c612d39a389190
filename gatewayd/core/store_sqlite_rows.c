/* The store's payloads, timers, outbox and inbox. See store.h. */
#include "gatewayd/core/store_sqlite.h"

#include <stdlib.h>

#define MISSING(e, what) error_set(e, REASON_NOT_FOUND, "the store holds no such " what)

static bool run_seq(struct store *s, enum sql id, uint64_t seq, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, id, e);

	if (!q)
		return false;
	bind_int(s, q, 1, (int64_t)seq);
	return sql_run(s, q, e);
}

/* Starts a look-up by one number and goes to its row. NULL: `e` says why. */
static struct sqlite3_stmt *row_of(struct store *s, enum sql id, uint64_t number, const char *what, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, id, e);

	if (!q)
		return NULL;
	bind_int(s, q, 1, (int64_t)number);
	arena_reset(&s->scratch);
	return sql_one(s, q, what, e) ? q : NULL;
}

/* --- payloads --- */

bool store_put_payload(struct store *s, const struct store_payload *p, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_PAYLOAD_PUT, e);

	if (!q)
		return false;
	bind_int(s, q, 1, (int64_t)p->seq);
	bind_blob(s, q, 2, p->sealed);
	if (!sql_run(s, q, e) || !(q = sql_start(s, SQL_PAYLOAD_SLOT_PUT, e)))
		return false;
	bind_int(s, q, 1, (int64_t)p->seq);
	bind_int(s, q, 2, p->slot);
	return sql_run(s, q, e);
}

bool store_get_payload(struct store *s, uint64_t seq, struct store_payload *out, struct error *e)
{
	struct sqlite3_stmt *q = row_of(s, SQL_PAYLOAD_GET, seq, "payload", e);

	if (!q)
		return false;
	struct store_payload p = { .seq = seq, .slot = (uint32_t)col_int(q, 0), .sealed = col_keep(s, q, 1) };
	sql_end(q);
	if (!p.sealed.p)
		return error_set(e, REASON_NO_MEMORY, "no memory for a payload");
	*out = p;
	return true;
}

bool store_erase_payload(struct store *s, uint64_t seq, struct error *e)
{
	if (!run_seq(s, SQL_PAYLOAD_ERASE, seq, e) || !run_seq(s, SQL_PAYLOAD_SLOT_ERASE, seq, e))
		return false;
	if (sql_changes(s) == 0)
		return MISSING(e, "payload");
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
	struct sqlite3_stmt *q = sql_start(s, SQL_PAYLOAD_SLOTS, NULL);
	bool row = q != NULL, ok = row && mark_slot(s, 0);

	if (ok)
		s->live_slots[0] = 0;
	while (ok && row) {
		ok = sql_step(s, q, &row, NULL);
		if (ok && row && !mark_slot(s, (uint32_t)col_int(q, 0))) {
			sql_end(q);
			ok = false;
		}
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

/* --- timers --- */

const char *timer_kind_name(enum timer_kind k)
{
	switch (k) {
	case TIMER_ERASE: return "erase";
	case TIMER_MASK: return "mask";
	case TIMER_REVIEW: return "review";
	case TIMER_COPY_ERASE: return "copy-erase";
	case TIMER_COPY_RETURN: return "copy-return";
	case TIMER_RECEIPT: return "receipt";
	}
	return "unknown";
}

bool store_put_timer(struct store *s, const struct store_timer *t, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_TIMER_PUT, e);

	if (!q)
		return false;
	bind_int(s, q, 1, (int64_t)t->seq);
	bind_int(s, q, 2, t->due_ms);
	bind_int(s, q, 3, t->kind);
	bind_int(s, q, 4, t->held);
	return sql_run(s, q, e);
}

bool store_hold_timer(struct store *s, uint64_t seq, bool held, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_TIMER_HOLD, e);

	if (!q)
		return false;
	bind_int(s, q, 1, (int64_t)seq);
	bind_int(s, q, 2, held);
	if (!sql_run(s, q, e))
		return false;
	return sql_changes(s) > 0 || MISSING(e, "timer");
}

bool store_drop_timer(struct store *s, uint64_t seq, struct error *e)
{
	return run_seq(s, SQL_TIMER_DROP, seq, e);
}

static struct store_timer timer_row(struct sqlite3_stmt *q)
{
	return (struct store_timer){ .seq = (uint64_t)col_int(q, 0), .due_ms = col_int(q, 1),
		.kind = (enum timer_kind)col_int(q, 2), .held = col_int(q, 3) != 0 };
}

bool store_get_timer(struct store *s, uint64_t seq, struct store_timer *out, struct error *e)
{
	struct sqlite3_stmt *q = row_of(s, SQL_TIMER_GET, seq, "timer", e);

	if (!q)
		return false;
	*out = timer_row(q);
	sql_end(q);
	return true;
}

static bool list_timers(struct store *s, enum sql id, int64_t bound, unsigned max,
                        bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, id, e);
	bool row;

	if (!q)
		return false;
	bind_int(s, q, 1, bound);
	bind_int(s, q, 2, max);
	for (;;) {
		if (!sql_step(s, q, &row, e))
			return false;
		if (!row)
			return true;
		struct store_timer t = timer_row(q);
		if (!each(arg, &t))
			break;
	}
	sql_end(q);
	return true;
}

bool store_due_timers(struct store *s, int64_t now_ms, unsigned max,
                      bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e)
{
	return list_timers(s, SQL_TIMER_DUE, now_ms, max, each, arg, e);
}

bool store_list_timers(struct store *s, uint64_t after_seq, unsigned max,
                       bool (*each)(void *arg, const struct store_timer *t), void *arg, struct error *e)
{
	return list_timers(s, SQL_TIMER_LIST, (int64_t)after_seq, max, each, arg, e);
}

/* --- outbox --- */

bool store_put_delivery(struct store *s, const struct store_delivery *d, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_DELIVERY_PUT, e);

	if (!q)
		return false;
	bind_int(s, q, 1, (int64_t)d->seq);
	bind_text(s, q, 2, d->recipient);
	bind_int(s, q, 3, d->next_ms);
	bind_int(s, q, 4, d->deadline_ms);
	bind_int(s, q, 5, d->attempts);
	bind_text(s, q, 6, d->last_error);
	bind_text(s, q, 7, d->envelope);
	return sql_run(s, q, e);
}

bool store_retry_delivery(struct store *s, uint64_t seq, int64_t next_ms, struct view last_error, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_DELIVERY_RETRY, e);

	if (!q)
		return false;
	bind_int(s, q, 1, (int64_t)seq);
	bind_int(s, q, 2, next_ms);
	bind_text(s, q, 3, last_error);
	if (!sql_run(s, q, e))
		return false;
	return sql_changes(s) > 0 || MISSING(e, "delivery");
}

bool store_drop_delivery(struct store *s, uint64_t seq, struct error *e)
{
	return run_seq(s, SQL_DELIVERY_DROP, seq, e);
}

static struct store_delivery delivery_row(struct sqlite3_stmt *q)
{
	return (struct store_delivery){ .seq = (uint64_t)col_int(q, 0), .recipient = col_view(q, 1),
		.next_ms = col_int(q, 2), .deadline_ms = col_int(q, 3), .attempts = (uint32_t)col_int(q, 4),
		.last_error = col_view(q, 5), .envelope = col_view(q, 6) };
}

bool store_get_delivery(struct store *s, uint64_t seq, struct store_delivery *out, struct error *e)
{
	struct sqlite3_stmt *q = row_of(s, SQL_DELIVERY_GET, seq, "delivery", e);

	if (!q)
		return false;
	struct store_delivery d = delivery_row(q);
	d.recipient = col_keep(s, q, 1);
	d.last_error = col_keep(s, q, 5);
	d.envelope = col_keep(s, q, 6);
	sql_end(q);
	if (!d.recipient.p || !d.last_error.p || !d.envelope.p)
		return error_set(e, REASON_NO_MEMORY, "no memory for a delivery");
	*out = d;
	return true;
}

static bool list_deliveries(struct store *s, enum sql id, int64_t bound, unsigned max,
                            bool (*each)(void *arg, const struct store_delivery *d), void *arg, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, id, e);
	bool row;

	if (!q)
		return false;
	bind_int(s, q, 1, bound);
	bind_int(s, q, 2, max);
	for (;;) {
		if (!sql_step(s, q, &row, e))
			return false;
		if (!row)
			return true;
		struct store_delivery d = delivery_row(q);
		if (!each(arg, &d))
			break;
	}
	sql_end(q);
	return true;
}

bool store_due_deliveries(struct store *s, int64_t now_ms, unsigned max,
                          bool (*each)(void *arg, const struct store_delivery *d), void *arg, struct error *e)
{
	return list_deliveries(s, SQL_DELIVERY_DUE, now_ms, max, each, arg, e);
}

bool store_list_deliveries(struct store *s, uint64_t after_seq, unsigned max,
                           bool (*each)(void *arg, const struct store_delivery *d), void *arg, struct error *e)
{
	return list_deliveries(s, SQL_DELIVERY_LIST, (int64_t)after_seq, max, each, arg, e);
}

bool store_put_receipt(struct store *s, uint64_t seq, struct view receipt, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_RECEIPT_PUT, e);

	if (!q)
		return false;
	bind_int(s, q, 1, (int64_t)seq);
	bind_text(s, q, 2, receipt);
	return sql_run(s, q, e);
}

bool store_get_receipt(struct store *s, uint64_t seq, struct view *receipt, struct error *e)
{
	struct sqlite3_stmt *q = row_of(s, SQL_RECEIPT_GET, seq, "receipt", e);

	if (!q)
		return false;
	*receipt = col_keep(s, q, 0);
	sql_end(q);
	return receipt->p != NULL || error_set(e, REASON_NO_MEMORY, "no memory for a receipt");
}

/* --- inbox --- */

bool store_put_inbox(struct store *s, struct store_inbox *i, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_INBOX_PUT, e);

	if (!q)
		return false;
	bind_int(s, q, 1, (int64_t)s->next_inbox);
	bind_int(s, q, 2, (int64_t)i->seq);
	bind_blob(s, q, 3, uuid_view(&i->exchange));
	bind_text(s, q, 4, i->kind);
	bind_text(s, q, 5, i->body);
	bind_int(s, q, 6, i->made_ms);
	if (!sql_run(s, q, e))
		return false;
	i->id = s->next_inbox++;
	return true;
}

static struct store_inbox inbox_row(struct sqlite3_stmt *q)
{
	struct store_inbox i = { .id = (uint64_t)col_int(q, 0), .seq = (uint64_t)col_int(q, 1), .kind = col_view(q, 3),
		.body = col_view(q, 4), .made_ms = col_int(q, 5) };

	col_bytes(q, 2, i.exchange.b, sizeof i.exchange.b);
	return i;
}

bool store_list_inbox(struct store *s, uint64_t after, unsigned max,
                      bool (*each)(void *arg, const struct store_inbox *i), void *arg, struct error *e)
{
	struct sqlite3_stmt *q = sql_start(s, SQL_INBOX_LIST, e);
	bool row;

	if (!q)
		return false;
	bind_int(s, q, 1, after > INT64_MAX ? INT64_MAX : (int64_t)after);
	bind_int(s, q, 2, max);
	for (;;) {
		if (!sql_step(s, q, &row, e))
			return false;
		if (!row)
			return true;
		struct store_inbox i = inbox_row(q);
		if (!each(arg, &i))
			break;
	}
	sql_end(q);
	return true;
}

bool store_get_inbox(struct store *s, uint64_t id, struct store_inbox *out, struct error *e)
{
	struct error missing = { 0 };
	struct sqlite3_stmt *q = row_of(s, SQL_INBOX_GET, id, "inbox item", &missing);
	bool done = !q && missing.reason == REASON_NOT_FOUND;

	if (!q && !done)
		return error_set(e, missing.reason, "%s", missing.text);
	if (done && !(q = row_of(s, SQL_INBOX_DONE_GET, id, "inbox item", e)))
		return false;
	struct store_inbox i = inbox_row(q);
	i.acked_ms = done ? col_int(q, 6) : 0;
	i.kind = col_keep(s, q, 3);
	i.body = col_keep(s, q, 4);
	sql_end(q);
	if (!i.kind.p || !i.body.p)
		return error_set(e, REASON_NO_MEMORY, "no memory for an inbox item");
	*out = i;
	return true;
}

bool store_ack_inbox(struct store *s, uint64_t id, int64_t now_ms, struct view receipt, bool *first, struct error *e)
{
	struct sqlite3_stmt *q;

	/* Looked up first: a second acknowledgement must not fail on the row that the first one left. */
	if ((q = row_of(s, SQL_INBOX_DONE_GET, id, "inbox item", NULL))) {
		sql_end(q);
		*first = false;
		return true;
	}
	if (!(q = sql_start(s, SQL_INBOX_DONE, e)))
		return false;
	bind_int(s, q, 1, (int64_t)id);
	bind_int(s, q, 2, now_ms);
	bind_text(s, q, 3, receipt);
	if (!sql_run(s, q, e))
		return false;
	if (sql_changes(s) == 0)
		return MISSING(e, "inbox item");
	*first = true;
	return run_seq(s, SQL_INBOX_DROP, id, e);
}
