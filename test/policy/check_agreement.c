/* Loading: what is wrong with an agreement is refused with place and reason, all of it and not only the
 * first; signatures; how long 500 rules take. */
#include <time.h>
#include <unistd.h>

#include "lib/crypto/x509.h"
#include "test/policy/support.h"

TCase *make_agreement_case(void);

static struct schema_files files;
static struct agreement_sources from;

static void set_up(void)
{
	schema_files_read(&files);
	from = draft_sources(&files);
}

static void tear_down(void)
{
	schema_files_free(&files);
}

/* Preset, change, and what the error must say. */
static const struct mutation {
	const char *preset, *pointer, *value, *place, *says;
} mutations[] = {
	{ "pnr", "/colour", "\"blue\"", "", "" }, /* unknown members are errors */
	{ "pnr", "/rules/0/colour", "\"blue\"", "/rules/0", "" },
	{ "pnr", "/purposes", NULL, "", "purposes" },
	{ "pnr", "/sunset", "\"tomorrow\"", "/sunset", "" },
	{ "pnr", "/parties/0/agency", "\"west\"", "/parties", "not a party" },
	{ "pnr", "/parties/1/agency", "\"north\"", "/parties/1/agency", "same as" },
	{ "pnr", "/parties/1/oversight", "[\"dpa-south\",\"north\"]", "/parties/1/oversight/1",
	  "a party oversees no party" },
	{ "pnr", "/parties/1/oversight", "[]", "/parties/1/oversight", "" },
	{ "pnr", "/sunset", "\"2025-01-01T00:00:00Z\"", "/sunset", "after effective_from" },
	{ "pnr", "/review/next", "\"2025-01-01T00:00:00Z\"", "/review/next", "after effective_from" },
	{ "pnr", "/assessment/next_review", "\"2025-01-01T00:00:00Z\"", "/assessment/next_review",
	  "after approved_at" },
	{ "pnr", "/assessment/consulted",
	  "[{\"body\":\"Privacy Authority\",\"answered_at\":\"2026-05-31T00:00:00Z\",\"answer\":"
	  "\"0000000000000000000000000000000000000000000000000000000000000001\"}]",
	  "/assessment/consulted/0/answered_at", "not come after approved_at" },
	{ "pnr", "/assessment/comments",
	  "{\"opens\":\"2025-11-01T00:00:00Z\",\"closes\":\"2025-11-01T00:00:00Z\",\"to\":\"comments@north.example\"}",
	  "/assessment/comments/closes", "after opens" },
	{ "pnr", "/assessment/comments",
	  "{\"opens\":\"2025-11-01T00:00:00Z\",\"closes\":\"2026-02-01T00:00:00Z\",\"to\":\"comments@north.example\"}",
	  "/assessment/comments/closes", "not come after effective_from" },
	{ "pnr", "/retention/payloads", "\"P1D\"", "/retention/payloads", "did you mean \"payload\"?" },
	{ "pnr", "/purposes/0/legal_bases/0", "\"pnr-low\"", "/purposes/0/legal_bases/0", "did you mean \"pnr-law\"?" },
	{ "pnr", "/flows/0/from", "\"nroth\"", "/flows/0/from", "did you mean \"north\"?" },
	{ "pnr", "/rules/0/when/purposes", "[\"serious-crimes\"]", "/rules/0/when/purposes/0",
	  "did you mean \"serious-crime\"?" },
	{ "pnr", "/renewal/closes", "\"2028-01-01T00:00:00Z\"", "/renewal/closes", "after opens" },
	{ "pnr", "/renewal/closes", "\"2029-06-01T00:00:00Z\"", "/renewal/closes", "after the sunset" },
	{ "pnr", "/supersedes",
	  "{\"digest\":\"0000000000000000000000000000000000000000000000000000000000000000\","
	  "\"grace_until\":\"2025-01-01T00:00:00Z\"}",
	  "/supersedes/grace_until", "before effective_from" },
	{ "pnr", "/schemas/0/input", "\"0000000000000000000000000000000000000000000000000000000000000000\"",
	  "/schemas/0/input", "no schema with this digest" },
	{ "pnr", "/purposes/0/schema", "\"visa\"", "/purposes/0/schema", "no such name" },
	{ "pnr", "/purposes/0/legal_bases/0", "\"custom\"", "/purposes/0/legal_bases/0", "no such legal basis" },
	{ "pnr", "/tiers/2", NULL, "/purposes/0/tiers", "T2 has no clause" },
	{ "pnr", "/flows/0/to", "\"north\"", "/flows/0/to", "not another party" },
	{ "pnr", "/flows/0/purposes/0", "\"marketing\"", "/flows/0/purposes/0", "no such purpose" },
	{ "pnr", "/retention/payload", "\"P29D\"", "/retention/payload", "P28D at most" },
	{ "pnr", "/retention/payload", "\"P0D\"", "/retention/payload", "no time" },
	{ "pnr", "/retention/mask", "\"P6Y\"", "/retention/mask", "before the copy's end" },
	{ "pnr", "/retention/review", "\"P6Y\"", "/retention/review", "before the copy's end" },
	{ "pnr", "/retention/receipt_within", "\"P0D\"", "/retention/receipt_within", "no time at all" },
	{ "pnr", "/retention/mask_pointers", "[\"/locator\",\"/nothing\"]", "/retention/mask_pointers/1",
	  "names nothing" },
	{ "pnr", "/purposes/0/retention", "{\"mask_pointers\":[\"/nothing\"]}", "/purposes/0/retention/mask_pointers/0",
	  "names nothing" },
	{ "pnr", "/notification/due", "\"P0D\"", "/notification/due", "no time" },
	{ "pnr", "/notification/due", "\"P6Y\"", "/notification/longest_delay", "shorter than" },
	{ "pnr", "/notification/rejustify_every", "\"P0D\"", "/notification/rejustify_every", "no time" },
	{ "pnr", "/rules/0/pointer", "\"/locater\"", "/rules/0/pointer", "matches nothing" },
	{ "pnr", "/rules/5/pointer", "\"/travellers/*/surname\"", "/rules/5/pointer", "matches nothing" },
	{ "pnr", "/rules/1/id", "\"locator\"", "/rules/1/id", "same as" },
	{ "pnr", "/rules/99",
	  "{\"id\":\"carrier-2\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"drop\","
	  "\"when\":{\"tiers\":[\"T0\",\"T1\",\"T2\"]}}",
	  "/rules/", "otherwise under the same conditions" },
	{ "pnr", "/rules/99",
	  "{\"id\":\"carrier-2\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"keep\","
	  "\"when\":{\"tiers\":[\"T0\",\"T1\",\"T2\"]}}",
	  "/rules/", "says the same" },
	{ "pnr", "/rules/99",
	  "{\"id\":\"carrier-2\",\"pointer\":\"/carrier\",\"category\":\"special\",\"action\":\"drop\"}", "/rules/",
	  "what kind of field" },
	{ "pnr", "/rules/99",
	  "{\"id\":\"born-2\",\"pointer\":\"/travellers/*/api/born\",\"category\":\"quasi-identifier\","
	  "\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":90}}",
	  "/rules/", "neither is stricter" },
	{ "pnr", "/rules/99",
	  "{\"id\":\"slip\",\"pointer\":\"/remarks\",\"category\":\"free-text\",\"action\":\"redact-text\","
	  "\"params\":{\"recognisers\":[\"iban\"]}}",
	  "/pointer", "or names what is beneath (/remarks/*)" },
	{ "pnr", "/rules/99", "{\"id\":\"root\",\"pointer\":\"\",\"category\":\"free-text\",\"action\":\"null\"}",
	  "/pointer", "object or array" },
	{ "pnr", "/rules/99",
	  "{\"id\":\"all\",\"pointer\":\"/travellers/*\",\"category\":\"direct-identifier\",\"action\":\"pseudonym\","
	  "\"params\":{\"domain\":\"person-name\",\"normalise\":\"name\"}}",
	  "/pointer", "object or array" },
	{ "pnr", "/rules/99", "{\"id\":\"any\",\"pointer\":\"/*\",\"category\":\"operational\",\"action\":\"mask\"}",
	  "/pointer", "object or array" },
	{ "pnr", "/format", NULL, "/format", "was written for older rules" },
	{ "pnr", "/format", "1", "/format", "" },
	{ "pnr", "/rules",
	  "[{\"id\":\"c\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"keep\","
	  "\"when\":{\"purposes\":[\"serious-crime\"]}}]",
	  "/purposes/0", "no rule lets anything pass" },
	{ "pnr", "/rules",
	  "[{\"id\":\"c\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"keep\","
	  "\"when\":{\"tiers\":[\"T2\"]}}]",
	  "/purposes/1", "no rule lets anything pass" },
	{ "pnr", "/rules", "[{\"id\":\"c\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"drop\"}]",
	  "/purposes/0", "no rule lets anything pass" },
	{ "pnr", "/retention/payload", "\"P1M\"", "/retention/payload", "P28D at most" },
	{ "pnr", "/delivery", "{\"keep\":\"P8D\"}", "/delivery/keep", "P7D at most" },
	{ "pnr", "/delivery", "{\"keep\":\"P1M\",\"order\":\"case\"}", "/delivery/keep", "P7D at most" },
	{ "pnr", "/delivery", "{\"keep\":\"a week\"}", "/delivery/keep", "" },
	{ "pnr", "/delivery", "{}", "/delivery", "" },
	{ "pnr", "/retention/mask", "\"P60M\"", "/retention/mask", "" },
	{ "pnr", "/rules/2/params", "{\"to\":\"century\"}", "/rules/2/params", "" },
	{ "pnr", "/rules/2/params", NULL, "/rules/2", "" },
	{ "pnr", "/rules/99",
	  "{\"id\":\"moved\",\"pointer\":\"/travellers/*/api/expires\",\"category\":\"quasi-identifier\","
	  "\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":9,\"subject\":\"/travellers/*/api/passport\"}}",
	  "/params/subject", "matches nothing" },
	{ "pnr", "/rules/99",
	  "{\"id\":\"g\",\"pointer\":\"\",\"category\":\"operational\",\"action\":\"k-guard\",\"subtree\":true,"
	  "\"params\":{\"k\":2,\"fields\":[\"/carrier\"]}}",
	  "/subtree", "takes no subtree" },
	{ "pnr", "/rules/0/waiver", "\"any\"", "/rules/0/waiver", "no such exception" },
	{ "pnr", "/rules/0/when", "{\"purposes\":[\"marketing\"]}", "/rules/0/when/purposes/0", "no such purpose" },
	{ "police-request", "/rules/0/waiver", "\"imminent-threat\"", "/rules/0/waiver", "does not reach" },
	{ "police-request", "/exceptions/0/pointers/0", "\"/person/shoe_size\"", "/exceptions/0/pointers/0",
	  "matches nothing" },
	{ "police-request", "/exceptions/0/expires", "\"2030-01-01T00:00:00Z\"", "/exceptions/0/expires",
	  "after the sunset" },
	{ "police-request", "/exceptions/0/ground", "\"convenience\"", "/exceptions/0/ground", "" },
	{ "pnr", "/handling/required", "[\"admiralty-source\"]", "/handling/required/0", "not among" },
	{ "pnr", "/onward/caveats/0/value", "\"H9\"", "/onward/caveats/0/value", "not on its list" },
	{ "pnr", "/onward/caveats/0/value", "\"H3\"", "/onward/caveats/0/value", "has no text" },
	{ "pnr", "/council/threshold", "9", "/council/threshold", "more than there are seats" },
	{ "pnr", "/council/seats/0/id", "\"north\"", "/council/seats/0/id", "name of a party" },
	{ "pnr", "/council/seats/1/id", "\"seat-north-agency\"", "/council/seats/1/id", "same as" },
	{ "pnr", "/council/must_include/0", "\"judiciary\"", "/council/must_include/0", "no seat" },
	{ "humanitarian", "/consent/withdrawals", "\"west\"", "/consent/withdrawals", "not a party" },
	{ "humanitarian", "/consent/given", "\"west\"", "/consent/given", "not a party" },
	{ "humanitarian", "/consent/references", "{\"pattern\":\"^[0-9\"}", "/consent/references/pattern", "" },
	{ "humanitarian", "/consent/references", "{\"pattern\":\"[0-9]{6}\"}", "/consent/references/pattern",
	  "has no bound of 128 characters" },
	{ "humanitarian", "/consent/references", "{\"pattern\":\"^[0-9]+$\"}", "/consent/references/pattern",
	  "has no bound" },
	{ "humanitarian", "/consent/references", "{\"pattern\":\"^[0-9]{1,129}$\"}", "/consent/references/pattern",
	  "has no bound" },
	{ "humanitarian", "/consent/references", "{\"pattern\":\"^XN-[0-9]{6}$\"}", "/consent/references/pattern",
	  "capital letters" },
	{ "pnr", "/assessment/approved_at", "\"2027-12-31T00:00:00Z\"", "/assessment/approved_at",
	  "lies in the future" },
	{ "pnr", "/assessment/digest", "\"0000000000000000000000000000000000000000000000000000000000000000\"",
	  "/assessment/digest", "is the digest of nothing" },
	{ "pnr", "/assessment/digest", "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
	  "/assessment/digest", "is the digest of nothing" },
	{ "humanitarian", "/consent/scopes/0", "\"marketing\"", "/consent/scopes/0", "no such purpose" },
	{ "humanitarian", "/consent", NULL, "/legal_bases/0/consent", "needs the clause /consent" },
	{ "pnr", "/legal_bases/1/id", "\"pnr-law\"", "/legal_bases/1/id", "same as in /legal_bases/0" },
	{ "pnr", "/purposes/1/id", "\"terrorism-prevention\"", "/purposes/1/id", "same as in /purposes/0" },
	{ "pnr", "/flows/1/from", "\"north\"", "/flows/1/from", "same as in /flows/0" },
	{ "pnr", "/flows/0/from", "\"west\"", "/flows/0/from", "not a party" },
	{ "pnr", "/flows/0/to", "\"west\"", "/flows/0/to", "not another party" },
	{ "pnr", "/tiers/1/tier", "\"T0\"", "/tiers/1/tier", "same as in /tiers/0" },
	{ "pnr", "/purposes/0/retention", "{\"payload\":\"P30D\"}", "/purposes/0/retention/payload", "P28D at most" },
	{ "pnr", "/council/must_include/0", "\"civil-society\"", "/council/must_include/0", "no seat" },
	{ "police-request", "/exceptions/1",
	  "{\"id\":\"imminent-threat\",\"ground\":\"vital-interest\",\"text\":\"t\",\"pointers\":"
	  "[\"/person/sex\"],\"approvals\":1,\"quota\":{\"uses\":1,\"per\":\"P1D\"},\"expires\":\"2028-01-01T00:00:00Z\",\"review_within\":"
	  "\"P1D\"}",
	  "/exceptions/1/id", "same as in /exceptions/0" },
	{ "police-request", "/exceptions/0/purposes", "[\"marketing\"]", "/exceptions/0/purposes/0",
	  "no such purpose" },
	{ "pnr", "/schemas/0/output", "\"0000000000000000000000000000000000000000000000000000000000000000\"",
	  "/schemas/0/output", "no schema with this digest" },
	{ "pnr", "/retention/mask_pointers", "[\"/payment/holder\"]", "/retention/mask_pointers/0", "lets pass" },
	{ "pnr", "/schemas/0/entry", "\"#/$defs/nowhere\"", "/schemas/0/input", "" },
	/* Rules that are each in order, and contradict each other where their patterns meet. */
	{ "pnr", "/rules/99",
	  "{\"id\":\"number-2\",\"pointer\":\"/travellers/*/*/document_number\",\"category\":\"direct-identifier\","
	  "\"action\":\"pseudonym\",\"params\":{\"domain\":\"phone\",\"normalise\":\"exact\"}}",
	  "/rules/", "neither is stricter" },
	/* An item by its number is no place that a rule reaches: what it says would never happen. */
	{ "pnr", "/rules/99",
	  "{\"id\":\"first\",\"pointer\":\"/travellers/0/seat\",\"category\":\"operational\",\"action\":\"drop\"}",
	  "/rules/", "matches nothing" },
	{ "pnr", "/rules/17/params", "{\"edges\":[18,16]}", "/rules/17", "" },
};

