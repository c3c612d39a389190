/* Approvals at tier T2: named officer, second person, justifications, waiver; each from an envelope that is right but
 * for one thing. Keys and certificates are made for the test. */
#include "test/policy/decision_fixture.h"
#include "test/policy/officers.h"

TCase *make_approval_case(void);

static struct officers officers;

/* A signed approval of `record`. */
static json_t *approval(const struct agreement *a, size_t officer, const char *record, const char *tier,
                        const char *exception, int64_t expires_ms)
{
	return officers_sign(&officers, &(struct approval_text){ .officer = officer,
	                                                         .record = record,
	                                                         .tier = tier,
	                                                         .exception = exception,
	                                                         .expires_ms = expires_ms,
	                                                         .agreement = *agreement_digest(a) });
}

static void train(int64_t until_ms)
{
	for (size_t i = 0; i < officers.n; i++)
		officers.of[i].training_until = until_ms;
}

static void refused_with(const struct agreement *a, const json_t *e, enum reason reason)
{
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_msg(failed_with(&bench.decision, reason), "%s, not %s", reason_slug(bench.decision.failed[0].reason),
	              reason_slug(reason));
}

START_TEST(tier_two)
{
	json_t *e = envelope("police-request"), *doc = preset("police-request");
	struct error_list errors = { .max = 20 };
	char spki[65];

	facts.now_ms = after_signing_ms();
	facts.officer = officers_find;
	facts.arg = &officers;
	officers_make(&officers, 2, facts.now_ms + DAY_MS);
	put_in_force(doc, facts.now_ms);
	struct agreement *a = load_doc(doc, &from, &errors);
	ck_assert(a != NULL);
	int64_t expires = facts.now_ms + DAY_MS;
	char *record = json_dumps(json_object_get(e, "record"), JSON_COMPACT);
	hex_of(&officers.of[0].spki, spki);
	json_object_set_new(e, "tier", json_string("T2"));
	json_object_set_new(e, "exception", json_string("imminent-threat"));
	json_object_set_new(e, "officer", json_pack("{s:s}", "certificate", spki));
	json_object_set_new(json_object_get(e, "necessity"), "criterion", json_string("imminent-danger"));
	json_t *list = json_array(), *rules = preset("police-request"), *rule;
	size_t i;
	json_array_foreach(json_object_get(rules, "rules"), i, rule)
	        json_array_append_new(list, json_pack("{s:O,s:s}", "pointer", json_object_get(rule, "pointer"),
	                                              "reason", "needed to find the person"));
	json_object_set_new(e, "justifications", list);
	refused_with(a, e, REASON_APPROVAL_MISSING);
	json_object_set_new(e, "approvals", json_pack("[o]", approval(a, 1, record, "T2", "imminent-threat", expires)));
	enum outcome o = run(a, e);
	ck_assert_msg(o == OUTCOME_TRANSFORMED, "%s %s %s", reason_slug(bench.decision.failed[0].reason),
	              bench.decision.failed[0].clause, bench.decision.failed[0].pointer);
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
	json_object_set_new(e, "approvals",
	                    json_pack("[o]", approval(a, 1, record, "T2", "imminent-threat", facts.now_ms)));
	refused_with(a, e, REASON_APPROVAL_INVALID);
	/* Signed for another agreement, for this exchange's own digest, and for one of which nothing is known. */
	struct approval_text said = {
		.officer = 1, .record = record, .tier = "T2", .exception = "imminent-threat", .expires_ms = expires
	};
	json_object_set_new(e, "approvals", json_pack("[o]", officers_sign(&officers, &said)));
	refused_with(a, e, REASON_APPROVAL_INVALID);
	said.agreement = *agreement_digest(a);
	said.input = &facts.input;
	memset(&facts.input, 7, sizeof facts.input);
	json_object_set_new(e, "approvals", json_pack("[o]", officers_sign(&officers, &said)));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	facts.input.b[31]++;
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
	train(facts.now_ms - 1);
	refused_with(a, e, REASON_TRAINING_EXPIRED);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/officer/certificate");
	ck_assert(bench.decision.n_failed > 1 && strcmp(bench.decision.failed[1].pointer, "/approvals/0") == 0);
	train(facts.now_ms + DAY_MS);
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
	facts.now_ms += 200 * DAY_MS; /* put_in_force() */
	refused_with(a, e, REASON_EXCEPTION_EXPIRED);
	officers_free(&officers);
	free(text);
	free(record);
	json_decref(rules);
	json_decref(doc);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* An exception that asks for more approvals than its tier is what counts; and without pinned officers nobody approves. */
START_TEST(exception_asks_for_more)
{
	json_t *e = envelope("police-request"), *doc = preset("police-request"), *reasons = json_array(), *rule;
	struct error_list errors = { .max = 20 };
	char spki[65];
	size_t i;

	facts.now_ms = after_signing_ms();
	facts.officer = officers_find;
	facts.arg = &officers;
	officers_make(&officers, 3, facts.now_ms + DAY_MS);
	put_in_force(doc, facts.now_ms);
	put(doc, "/exceptions/0/approvals", "2");
	struct agreement *a = load_doc(doc, &from, &errors);
	ck_assert(a != NULL);
	char *record = json_dumps(json_object_get(e, "record"), JSON_COMPACT);
	hex_of(&officers.of[0].spki, spki);
	json_object_set_new(e, "tier", json_string("T2"));
	json_object_set_new(e, "exception", json_string("imminent-threat"));
	json_object_set_new(e, "officer", json_pack("{s:s}", "certificate", spki));
	json_object_set_new(json_object_get(e, "necessity"), "criterion", json_string("imminent-danger"));
	json_array_foreach(json_object_get(doc, "rules"), i, rule) json_array_append_new(
	        reasons, json_pack("{s:O,s:s}", "pointer", json_object_get(rule, "pointer"), "reason", "needed"));
	json_object_set_new(e, "justifications", reasons);
	json_t *second = approval(a, 1, record, "T2", "imminent-threat", facts.now_ms + DAY_MS);
	json_t *third = approval(a, 2, record, "T2", "imminent-threat", facts.now_ms + DAY_MS);
	json_object_set_new(e, "approvals", json_pack("[O]", second));
	refused_with(a, e, REASON_APPROVAL_MISSING);
	ck_assert_str_eq(bench.decision.failed[0].clause, "/exceptions/0/approvals");
	json_object_set_new(e, "approvals", json_pack("[O,O]", second, third));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	/* The same person twice, with another between, is one; and who is not pinned here approves nothing. */
	json_object_set_new(e, "approvals", json_pack("[O,O,O]", second, third, second));
	refused_with(a, e, REASON_APPROVAL_INVALID);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/approvals/2");
	json_object_set_new(e, "approvals", json_pack("[O,O]", second, third));
	officers.n = 2;
	refused_with(a, e, REASON_APPROVAL_INVALID);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/approvals/1");
	officers.n = 3;
	facts.officer = NULL;
	refused_with(a, e, REASON_APPROVAL_INVALID);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/officer/certificate");
	officers_free(&officers);
	free(record);
	json_decref(second);
	json_decref(third);
	json_decref(doc);
	json_decref(e);
	agreement_unref(a);
	error_list_free(&errors);
}
END_TEST

TCase *make_approval_case(void)
{
	TCase *c = tcase_create("approval");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, tier_two);
	tcase_add_test(c, exception_asks_for_more);
	return c;
}
