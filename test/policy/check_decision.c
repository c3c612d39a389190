/* Every refusal that a decision can make, each from an envelope that is right but for one thing; all failed
 * rules are listed; what the decision says and never says. */
#include "test/policy/decision_fixture.h"

TCase *make_decision_case(void);

/* One thing wrong: a member of the envelope, of the agreement, or a fact. */
static const struct wrong {
	const char *preset, *member, *value; /* of the envelope; value NULL: taken away */
	const char *clause, *clause_value;   /* of the agreement, or NULL */
	enum reason reason;
	const char *at_clause, *at_pointer;
} wrongs[] = {
	{ "pnr", "purpose", "\"marketing\"", NULL, NULL, REASON_PURPOSE_NOT_PERMITTED, "/purposes", "/purpose" },
	{ "pnr", "legal_basis", "\"hearsay\"", NULL, NULL, REASON_NO_LEGAL_BASIS, "/legal_bases", "/legal_basis" },
	{ "pnr", "legal_basis", "\"pnr-treaty\"", NULL, NULL, REASON_NO_LEGAL_BASIS, "/purposes/1/legal_bases",
	  "/legal_basis" },
	{ "pnr", "tier", "\"T9\"", NULL, NULL, REASON_TIER_UNKNOWN, "/tiers", "/tier" },
	{ "pnr", "tier", "\"T2\"", NULL, NULL, REASON_TIER_UNKNOWN, "/purposes/1/tiers", "/tier" },
	{ "humanitarian", "tier", "\"T2\"", NULL, NULL, REASON_TIER_UNKNOWN, "/tiers", "/tier" },
	{ "pnr", "subject_category", "\"neighbour\"", NULL, NULL, REASON_CATEGORY_UNKNOWN,
	  "/purposes/1/subject_categories", "/subject_category" },
	{ "pnr", "subject_category", NULL, NULL, NULL, REASON_CATEGORY_UNKNOWN, "/purposes/1/subject_categories",
	  "/subject_category" },
	{ "pnr", "schema", "\"visa\"", NULL, NULL, REASON_SCHEMA_UNKNOWN, "/purposes/1/schema", "/schema" },
	{ "pnr", "case", NULL, NULL, NULL, REASON_CASE_MISSING, "/tiers/1/case", "/case" },
	{ "pnr", "necessity", NULL, NULL, NULL, REASON_NECESSITY_INCOMPLETE, "/tiers/1/criteria",
	  "/necessity/criterion" },
	{ "pnr", "necessity",
	  "{\"criterion\":\"curiosity\",\"likelihood\":\"likely\",\"alternative\":\"a\",\"explanation\":\"e\"}", NULL,
	  NULL, REASON_NECESSITY_INCOMPLETE, "/tiers/1/criteria", "/necessity/criterion" },
	{ "pnr", "necessity", "{\"criterion\":\"serious-crime\",\"alternative\":\"a\",\"explanation\":\"e\"}", NULL,
	  NULL, REASON_NECESSITY_INCOMPLETE, "/tiers/1/necessity", "/necessity/likelihood" },
	{ "pnr", "necessity", "{\"criterion\":\"serious-crime\",\"likelihood\":\"likely\",\"explanation\":\"e\"}", NULL,
	  NULL, REASON_NECESSITY_INCOMPLETE, "/tiers/1/necessity", "/necessity/alternative" },
	{ "pnr", "necessity", "{\"criterion\":\"serious-crime\",\"likelihood\":\"likely\",\"alternative\":\"a\"}", NULL,
	  NULL, REASON_NECESSITY_INCOMPLETE, "/tiers/1/necessity", "/necessity/explanation" },
	{ "pnr", "retention", "\"P5Y1D\"", NULL, NULL, REASON_RETENTION_OVER_MAX, "/retention/copy", "/retention" },
	{ "pnr", "retention", "\"P0D\"", NULL, NULL, REASON_RETENTION_MISSING, "/retention/copy", "/retention" },
	{ "pnr", "retention", "\"P\"", NULL, NULL, REASON_RETENTION_MISSING, "/retention/copy", "/retention" },
	{ "police-request", "retention", "\"P2Y\"", "/purposes/0",
	  "{\"retention\":{\"copy\":\"P1Y\",\"review\":\"P6M\"}}", REASON_RETENTION_OVER_MAX,
	  "/purposes/0/retention/copy", "/retention" },
	{ "fin-intel", "retention", NULL, NULL, NULL, REASON_RETENTION_MISSING, "/retention/copy", "/retention" },
	{ "cyber-threat", NULL, NULL, "/retention/copy", "\"P0D\"", REASON_RETENTION_MISSING, "/retention/copy",
	  "/retention" },
	{ "pnr", "exception", "\"any\"", NULL, NULL, REASON_EXCEPTION_UNKNOWN, "/exceptions", "/exception" },
	{ "police-request", "exception", "\"imminent-threat\"", NULL, NULL, REASON_EXCEPTION_UNKNOWN, "/exceptions/0",
	  "/exception" },
	{ "police-request", "exception", "\"imminent-threat\"", "/exceptions/0",
	  "{\"purposes\":[\"missing-person\"],\"tiers\":[\"T1\"]}", REASON_EXCEPTION_UNKNOWN, "/exceptions/0",
	  "/exception" },
	{ "pnr", "handling", "[{\"scale\":\"traffic\",\"value\":\"RED\"}]", NULL, NULL, REASON_HANDLING_UNKNOWN,
	  "/handling/scales", "/handling/0" },
	{ "pnr", "handling", "[{\"scale\":\"tlp-2.0\",\"value\":\"WHITE\"}]", NULL, NULL, REASON_HANDLING_UNKNOWN,
	  "/handling/scales", "/handling/0" },
	{ "pnr", "handling", "[{\"scale\":\"admiralty-source\",\"value\":\"A\"}]", NULL, NULL, REASON_HANDLING_UNKNOWN,
	  "/handling/scales", "/handling/0" },
	{ "pnr", "handling", "[{\"scale\":\"europol-handling\",\"value\":\"H3\"}]", NULL, NULL, REASON_HANDLING_UNKNOWN,
	  "/handling/scales", "/handling/0" },
	{ "cyber-threat", "handling", NULL, NULL, NULL, REASON_HANDLING_UNKNOWN, "/handling/required", "/handling" },
	{ "humanitarian", "consent", NULL, NULL, NULL, REASON_CONSENT_MISSING, "/legal_bases/0/consent", "/consent" },
	{ "humanitarian", "consent", "{\"reference\":\"consent-0001\",\"scope\":[\"aid-planning\"]}", NULL, NULL,
	  REASON_CONSENT_MISSING, "/legal_bases/0/consent", "/consent/scope" },
	{ "pnr", "justifications", "[{\"pointer\":\"/travellers/0/api/sex\",\"reason\":\"r\"}]", NULL, NULL,
	  REASON_TIER_FIELDS_EXCEEDED, "/rules/15/when/tiers", "/justifications/0/pointer" },
	{ "pnr", "justifications", "[{\"pointer\":\"/*/*/*/sex\",\"reason\":\"r\"}]", NULL, NULL,
	  REASON_TIER_FIELDS_EXCEEDED, "/rules/15/when/tiers", "/justifications/0/pointer" },
	{ "pnr", NULL, NULL, "/effective_from", "\"2026-06-01T00:00:00.001Z\"", REASON_AGREEMENT_NOT_EFFECTIVE,
	  "/effective_from", "" },
	{ "pnr", NULL, NULL, "/review/next", "\"2026-06-01T00:00:00Z\"", REASON_REVIEW_OVERDUE, "/review/next", "" },
	{ "pnr", NULL, NULL, "/assessment/digest", "\"\"", REASON_ASSESSMENT_MISSING, "/assessment/digest", "" },
	{ "pnr", NULL, NULL, "/assessment/next_review", "\"2026-06-01T00:00:00Z\"", REASON_ASSESSMENT_STALE,
	  "/assessment/next_review", "" },
	{ "pnr", NULL, NULL, "/algorithms/3", "{\"expires\":\"2026-06-01T00:00:00Z\"}", REASON_CRYPTO_EXPIRED,
	  "/algorithms/3/expires", "" },
	{ "pnr", NULL, NULL, "/flows/0", "{\"purposes\":[\"terrorism-prevention\"]}", REASON_FLOW_UNMAPPED,
	  "/flows/0/purposes", "/purpose" },
	{ "pnr", NULL, NULL, "/rules",
	  "[{\"id\":\"only\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"keep\",\"when\":"
	  "{\"tiers\":[\"T2\"]}},{\"id\":\"other\",\"pointer\":\"/status\",\"category\":\"operational\",\"action\":\"keep\","
	  "\"when\":{\"purposes\":[\"serious-crime\"],\"tiers\":[\"T0\"]}}]",
	  REASON_DEFAULT_DENY, "/rules", "" },
	{ "pnr", NULL, NULL, "/rules",
	  "[{\"id\":\"only\",\"pointer\":\"/split_from\",\"category\":\"operational\",\"action\":\"keep\"}]",
	  REASON_DEFAULT_DENY, "/rules", "" },
	{ "pnr", NULL, NULL, "/rules",
	  "[{\"id\":\"name\",\"pointer\":\"/travellers/*/family\",\"category\":\"direct-identifier\","
	  "\"action\":\"keep\"}]",
	  REASON_TRANSFORM_REQUIRED, "/rules/0", "/travellers/0/family" },
	{ "pnr", NULL, NULL, "/rules",
	  "[{\"id\":\"name\",\"pointer\":\"/travellers\",\"category\":\"direct-identifier\",\"subtree\":true,"
	  "\"action\":\"keep\"}]",
	  REASON_TRANSFORM_REQUIRED, "/rules/0", "/travellers" },
	{ "pnr", NULL, NULL, "/tiers/1", "{\"justify_fields\":true}", REASON_FIELD_UNJUSTIFIED, "/rules/0",
	  "/locator" },
	{ "pnr", NULL, NULL, "/tiers/1", "{\"officer\":true}", REASON_APPROVAL_MISSING, "/tiers/1/officer",
	  "/officer" },
	{ "pnr", NULL, NULL, "/tiers/1", "{\"approvals\":1}", REASON_APPROVAL_MISSING, "/tiers/1/approvals",
	  "/approvals" },
	{ "pnr", "officer", "{\"certificate\":\"0000000000000000000000000000000000000000000000000000000000000000\"}",
	  NULL, NULL, REASON_APPROVAL_INVALID, "/tiers/1/officer", "/officer/certificate" },
	{ "pnr", "approvals", "[{\"statement\":\"{}\",\"signature\":\"x\"}]", NULL, NULL, REASON_APPROVAL_FORM,
	  "/tiers/1/approvals", "/approvals/0/statement" },
	{ "pnr", "purpose", "7", NULL, NULL, REASON_ENVELOPE_INVALID, NULL, "/purpose" },
	{ "pnr", "colour", "\"blue\"", NULL, NULL, REASON_ENVELOPE_INVALID, NULL, "/*" },
	{ "pnr", "record", NULL, NULL, NULL, REASON_ENVELOPE_INVALID, NULL, "" },
};