START_TEST(mutation_is_refused)
{
	const struct mutation *m = &mutations[_i];
	struct error_list errors = { .max = 50 };
	json_t *doc = preset(m->preset);

	put(doc, m->pointer, m->value);
	struct agreement *a = load_doc(doc, &from, &errors);
	ck_assert_msg(a == NULL, "%s %s was taken", m->preset, m->pointer);
	if (!says(&errors, m->place, m->says)) {
		print_errors(&errors);
		ck_abort_msg("%s %s: not said: %s %s", m->preset, m->pointer, m->place, m->says);
	}
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

START_TEST(all_errors_are_listed)
{
	struct error_list errors = { .max = 50 };
	json_t *doc = preset("pnr");

	put(doc, "/rules/0/pointer", "\"/locater\"");
	put(doc, "/rules/1/pointer", "\"/carriage\"");
	put(doc, "/rules/3/id", "\"reserved\"");
	ck_assert(load_doc(doc, &from, &errors) == NULL);
	ck_assert(says(&errors, "/rules/0/pointer", "matches nothing"));
	ck_assert(says(&errors, "/rules/1/pointer", "matches nothing"));
	ck_assert(says(&errors, "/rules/3/id", "same as"));
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

START_TEST(text_that_is_no_json)
{
	struct error_list errors = { .max = 50 };
	struct agreement *a = agreement_load("test.json", VIEW("{\"id\": "), VIEW(""), &from, &errors);

	ck_assert(a == NULL);
	ck_assert_uint_ge(errors.n, 1);
	error_list_free(&errors);
}
END_TEST

/* The presets pin the schemas as they are; `gatewayctl agreement digest-schemas` names the right digests. */
START_TEST(digests_are_in_step)
{
	static const char *const ids[] = { "pnr", "police-request", "fin-intel", "cyber-threat", "humanitarian" };

	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		json_t *doc = preset(ids[i]);
		const json_t *schema = json_array_get(json_object_get(doc, "schemas"), 0);
		struct buf have = BUF_INIT(100);
		struct digest d;
		char path[200];
		snprintf(path, sizeof path, "schema/records/%s.schema.json",
		         json_string_value(json_object_get(schema, "name")));
		struct view text = read_whole(path);
		sha256(text, &d);
		digest_print(&have, &d);
		ck_assert_msg(view_is(buf_view(&have), json_string_value(json_object_get(schema, "input"))),
		              "conf/agreements/%s.json: /schemas/0/input must be %.*s", ids[i],
		              VIEW_ARG(buf_view(&have)));
		buf_free(&have);
		free((void *)(uintptr_t)text.p);
		json_decref(doc);
	}
}
END_TEST

/* --- rulings, schemas --- */

START_TEST(rulings_as_the_agreement_says)
{
	struct error_list errors = { .max = 50 };
	json_t *doc = preset("pnr");
	struct agreement *a = load_doc(doc, &from, &errors);
	struct digest d, want;

	ck_assert(a != NULL);
	ck_assert(agreement_ruling(a, VIEW("marketing"), TIER_T1, SUBJECT_SUSPECT, true) == NULL);
	ck_assert(agreement_ruling(a, VIEW("serious-crime"), TIER_T2, SUBJECT_SUSPECT, true) == NULL);
	ck_assert(agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_UNCATEGORISED, true) == NULL);
	ck_assert(agreement_ruling(a, VIEW("serious-crime"), TIER_COUNT, SUBJECT_SUSPECT, true) == NULL);
	ck_assert(agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_COUNT, true) == NULL);
	const struct ruling *t0 = agreement_ruling(a, VIEW("serious-crime"), TIER_T0, SUBJECT_SUSPECT, true);
	const struct ruling *t1 = agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_SUSPECT, true);
	const struct ruling *other = agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_VICTIM, true);
	const struct ruling *in = agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_SUSPECT, false);
	const struct ruling *terror = agreement_ruling(a, VIEW("terrorism-prevention"), TIER_T1, SUBJECT_SUSPECT, true);
	ck_assert(t0 && t1 && other && in && terror);
	ck_assert_uint_lt(program_rule_count(t0->program), program_rule_count(t1->program));
	ck_assert_ptr_eq(t1->program, other->program);  /* the same rules share a program */
	ck_assert_ptr_ne(t1->program, terror->program); /* keys differ by purpose */
	ck_assert_ptr_eq(t1->shared, terror->shared);
	ck_assert_ptr_ne(t1->program, in->program);
	ck_assert(agreement_schema(a, 0, &d) && digest_eq(&d, &t1->input_digest));
	ck_assert(!agreement_schema(a, 1, &want));
	ck_assert(view_is(agreement_recipient(a, VIEW("north")), "south"));
	ck_assert(view_is(agreement_recipient(a, VIEW("south")), "north"));
	ck_assert_uint_eq(agreement_recipient(a, VIEW("west")).n, 0);
	agreement_unref(agreement_ref(a));
	agreement_unref(a);
	json_decref(doc);
	error_list_free(&errors);
}
END_TEST

