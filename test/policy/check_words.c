/* What people read: lint, summary, flow map, comparison. */
#include "lib/policy/diff.h"
#include "lib/policy/flowmap.h"
#include "lib/policy/internal.h"
#include "lib/policy/lint.h"
#include "lib/policy/plain.h"
#include "test/policy/support.h"

TCase *make_words_case(void);

static struct schema_files files;
static struct agreement_sources from;
static const char *const ids[] = { "pnr", "police-request", "fin-intel", "cyber-threat", "humanitarian" };

static void set_up(void)
{
	schema_files_read(&files);
	from = draft_sources(&files);
}

static void tear_down(void)
{
	schema_files_free(&files);
}

static struct agreement *load_patched(const char *id, const char *clause, const char *value)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset(id);

	if (clause && value)
		json_object_set_new(doc, clause, json_loads(value, JSON_DECODE_ANY, NULL));
	else if (clause)
		json_object_del(doc, clause);
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	json_decref(doc);
	error_list_free(&errors);
	return a;
}

/* --- lint --- */

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

/* --- summary, flow map, description --- */

static bool holds(struct buf *b, const char *what)
{
	buf_addc(b, '\0');
	bool found = strstr(b->p, what) != NULL;

	b->n--;
	return found;
}

START_TEST(summary_is_plain_and_bound)
{
	struct agreement *a = load_patched(ids[_i], NULL, NULL);
	struct buf text = BUF_INIT(1 << 20), html = BUF_INIT(1 << 20), digest = BUF_INIT(100);
	static const char *const jargon[] = { "pseudonym", "T1",  "controller", "/travellers",
		                              "JSON",      "P5Y", "pointer",    "schema" };

	ck_assert(agreement_summary(a, false, &text) && agreement_summary(a, true, &html));
	digest_print(&digest, agreement_digest(a));
	buf_addc(&digest, '\0');
	ck_assert(holds(&text, digest.p) && holds(&html, digest.p));
	buf_addc(&text, '\0');
	ck_assert_str_eq(strstr(text.p, digest.p) + 64, "\n"); /* in the last line */
	for (size_t i = 0; i < sizeof jargon / sizeof jargon[0]; i++)
		ck_assert_msg(!strstr(text.p, jargon[i]), "%s: %s", ids[_i], jargon[i]);
	ck_assert(holds(&html, "<h2>How long</h2>") && holds(&html, "</html>") && !holds(&html, "<script"));
	buf_free(&text);
	buf_free(&html);
	buf_free(&digest);
	agreement_unref(a);
}
END_TEST

/* A sheet of A4 in 9 pt has some 75 lines of 120 characters. */
START_TEST(summary_fits_a_page)
{
	struct agreement *a = load_patched(ids[_i], NULL, NULL);
	struct buf text = BUF_INIT(1 << 20);
	size_t lines = 0, column = 0;

	ck_assert(agreement_summary(a, false, &text));
	for (size_t i = 0; i < text.n; i++) {
		column = text.p[i] == '\n' ? 0 : column + 1;
		lines += text.p[i] == '\n' || column % 120 == 0;
	}
	ck_assert_msg(lines <= 75, "%s: %zu lines", ids[_i], lines);
	buf_free(&text);
	agreement_unref(a);
}
END_TEST

START_TEST(fields_by_where_they_stand)
{
	struct agreement *pnr = load_patched("pnr", NULL, NULL), *police = load_patched("police-request", NULL, NULL);
	struct agreement *cyber = load_patched("cyber-threat", NULL, NULL);
	struct buf text = BUF_INIT(1 << 20);

	ck_assert(agreement_summary(pnr, false, &text) && agreement_summary(police, false, &text) &&
	          agreement_summary(cyber, false, &text));
	ck_assert(
	        holds(&text, "What is passed on as it is: carrier; travel dates; travellers (seat, baggage pieces, ") &&
	        holds(&text, "names family under an exception only, names given under an exception only") &&
	        holds(&text, "What is passed on as it is: the whole record with all that is in it, now or later") &&
	        holds(&text, "What is blacked out but for its last 4 characters: payment (card)\n") &&
	        holds(&text,
	              "can test whether it stands for a value that it guesses): locator; travellers (family, given") &&
	        holds(&text, "The receiver may pass it on only where the one who gave it permits it") &&
	        !holds(&text, "nobody can turn back"));
	buf_free(&text);
	agreement_unref(pnr);
	agreement_unref(police);
	agreement_unref(cyber);
}
END_TEST

