/* Lint: what it finds in an agreement, what it lets be, and how much of it. */
#include "lib/policy/lint.h"
#include "test/policy/words_fixture.h"

TCase *make_lint_case(void);

static const char *const ids[] = { PRESETS };

static struct {
	const char *rule;
	size_t n;
} wanted;

static void count(void *arg, const struct lint_finding *f)
{
	(void)arg;
	ck_assert(f->pointer[0] == '/' && f->text[0] && lint_level_name(f->level)[0]);
	if (wanted.rule && strcmp(f->rule, wanted.rule) == 0)
		wanted.n++;
	else if (!wanted.rule && f->level != LINT_NOTE)
		fprintf(stderr, "%s %s: %s\n", f->rule, f->pointer, f->text);
}

START_TEST(presets_lint_clean)
{
	struct agreement *a = load_patched(ids[_i], NULL, NULL);

	wanted.rule = NULL;
	ck_assert_uint_eq(agreement_lint(a, NOW, count, NULL), 0);
	agreement_unref(a);
}
END_TEST

#define RULES(text) "rules", "[" text "]"
#define RULE_OF(pointer, category, rest) \
	"{\"id\":\"r\",\"pointer\":\"" pointer "\",\"category\":\"" category "\"," rest "}"

#define LOCATOR_CODE(rest) \
	"{\"id\":\"c\",\"pointer\":\"/locator\",\"category\":\"direct-identifier\",\"action\":\"pseudonym\"," \
	"\"params\":{\"domain\":\"locator\",\"normalise\":\"exact\"}" rest "},"
#define GUARD_OF(field, otherwise) \
	"{\"id\":\"g\",\"pointer\":\"\",\"category\":\"quasi-identifier\",\"action\":\"k-guard\"," \
	"\"params\":{\"k\":5,\"fields\":[\"" field "\"],\"otherwise\":\"" otherwise "\"}," \
	"\"when\":{\"tiers\":[\"T1\"]}}"
#define EVERYTHING \
	"{\"id\":\"e\",\"pointer\":\"\",\"category\":\"operational\",\"action\":\"keep\",\"subtree\":true,\"when\":{\"tiers\":[\"T0\",\"T1\"]}}"

