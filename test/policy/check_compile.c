/* How an overlay narrows a rule of the agreement: at the narrower of both places, never outside the rule, and what an
 * overlay leaves readable still needs the agreement's exception. */
#include "lib/policy/internal.h"
#include "test/policy/decision_fixture.h"

TCase *make_compile_case(void);

#define KEEP(id, pointer, category, rest) \
	"{\"id\":\"" id "\",\"pointer\":\"" pointer "\",\"category\":\"" category "\",\"action\":\"keep\"" rest "}"
#define OVERLAY(rules)    "{\"version\":\"1\",\"rules\":[" rules "]}"
#define MASK(id, pointer) "{\"id\":\"" id "\",\"pointer\":\"" pointer "\",\"action\":\"mask\"}"

#define MASKED(id, pointer, params) \
	"{\"id\":\"" id "\",\"pointer\":\"" pointer \
	"\",\"category\":\"operational\",\"action\":\"mask\",\"params\":" params "}"

/* Of a record whose cabin is "business": what leaves of it. */
static const struct {
	const char *rules, *overlay, *leaves;
	bool others;
} meetings[] = {
	/* Around the rule's place, within it, and across it: where both reach. */
	{ "[" KEEP("c", "/itinerary/*/cabin", "operational", "") "," KEEP("s", "/status", "operational", "") "]",
	  OVERLAY(MASK("a", "/itinerary/*/*")), "\"cabin\":\"********\"", false },
	{ "[" KEEP("i", "/itinerary", "operational", ",\"subtree\":true") "]", OVERLAY(MASK("a", "/itinerary/*/cabin")),
	  "\"cabin\":\"********\"", true },
	{ "[" KEEP("c", "/*/*/cabin", "operational", "") "," KEEP("s", "/status", "operational", "") "]",
	  OVERLAY(MASK("a", "/itinerary/*/*")), "\"cabin\":\"********\"", false },
	{ "[" KEEP("c", "/itinerary/*/cabin", "operational", "") "]",
	  OVERLAY(MASK("a", "/travellers/*/seat") "," MASK("b", "/*/*/seat")), "\"cabin\":\"business\"", false },
	/* Stricter parameters, and looser ones. */
	{ "[" MASKED("c", "/itinerary/*/cabin", "{\"keep_last\":2}") "]", OVERLAY(MASK("a", "/itinerary/*/cabin")),
	  "\"cabin\":\"********\"", false },
	{ "[" MASKED("c", "/itinerary/*/cabin", "{}") "]",
	  OVERLAY("{\"id\":\"a\",\"pointer\":\"/itinerary/*/cabin\",\"action\":\"mask\",\"params\":{\"keep_last\":2}}"),
	  "\"cabin\":\"********\"", false },
	/* Neither is stricter: dropped. */
	{ "[" MASKED("c", "/itinerary/*/cabin", "{\"keep_last\":4}") "," KEEP("s", "/status", "operational", "") "]",
	  OVERLAY("{\"id\":\"a\",\"pointer\":\"/itinerary/*/cabin\",\"action\":\"mask\",\"params\":{\"keep_last\":2}}"),
	  NULL, false },
	/* A container above kept leaves. */
	{ "[" KEEP("c", "/itinerary/*/cabin", "operational", "") "," KEEP("f", "/itinerary/*/flight", "operational",
	                                                                  "") "]",
	  OVERLAY("{\"id\":\"a\",\"pointer\":\"/itinerary\",\"action\":\"null\",\"subtree\":true}"), "\"cabin\":null",
	  true },
	{ "[" KEEP("c", "/itinerary/*/cabin", "operational", "") "," KEEP("s", "/status", "operational", "") "]",
	  OVERLAY("{\"id\":\"a\",\"pointer\":\"/itinerary\",\"action\":\"drop\"}"), NULL, false },
};

