/* The store: holds, the timers that they hold, deliveries of what is restricted, and what falls due when. */
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/timer.h"
#include "lib/base/datetime.h"
#include "test/core/store_fixture.h"

static struct store_hold make_hold(uint64_t seq, enum hold_kind kind, uint8_t statement, int64_t until_ms)
{
	return (struct store_hold){ .seq = seq,
		                    .kind = kind,
		                    .from_ms = T0,
		                    .until_ms = until_ms,
		                    .statement = { .b = { statement } },
		                    .signer = VIEW("supervisor-north"),
		                    .role = VIEW("supervisor") };
}

static uint64_t put(struct store_hold h)
{
	bool fresh = false;

	OK(store_put_hold(s, &h, &fresh, e));
	ck_assert(fresh);
	return h.id;
}

static bool is_held(uint64_t seq)
{
	struct store_timer t = { .held = false };

	OK(store_get_timer(s, seq, &t, e));
	return t.held;
}

static bool collect_hold(void *arg, const struct store_hold *h)
{
	uint64_t *sum = arg;

	*sum = *sum * 10 + h->id;
	return true;
}

static uint64_t listed(uint64_t seq, bool ended_too)
{
	uint64_t sum = 0;

	OK(store_list_holds(s, seq, ended_too, collect_hold, &sum, e));
	return sum;
}

static bool first_hold(void *arg, const struct store_hold *h)
{
	*(uint64_t *)arg = h->id;
	return false;
}

START_TEST(a_timer_is_held_as_long_as_one_hold_is_in_force)
{
	struct store_timer t = { .seq = 7, .due_ms = T0, .kind = TIMER_ERASE };
	struct store_held held;

	begin();
	OK(store_put_timer(s, &t, e));
	ck_assert(!is_held(7));
	uint64_t one = put(make_hold(7, HOLD_LEGAL, 1, T0 + 10)), two = put(make_hold(7, HOLD_RESTRICTION, 2, T0 + 20));
	ck_assert(is_held(7));
	OK(store_held(s, 7, &held, e));
	ck_assert(held.legal == 1 && held.restrictions == 1);
	OK(store_end_hold(s, one, T0 + 10, e));
	ck_assert(is_held(7));
	/* A timer that takes another's place, and one that is put after the hold, are held as well. */
	t.due_ms += 5;
	OK(store_put_timer(s, &t, e));
	ck_assert(is_held(7));
	put(make_hold(8, HOLD_LEGAL, 3, T0 + 20));
	t.seq = 8;
	OK(store_put_timer(s, &t, e));
	ck_assert(is_held(8));
	OK(store_end_hold(s, two, T0 + 20, e));
	ck_assert(!is_held(7) && is_held(8));
	OK(store_get_timer(s, 7, &t, e));
	ck_assert_int_eq(t.due_ms, T0 + 5);
	OK(store_held(s, 7, &held, e));
	ck_assert(held.legal == 0 && held.restrictions == 0);
	REFUSED(REASON_NOT_FOUND, store_end_hold(s, two, T0 + 30, e));
	REFUSED(REASON_NOT_FOUND, store_end_hold(s, 99, T0 + 30, e));
	commit();
}
END_TEST

START_TEST(a_statement_counts_once)
{
	struct store_hold h = make_hold(7, HOLD_RESTRICTION, 1, T0 + 10), got;
	bool fresh = true;
	uint64_t id;

	begin();
	id = put(h);
	OK(store_put_hold(s, &h, &fresh, e));
	ck_assert(!fresh);
	OK(store_end_hold(s, id, T0 + 4, e));
	/* Nor does showing it again bring back what was lifted. */
	OK(store_put_hold(s, &h, &fresh, e));
	ck_assert(!fresh);
	commit();
	ck_assert_uint_eq(listed(7, false), 0);
	OK(store_find_hold(s, &h.statement, &got, e));
	ck_assert(got.id == id && got.seq == 7 && got.kind == HOLD_RESTRICTION && got.from_ms == T0 &&
	          got.until_ms == T0 + 10);
	ck_assert(got.ended_ms == T0 + 4 && view_is(got.signer, "supervisor-north") && view_is(got.role, "supervisor"));
	h.statement.b[0] = 9;
	REFUSED(REASON_NOT_FOUND, store_find_hold(s, &h.statement, &got, e));
}
END_TEST

