/* Acts of persons against one record: what each kind stops, and what waits for the council's word. */
#include "test/policy/decision_fixture.h"

TCase *make_decision_acts_case(void);

/* Each kind of act against the passenger envelope: what it covers is stopped and named, what it does not passes. */
START_TEST(acts_refuse)
{
	static const struct {
		struct act_effect effect;
		enum reason reason; /* REASON_NONE: it passes */
	} rows[] = {
		{ { .kind = ACT_VETO, .about = { .tier = TIER_COUNT } }, REASON_COUNCIL_VETO },
		{ { .kind = ACT_SUSPEND, .about = { .tier = TIER_COUNT } }, REASON_AGREEMENT_SUSPENDED },
		{ { .kind = ACT_TERMINATE, .about = { .tier = TIER_COUNT } }, REASON_AGREEMENT_TERMINATED },
		{ { .kind = ACT_RESTRICT_TIER, .max = TIER_T0, .about = { .tier = TIER_COUNT } },
		  REASON_TIER_RESTRICTED },
		{ { .kind = ACT_RESTRICT_TIER, .max = TIER_T1, .about = { .tier = TIER_COUNT } }, REASON_NONE },
		{ { .kind = ACT_AUTHORISE, .about = { .tier = TIER_COUNT } }, REASON_NONE },
		{ { .kind = ACT_VETO, .about = { .purpose = VIEW("serious-crime"), .tier = TIER_COUNT } },
		  REASON_COUNCIL_VETO },
		{ { .kind = ACT_VETO, .about = { .purpose = VIEW("terrorism-prevention"), .tier = TIER_COUNT } },
		  REASON_NONE },
		{ { .kind = ACT_SUSPEND, .about = { .legal_basis = VIEW("pnr-law"), .tier = TIER_COUNT } },
		  REASON_AGREEMENT_SUSPENDED },
		{ { .kind = ACT_SUSPEND, .about = { .legal_basis = VIEW("pnr-treaty"), .tier = TIER_COUNT } },
		  REASON_NONE },
		{ { .kind = ACT_SUSPEND, .about = { .partner = VIEW("south"), .tier = TIER_COUNT } },
		  REASON_AGREEMENT_SUSPENDED },
		{ { .kind = ACT_SUSPEND, .about = { .partner = VIEW("west"), .tier = TIER_COUNT } }, REASON_NONE },
		{ { .kind = ACT_SUSPEND, .about = { .tier = TIER_T1 } }, REASON_AGREEMENT_SUSPENDED },
		{ { .kind = ACT_SUSPEND, .about = { .tier = TIER_T2 } }, REASON_NONE },
		{ { .kind = ACT_SUSPEND, .about = { .exception = VIEW("any"), .tier = TIER_COUNT } }, REASON_NONE },
		{ { .kind = ACT_VETO, .about = { .exchange = { .b = { 7 } }, .tier = TIER_COUNT } },
		  REASON_COUNCIL_VETO },
		{ { .kind = ACT_VETO, .about = { .exchange = { .b = { 8 } }, .tier = TIER_COUNT } }, REASON_NONE },
	};
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");
	const struct facts right = facts;

	json_object_set_new(e, "tier", json_string("T1"));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct act_effect one = rows[i].effect;
		struct buf text = BUF_INIT(1 << 20);
		one.act.b[0] = 0xab;
		facts = right;
		facts.acts = &one;
		facts.n_acts = 1;
		facts.exchange = (struct uuid){ .b = { 7 } };
		enum outcome outcome = run(a, e);
		ck_assert_msg((outcome == OUTCOME_REFUSED) == (rows[i].reason != REASON_NONE), "row %zu", i);
		ck_assert_uint_eq(bench.decision.n_acts, rows[i].reason != REASON_NONE);
		if (outcome != OUTCOME_REFUSED)
			continue;
		ck_assert_int_eq(bench.decision.failed[0].reason, rows[i].reason);
		ck_assert_ptr_nonnull(strstr(bench.decision.failed[0].clause, "act:ab00"));
		decision_json(&bench.decision, &bench.tape, 0, NULL, &text);
		buf_addc(&text, 0);
		ck_assert_ptr_nonnull(strstr(text.p, "\"digests\":{\"acts\":[\"ab00"));
		buf_free(&text);
	}
	facts = right;
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* What waits for the council passes only while its word stands, and the decision names that. */
START_TEST(what_waits_for_the_council)
{
	struct agreement *a = load_with("pnr", "/purposes/1", "{\"authorisation\":\"required\"}");
	json_t *e = envelope("pnr");
	const struct facts right = facts;
	struct act_effect acts[2] = { { .kind = ACT_AUTHORISE, .about = { .tier = TIER_COUNT } },
		                      { .kind = ACT_VETO, .about = { .tier = TIER_COUNT } } };

	acts[0].act.b[0] = 1;
	acts[1].act.b[0] = 2;
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_NOT_AUTHORISED);
	ck_assert_str_eq(bench.decision.failed[0].clause, "/purposes/1/authorisation");
	facts.acts = acts;
	facts.n_acts = 1;
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert_uint_eq(bench.decision.n_acts, 1);
	ck_assert_int_eq(bench.decision.acts[0].b[0], 1);
	/* Whatever else is authorised, what is vetoed stays so. */
	facts.n_acts = 2;
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_COUNCIL_VETO);
	acts[0].about.purpose = VIEW("terrorism-prevention");
	facts.n_acts = 1;
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	facts = right;
	json_decref(e);
	agreement_unref(a);
}
END_TEST

TCase *make_decision_acts_case(void)
{
	TCase *c = tcase_create("decision-acts");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, acts_refuse);
	tcase_add_test(c, what_waits_for_the_council);
	return c;
}
