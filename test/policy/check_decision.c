/* Every refusal that a decision can make, each from an envelope that is right but for one thing; all failed
 * rules are listed; approvals; overlays; what the decision says and never says. */
#include <time.h>

#include "lib/base/encode.h"
#include "lib/crypto/x509.h"
#include "test/policy/support.h"

TCase *make_decision_case(void);

static struct schema_files files;
static struct agreement_sources from;
static struct bench bench;
static struct facts facts;
static bool withdrawn;

static bool is_withdrawn(void *arg, struct view reference)
{
	(void)arg;
	return withdrawn && view_is(reference, "consent-0001");
}

static void set_up(void)
{
	schema_files_read(&files);
	from = draft_sources(&files);
	bench_open(&bench);
	facts = plain_facts();
	facts.consent_withdrawn = is_withdrawn;
	withdrawn = false;
}

static void tear_down(void)
{
	bench_close(&bench);
	schema_files_free(&files);
}

static struct agreement *load_with(const char *id, const char *pointer, const char *value)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset(id);

	if (pointer) {
		char clause[64], member[64] = "";
		sscanf(pointer, "/%63[^/]/%63s", clause, member);
		json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);
		ck_assert(v != NULL);
		json_t *at = json_object_get(doc, clause);
		if (!member[0])
			json_object_set_new(doc, clause, v);
		else if (json_is_array(at))
			json_object_update(json_array_get(at, strtoul(member, NULL, 10)), v), json_decref(v);
		else
			json_object_set_new(at, member, v);
	}
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	json_decref(doc);
	error_list_free(&errors);
	return a;
}

static json_t *envelope(const char *id)
{
	char path[200];

	snprintf(path, sizeof path, "conf/records/%s/released.json", id);
	json_t *e = json_load_file(path, 0, NULL);
	ck_assert(e != NULL);
	return e;
}

static enum outcome run(const struct agreement *a, const json_t *e)
{
	char *text = json_dumps(e, JSON_COMPACT);
	enum outcome o = bench_run(&bench, a, &facts, view_of(text));

	free(text);
	return o;
}