START_TEST(listings_and_what_is_due)
{
	uint64_t sum = 0;

	begin();
	put(make_hold(7, HOLD_LEGAL, 1, T0 + 30));
	put(make_hold(8, HOLD_LEGAL, 2, T0 + 10));
	put(make_hold(7, HOLD_RESTRICTION, 3, T0 + 20));
	put(make_hold(7, HOLD_LEGAL, 4, T0 + 5));
	OK(store_end_hold(s, 4, T0, e));
	commit();
	ck_assert_uint_eq(listed(0, false), 123);
	ck_assert_uint_eq(listed(0, true), 1234);
	ck_assert_uint_eq(listed(7, false), 13);
	ck_assert_uint_eq(listed(7, true), 134);
	ck_assert_uint_eq(listed(9, true), 0);
	OK(store_due_holds(s, T0 + 20, 10, collect_hold, &sum, e));
	ck_assert_uint_eq(sum, 23);
	sum = 0;
	OK(store_due_holds(s, T0 + 30, 2, collect_hold, &sum, e));
	ck_assert_uint_eq(sum, 23);
	OK(store_due_holds(s, T0 + 30, 10, first_hold, &sum, e));
	ck_assert_uint_eq(sum, 2);
	OK(store_due_holds(s, T0 + 9, 10, collect_hold, &sum, e));
	ck_assert_uint_eq(sum, 2);
	REFUSED(REASON_STORE, store_end_hold(s, 1, T0, e)); /* outside a transaction */
}
END_TEST

static bool collect_delivery(void *arg, const struct store_delivery *d)
{
	uint64_t *sum = arg;

	*sum = *sum * 10 + d->seq;
	return true;
}

START_TEST(what_is_restricted_is_not_sent)
{
	struct store_delivery d = { .recipient = VIEW("south"), .next_ms = T0, .deadline_ms = T0 + 100 };
	uint64_t sum = 0;

	begin();
	for (d.seq = 1; d.seq <= 4; d.seq++)
		OK(store_put_delivery(s, &d, e));
	put(make_hold(2, HOLD_LEGAL, 1, T0 + 30));
	uint64_t id = put(make_hold(3, HOLD_RESTRICTION, 2, T0 + 30));
	commit();
	/* The restricted one takes no place of the others. */
	OK(store_due_deliveries(
	        s,
	        &(struct store_ask){
	                .recipient = VIEW("south"), .now_ms = T0, .before_ms = INT64_MAX, .shares = 1, .max = 3 },
	        collect_delivery, &sum, e));
	ck_assert_uint_eq(sum, 124);
	sum = 0;
	OK(store_list_deliveries(s, 0, 10, collect_delivery, &sum, e));
	ck_assert_uint_eq(sum, 1234);
	begin();
	OK(store_end_hold(s, id, T0 + 30, e));
	OK(store_extend_delivery(s, 3, T0 - 1, 30, e));
	OK(store_extend_delivery(s, 9, T0 - 1, 30, e));
	commit();
	sum = 0;
	OK(store_due_deliveries(
	        s,
	        &(struct store_ask){
	                .recipient = VIEW("south"), .now_ms = T0, .before_ms = INT64_MAX, .shares = 1, .max = 10 },
	        collect_delivery, &sum, e));
	ck_assert_uint_eq(sum, 3124);
	OK(store_get_delivery(s, 3, &d, e));
	ck_assert_int_eq(d.deadline_ms, T0 + 130);
}
END_TEST

static uint64_t due_at(int64_t now_ms)
{
	uint64_t sum = 0;
	struct store_ask ask = {
		.recipient = VIEW("south"), .now_ms = now_ms, .before_ms = INT64_MAX, .shares = 1, .max = 9
	};

	OK(store_due_deliveries(s, &ask, collect_delivery, &sum, e));
	return sum;
}

START_TEST(of_a_series_the_oldest_goes_first)
{
	static const char *const series[] = { "", "a", "a", "b", "", "a" };
	struct store_delivery d = { .recipient = VIEW("south"), .next_ms = T0, .deadline_ms = T0 + 100 };

	begin();
	for (d.seq = 1; d.seq < 6; d.seq++) {
		d.series = view_of(series[d.seq]);
		OK(store_put_delivery(s, &d, e));
	}
	OK(store_retry_delivery(s, 1, T0 + 50, VIEW("unreachable"), e));
	commit();
	/* 2 and 5 are behind 1, which is not due. */
	ck_assert_uint_eq(due_at(T0), 34);
	ck_assert_uint_eq(due_at(T0 + 50), 341);
	begin();
	OK(store_retry_delivery(s, 1, OUTBOX_FAILED, VIEW("unreachable"), e));
	commit();
	ck_assert_uint_eq(due_at(T0 + 50), 234);
	begin();
	OK(store_drop_delivery(s, 2, e));
	commit();
	ck_assert_uint_eq(due_at(T0 + 50), 345);
}
END_TEST

/* --- what falls due when --- */