START_TEST(overlay_meets_rule)
{
	struct agreement *plain = load_with("pnr", "/rules", meetings[_i].rules);
	json_t *e = envelope("pnr");

	run(plain, e);
	ck_assert(memmem(bench.record.p, bench.record.n, "\"cabin\":\"", 9) != NULL);
	agreement_unref(plain);
	from.overlay = view_of(meetings[_i].overlay);
	struct agreement *a = load_with("pnr", "/rules", meetings[_i].rules);
	run(a, e);
	bool cabin = memmem(bench.record.p, bench.record.n, "cabin", 5) != NULL;
	ck_assert_int_eq(cabin, meetings[_i].leaves != NULL);
	if (meetings[_i].leaves)
		ck_assert(memmem(bench.record.p, bench.record.n, meetings[_i].leaves, strlen(meetings[_i].leaves)) !=
		          NULL);
	ck_assert_int_eq(memmem(bench.record.p, bench.record.n, "flight", 6) != NULL, meetings[_i].others);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* Every rule of an overlay is looked at, also behind one that is at fault. */
START_TEST(faults_of_an_overlay)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");

	from.overlay = VIEW(OVERLAY(MASK("a", "/travellers/0/seat") "," MASK("b", "/travellers/*/seat") "," MASK(
	        "c", "/travellers/1/seat")));
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert_uint_eq(errors.n, 2);
	ck_assert(strstr(errors.items[0].text, "/rules/0/pointer") && strstr(errors.items[1].text, "/rules/2/pointer"));
	ck_assert_str_eq(errors.items[0].where, "overlay.json");
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* A rule for all agreements that matches nothing in this one is for another, though the rules here reach beneath it; all
 * of them together tell whether it is a slip. */
START_TEST(rules_for_other_agreements)
{
	from.overlay = VIEW(OVERLAY(MASK("a", "/travellers/*/surname") "," MASK("b", "/travellers/0x/seat")));
	struct agreement *a =
	        load_with("pnr", "/rules", "[" KEEP("t", "/travellers", "operational", ",\"subtree\":true") "]");
	agreement_unref(a);
}
END_TEST

/* A name that the agreement leaves readable needs its exception, whatever the overlay makes of it: the recipient's gateway
 * would refuse it. */
START_TEST(hidden_names_need_the_exception)
{
	static const char *const overlays[] = { OVERLAY("{\"id\":\"a\",\"pointer\":\"/travellers/*/family\",\"action\":"
		                                        "\"redact-text\",\"params\":{\"recognisers\":[\"email\"]}}"),
		                                OVERLAY("{\"id\":\"a\",\"pointer\":\"/travellers/*/family\",\"action\":"
		                                        "\"mask\",\"params\":{\"length\":3}}") };
	json_t *e = envelope("pnr");

	from.overlay = view_of(overlays[_i]);
	struct agreement *a =
	        load_with("pnr", "/rules", "[" KEEP("n", "/travellers/*/family", "direct-identifier", "") "]");
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_TRANSFORM_REQUIRED);
	ck_assert_str_eq(bench.decision.failed[0].clause, "/rules/0");
	agreement_unref(a);
	json_decref(e);
}
END_TEST

/* What arrives readable needs the exception there as well. */
START_TEST(arrived_names_need_the_exception)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr"), *e = envelope("pnr");

	put(doc, "/exceptions",
	    "[{\"id\":\"x\",\"ground\":\"vital-interest\",\"text\":\"t\",\"pointers\":[\"/travellers/*/family\"],\"approvals\":0,"
	    "\"quota\":{\"uses\":1,\"per\":\"P1D\"},\"expires\":\"2028-01-01T00:00:00Z\",\"review_within\":\"P1D\"}]");
	put(doc, "/rules", "[" KEEP("n", "/travellers/*/family", "direct-identifier", ",\"waiver\":\"x\"") "]");
	json_object_set_new(e, "exception", json_string("x"));
	struct agreement *sender = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert_int_eq(run(sender, e), OUTCOME_TRANSFORMED);
	from.self = VIEW("south");
	deliver(&e);
	struct agreement *receiver = load_doc(doc, &from, &errors);
	ck_assert_int_eq(run(receiver, e), OUTCOME_RELEASED);
	json_object_del(e, "exception");
	ck_assert_int_eq(run(receiver, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_TRANSFORM_REQUIRED);
	agreement_unref(sender);
	agreement_unref(receiver);
	json_decref(doc);
	json_decref(e);
}
END_TEST