START_TEST(summary_escapes)
{
	struct agreement *a = load_patched("pnr", "title", "\"<b>&\\\"'</b>\"");
	struct buf html = BUF_INIT(1 << 20), svg = BUF_INIT(1 << 20), dot = BUF_INIT(1 << 20);

	ck_assert(agreement_summary(a, true, &html) && agreement_flowmap_svg(a, &svg) &&
	          agreement_flowmap_dot(a, &dot));
	ck_assert(holds(&html, "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;") && !holds(&html, "<b>"));
	ck_assert(holds(&svg, "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;") && !holds(&svg, "<b>"));
	ck_assert(holds(&dot, "label=\"<b>&\\\"'</b>\""));
	buf_free(&html);
	buf_free(&svg);
	buf_free(&dot);
	agreement_unref(a);
}
END_TEST

START_TEST(flow_map_says_it)
{
	struct agreement *a = load_patched("pnr", NULL, NULL);
	struct buf svg = BUF_INIT(1 << 20), dot = BUF_INIT(1 << 20);

	ck_assert(agreement_flowmap_svg(a, &svg) && agreement_flowmap_dot(a, &dot));
	ck_assert(holds(&svg, "Could leak: staff with wide access") && holds(&svg, "masked after 6 months") &&
	          holds(&svg, "Stored in: targeting system of Northland") && holds(&svg, "/travellers/*/family"));
	ck_assert(holds(&dot, "p0 -> p1") && holds(&dot, "p1 -> p0") && holds(&dot, "could leak: copies in exports"));
	buf_free(&svg);
	buf_free(&dot);
	agreement_unref(a);
}
END_TEST

START_TEST(described_with_state)
{
	struct agreement *a = load_patched("pnr", NULL, NULL);
	static const struct {
		int64_t now_ms;
		const char *state;
	} states[] = {
		{ NOW, "in-force" },
		{ INT64_C(1767225599999), "not-effective" },
		{ INT64_C(1861920000000), "ended" },
		{ INT64_C(1830297600000), "review-overdue" },
	};

	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
		struct buf out = BUF_INIT(1 << 20);
		ck_assert(agreement_describe(a, states[i].now_ms, &out));
		json_t *doc = json_loadb(out.p, out.n, 0, NULL);
		ck_assert(doc != NULL);
		ck_assert_str_eq(json_string_value(json_object_get(doc, "state")), states[i].state);
		ck_assert_str_eq(json_string_value(json_object_get(json_object_get(doc, "agreement"), "id")), "pnr");
		json_decref(doc);
		buf_free(&out);
	}
	agreement_unref(a);
}
END_TEST

START_TEST(periods_in_words)
{
	static const struct {
		const char *period, *words;
	} table[] = {
		{ "P5Y", "5 years" },    { "P1M", "1 month" },        { "P1Y6M", "1 year and 6 months" },
		{ "PT72H", "72 hours" }, { "P0D", "no time at all" }, { "PT1M30S", "1 minute and 30 seconds" },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct buf b = BUF_INIT(200);
		struct duration d;
		ck_assert(duration_parse(view_of(table[i].period), &d));
		plain_duration(&b, &d);
		ck_assert(view_is(buf_view(&b), table[i].words));
		buf_free(&b);
	}
}
END_TEST

/* --- diff --- */

static struct {
	enum diff_kind kind;
	const char *says;
	bool found;
	size_t n;
} change;

static void look(void *arg, enum diff_kind kind, const char *pointer, const char *text)
{
	(void)arg;
	ck_assert(pointer[0] == '/' && diff_kind_name(kind)[0]);
	change.n++;
	if (change.says && kind == change.kind && strstr(text, change.says))
		change.found = true;
}

