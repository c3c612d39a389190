/* Neither the order of rules, nor of the documents that they come from, decides anything; and what an overlay does not
 * reach is a fault of the node. */
#include "lib/policy/internal.h"
#include "lib/policy/lint.h"
#include "test/policy/decision_fixture.h"

TCase *make_order_free_case(void);

static const char *const ids[] = { "pnr", "police-request", "fin-intel", "cyber-threat", "humanitarian" };

static uint32_t pick(uint32_t *state, uint32_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % n;
}

static void shuffle(json_t *list, uint32_t *state)
{
	for (size_t i = json_array_size(list); i > 1; i--) {
		size_t k = pick(state, (uint32_t)i);
		json_t *a = json_incref(json_array_get(list, i - 1)), *b = json_incref(json_array_get(list, k));
		json_array_set_new(list, i - 1, b);
		json_array_set_new(list, k, a);
	}
}

/* Places in the order in which they were made: states are numbered by nothing else. */
static void program_dump(const struct program *p, struct buf *out)
{
	for (uint32_t i = 0; i < program_rule_count(p); i++)
		buf_addf(out, "%u %s %s\n", (unsigned)i, program_rule_id(p, i), action_name(program_rule_action(p, i)));
	for (size_t k = 0; k < program_places(p); k++) {
		struct program_place at = program_place(p, k);
		buf_addf(out, "%zu %d %d %x %d%d%d\n", k, (int)at.rule, (int)at.under, (unsigned)at.categories,
		         at.dropped, at.neither, at.keeps_container);
	}
}

/* Every program and derived schema of an agreement, by purpose, tier, category and direction. */
static void dump_all(const struct agreement *a, struct buf *out)
{
	for (size_t p = 0; p < a->n_purposes; p++)
		for (unsigned t = 0; t < TIER_COUNT; t++)
			for (unsigned s = 0; s < SUBJECT_COUNT; s++)
				for (int egress = 0; egress < 2; egress++) {
					const struct ruling_full *r = a->rulings[ruling_slot(
					        p, (enum tier)t, (enum subject_category)s, egress)];
					if (!r)
						continue;
					program_dump(r->compiled->program, out);
					ck_assert(program_output_schema(r->ruling.shared, out, NULL));
				}
}

START_TEST(shuffled_presets)
{
	struct view floor = read_whole("conf/floor.json"), overlay = read_whole("conf/overlay.json");
	json_t *doc = preset(ids[_i]);
	struct buf first = BUF_INIT(64u << 20), other = BUF_INIT(64u << 20);
	uint32_t state = 20261128;

	from.floor = floor;
	from.overlay = overlay;
	for (int turn = 0; turn < 4; turn++) {
		struct error_list errors = { .max = 20 };
		struct agreement *a = load_doc(doc, &from, &errors);
		print_errors(&errors);
		ck_assert(a != NULL);
		dump_all(a, turn ? &other : &first);
		if (turn)
			ck_assert(view_eq(buf_view(&first), buf_view(&other)));
		buf_reset(&other);
		shuffle(json_object_get(doc, "rules"), &state);
		agreement_unref(a);
		error_list_free(&errors);
	}
	ck_assert_uint_gt(first.n, 10000 * (_i != 3));
	json_decref(doc);
	buf_free(&first);
	buf_free(&other);
	free((void *)(uintptr_t)floor.p);
	free((void *)(uintptr_t)overlay.p);
}
END_TEST

#define NAME_RULE \
	"{\"id\":\"n\",\"pointer\":\"/travellers/*/family\",\"category\":\"direct-identifier\",\"action\":\"keep\"}"
#define ALL_RULE "{\"id\":\"a\",\"pointer\":\"/travellers/*/*\",\"category\":\"operational\",\"action\":\"keep\"}"

/* Two overlapping patterns, in both orders: the field is as sensitive as the more sensitive of them says. */
START_TEST(the_most_sensitive_speaks)
{
	static const char *const orders[] = { "[" NAME_RULE "," ALL_RULE "]", "[" ALL_RULE "," NAME_RULE "]" };
	json_t *e = envelope("pnr");

	for (size_t i = 0; i < 2; i++) {
		struct error_list errors = { .max = 20 };
		from.floor = VIEW("");
		struct agreement *a = load_with("pnr", "/rules", orders[i]);
		ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
		ck_assert_int_eq(bench.decision.failed[0].reason, REASON_TRANSFORM_REQUIRED);
		ck_assert_str_eq(bench.decision.failed[0].clause, i ? "/rules/1" : "/rules/0");
		agreement_unref(a);
		error_list_free(&errors);
	}
	json_decref(e);
}
END_TEST

