/* The store's timers with what comes after them, duties, and links between exchanges. */
#include <check.h>

#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/link.h"
#include "gatewayd/core/store/timer.h"
#include "test/core/store_fixture.h"

TCase *make_store_copy_case(void);

static struct store_timer full_timer(uint64_t seq)
{
	return (struct store_timer){ .seq = seq,
		                     .due_ms = T0 + 1,
		                     .kind = TIMER_NOTIFY,
		                     .receipt_ms = T0 + 9,
		                     .inbox = 77,
		                     .plan = { .base_ms = T0,
		                               .payload_ms = T0 + 2,
		                               .mask_ms = T0 + 3,
		                               .review_ms = T0 + 4,
		                               .notify_ms = T0 + 5,
		                               .end_ms = T0 + 6,
		                               .return_at_end = true },
		                     .purpose = VIEW("border"),
		                     .reference = VIEW("R-1") };
}

START_TEST(a_timer_keeps_its_plan)
{
	struct store_timer t = full_timer(1), got;

	begin();
	OK(store_put_timer(s, &t, e));
	commit();
	reopen();
	OK(store_get_timer(s, 1, &got, e));
	ck_assert_int_eq(got.due_ms, T0 + 1);
	ck_assert_int_eq(got.kind, TIMER_NOTIFY);
	ck_assert(!got.held && got.plan.return_at_end);
	ck_assert_int_eq(got.plan.base_ms, T0);
	ck_assert_int_eq(got.plan.payload_ms, T0 + 2);
	ck_assert_int_eq(got.plan.mask_ms, T0 + 3);
	ck_assert_int_eq(got.plan.review_ms, T0 + 4);
	ck_assert_int_eq(got.plan.notify_ms, T0 + 5);
	ck_assert_int_eq(got.plan.end_ms, T0 + 6);
	ck_assert_int_eq(got.receipt_ms, T0 + 9);
	ck_assert_uint_eq(got.inbox, 77);
	ck_assert(view_is(got.purpose, "border") && view_is(got.reference, "R-1"));
}
END_TEST

struct found {
	struct store_duty items[8];
	size_t n, most;
};

static bool note_duty(void *arg, const struct store_duty *d)
{
	struct found *f = arg;

	f->items[f->n++] = *d;
	return f->n < f->most;
}

static uint64_t put(uint64_t seq, enum duty_kind kind, enum duty_state state)
{
	struct store_duty d = { .seq = seq, .kind = kind, .state = state, .made_ms = T0, .due_ms = T0 + (int64_t)seq };

	OK(store_put_duty(s, &d, e));
	return d.id;
}

START_TEST(duties)
{
	struct found f = { .most = 8 };
	struct store_duty d;

	begin();
	uint64_t first = put(1, DUTY_MASK, DUTY_OPEN), second = put(1, DUTY_REVIEW, DUTY_OPEN),
	         third = put(1, DUTY_MASK, DUTY_OPEN);
	put(2, DUTY_ERASE, DUTY_OVERDUE);
	ck_assert(first < second && second < third);
	OK(store_find_duty(s, 1, DUTY_MASK, &d, e));
	ck_assert_uint_eq(d.id, third);
	d.state = DUTY_DONE;
	d.done_ms = T0 + 5;
	d.escalated = 3;
	d.blocks = true;
	d.inbox = 12;
	d.result = VIEW("masked");
	d.why = VIEW("because");
	OK(store_set_duty(s, &d, e));
	d.id = 999;
	REFUSED(REASON_NOT_FOUND, store_set_duty(s, &d, e));
	REFUSED(REASON_NOT_FOUND, store_find_duty(s, 1, DUTY_RETURN, &d, e));
	OK(store_find_duty(s, 1, DUTY_MASK, &d, e));
	ck_assert(d.state == DUTY_DONE && d.done_ms == T0 + 5 && d.escalated == 3 && d.blocks && d.inbox == 12);
	ck_assert(view_is(d.why, "because"));
	ck_assert(view_is(d.result, "masked") && d.made_ms == T0 && d.due_ms == T0 + 1);
	OK(store_list_duties(s, 1, note_duty, &f, e));
	ck_assert_uint_eq(f.n, 3);
	ck_assert_uint_eq(f.items[0].id, first);
	f = (struct found){ .most = 1 };
	OK(store_list_duties(s, 1, note_duty, &f, e));
	ck_assert_uint_eq(f.n, 1);
	f = (struct found){ .most = 8 };
	OK(store_list_overdue(s, 0, 10, note_duty, &f, e));
	ck_assert_uint_eq(f.n, 1);
	ck_assert_uint_eq(f.items[0].seq, 2);
	commit();
}
END_TEST

