/* Withdrawn consents: who is on the list, for what, how long the list counts, and what a decision makes of it. */
#include "lib/policy/withdrawals.h"

#include "test/policy/decision_fixture.h"
#include "test/policy/document_fixture.h"

TCase *make_withdrawals_case(void);

START_TEST(digests_are_of_salt_and_reference)
{
	struct signed_document *d = loaded_document(DOCUMENT_WITHDRAWALS);
	static const char salt[] = "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17";
	struct buf text = BUF_INIT(100);
	struct digest digest;

	withdrawals_digest(view_make(salt, 16), VIEW("consent-0001"), &digest);
	digest_print(&text, &digest);
	ck_assert(view_is(buf_view(&text), CONSENT_0001));
	ck_assert_uint_eq(withdrawals_count(d), 2);
	ck_assert(withdrawals_has(d, VIEW("consent-0001"), VIEW("family-tracing")));
	ck_assert(withdrawals_has(d, VIEW("consent-0001"), VIEW("aid-planning")));
	ck_assert(withdrawals_has(d, VIEW("consent-0002"), VIEW("family-tracing")));
	ck_assert(!withdrawals_has(d, VIEW("consent-0002"), VIEW("aid-planning")));
	ck_assert(!withdrawals_has(d, VIEW("consent-0003"), VIEW("family-tracing")));
	ck_assert(!withdrawals_has(d, VIEW(CONSENT_0001), VIEW("family-tracing")));
	ck_assert(!withdrawals_has(d, VIEW(""), VIEW("family-tracing")));
	buf_free(&text);
	signed_document_free(d);
}
END_TEST

START_TEST(an_empty_list_has_nobody)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = right_document(DOCUMENT_WITHDRAWALS);

	json_object_set_new(doc, "withdrawn", json_array());
	struct signed_document *d = load_document(doc, NOW, &errors);
	ck_assert(d != NULL && withdrawals_count(d) == 0);
	ck_assert(!withdrawals_has(d, VIEW("consent-0001"), VIEW("family-tracing")));
	signed_document_free(d);
	json_decref(doc);
}
END_TEST

START_TEST(counts_until_the_next_update)
{
	struct signed_document *d = loaded_document(DOCUMENT_WITHDRAWALS);

	ck_assert(withdrawals_current(d, NOW));
	ck_assert(withdrawals_current(d, NOW + 5 * DAY_MS - 1));
	ck_assert(!withdrawals_current(d, NOW + 5 * DAY_MS));
	signed_document_free(d);
}
END_TEST

/* --- decisions --- */

static void refused(const struct agreement *a, const json_t *e, enum reason reason, const char *clause)
{
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	ck_assert_uint_eq(bench.decision.n_failed, 1);
	ck_assert_str_eq(reason_slug(bench.decision.failed[0].reason), reason_slug(reason));
	ck_assert_str_eq(bench.decision.failed[0].clause, clause);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/consent/reference");
}

