/* The store's acts: which of them have effect, whose time ends, who signed each, and who is still to be told. */
#include "gatewayd/core/store/act.h"
#include "gatewayd/core/store/rest.h"
#include "lib/base/datetime.h"
#include "test/core/store_fixture.h"

static struct store_act make_act(uint8_t digest, enum act_state state, int64_t due_ms)
{
	return (struct store_act){ .digest = { .b = { digest } },
		                   .text = VIEW("{\"act\":\"veto\"}"),
		                   .agreement = digest % 2 ? VIEW("pnr-2026") : VIEW("visa-2026"),
		                   .kind = 1,
		                   .state = state,
		                   .received_ms = T0,
		                   .from_ms = TIME_NONE,
		                   .due_ms = due_ms,
		                   .ended_ms = TIME_NONE };
}

static uint64_t put(struct store_act a)
{
	OK(store_put_act(s, &a, e));
	return a.number;
}

static bool collect(void *arg, const struct store_act *a)
{
	uint64_t *sum = arg;

	*sum = *sum * 10 + a->number;
	return true;
}

static uint64_t listed(uint64_t after, const char *agreement, bool effective)
{
	uint64_t sum = 0;

	OK(store_list_acts(s, after, 10, view_of(agreement), effective, collect, &sum, e));
	return sum;
}

static uint64_t due(int64_t now_ms)
{
	uint64_t sum = 0;

	OK(store_due_acts(s, now_ms, 10, collect, &sum, e));
	return sum;
}

START_TEST(an_act_is_named_by_its_digest)
{
	struct store_act one = make_act(1, ACT_OPEN, T0 + 5), again = one, found;
	struct digest none = { .b = { 9 } };

	OK(store_begin(s, e));
	ck_assert_uint_eq(put(one), 1);
	REFUSED(REASON_STORE, store_put_act(s, &again, e));
	store_rollback(s);
	OK(store_begin(s, e));
	ck_assert_uint_eq(put(one), 1);
	ck_assert_uint_eq(put(make_act(2, ACT_OPEN, TIME_NONE)), 2);
	OK(store_find_act(s, &one.digest, &found, e));
	ck_assert(found.number == 1 && view_is(found.text, "{\"act\":\"veto\"}") &&
	          view_is(found.agreement, "pnr-2026"));
	ck_assert(found.from_ms == TIME_NONE && found.due_ms == T0 + 5 && found.ended_ms == TIME_NONE);
	REFUSED(REASON_NOT_FOUND, store_find_act(s, &none, &found, e));
	REFUSED(REASON_NOT_FOUND, store_get_act(s, 3, &found, e));
	found.number = 3;
	REFUSED(REASON_NOT_FOUND, store_set_act(s, &found, e));
	OK(store_commit(s, e));
	reopen();
	OK(store_get_act(s, 2, &found, e));
	ck_assert(found.digest.b[0] == 2 && found.due_ms == TIME_NONE);
}
END_TEST

START_TEST(those_that_have_effect_are_found_by_their_state)
{
	struct store_counts counts;

	OK(store_begin(s, e));
	for (unsigned k = 0; k < ACT_STATES; k++)
		put(make_act((uint8_t)(k + 1), (enum act_state)k, TIME_NONE));
	ck_assert_uint_eq(listed(0, "", true), 23);
	ck_assert_uint_eq(listed(2, "", true), 3);
	ck_assert_uint_eq(listed(0, "", false), 123456);
	ck_assert_uint_eq(listed(0, "pnr-2026", false), 135);
	ck_assert_uint_eq(listed(3, "visa-2026", false), 46);
	ck_assert_uint_eq(listed(0, "other", false), 0);
	OK(store_count(s, &counts, e));
	ck_assert_uint_eq(counts.acts_in_effect, 2);
	/* An exercise is as much an act, and has no effect. */
	struct store_act exercise = make_act(7, ACT_IN_FORCE, TIME_NONE);
	exercise.status = 1;
	put(exercise);
	OK(store_count(s, &counts, e));
	ck_assert_uint_eq(counts.acts_in_effect, 2);
	struct store_act a = make_act(2, ACT_ENDED, TIME_NONE);
	a.number = 2;
	a.ended_ms = T0 + 9;
	OK(store_set_act(s, &a, e));
	ck_assert_uint_eq(listed(0, "", true), 37);
	OK(store_commit(s, e));
}
END_TEST

START_TEST(time_ends_the_earliest_first)
{
	struct store_act a = make_act(3, ACT_IN_FORCE, T0 + 30);

	OK(store_begin(s, e));
	put(make_act(1, ACT_OPEN, T0 + 20));
	put(make_act(2, ACT_STANDS_PROVISIONALLY, T0 + 10));
	put(a);
	put(make_act(4, ACT_IN_FORCE, TIME_NONE));
	ck_assert_uint_eq(due(T0 + 9), 0);
	ck_assert_uint_eq(due(T0 + 10), 2);
	ck_assert_uint_eq(due(T0 + 30), 213);
	a.number = 3;
	a.state = ACT_LIFTED;
	a.ended_ms = T0 + 15;
	OK(store_set_act(s, &a, e));
	ck_assert_uint_eq(due(INT64_MAX), 21);
	OK(store_commit(s, e));
}
END_TEST