/* One thing wrong: a member of the envelope, of the agreement, or a fact. */
static const struct wrong {
	const char *preset, *member, *value;            /* of the envelope; value NULL: taken away */
	const char *clause, *clause_value;              /* of the agreement, or NULL */
	enum reason reason;
	const char *at_clause, *at_pointer;
} wrongs[] = {
	{ "pnr", "purpose", "\"marketing\"", NULL, NULL, REASON_PURPOSE_NOT_PERMITTED, "/purposes", "/purpose" },
	{ "pnr", "legal_basis", "\"hearsay\"", NULL, NULL, REASON_NO_LEGAL_BASIS, "/legal_bases", "/legal_basis" },
	{ "pnr", "legal_basis", "\"pnr-treaty\"", NULL, NULL, REASON_NO_LEGAL_BASIS, "/purposes/1/legal_bases", "/legal_basis" },
	{ "pnr", "tier", "\"T9\"", NULL, NULL, REASON_TIER_UNKNOWN, "/tiers", "/tier" },
	{ "pnr", "tier", "\"T2\"", NULL, NULL, REASON_TIER_UNKNOWN, "/purposes/1/tiers", "/tier" },
	{ "pnr", "subject_category", "\"neighbour\"", NULL, NULL, REASON_CATEGORY_UNKNOWN, "/purposes/1/subject_categories", "/subject_category" },
	{ "pnr", "subject_category", NULL, NULL, NULL, REASON_CATEGORY_UNKNOWN, "/purposes/1/subject_categories", "/subject_category" },
	{ "pnr", "schema", "\"visa\"", NULL, NULL, REASON_SCHEMA_UNKNOWN, "/purposes/1/schema", "/schema" },
	{ "pnr", "case", NULL, NULL, NULL, REASON_CASE_MISSING, "/tiers/1/case", "/case" },
	{ "pnr", "necessity", NULL, NULL, NULL, REASON_NECESSITY_INCOMPLETE, "/tiers/1/criteria", "/necessity/criterion" },
	{ "pnr", "necessity", "{\"criterion\":\"curiosity\",\"likelihood\":\"likely\",\"alternative\":\"a\",\"explanation\":\"e\"}", NULL, NULL,
	  REASON_NECESSITY_INCOMPLETE, "/tiers/1/criteria", "/necessity/criterion" },
	{ "pnr", "necessity", "{\"criterion\":\"serious-crime\",\"alternative\":\"a\",\"explanation\":\"e\"}", NULL, NULL,
	  REASON_NECESSITY_INCOMPLETE, "/tiers/1/necessity", "/necessity/likelihood" },
	{ "pnr", "necessity", "{\"criterion\":\"serious-crime\",\"likelihood\":\"likely\",\"explanation\":\"e\"}", NULL, NULL,
	  REASON_NECESSITY_INCOMPLETE, "/tiers/1/necessity", "/necessity/alternative" },
	{ "pnr", "necessity", "{\"criterion\":\"serious-crime\",\"likelihood\":\"likely\",\"alternative\":\"a\"}", NULL, NULL,
	  REASON_NECESSITY_INCOMPLETE, "/tiers/1/necessity", "/necessity/explanation" },
	{ "pnr", "retention", "\"P5Y1D\"", NULL, NULL, REASON_RETENTION_OVER_MAX, "/retention/copy", "/retention" },
	{ "pnr", "retention", "\"P0D\"", NULL, NULL, REASON_RETENTION_MISSING, "/retention/copy", "/retention" },
	{ "fin-intel", "retention", NULL, NULL, NULL, REASON_RETENTION_MISSING, "/retention/copy", "/retention" },
	{ "cyber-threat", NULL, NULL, "/retention/copy", "\"P0D\"", REASON_RETENTION_MISSING, "/retention/copy", "/retention" },
	{ "pnr", "exception", "\"any\"", NULL, NULL, REASON_EXCEPTION_UNKNOWN, "/exceptions", "/exception" },
	{ "police-request", "exception", "\"imminent-threat\"", NULL, NULL, REASON_EXCEPTION_UNKNOWN, "/exceptions/0", "/exception" },
	{ "pnr", "handling", "[{\"scale\":\"traffic\",\"value\":\"RED\"}]", NULL, NULL, REASON_HANDLING_UNKNOWN, "/handling/scales", "/handling/0" },
	{ "pnr", "handling", "[{\"scale\":\"tlp-2.0\",\"value\":\"WHITE\"}]", NULL, NULL, REASON_HANDLING_UNKNOWN, "/handling/scales", "/handling/0" },
	{ "pnr", "handling", "[{\"scale\":\"admiralty-source\",\"value\":\"A\"}]", NULL, NULL, REASON_HANDLING_UNKNOWN, "/handling/scales",
	  "/handling/0" },
	{ "pnr", "handling", "[{\"scale\":\"europol-handling\",\"value\":\"H3\"}]", NULL, NULL, REASON_HANDLING_UNKNOWN, "/handling/scales",
	  "/handling/0" },
	{ "cyber-threat", "handling", NULL, NULL, NULL, REASON_HANDLING_UNKNOWN, "/handling/required", "/handling" },
	{ "humanitarian", "consent", NULL, NULL, NULL, REASON_CONSENT_MISSING, "/legal_bases/0/consent", "/consent" },
	{ "humanitarian", "consent", "{\"reference\":\"consent-0001\",\"scope\":[\"aid-planning\"]}", NULL, NULL, REASON_CONSENT_MISSING,
	  "/legal_bases/0/consent", "/consent/scope" },
	{ "pnr", "justifications", "[{\"pointer\":\"/travellers/0/api/sex\",\"reason\":\"r\"}]", NULL, NULL, REASON_TIER_FIELDS_EXCEEDED,
	  "/rules/15/when/tiers", "/justifications/0/pointer" },
	{ "pnr", NULL, NULL, "/effective_from", "\"2026-06-01T00:00:00.001Z\"", REASON_AGREEMENT_NOT_EFFECTIVE, "/effective_from", "" },
	{ "pnr", NULL, NULL, "/review/next", "\"2026-06-01T00:00:00Z\"", REASON_REVIEW_OVERDUE, "/review/next", "" },
	{ "pnr", NULL, NULL, "/assessment/digest", "\"\"", REASON_ASSESSMENT_MISSING, "/assessment/digest", "" },
	{ "pnr", NULL, NULL, "/assessment/next_review", "\"2026-06-01T00:00:00Z\"", REASON_ASSESSMENT_STALE, "/assessment/next_review", "" },
	{ "pnr", NULL, NULL, "/algorithms/3", "{\"expires\":\"2026-06-01T00:00:00Z\"}", REASON_CRYPTO_EXPIRED, "/algorithms/3/expires", "" },
	{ "pnr", NULL, NULL, "/flows/0", "{\"purposes\":[\"terrorism-prevention\"]}", REASON_FLOW_UNMAPPED, "/flows/0/purposes", "/purpose" },
	{ "pnr", NULL, NULL, "/rules", "[{\"id\":\"only\",\"pointer\":\"/carrier\",\"category\":\"operational\",\"action\":\"keep\",\"when\":"
	  "{\"tiers\":[\"T2\"]}}]", REASON_DEFAULT_DENY, "/rules", "" },
	{ "pnr", NULL, NULL, "/rules", "[{\"id\":\"only\",\"pointer\":\"/split_from\",\"category\":\"operational\",\"action\":\"keep\"}]",
	  REASON_DEFAULT_DENY, "/rules", "" },
	{ "pnr", NULL, NULL, "/rules", "[{\"id\":\"name\",\"pointer\":\"/travellers/*/family\",\"category\":\"direct-identifier\","
	  "\"action\":\"keep\"}]", REASON_TRANSFORM_REQUIRED, "/rules/0", "/travellers/0/family" },
	{ "pnr", NULL, NULL, "/rules", "[{\"id\":\"name\",\"pointer\":\"/travellers\",\"category\":\"direct-identifier\",\"subtree\":true,"
	  "\"action\":\"keep\"}]", REASON_TRANSFORM_REQUIRED, "/rules/0", "/travellers" },
	{ "pnr", NULL, NULL, "/tiers/1", "{\"justify_fields\":true}", REASON_FIELD_UNJUSTIFIED, "/rules/0", "/locator" },
	{ "pnr", NULL, NULL, "/tiers/1", "{\"officer\":true}", REASON_APPROVAL_MISSING, "/tiers/1/officer", "/officer" },
	{ "pnr", NULL, NULL, "/tiers/1", "{\"approvals\":1}", REASON_APPROVAL_MISSING, "/tiers/1/approvals", "/approvals" },
	{ "pnr", "officer", "{\"certificate\":\"0000000000000000000000000000000000000000000000000000000000000000\"}", NULL, NULL,
	  REASON_APPROVAL_INVALID, "/tiers/1/officer", "/officer/certificate" },
	{ "pnr", "approvals", "[{\"statement\":\"{}\",\"signature\":\"x\"}]", NULL, NULL, REASON_APPROVAL_INVALID, "/tiers/1/approvals",
	  "/approvals/0" },
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
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	const struct failed *f = &bench.decision.failed[0];
	ck_assert_msg(bench.decision.n_failed > 0 && f->reason == w->reason, "%d: %s %s %s", _i, reason_slug(f->reason), f->clause, f->pointer);
	if (w->at_clause)
		ck_assert_str_eq(f->clause, w->at_clause);
	if (w->at_pointer)
		ck_assert_str_eq(f->pointer, w->at_pointer);
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
	facts.agency = VIEW("south");           /* a partner's system posts raw records here */
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert(view_is(bench.decision.recipient, "north"));
	facts.self = VIEW("south");
	facts.gateway = true;                   /* a gateway cannot be its own partner */
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_FLOW_UNMAPPED);
	facts = right;
	json_decref(e);
	e = envelope("humanitarian");
	struct agreement *h = load_with("humanitarian", NULL, NULL);
	ck_assert_int_eq(run(h, e), OUTCOME_TRANSFORMED);
	withdrawn = true;
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
	static const enum reason all[] = { REASON_AGREEMENT_SUSPENDED, REASON_PURPOSE_NOT_PERMITTED, REASON_TIER_UNKNOWN,
		REASON_EXCEPTION_UNKNOWN, REASON_HANDLING_UNKNOWN };
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		ck_assert_msg(failed_with(&bench.decision, all[i]), "%s", reason_slug(all[i]));
	ck_assert(bench.decision.ruling == NULL);
	for (unsigned i = 0; i < 2 * DECISION_REASONS; i++)    /* a full list stays a refusal */
		decision_fail(&bench.decision, REASON_QUOTA, "/x", NULL);
	ck_assert_uint_eq(bench.decision.n_failed, DECISION_REASONS);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* --- tier T2: named officer, second person, justifications, waiver --- */

