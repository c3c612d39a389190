/* What two rules, exceptions or schemas may say beside each other: conditions that never meet contradict nothing, and
 * faults do not hide what comes after them. */
#include "lib/policy/internal.h"
#include "test/policy/decision_fixture.h"

TCase *make_read_rules_case(void);

#define RULE(id, action, when) \
	"{\"id\":\"" id "\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"" action "\"" when "}"
#define GUARD \
	"{\"id\":\"g\",\"pointer\":\"\",\"category\":\"quasi-identifier\",\"action\":\"k-guard\",\"params\":{\"k\":5,\"fields\":[\"/carrier\"]}}"

#define STATUS "{\"id\":\"s\",\"pointer\":\"/status\",\"category\":\"operational\",\"action\":\"keep\"}"

/* Two rules of one pointer; says NULL: they stand beside each other. */
static const struct {
	const char *rules, *says;
} pairs[] = {
	{ RULE("a", "keep", ",\"when\":{\"purposes\":[\"serious-crime\"]}") "," RULE(
	          "b", "keep", ",\"subtree\":true,\"when\":{\"purposes\":[\"terrorism-prevention\"]}"),
	  NULL },
	{ RULE("a", "keep", ",\"when\":{\"tiers\":[\"T0\"]}") "," RULE(
	          "b", "keep", ",\"subtree\":true,\"when\":{\"tiers\":[\"T1\"]}"),
	  NULL },
	{ RULE("a", "keep", ",\"when\":{\"subject_categories\":[\"suspect\"]}") "," RULE(
	          "b", "keep", ",\"subtree\":true,\"when\":{\"subject_categories\":[\"victim\"]}"),
	  NULL },
	{ RULE("a", "keep", "") "," RULE("b", "keep", ",\"when\":{\"tiers\":[\"T1\"]}"), NULL },
	{ RULE("a", "keep", ",\"when\":{\"subject_categories\":[\"suspect\",\"victim\"]}") "," RULE(
	          "b", "drop", ",\"when\":{\"subject_categories\":[\"suspect\"]}"),
	  NULL },
	{ RULE("a", "keep", "") "," RULE("b", "drop", ",\"when\":{\"purposes\":[\"serious-crime\"]}"), NULL },
	{ RULE("a", "keep", "") "," RULE("b", "keep", ",\"subtree\":true,\"when\":{\"tiers\":[\"T1\"]}"), NULL },
	{ RULE("a", "keep", "") "," RULE("b", "keep",
	                                 ",\"when\":{\"purposes\":[\"serious-crime\",\"terrorism-prevention\"]}"),
	  "says the same" },
	{ RULE("a", "keep", "") "," RULE("b", "keep", ",\"subtree\":true"), "otherwise under the same conditions" },
	{ RULE("a", "keep", ",\"when\":{\"purposes\":[\"serious-crime\"],\"tiers\":[\"T1\"]}") "," RULE(
	          "b", "drop", ",\"when\":{\"purposes\":[\"serious-crime\"],\"tiers\":[\"T1\"]}") "," STATUS,
	  "otherwise under the same conditions" },
	{ "{\"id\":\"a\",\"pointer\":\"\",\"category\":\"operational\",\"action\":\"keep\",\"subtree\":true}," GUARD,
	  NULL },
	{ RULE("a", "keep",
	       "") ",{\"id\":\"b\",\"pointer\":\"/travellers/*/api/expires\",\"category\":\"quasi-identifier\",\"action\":\"date-shift\","
	           "\"params\":{\"domain\":\"document\",\"days\":9,\"subject\":\"/locator\"}}",
	  NULL },
};