static const struct {
	const char *clause, *value;
	enum diff_kind kind;
	const char *says, *back;
} changes[] = {
	{ "sunset", "\"2029-06-01T00:00:00Z\"", DIFF_LOOSER, "1 January 2029 becomes 1 June 2029",
	  "1 June 2029 becomes 1 January 2029" },
	{ "retention",
	  "{\"payload\":\"P7D\",\"copy\":\"P4Y\",\"mask\":\"P6M\",\"review\":\"P3Y\",\"at_end\":\"erase\"}",
	  DIFF_STRICTER, "5 years becomes 4 years", "4 years becomes 5 years" },
	{ "retention", "{\"payload\":\"P7D\",\"copy\":\"P5Y\",\"review\":\"P3Y\",\"at_end\":\"erase\"}", DIFF_LOOSER,
	  "masking of the copy", "masking of the copy" },
	{ "council", NULL, DIFF_OTHER, "taken away", "added" },
	{ "title", "\"Another\"", DIFF_OTHER, "reads otherwise", "reads otherwise" },
	{ "exceptions",
	  "[{\"id\":\"x\",\"ground\":\"vital-interest\",\"text\":\"t\",\"pointers\":[\"/locator\"],\"approvals\":1,\"quota\":{\"uses\":1,"
	  "\"per\":\"P1D\"},\"expires\":\"2028-01-01T00:00:00Z\",\"review_within\":\"P1D\"}]",
	  DIFF_LOOSER, "exception x is added", "exception x is taken away" },
	{ "rules", NULL, DIFF_STRICTER, "/locator is never passed on",
	  "that it guesses), where before it is never passed on" },
	{ "rules", "keep", DIFF_LOOSER, "/locator is passed on as it is",
	  "that it guesses), where before it is passed on as it is" },
};

START_TEST(changes_in_words)
{
	json_t *doc = preset("pnr"), *part = json_object_get(doc, changes[_i].clause), *first = json_array_get(part, 0);
	const char *value = changes[_i].value;
	char *text = NULL;

	if (strcmp(changes[_i].clause, "rules") == 0) {
		if (value) {
			json_object_set_new(first, "action", json_string(value));
			json_object_del(first, "params");
		} else {
			json_array_remove(part, 0);
		}
		value = text = json_dumps(part, 0);
	}
	struct agreement *old = load_patched("pnr", NULL, NULL), *new = load_patched("pnr", changes[_i].clause, value);
	change.kind = changes[_i].kind;
	change.says = changes[_i].says;
	change.found = false;
	size_t looser = agreement_diff(old, new, look, NULL);
	ck_assert_msg(change.found, "%s", changes[_i].says);
	ck_assert((looser > 0) == (changes[_i].kind == DIFF_LOOSER));
	change.kind = changes[_i].kind == DIFF_OTHER    ? DIFF_OTHER
	              : changes[_i].kind == DIFF_LOOSER ? DIFF_STRICTER
	                                                : DIFF_LOOSER;
	change.says = changes[_i].back;
	change.found = false;
	agreement_diff(new, old, look, NULL);
	ck_assert_msg(change.found, "%s", changes[_i].back);
	change.n = 0;
	change.says = NULL;
	ck_assert_uint_eq(agreement_diff(old, old, look, NULL), 0);
	ck_assert_uint_eq(change.n, 0);
	free(text);
	json_decref(doc);
	agreement_unref(old);
	agreement_unref(new);
}
END_TEST