/* An agreement of 500 rules compiles in 50 ms; sanitizers and a loaded machine get more. */
START_TEST(five_hundred_rules)
{
	struct error_list errors = { .max = 50 };
	struct buf schema = BUF_INIT(1 << 20), rules = BUF_INIT(1 << 20), hex = BUF_INIT(100);
	struct timespec begin, end;
	struct digest d;
	json_t *doc = preset("pnr");

	buf_adds(&schema, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
	                  "\"additionalProperties\":false,\"properties\":{\"f0\":{\"type\":\"string\"}");
	buf_adds(&rules, "[");
	for (unsigned i = 0; i < 500; i++) {
		buf_addf(&schema, ",\"f%u\":{\"type\":\"string\"}", i + 1);
		buf_addf(&rules,
		         "%s{\"id\":\"r%u\",\"pointer\":\"/f%u\",\"category\":\"quasi-identifier\",\"action\":%s",
		         i ? "," : "", i, i,
		         i % 4 ? "\"keep\"}"
		               : "\"pseudonym\",\"params\":{\"domain\":\"document\",\"normalise\":\"exact\"}}");
	}
	buf_adds(&schema, "}}");
	buf_adds(&rules, "]");
	buf_addc(&rules, '\0');
	free((void *)(uintptr_t)files.text[0].p);
	files.text[0] = buf_view(&schema);
	sha256(buf_view(&schema), &d);
	buf_addc(&hex, '"');
	digest_print(&hex, &d);
	buf_adds(&hex, "\"");
	buf_addc(&hex, '\0');
	put(doc, "/schemas/0/input", hex.p);
	put(doc, "/rules", rules.p);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	struct agreement *a = load_doc(doc, &from, &errors);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	print_errors(&errors);
	ck_assert(a != NULL);
	double ms = (double)(end.tv_sec - begin.tv_sec) * 1000 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
	printf("500 rules: %.1f ms\n", ms);
	ck_assert_msg(ms < 500, "%.1f ms", ms);
	agreement_unref(a);
	json_decref(doc);
	buf_free(&rules);
	buf_free(&hex);
	error_list_free(&errors);
}
END_TEST