#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"

static char folder[64];
static struct officer { struct digest spki; struct buf der; } officers[2];
static int64_t training_until;

static bool find_officer(void *arg, const struct digest *spki, struct view *der, int64_t *training_until_ms)
{
	(void)arg;
	for (size_t i = 0; i < 2; i++)
		if (digest_eq(spki, &officers[i].spki)) {
			*der = buf_view(&officers[i].der);
			*training_until_ms = training_until;
			return true;
		}
	return false;
}

static void make_officer(size_t i)
{
	char command[800], path[200];
	struct error e = { .reason = REASON_NONE };
	struct cert_id id;

	snprintf(command, sizeof command, "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %zu.key "
	         "-out %zu.pem -days 3650 -subj /CN=officer -addext subjectAltName=URI:urn:example:officer:%zu 2>/dev/null", folder, i, i, i);
	ck_assert_int_eq(system(command), 0);
	snprintf(path, sizeof path, "%s/%zu.pem", folder, i);
	struct view pem = read_whole(path);
	officers[i].der = BUF_INIT(1 << 16);
	ck_assert(cert_pem_to_der(pem, &officers[i].der, &e));
	ck_assert_msg(cert_read(buf_view(&officers[i].der), &id, &e), "%s", e.text);
	officers[i].spki = id.spki;
	free((void *)(uintptr_t)pem.p);
}