/* --- signatures --- */

static bool sign(uint64_t act, uint8_t spki, const char *seat, int64_t at_ms)
{
	struct store_act_signature g = { .act = act,
		                         .spki = { .b = { spki } },
		                         .seat = view_of(seat),
		                         .agency = VIEW("north"),
		                         .cms = VIEW("signed"),
		                         .received_ms = at_ms };
	bool fresh = false;

	OK(store_put_act_signature(s, &g, &fresh, e));
	return fresh;
}

static bool print_signature(void *arg, const struct store_act_signature *g)
{
	buf_addf(arg, "%d %.*s;", g->spki.b[0], VIEW_ARG(g->seat));
	return true;
}

START_TEST(a_seat_and_a_certificate_sign_once)
{
	struct buf out = BUF_INIT(1000);

	OK(store_begin(s, e));
	put(make_act(1, ACT_OPEN, TIME_NONE));
	put(make_act(2, ACT_OPEN, TIME_NONE));
	ck_assert(sign(1, 11, "second", T0 + 2));
	ck_assert(sign(1, 12, "first", T0 + 1));
	ck_assert(!sign(1, 11, "second", T0 + 3));
	ck_assert(!sign(1, 11, "third", T0 + 3));
	ck_assert(!sign(1, 13, "first", T0 + 3));
	ck_assert(sign(2, 11, "second", T0 + 3));
	OK(store_list_act_signatures(s, 1, print_signature, &out, e));
	buf_addc(&out, 0);
	ck_assert_str_eq(out.p, "12 first;11 second;");
	buf_free(&out);
	OK(store_commit(s, e));
}
END_TEST

/* --- who is to be told --- */

static uint64_t tell(uint64_t act, const char *whom, int64_t next_ms)
{
	struct store_act_telling t = {
		.act = act, .recipient = view_of(whom), .made_ms = T0, .next_ms = next_ms, .until_ms = T0 + DAY_MS
	};

	OK(store_put_act_telling(s, &t, e));
	return t.id;
}

static bool print_telling(void *arg, const struct store_act_telling *t)
{
	buf_addf(arg, "%llu %llu %.*s %u;", (unsigned long long)t->id, (unsigned long long)t->act,
	         VIEW_ARG(t->recipient), t->attempts);
	return true;
}

static void must_be_due(const char *whom, int64_t now_ms, const char *want)
{
	struct store_ask ask = {
		.recipient = view_of(whom), .now_ms = now_ms, .before_ms = INT64_MAX, .shares = 1, .max = 10
	};
	struct buf out = BUF_INIT(1000);

	OK(store_due_act_tellings(s, &ask, print_telling, &out, e));
	buf_addc(&out, 0);
	ck_assert_str_eq(out.p, want);
	buf_free(&out);
}

START_TEST(a_partner_is_told_of_an_act_in_one_row)
{
	struct store_act_telling t;
	struct view whom;

	OK(store_begin(s, e));
	ck_assert_uint_eq(tell(1, "south", T0 + 1), 1);
	ck_assert_uint_eq(tell(1, "west", T0 + 1), 2);
	ck_assert_uint_eq(tell(2, "south", T0 + 2), 3);
	must_be_due("south", T0 + 1, "1 1 south 0;");
	OK(store_retry_act_telling(s, 1, T0 + 9, VIEW("timeout"), e));
	REFUSED(REASON_NOT_FOUND, store_retry_act_telling(s, 4, T0 + 9, VIEW("timeout"), e));
	must_be_due("south", T0 + 2, "3 2 south 0;");
	OK(store_get_act_telling(s, 1, &t, e));
	ck_assert(t.attempts == 1 && view_is(t.last_error, "timeout"));
	/* One more signature has it due at once, and first in line again. */
	ck_assert_uint_eq(tell(1, "south", T0 + 2), 1);
	must_be_due("south", T0 + 2, "1 1 south 0;3 2 south 0;");
	OK(store_next_act_recipient(s, VIEW("south"), &whom, e));
	ck_assert(view_is(whom, "west"));
	OK(store_drop_act_telling(s, 2, e));
	OK(store_drop_act_telling(s, 2, e));
	REFUSED(REASON_NOT_FOUND, store_next_act_recipient(s, VIEW("south"), &whom, e));
	REFUSED(REASON_NOT_FOUND, store_get_act_telling(s, 2, &t, e));
	OK(store_commit(s, e));
}
END_TEST

TCase *make_store_act_case(void);
TCase *make_store_act_case(void)
{
	TCase *c = tcase_create("store_act");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, an_act_is_named_by_its_digest);
	tcase_add_test(c, those_that_have_effect_are_found_by_their_state);
	tcase_add_test(c, time_ends_the_earliest_first);
	tcase_add_test(c, a_seat_and_a_certificate_sign_once);
	tcase_add_test(c, a_partner_is_told_of_an_act_in_one_row);
	return c;
}