START_TEST(one_thing_wrong)
{
	const struct wrong *w = &wrongs[_i];

	struct agreement *a = load_with(w->preset, w->clause, w->clause_value);
	json_t *e = envelope(w->preset);
	if (w->member && w->value)
		json_object_set_new(e, w->member, json_loads(w->value, JSON_DECODE_ANY, NULL));
	else if (w->member)
		json_object_del(e, w->member);
	/* What only approvals are lacking for waits for them. */
	bool waits = w->reason == REASON_APPROVAL_MISSING && strcmp(w->at_pointer, "/approvals") == 0;
	ck_assert_int_eq(run(a, e), waits ? OUTCOME_HELD : OUTCOME_REFUSED);
	const struct failed *f = &bench.decision.failed[0];
	ck_assert_msg(bench.decision.n_failed > 0 && f->reason == w->reason, "%d: %s %s %s", _i, reason_slug(f->reason),
	              f->clause, f->pointer);
	if (w->at_clause)
		ck_assert_str_eq(f->clause, w->at_clause);
	if (w->at_pointer)
		ck_assert_str_eq(f->pointer, w->at_pointer);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* An exception is of purposes: where there is none it is not judged by one. */
START_TEST(an_exception_without_a_purpose)
{
	struct agreement *a =
	        load_with("police-request", "/exceptions/0", "{\"purposes\":[\"missing-person\"],\"tiers\":[\"T1\"]}");
	json_t *e = envelope("police-request");

	json_object_set_new(e, "purpose", json_string("nothing"));
	json_object_set_new(e, "exception", json_string("imminent-threat"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert(failed_with(&bench.decision, REASON_PURPOSE_NOT_PERMITTED));
	ck_assert(!failed_with(&bench.decision, REASON_EXCEPTION_UNKNOWN));
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* The envelope as it stands passes: what the table changes is what refuses. */
START_TEST(facts_refuse)
{
	struct agreement *a = load_with("pnr", NULL, NULL), *p = load_with("police-request", NULL, NULL);
	json_t *e = envelope("pnr");
	const struct facts right = facts;

	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	facts.suspended = true;
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_AGREEMENT_SUSPENDED);
	facts = right;
	facts.receipt_overdue = true;
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_RECEIPT_OVERDUE);
	facts = right;
	facts.now_ms = agreement_sunset_ms(a);
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert(failed_with(&bench.decision, REASON_AGREEMENT_SUNSET));
	ck_assert(failed_with(&bench.decision, REASON_REVIEW_OVERDUE));
	ck_assert(failed_with(&bench.decision, REASON_ASSESSMENT_STALE));
	facts = right;
	facts.tier_uses = 99999;
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	facts.tier_uses = 100000;
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_QUOTA);
	facts = right;
	facts.agency = VIEW("west");
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_AGREEMENT_UNKNOWN);
	facts = right;
	facts.agency = VIEW("south"); /* a partner's system posts raw records here */
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert(view_is(bench.decision.recipient, "north"));
	facts.self = VIEW("south");
	facts.gateway = true; /* a gateway cannot be its own partner */
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_FLOW_UNMAPPED);
	facts = right;
	json_decref(e);
	e = envelope("humanitarian");
	struct agreement *h = load_with("humanitarian", NULL, NULL);
	ck_assert_int_eq(run(h, e), OUTCOME_TRANSFORMED);
	facts.withdrawals = withdrawn;
	ck_assert_int_eq(run(h, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_CONSENT_WITHDRAWN);
	json_decref(e);
	agreement_unref(h);
	agreement_unref(a);
	agreement_unref(p);
}
END_TEST

