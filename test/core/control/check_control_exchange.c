/* The operator's commands about exchanges, holds and what is to be erased. */
#include <sqlite3.h>

#include "test/core/control/control_fixture.h"

TCase *make_control_exchange_case(void);

static struct exchange *held_one, *queued_one;

static void set_up(void)
{
	struct submission s;

	control_open();
	s = submission_by(NORTH_SYSTEM, "pnr");
	held_one = sent(&s, text_of(pnr("held-waiting-decision")));
	s = submission_by(NORTH_SYSTEM, "pnr");
	queued_one = sent(&s, released_text());
	ck_assert_int_eq(row_of(held_one).state, STATE_HELD);
	ck_assert_int_eq(row_of(queued_one).state, STATE_QUEUED);
}

static void tear_down(void)
{
	exchange_recycle(held_one);
	exchange_recycle(queued_one);
	control_close();
}

/* --- exchanges --- */

START_TEST(the_list_has_both)
{
	json_t *a = granted(to("exchange-list")), *list = json_object_get(a, "exchanges"), *row;
	size_t i, held = 0, queued = 0;

	ck_assert_uint_eq(json_array_size(list), 2);
	json_array_foreach(list, i, row)
	{
		held += strcmp(core_member(row, "state"), "held") == 0;
		queued += strcmp(core_member(row, "state"), "queued") == 0;
		ck_assert_str_eq(core_member(row, "agreement"), "pnr");
		ck_assert_str_eq(core_member(row, "partner"), "north-system");
	}
	ck_assert(held == 1 && queued == 1);
	json_decref(a);
	a = granted(json_pack("{s:s, s:i}", "do", "exchange-list", "max", 1));
	ck_assert_uint_eq(json_array_size(json_object_get(a, "exchanges")), 1);
	json_decref(a);
}
END_TEST

START_TEST(who_reads_an_exchange_is_in_the_log)
{
	char note[80], id[UUID_TEXT + 1];
	json_t *a = granted(about("exchange-show", &held_one->decided.id));

	ck_assert_str_eq(core_member(json_object_get(a, "exchange"), "state"), "held");
	ck_assert_ptr_nonnull(json_object_get(a, "story"));
	ck_assert(strstr(core_member(a, "entry"), "\"outcome\":\"held\"") != NULL);
	json_decref(a);
	snprintf(note, sizeof note, "operator with uid %u read the decision", (unsigned)getuid());
	uuid_print(&held_one->decided.id, id);
	last_entry_says("operation", "consultation");
	last_entry_says("note", note);
	last_entry_says("exchange", id);
}
END_TEST

/* Where the row of its entry was altered the operator is told so; what else is known of it is shown. */
START_TEST(an_altered_entry_is_named)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(scratch_file(&f.log.dir, "store.db"), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "UPDATE disclosure SET compact = x'01ff'", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	json_t *a = granted(about("exchange-show", &held_one->decided.id));
	ck_assert_str_eq(core_member(json_object_get(a, "exchange"), "state"), "held");
	ck_assert(strstr(core_member(a, "damaged"), "was altered") != NULL);
	ck_assert_ptr_null(json_object_get(a, "entry"));
	ck_assert_ptr_null(json_object_get(a, "archived"));
	json_decref(a);
}
END_TEST

static const char *const about_one[] = { "exchange-show", "exchange-release", "exchange-refuse", "retention-hold",
	                                 "retention-lift" };

START_TEST(what_is_no_exchange)
{
	const struct uuid other = { .b = { 9 } };
	struct writer_stats before, after;

	writer_stats(f.log.writer, &before);
	refused(to(about_one[_i]), "exchange: is not an exchange id");
	refused(json_pack("{s:s, s:s}", "do", about_one[_i], "exchange", "9"), "exchange: is not an exchange id");
	writer_stats(f.log.writer, &after);
	ck_assert_uint_eq(before.tree_size, after.tree_size);
	if (_i == 0)
		refused(about("exchange-show", &other), "no such exchange");
}
END_TEST

/* The request with one approval, signed by the officer. */
static json_t *with_approval(json_t *request, json_t *statement)
{
	json_object_set_new(request, "approvals", json_pack("[o]", with_signed(json_object(), statement)));
	return request;
}

START_TEST(a_release_needs_an_approval)
{
	refused(about("exchange-release", &held_one->decided.id), "approvals: 1 to 8 are needed");
	json_t *q = about("exchange-release", &held_one->decided.id);
	refused(with_approval(q, json_pack("{s:s}", "tier", "T1")), "is not an approval");
	ck_assert_int_eq(row_of(held_one).state, STATE_HELD);
	last_entry_says("outcome", "held");
}
END_TEST