START_TEST(two_rules)
{
	struct error_list errors = { .max = 20 };
	char rules[1000];
	json_t *doc = preset("pnr");

	snprintf(rules, sizeof rules, "[%s]", pairs[_i].rules);
	put(doc, "/rules", rules);
	struct agreement *a = load_doc(doc, &from, &errors);
	if (!pairs[_i].says)
		print_errors(&errors);
	ck_assert_int_eq(a != NULL, pairs[_i].says == NULL);
	if (pairs[_i].says)
		ck_assert_msg(errors.n == 1 && says(&errors, "/rules/1", pairs[_i].says), "%s", errors.items[0].text);
	agreement_unref(a);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

#define EXCEPTION(id, pointer) \
	"{\"id\":\"" id "\",\"ground\":\"vital-interest\",\"text\":\"t\",\"pointers\":[\"" pointer \
	"\"],\"approvals\":1," \
	"\"quota\":{\"uses\":1,\"per\":\"P1D\"},\"expires\":\"2028-01-01T00:00:00Z\",\"review_within\":\"P1D\"}"

START_TEST(two_exceptions)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");

	put(doc, "/exceptions", "[" EXCEPTION("x", "/locator") "," EXCEPTION("y", "/carrier") "]");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	ck_assert(find_exception(a, VIEW("y")) == 1 && find_exception(a, VIEW("z")) == INDEX_NONE);
	agreement_unref(a);
	put(doc, "/exceptions",
	    "[" EXCEPTION("x", "/nothing") "," EXCEPTION("y", "/carrier") "," EXCEPTION("y", "/nowhere") "]");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert_uint_eq(errors.n, 3);
	ck_assert(says(&errors, "/exceptions/0/pointers/0", "matches nothing") &&
	          says(&errors, "/exceptions/2/pointers/0", "matches nothing"));
	ck_assert(says(&errors, "/exceptions/2/id", "same as in /exceptions/1"));
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* A rule reaches the schemas of its own purposes, and no others. */
START_TEST(two_schemas)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr"), *police = preset("police-request"),
	       *second = json_deep_copy(json_array_get(json_object_get(police, "schemas"), 0));
	json_t *purpose = json_deep_copy(json_array_get(json_object_get(doc, "purposes"), 1));

	json_array_append_new(json_object_get(doc, "schemas"), second);
	json_object_set_new(purpose, "id", json_string("wanted"));
	json_object_set_new(purpose, "schema", json_string("poi-notice"));
	json_array_append_new(json_object_get(doc, "purposes"), purpose);
	put(doc, "/retention/mask_pointers", NULL);
	put(doc, "/rules",
	    "[" RULE("a", "keep",
	             "") ",{\"id\":\"s\",\"pointer\":\"/person/sex\",\"category\":\"operational\",\"action\":\"keep\","
	                 "\"when\":{\"purposes\":[\"wanted\"]}}]");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	ck_assert(place_exists(a, "/person/sex", MASK_ALL) && place_exists(a, "/person/sex", BIT(2)) &&
	          !place_exists(a, "/person/sex", BIT(1)));
	agreement_unref(a);
	put(doc, "/rules/1/when/purposes/0", "\"serious-crime\"");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert(errors.n == 1 && says(&errors, "/rules/1/pointer", "matches nothing in the schemas of its purposes"));
	json_decref(police);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* What is masked for one purpose must pass for that purpose. */
START_TEST(masks_of_a_purpose)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");

	put(doc, "/retention/mask_pointers", NULL);
	put(doc, "/rules",
	    "[" RULE("a", "keep", ",\"when\":{\"purposes\":[\"terrorism-prevention\"]}") "," RULE(
	            "b", "drop",
	            ",\"when\":{\"purposes\":[\"serious-crime\"]}") ",{\"id\":\"i\",\"pointer\":\"/itinerary\",\"category\":\"operational\",\"action\":\"keep\","
	                                                            "\"subtree\":true}]");
	put(doc, "/purposes/0/retention", "{\"mask_pointers\":[\"/carrier\",\"/itinerary/*/cabin\"]}");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	agreement_unref(a);
	put(doc, "/purposes/1/retention", "{\"mask_pointers\":[\"/carrier\",\"/itinerary\"]}");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert(errors.n == 1 &&
	          says(&errors, "/purposes/1/retention/mask_pointers/0", "names nothing that a rule lets pass"));
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* Clauses that are read rather than looked up. */
START_TEST(clauses_as_read)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("police-request");

	put(doc, "/retention/overdue", "\"block\"");
	put(doc, "/tiers/1/justify_fields", NULL);
	put(doc, "/supersedes",
	    "{\"digest\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"grace_until\":\"2026-01-01T00:00:00Z\"}");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	const struct ruling *r = agreement_ruling(a, VIEW("wanted-person"), TIER_T1, SUBJECT_SUSPECT, true);
	ck_assert(r != NULL && r->block_overdue);
	ck_assert(a->tiers[TIER_T2].justify && !a->tiers[TIER_T1].justify); /* T2 asks for reasons, said or not */
	ck_assert_uint_eq(agreement_supersedes(a)->b[31], 0xaa);
	ck_assert_int_eq(agreement_grace_end_ms(a), agreement_effective_ms(a));
	agreement_unref(a);
	put(doc, "/sunset", "\"2025-01-01T00:00:00Z\"");
	put(doc, "/tiers/2", "{\"tier\":\"T1\",\"criteria\":[{\"id\":\"x\",\"text\":\"t\"}]}");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert(says(&errors, "/sunset", "after effective_from") &&
	          says(&errors, "/tiers/2/tier", "same as in /tiers/0"));
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

START_TEST(no_text_and_no_agency)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");
	uint32_t line = 7, column = 8;
	const struct tape none = { .n = 0 };

	ck_assert(agreement_load("test.json", VIEW(""), VIEW(""), &from, &errors) == NULL);
	ck_assert_uint_ge(errors.n, 1);
	error_list_free(&errors);
	errors = (struct error_list){ .max = 20 };
	from.self = VIEW("");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert(says(&errors, "/parties", "this agency () is not a party"));
	place_of(&none, "/parties", &line, &column); /* without a tape nothing has a place */
	ck_assert(line == 7 && column == 8);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

TCase *make_read_rules_case(void)
{
	TCase *c = tcase_create("read_rules");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, two_rules, 0, sizeof pairs / sizeof pairs[0]);
	tcase_add_test(c, two_exceptions);
	tcase_add_test(c, two_schemas);
	tcase_add_test(c, masks_of_a_purpose);
	tcase_add_test(c, clauses_as_read);
	tcase_add_test(c, no_text_and_no_agency);
	return c;
}