START_TEST(all_failures_are_listed)
{
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");

	json_object_set_new(e, "purpose", json_string("marketing"));
	json_object_set_new(e, "tier", json_string("T7"));
	json_object_set_new(e, "exception", json_string("any"));
	json_object_set_new(e, "handling", json_pack("[{s:s,s:s}]", "scale", "tlp-2.0", "value", "WHITE"));
	facts.suspended = true;
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	static const enum reason all[] = { REASON_AGREEMENT_SUSPENDED, REASON_PURPOSE_NOT_PERMITTED,
		                           REASON_TIER_UNKNOWN, REASON_EXCEPTION_UNKNOWN, REASON_HANDLING_UNKNOWN };
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		ck_assert_msg(failed_with(&bench.decision, all[i]), "%s", reason_slug(all[i]));
	ck_assert(bench.decision.ruling == NULL);
	for (unsigned i = 0; i < 2 * DECISION_REASONS; i++) /* a full list stays a refusal */
		decision_fail(&bench.decision, REASON_QUOTA, "/x", NULL);
	ck_assert_uint_eq(bench.decision.n_failed, DECISION_REASONS);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* --- what a decision says --- */

START_TEST(decisions_repeat_and_tell_no_value)
{
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");
	struct buf first = BUF_INIT(1 << 20), second = BUF_INIT(1 << 20);
	const char *values[] = { "Exampletown", "mail.example", "Nowhere",   "XNB",
		                 "business",    "economy",      "confirmed", "VGML" };

	facts.build = VIEW("v1-test");
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, &first);
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, &second);
	ck_assert(view_eq(buf_view(&first), buf_view(&second)));
	buf_addc(&first, '\0');
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		ck_assert_msg(!strstr(first.p, values[i]), "%s", values[i]);
	ck_assert(strstr(first.p, "\"build\":\"v1-test\"") != NULL);
	ck_assert(strstr(first.p, "\"redactions\":{\"email\":1,\"phone\":1}") != NULL);
	for (const char *p = first.p; *p; p++)
		ck_assert((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80);
	/* Sorted members: jansson's sorted form is the same text. */
	json_t *doc = json_loads(first.p, 0, NULL);
	ck_assert(doc != NULL);
	char *sorted = json_dumps(doc, JSON_SORT_KEYS | JSON_COMPACT);
	ck_assert_str_eq(sorted, first.p);
	free(sorted);
	json_decref(doc);
	json_decref(e);
	buf_free(&first);
	buf_free(&second);
	agreement_unref(a);
}
END_TEST

