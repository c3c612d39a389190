/* The store: looking up, and rows of each kind. */
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/payload.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/core/store/timer.h"
#include "gatewayd/core/store/witness.h"
#include "lib/base/datetime.h"
#include "test/core/store_fixture.h"

/* --- looking up --- */

START_TEST(nothing_is_no_failure)
{
	struct error e = { .reason = REASON_NONE };
	struct view value;

	ck_assert_int_eq(sought(store_get_value(s, VIEW("absent"), &value, &e), &e), SOUGHT_NONE);
	ck_assert_int_eq(e.reason, REASON_NONE);
	ck_assert_int_eq(sought(store_get_value(s, VIEW("store/window-key"), &value, &e), &e), SOUGHT_FOUND);
	ck_assert_int_eq(sought(store_commit(s, &e), &e), SOUGHT_FAILED);
	ck_assert_int_eq(e.reason, REASON_STORE);
	ck_assert(e.text[0] != 0);
}
END_TEST

/* --- rows --- */

START_TEST(exchange_comes_back_as_it_went_in)
{
	struct store_exchange x = make_exchange(1, "p", "k", 7), y;

	x.agreement_digest.b[31] = 3;
	begin();
	ck_assert_int_eq(accept(&x, &y), STORE_NEW);
	OK(store_get_exchange(s, x.seq, &y, e));
	ck_assert_uint_eq(y.entry, STORE_NO_ENTRY);
	OK(store_set_entry(s, x.seq, 0, e));
	OK(store_set_state(s, x.seq, STATE_DELIVERED, e));
	REFUSED(REASON_NOT_FOUND, store_set_state(s, 77, STATE_DELIVERED, e));
	commit();
	OK(store_find_exchange(s, &x.id, &y, e));
	ck_assert_uint_eq(y.seq, x.seq);
	ck_assert_uint_eq(y.entry, 0);
	ck_assert_int_eq(y.state, STATE_DELIVERED);
	ck_assert_mem_eq(&y.origin, &x.id, sizeof x.id);
	ck_assert(view_is(y.partner, "p") && view_is(y.key, "k") && view_is(y.agreement, "pnr-2026"));
	ck_assert(view_is(y.provider, "north") && view_is(y.recipient, "south"));
	ck_assert(digest_eq(&y.body, &x.body) && digest_eq(&y.agreement_digest, &x.agreement_digest));
	ck_assert_int_eq(y.received_ms, T0);
	struct uuid none = make_id(99);
	REFUSED(REASON_NOT_FOUND, store_find_exchange(s, &none, &y, e));
	/* The same id twice is the maker's fault, not a replay. */
	begin();
	enum store_accepted result;
	struct store_exchange twice = make_exchange(1, "p", "other", 7);
	REFUSED(REASON_STORE, store_accept(s, &twice, &result, &y, e));
	store_rollback(s);
}
END_TEST

static bool collect_exchange(void *arg, const struct store_exchange *x)
{
	uint64_t *sum = arg;

	*sum = *sum * 10 + x->seq;
	return x->seq != 2;
}

START_TEST(exchanges_are_listed_newest_first)
{
	struct store_exchange prior;
	uint64_t sum = 0;

	begin();
	for (unsigned i = 1; i <= 5; i++) {
		struct store_exchange x = make_exchange(i, "p", "", 7);
		ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	}
	/* The row that is still held back is listed too. */
	OK(store_list_exchanges(s, 0, 2, collect_exchange, &sum, e));
	ck_assert_uint_eq(sum, 54);
	commit();
	sum = 0;
	OK(store_list_exchanges(s, 5, 10, collect_exchange, &sum, e));
	ck_assert_uint_eq(sum, 432);
}
END_TEST