static void hex_of(const struct digest *d, char out[65])
{
	struct buf b = BUF_INIT(100);

	digest_print(&b, d);
	memcpy(out, b.p, 64);
	out[64] = '\0';
	buf_free(&b);
}

/* A signed approval of `record` with a salt of the officer's own. */
static json_t *approval(const struct agreement *a, size_t officer, const char *record, const char *tier, const char *exception,
                        int64_t expires_ms)
{
	static const struct salt salt = { .b = { 1, 2, 3 } };
	struct view parts[] = { view_make(salt.b, sizeof salt.b), view_of(record) };
	struct digest input;
	struct buf signature = BUF_INIT(1 << 20);
	struct error e = { .reason = REASON_NONE };
	char statement[1000], input_hex[65], agreement_hex[65], spki[65], time[TIME_TEXT + 1], path[200];

	sha256_parts(parts, 2, &input);
	hex_of(&input, input_hex);
	hex_of(agreement_digest(a), agreement_hex);
	hex_of(&officers[officer].spki, spki);
	time_print(expires_ms, time);
	snprintf(statement, sizeof statement, "{\"agreement\":\"%s\",\"input\":\"%s\",\"salt\":\"01020300000000000000000000000000\","
	         "\"tier\":\"%s\",\"exception\":\"%s\",\"expires\":\"%s\",\"officer\":\"%s\"}", agreement_hex, input_hex, tier, exception, time, spki);
	snprintf(path, sizeof path, "%s/%zu.pem", folder, officer);
	struct view pem = read_whole(path);
	snprintf(path, sizeof path, "%s/%zu.key", folder, officer);
	struct view key = read_whole(path);
	ck_assert_msg(cms_sign(VIEW(""), view_of(statement), pem, key, &signature, &e), "%s", e.text);
	json_t *out = json_pack("{s:s,s:s%}", "statement", statement, "signature", signature.p, signature.n);
	ck_assert(out != NULL);
	buf_free(&signature);
	free((void *)(uintptr_t)pem.p);
	free((void *)(uintptr_t)key.p);
	return out;
}

static void refused_with(const struct agreement *a, const json_t *e, enum reason reason)
{
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_msg(failed_with(&bench.decision, reason), "%s, not %s", reason_slug(bench.decision.failed[0].reason), reason_slug(reason));
}