/* A record whose schema leaves members open: names that it does not know are not repeated. */
START_TEST(unknown_names_are_stars)
{
	struct buf json = BUF_INIT(1 << 20), hex = BUF_INIT(100);
	struct digest d;
	static const char schema[] =
	        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
	        "\"properties\":{\"k\\u00e4\":{\"type\":\"string\"},\"deep/er\":{\"type\":\"object\"}},\"additionalProperties\":true}";

	free((void *)(uintptr_t)files.text[0].p);
	char *copy = strdup(schema);
	files.text[0] = view_of(copy);
	sha256(files.text[0], &d);
	buf_adds(&hex, "[{\"name\":\"passenger\",\"input\":\"");
	digest_print(&hex, &d);
	buf_adds(&hex, "\"}]");
	buf_addc(&hex, '\0');
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr"), *e = envelope("pnr");
	json_object_set_new(doc, "schemas", json_loads(hex.p, 0, NULL));
	json_object_set_new(
	        doc, "rules",
	        json_loads(
	                "[{\"id\":\"k\",\"pointer\":\"/k\\u00e4\",\"category\":\"operational\",\"action\":\"keep\"}]",
	                0, NULL));
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	json_object_set_new(
	        e, "record",
	        json_loads("{\"k\\u00e4\":\"v\",\"Jane Placeholder\":1,\"deep/er\":{\"secret\":true}}", 0, NULL));
	enum outcome o = run(a, e);
	ck_assert_msg(o == OUTCOME_TRANSFORMED, "%s", reason_slug(bench.decision.failed[0].reason));
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, &json);
	buf_addc(&json, '\0');
	ck_assert(!strstr(json.p, "Placeholder") && !strstr(json.p, "secret"));
	ck_assert(strstr(json.p, "\"pointer\":\"/*\"") != NULL);
	ck_assert(strstr(json.p, "\"pointer\":\"/deep~1er\"") != NULL);
	ck_assert(strstr(json.p, "\"pointer\":\"/k\\u00e4\"") != NULL);
	json_decref(doc);
	json_decref(e);
	buf_free(&json);
	buf_free(&hex);
	error_list_free(&errors);
	agreement_unref(a);
}
END_TEST