/* What rests on consent waits for a list; what rests on another basis does not. */
START_TEST(unknown_fails_closed)
{
	struct agreement *a = load_with("humanitarian", NULL, NULL);
	json_t *e = envelope("humanitarian");

	ck_assert(view_is(agreement_withdrawals(a), "north"));
	ck_assert(agreement_needs_consent(a, VIEW("consent")) && !agreement_needs_consent(a, VIEW("vital-interest")));
	ck_assert(!agreement_needs_consent(a, VIEW("other")));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	facts.consent_unknown = true;
	refused(a, e, REASON_CONSENT_UNKNOWN, "/consent/withdrawals");
	/* The sender may try again: nothing was decided about the consent. */
	ck_assert_int_eq(reason_status(REASON_CONSENT_UNKNOWN), 503);
	ck_assert_int_eq(reason_for_peer(REASON_CONSENT_UNKNOWN), REASON_CONSENT_UNKNOWN);
	/* Who is on the list, old as it may be, stays withdrawn. */
	withdrawn = true;
	refused(a, e, REASON_CONSENT_WITHDRAWN, "/legal_bases/0/consent");
	ck_assert_int_eq(reason_for_peer(REASON_CONSENT_WITHDRAWN), REASON_NOT_PERMITTED);
	withdrawn = false;
	json_object_set_new(e, "legal_basis", json_string("vital-interest"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	/* A consent that is named beside another basis, and was withdrawn, is not overruled by it. */
	withdrawn = true;
	refused(a, e, REASON_CONSENT_WITHDRAWN, "/consent");
	json_object_del(e, "consent");
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	json_decref(e);
	agreement_unref(a);
	a = load_with("pnr", NULL, NULL);
	ck_assert_uint_eq(agreement_withdrawals(a).n, 0);
	agreement_unref(a);
}
END_TEST

/* The recipient's gateway asks as well. */
START_TEST(ingress_asks_too)
{
	struct agreement *sender = load_with("humanitarian", NULL, NULL);
	json_t *e = envelope("humanitarian");

	ck_assert_int_eq(run(sender, e), OUTCOME_TRANSFORMED);
	deliver(&e);
	from.self = VIEW("south");
	struct agreement *receiver = load_with("humanitarian", NULL, NULL);
	ck_assert_int_eq(run(receiver, e), OUTCOME_RELEASED);
	facts.consent_unknown = true;
	refused(receiver, e, REASON_CONSENT_UNKNOWN, "/consent/withdrawals");
	withdrawn = true;
	refused(receiver, e, REASON_CONSENT_WITHDRAWN, "/legal_bases/0/consent");
	json_decref(e);
	agreement_unref(sender);
	agreement_unref(receiver);
}
END_TEST

/* The decision names the documents that it came from; members stay sorted. */
START_TEST(decisions_name_the_documents)
{
	struct agreement *a = load_with("humanitarian", NULL, NULL);
	struct signed_document *list = loaded_document(DOCUMENT_WITHDRAWALS),
	                       *training = loaded_document(DOCUMENT_TRAINING);
	json_t *e = envelope("humanitarian");
	struct buf text = BUF_INIT(1 << 20), digest = BUF_INIT(100);

	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, &text);
	buf_addc(&text, '\0');
	ck_assert(!strstr(text.p, "\"withdrawals\"") && !strstr(text.p, "\"training\"") &&
	          !strstr(text.p, "\"epochs\""));
	buf_reset(&text);
	facts.withdrawals = &list->digest;
	facts.training = &training->digest;
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, &text);
	buf_addc(&text, '\0');
	json_t *doc = json_loads(text.p, 0, NULL);
	char *sorted = json_dumps(doc, JSON_SORT_KEYS | JSON_COMPACT);
	ck_assert_str_eq(sorted, text.p);
	digest_print(&digest, &list->digest);
	ck_assert(view_is(buf_view(&digest),
	                  json_string_value(json_object_get(json_object_get(doc, "digests"), "withdrawals"))));
	buf_reset(&digest);
	digest_print(&digest, &training->digest);
	ck_assert(view_is(buf_view(&digest),
	                  json_string_value(json_object_get(json_object_get(doc, "digests"), "training"))));
	free(sorted);
	json_decref(doc);
	json_decref(e);
	buf_free(&text);
	buf_free(&digest);
	signed_document_free(list);
	signed_document_free(training);
	agreement_unref(a);
}
END_TEST

TCase *make_withdrawals_case(void)
{
	TCase *c = tcase_create("withdrawals");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, digests_are_of_salt_and_reference);
	tcase_add_test(c, an_empty_list_has_nobody);
	tcase_add_test(c, counts_until_the_next_update);
	tcase_add_test(c, unknown_fails_closed);
	tcase_add_test(c, ingress_asks_too);
	tcase_add_test(c, decisions_name_the_documents);
	return c;
}
