/* Corrections and what is passed on: what each follows from, and what it does to that. */
#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/lineage/lineage.h"
#include "test/core/stops_fixture.h"
#include "test/core/exchange/exchange_fixture.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/link.h"
#include "gatewayd/core/store/timer.h"

static json_t *naming(const char *member, const struct uuid *id)
{
	json_t *doc = pnr("released");
	char text[UUID_TEXT + 1];

	uuid_print(id, text);
	json_object_set_new(doc, member, json_string(text));
	return doc;
}

/* Sends a record and lets the exchange go; its row's seq. */
static uint64_t send_on(enum core_partner who, json_t *doc, struct uuid *id)
{
	struct submission s = submission_by(who, "pnr");
	struct exchange *x = sent(&s, text_of(doc));
	uint64_t seq;

	ck_assert_msg(x->found.status == 201 || x->found.status == 202, "%.*s", (int)x->written.result.n,
	              x->written.result.p);
	*id = x->decided.id;
	seq = row_of(x).seq;
	exchange_recycle(x);
	return seq;
}

static enum exchange_state state_of(uint64_t seq)
{
	struct store_exchange row;

	OK(store_get_exchange(f.reader, seq, &row, e));
	return row.state;
}

static enum reason reason_of(enum core_partner who, json_t *doc)
{
	struct submission s = submission_by(who, "pnr");
	struct exchange *x = decide(&s, text_of(doc));
	enum reason reason = exchange_reason(x);

	exchange_recycle(x);
	return reason;
}

/* --- corrections --- */

START_TEST(a_correction_overtakes_what_has_not_left)
{
	struct uuid first, second, third;
	struct store_timer before, after;
	struct store_link link;
	struct store_duty duty;
	uint64_t a = send_on(NORTH_SYSTEM, pnr("released"), &first), b, c;

	OK(store_get_timer(f.reader, a, &before, e));
	b = send_on(NORTH_SYSTEM, naming("corrects", &first), &second);
	ck_assert_int_eq(state_of(a), STATE_CORRECTED);
	ck_assert(!is_sealed(a) && is_sealed(b));
	OK(store_get_link(f.reader, b, LINK_CORRECTS, &link, e));
	ck_assert(link.parent == a && link.version == 2);
	OK(store_find_duty(f.reader, b, DUTY_CORRECTION, &duty, e));
	c = send_on(NORTH_SYSTEM, naming("corrects", &second), &third);
	OK(store_get_link(f.reader, c, LINK_CORRECTS, &link, e));
	ck_assert(link.parent == b && link.version == 3);
	/* It lives no longer than the first version. */
	OK(store_get_timer(f.reader, c, &after, e));
	ck_assert_int_eq(after.plan.base_ms, before.plan.base_ms);
	/* What was corrected is gone, and corrected no more. */
	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("corrects", &first)), REASON_CORRECTION_INVALID);
}
END_TEST

START_TEST(a_correction_replaces_what_waits_in_the_inbox)
{
	struct uuid first, second;
	struct store_exchange row;
	struct store_inbox item;
	struct store_timer t;
	uint64_t a = send_on(SOUTH_SYSTEM, pnr("released"), &first);

	uint64_t b = send_on(SOUTH_SYSTEM, naming("corrects", &first), &second);
	OK(store_get_exchange(f.reader, a, &row, e));
	ck_assert_int_eq(row.state, STATE_READY);
	ck_assert(!is_sealed(a));
	OK(store_get_timer(f.reader, b, &t, e));
	uint64_t inbox = t.inbox;
	OK(store_get_inbox(f.reader, inbox, &item, e));
	ck_assert(view_is(item.kind, "correction"));
	ck_assert_ptr_nonnull(memmem(item.body.p, item.body.n, "\"version\":2", 11));
}
END_TEST

START_TEST(a_correction_of_what_is_not_there)
{
	struct uuid id = { .b = { 1, 2, 3, 4, 5, 6, 0x70, 8, 0x80 } };

	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("corrects", &id)), REASON_CORRECTION_INVALID);
	/* Another provider's. */
	send_on(NORTH_SYSTEM, pnr("released"), &id);
	ck_assert_int_eq(reason_of(SOUTH_SYSTEM, naming("corrects", &id)), REASON_CORRECTION_INVALID);
	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("corrects", &id)), REASON_NONE);
}
END_TEST