/* An exception frees what names it as its waiver, and nothing else. */
START_TEST(exception_of_another_rule)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("police-request"), *e = envelope("police-request");

	put(doc, "/exceptions/0/tiers", "[\"T1\"]");
	put(doc, "/exceptions/0/approvals", "0");
	put(doc, "/rules",
	    "[{\"id\":\"n\",\"pointer\":\"/person/names/*/family\",\"category\":\"direct-identifier\",\"action\":\"keep\","
	    "\"waiver\":\"imminent-threat\"}]");
	json_object_set_new(e, "exception", json_string("imminent-threat"));
	for (int waived = 1; waived >= 0; waived--) {
		if (!waived)
			put(doc, "/rules/0/waiver", NULL);
		struct agreement *a = load_doc(doc, &from, &errors);
		print_errors(&errors);
		ck_assert(a != NULL);
		ck_assert_int_eq(run(a, e), waived ? OUTCOME_TRANSFORMED : OUTCOME_REFUSED);
		ck_assert_int_eq(bench.decision.exception_used, waived);
		ck_assert_int_eq(failed_with(&bench.decision, REASON_TRANSFORM_REQUIRED), !waived);
		agreement_unref(a);
	}
	json_decref(doc);
	json_decref(e);
	error_list_free(&errors);
}
END_TEST