static bool note_blocking(void *arg, struct view agreement, struct view recipient)
{
	ck_assert(view_is(agreement, "pnr-2026"));
	ck_assert(view_is(recipient, "south"));
	++*(unsigned *)arg;
	return true;
}

START_TEST(what_blocks)
{
	struct store_exchange x = make_exchange(1, "gw-north", "", 7), y = make_exchange(2, "gw-north", "", 8), prior;
	unsigned n = 0;

	begin();
	ck_assert_int_eq(accept(&x, &prior), STORE_NEW);
	ck_assert_int_eq(accept(&y, &prior), STORE_NEW);
	struct store_duty d = { .seq = x.seq, .kind = DUTY_MASK, .state = DUTY_OVERDUE, .blocks = true };
	OK(store_put_duty(s, &d, e));
	OK(store_put_duty(s, &d, e));
	d = (struct store_duty){ .seq = y.seq, .kind = DUTY_MASK, .state = DUTY_OVERDUE };
	OK(store_put_duty(s, &d, e));
	commit();
	OK(store_list_blocking(s, note_blocking, &n, e));
	ck_assert_uint_eq(n, 1); /* named once, and not for what is only reported */
}
END_TEST

START_TEST(names)
{
	for (unsigned k = 0; k < DUTY_KINDS; k++)
		ck_assert_uint_eq(duty_kind_find(view_of(duty_kind_name((enum duty_kind)k))), k);
	ck_assert_uint_eq(duty_kind_find(VIEW("records")), DUTY_KINDS);
	ck_assert_str_eq(duty_state_name(DUTY_WITHDRAWN), "withdrawn");
	ck_assert_str_eq(timer_kind_name(TIMER_NOTIFY), "notify");
}
END_TEST

static bool note_link(void *arg, const struct store_link *l)
{
	uint64_t *children = arg;

	children[++children[0]] = l->child;
	return true;
}

START_TEST(links)
{
	struct store_link l = { .child = 5, .parent = 1, .kind = LINK_ONWARD }, got;
	uint64_t children[4] = { 0 };

	begin();
	OK(store_put_link(s, &l, e));
	l = (struct store_link){ .child = 6, .parent = 1, .kind = LINK_ONWARD };
	OK(store_put_link(s, &l, e));
	l = (struct store_link){ .child = 6, .parent = 5, .kind = LINK_CORRECTS, .version = 2 };
	OK(store_put_link(s, &l, e));
	commit();
	OK(store_get_link(s, 6, LINK_CORRECTS, &got, e));
	ck_assert(got.parent == 5 && got.version == 2);
	OK(store_get_link(s, 6, LINK_ONWARD, &got, e));
	ck_assert_uint_eq(got.parent, 1);
	REFUSED(REASON_NOT_FOUND, store_get_link(s, 5, LINK_CORRECTS, &got, e));
	OK(store_list_links(s, 1, LINK_ONWARD, note_link, children, e));
	ck_assert(children[0] == 2 && children[1] == 5 && children[2] == 6);
}
END_TEST

TCase *make_store_copy_case(void)
{
	TCase *c = tcase_create("store_copy");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_timer_keeps_its_plan);
	tcase_add_test(c, duties);
	tcase_add_test(c, what_blocks);
	tcase_add_test(c, names);
	tcase_add_test(c, links);
	return c;
}