static const struct {
	const char *rule, *preset, *clause, *value;
} findings[] = {
	{ "uncovered-leaf", "pnr", RULES(RULE_OF("/carrier", "operational", "\"action\":\"keep\"")) },
	{ "identifier-in-clear", "pnr", RULES(RULE_OF("/locator", "direct-identifier", "\"action\":\"keep\"")) },
	{ "special-category", "police-request", RULES(RULE_OF("/person/health", "special", "\"action\":\"mask\"")) },
	{ "identifier-in-clear", "pnr",
	  RULES(RULE_OF("/locator", "direct-identifier",
	                "\"action\":\"redact-text\",\"params\":{\"recognisers\":[\"email\"]}")) },
	{ "free-text-kept", "pnr", RULES(RULE_OF("/remarks/*", "free-text", "\"action\":\"keep\"")) },
	{ "subtree-kept", "pnr", RULES(RULE_OF("/itinerary", "operational", "\"action\":\"keep\",\"subtree\":true")) },
	{ "unlisted-domain", "pnr",
	  RULES(RULE_OF("/locator", "direct-identifier",
	                "\"action\":\"pseudonym\",\"params\":{\"domain\":\"elsewhere\",\"normalise\":\"exact\"}")) },
	{ "small-domain", "pnr",
	  RULES(RULE_OF("/travellers/*/api/born", "quasi-identifier",
	                "\"action\":\"pseudonym\",\"params\":{\"domain\":\"document\",\"normalise\":\"date\"}")) },
	{ "overridden", "pnr",
	  RULES(RULE_OF(
	          "/carrier", "operational",
	          "\"action\":\"keep\",\"when\":{\"tiers\":[\"T1\"]}") ",{\"id\":\"s\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"mask\"}") },
	{ "rule-never", "humanitarian",
	  RULES(RULE_OF("/reason", "operational",
	                "\"action\":\"keep\",\"when\":{\"purposes\":[\"aid-planning\"],"
	                "\"tiers\":[\"T1\"]}") "," EVERYTHING) },
	{ "rule-never", "humanitarian",
	  RULES(RULE_OF("/reason", "operational",
	                "\"action\":\"keep\",\"when\":"
	                "{\"subject_categories\":[\"suspect\"]}") "," EVERYTHING) },
	{ "small-domain", "police-request",
	  RULES(RULE_OF("/person/nationalities/*", "quasi-identifier",
	                "\"action\":\"pseudonym\",\"params\":{\"domain\":\"document\",\"normalise\":\"exact\"}")) },
	{ "small-domain", "fin-intel",
	  RULES(RULE_OF("/subjects/*/country", "quasi-identifier",
	                "\"action\":\"fpe\",\"params\":{\"domain\":\"iban\",\"alphabet\":\"letters\"}")) },
	{ "nothing-passes", "pnr", RULES(RULE_OF("/carrier", "operational", "\"action\":\"keep\"")) },
	{ "no-key-clause", "pnr", "pseudonyms", NULL },
	{ "no-council", "pnr", "council", NULL },
	{ "no-onward", "pnr", "onward", NULL },
	{ "onward-closed", "pnr", "onward",
	  "{\"allowed\":\"listed\",\"to\":[\"x\"],\"caveats\":[{\"scale\":\"europol-handling\",\"value\":\"H2\"}]}" },
	{ "onward-closed", "pnr", "onward",
	  "{\"allowed\":\"with-permission\",\"caveats\":[{\"scale\":\"tlp-2.0\",\"value\":\"RED\"}]}" },
	{ "no-renewal", "pnr", "renewal", NULL },
	{ "no-assessment", "pnr", "assessment",
	  "{\"digest\":\"\",\"approved_by\":\"x\",\"approved_at\":\"2025-01-01T00:00:00Z\",\"next_review\":\"2028-01-01T00:00:00Z\"}" },
	{ "no-reserved-seat", "pnr", "council",
	  "{\"seats\":[{\"id\":\"s\",\"constituency\":\"agency\"}],\"threshold\":1,\"must_sign\":false}" },
	{ "no-rotation", "pnr", "pseudonyms", "{\"key_holder\":\"provider\",\"epoch\":1}" },
	{ "long-term", "pnr", "sunset", "\"2032-01-01T00:00:00Z\"" },
	{ "crypto-expires-first", "pnr", "sunset", "\"2032-01-01T00:00:00Z\"" },
	{ "no-copy-review", "pnr", "retention", "{\"payload\":\"P7D\",\"copy\":\"P4Y\",\"at_end\":\"erase\"}" },
	{ "unused-schema", "pnr", "schemas", NULL },
	{ "keeps-delivered", "pnr", "delivery", "{\"keep\":\"PT1H\"}" },
	{ "keep-cut", "pnr", "delivery", "{\"keep\":\"P7D\",\"order\":\"case\"}" },
	{ "guard-linkable", "pnr", RULES(LOCATOR_CODE("") GUARD_OF("/travellers/*/api/born", "drop")) },
};

START_TEST(lint_finds)
{
	const char *value = findings[_i].value;
	char *text = NULL;

	if (!value && strcmp(findings[_i].clause, "schemas") == 0) {
		json_t *doc = preset("pnr"), *list = json_object_get(doc, "schemas"),
		       *two = json_deep_copy(json_array_get(list, 0));
		json_object_set_new(two, "name", json_string("another"));
		json_array_append_new(list, two);
		value = text = json_dumps(list, 0);
		json_decref(doc);
	}
	struct agreement *a = load_patched(findings[_i].preset, findings[_i].clause, value);
	wanted.rule = findings[_i].rule;
	wanted.n = 0;
	agreement_lint(a, NOW, count, NULL);
	ck_assert_msg(wanted.n > 0, "%s was not found", wanted.rule);
	free(text);
	agreement_unref(a);
}
END_TEST