/* A flow that ends elsewhere, a party without one, and a node that is no party. */
START_TEST(flows_of_others)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr"), *e = envelope("pnr"),
	       *east = json_deep_copy(json_array_get(json_object_get(doc, "parties"), 1));
	const struct {
		struct view agency, self;
		enum reason reason;
		const char *clause;
	} table[] = {
		{ VIEW("north"), VIEW("south"), REASON_FLOW_UNMAPPED, "/flows" },
		{ VIEW("east"), VIEW("north"), REASON_FLOW_UNMAPPED, "/flows" },
		{ VIEW("north"), VIEW("west"), REASON_AGREEMENT_UNKNOWN, "/parties" },
	};

	json_object_set_new(east, "agency", json_string("east"));
	json_array_append_new(json_object_get(doc, "parties"), east);
	put(doc, "/flows/0/to", "\"east\"");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert(view_is(bench.decision.recipient, "east"));
	ck_assert(view_is(agreement_party(a, 2), "east") && agreement_party(a, 3).n == 0);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		facts.agency = table[i].agency;
		facts.self = table[i].self;
		ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
		ck_assert_int_eq(bench.decision.failed[0].reason, table[i].reason);
		ck_assert_str_eq(bench.decision.failed[0].clause, table[i].clause);
		ck_assert_uint_eq(bench.decision.recipient.n, 0);
	}
	json_decref(doc);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* The reader holds by itself, whatever a schema lets through. */
START_TEST(envelopes_past_the_schema)
{
	static const struct {
		const char *member, *value, *at, *says;
	} table[] = {
		{ "exchange", "x", "/origin/exchange", "exchange id" },
		{ "agreement_digest", "00", "/origin/agreement_digest", "SHA-256" },
		{ "salt", "00", "/origin/salt", "16 bytes" },
		{ "salt", "zz", "/origin/salt", "16 bytes" },
		{ "entry", "e30?", "/origin/entry", "base64" },
	};
	const struct schema_options options = { .draft = DRAFT_2020_12 };
	struct schema_set *set = schema_set_new();
	struct error e = { .reason = REASON_NONE };
	struct envelope env;

	ck_assert(set && schema_set_add(set, VIEW("urn:any"), VIEW("true"), &e));
	struct schema *any = schema_compile(set, VIEW("urn:any"), &options, &e);
	ck_assert(any != NULL);
	for (size_t i = 0; i <= sizeof table / sizeof table[0]; i++) {
		bool right = i == sizeof table / sizeof table[0];
		json_t *doc = json_pack("{s:{s:s,s:s,s:s,s:s}}", "origin", "exchange",
		                        "01890a5d-ac96-774b-bcce-b302099a8057", "agreement_digest", ZERO32, "entry",
		                        "e30=", "salt", "000102030405060708090a0b0c0d0e0f");
		if (!right)
			json_object_set_new(json_object_get(doc, "origin"), table[i].member,
			                    json_string(table[i].value));
		char *text = json_dumps(doc, JSON_COMPACT);
		e = (struct error){ .reason = REASON_NONE };
		ck_assert(tape_parse(bench.in, view_of(text), &bench.tape, &e));
		bool read = envelope_read(any, bench.run, &bench.tape, &bench.scratch, &env, &e);
		ck_assert_int_eq(read, right);
		if (!right)
			ck_assert(e.reason == REASON_ENVELOPE_INVALID && strcmp(e.where, table[i].at) == 0 &&
			          strstr(e.text, table[i].says));
		free(text);
		json_decref(doc);
	}
	schema_unref(any);
	/* A schema that never comes to an end refuses, too. */
	ck_assert(schema_set_add(set, VIEW("urn:endless"), VIEW("{\"if\":true,\"then\":{\"$ref\":\"#\"}}"), &e));
	any = schema_compile(set, VIEW("urn:endless"), &options, &e);
	ck_assert(any != NULL && tape_parse(bench.in, VIEW("{}"), &bench.tape, &e));
	e = (struct error){ .reason = REASON_NONE };
	ck_assert(!envelope_read(any, bench.run, &bench.tape, &bench.scratch, &env, &e));
	ck_assert(e.reason == REASON_ENVELOPE_INVALID && strstr(e.text, "limit"));
	schema_unref(any);
	schema_set_free(set);
}
END_TEST