START_TEST(writing_needs_a_transaction)
{
	struct store_exchange x = make_exchange(1, "p", "k", 7), prior;
	struct store_payload p = { .seq = 1, .sealed = VIEW("x") };
	enum store_accepted result;

	REFUSED(REASON_STORE, store_accept(s, &x, &result, &prior, e));
	REFUSED(REASON_STORE, store_put_payload(s, &p, e));
	REFUSED(REASON_STORE, store_put_entry(s, 0, VIEW("{}"), VIEW(""), e));
	REFUSED(REASON_STORE, store_commit(s, e));
	begin();
	REFUSED(REASON_STORE, store_begin(s, e));
	REFUSED(REASON_STORE, store_checkpoint(s, false, e));
	commit();
	struct store *r = open_reader();
	REFUSED(REASON_STORE, store_begin(r, e));
	REFUSED(REASON_STORE, store_put_payload(r, &p, e));
	REFUSED(REASON_STORE, store_checkpoint(r, true, e));
	store_close(r);
}
END_TEST

/* Reads of a look are of one state, and nothing of it stays in the way of a checkpoint. */
START_TEST(a_look_sees_one_state)
{
	struct store *r = open_reader();
	struct view v;

	begin();
	OK(store_put_value(s, VIEW("seen"), VIEW("1"), e));
	commit();
	OK(store_look(r, e));
	REFUSED(REASON_STORE, store_look(r, e));
	OK(store_get_value(r, VIEW("seen"), &v, e));
	begin();
	OK(store_put_value(s, VIEW("seen"), VIEW("2"), e));
	commit();
	OK(store_get_value(r, VIEW("seen"), &v, e));
	ck_assert(view_is(v, "1"));
	REFUSED(REASON_UNAVAILABLE, store_checkpoint(s, true, e));
	OK(store_look_anew(r, e));
	OK(store_get_value(r, VIEW("seen"), &v, e));
	ck_assert(view_is(v, "2"));
	store_look_end(r);
	store_look_end(r);
	OK(store_checkpoint(s, true, e));
	begin();
	OK(store_put_value(s, VIEW("seen"), VIEW("3"), e));
	commit();
	OK(store_look_anew(r, e));
	OK(store_get_value(r, VIEW("seen"), &v, e));
	ck_assert(view_is(v, "3"));
	REFUSED(REASON_STORE, store_look(s, e));
	OK(store_look(r, e));
	store_close(r);
}
END_TEST

START_TEST(payload_goes_with_its_slot)
{
	struct store_payload p = { .seq = 3, .slot = 70000, .sealed = VIEW("sealed bytes") }, got;

	begin();
	OK(store_put_payload(s, &p, e));
	commit();
	OK(store_get_payload(s, 3, &got, e));
	ck_assert_uint_eq(got.slot, 70000);
	ck_assert(view_is(got.sealed, "sealed bytes"));
	ck_assert(store_slot_live(s, 70000));
	ck_assert(!store_slot_live(s, 0) && !store_slot_live(s, 69999) && !store_slot_live(s, UINT32_MAX));
	begin();
	p.slot = 5;
	OK(store_put_payload(s, &p, e));
	commit();
	store_slots_forget(s);
	ck_assert(store_slot_live(s, 5) && !store_slot_live(s, 70000));
	ck_assert(!store_erased(s));
	begin();
	struct store_unproved unproved = { .seq = 3, .origin = VIEW("south/1"), .size = 4 };
	OK(store_put_unproved(s, &unproved, e));
	OK(store_erase_payload(s, 3, e));
	REFUSED(REASON_NOT_FOUND, store_get_unproved(s, 3, &unproved, e));
	REFUSED(REASON_NOT_FOUND, store_erase_payload(s, 3, e));
	commit();
	ck_assert(store_erased(s));
	REFUSED(REASON_NOT_FOUND, store_get_payload(s, 3, &got, e));
	OK(store_checkpoint(s, true, e));
	ck_assert(!store_erased(s));
}
END_TEST

static bool collect_timer(void *arg, const struct store_timer *t)
{
	uint64_t *sum = arg;

	*sum = *sum * 10 + t->seq;
	return true;
}

