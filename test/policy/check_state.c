/* Where an agreement stands at each of its dates, and which comes next. */
#include "lib/policy/state.h"
#include "test/policy/decision_fixture.h"

TCase *make_state_case(void);

static void is(const struct agreement *a, const char *now, const char *state, const char *next)
{
	int64_t now_ms, at_ms;

	ck_assert(time_parse(view_of(now), &now_ms));
	ck_assert_str_eq(agreement_state_name(agreement_state(a, now_ms)), state);
	const char *clause = agreement_next_date(a, now_ms, &at_ms);
	ck_assert_str_eq(clause ? clause : "-", next);
	ck_assert(clause ? at_ms > now_ms : at_ms == TIME_NONE);
}

START_TEST(through_the_years)
{
	struct agreement *a = load_with("pnr", NULL, NULL);

	is(a, "2025-12-31T23:59:59.999Z", "not-effective", "/effective_from");
	is(a, "2026-01-01T00:00:00Z", "in-force", "/review/next");
	is(a, "2027-12-31T23:59:59.999Z", "in-force", "/review/next");
	is(a, "2028-01-01T00:00:00Z", "review-overdue", "/renewal/opens");
	is(a, "2028-06-01T00:00:00Z", "review-overdue", "/renewal/closes");
	is(a, "2028-12-01T00:00:00Z", "review-overdue", "/sunset");
	is(a, "2029-01-01T00:00:00Z", "ended", "/algorithms");
	is(a, "2031-01-01T00:00:00Z", "ended", "-");
	agreement_unref(a);
}
END_TEST

START_TEST(what_else_stops_it)
{
	static const struct {
		const char *pointer, *value, *state, *next;
	} table[] = {
		{ "/assessment/digest", "\"\"", "assessment-missing", "/review/next" },
		{ "/assessment/next_review", "\"2026-06-01T00:00:00Z\"", "assessment-stale", "/review/next" },
		{ "/assessment/next_review", "\"2026-06-01T00:00:00.001Z\"", "in-force", "/assessment/next_review" },
		{ "/algorithms/3", "{\"expires\":\"2026-06-01T00:00:00Z\"}", "crypto-expired", "/review/next" },
		{ "/algorithms/3", "{\"expires\":\"2026-06-02T00:00:00Z\"}", "in-force", "/algorithms" },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct agreement *a = load_with("pnr", table[i].pointer, table[i].value);
		is(a, "2026-06-01T00:00:00Z", table[i].state, table[i].next);
		agreement_unref(a);
	}
}
END_TEST

/* The state and the decision agree: in any state but one nothing is released. */
START_TEST(decisions_agree)
{
	static const char *const nows[] = { "2025-12-31T00:00:00Z", "2026-06-01T00:00:00Z", "2028-01-01T00:00:00Z",
		                            "2029-01-01T00:00:00Z" };
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");

	for (size_t i = 0; i < sizeof nows / sizeof nows[0]; i++) {
		ck_assert(time_parse(view_of(nows[i]), &facts.now_ms));
		ck_assert_int_eq(run(a, e) != OUTCOME_REFUSED, agreement_state(a, facts.now_ms) == AGREEMENT_IN_FORCE);
	}
	json_decref(e);
	agreement_unref(a);
}
END_TEST

TCase *make_state_case(void)
{
	TCase *c = tcase_create("state");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, through_the_years);
	tcase_add_test(c, what_else_stops_it);
	tcase_add_test(c, decisions_agree);
	return c;
}