/* --- signatures, made at run time by the openssl command --- */

static char folder[64];
struct signer_files {
	struct schema_files schemas; /* first, so that schema_by_digest() finds it */
	struct {
		const char *name;
		struct buf der;
	} s[8];
	size_t n;
};

static void shell(const char *fmt, const char *name)
{
	char command[1000];

	/* The format is a parameter, but every caller passes a constant that takes at most these four strings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(command, sizeof command, fmt, folder, name, folder, name, name);
#pragma GCC diagnostic pop
	ck_assert_int_eq(system(command), 0);
}

static void make_signer(const char *name)
{
	shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s/%s.key -out %s/%s.pem -days 3650 "
	      "-subj /CN=%s 2>/dev/null",
	      name);
}

static struct view file_of(const char *name, const char *end)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s.%s", folder, name, end);
	return read_whole(path);
}

static void pin(struct signer_files *f, const char *name, const char *as)
{
	struct error e = { .reason = REASON_NONE };
	struct view pem = file_of(name, "pem");

	f->s[f->n].name = as;
	f->s[f->n].der = BUF_INIT(1 << 16);
	ck_assert(cert_pem_to_der(pem, &f->s[f->n].der, &e));
	f->n++;
	free((void *)(uintptr_t)pem.p);
}

static bool find_signer(void *arg, struct view name, size_t k, struct view *der)
{
	const struct signer_files *f = arg;

	for (size_t i = 0; i < f->n; i++)
		if (view_is(name, f->s[i].name) && k-- == 0) {
			*der = buf_view(&f->s[i].der);
			return true;
		}
	return false;
}

static void sign(struct buf *signature, const char *name, struct view text)
{
	struct error e = { .reason = REASON_NONE };
	struct buf out = BUF_INIT(1 << 20);
	struct view pem = file_of(name, "pem"), key = file_of(name, "key");

	ck_assert_msg(cms_sign(buf_view(signature), text, pem, key, &out, &e), "%s", e.text);
	buf_free(signature);
	*signature = out;
	free((void *)(uintptr_t)pem.p);
	free((void *)(uintptr_t)key.p);
}

static struct agreement *load_signed(const struct agreement_sources *s, struct view text, const struct buf *signature,
                                     struct error_list *errors)
{
	error_list_free(errors);
	*errors = (struct error_list){ .max = 20 };
	return agreement_load("test.json", text, buf_view(signature), s, errors);
}

START_TEST(signatures)
{
	static const char *const names[] = { "north", "south", "stranger", "seat", "old" };
	struct signer_files f = { .n = 0 };
	struct error_list errors = { .max = 20 };
	struct buf both = BUF_INIT(1 << 20), one = BUF_INIT(1 << 20), alien = BUF_INIT(1 << 20),
	           council = BUF_INIT(1 << 20);
	struct timespec now;

	snprintf(folder, sizeof folder, "/tmp/check-policy-XXXXXX");
	ck_assert(mkdtemp(folder) != NULL);
	for (size_t i = 0; i < 4; i++)
		make_signer(names[i]);
	/* A certificate that ended yesterday: openssl takes a negative number of days. */
	shell("cd %s && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -subj /CN=old "
	      "-out old.csr 2>/dev/null && openssl x509 -req -in %s/%s.csr -signkey %s.key -days -1 -out old.pem 2>/dev/null",
	      "old");
	schema_files_read(&f.schemas);
	pin(&f, "north", "north");
	pin(&f, "south", "south");
	struct agreement_sources s = from;
	s.arg = &f;
	s.signer = find_signer;
	s.unsigned_ok = false;
	clock_gettime(CLOCK_REALTIME, &now);
	s.now_ms = (int64_t)now.tv_sec * 1000 + 2000;
	json_t *doc = preset("pnr");
	char *text = json_dumps(doc, JSON_INDENT(1));
	struct view v = view_of(text);

	sign(&one, "north", v);
	ck_assert(load_signed(&s, v, &(struct buf){ .max = 1 }, &errors) == NULL);
	ck_assert(says(&errors, "", "not signed"));
	ck_assert(load_signed(&s, v, &one, &errors) == NULL);
	ck_assert(says(&errors, "/parties/1", "south has not signed"));
	buf_add(&both, buf_view(&one));
	sign(&both, "south", v);
	struct agreement *a = load_signed(&s, v, &both, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	agreement_unref(a);
	/* A changed byte, in the text and in the signature. */
	char *at = strstr(text, "\"copy\": \"P5Y\"");
	ck_assert(at != NULL);
	at[10] = '4';
	ck_assert(load_signed(&s, v, &both, &errors) == NULL);
	ck_assert_int_eq(errors.items[0].reason, REASON_SIGNATURE);
	at[10] = '5';
	both.p[both.n - 60] ^= 1;
	ck_assert(load_signed(&s, v, &both, &errors) == NULL);
	both.p[both.n - 60] ^= 1;
	/* One signer whom nobody pinned refuses all. */
	buf_add(&alien, buf_view(&both));
	sign(&alien, "stranger", v);
	ck_assert(load_signed(&s, v, &alien, &errors) == NULL);
	ck_assert(errors.n == 1 && errors.items[0].reason == REASON_SIGNATURE && !says(&errors, "", "has not signed"));
	/* Signatures of the future, and no pinned certificate at all. */
	struct agreement_sources early = s;
	early.now_ms -= 400 * DAY_MS;
	ck_assert(load_signed(&early, v, &both, &errors) == NULL);
	early = s;
	early.signer = NULL;
	ck_assert(load_signed(&early, v, &both, &errors) == NULL);
	ck_assert(says(&errors, "/parties/0", "pinned"));
	/* A certificate that had ended when it signed. */
	struct buf ended = BUF_INIT(1 << 20);
	buf_add(&ended, buf_view(&one));
	sign(&ended, "old", v);
	pin(&f, "old", "south");
	ck_assert(load_signed(&s, v, &ended, &errors) == NULL);
	ck_assert_int_eq(errors.items[0].reason, REASON_SIGNATURE);
	/* Council seats where the agreement demands them. */
	free(text);
	put(doc, "/council/must_sign", "true");
	put(doc, "/council/threshold", "1");
	text = json_dumps(doc, JSON_INDENT(1));
	v = view_of(text);
	sign(&council, "north", v);
	sign(&council, "south", v);
	json_t *free_seats = json_deep_copy(doc);
	put(free_seats, "/council/must_include", NULL);
	char *free_text = json_dumps(free_seats, JSON_INDENT(1));
	struct buf few = BUF_INIT(1 << 20);
	sign(&few, "north", view_of(free_text));
	sign(&few, "south", view_of(free_text));
	ck_assert(load_signed(&s, view_of(free_text), &few, &errors) == NULL);
	ck_assert(says(&errors, "/council/threshold", "1 seats must sign, 0 did"));
	buf_free(&few);
	free(free_text);
	json_decref(free_seats);
	ck_assert(load_signed(&s, v, &council, &errors) == NULL);
	ck_assert_int_eq(errors.items[0].reason, REASON_NOT_AUTHORISED);
	sign(&council, "seat", v);
	pin(&f, "seat", "seat-north-agency");
	ck_assert(load_signed(&s, v, &council, &errors) == NULL);
	ck_assert(says(&errors, "/council/must_include", "no privacy seat"));
	/* The council's signatures stand in for no party's. */
	struct buf seats_only = BUF_INIT(1 << 20);
	sign(&seats_only, "north", v);
	sign(&seats_only, "seat", v);
	f.s[f.n - 1].name = "seat-north-privacy";
	ck_assert(load_signed(&s, v, &seats_only, &errors) == NULL);
	ck_assert(errors.n == 1 && says(&errors, "/parties/1", "south has not signed"));
	buf_free(&seats_only);
	f.s[f.n - 1].name = "seat-north-privacy";
	a = load_signed(&s, v, &council, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	ck_assert(agreement_has_seat(a, VIEW("seat-north-privacy")));
	ck_assert(!agreement_has_seat(a, VIEW("seat-north")) && !agreement_has_seat(a, VIEW("north")));
	agreement_unref(a);
	/* All signatures, over a text that is wrong. */
	struct buf wrong = BUF_INIT(1 << 20);
	put(doc, "/rules/0/pointer", "\"/locater\"");
	char *wrong_text = json_dumps(doc, JSON_INDENT(1));
	for (size_t i = 0; i < 4; i++)
		if (i != 2)
			sign(&wrong, names[i], view_of(wrong_text));
	ck_assert(load_signed(&s, view_of(wrong_text), &wrong, &errors) == NULL);
	ck_assert(errors.n == 1 && says(&errors, "/rules/0/pointer", "matches nothing"));
	buf_free(&wrong);
	free(wrong_text);

	shell("rm -r %s", "");
	free(text);
	json_decref(doc);
	for (size_t i = 0; i < f.n; i++)
		buf_free(&f.s[i].der);
	schema_files_free(&f.schemas);
	buf_free(&ended);
	buf_free(&both);
	buf_free(&one);
	buf_free(&alien);
	buf_free(&council);
	error_list_free(&errors);
}
END_TEST

TCase *make_agreement_case(void)
{
	TCase *c = tcase_create("agreement");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, mutation_is_refused, 0, sizeof mutations / sizeof mutations[0]);
	tcase_add_test(c, all_errors_are_listed);
	tcase_add_test(c, text_that_is_no_json);
	tcase_add_test(c, digests_are_in_step);
	tcase_add_test(c, rulings_as_the_agreement_says);
	tcase_add_test(c, five_hundred_rules);
	tcase_add_test(c, signatures);
	return c;
}
