/* Approvals at tier T2: named officer, second person, justifications, waiver; each from an envelope that is right but
 * for one thing. Keys and certificates are made for the test. */
#include <time.h>

#include "lib/base/encode.h"
#include "lib/crypto/x509.h"
#include "test/policy/decision_fixture.h"

TCase *make_approval_case(void);

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

TCase *make_approval_case(void)
{
	TCase *c = tcase_create("approval");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, tier_two);
	return c;
}