static bool print_due(void *arg, const struct store_due *d)
{
	buf_addf(arg, "%s%lld %s%s %llu %lld-%lld|", d->agreement.n ? "pnr-2026 " : "",
	         (long long)(d->day ? d->day - T0 / DAY_MS : 0), timer_kind_name(d->kind), d->held ? " held" : "",
	         (unsigned long long)d->n, (long long)(d->first_ms - T0), (long long)(d->last_ms - T0));
	return true;
}

static bool only_first(void *arg, const struct store_due *d)
{
	print_due(arg, d);
	return false;
}

static void put_timer(uint64_t seq, int64_t due_ms, enum timer_kind kind)
{
	struct store_timer t = { .seq = seq, .due_ms = T0 + due_ms, .kind = kind };

	OK(store_put_timer(s, &t, e));
}

static bool collect_timer(void *arg, const struct store_timer *t)
{
	uint64_t *sum = arg;

	*sum = *sum * 10 + t->seq;
	return true;
}

START_TEST(counted_by_day_and_agreement)
{
	struct buf out = BUF_INIT(4096);
	struct store_exchange x, prior;
	uint64_t sum = 0;

	begin();
	for (unsigned n = 1; n <= 6; n++) {
		x = make_exchange(n, "p", "", 7);
		x.agreement = n == 6 ? VIEW("other") : VIEW("pnr-2026");
		ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	}
	put_timer(1, 0, TIMER_ERASE);
	put_timer(2, DAY_MS - 1, TIMER_ERASE);
	put_timer(3, DAY_MS, TIMER_ERASE);
	put_timer(4, DAY_MS + 5, TIMER_REVIEW);
	put_timer(5, DAY_MS + 7, TIMER_ERASE);
	put(make_hold(5, HOLD_LEGAL, 1, T0 + 30));
	put(make_hold(9, HOLD_LEGAL, 2, T0 + 30));
	commit();
	OK(store_count_due(s, false, T0 + 9 * DAY_MS, print_due, &out, e));
	buf_addc(&out, 0);
	ck_assert_str_eq(out.p, "0 erase 2 0-86399999|1 erase 1 86400000-86400000|1 erase held 1 86400007-86400007|"
	                        "1 review 1 86400005-86400005|");
	buf_reset(&out);
	OK(store_count_due(s, true, T0 + DAY_MS, print_due, &out, e));
	buf_addc(&out, 0);
	ck_assert_str_eq(out.p, "pnr-2026 0 erase 3 0-86400000|");
	buf_reset(&out);
	OK(store_count_due(s, true, T0 + 9 * DAY_MS, only_first, &out, e));
	OK(store_count_due(s, false, T0 - 1, print_due, &out, e));
	buf_addc(&out, 0);
	ck_assert_str_eq(out.p, "pnr-2026 0 erase 3 0-86400000|");
	buf_free(&out);
	/* Held timers are listed in their order, too. */
	begin();
	put_timer(5, 1, TIMER_ERASE);
	commit();
	OK(store_list_due(s, T0 + 9 * DAY_MS, 10, collect_timer, &sum, e));
	ck_assert_uint_eq(sum, 15234);
	sum = 0;
	OK(store_list_due(s, T0 + 9 * DAY_MS, 2, collect_timer, &sum, e));
	ck_assert_uint_eq(sum, 15);
	sum = 0;
	OK(store_list_due(s, T0, 9, collect_timer, &sum, e));
	ck_assert_uint_eq(sum, 1);
}
END_TEST

TCase *make_store_hold_case(void);
START_TEST(of_an_exchange_that_was_just_accepted)
{
	struct store_exchange x = make_exchange(1, "partner", "", 1), prior;
	struct store_timer t = { .due_ms = T0, .kind = TIMER_ERASE };

	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	t.seq = x.seq;
	OK(store_put_timer(s, &t, e));
	ck_assert(!is_held(x.seq));
	put(make_hold(x.seq, HOLD_LEGAL, 1, T0 + 10));
	OK(store_put_timer(s, &t, e));
	ck_assert(is_held(x.seq));
	commit();
	begin();
	OK(store_put_timer(s, &t, e));
	ck_assert(is_held(x.seq));
	commit();
}
END_TEST

TCase *make_store_hold_case(void)
{
	TCase *c = tcase_create("store_hold");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_timer_is_held_as_long_as_one_hold_is_in_force);
	tcase_add_test(c, of_an_exchange_that_was_just_accepted);
	tcase_add_test(c, a_statement_counts_once);
	tcase_add_test(c, listings_and_what_is_due);
	tcase_add_test(c, what_is_restricted_is_not_sent);
	tcase_add_test(c, of_a_series_the_oldest_goes_first);
	tcase_add_test(c, counted_by_day_and_agreement);
	return c;
}