START_TEST(an_approval_releases)
{
	char agreement[65], input[65], officer[65], expires[TIME_TEXT + 1];

	hex_of(agreement_digest(held_one->decided.agreement), agreement);
	hex_of(&held_one->decided.input, input);
	hex_of(&f.officer_spki, officer);
	time_print(f.now_ms + DAY_MS, expires);
	json_t *approval = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "agreement", agreement, "input", input,
	                             "tier", "T1", "purpose", "terrorism-prevention", "subject_category",
	                             "uncategorised", "case", "XN-2026-0815", "expires", expires, "officer", officer);
	json_t *a = granted(with_approval(about("exchange-release", &held_one->decided.id), approval));
	ck_assert(json_is_true(json_object_get(a, "released")));
	ck_assert_str_eq(core_member(a, "state"), "queued");
	json_decref(a);
	ck_assert_int_eq(row_of(held_one).state, STATE_QUEUED);
	a = granted(to("outbox"));
	json_t *list = json_object_get(a, "deliveries");
	ck_assert_uint_eq(json_array_size(list), 2);
	ck_assert_str_eq(core_member(json_array_get(list, 0), "recipient"), "south");
	json_decref(a);
}
END_TEST

START_TEST(a_refusal_needs_a_reason)
{
	char reason[2100] = "";

	refused(about("exchange-refuse", &held_one->decided.id), "reason: is needed");
	memset(reason, 'x', 2001);
	json_t *q = about("exchange-refuse", &held_one->decided.id);
	json_object_set_new(q, "reason", json_string(reason));
	refused(q, "reason: is needed");
	ck_assert_int_eq(row_of(held_one).state, STATE_HELD);
	q = about("exchange-refuse", &held_one->decided.id);
	json_object_set_new(q, "reason", json_string("made up"));
	json_t *a = granted(q);
	ck_assert(json_is_false(json_object_get(a, "released")));
	json_decref(a);
	ck_assert_int_eq(row_of(held_one).state, STATE_REFUSED);
	ck_assert(!is_sealed(row_of(held_one).seq));
	last_entry_says("operation", "erasure");
}
END_TEST

START_TEST(no_notice_waits)
{
	json_t *a = granted(to("notices"));

	ck_assert_uint_eq(json_array_size(json_object_get(a, "notices")), 0);
	json_decref(a);
}
END_TEST

/* --- what is to be erased --- */

START_TEST(what_is_due_is_listed_and_counted)
{
	json_t *a = granted(to("retention-due")), *list = json_object_get(a, "timers"), *one;
	size_t n = json_array_size(list), counted = 0, i;

	ck_assert_uint_ge(n, 2);
	ck_assert(json_is_false(json_object_get(json_array_get(list, 0), "held")));
	json_decref(a);
	a = granted(json_pack("{s:s, s:I}", "do", "retention-due", "until_ms", (json_int_t)f.now_ms - 1));
	ck_assert_uint_eq(json_array_size(json_object_get(a, "timers")), 0);
	json_decref(a);
	for (int by = 0; by < 2; by++) {
		counted = 0;
		a = granted(json_pack("{s:s, s:s}", "do", "retention-due", "by", by ? "day" : "agreement"));
		json_array_foreach(json_object_get(a, "groups"), i, one) counted +=
		        (size_t)json_integer_value(json_object_get(one, "timers"));
		ck_assert_uint_eq(counted, n);
		json_decref(a);
	}
	refused(json_pack("{s:s, s:s}", "do", "retention-due", "by", "partner"), "by: is neither");
}
END_TEST

START_TEST(bars_begin_where_their_span_begins)
{
	static const char *const spans[] = { "day", "week", "month" };

	for (size_t k = 0; k < 3; k++) {
		json_t *a = granted(json_pack("{s:s, s:s}", "do", "retention-histogram", "per", spans[k])), *bar;
		size_t i, timers = 0;
		json_array_foreach(json_object_get(a, "bars"), i, bar)
		{
			const char *from = core_member(bar, "from");
			int64_t ms;
			char text[40];
			timers += (size_t)json_integer_value(json_object_get(bar, "timers"));
			ck_assert_int_eq(json_integer_value(json_object_get(bar, "held")), 0);
			snprintf(text, sizeof text, "%sT00:00:00Z", from);
			ck_assert(time_parse(view_of(text), &ms));
			if (k == 1)
				ck_assert_int_eq((ms / DAY_MS + 3) % 7, 0); /* a Monday */
			if (k == 2)
				ck_assert_str_eq(from + 8, "01");
		}
		ck_assert_uint_ge(timers, 2);
		json_decref(a);
	}
	refused(json_pack("{s:s, s:s}", "do", "retention-histogram", "per", "year"), "per: is neither");
}
END_TEST

START_TEST(nothing_is_overdue_and_a_sweep_erases_nothing_early)
{
	json_t *a = granted(to("retention-overdue"));

	ck_assert_uint_eq(json_array_size(json_object_get(a, "overdue")), 0);
	json_decref(a);
	json_decref(granted(to("retention-run")));
	ck_assert(is_sealed(row_of(queued_one).seq) && is_sealed(row_of(held_one).seq));
}
END_TEST

