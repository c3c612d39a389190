/* Consents: how references are read, who is on a list, for what, how long a list counts, and what a decision makes of
 * it. */
#include "lib/policy/consents.h"

#include "test/policy/decision_fixture.h"

TCase *make_consents_case(void);

static bool on_list(const struct signed_document *d, const char *reference, struct view purpose)
{
	struct digest digest;

	consent_digest(consents_salt(d), view_of(reference), &digest);
	return consents_has(d, &digest, purpose);
}

START_TEST(digests_are_of_salt_and_reference)
{
	struct signed_document *d = loaded_document(DOCUMENT_WITHDRAWALS);
	static const char salt[] = "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17";
	struct buf text = BUF_INIT(100);
	struct digest digest;

	consent_digest(view_make(salt, 16), VIEW("consent-0001"), &digest);
	digest_print(&text, &digest);
	ck_assert(view_is(buf_view(&text), CONSENT_0001));
	ck_assert_uint_eq(consents_count(d), 2);
	ck_assert(on_list(d, "consent-0001", VIEW("family-tracing")));
	ck_assert(on_list(d, "consent-0001", VIEW("aid-planning")));
	ck_assert(on_list(d, "consent-0002", VIEW("family-tracing")));
	ck_assert(!on_list(d, "consent-0002", VIEW("aid-planning")));
	ck_assert(!on_list(d, "consent-0003", VIEW("family-tracing")));
	ck_assert(!on_list(d, CONSENT_0001, VIEW("family-tracing")));
	ck_assert(!on_list(d, "", VIEW("family-tracing")));
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
	ck_assert(d != NULL && consents_count(d) == 0);
	ck_assert(!on_list(d, "consent-0001", VIEW("family-tracing")));
	signed_document_free(d);
	json_decref(doc);
}
END_TEST

