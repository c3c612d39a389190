/* Reasons that a request gives for fields: which are asked for, what each of them justifies, and of which leaves of a container
 * that is kept whole the rules beneath it speak. */
#include "test/policy/decision_fixture.h"

TCase *make_justifications_case(void);

/* Reasons stay with the provider; its entry says whether each leaf that left has one, and the recipient's own demand is
 * met by nothing else. */
START_TEST(reasons_for_what_arrives)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr"), *e = envelope("pnr");

	put(doc, "/tiers/1/justify_fields", "true");
	put(doc, "/rules",
	    "[{\"id\":\"s\",\"pointer\":\"/travellers/*/seat\",\"category\":\"operational\",\"action\":\"keep\"},"
	    "{\"id\":\"b\",\"pointer\":\"/travellers/*/baggage\",\"category\":\"operational\",\"action\":\"keep\"}]");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	json_object_set_new(e, "justifications",
	                    json_pack("[{s:s,s:s}]", "pointer", "/travellers/1/seat", "reason", "r"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_FIELD_UNJUSTIFIED);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/travellers/0/seat");
	ck_assert_uint_eq(bench.decision.checked & CHECKED_JUSTIFICATIONS, 0);
	json_object_set_new(e, "justifications",
	                    json_pack("[{s:s,s:s}]", "pointer", "/travellers/*/seat", "reason", "r"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert_uint_eq(bench.decision.checked, CHECKED_CASE | CHECKED_JUSTIFICATIONS | CHECKED_NECESSITY);
	agreement_unref(a);
	from.self = VIEW("south");
	deliver(&e);
	ck_assert_ptr_null(json_object_get(e, "justifications"));
	a = load_doc(doc, &from, &errors);
	ck_assert_int_eq(run(a, e), OUTCOME_RELEASED);
	facts.checked &= ~CHECKED_JUSTIFICATIONS;
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_FIELD_UNJUSTIFIED);
	ck_assert_str_eq(bench.decision.failed[0].clause, "/tiers/1/justify_fields");
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/origin/entry");
	agreement_unref(a);
	json_decref(doc);
	json_decref(e);
}
END_TEST

/* What a reason is given for is asked for; a field that is only dropped at another tier is not one of a higher tier. */
START_TEST(reasons_for_dropped_fields)
{
	struct agreement *a = load_with(
	        "pnr", "/rules",
	        "[{\"id\":\"k\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"keep\"},"
	        "{\"id\":\"d\",\"pointer\":\"/status\",\"category\":\"operational\",\"action\":\"drop\",\"when\":{\"tiers\":[\"T2\"]}}]");
	json_t *e = envelope("pnr");

	json_object_set_new(e, "justifications", json_pack("[{s:s,s:s}]", "pointer", "/status", "reason", "r"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* Nor is one whose rare combinations are only withheld there. */
START_TEST(reasons_for_guarded_fields)
{
	struct agreement *a = load_with(
	        "pnr", "/rules",
	        "[{\"id\":\"k\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"keep\"},"
	        "{\"id\":\"g\",\"pointer\":\"\",\"category\":\"quasi-identifier\",\"action\":\"k-guard\",\"params\":{\"k\":5,"
	        "\"fields\":[\"/carrier\"]},\"when\":{\"tiers\":[\"T2\"]}}]");
	json_t *e = envelope("pnr");

	json_object_set_new(e, "justifications", json_pack("[{s:s,s:s}]", "pointer", "/status", "reason", "r"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* A field that only another purpose or another kind of person may have is none of a higher tier. */
START_TEST(reasons_for_fields_of_others)
{
	struct agreement *a = load_with(
	        "pnr", "/rules",
	        "[{\"id\":\"k\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"keep\"},"
	        "{\"id\":\"p\",\"pointer\":\"/status\",\"category\":\"operational\",\"action\":\"keep\",\"when\":{\"tiers\":[\"T2\"],"
	        "\"purposes\":[\"terrorism-prevention\"]}},{\"id\":\"s\",\"pointer\":\"/status\",\"category\":\"operational\",\"action\":\"mask\","
	        "\"when\":{\"tiers\":[\"T2\"],\"subject_categories\":[\"victim\"]}}]");
	json_t *e = envelope("pnr");

	json_object_set_new(e, "justifications", json_pack("[{s:s,s:s}]", "pointer", "/status", "reason", "r"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	json_object_set_new(e, "subject_category", json_string("victim"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_TIER_FIELDS_EXCEEDED);
	json_object_set_new(e, "purpose",
	                    json_string("marketing")); /* of a purpose that is not known nothing is asked */
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert(failed_with(&bench.decision, REASON_PURPOSE_NOT_PERMITTED) &&
	          !failed_with(&bench.decision, REASON_TIER_FIELDS_EXCEEDED));
	json_decref(e);
	agreement_unref(a);
}
END_TEST

#define BAGGAGE(id, category, rest) \
	"{\"id\":\"" id "\",\"pointer\":\"/travellers/*/baggage\",\"action\":\"keep\",\"category\":\"" category \
	"\"" rest "}"

/* Of the leaves of a container that is kept whole speak the rules that hold beneath it, and they alone. */
static const struct {
	const char *rules;
	enum outcome outcome;
} kept_whole[] = {
	{ "[" BAGGAGE("a", "direct-identifier", ",\"subtree\":true") "]", OUTCOME_REFUSED },
	{ "[" BAGGAGE("a", "direct-identifier", "") "," BAGGAGE(
	          "b", "direct-identifier", ",\"subtree\":true,\"when\":{\"tiers\":[\"T0\",\"T1\",\"T2\"]}") "]",
	  OUTCOME_REFUSED },
	{ "[" BAGGAGE("a", "direct-identifier",
	              "") ",{\"id\":\"b\",\"pointer\":\"/travellers\",\"action\":\"keep\",\"subtree\":true,"
	                  "\"category\":\"quasi-identifier\"}]",
	  OUTCOME_TRANSFORMED },
};

START_TEST(leaves_of_what_is_kept_whole)
{
	struct agreement *a = load_with("pnr", "/rules", kept_whole[_i].rules);
	json_t *e = envelope("pnr");

	ck_assert_int_eq(run(a, e), kept_whole[_i].outcome);
	if (kept_whole[_i].outcome == OUTCOME_REFUSED)
		ck_assert_int_eq(bench.decision.failed[0].reason, REASON_TRANSFORM_REQUIRED);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* Each leaf of such a container is justified by itself, or all by the rule's own pointer. */
START_TEST(reasons_for_what_is_kept_whole)
{
	static const struct {
		const char *pointers[8], *at; /* NULL: released */
	} cases[] = {
		{ { "/travellers/*/baggage" }, NULL },
		{ { "/travellers/0/baggage/pieces", "/travellers/0/baggage/tags/0", "/travellers/0/baggage/weight_kg",
		    "/travellers/1/baggage/pieces", "/travellers/1/baggage/tags/0", "/travellers/1/baggage/tags/1",
		    "/travellers/1/baggage/weight_kg" },
		  NULL },
		{ { "/travellers/0/baggage/pieces", "/travellers/0/baggage/tags/0" },
		  "/travellers/0/baggage/weight_kg" },
		/* A wildcard that is no rule's own pointer names nothing. */
		{ { "/travellers/*/baggage/*", "/travellers/*/baggage/tags/*" }, "/travellers/0/baggage/pieces" },
		{ { "/travellers/0/baggage" }, "/travellers/0/baggage/pieces" },
		{ { "/travellers/*" }, "/travellers/0/baggage/pieces" },
	};
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr"), *e = envelope("pnr");

	put(doc, "/tiers/1/justify_fields", "true");
	put(doc, "/rules", "[" BAGGAGE("a", "operational", ",\"subtree\":true") "]");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *list = json_array();
		for (size_t k = 0; cases[i].pointers[k]; k++)
			json_array_append_new(list,
			                      json_pack("{s:s,s:s}", "pointer", cases[i].pointers[k], "reason", "r"));
		json_object_set_new(e, "justifications", list);
		ck_assert_msg(run(a, e) == (cases[i].at ? OUTCOME_REFUSED : OUTCOME_TRANSFORMED), "%zu", i);
		if (!cases[i].at)
			continue;
		ck_assert_int_eq(bench.decision.failed[0].reason, REASON_FIELD_UNJUSTIFIED);
		ck_assert_str_eq(bench.decision.failed[0].clause, "/rules/0");
		ck_assert_str_eq(bench.decision.failed[0].pointer, cases[i].at);
		ck_assert_uint_eq(bench.decision.n_failed, 1); /* a rule once, whatever it reaches */
	}
	json_decref(doc);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* The envelope's schema counts characters: a pointer of 400 that takes more bytes than any rule's justifies nothing. */
START_TEST(a_pointer_too_long_justifies_nothing)
{
	struct agreement *a = load_with("pnr", "/tiers/1", "{\"justify_fields\":true}");
	json_t *e = envelope("pnr");
	char pointer[802] = "/";

	for (size_t i = 1; i < 799; i += 2)
		memcpy(pointer + i, "\xc3\xa9", 3);
	json_object_set_new(e, "justifications", json_pack("[{s:s,s:s}]", "pointer", pointer, "reason", "r"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_FIELD_UNJUSTIFIED);
	ck_assert_str_eq(bench.decision.failed[0].clause, "/rules/0");
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* Which pointer names a leaf of the second of two items. */
START_TEST(which_reasons_name_a_leaf)
{
	static const struct {
		const char *pointer;
		bool names;
	} cases[] = {
		{ "/travellers/1/baggage/tags/0", true },
		{ "/travellers/4/baggage/tags/3", false },
		{ "/travellers/0/baggage/tags/0", false },
		{ "/travellers/*/baggage/tags/0", false }, /* `*` is no item, with a number or without */
		{ "/travellers/1/baggage/tags/*", false },
		{ "/travellers/1/*/tags/0", false },
		{ "/travellers/1/7/tags/0", false }, /* a number is no member */
		{ "/travellers/01/baggage/tags/0", false },
		{ "/travellers/-/baggage/tags/0", false },
		{ "/travellers/1/baggage/tags", false },
		{ "/travellers/1/baggage/tags/0/0", false },
		{ "/travellers/*/baggage", true }, /* the rule's own */
	};
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr"), *e = envelope("pnr");

	put(doc, "/tiers/1/justify_fields", "true");
	put(doc, "/rules", "[" BAGGAGE("a", "operational", ",\"subtree\":true") "]");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	json_t *travellers = json_object_get(json_object_get(e, "record"), "travellers");
	json_object_del(json_array_get(travellers, 0), "baggage");
	json_object_set_new(json_array_get(travellers, 1), "baggage", json_pack("{s:[s]}", "tags", "0999091390"));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_object_set_new(e, "justifications",
		                    json_pack("[{s:s,s:s}]", "pointer", cases[i].pointer, "reason", "r"));
		ck_assert_msg(run(a, e) == (cases[i].names ? OUTCOME_TRANSFORMED : OUTCOME_REFUSED), "%s",
		              cases[i].pointer);
		if (!cases[i].names)
			ck_assert_int_eq(bench.decision.failed[0].reason, REASON_FIELD_UNJUSTIFIED);
	}
	agreement_unref(a);
	json_decref(doc);
	json_decref(e);
}
END_TEST

TCase *make_justifications_case(void)
{
	TCase *c = tcase_create("justifications");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, reasons_for_dropped_fields);
	tcase_add_test(c, reasons_for_guarded_fields);
	tcase_add_test(c, reasons_for_fields_of_others);
	tcase_add_loop_test(c, leaves_of_what_is_kept_whole, 0, sizeof kept_whole / sizeof kept_whole[0]);
	tcase_add_test(c, reasons_for_what_is_kept_whole);
	tcase_add_test(c, a_pointer_too_long_justifies_nothing);
	tcase_add_test(c, reasons_for_what_arrives);
	tcase_add_test(c, which_reasons_name_a_leaf);
	return c;
}