/* A person is told what it is that waits: the place that the caller names, the category of people, or words. */
START_TEST(what_waits_for_a_person)
{
	static const struct {
		const char *wait_for, *clause, *pointer;
		enum subject_category category;
	} cases[] = {
		{ "/corrects", "", "/corrects", SUBJECT_UNCATEGORISED },
		{ NULL, "", "/subject_category", SUBJECT_UNCATEGORISED },
		{ NULL, "/handling", "/handling", SUBJECT_SUSPECT },
	};
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");
	struct decision *d = &bench.decision;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
		d->wait = true;
		d->wait_for = cases[i].wait_for;
		d->category = cases[i].category;
		ck_assert(decision_conclude(d, &bench.envelope, &bench.tape, bench.transform));
		ck_assert_int_eq(d->outcome, OUTCOME_HELD);
		ck_assert_uint_eq(d->n_failed, 1);
		ck_assert_int_eq(d->failed[0].reason, REASON_WAITING_DECISION);
		ck_assert_str_eq(d->failed[0].clause, cases[i].clause);
		ck_assert_str_eq(d->failed[0].pointer, cases[i].pointer);
	}
	json_decref(e);
	agreement_unref(a);
}
END_TEST

START_TEST(a_full_list_has_room_for_another_reason)
{
	struct decision d = { .outcome = OUTCOME_RELEASED };
	char pointer[20];

	decision_fail(&d, REASON_PURPOSE_NOT_PERMITTED, "/purposes", "/purpose");
	for (int i = 0; i < DECISION_REASONS + 5; i++) {
		snprintf(pointer, sizeof pointer, "/%d", i);
		decision_fail(&d, REASON_TIER_FIELDS_EXCEEDED, "/tiers/0", pointer);
	}
	decision_fail(&d, REASON_APPROVAL_MISSING, "/exceptions/0", "/approvals");
	ck_assert_uint_eq(d.n_failed, DECISION_REASONS);
	ck_assert_int_eq(d.failed[0].reason, REASON_PURPOSE_NOT_PERMITTED);
	ck_assert_int_eq(d.failed[1].reason, REASON_TIER_FIELDS_EXCEEDED);
	ck_assert_str_eq(d.failed[1].pointer, "/0");
	snprintf(pointer, sizeof pointer, "/%d", DECISION_REASONS - 3);
	ck_assert_str_eq(d.failed[DECISION_REASONS - 2].pointer, pointer);
	ck_assert_int_eq(d.failed[DECISION_REASONS - 1].reason, REASON_APPROVAL_MISSING);
	/* Of what is told already one more place adds nothing. */
	decision_fail(&d, REASON_APPROVAL_MISSING, "/exceptions/0", "/other");
	ck_assert_str_eq(d.failed[DECISION_REASONS - 1].pointer, "/approvals");
	/* Where all differ the first ones stay. */
	for (int i = 0; i < DECISION_REASONS; i++)
		d.failed[i].reason = (enum reason)(i + 1);
	decision_fail(&d, (enum reason)(DECISION_REASONS + 1), "", "");
	ck_assert_int_eq(d.failed[DECISION_REASONS - 1].reason, (enum reason)DECISION_REASONS);
	ck_assert_int_eq(d.outcome, OUTCOME_REFUSED);
}
END_TEST

TCase *make_decision_case(void)
{
	TCase *c = tcase_create("decision");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, a_full_list_has_room_for_another_reason);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, what_waits_for_a_person);
	tcase_add_loop_test(c, one_thing_wrong, 0, sizeof wrongs / sizeof wrongs[0]);
	tcase_add_test(c, an_exception_without_a_purpose);
	tcase_add_test(c, facts_refuse);
	tcase_add_test(c, all_failures_are_listed);
	tcase_add_test(c, exception_of_another_rule);
	tcase_add_test(c, flows_of_others);
	tcase_add_test(c, envelopes_past_the_schema);
	tcase_add_test(c, decisions_repeat_and_tell_no_value);
	tcase_add_test(c, unknown_names_are_stars);
	return c;
}
