/* What may stand where a statement failed: what the agreement lists there, and nothing of floor or overlay. */
#include "lib/policy/allowed.h"
#include "test/policy/decision_fixture.h"

TCase *make_allowed_case(void);

static char told[1000];

static void add(void *arg, struct view value)
{
	(void)arg;
	snprintf(told + strlen(told), sizeof told - strlen(told), "%s%.*s", told[0] ? " " : "", VIEW_ARG(value));
}

/* What is told of the first failed rule whose pointer begins so; NULL: there is none. */
static const char *told_at(const char *pointer)
{
	told[0] = 0;
	for (size_t i = 0; i < bench.decision.n_failed; i++)
		if (strncmp(bench.decision.failed[i].pointer, pointer, strlen(pointer)) == 0) {
			allowed_values(&bench.decision, &bench.decision.failed[i], facts.agency, add, NULL);
			return told;
		}
	return NULL;
}

static const struct {
	const char *preset, *member, *value, *pointer, *allowed;
} cases[] = {
	{ "pnr", "purpose", "\"nothing\"", "/purpose", "terrorism-prevention serious-crime" },
	{ "pnr", "legal_basis", "\"pnr-treaty\"", "/legal_basis", "pnr-law" },
	{ "pnr", "tier", "\"T2\"", "/tier", "T0 T1" },
	{ "pnr", "tier", "\"T9\"", "/tier", "T0 T1" },
	{ "pnr", "subject_category", "\"nobody\"", "/subject_category", "suspect convicted victim other" },
	{ "pnr", "schema", "\"other\"", "/schema", "passenger" },
	{ "pnr", "retention", "\"P6Y\"", "/retention", "P5Y" },
	{ "pnr", "necessity", "{\"criterion\":\"none\"}", "/necessity/criterion", "serious-crime" },
	{ "pnr", "necessity", "{\"criterion\":\"none\"}", "/necessity/likelihood", "" },
	{ "pnr", "case", NULL, "/case", "" },
	{ "pnr", "exception", "\"none\"", "/exception", "" },
	{ "pnr", "handling", "[{\"scale\":\"tlp-2.0\",\"value\":\"PINK\"}]", "/handling/0",
	  "europol-source europol-information europol-handling tlp-2.0" },
	{ "police-request", "exception", "\"none\"", "/exception", "" }, /* at T1 it has none */
};

START_TEST(the_agreement_lists_it)
{
	struct agreement *a = load_with(cases[_i].preset, NULL, NULL);
	json_t *e = envelope(cases[_i].preset);

	if (cases[_i].value)
		json_object_set_new(e, cases[_i].member, json_loads(cases[_i].value, JSON_DECODE_ANY, NULL));
	else
		json_object_del(e, cases[_i].member);
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_ptr_nonnull(told_at(cases[_i].pointer));
	ck_assert_str_eq(told, cases[_i].allowed);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* Without a purpose that was found: all that the agreement has. */
START_TEST(without_a_purpose)
{
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");

	json_object_set_new(e, "purpose", json_string("nothing"));
	json_object_set_new(e, "legal_basis", json_string("none"));
	json_object_set_new(e, "tier", json_string("T9"));
	json_object_set_new(e, "subject_category", json_string("nobody"));
	json_object_set_new(e, "necessity", json_object());
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_str_eq(told_at("/legal_basis"), "pnr-law pnr-treaty");
	ck_assert_str_eq(told_at("/tier"), "T0 T1 T2");
	ck_assert_str_eq(told_at("/subject_category"), "");
	json_decref(e);
	agreement_unref(a);
}
END_TEST

START_TEST(exceptions_of_the_purpose_and_tier)
{
	struct agreement *a =
	        load_with("police-request", "/exceptions/0", "{\"purposes\":[\"missing-person\"],\"tiers\":[\"T1\"]}");
	json_t *e = envelope("police-request");

	json_object_set_new(e, "exception", json_string("none"));
	json_object_set_new(e, "purpose", json_string("missing-person"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_str_eq(told_at("/exception"), "imminent-threat");
	json_object_set_new(e, "purpose", json_string("wanted-person"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_str_eq(told_at("/exception"), "");
	json_decref(e);
	agreement_unref(a);
}
END_TEST

START_TEST(a_retention_of_the_purpose)
{
	struct agreement *a = load_with("pnr", "/purposes/1",
	                                "{\"retention\":{\"payload\":\"P7D\",\"copy\":\"P4Y\",\"at_end\":\"erase\"}}");
	json_t *e = envelope("pnr");

	json_object_set_new(e, "retention", json_string("P5Y"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_str_eq(told_at("/retention"), "P4Y");
	json_decref(e);
	agreement_unref(a);
}
END_TEST

START_TEST(nothing_of_an_overlay)
{
	static const struct {
		const char *overlay, *pointer;
	} denied[] = {
		{ "{\"version\":\"1\",\"denied_purposes\":[\"serious-crime\"]}", "/purpose" },
		{ "{\"version\":\"1\",\"denied_subject_categories\":[\"suspect\"]}", "/subject_category" },
		{ "{\"version\":\"1\",\"limits\":{\"copy\":\"P1Y\"}}", "/retention" },
	};
	json_t *e = envelope("pnr");

	json_object_set_new(e, "retention", json_string("P5Y"));
	for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
		from.overlay = view_of(denied[i].overlay);
		struct agreement *a = load_with("pnr", NULL, NULL);
		ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
		ck_assert_ptr_nonnull(told_at(denied[i].pointer));
		ck_assert_str_eq(told, "");
		agreement_unref(a);
	}
	json_decref(e);
}
END_TEST

/* Whose words a clause or place are: a record that does not fit its schema, an envelope that was not read. */
START_TEST(nothing_of_what_is_no_clause)
{
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");

	json_object_set_new(e, "purpose", json_integer(7));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_ptr_nonnull(told_at("/purpose"));
	ck_assert_str_eq(told, "");
	json_decref(e);
	agreement_unref(a);
}
END_TEST

START_TEST(nothing_to_who_has_no_flow)
{
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");

	json_object_set_new(e, "purpose", json_string("nothing"));
	facts.agency = VIEW("west");
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_ptr_nonnull(told_at("/purpose"));
	ck_assert_str_eq(told, "");
	json_decref(e);
	agreement_unref(a);
}
END_TEST

TCase *make_allowed_case(void)
{
	TCase *c = tcase_create("allowed");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, the_agreement_lists_it, 0, sizeof cases / sizeof *cases);
	tcase_add_test(c, without_a_purpose);
	tcase_add_test(c, exceptions_of_the_purpose_and_tier);
	tcase_add_test(c, a_retention_of_the_purpose);
	tcase_add_test(c, nothing_of_an_overlay);
	tcase_add_test(c, nothing_of_what_is_no_clause);
	tcase_add_test(c, nothing_to_who_has_no_flow);
	return c;
}