/* A change deep in a clause: told one way as `is`, and the other way round as `back`. */
static const struct {
	const char *preset, *pointer, *value;
	enum diff_kind kind;
	const char *is, *back;
} deep[] = {
	{ "pnr", "/tiers/1/officer", "true", DIFF_STRICTER, "a named officer is now demanded",
	  "a named officer is no longer demanded" },
	{ "pnr", "/tiers/1/case", "false", DIFF_LOOSER, "a case reference is no longer", "a case reference is now" },
	{ "pnr", "/tiers/1/approvals", "2", DIFF_STRICTER, "0 approvals become 2", "2 approvals become 0" },
	{ "pnr", "/tiers/1/approval_lifetime", "\"PT8H\"", DIFF_STRICTER, "counts for a shorter time",
	  "counts for a longer time" },
	{ "pnr", "/officers", "[\"abababababababababababababababababababababababababababababababab\"]", DIFF_LOOSER,
	  "an officer who may approve abababab", "an officer who may approve abababab" },
	{ "pnr", "/tiers/1/quota/uses", "5", DIFF_STRICTER, "from 100000 to 5 uses", "from 5 to 100000 uses" },
	{ "pnr", "/tiers/1/quota", NULL, DIFF_LOOSER, "from 100000 to 0 uses (0: none)",
	  "from 0 to 100000 uses (0: none)" },
	{ "pnr", "/tiers/1/quota/per", "\"PT1H\"", DIFF_LOOSER, "window: 1 day becomes 1 hour",
	  "window: 1 hour becomes 1 day" },
	{ "pnr", "/tiers/1/criteria/0/text", "\"t\"", DIFF_OTHER, "the criteria read otherwise",
	  "the criteria read otherwise" },
	{ "pnr", "/purposes/1/tiers", "[\"T1\"]", DIFF_STRICTER, "tier T0 is taken away", "tier T0 is added" },
	{ "pnr", "/purposes/1/subject_categories", "[\"suspect\",\"convicted\",\"other\"]", DIFF_STRICTER,
	  "subject category victim is taken away", "subject category victim is added" },
	{ "pnr", "/purposes/1/legal_bases", "[\"pnr-law\",\"pnr-treaty\"]", DIFF_LOOSER,
	  "legal basis pnr-treaty is added", "legal basis pnr-treaty is taken away" },
	{ "pnr", "/purposes/1/id", "\"fraud\"", DIFF_LOOSER, "the purpose fraud is added",
	  "the purpose fraud is taken away" },
	{ "pnr", "/rules/2/params/to", "\"year\"", DIFF_STRICTER, "has other parameters", "has other parameters" },
	{ "pnr", "/rules/9/params/digits", "-1", DIFF_OTHER, "has other parameters", "has other parameters" },
	{ "pnr", "/rules/0/category", "\"operational\"", DIFF_LOOSER,
	  "/locator counts as operational, where before as direct-identifier", "/locator counts as direct-identifier" },
	{ "police-request", "/rules/8/waiver", NULL, DIFF_STRICTER,
	  "in clear under no exception, where before under imminent-threat",
	  "in clear under imminent-threat, where before under no exception" },
	{ "police-request", "/exceptions/0/pointers",
	  "[\"/person/names/*/family\",\"/person/names/*/given\",\"/person/sex\"]", DIFF_LOOSER,
	  "the exception's field /person/sex is added", "the exception's field /person/sex is taken away" },
	{ "police-request", "/exceptions/0/approvals", "2", DIFF_STRICTER, "1 approvals become 2",
	  "2 approvals become 1" },
	{ "police-request", "/exceptions/0/quota/uses", "11", DIFF_LOOSER, "10 uses become 11", "11 uses become 10" },
	{ "police-request", "/exceptions/0/quota/per", "\"P60D\"", DIFF_STRICTER, "window: 30 days becomes 60 days",
	  "60 days becomes 30 days" },
	{ "police-request", "/exceptions/0/expires", "\"2028-06-01T00:00:00Z\"", DIFF_STRICTER,
	  "31 December 2028 becomes 1 June 2028", "1 June 2028 becomes 31 December 2028" },
	{ "police-request", "/exceptions/0/tiers", "[\"T1\",\"T2\"]", DIFF_LOOSER, "the exception's tier T1 is added",
	  "the exception's tier T1 is taken" },
	{ "police-request", "/exceptions/0/review_within", "\"P40D\"", DIFF_LOOSER,
	  "review of its uses: 30 days becomes 40 days", "40 days becomes 30" },
	{ "police-request", "/exceptions/0/ground", "\"vital-interest\"", DIFF_OTHER, "the exception's ground reads",
	  "the exception's ground reads" },
	{ "pnr", "/rules/27/category", "\"quasi-identifier\"", DIFF_OTHER,
	  "/itinerary/*/flight counts as quasi-identifier", "counts as operational" },
	{ "cyber-threat", "/rules/0/subtree", "false", DIFF_OTHER, "the whole record has other parameters",
	  "the whole record has other parameters" },
};