/* Its own entry, not one of those that it brings with it. */
START_TEST(the_receipt_of_a_correction_is_for_the_correction)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x;
	struct uuid first;

	send_on(NORTH_SYSTEM, pnr("released"), &first);
	x = sent(&s, text_of(naming("corrects", &first)));
	ck_assert_int_eq(x->found.status, 201);
	ck_assert_uint_eq(x->job.receipt.index, x->found.index);
	exchange_recycle(x);
}
END_TEST

static bool to_state(void *arg, const struct act *a, struct error *e)
{
	const uint64_t *what = arg;
	struct copy c;

	return copy_load(a, what[0], &c, e) && exchange_become(a, &c, (enum exchange_state)what[1], e);
}

static void become(uint64_t seq, enum exchange_state state)
{
	uint64_t what[] = { seq, state };
	struct core_job j = core_act(&f, to_state, what);

	ck_assert_msg(j.committed, "%s", j.error.text);
}

START_TEST(a_correction_of_what_was_recalled_since)
{
	static const enum exchange_state recalled[] = { STATE_RECALLED, STATE_ENDED };

	for (size_t i = 0; i < sizeof recalled / sizeof *recalled; i++) {
		struct uuid first;
		uint64_t seq = send_on(NORTH_SYSTEM, pnr("released"), &first);
		struct submission s = submission_by(NORTH_SYSTEM, "pnr");
		struct exchange *x = decide(&s, text_of(naming("corrects", &first)));

		ck_assert(exchange_is_release(x));
		become(seq, recalled[i]);
		commit(x);
		ck_assert_int_eq(x->found.status, 201);
		ck_assert_int_eq(state_of(row_of(x).seq), STATE_ENDED);
		ck_assert_int_eq(state_of(seq), recalled[i]);
		ck_assert(!is_sealed(row_of(x).seq));
		exchange_recycle(x);
	}
}
END_TEST

static bool link_many(void *arg, const struct act *a, struct error *e)
{
	const uint64_t *parent = arg;
	struct store_link l = { .parent = *parent, .kind = LINK_ONWARD };
	bool ok = true;

	for (l.child = 100000; ok && l.child < 100000 + LINEAGE_MAX; l.child++)
		ok = store_put_link(a->store, &l, e);
	return ok;
}

static void fill_lineage(uint64_t seq)
{
	struct core_job j = core_act(&f, link_many, &seq);

	ck_assert_msg(j.committed, "%s", j.error.text);
}

START_TEST(a_correction_too_many)
{
	struct uuid id;
	uint64_t seq = send_on(NORTH_SYSTEM, pnr("released"), &id);

	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("corrects", &id)), REASON_NONE);
	fill_lineage(seq);
	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("corrects", &id)), REASON_CORRECTION_INVALID);
}
END_TEST

/* --- onward --- */

static uint64_t came(struct uuid *id)
{
	return send_on(SOUTH_SYSTEM, pnr("released"), id);
}

START_TEST(what_needs_permission_is_held)
{
	struct uuid id;
	uint64_t parent = came(&id);
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = sent(&s, text_of(naming("onward_of", &id)));

	ck_assert_int_eq(x->found.status, 202);
	ck_assert_uint_eq(x->decided.onward_of, parent);
	ck_assert(x->decided.decision.wait);
	exchange_recycle(x);
}
END_TEST

START_TEST(passed_on_too_often)
{
	struct uuid id;
	uint64_t seq = came(&id);

	ck_assert_int_ne(reason_of(NORTH_SYSTEM, naming("onward_of", &id)), REASON_ONWARD_DENIED);
	fill_lineage(seq);
	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("onward_of", &id)), REASON_ONWARD_DENIED);
}
END_TEST

START_TEST(a_listed_recipient_gets_it_unless_it_was_recalled_since)
{
	struct uuid id;
	uint64_t parent, seq;
	struct store_link link;
	struct submission s;
	struct exchange *x;
	json_t *doc = core_preset(&f, "pnr");

	put(doc, "/id", "\"listed\"");
	put(doc, "/onward", "{\"allowed\":\"listed\",\"to\":[\"south\"]}");
	struct agreement *a = core_add_agreement(&f, doc);
	core_document(&f, a);
	s = submission_by(SOUTH_SYSTEM, "listed");
	x = sent(&s, released_text());
	id = x->decided.id;
	parent = row_of(x).seq;
	exchange_recycle(x);
	s = submission_by(NORTH_SYSTEM, "pnr");
	x = sent(&s, text_of(naming("onward_of", &id)));
	ck_assert_int_eq(x->found.status, 201);
	seq = row_of(x).seq;
	OK(store_get_link(f.reader, seq, LINK_ONWARD, &link, e));
	ck_assert_uint_eq(link.parent, parent);
	ck_assert_int_eq(state_of(seq), STATE_QUEUED);
	exchange_recycle(x);
	/* Decided while it was there, written after it was recalled: it goes no further. */
	x = decide(&s, text_of(naming("onward_of", &id)));
	ck_assert(exchange_is_release(x));
	become(parent, STATE_RECALLED);
	commit(x);
	ck_assert_int_eq(x->found.status, 201);
	ck_assert_int_eq(state_of(row_of(x).seq), STATE_ENDED);
	ck_assert(!is_sealed(row_of(x).seq));
	exchange_recycle(x);
	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("onward_of", &id)), REASON_ONWARD_DENIED);
}
END_TEST