/* Rules that look like one of these and are none. */
static const struct {
	const char *rule, *preset, *clause, *value;
} harmless[] = {
	{ "guard-linkable", "pnr", RULES(LOCATOR_CODE("") GUARD_OF("/travellers/*/api/born", "refuse")) },
	{ "guard-linkable", "pnr", RULES(LOCATOR_CODE("") GUARD_OF("/locator", "drop")) },
	{ "guard-linkable", "pnr",
	  RULES(LOCATOR_CODE(",\"when\":{\"tiers\":[\"T2\"]}") RULE_OF(
	          "/carrier", "operational", "\"action\":\"keep\"") "," GUARD_OF("/travellers/*/api/born", "drop")) },
	{ "guard-linkable", "pnr",
	  RULES(RULE_OF("/carrier", "operational", "\"action\":\"keep\"") "," GUARD_OF("/travellers/*/api/born",
	                                                                               "drop")) },
	{ "special-category", "police-request",
	  RULES(RULE_OF("/person/health", "special", "\"action\":\"mask\",\"when\":{\"tiers\":[\"T2\"]}")) },
	{ "special-category", "police-request",
	  RULES(RULE_OF(
	          "/person/health", "special",
	          "\"action\":\"drop\"") ",{\"id\":\"k\",\"pointer\":\"/kind\",\"category\":\"operational\",\"action\":\"keep\"}") },
	/* What a stricter rule takes away at one place alone, or only makes more sensitive, is no idle rule. */
	{ "overridden", "pnr",
	  RULES(RULE_OF(
	          "/travellers/*/seat", "operational",
	          "\"action\":\"mask\",\"params\":{\"keep_last\":1}") ",{\"id\":\"s\",\"pointer\":\"/*/*/seat\",\"category\":\"operational\",\"action\":\"keep\"}") },
	{ "small-domain", "cyber-threat", RULES(RULE_OF("", "operational", "\"action\":\"keep\",\"subtree\":true")) },
	{ "keep-cut", "pnr", "delivery", "{\"keep\":\"P1D\"}" },
	{ "keeps-delivered", "pnr", "delivery", "{\"keep\":\"P0D\"}" },
	{ "overridden", "pnr",
	  RULES(RULE_OF(
	          "/carrier", "operational",
	          "\"action\":\"keep\",\"when\":{\"purposes\":[\"serious-crime\"]}") ",{\"id\":\"s\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"mask\",\"when\":{\"purposes\":"
	                                                                             "[\"terrorism-prevention\"]}}") },
	{ "overridden", "pnr",
	  RULES(RULE_OF(
	          "/carrier", "operational",
	          "\"action\":\"keep\"") ",{\"id\":\"s\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"mask\",\"when\":{\"subject_categories\":"
	                                 "[\"suspect\"]}}") },
};

START_TEST(lint_does_not_find)
{
	struct agreement *a = load_patched(harmless[_i].preset, harmless[_i].clause, harmless[_i].value);

	wanted.rule = harmless[_i].rule;
	wanted.n = 0;
	agreement_lint(a, NOW, count, NULL);
	ck_assert_uint_eq(wanted.n, 0);
	agreement_unref(a);
}
END_TEST

/* Of a schema with more leaves than anyone reads, the first hundred are named and the others counted. */
static char *wide_schema;
static size_t named;

static bool wide_by_digest(void *arg, const struct digest *digest, struct view *text)
{
	(void)arg;
	(void)digest;
	*text = view_of(wide_schema);
	return true;
}

static void count_uncovered(void *arg, const struct lint_finding *f)
{
	if (strcmp(f->rule, "uncovered-leaf") != 0)
		return;
	named++;
	if (strstr(f->text, "and 50 more leaves"))
		*(bool *)arg = true;
}

START_TEST(lint_counts_the_rest)
{
	struct buf schema = BUF_INIT(1 << 16);
	struct error_list errors = { .max = 20 };
	struct digest d;
	struct buf hex = BUF_INIT(100);
	bool rest = false;
	json_t *doc = preset("pnr");

	buf_adds(&schema, "{\"type\":\"object\",\"properties\":{\"kept\":{\"type\":\"string\"}");
	for (int i = 0; i < 150; i++)
		buf_addf(&schema, ",\"f%d\":{\"type\":\"string\"}", i);
	buf_adds(&schema, "}}");
	buf_addc(&schema, '\0');
	wide_schema = schema.p;
	sha256(view_of(wide_schema), &d);
	digest_print(&hex, &d);
	json_object_set_new(json_array_get(json_object_get(doc, "schemas"), 0), "input", json_stringn(hex.p, hex.n));
	buf_free(&hex);
	json_object_set_new(doc, "rules",
	                    json_loads("[" RULE_OF("/kept", "operational", "\"action\":\"keep\"") "]", 0, NULL));
	from.schema = wide_by_digest;
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	named = 0;
	agreement_lint(a, NOW, count_uncovered, &rest);
	ck_assert(rest && named == 101);
	agreement_unref(a);
	json_decref(doc);
	buf_free(&schema);
	error_list_free(&errors);
}
END_TEST

/* What a finding asks for, if it has an example. */
static struct {
	const char *rule;
	char pointer[100], example[400];
	bool found;
} asked;