START_TEST(timers_fire_in_order_unless_held)
{
	struct store_timer t = { .kind = TIMER_ERASE }, got;
	uint64_t sum = 0;

	begin();
	for (t.seq = 1; t.seq <= 5; t.seq++) {
		t.due_ms = T0 - (int64_t)t.seq;
		OK(store_put_timer(s, &t, e));
	}
	struct store_hold h = { .seq = 4, .until_ms = T0 };
	bool fresh;
	OK(store_put_hold(s, &h, &fresh, e));
	t = (struct store_timer){ .seq = 2, .due_ms = T0 + 1, .kind = TIMER_REVIEW };
	OK(store_put_timer(s, &t, e));
	OK(store_drop_timer(s, 1, e));
	OK(store_drop_timer(s, 1, e));
	commit();
	OK(store_due_timers(s, T0, 10, collect_timer, &sum, e));
	ck_assert_uint_eq(sum, 53);
	sum = 0;
	OK(store_list_timers(s, 0, 10, collect_timer, &sum, e));
	ck_assert_uint_eq(sum, 2345);
	OK(store_get_timer(s, 4, &got, e));
	ck_assert(got.held && got.kind == TIMER_ERASE);
	begin();
	OK(store_end_hold(s, h.id, T0, e));
	commit();
	sum = 0;
	OK(store_due_timers(s, T0, 2, collect_timer, &sum, e));
	ck_assert_uint_eq(sum, 54);
	REFUSED(REASON_NOT_FOUND, store_get_timer(s, 1, &got, e));
}
END_TEST

static bool collect_delivery(void *arg, const struct store_delivery *d)
{
	uint64_t *sum = arg;

	*sum = *sum * 10 + d->seq;
	return true;
}

START_TEST(outbox_retries_and_ends)
{
	struct store_delivery d = { .seq = 1,
		                    .recipient = VIEW("south"),
		                    .next_ms = T0,
		                    .deadline_ms = T0 + DAY_MS,
		                    .envelope = VIEW("{\"purpose\":\"border\"}") },
	                      got;
	uint64_t sum = 0;
	struct view receipt;

	begin();
	OK(store_put_delivery(s, &d, e));
	d.seq = 2;
	d.next_ms = T0 - 1;
	OK(store_put_delivery(s, &d, e));
	commit();
	OK(store_due_deliveries(
	        s,
	        &(struct store_ask){
	                .recipient = VIEW("south"), .now_ms = T0, .before_ms = INT64_MAX, .shares = 1, .max = 10 },
	        collect_delivery, &sum, e));
	ck_assert_uint_eq(sum, 21);
	begin();
	OK(store_retry_delivery(s, 2, T0 + 5000, VIEW("unavailable"), e));
	REFUSED(REASON_NOT_FOUND, store_retry_delivery(s, 3, T0, VIEW(""), e));
	commit();
	OK(store_get_delivery(s, 2, &got, e));
	ck_assert_uint_eq(got.attempts, 1);
	ck_assert_int_eq(got.next_ms, T0 + 5000);
	ck_assert(view_is(got.last_error, "unavailable") && view_is(got.recipient, "south"));
	ck_assert(view_is(got.envelope, "{\"purpose\":\"border\"}"));
	begin();
	OK(store_drop_delivery(s, 1, e));
	OK(store_drop_delivery(s, 1, e));
	OK(store_put_receipt(s, 1, VIEW("c2sp.org/tlog-proof@v1\n"), e));
	commit();
	sum = 0;
	OK(store_list_deliveries(s, 0, 10, collect_delivery, &sum, e));
	ck_assert_uint_eq(sum, 2);
	OK(store_get_receipt(s, 1, &receipt, e));
	ck_assert(view_is(receipt, "c2sp.org/tlog-proof@v1\n"));
	REFUSED(REASON_NOT_FOUND, store_get_receipt(s, 2, &receipt, e));
	REFUSED(REASON_NOT_FOUND, store_get_delivery(s, 1, &got, e));
}
END_TEST

static bool collect_inbox(void *arg, const struct store_inbox *i)
{
	uint64_t *sum = arg;

	*sum = *sum * 10 + i->id;
	return true;
}