static void take_clear(void *arg, const struct lint_finding *f)
{
	if (strcmp(f->rule, "identifier-in-clear") == 0)
		buf_addf(arg, "%s\n", f->pointer);
}

/* The floor is held to what the strictest rule lets pass of a field that another rule calls a direct identifier. */
START_TEST(a_floor_over_two_rules)
{
	static const char *const rules =
	        "[{\"id\":\"k\",\"pointer\":\"/travellers/*/family\",\"category\":\"operational\",\"action\":\"mask\",\"params\":{\"keep_first\":2}},"
	        "{\"id\":\"d\",\"pointer\":\"/travellers/*/*\",\"category\":\"direct-identifier\",\"action\":\"keep\",\"waiver\":\"x\"}]";
	static const char *const exceptions =
	        "[{\"id\":\"x\",\"ground\":\"vital-interest\",\"text\":\"t\",\"pointers\":[\"/travellers/*/*\"],\"approvals\":1,"
	        "\"quota\":{\"uses\":1,\"per\":\"P1D\"},\"expires\":\"2028-01-01T00:00:00Z\",\"review_within\":\"P1D\"}]";
	struct error_list errors = { .max = 20 };
	struct buf told = BUF_INIT(1000);
	json_t *doc = preset("pnr");

	put(doc, "/exceptions", exceptions);
	put(doc, "/rules", rules);
	from.floor = VIEW("{\"version\":\"1\"}");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	agreement_lint(a, NOW, take_clear, &told);
	ck_assert_msg(view_is(buf_view(&told), "/rules/0\n"), "%.*s", VIEW_ARG(buf_view(&told)));
	buf_free(&told);
	agreement_unref(a);
	from.floor = VIEW("{\"version\":\"1\",\"clear_identifiers\":\"with-waiver\"}");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert_uint_eq(errors.n, 1);
	ck_assert(says(&errors, "/rules/0/action", "permits only with a waiver"));
	error_list_free(&errors);
	/* A special category that only one of two rules knows. */
	errors = (struct error_list){ .max = 20 };
	put(doc, "/rules",
	    "[{\"id\":\"k\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"mask\"},"
	    "{\"id\":\"s\",\"pointer\":\"/*\",\"category\":\"special\",\"action\":\"keep\",\"subtree\":true}]");
	from.floor = VIEW("{\"version\":\"1\",\"special_actions\":[\"keep\"]}");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert_uint_eq(errors.n, 1);
	ck_assert(says(&errors, "/rules/0/action", "/special_actions"));
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* A floor of never, and the transforms that used to slip through it. */
START_TEST(never_in_clear)
{
	static const char *const rules[] = {
		"\"pointer\":\"/contact/address/postcode\",\"action\":\"postcode\",\"params\":{\"keep_first\":6}",
		"\"pointer\":\"/travellers/*/baggage/weight_kg\",\"action\":\"round\",\"params\":{\"digits\":15}",
		"\"pointer\":\"/travellers/*/baggage/weight_kg\",\"action\":\"topcode\",\"params\":{\"max\":1000000000000000}",
		"\"pointer\":\"/travellers/*/api/born\",\"action\":\"date-trunc\",\"params\":{\"to\":\"day\"}",
		"\"pointer\":\"/payment/card\",\"action\":\"mask\",\"params\":{\"keep_first\":4,\"keep_last\":4}",
		"\"pointer\":\"/travellers/*/unaccompanied_minor/age\",\"action\":\"band\",\"params\":{\"width\":2}",
		"\"pointer\":\"/remarks\",\"action\":\"redact-text\",\"subtree\":true,\"params\":{\"recognisers\":[\"email\"]}",
	};
	json_t *doc = preset("pnr");
	struct error_list errors = { .max = 20 };
	char rule[600];

	snprintf(rule, sizeof rule, "[{\"id\":\"d\",\"category\":\"direct-identifier\",%s}]", rules[_i]);
	put(doc, "/rules", rule);
	put(doc, "/retention/mask_pointers", NULL);
	from.floor = VIEW("{\"version\":\"1\",\"clear_identifiers\":\"never\"}");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert_msg(says(&errors, "/rules/0/action", "permits never"), "%s", errors.items[0].text);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* The root kept with all beneath, and stricter rules on containers in it. */
START_TEST(rules_on_containers_hold_beneath)
{
	json_t *e = envelope("pnr");
	struct agreement *a = load_with(
	        "pnr", "/rules",
	        "[{\"id\":\"r\",\"pointer\":\"\",\"category\":\"operational\",\"action\":\"keep\",\"subtree\":true},"
	        "{\"id\":\"c\",\"pointer\":\"/contact\",\"category\":\"direct-identifier\",\"action\":\"null\",\"subtree\":true},"
	        "{\"id\":\"t\",\"pointer\":\"/itinerary/*\",\"category\":\"operational\",\"action\":\"mask\",\"params\":{\"length\":3},\"subtree\":true},"
	        "{\"id\":\"f\",\"pointer\":\"/itinerary/*/flight\",\"category\":\"operational\",\"action\":\"drop\"}]");

	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	buf_addc(&bench.record, 0);
	ck_assert_msg(strstr(bench.record.p, "\"email\":null,\"phone\":null") &&
	                      !strstr(bench.record.p, "\"flight\"") && strstr(bench.record.p, "\"cabin\":\"***\""),
	              "%s", bench.record.p);
	agreement_unref(a);
	json_decref(e);
}
END_TEST

static const struct {
	const char *overlay, *place, *says;
} slips[] = {
	{ "\"rules\":[{\"id\":\"a\",\"agreement\":\"pnrr\",\"pointer\":\"/locator\",\"action\":\"drop\"}]",
	  "/rules/0/agreement", "no such agreement" },
	{ "\"rules\":[{\"id\":\"a\",\"pointer\":\"/locater\",\"action\":\"drop\"}]", "/rules/0/pointer",
	  "of any agreement" },
	{ "\"denied_purposes\":[\"serious-crime\",\"serious-crimes\"]", "/denied_purposes/1", "no agreement here" },
	{ "\"denied_exceptions\":[\"imminent-treat\"]", "/denied_exceptions/0", "no agreement here" },
	/* The agreement lets months pass, and nothing of what is no rule's. */
	{ "\"rules\":[{\"id\":\"a\",\"agreement\":\"pnr\",\"pointer\":\"/ticketed_on\",\"action\":\"date-trunc\",\"params\":{\"to\":\"day\",\"as\":\"date\"}}]",
	  "/rules/0", "narrows nothing" },
	{ "\"rules\":[{\"id\":\"a\",\"agreement\":\"pnr\",\"pointer\":\"/agency/agent\",\"action\":\"drop\"}]",
	  "/rules/0", "narrows nothing" },
	{ "\"rules\":[{\"id\":\"a\",\"agreement\":\"pnr\",\"pointer\":\"/travellers/*/unaccompanied_minor/guardian\",\"action\":\"drop\"}]",
	  "/rules/0", "narrows nothing" },
	/* No rule stands at the container itself. */
	{ "\"rules\":[{\"id\":\"a\",\"agreement\":\"pnr\",\"pointer\":\"/travellers\",\"action\":\"drop\"},"
	  "{\"id\":\"b\",\"agreement\":\"pnr\",\"pointer\":\"/*/*/api\",\"action\":\"drop\"},"
	  "{\"id\":\"c\",\"agreement\":\"pnr\",\"pointer\":\"\",\"action\":\"drop\"}]",
	  NULL, NULL },
	{ "\"denied_exceptions\":[\"imminent-threat\"],\"denied_purposes\":[\"missing-person\"],\"rules\":[{\"id\":\"a\",\"agreement\":\"pnr\",\"pointer\":\"/locator\",\"action\":\"drop\"},"
	  "{\"id\":\"b\",\"pointer\":\"/person/sex\",\"action\":\"drop\"},"
	  "{\"id\":\"c\",\"agreement\":\"pnr\",\"pointer\":\"/payment/amount\",\"action\":\"mask\",\"subtree\":true}]",
	  NULL, NULL },
};

/* Seen over all agreements of a node. */
START_TEST(what_an_overlay_reaches)
{
	struct error_list errors = { .max = 20 };
	struct agreement *both[2];
	char overlay[600];

	snprintf(overlay, sizeof overlay, "{\"version\":\"1\",\n%s}", slips[_i].overlay);
	from.overlay = view_of(overlay);
	both[0] = load_with("pnr", NULL, NULL);
	both[1] = load_with("police-request", NULL, NULL);
	bool ok = overlay_reaches("etc/national.json", from.overlay, both, 2, &errors);
	ck_assert_int_eq(ok, slips[_i].says == NULL);
	ck_assert_uint_eq(errors.n, slips[_i].says != NULL);
	if (slips[_i].says) {
		ck_assert_str_eq(errors.items[0].where, "etc/national.json");
		ck_assert(strstr(errors.items[0].text, slips[_i].place) &&
		          strstr(errors.items[0].text, slips[_i].says));
		ck_assert_uint_eq(errors.items[0].line, 2);
	}
	ck_assert(overlay_reaches("x", from.overlay, NULL, 0, &errors));
	agreement_unref(both[0]);
	agreement_unref(both[1]);
	error_list_free(&errors);
}
END_TEST

static void take(void *arg, const char *text)
{
	buf_addf(arg, "%s\n", text);
}

/* A minimum of the nation's own, which is met already. */
START_TEST(an_overlay_for_all_may_narrow_nothing_yet)
{
	struct error_list errors = { .max = 20 };
	struct buf told = BUF_INIT(1 << 16);
	struct agreement *both[2];

	from.overlay = VIEW(
	        "{\"version\":\"1\",\"rules\":["
	        "{\"id\":\"a\",\"pointer\":\"/locator\",\"action\":\"drop\"},"
	        "{\"id\":\"b\",\"pointer\":\"/ticketed_on\",\"action\":\"date-trunc\",\"params\":{\"to\":\"month\",\"as\":\"date\"}},"
	        "{\"id\":\"c\",\"pointer\":\"/agency/agent\",\"action\":\"drop\"}]}");
	both[0] = load_with("pnr", NULL, NULL);
	both[1] = load_with("police-request", NULL, NULL);
	ck_assert(overlay_reaches("x", from.overlay, both, 2, &errors));
	overlay_idle(both, 2, take, &told);
	ck_assert_msg(view_is(buf_view(&told),
	                      "overlay.json/rules/1 (b): narrows nothing in any agreement that is here\n"
	                      "overlay.json/rules/2 (c): narrows nothing in any agreement that is here\n"),
	              "%.*s", VIEW_ARG(buf_view(&told)));
	agreement_unref(both[0]);
	agreement_unref(both[1]);
	buf_free(&told);
}
END_TEST

/* What does not load, in the overlay's own file and at its place. */
static const struct {
	const char *overlay, *text;
} faults[] = {
	{ "\"rules\":[{\"id\":\"a\",\"agreement\":\"pnr\",\"pointer\":\"/locater\",\"action\":\"drop\"}]",
	  "/rules/0/pointer: matches nothing" },
	{ "\"rules\":[{\"id\":\"a\",\"pointer\":\"/itinerary\",\"action\":\"null\"}]",
	  "/rules/0/pointer: in pnr the schema allows an object" },
	{ "\"rules\":[{\"id\":\"a\",\"pointer\":\"/locator\",\"action\":\"mask\",\"params\":{\"keep\":1}}]",
	  "/rules/0: rule overlay:a: mask" },
	{ "\"rules\":[{\"id\":\"a\",\"pointer\":\"/locator\",\"action\":\"const\",\"params\":{\"value\":1}},{\"id\":\"b\",\"pointer\":\"/*\",\"subtree\":true,\"action\":\"const\",\"params\":{\"value\":2}}]",
	  "reaches the same fields as rule overlay:" },
	{ "\"rules\":[{\"id\":\"a\",\"pointer\":\"/payment/amount\",\"action\":\"mask\"}]",
	  "/rules/0/pointer: in pnr no text can stand here, and mask takes texts only" },
	{ "\"colour\":1", "/colour: " },
};

START_TEST(faults_stand_in_their_own_file)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");
	char overlay[600];

	snprintf(overlay, sizeof overlay, "{\"version\":\"1\",\n%s}", faults[_i].overlay);
	from.overlay = view_of(overlay);
	from.overlay_file = "etc/national.json";
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert_str_eq(errors.items[0].where, "etc/national.json");
	ck_assert_msg(strstr(errors.items[0].text, faults[_i].text) != NULL, "%s", errors.items[0].text);
	ck_assert_uint_eq(errors.items[0].line, 2);
	size_t n = errors.n;
	from.overlay = VIEW("");
	from.floor = VIEW("{\"version\":\"1\",\"colour\":1}");
	from.floor_file = "etc/common.json";
	/* Said once for all agreements. */
	ck_assert(load_doc(doc, &from, &errors) == NULL && load_doc(doc, &from, &errors) == NULL);
	ck_assert_uint_eq(errors.n, n + 1);
	ck_assert_str_eq(errors.items[n].where, "etc/common.json");
	ck_assert(strstr(errors.items[n].text, "/colour: ") != NULL);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

static void take_finding(void *arg, const struct lint_finding *f)
{
	if (strcmp(f->rule, "overlay-drops") == 0)
		buf_adds(arg, f->text);
}

START_TEST(dropped_between_two_is_told)
{
	struct buf told = BUF_INIT(1 << 16), lint = BUF_INIT(1 << 16);

	from.overlay = VIEW(
	        "{\"version\":\"1\",\"rules\":[{\"id\":\"a\",\"pointer\":\"/travellers/*/family\",\"action\":\"redact-text\","
	        "\"params\":{\"recognisers\":[\"email\"]}}]}");
	struct agreement *a = load_with("pnr", NULL, NULL);
	agreement_notes(a, take, &told);
	agreement_lint(a, NOW, take_finding, &lint);
	ck_assert_msg(view_is(buf_view(&told),
	                      "overlay.json/rules/0 and rule family (/rules/5): neither is stricter, so that fields "
	                      "that both reach are dropped\n"),
	              "%.*s", VIEW_ARG(buf_view(&told)));
	ck_assert_uint_eq(lint.n + 1, told.n);
	agreement_unref(a);
	/* What is stricter, but has another form than the recipient expects, is dropped as well. */
	buf_reset(&told);
	from.overlay = VIEW(
	        "{\"version\":\"1\",\"rules\":[{\"id\":\"a\",\"pointer\":\"/travellers/*/family\",\"action\":\"const\","
	        "\"params\":{\"value\":\"withheld\"}}]}");
	a = load_with("pnr", NULL, NULL);
	agreement_notes(a, take, &told);
	ck_assert_msg(
	        view_is(buf_view(&told),
	                "overlay.json/rules/0 and rule family (/rules/5): what it leaves has not the form that the "
	                "rule leaves, so that fields that both reach are dropped\n"),
	        "%.*s", VIEW_ARG(buf_view(&told)));
	agreement_unref(a);
	buf_free(&told);
	buf_free(&lint);
}
END_TEST

/* An agreement of before is told all that it has to change. */
START_TEST(older_agreements_are_told_everything)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");

	put(doc, "/format", NULL);
	put(doc, "/rules/99",
	    "{\"id\":\"slip\",\"pointer\":\"/remarks\",\"category\":\"free-text\",\"action\":\"null\"}");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert(says(&errors, "/format", "was written for older rules") &&
	          says(&errors, "/pointer", "object or array"));
	json_decref(doc);
	error_list_free(&errors);
	errors = (struct error_list){ .max = 20 };
	ck_assert(agreement_load("x.json", VIEW("{}"), VIEW(""), &from, &errors) == NULL && errors.n > 1);
	error_list_free(&errors);
}
END_TEST

TCase *make_order_free_case(void)
{
	TCase *c = tcase_create("order_free");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, shuffled_presets, 0, sizeof ids / sizeof ids[0]);
	tcase_add_test(c, the_most_sensitive_speaks);
	tcase_add_test(c, a_floor_over_two_rules);
	tcase_add_loop_test(c, never_in_clear, 0, 7);
	tcase_add_test(c, rules_on_containers_hold_beneath);
	tcase_add_test(c, an_overlay_for_all_may_narrow_nothing_yet);
	tcase_add_loop_test(c, what_an_overlay_reaches, 0, sizeof slips / sizeof slips[0]);
	tcase_add_loop_test(c, faults_stand_in_their_own_file, 0, sizeof faults / sizeof faults[0]);
	tcase_add_test(c, dropped_between_two_is_told);
	tcase_add_test(c, older_agreements_are_told_everything);
	return c;
}