/* In however many combinations, and at the document that holds the rules. */
START_TEST(contradictions_are_told_once)
{
	static const struct {
		const char *rules, *overlay, *where;
	} cases[] = {
		{ "[" MASKED("a", "/itinerary/*/cabin", "{\"keep_last\":2}") "," MASKED(
		          "b", "/*/*/cabin",
		          "{\"keep_last\":3}") "," KEEP("s", "/status", "operational",
		                                        ",\"when\":{\"tiers\":[\"T1\"],\"subject_categories\":[\"victim\"]}") "]",
		  "", "test.json" },
		{ "[" KEEP("a", "/itinerary/*/cabin", "operational", "") "]",
		  OVERLAY("{\"id\":\"a\",\"pointer\":\"/itinerary/*/cabin\",\"action\":\"mask\",\"params\":{\"keep_last\":2}},"
		          "{\"id\":\"b\",\"pointer\":\"/*/*/cabin\",\"action\":\"mask\",\"params\":{\"keep_last\":3}}"),
		  "overlay.json" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error_list errors = { .max = 20 };
		json_t *doc = preset("pnr");

		put(doc, "/rules", cases[i].rules);
		from.overlay = view_of(cases[i].overlay);
		ck_assert_ptr_null(load_doc(doc, &from, &errors));
		ck_assert_uint_eq(errors.n, 1);
		ck_assert_str_eq(errors.items[0].where, cases[i].where);
		ck_assert(errors.items[0].line > 0 && strstr(errors.items[0].text, "neither is stricter"));
		ck_assert(strncmp(errors.items[0].text, "/rules/", 7) == 0);
		json_decref(doc);
		error_list_free(&errors);
	}
}
END_TEST

/* Rules that contradict each other where no purpose of the agreement comes to. */
START_TEST(combinations_that_no_purpose_has)
{
	static const char *const tiers[] = { "[\"T1\",\"T2\"]", "[\"T1\"]" };
	static const char *const people[] = { "[\"suspect\",\"victim\"]", "[\"suspect\"]" };

	for (int without = 0; without < 4; without++) {
		struct error_list errors = { .max = 20 };
		json_t *doc = preset("pnr");

		put(doc, "/purposes/0/tiers", tiers[without & 1]);
		put(doc, "/purposes/0/subject_categories", people[without >> 1]);
		put(doc, "/purposes/1", NULL);
		put(doc, "/flows/0/purposes/1", NULL);
		put(doc, "/flows/1/purposes/1", NULL);
		put(doc, "/rules",
		    "[" KEEP(
		            "s", "/status", "operational",
		            "") ",{\"id\":\"a\",\"pointer\":\"/itinerary/*/cabin\",\"category\":\"operational\",\"action\":\"mask\","
		                "\"params\":{\"keep_last\":2},\"when\":{\"tiers\":[\"T2\"],\"subject_categories\":[\"victim\"]}},"
		                "{\"id\":\"b\",\"pointer\":\"/*/*/cabin\",\"category\":\"operational\",\"action\":\"mask\","
		                "\"params\":{\"keep_last\":3},\"when\":{\"tiers\":[\"T2\"]}}]");
		struct agreement *a = load_doc(doc, &from, &errors);
		if (without)
			print_errors(&errors);
		ck_assert_int_eq(a != NULL, without != 0);
		agreement_unref(a);
		json_decref(doc);
		error_list_free(&errors);
	}
}
END_TEST

/* Where every rule drops there is nothing to run: the decision says so before it looks at the record. */
START_TEST(combinations_that_let_nothing_pass)
{
	struct agreement *a = load_with(
	        "pnr", "/rules",
	        "[{\"id\":\"a\",\"pointer\":\"/status\",\"category\":\"operational\",\"action\":\"keep\",\"when\":"
	        "{\"subject_categories\":[\"suspect\"]}},{\"id\":\"b\",\"pointer\":\"/carrier\",\"category\":\"operational\","
	        "\"action\":\"drop\"}]");

	for (int egress = 0; egress < 2; egress++) {
		ck_assert_ptr_nonnull(agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_SUSPECT, egress));
		ck_assert_ptr_null(agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_VICTIM, egress));
	}
	agreement_unref(a);
}
END_TEST

static size_t programs(const struct agreement *a)
{
	size_t n = 0;

	for (const struct compiled *c = a->compiled; c; c = c->next)
		n++;
	return n;
}

/* Combinations of the same rules share their programs: one to check the form, one to receive, one to send; of the last
 * one for each purpose where a key comes from it. */
START_TEST(programs_are_shared)
{
	static const struct {
		const char *rules;
		size_t programs;
	} cases[] = {
		{ "[" KEEP("a", "/status", "operational", "") "]", 3 },
		{ "[" KEEP("a", "/status", "operational",
		           "") ",{\"id\":\"b\",\"pointer\":\"/carrier\",\"category\":\"operational\","
		               "\"action\":\"mask\",\"when\":{\"tiers\":[\"T2\"]}}]",
		  6 },
		{ "[{\"id\":\"a\",\"pointer\":\"/locator\",\"category\":\"operational\",\"action\":\"pseudonym\","
		  "\"params\":{\"domain\":\"ticket\",\"normalise\":\"exact\"}}]",
		  4 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct agreement *a = load_with("pnr", "/rules", cases[i].rules);
		ck_assert_uint_eq(a->n_purposes, 2);
		ck_assert_uint_eq(programs(a), cases[i].programs);
		agreement_unref(a);
	}
}
END_TEST

TCase *make_compile_case(void)
{
	TCase *c = tcase_create("compile");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, overlay_meets_rule, 0, sizeof meetings / sizeof meetings[0]);
	tcase_add_test(c, faults_of_an_overlay);
	tcase_add_test(c, rules_for_other_agreements);
	tcase_add_loop_test(c, hidden_names_need_the_exception, 0, 2);
	tcase_add_test(c, arrived_names_need_the_exception);
	tcase_add_test(c, contradictions_are_told_once);
	tcase_add_test(c, combinations_that_no_purpose_has);
	tcase_add_test(c, combinations_that_let_nothing_pass);
	tcase_add_test(c, programs_are_shared);
	return c;
}