START_TEST(inbox_is_acknowledged_once)
{
	struct store_inbox i = { .seq = 9,
		                 .exchange = make_id(9),
		                 .kind = VIEW("record"),
		                 .body = VIEW("\"a\":1"),
		                 .made_ms = T0 },
	                   got;
	uint64_t sum = 0;
	bool first = false;

	begin();
	for (unsigned n = 1; n <= 3; n++) {
		OK(store_put_inbox(s, &i, e));
		ck_assert_uint_eq(i.id, n);
	}
	OK(store_ack_inbox(s, 3, T0 + 1, VIEW("{\"done\":true}"), &first, e));
	ck_assert(first);
	OK(store_ack_inbox(s, 3, T0 + 2, VIEW("{}"), &first, e));
	ck_assert(!first);
	REFUSED(REASON_NOT_FOUND, store_ack_inbox(s, 4, T0, VIEW(""), &first, e));
	commit();
	OK(store_list_inbox(s, 1, 10, collect_inbox, &sum, e));
	ck_assert_uint_eq(sum, 2);
	OK(store_get_inbox(s, 3, &got, e));
	ck_assert_int_eq(got.acked_ms, T0 + 1);
	ck_assert(view_is(got.body, "{\"done\":true}") && view_is(got.kind, "record"));
	OK(store_get_inbox(s, 2, &got, e));
	ck_assert_int_eq(got.acked_ms, 0);
	ck_assert_mem_eq(&got.exchange, &i.exchange, sizeof i.exchange);
	REFUSED(REASON_NOT_FOUND, store_get_inbox(s, 4, &got, e));
	/* Ids go on growing, also when all are acknowledged and the store was closed. */
	begin();
	OK(store_ack_inbox(s, 1, T0, VIEW(""), &first, e));
	OK(store_ack_inbox(s, 2, T0, VIEW(""), &first, e));
	commit();
	reopen();
	begin();
	OK(store_put_inbox(s, &i, e));
	ck_assert_uint_eq(i.id, 4);
	store_rollback(s);
	begin();
	OK(store_put_inbox(s, &i, e));
	ck_assert_uint_eq(i.id, 4);
	commit();
}
END_TEST

/* --- log, documents, values --- */

static bool collect_entry(void *arg, uint64_t index, struct view leaf, struct view packed)
{
	uint64_t *sum = arg;

	ck_assert(leaf.n > 0);
	*sum = *sum * 100 + index * 10 + (packed.n > 0);
	return true;
}

START_TEST(log_rows_are_kept)
{
	struct view leaf, packed, note, hashes;
	uint64_t n, sum = 0, size;
	char tile[64] = { 1 };

	OK(store_last_checkpoint(s, &size, &note, e));
	ck_assert_uint_eq(size, 0);
	OK(store_entry_count(s, &n, e));
	ck_assert_uint_eq(n, 0);
	begin();
	OK(store_put_entry(s, 0, VIEW("{\"a\":0}"), VIEW("[\"x\"]"), e));
	OK(store_put_entry(s, 1, VIEW("{\"a\":1}"), VIEW(""), e));
	REFUSED(REASON_STORE, store_put_entry(s, 1, VIEW("{}"), VIEW(""), e));
	OK(store_put_tile(s, 0, 0, view_make(tile, 32), e));
	OK(store_put_tile(s, 0, 0, view_make(tile, 64), e));
	OK(store_put_tile(s, 1, 0, view_make(tile, 32), e));
	REFUSED(REASON_NOT_FOUND, store_put_tile(s, 8, 0, view_make(tile, 32), e));
	OK(store_put_checkpoint(s, 1, VIEW("one"), e));
	OK(store_put_checkpoint(s, 5, VIEW("five"), e));
	commit();
	OK(store_get_entry(s, 0, &leaf, &packed, e));
	ck_assert(view_is(leaf, "{\"a\":0}") && view_is(packed, "[\"x\"]"));
	OK(store_list_entries(s, 0, 10, collect_entry, &sum, e));
	ck_assert_uint_eq(sum, 110);
	begin();
	OK(store_erase_disclosures(s, 0, e));
	REFUSED(REASON_NOT_FOUND, store_erase_disclosures(s, 1, e));
	REFUSED(REASON_NOT_FOUND, store_erase_disclosures(s, 0, e));
	commit();
	ck_assert(store_erased(s));
	OK(store_get_entry(s, 0, &leaf, &packed, e));
	ck_assert(view_is(leaf, "{\"a\":0}") && packed.n == 0);
	REFUSED(REASON_NOT_FOUND, store_get_entry(s, 2, &leaf, &packed, e));
	OK(store_get_tile(s, 0, 0, &hashes, e));
	ck_assert_uint_eq(hashes.n, 64);
	REFUSED(REASON_NOT_FOUND, store_get_tile(s, 0, 1, &hashes, e));
	OK(store_get_checkpoint(s, 0, &size, &note, e));
	ck_assert(size == 1 && view_is(note, "one"));
	OK(store_get_checkpoint(s, 1, &size, &note, e));
	ck_assert(size == 5 && view_is(note, "five"));
	REFUSED(REASON_NOT_FOUND, store_get_checkpoint(s, 5, &size, &note, e));
	OK(store_last_checkpoint(s, &size, &note, e));
	ck_assert_uint_eq(size, 5);
}
END_TEST