START_TEST(tier_two)
{
	struct agreement *a = load_with("police-request", NULL, NULL);
	json_t *e = envelope("police-request");
	struct timespec now;
	char spki[65];

	snprintf(folder, sizeof folder, "/tmp/check-policy-XXXXXX");
	ck_assert(mkdtemp(folder) != NULL);
	make_officer(0);
	make_officer(1);
	/* Signatures carry the time of the real clock; the agreement is in force until 2028. */
	clock_gettime(CLOCK_REALTIME, &now);
	facts.now_ms = (int64_t)now.tv_sec * 1000 + 2000;
	facts.officer = find_officer;
	training_until = facts.now_ms + DAY_MS;
	int64_t expires = facts.now_ms + DAY_MS;
	char *record = json_dumps(json_object_get(e, "record"), JSON_COMPACT);
	hex_of(&officers[0].spki, spki);
	json_object_set_new(e, "tier", json_string("T2"));
	json_object_set_new(e, "exception", json_string("imminent-threat"));
	json_object_set_new(e, "officer", json_pack("{s:s}", "certificate", spki));
	json_object_set_new(json_object_get(e, "necessity"), "criterion", json_string("imminent-danger"));
	json_t *list = json_array(), *rules = preset("police-request"), *rule;
	size_t i;
	json_array_foreach(json_object_get(rules, "rules"), i, rule)
		json_array_append_new(list, json_pack("{s:O,s:s}", "pointer", json_object_get(rule, "pointer"), "reason", "needed to find the person"));
	json_object_set_new(e, "justifications", list);
	refused_with(a, e, REASON_APPROVAL_MISSING);
	json_object_set_new(e, "approvals", json_pack("[o]", approval(a, 1, record, "T2", "imminent-threat", expires)));
	enum outcome o = run(a, e);
	ck_assert_msg(o == OUTCOME_TRANSFORMED, "%s %s %s", reason_slug(bench.decision.failed[0].reason), bench.decision.failed[0].clause,
	              bench.decision.failed[0].pointer);
	ck_assert(bench.decision.exception_used);
	/* The second person is another one; each part of the statement counts. */
	json_object_set_new(e, "approvals", json_pack("[o]", approval(a, 0, record, "T2", "imminent-threat", expires)));
	refused_with(a, e, REASON_APPROVAL_INVALID);
	json_object_set_new(e, "approvals", json_pack("[o]", approval(a, 1, "{}", "T2", "imminent-threat", expires)));
	refused_with(a, e, REASON_APPROVAL_INVALID);
	json_object_set_new(e, "approvals", json_pack("[o]", approval(a, 1, record, "T1", "imminent-threat", expires)));
	refused_with(a, e, REASON_APPROVAL_INVALID);
	json_object_set_new(e, "approvals", json_pack("[o]", approval(a, 1, record, "T2", "other", expires)));
	refused_with(a, e, REASON_APPROVAL_INVALID);
	json_object_set_new(e, "approvals", json_pack("[o]", approval(a, 1, record, "T2", "imminent-threat", facts.now_ms)));
	refused_with(a, e, REASON_APPROVAL_INVALID);
	json_t *good = approval(a, 1, record, "T2", "imminent-threat", expires);
	json_object_set_new(e, "approvals", json_pack("[O,O]", good, good));
	refused_with(a, e, REASON_APPROVAL_INVALID);
	json_t *forged = json_deep_copy(good);
	char *text = strdup(json_string_value(json_object_get(forged, "statement")));
	text[strlen(text) - 4] ^= 1;
	json_object_set_new(forged, "statement", json_string(text));
	json_object_set_new(e, "approvals", json_pack("[o]", forged));
	refused_with(a, e, REASON_APPROVAL_INVALID);
	json_object_set_new(e, "approvals", json_pack("[o]", good));
	training_until = facts.now_ms - 1;
	refused_with(a, e, REASON_TRAINING_EXPIRED);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/officer/certificate");
	ck_assert(bench.decision.n_failed > 1 && strcmp(bench.decision.failed[1].pointer, "/approvals/0") == 0);
	training_until = facts.now_ms + DAY_MS;
	facts.exception_uses = 10;
	refused_with(a, e, REASON_EXCEPTION_QUOTA);
	facts.exception_uses = 9;
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	/* Without the exception a name does not leave in clear; without a reason no field does. */
	json_object_del(e, "exception");
	refused_with(a, e, REASON_TRANSFORM_REQUIRED);
	json_object_set_new(e, "exception", json_string("imminent-threat"));
	json_array_remove(list, 0);
	refused_with(a, e, REASON_FIELD_UNJUSTIFIED);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/notice");
	facts.now_ms = INT64_C(1861833600000);         /* 2028-12-31 */
	refused_with(a, e, REASON_EXCEPTION_EXPIRED);
	char command[200];
	snprintf(command, sizeof command, "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
	free(text);
	free(record);
	buf_free(&officers[0].der);
	buf_free(&officers[1].der);
	json_decref(rules);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* --- the overlay, on both sides --- */

START_TEST(overlay_denies)
{
	json_t *e = envelope("pnr");
	static const struct { const char *overlay; enum reason reason; const char *clause; } cases[] = {
		{ "{\"version\":\"1\",\"denied_purposes\":[\"serious-crime\"]}", REASON_PURPOSE_NOT_PERMITTED, "overlay.json/denied_purposes/0" },
		{ "{\"version\":\"1\",\"denied_subject_categories\":[\"suspect\"]}", REASON_CATEGORY_UNKNOWN,
		  "overlay.json/denied_subject_categories/0" },
		{ "{\"version\":\"1\",\"tiers\":[{\"tier\":\"T1\",\"approvals\":2}]}", REASON_APPROVAL_MISSING, "overlay.json/tiers/1/approvals" },
		{ "{\"version\":\"1\",\"tiers\":[{\"tier\":\"T1\",\"officer\":true}]}", REASON_APPROVAL_MISSING, "overlay.json/tiers/1/officer" },
		{ "{\"version\":\"1\",\"limits\":{\"copy\":\"P1Y\"}}", REASON_RETENTION_OVER_MAX, "overlay.json/limits/copy" },
	};

	json_object_set_new(e, "retention", json_string("P5Y"));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		from.overlay = view_of(cases[i].overlay);
		struct agreement *a = load_with("pnr", NULL, NULL);
		ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
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
	ck_assert(!leaves_with("\"seat\""));            /* dropped */
	ck_assert(leaves_with("\"cabin\":\"********\"")); /* kept by the agreement, masked here */
	ck_assert(!leaves_with("\"locator\""));         /* transformed already: a stricter overlay drops it */
	ck_assert(!leaves_with("\"holder\""));          /* never adds what the agreement drops */
	ck_assert(leaves_with("\"status\""));           /* a rule for another agreement */
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
	from.overlay = VIEW("{\"version\":\"1\",\"rules\":[{\"id\":\"a\",\"pointer\":\"/locator\",\"action\":\"drop\"}]}");
	struct agreement *receiver = load_with("pnr", NULL, NULL);
	json_object_set(e, "record", arrived);
	json_object_set_new(e, "origin", json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "exchange", "01890a5d-ac96-774b-bcce-b302099a8057",
		"agency", "north", "node", "gw1", "agreement_digest", ZERO32, "entry", "e30=", "proof", "c2sp", "salt",
		"000102030405060708090a0b0c0d0e0f"));
	facts.self = VIEW("south");
	facts.agency = VIEW("north");
	facts.gateway = true;
	enum outcome o = run(receiver, e);
	ck_assert_msg(o == OUTCOME_TRANSFORMED, "%s %s %s", reason_slug(bench.decision.failed[0].reason), bench.decision.failed[0].clause,
	              bench.decision.failed[0].pointer);
	ck_assert(bench.envelope.from_gateway && view_is(bench.envelope.origin.entry, "{}") && bench.envelope.origin.salt.b[15] == 15);
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

/* --- what a decision says --- */

START_TEST(decisions_repeat_and_tell_no_value)
{
	struct agreement *a = load_with("pnr", NULL, NULL);
	json_t *e = envelope("pnr");
	struct buf first = BUF_INIT(1 << 20), second = BUF_INIT(1 << 20);
	const char *values[] = { "Exampletown", "mail.example", "Nowhere", "XNB", "business", "economy", "confirmed", "VGML" };

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
	static const char schema[] = "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
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
	json_object_set_new(doc, "rules", json_loads("[{\"id\":\"k\",\"pointer\":\"/k\\u00e4\",\"category\":\"operational\",\"action\":\"keep\"}]",
		0, NULL));
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	json_object_set_new(e, "record", json_loads("{\"k\\u00e4\":\"v\",\"Jane Placeholder\":1,\"deep/er\":{\"secret\":true}}", 0, NULL));
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

TCase *make_decision_case(void)
{
	TCase *c = tcase_create("decision");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, one_thing_wrong, 0, sizeof wrongs / sizeof wrongs[0]);
	tcase_add_test(c, facts_refuse);
	tcase_add_test(c, all_failures_are_listed);
	tcase_add_test(c, tier_two);
	tcase_add_test(c, overlay_denies);
	tcase_add_test(c, overlay_narrows_fields);
	tcase_add_test(c, ingress_checks_what_arrives);
	tcase_add_test(c, decisions_repeat_and_tell_no_value);
	tcase_add_test(c, unknown_names_are_stars);
	return c;
}
