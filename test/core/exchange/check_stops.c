/* A decision under acts of persons: what each kind refuses, what a scope covers, and what is taken once the act has ended. */
#include "test/core/stops_fixture.h"
#include "test/core/exchange/exchange_fixture.h"

TCase *make_stops_case(void);

static struct put_act act;

static void set_up(void)
{
	exchange_open();
}

static void tear_down(void)
{
	act_free(&act);
	exchange_close();
}

static enum reason reason_now(enum core_partner who)
{
	struct submission s = submission_by(who, "pnr");
	struct exchange *x = decide(&s, released_text());
	enum reason reason = exchange_reason(x);

	exchange_recycle(x);
	return reason;
}

static const struct {
	const char *kind, *about, *max;
	enum act_state state;
	enum reason reason;
} rows[] = {
	{ "veto", NULL, NULL, ACT_STANDS_PROVISIONALLY, REASON_COUNCIL_VETO },
	{ "veto", NULL, NULL, ACT_IN_FORCE, REASON_COUNCIL_VETO },
	{ "suspend", NULL, NULL, ACT_IN_FORCE, REASON_AGREEMENT_SUSPENDED },
	{ "restrict-tier", NULL, "T0", ACT_IN_FORCE, REASON_TIER_RESTRICTED },
	{ "restrict-tier", NULL, "T1", ACT_IN_FORCE, REASON_NONE },
	{ "terminate", NULL, NULL, ACT_IN_FORCE, REASON_AGREEMENT_TERMINATED },
	{ "suspend", "\"purpose\":\"serious-crime\"", NULL, ACT_IN_FORCE, REASON_AGREEMENT_SUSPENDED },
	{ "suspend", "\"purpose\":\"terrorism-prevention\"", NULL, ACT_IN_FORCE, REASON_NONE },
	{ "suspend", "\"tier\":\"T1\"", NULL, ACT_IN_FORCE, REASON_AGREEMENT_SUSPENDED },
	{ "suspend", "\"tier\":\"T2\"", NULL, ACT_IN_FORCE, REASON_NONE },
	{ "suspend", "\"partner\":\"south\"", NULL, ACT_IN_FORCE, REASON_AGREEMENT_SUSPENDED },
	{ "suspend", "\"partner\":\"west\"", NULL, ACT_IN_FORCE, REASON_NONE },
	/* A basis that was struck takes every purpose with it that cites it. */
	{ "suspend", "\"legal_basis\":\"pnr-law\"", NULL, ACT_IN_FORCE, REASON_AGREEMENT_SUSPENDED },
	{ "suspend", "\"legal_basis\":\"pnr-treaty\"", NULL, ACT_IN_FORCE, REASON_NONE },
	{ "suspend", "\"exception\":\"imminent-threat\"", NULL, ACT_IN_FORCE, REASON_NONE },
	{ "veto", "\"exchange\":\"01890a5d-ac96-774b-bcce-b302099a8057\"", NULL, ACT_IN_FORCE, REASON_NONE },
	{ "veto", NULL, NULL, ACT_OPEN, REASON_NONE },
	{ "veto", NULL, NULL, ACT_LIFTED, REASON_NONE },
	{ "veto", NULL, NULL, ACT_ENDED, REASON_NONE },
};

START_TEST(each_kind_and_scope)
{
	act = (struct put_act){
		.kind = rows[_i].kind, .about = rows[_i].about, .max = rows[_i].max, .state = rows[_i].state
	};
	act_put(&f, &act);
	ck_assert_str_eq(reason_slug(reason_now(NORTH_SYSTEM)), reason_slug(rows[_i].reason));
	ck_assert_str_eq(reason_slug(reason_now(SOUTH_SYSTEM)), reason_slug(rows[_i].reason));
	if (rows[_i].reason == REASON_NONE)
		return;
	act_becomes(&f, &act, ACT_LIFTED, f.now_ms);
	ck_assert_str_eq(reason_slug(reason_now(NORTH_SYSTEM)), reason_slug(REASON_NONE));
}
END_TEST

START_TEST(another_agreement_goes_on)
{
	act = (struct put_act){ .kind = "terminate", .agreement = "another", .state = ACT_IN_FORCE };
	act_put(&f, &act);
	ck_assert_int_eq(reason_now(NORTH_SYSTEM), REASON_NONE);
}
END_TEST

START_TEST(an_exercise_stops_nothing)
{
	act = (struct put_act){ .kind = "veto", .status = "Exercise", .state = ACT_IN_FORCE };
	act_put(&f, &act);
	ck_assert_int_eq(reason_now(NORTH_SYSTEM), REASON_NONE);
}
END_TEST

/* What was asked under an earlier picture can be asked again, and the picture that someone looks at stays whole. */
START_TEST(a_picture_outlives_the_next)
{
	uint64_t before = stops_generation(&f.core);
	size_t n;

	act = (struct put_act){ .kind = "veto", .state = ACT_IN_FORCE };
	act_put(&f, &act);
	ck_assert_uint_gt(stops_generation(&f.core), before);
	struct stops_picture *p = stops_picture(&f.core);
	act_becomes(&f, &act, ACT_LIFTED, f.now_ms);
	ck_assert_ptr_null(stops_picture(&f.core));
	const struct act_effect *of = stops_of(p, VIEW("pnr"), &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(of->kind, ACT_VETO);
	ck_assert(digest_eq(&of->act, &act.row.digest));
	ck_assert_ptr_null(stops_of(p, VIEW("pn"), &n));
	ck_assert_uint_eq(n, 0);
	stops_picture_free(p);
}
END_TEST

TCase *make_stops_case(void)
{
	TCase *t = tcase_create("stops");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, each_kind_and_scope, 0, sizeof rows / sizeof rows[0]);
	tcase_add_test(t, another_agreement_goes_on);
	tcase_add_test(t, an_exercise_stops_nothing);
	tcase_add_test(t, a_picture_outlives_the_next);
	return t;
}
