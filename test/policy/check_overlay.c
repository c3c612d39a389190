/* The overlay on both sides of a decision: what it denies, what it narrows, and what the other side then takes. */
#include "test/policy/decision_fixture.h"

TCase *make_overlay_case(void);

START_TEST(overlay_denies)
{
	json_t *e = envelope("pnr");
	static const struct {
		const char *overlay;
		enum reason reason;
		const char *clause;
	} cases[] = {
		{ "{\"version\":\"1\",\"denied_purposes\":[\"serious-crime\"]}", REASON_PURPOSE_NOT_PERMITTED,
		  "overlay.json/denied_purposes/0" },
		{ "{\"version\":\"1\",\"denied_subject_categories\":[\"suspect\"]}", REASON_CATEGORY_UNKNOWN,
		  "overlay.json/denied_subject_categories/0" },
		{ "{\"version\":\"1\",\"tiers\":[{\"tier\":\"T1\",\"approvals\":2}]}", REASON_APPROVAL_MISSING,
		  "overlay.json/tiers/1/approvals" },
		{ "{\"version\":\"1\",\"tiers\":[{\"tier\":\"T1\",\"officer\":true}]}", REASON_APPROVAL_MISSING,
		  "overlay.json/tiers/1/officer" },
		{ "{\"version\":\"1\",\"limits\":{\"copy\":\"P1Y\"}}", REASON_RETENTION_OVER_MAX,
		  "overlay.json/limits/copy" },
	};

	json_object_set_new(e, "retention", json_string("P5Y"));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		from.overlay = view_of(cases[i].overlay);
		struct agreement *a = load_with("pnr", NULL, NULL);
		ck_assert_int_eq(run(a, e), strstr(cases[i].clause, "approvals") ? OUTCOME_HELD : OUTCOME_REFUSED);
		ck_assert_int_eq(bench.decision.failed[0].reason, cases[i].reason);
		ck_assert_str_eq(bench.decision.failed[0].clause, cases[i].clause);
		agreement_unref(a);
	}
	json_decref(e);
}
END_TEST

static bool leaves_with(const char *what)
{
	buf_addc(&bench.record, '\0');
	bool found = strstr(bench.record.p, what) != NULL;

	bench.record.n--;
	return found;
}

START_TEST(overlay_narrows_fields)
{
	struct agreement *plain = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");

	ck_assert_int_eq(run(plain, e), OUTCOME_TRANSFORMED);
	ck_assert(leaves_with("\"seat\"") && leaves_with("\"cabin\":\"business\"") && leaves_with("\"locator\":\"p1."));
	ck_assert(!leaves_with("\"holder\""));
	from.overlay = VIEW("{\"version\":\"1\",\"rules\":["
	                    "{\"id\":\"a\",\"pointer\":\"/travellers/*/seat\",\"action\":\"drop\"},"
	                    "{\"id\":\"b\",\"pointer\":\"/itinerary/*/cabin\",\"action\":\"mask\"},"
	                    "{\"id\":\"c\",\"pointer\":\"/locator\",\"action\":\"mask\"},"
	                    "{\"id\":\"d\",\"pointer\":\"/payment/holder\",\"action\":\"mask\"},"
	                    "{\"id\":\"e\",\"agreement\":\"other\",\"pointer\":\"/status\",\"action\":\"drop\"}]}");
	struct agreement *narrow = load_with("pnr", NULL, NULL);
	ck_assert_int_eq(run(narrow, e), OUTCOME_TRANSFORMED);
	ck_assert(!leaves_with("\"seat\""));              /* dropped */
	ck_assert(leaves_with("\"cabin\":\"********\"")); /* kept by the agreement, masked here */
	ck_assert(!leaves_with("\"locator\""));           /* transformed already: a stricter overlay drops it */
	ck_assert(!leaves_with("\"holder\""));            /* never adds what the agreement drops */
	ck_assert(leaves_with("\"status\""));             /* a rule for another agreement */
	struct buf json = BUF_INIT(1 << 20);
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, &json);
	buf_addc(&json, '\0');
	ck_assert(strstr(json.p, "\"rule\":\"overlay:a\"") != NULL);
	buf_free(&json);
	agreement_unref(narrow);
	agreement_unref(plain);
	json_decref(e);
}
END_TEST

/* What one side lets out, the other takes, and narrows by its own overlay; what is outside the rules or
 * not in the form that the rules leave is refused. */
START_TEST(ingress_checks_what_arrives)
{
	struct agreement *sender = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");

	ck_assert_int_eq(run(sender, e), OUTCOME_TRANSFORMED);
	json_t *arrived = json_loadb(bench.record.p, bench.record.n, 0, NULL);
	ck_assert(arrived != NULL);
	from.self = VIEW("south");
	from.overlay =
	        VIEW("{\"version\":\"1\",\"rules\":[{\"id\":\"a\",\"pointer\":\"/locator\",\"action\":\"drop\"}]}");
	struct agreement *receiver = load_with("pnr", NULL, NULL);
	deliver(&e);
	enum outcome o = run(receiver, e);
	ck_assert_msg(o == OUTCOME_TRANSFORMED, "%s %s %s", reason_slug(bench.decision.failed[0].reason),
	              bench.decision.failed[0].clause, bench.decision.failed[0].pointer);
	ck_assert(bench.envelope.from_gateway && view_is(bench.envelope.origin.entry, "{}") &&
	          bench.envelope.origin.salt.b[15] == 15);
	ck_assert(!leaves_with("\"locator\"") && leaves_with("\"family\":\"p1."));
	json_t *clear = json_deep_copy(arrived);
	json_object_set_new(json_array_get(json_object_get(clear, "travellers"), 0), "family", json_string("Example"));
	json_object_set_new(e, "record", clear);
	ck_assert_int_eq(run(receiver, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_OUTPUT_VIOLATION);
	json_t *more = json_deep_copy(arrived);
	json_object_set_new(more, "gate", json_string("B7"));
	json_object_set_new(e, "record", more);
	ck_assert_int_eq(run(receiver, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_OUTPUT_VIOLATION);
	/* A proof that is no base64 never reaches the decision. */
	json_object_set_new(json_object_get(e, "origin"), "entry", json_string("e30?"));
	ck_assert_int_eq(run(receiver, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_ENVELOPE_INVALID);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/origin/entry");
	json_decref(arrived);
	json_decref(e);
	agreement_unref(sender);
	agreement_unref(receiver);
}
END_TEST

TCase *make_overlay_case(void)
{
	TCase *c = tcase_create("overlay");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, overlay_denies);
	tcase_add_test(c, overlay_narrows_fields);
	tcase_add_test(c, ingress_checks_what_arrives);
	return c;
}