START_TEST(a_clock_that_is_not_trusted_stops_the_sweep)
{
	OK(clock_tick(f.core.clock, f.now_ms + 100 * 3600 * SECOND_MS, 2000, e));
	refused(to("retention-run"), "the clock");
	json_t *a = granted(to("clock-show"));
	ck_assert(json_is_false(json_object_get(a, "trusted")));
	json_decref(a);
}
END_TEST

/* --- holds --- */

static json_t *statement(const char *kind, const struct uuid *exchange)
{
	char id[UUID_TEXT + 1], issued[TIME_TEXT + 1], until[TIME_TEXT + 1], hex[65];

	uuid_print(exchange, id);
	time_print(f.now_ms, issued);
	time_print(f.now_ms + 30 * DAY_MS, until);
	hex_of(&f.officer_spki, hex);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kind", kind, "exchange", id, "ground", "made up", "issued",
	                 issued, "until", until, "by", hex);
}

START_TEST(a_hold_is_set_shown_again_and_lifted)
{
	const struct uuid *id = &queued_one->decided.id;
	json_t *a = granted(with_signed(about("retention-hold", id), statement("restriction", id)));
	char digest[65];

	ck_assert(json_is_true(json_object_get(a, "changed")));
	snprintf(digest, sizeof digest, "%s", core_member(a, "statement"));
	json_decref(a);
	last_entry_says("note", "a restriction was set");
	a = granted(to("retention-holds"));
	json_t *one = json_array_get(json_object_get(a, "holds"), 0);
	ck_assert_str_eq(core_member(one, "kind"), "restriction");
	ck_assert_str_eq(core_member(one, "role"), "officer");
	ck_assert_str_eq(core_member(one, "signer"), "north-officer");
	ck_assert_str_eq(core_member(one, "statement"), digest);
	json_decref(a);
	a = granted(to("retention-due"));
	size_t i, held = 0;
	json_array_foreach(json_object_get(a, "timers"), i, one) held += json_is_true(json_object_get(one, "held"));
	ck_assert_uint_ge(held, 1);
	json_decref(a);
	bool restricted;
	OK(hold_restricted(f.reader, row_of(queued_one).seq, &restricted, e));
	ck_assert(restricted);

	json_t *lift = statement("lift", id);
	json_object_del(lift, "until");
	json_object_set_new(lift, "hold", json_string(digest));
	json_decref(granted(with_signed(about("retention-lift", id), lift)));
	last_entry_says("note", "a restriction was lifted");
	a = granted(to("retention-holds"));
	ck_assert_uint_eq(json_array_size(json_object_get(a, "holds")), 0);
	json_decref(a);
	a = granted(json_pack("{s:s, s:b}", "do", "retention-holds", "all", 1));
	ck_assert_uint_eq(json_array_size(json_object_get(a, "holds")), 1);
	json_decref(a);
	OK(hold_restricted(f.reader, row_of(queued_one).seq, &restricted, e));
	ck_assert(!restricted);
}
END_TEST

START_TEST(an_attempt_without_a_signature_is_logged)
{
	const struct uuid *id = &queued_one->decided.id;
	json_t *q = about("retention-hold", id);
	struct view text = text_of(statement("hold", id));

	json_object_set_new(q, "statement", json_stringn(text.p, text.n));
	refused(q, "not signed by the one whom it names");
	last_entry_says("note", "a hold or lift was asked for in vain");
	json_t *a = granted(to("retention-holds"));
	ck_assert_uint_eq(json_array_size(json_object_get(a, "holds")), 0);
	json_decref(a);
}
END_TEST

TCase *make_control_exchange_case(void)
{
	TCase *c = tcase_create("control_exchange");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, the_list_has_both);
	tcase_add_test(c, who_reads_an_exchange_is_in_the_log);
	tcase_add_test(c, an_altered_entry_is_named);
	tcase_add_loop_test(c, what_is_no_exchange, 0, (int)(sizeof about_one / sizeof *about_one));
	tcase_add_test(c, a_release_needs_an_approval);
	tcase_add_test(c, an_approval_releases);
	tcase_add_test(c, a_refusal_needs_a_reason);
	tcase_add_test(c, no_notice_waits);
	tcase_add_test(c, what_is_due_is_listed_and_counted);
	tcase_add_test(c, bars_begin_where_their_span_begins);
	tcase_add_test(c, nothing_is_overdue_and_a_sweep_erases_nothing_early);
	tcase_add_test(c, a_clock_that_is_not_trusted_stops_the_sweep);
	tcase_add_test(c, a_hold_is_set_shown_again_and_lifted);
	tcase_add_test(c, an_attempt_without_a_signature_is_logged);
	return c;
}