static void note_example(void *arg, const struct lint_finding *f)
{
	(void)arg;
	if (strcmp(f->rule, asked.rule) != 0)
		return;
	asked.found = true;
	snprintf(asked.pointer, sizeof asked.pointer, "%s", f->pointer);
	snprintf(asked.example, sizeof asked.example, "%s", f->example ? f->example : "");
}

static const struct {
	const char *rule, *gone; /* the clause that is taken away, or: the day is then past all */
} with_examples[] = {
	{ "no-council", "/council" },
	{ "no-reserved-seat", "/council/must_include" },
	{ "no-rotation", "/pseudonyms/rotation" },
	{ "no-onward", "/onward" },
	{ "no-renewal", "/renewal" },
	{ "no-copy-review", "/retention/review" },
	{ "no-limits", NULL },
	{ "approval-lifetime", NULL },
	{ "not-consulted", NULL },
	{ "no-comments", NULL },
};

/* With the example in its place the finding is gone, and the agreement loads. */
START_TEST(examples_are_right)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");

	if (with_examples[_i].gone)
		put(doc, with_examples[_i].gone, NULL);
	for (int round = 0; round < 2; round++) {
		struct agreement *a = load_doc(doc, &from, &errors);
		print_errors(&errors);
		ck_assert_ptr_nonnull(a);
		asked.rule = with_examples[_i].rule;
		asked.found = false;
		agreement_lint(a, NOW, note_example, NULL);
		ck_assert(asked.found == (round == 0));
		agreement_unref(a);
		if (round == 0)
			put(doc, asked.pointer, asked.example);
	}
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

static const struct {
	const char *clause, *value, *now, *rule;
} by_day[] = {
	{ "/assessment/comments",
	  "{\"opens\":\"2025-11-01T00:00:00Z\",\"closes\":\"2025-12-01T00:00:00Z\",\"to\":\"x@north.example\"}",
	  "2025-11-30T00:00:00Z", "comments-open" },
	{ "/renewal", "{\"opens\":\"2026-03-01T00:00:00Z\",\"closes\":\"2026-06-30T00:00:00Z\"}",
	  "2026-06-01T00:00:00Z", "renewal-open" },
	{ "/renewal", "{\"opens\":\"2026-03-01T00:00:00Z\",\"closes\":\"2026-05-30T00:00:00Z\"}",
	  "2026-06-01T00:00:00Z", "renewal-over" },
	{ "/renewal", "{\"opens\":\"2026-06-02T00:00:00Z\",\"closes\":\"2026-06-30T00:00:00Z\"}",
	  "2026-06-01T00:00:00Z", NULL },
};

START_TEST(windows_open_and_close)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");
	int64_t now = 0;

	put(doc, by_day[_i].clause, by_day[_i].value);
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert_ptr_nonnull(a);
	ck_assert(time_parse(view_of(by_day[_i].now), &now));
	static const char *const all[] = { "comments-open", "renewal-open", "renewal-over" };
	for (size_t i = 0; i < 3; i++) {
		asked.rule = all[i];
		asked.found = false;
		agreement_lint(a, now, note_example, NULL);
		ck_assert(asked.found == (by_day[_i].rule && strcmp(by_day[_i].rule, all[i]) == 0));
	}
	agreement_unref(a);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

START_TEST(lint_knows_the_day)
{
	struct agreement *a = load_patched("pnr", NULL, NULL);
	static const char *const rules[] = { "sunset-past", "review-overdue", "assessment-stale" };

	for (size_t i = 0; i < 3; i++) {
		wanted.rule = rules[i];
		wanted.n = 0;
		agreement_lint(a, agreement_sunset_ms(a), count, NULL);
		ck_assert_uint_eq(wanted.n, 1);
	}
	agreement_unref(a);
}
END_TEST

TCase *make_lint_case(void)
{
	TCase *c = tcase_create("lint");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, presets_lint_clean, 0, sizeof ids / sizeof ids[0]);
	tcase_add_loop_test(c, lint_finds, 0, sizeof findings / sizeof findings[0]);
	tcase_add_loop_test(c, lint_does_not_find, 0, sizeof harmless / sizeof harmless[0]);
	tcase_add_test(c, lint_counts_the_rest);
	tcase_add_loop_test(c, examples_are_right, 0, sizeof with_examples / sizeof with_examples[0]);
	tcase_add_loop_test(c, windows_open_and_close, 0, sizeof by_day / sizeof by_day[0]);
	tcase_add_test(c, lint_knows_the_day);
	return c;
}