START_TEST(changes_deep_within)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset(deep[_i].preset);
	enum diff_kind back = deep[_i].kind == DIFF_OTHER    ? DIFF_OTHER
	                      : deep[_i].kind == DIFF_LOOSER ? DIFF_STRICTER
	                                                     : DIFF_LOOSER;

	struct agreement *old = load_doc(doc, &from, &errors);
	put(doc, deep[_i].pointer, deep[_i].value);
	if (strcmp(deep[_i].pointer, "/purposes/1/id") == 0)
		for (int i = 0; i < 2; i++)
			put(doc, i ? "/flows/1/purposes" : "/flows/0/purposes", "[\"terrorism-prevention\",\"fraud\"]");
	struct agreement *new = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(old && new);
	change.kind = deep[_i].kind;
	change.says = deep[_i].is;
	change.found = false;
	size_t looser = agreement_diff(old, new, look, NULL);
	ck_assert_msg(change.found, "%s", deep[_i].is);
	ck_assert((looser > 0) == (deep[_i].kind == DIFF_LOOSER));
	/* A field that counts as guarded again is no tightening of what leaves, only a change. */
	change.kind = strstr(deep[_i].back, "counts as direct") ? DIFF_OTHER : back;
	change.says = deep[_i].back;
	change.found = false;
	agreement_diff(new, old, look, NULL);
	ck_assert_msg(change.found, "%s", deep[_i].back);
	json_decref(doc);
	agreement_unref(old);
	agreement_unref(new);
	error_list_free(&errors);
}
END_TEST

/* --- patterns --- */

START_TEST(patterns)
{
	ck_assert(pattern_covers("/a/*/b", false, "/a/3/b") && !pattern_covers("/a/*/b", false, "/a/3"));
	ck_assert(pattern_covers("/a/*/b", false, "/a/*/b") && !pattern_covers("/a/3/b", false, "/a/*/b"));
	ck_assert(pattern_covers("/a", true, "/a/3/b") && !pattern_covers("/a", false, "/a/3/b") &&
	          pattern_covers("", true, "/x"));
	ck_assert(!pattern_covers("/a", true, "/ab") && pattern_covers("", false, ""));
	ck_assert(patterns_meet("/a/*/b", "/a/3/*") && !patterns_meet("/a/*", "/a/3/b") &&
	          !patterns_meet("/a/1", "/a/2"));
}
END_TEST

TCase *make_words_case(void)
{
	TCase *c = tcase_create("words");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, presets_lint_clean, 0, sizeof ids / sizeof ids[0]);
	tcase_add_loop_test(c, lint_finds, 0, sizeof findings / sizeof findings[0]);
	tcase_add_loop_test(c, lint_does_not_find, 0, sizeof harmless / sizeof harmless[0]);
	tcase_add_test(c, lint_counts_the_rest);
	tcase_add_test(c, lint_knows_the_day);
	tcase_add_loop_test(c, summary_is_plain_and_bound, 0, sizeof ids / sizeof ids[0]);
	tcase_add_loop_test(c, summary_fits_a_page, 0, sizeof ids / sizeof ids[0]);
	tcase_add_test(c, fields_by_where_they_stand);
	tcase_add_test(c, summary_escapes);
	tcase_add_test(c, flow_map_says_it);
	tcase_add_test(c, described_with_state);
	tcase_add_test(c, periods_in_words);
	tcase_add_loop_test(c, changes_in_words, 0, sizeof changes / sizeof changes[0]);
	tcase_add_loop_test(c, changes_deep_within, 0, sizeof deep / sizeof deep[0]);
	tcase_add_test(c, patterns);
	return c;
}