START_TEST(counts_until_the_next_update)
{
	struct signed_document *d = loaded_document(DOCUMENT_WITHDRAWALS);

	ck_assert(consents_current(d, NOW));
	ck_assert(consents_current(d, NOW + 5 * DAY_MS - 1));
	ck_assert(!consents_current(d, NOW + 5 * DAY_MS));
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
	facts.withdrawals = nobody;
	refused(a, e, REASON_CONSENT_UNKNOWN, "/consent/withdrawals");
	/* The sender may try again: nothing was decided about the consent. */
	ck_assert_int_eq(reason_status(REASON_CONSENT_UNKNOWN), 503);
	ck_assert_int_eq(reason_for_peer(REASON_CONSENT_UNKNOWN), REASON_CONSENT_UNKNOWN);
	/* Who is on the list, old as it may be, stays withdrawn. */
	facts.withdrawals = withdrawn;
	refused(a, e, REASON_CONSENT_WITHDRAWN, "/legal_bases/0/consent");
	ck_assert_int_eq(reason_for_peer(REASON_CONSENT_WITHDRAWN), REASON_NOT_PERMITTED);
	facts.withdrawals = nobody;
	json_object_set_new(e, "legal_basis", json_string("vital-interest"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	/* Without any list nobody would find it when it is withdrawn. */
	facts.withdrawals = NULL;
	refused(a, e, REASON_CONSENT_UNKNOWN, "/consent/withdrawals");
	/* A consent that is named beside another basis, and was withdrawn, is not overruled by it. */
	facts.withdrawals = withdrawn;
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
	struct digest consent;

	ck_assert_int_eq(run(sender, e), OUTCOME_TRANSFORMED);
	deliver(&e);
	from.self = VIEW("south");
	struct agreement *receiver = load_with("humanitarian", NULL, NULL);
	/* Of the consent itself comes a digest alone. */
	ck_assert_ptr_null(json_object_get(e, "consent"));
	ck_assert_int_eq(run(receiver, e), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_CONSENT_MISSING);
	consent_digest(consents_salt(withdrawn), VIEW("consent-0001"), &consent);
	facts.consent = &consent;
	ck_assert_int_eq(run(receiver, e), OUTCOME_RELEASED);
	facts.consent_unknown = true;
	refused(receiver, e, REASON_CONSENT_UNKNOWN, "/consent/withdrawals");
	facts.withdrawals = withdrawn;
	refused(receiver, e, REASON_CONSENT_WITHDRAWN, "/legal_bases/0/consent");
	facts.withdrawals = nobody;
	facts.consent_unknown = false;
	ck_assert_int_eq(run(receiver, e), OUTCOME_RELEASED);
	ck_assert(digest_eq(&bench.decision.consent, &consent));
	json_decref(e);
	agreement_unref(sender);
	agreement_unref(receiver);
}
END_TEST

/* A gateway that sends the reference itself in the place of its digest gets round no list. */
START_TEST(ingress_reads_a_reference_in_clear)
{
	struct agreement *a = load_with("humanitarian", NULL, NULL);
	json_t *e = envelope("humanitarian"), *consent = json_deep_copy(json_object_get(e, "consent"));

	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	agreement_unref(a);
	deliver(&e);
	from.self = VIEW("south");
	a = load_with("humanitarian", NULL, NULL);
	json_object_set_new(consent, "reference", json_string("consent-0001"));
	json_object_set_new(e, "consent", consent);
	facts.withdrawals = withdrawn;
	refused(a, e, REASON_CONSENT_WITHDRAWN, "/legal_bases/0/consent");
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* --- references --- */

#define NO_BREAK "\xc2\xa0"
/* One normal form: ours and Python's str.casefold() over unicodedata.normalize("NFKC", …), trimmed. */
START_TEST(spellings_of_one_reference)
{
	static const char *const same[] = {
		"abc-0001",
		"ABC-0001",
		" abc-0001 ",
		"\tAbC-0001\r\n",
		"\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3-\xef\xbc\x90\xef\xbc\x90\xef\xbc\x90\xef\xbc\x91", /* full width */
		NO_BREAK "abc-0001\xe3\x80\x80", /* and an ideographic space */
		"abc\xe2\x80\x8b-0001",          /* zero width space */
		"abc\xc2\xad-0001",              /* soft hyphen */
	};
	struct buf normal = BUF_INIT(1000);

	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		buf_reset(&normal);
		ck_assert_ptr_null(consent_normalise(view_of(same[i]), &normal));
		ck_assert_msg(view_is(buf_view(&normal), "abc-0001"), "%zu", i);
	}
	buf_reset(&normal);
	ck_assert_ptr_nonnull(consent_normalise(VIEW(" \t"), &normal));
	ck_assert_ptr_nonnull(consent_normalise(VIEW("\xe2\x80\x8b"), &normal));
	ck_assert_ptr_nonnull(consent_normalise(VIEW("a\xcd\xb8"), &normal)); /* U+0378 is not assigned */
	buf_free(&normal);
}
END_TEST

static struct agreement *with_pattern(const char *pattern)
{
	char value[500];

	snprintf(value, sizeof value, "{\"pattern\":\"%s\"}", pattern);
	return load_with("humanitarian", "/consent/references", value);
}

static bool takes(const struct agreement *a, const char *reference)
{
	struct buf normal = BUF_INIT(1000);
	bool ok = consent_reference(a, view_of(reference), &normal) == NULL;

	buf_free(&normal);
	return ok;
}

START_TEST(references_have_a_pattern)
{
	struct agreement *plain = load_with("humanitarian", NULL, NULL), *own = with_pattern("^xn-[0-9]{6}$"),
	                 *none = load_with("pnr", NULL, NULL);

	ck_assert(takes(plain, "consent-0001") && takes(plain, " CONSENT-0001") && takes(none, "consent-0001"));
	ck_assert(!takes(plain, "abc") && !takes(plain, "-consent") && !takes(plain, "consent 0001"));
	ck_assert(!takes(plain, "\xd1\x81onsent-0001")); /* Cyrillic */
	ck_assert(!takes(plain, "consent\xe2\x80\x93"
	                        "0001") &&
	          !takes(none, "consent\n0001"));
	ck_assert(takes(own, "XN-000001") && !takes(own, "xn-00001") && !takes(own, "consent-0001"));
	agreement_unref(plain);
	agreement_unref(own);
	agreement_unref(none);
}
END_TEST

/* The sender is told by name, and the value is in no word of it. */
START_TEST(what_is_no_reference_is_refused)
{
	static const char *const wrong[] = { "c-1", "Jane Doe, flat 7", "\xd1\x81onsent-0001", "\t" };
	struct agreement *a = load_with("humanitarian", NULL, NULL);
	struct buf text = BUF_INIT(1 << 20);
	json_t *e = envelope("humanitarian");

	for (int basis = 0; basis < 2; basis++)
		for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
			json_object_set_new(e, "legal_basis", json_string(basis ? "vital-interest" : "consent"));
			json_object_set_new(json_object_get(e, "consent"), "reference", json_string(wrong[i]));
			refused(a, e, REASON_CONSENT_REFERENCE, "/consent/references/pattern");
			buf_reset(&text);
			decision_json(&bench.decision, &bench.tape, bench.envelope.record, NULL, &text);
			buf_addc(&text, '\0');
			ck_assert(i == 3 || !strstr(text.p, wrong[i]));
		}
	ck_assert_int_eq(reason_for_peer(REASON_CONSENT_REFERENCE), REASON_CONSENT_REFERENCE);
	json_decref(e);
	buf_free(&text);
	agreement_unref(a);
}
END_TEST

START_TEST(other_spellings_are_withdrawn_too)
{
	static const char *const spelled[] = { "consent-0001", "CONSENT-0001", " consent-0001 ",
		                               "Consent\xe2\x80\x8b-0001" };
	struct agreement *a = load_with("humanitarian", NULL, NULL);
	json_t *e = envelope("humanitarian");
	struct digest first = { .b = { 0 } };

	for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++) {
		json_object_set_new(json_object_get(e, "consent"), "reference", json_string(spelled[i]));
		facts.withdrawals = withdrawn;
		refused(a, e, REASON_CONSENT_WITHDRAWN, "/legal_bases/0/consent");
		facts.withdrawals = nobody;
		ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
		ck_assert(i == 0 || digest_eq(&bench.decision.consent, &first));
		first = bench.decision.consent;
	}
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* --- given consents --- */

START_TEST(only_given_ones_count_where_they_are_listed)
{
	struct agreement *a = load_with("humanitarian", "/consent/given", "\"north\"");
	struct signed_document *given = loaded_document(DOCUMENT_CONSENTS),
	                       *empty = list_of_consents(DOCUMENT_CONSENTS, "[]");
	json_t *e = envelope("humanitarian");

	ck_assert(view_is(agreement_given(a), "north"));
	facts.withdrawals = nobody;
	facts.given = given;
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	/* Given for family-tracing alone, which it is for; then for another purpose. */
	json_object_set_new(json_object_get(e, "consent"), "reference", json_string("consent-0002"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	facts.given = empty;
	refused(a, e, REASON_CONSENT_NOT_GIVEN, "/consent/given");
	/* Beside another basis as well: it is what the sender says it has. */
	json_object_set_new(e, "legal_basis", json_string("vital-interest"));
	refused(a, e, REASON_CONSENT_NOT_GIVEN, "/consent/given");
	json_object_set_new(e, "legal_basis", json_string("consent"));
	ck_assert_int_eq(reason_for_peer(REASON_CONSENT_NOT_GIVEN), REASON_NOT_PERMITTED);
	/* Withdrawn comes first: of whom it is told nothing else. */
	facts.withdrawals = withdrawn;
	json_object_set_new(json_object_get(e, "consent"), "reference", json_string("consent-0001"));
	refused(a, e, REASON_CONSENT_WITHDRAWN, "/legal_bases/0/consent");
	/* Missing, or out of date. */
	facts.withdrawals = nobody;
	facts.given = NULL;
	facts.consent_unknown = true;
	refused(a, e, REASON_CONSENT_UNKNOWN, "/consent/given");
	/* Where the withdrawals are out of date as well, they are the first to be asked for. */
	facts.now_ms = NOW + 5 * DAY_MS;
	refused(a, e, REASON_CONSENT_UNKNOWN, "/consent/withdrawals");
	signed_document_free(given);
	signed_document_free(empty);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* The salt is that of all lists of the agreement, whichever is here. */
START_TEST(given_ones_count_without_withdrawals)
{
	struct agreement *a = load_with("humanitarian", "/consent/given", "\"north\"");
	struct signed_document *given = loaded_document(DOCUMENT_CONSENTS);
	json_t *e = envelope("humanitarian");

	facts.given = given;
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	json_object_set_new(json_object_get(e, "consent"), "reference", json_string("consent-0009"));
	refused(a, e, REASON_CONSENT_NOT_GIVEN, "/consent/given");
	signed_document_free(given);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* The decision names the documents that it came from; members stay sorted. */
START_TEST(decisions_name_the_documents)
{
	struct agreement *a = load_with("humanitarian", NULL, NULL);
	struct signed_document *list = nobody, *given = loaded_document(DOCUMENT_CONSENTS),
	                       *training = loaded_document(DOCUMENT_TRAINING);
	json_t *e = envelope("humanitarian");
	struct buf text = BUF_INIT(1 << 20), digest = BUF_INIT(100);

	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, &text);
	buf_addc(&text, '\0');
	ck_assert(!strstr(text.p, "\"withdrawals\"") && !strstr(text.p, "\"training\"") &&
	          !strstr(text.p, "\"epochs\"") && !strstr(text.p, "\"consents\""));
	buf_reset(&text);
	facts.withdrawals = list;
	facts.given = given;
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
	digest_print(&digest, &given->digest);
	ck_assert(view_is(buf_view(&digest),
	                  json_string_value(json_object_get(json_object_get(doc, "digests"), "consents"))));
	buf_reset(&digest);
	digest_print(&digest, &training->digest);
	ck_assert(view_is(buf_view(&digest),
	                  json_string_value(json_object_get(json_object_get(doc, "digests"), "training"))));
	free(sorted);
	json_decref(doc);
	json_decref(e);
	buf_free(&text);
	buf_free(&digest);
	signed_document_free(given);
	signed_document_free(training);
	agreement_unref(a);
}
END_TEST

TCase *make_consents_case(void)
{
	TCase *c = tcase_create("consents");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, digests_are_of_salt_and_reference);
	tcase_add_test(c, an_empty_list_has_nobody);
	tcase_add_test(c, counts_until_the_next_update);
	tcase_add_test(c, spellings_of_one_reference);
	tcase_add_test(c, references_have_a_pattern);
	tcase_add_test(c, what_is_no_reference_is_refused);
	tcase_add_test(c, other_spellings_are_withdrawn_too);
	tcase_add_test(c, only_given_ones_count_where_they_are_listed);
	tcase_add_test(c, unknown_fails_closed);
	tcase_add_test(c, ingress_asks_too);
	tcase_add_test(c, ingress_reads_a_reference_in_clear);
	tcase_add_test(c, given_ones_count_without_withdrawals);
	tcase_add_test(c, decisions_name_the_documents);
	return c;
}