START_TEST(documents_and_values_are_kept)
{
	struct digest d = { .b = { 1 } }, none = { .b = { 2 } };
	struct view got;

	begin();
	OK(store_put_document(s, &d, VIEW("agreement"), VIEW("text"), T0, e));
	OK(store_put_document(s, &d, VIEW("agreement"), VIEW("text"), T0 + 1, e));
	OK(store_put_value(s, VIEW("witness/a"), VIEW("1"), e));
	OK(store_put_value(s, VIEW("witness/a"), VIEW("2"), e));
	OK(store_put_value(s, VIEW("witness/b"), VIEW("3"), e));
	OK(store_put_value(s, VIEW("witness/b"), VIEW(""), e));
	commit();
	OK(store_get_document(s, &d, &got, e));
	ck_assert(view_is(got, "text"));
	REFUSED(REASON_NOT_FOUND, store_get_document(s, &none, &got, e));
	OK(store_get_value(s, VIEW("witness/a"), &got, e));
	ck_assert(view_is(got, "2"));
	REFUSED(REASON_NOT_FOUND, store_get_value(s, VIEW("witness/b"), &got, e));
}
END_TEST

START_TEST(counts_add_up)
{
	struct store_exchange x = make_exchange(1, "p", "", 7), prior;
	struct store_payload p = { .seq = 1, .sealed = VIEW("x") };
	struct store_timer t = { .seq = 1, .due_ms = T0 };
	struct store_delivery d = { .seq = 1, .next_ms = T0 + 5 };
	struct store_inbox i = { .seq = 1, .kind = VIEW("record") };
	struct store_counts c;

	OK(store_count(s, &c, e));
	ck_assert_uint_eq(c.exchanges + c.payloads + c.timers + c.deliveries + c.inbox + c.entries, 0);
	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	OK(store_put_payload(s, &p, e));
	OK(store_put_timer(s, &t, e));
	OK(store_put_delivery(s, &d, e));
	OK(store_put_inbox(s, &i, e));
	OK(store_put_entry(s, 0, VIEW("{}"), VIEW(""), e));
	commit();
	OK(store_count(s, &c, e));
	ck_assert(c.exchanges == 1 && c.payloads == 1 && c.timers == 1 && c.deliveries == 1 && c.inbox == 1 &&
	          c.entries == 1);
}
END_TEST

TCase *make_store_case(void);
TCase *make_store_case(void)
{
	TCase *c = tcase_create("store");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, nothing_is_no_failure);
	tcase_add_test(c, exchange_comes_back_as_it_went_in);
	tcase_add_test(c, exchanges_are_listed_newest_first);
	tcase_add_test(c, writing_needs_a_transaction);
	tcase_add_test(c, a_look_sees_one_state);
	tcase_add_test(c, payload_goes_with_its_slot);
	tcase_add_test(c, timers_fire_in_order_unless_held);
	tcase_add_test(c, outbox_retries_and_ends);
	tcase_add_test(c, inbox_is_acknowledged_once);
	tcase_add_test(c, log_rows_are_kept);
	tcase_add_test(c, documents_and_values_are_kept);
	tcase_add_test(c, counts_add_up);
	return c;
}