START_TEST(what_an_act_stops_is_not_passed_on)
{
	char about[80], text[UUID_TEXT + 1];
	struct uuid id;

	came(&id);
	uuid_print(&id, text);
	snprintf(about, sizeof about, "\"exchange\":\"%s\"", text);
	struct put_act act = { .kind = "veto", .about = about, .state = ACT_STANDS_PROVISIONALLY };
	act_put(&f, &act);
	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("onward_of", &id)), REASON_COUNCIL_VETO);
	act_becomes(&f, &act, ACT_ENDED, f.now_ms);
	ck_assert_int_ne(reason_of(NORTH_SYSTEM, naming("onward_of", &id)), REASON_COUNCIL_VETO);
	act_free(&act);
}
END_TEST

static bool restrict_use(void *arg, const struct act *a, struct error *e)
{
	struct store_hold h = { .seq = *(uint64_t *)arg,
		                .kind = HOLD_RESTRICTION,
		                .from_ms = a->now_ms,
		                .until_ms = a->now_ms + DAY_MS,
		                .statement = { .b = { 1 } },
		                .signer = VIEW("north-ombud"),
		                .role = VIEW("ombudsperson"),
		                .ended_ms = TIME_NONE };
	bool fresh;

	return store_put_hold(a->store, &h, &fresh, e);
}

START_TEST(what_may_not_be_passed_on)
{
	struct uuid id, none = { .b = { 1, 2, 3, 4, 5, 6, 0x70, 8, 0x80 } };
	uint64_t parent = came(&id);
	struct uuid own;

	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("onward_of", &none)), REASON_ONWARD_DENIED);
	/* Only this agency's own system passes on what came to it. */
	ck_assert_int_eq(reason_of(SOUTH_SYSTEM, naming("onward_of", &id)), REASON_ENVELOPE_INVALID);
	send_on(NORTH_SYSTEM, pnr("released"), &own);
	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("onward_of", &own)), REASON_ONWARD_DENIED);
	struct core_job j = core_act(&f, restrict_use, &parent);
	ck_assert_msg(j.committed, "%s", j.error.text);
	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("onward_of", &id)), REASON_UNDER_CHALLENGE);
}
END_TEST

START_TEST(never_means_never)
{
	struct uuid id;
	json_t *doc = core_preset(&f, "pnr");

	put(doc, "/id", "\"never\"");
	put(doc, "/onward", "{\"allowed\":\"never\"}");
	core_document(&f, core_add_agreement(&f, doc));
	struct submission s = submission_by(SOUTH_SYSTEM, "never");
	struct exchange *x = sent(&s, released_text());
	id = x->decided.id;
	exchange_recycle(x);
	ck_assert_int_eq(reason_of(NORTH_SYSTEM, naming("onward_of", &id)), REASON_ONWARD_DENIED);
}
END_TEST

TCase *make_follow_case(void);
TCase *make_follow_case(void)
{
	TCase *c = tcase_create("follow");

	tcase_add_checked_fixture(c, exchange_open, exchange_close);
	tcase_add_test(c, a_correction_overtakes_what_has_not_left);
	tcase_add_test(c, a_correction_replaces_what_waits_in_the_inbox);
	tcase_add_test(c, a_correction_of_what_is_not_there);
	tcase_add_test(c, the_receipt_of_a_correction_is_for_the_correction);
	tcase_add_test(c, a_correction_of_what_was_recalled_since);
	tcase_add_test(c, a_correction_too_many);
	tcase_add_test(c, what_an_act_stops_is_not_passed_on);
	tcase_add_test(c, passed_on_too_often);
	tcase_add_test(c, what_needs_permission_is_held);
	tcase_add_test(c, a_listed_recipient_gets_it_unless_it_was_recalled_since);
	tcase_add_test(c, what_may_not_be_passed_on);
	tcase_add_test(c, never_means_never);
	return c;
}
