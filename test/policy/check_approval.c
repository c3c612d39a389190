/* Approvals at tier T2: named officer, second person, justifications, waiver; each from an envelope that is right but
 * for one thing. Keys and certificates are made for the test. */
#include "test/policy/decision_fixture.h"
#include "test/policy/officers.h"

TCase *make_approval_case(void);

static struct officers officers;

/* A signed approval of what the envelope has, but for `member`, which says `instead`. */
static json_t *otherwise(const struct agreement *a, size_t officer, const json_t *e, const char *member,
                         const char *instead)
{
	return officers_sign(&officers, &(struct approval_text){ .officer = officer,
	                                                         .envelope = e,
	                                                         .expires_ms = facts.now_ms + DAY_MS,
	                                                         .agreement = *agreement_digest(a),
	                                                         .member = member,
	                                                         .instead = instead });
}

static json_t *approval(const struct agreement *a, size_t officer, const json_t *e)
{
	return otherwise(a, officer, e, NULL, NULL);
}

static json_t *approval_until(const struct agreement *a, const json_t *e, int64_t expires_ms)
{
	return officers_sign(&officers, &(struct approval_text){ .officer = 1,
	                                                         .envelope = e,
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

static void refused_at(const struct agreement *a, const json_t *e, enum reason reason, const char *pointer)
{
	refused_with(a, e, reason);
	for (size_t i = 0; i < bench.decision.n_failed; i++)
		if (bench.decision.failed[i].reason == reason && strcmp(bench.decision.failed[i].pointer, pointer) == 0)
			return;
	ck_abort_msg("%s is not named, but %s", pointer, bench.decision.failed[0].pointer);
}

static void released(const struct agreement *a, const json_t *e)
{
	enum outcome o = run(a, e);

	ck_assert_msg(o == OUTCOME_TRANSFORMED, "%s %s %s", reason_slug(bench.decision.failed[0].reason),
	              bench.decision.failed[0].clause, bench.decision.failed[0].pointer);
}

static void approve(json_t *e, json_t *one)
{
	json_object_set_new(e, "approvals", json_pack("[o]", one));
}

/* An imminent danger, in which names leave in clear: the first officer is named, nobody has approved. */
static json_t *urgent(const json_t *doc)
{
	json_t *e = envelope("police-request"), *list = json_array(), *rule;
	char spki[65];
	size_t i;

	hex_of(&officers.of[0].spki, spki);
	json_object_set_new(e, "tier", json_string("T2"));
	json_object_set_new(e, "exception", json_string("imminent-threat"));
	json_object_set_new(e, "officer", json_pack("{s:s}", "certificate", spki));
	json_object_set_new(json_object_get(e, "necessity"), "criterion", json_string("imminent-danger"));
	json_array_foreach(json_object_get(doc, "rules"), i, rule)
	        json_array_append_new(list, json_pack("{s:O,s:s}", "pointer", json_object_get(rule, "pointer"),
	                                              "reason", "needed to find the person"));
	json_object_set_new(e, "justifications", list);
	return e;
}

static json_t *doc;
static struct agreement *a;
static json_t *e;

static void change_agreement(const char *pointer, const char *value)
{
	struct error_list errors = { .max = 20 };

	if (pointer)
		put(doc, pointer, value);
	agreement_unref(a);
	a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	error_list_free(&errors);
}

static void open_case(void)
{
	set_up();
	facts.now_ms = after_signing_ms();
	facts.officer = officers_find;
	facts.arg = &officers;
	officers_make(&officers, 3, facts.now_ms + DAY_MS);
	doc = preset("police-request");
	put_in_force(doc, facts.now_ms);
	a = NULL;
	change_agreement(NULL, NULL);
	e = urgent(doc);
}

static void close_case(void)
{
	officers_free(&officers);
	json_decref(e);
	json_decref(doc);
	agreement_unref(a);
	tear_down();
}

/* With one approval lacking and nothing else wrong the record waits for it, and says so. */
START_TEST(lacking_is_held)
{
	ck_assert_int_eq(run(a, e), OUTCOME_HELD);
	ck_assert_uint_eq(bench.decision.n_failed, 1);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_APPROVAL_MISSING);
	ck_assert_str_eq(bench.decision.failed[0].clause, "/tiers/1/approvals");
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/approvals");
	ck_assert_uint_eq(bench.decision.lacking, 1);
	approve(e, approval(a, 1, e));
	released(a, e);
	ck_assert(bench.decision.exception_used);
	ck_assert_uint_eq(bench.decision.n_approvals, 1);
	ck_assert_int_eq(bench.decision.approvals[0].until_ms, facts.now_ms / 1000 * 1000 + DAY_MS);
	json_object_del(e, "approvals");
	/* With anything else wrong it is refused; both are named. */
	json_object_del(e, "case");
	refused_with(a, e, REASON_CASE_MISSING);
	ck_assert(failed_with(&bench.decision, REASON_APPROVAL_MISSING));
	json_object_set_new(e, "case", json_string("XN-2026-1"));
	json_array_remove(json_object_get(e, "justifications"), 0);
	refused_with(a, e, REASON_FIELD_UNJUSTIFIED);
	ck_assert(failed_with(&bench.decision, REASON_APPROVAL_MISSING));
	/* Nobody signs later for the officer whom the sender should have named. */
	json_decref(e);
	e = urgent(doc);
	json_object_del(e, "officer");
	refused_at(a, e, REASON_APPROVAL_MISSING, "/officer");
}
END_TEST

static const struct {
	const char *member, *instead, *pointer;
	enum reason reason;
} bound[] = {
	{ "purpose", "missing-person", "/approvals/0/statement/purpose", REASON_APPROVAL_INVALID },
	{ "subject_category", "victim", "/approvals/0/statement/subject_category", REASON_APPROVAL_INVALID },
	{ "tier", "T1", "/approvals/0/statement/tier", REASON_APPROVAL_INVALID },
	{ "case", "XN-OTHER", "/approvals/0/statement/case", REASON_APPROVAL_INVALID },
	{ "case", NULL, "/approvals/0/statement/case", REASON_APPROVAL_INVALID },
	{ "exception", "other", "/approvals/0/statement/exception", REASON_APPROVAL_INVALID },
	{ "exception", NULL, "/approvals/0/statement/exception", REASON_APPROVAL_INVALID },
	{ "named", NULL, "/approvals/0/statement/named", REASON_APPROVAL_INVALID },
	{ "named", "abababababababababababababababababababababababababababababababab", "/approvals/0/statement/named",
	  REASON_APPROVAL_INVALID },
	{ "agreement", "abababababababababababababababababababababababababababababababab",
	  "/approvals/0/statement/agreement", REASON_APPROVAL_INVALID },
	{ "input", "abababababababababababababababababababababababababababababababab", "/approvals/0/statement/input",
	  REASON_APPROVAL_INVALID },
	{ "officer", "abababababababababababababababababababababababababababababababab",
	  "/approvals/0/statement/officer", REASON_APPROVAL_INVALID },
	/* What an older build took. */
	{ "purpose", NULL, "/approvals/0/statement", REASON_APPROVAL_FORM },
	{ "subject_category", NULL, "/approvals/0/statement", REASON_APPROVAL_FORM },
};

START_TEST(each_member_binds)
{
	approve(e, otherwise(a, 1, e, bound[_i].member, bound[_i].instead));
	refused_at(a, e, bound[_i].reason, bound[_i].pointer);
	ck_assert_ptr_nonnull(bench.decision.approval_fault);
	approve(e, approval(a, 1, e));
	released(a, e);
	ck_assert_ptr_null(bench.decision.approval_fault);
}
END_TEST

/* The record as the gateway has it, or with a salt of the officer's own; and no exception where none is cited. */
START_TEST(bound_to_the_record)
{
	struct approval_text said = { .officer = 1,
		                      .envelope = e,
		                      .expires_ms = facts.now_ms + DAY_MS,
		                      .agreement = *agreement_digest(a),
		                      .input = &facts.input };

	memset(&facts.input, 7, sizeof facts.input);
	approve(e, officers_sign(&officers, &said));
	released(a, e);
	facts.input.b[31]++;
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/input");
	approve(e, approval(a, 1, e));
	json_object_set_new(json_object_get(e, "record"), "notice", json_string("XN-2026-000002"));
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/input");
	approve(e, approval(a, 1, e));
	released(a, e);
	json_object_del(e, "exception");
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/exception");
	json_t *good = approval(a, 1, e);
	char *text = strdup(json_string_value(json_object_get(good, "statement")));
	text[strlen(text) - 4] ^= 1;
	json_object_set_new(good, "statement", json_string(text));
	free(text);
	approve(e, good);
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
}
END_TEST

/* The second person is another one, and each counts once. */
START_TEST(persons)
{
	json_t *second = approval(a, 1, e), *third = approval(a, 2, e);

	approve(e, approval(a, 0, e));
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/officer");
	json_object_set_new(e, "approvals", json_pack("[O,O]", second, second));
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/1/statement/officer");
	json_object_set_new(e, "approvals", json_pack("[O,O,O]", second, third, second));
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/2/statement/officer");
	json_object_set_new(e, "approvals", json_pack("[O,O]", second, third));
	released(a, e);
	ck_assert_uint_eq(bench.decision.n_approvals, 2);
	officers.n = 2;
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/1/statement/officer");
	officers.n = 3;
	facts.officer = NULL;
	refused_at(a, e, REASON_APPROVAL_INVALID, "/officer/certificate");
	json_decref(second);
	json_decref(third);
}
END_TEST

/* Officers of whoever discloses, or named in the agreement; never the recipient's, nor those of a stranger. */
START_TEST(whose_officers)
{
	static const char *const others[] = { "south", "west", "" };
	char spki[65], list[80];

	approve(e, approval(a, 1, e));
	for (size_t i = 0; i < 3; i++) {
		officers.of[1].agency = view_of(others[i]);
		refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/officer");
		officers.of[1].agency = VIEW("north");
		officers.of[0].agency = view_of(others[i]);
		refused_at(a, e, REASON_APPROVAL_INVALID, "/officer/certificate");
		officers.of[0].agency = VIEW("north");
	}
	released(a, e);
	/* Named in the agreement: an officer of another party may, the recipient's and a stranger's still not. */
	hex_of(&officers.of[1].spki, spki);
	snprintf(list, sizeof list, "[\"%s\"]", spki);
	json_t *parties = json_object_get(doc, "parties");
	json_t *east = json_deep_copy(json_array_get(parties, 0));
	json_object_set_new(east, "agency", json_string("east"));
	json_array_append_new(parties, east);
	json_object_set_new(doc, "officers", json_loads(list, 0, NULL));
	change_agreement(NULL, NULL);
	approve(e, approval(a, 1, e));
	for (size_t i = 0; i < 3; i++) {
		officers.of[1].agency = view_of(others[i]);
		refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/officer");
	}
	officers.of[1].agency = VIEW("east");
	released(a, e);
	approve(e, approval(a, 2, e));
	officers.of[2].agency = VIEW("east"); /* whom it does not name */
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/officer");
}
END_TEST

/* At a single gateway the partner discloses: its officers approve, not those of the gateway's own agency. */
START_TEST(a_partner_discloses)
{
	facts.self = VIEW("south");
	approve(e, approval(a, 1, e));
	released(a, e);
	officers.of[1].agency = VIEW("south");
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/officer");
}
END_TEST

/* From the signature on: 72 hours at most, or less where the agreement says so. */
START_TEST(lifetime)
{
	const int64_t signed_ms = facts.now_ms - 60000, hour = 3600 * SECOND_MS;

	approve(e, approval_until(a, e, signed_ms + 72 * hour - 10 * SECOND_MS));
	released(a, e);
	approve(e, approval_until(a, e, signed_ms + 72 * hour + 60 * SECOND_MS));
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/expires");
	approve(e, approval_until(a, e, facts.now_ms));
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/expires");
	put(doc, "/tiers/1/approval_lifetime", "\"PT2H\"");
	change_agreement(NULL, NULL);
	approve(e, approval_until(a, e, signed_ms + 2 * hour - 10 * SECOND_MS));
	released(a, e);
	approve(e, approval_until(a, e, signed_ms + 2 * hour + 60 * SECOND_MS));
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/expires");
}
END_TEST

START_TEST(an_agreement_allows_no_more)
{
	static const char *const values[] = { "\"PT73H\"", "\"P4D\"", "\"P1M\"", "\"P0D\"" };
	struct error_list errors = { .max = 20 };

	put(doc, "/tiers/1/approval_lifetime", values[_i]);
	ck_assert_ptr_null(load_doc(doc, &from, &errors));
	ck_assert_uint_eq(errors.n, 1);
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "/tiers/1/approval_lifetime: is longer than 72 hours"));
	error_list_free(&errors);
}
END_TEST

static const struct digest *used_statement;
static bool was_used(void *arg, const struct digest *statement)
{
	ck_assert_ptr_eq(arg, &officers);
	return used_statement && digest_eq(statement, used_statement);
}

/* Once; and what was signed before this node's log began anew may have been used, which nobody knows. */
START_TEST(used_once)
{
	facts.approval_used = was_used;
	used_statement = NULL;
	approve(e, approval(a, 1, e));
	released(a, e);
	struct digest used = bench.decision.approvals[0].statement;
	used_statement = &used;
	refused_at(a, e, REASON_APPROVAL_USED, "/approvals/0");
	approve(e, otherwise(a, 1, e, "salt", "02030400000000000000000000000000"));
	refused_at(a, e, REASON_APPROVAL_INVALID, "/approvals/0/statement/input");
	approve(e, approval(a, 2, e));
	released(a, e);
	facts.epoch_ms = facts.now_ms;
	refused_at(a, e, REASON_APPROVAL_USED, "/approvals/0/signature");
	facts.epoch_ms = facts.now_ms - 3600 * SECOND_MS;
	released(a, e);
}
END_TEST

START_TEST(training_and_quota)
{
	approve(e, approval(a, 1, e));
	train(facts.now_ms - 1);
	refused_with(a, e, REASON_TRAINING_EXPIRED);
	ck_assert_str_eq(bench.decision.failed[0].pointer, "/officer/certificate");
	refused_at(a, e, REASON_TRAINING_EXPIRED, "/approvals/0/statement/officer");
	train(facts.now_ms + DAY_MS);
	facts.exception_uses = 10;
	refused_with(a, e, REASON_EXCEPTION_QUOTA);
	facts.exception_uses = 9;
	released(a, e);
	facts.now_ms += 200 * DAY_MS; /* put_in_force() */
	refused_with(a, e, REASON_EXCEPTION_EXPIRED);
}
END_TEST

/* A reason says something, and is for the field itself or the agreement's rule. */
START_TEST(justifications)
{
	static const char *const nothing[] = {
		" ",        "\t\n",         "...",          "-",        "***", "\xe2\x80\x8b",
		"\xc2\xa0", "\xe3\x80\x80", "\xe2\xa0\x80", "\xcc\x81", "?!",
	};
	static const char *const something[] = { "x", "7", "\xd0\xb6", "\xe4\xba\xba", "\xd9\xa3", " - a" };
	json_t *list = json_object_get(e, "justifications"), *first = json_array_get(list, 0);

	approve(e, approval(a, 1, e));
	released(a, e);
	for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
		json_object_set_new(first, "reason", json_string(nothing[i]));
		refused_with(a, e, REASON_FIELD_UNJUSTIFIED);
		ck_assert_str_eq(bench.decision.failed[0].pointer, "/notice");
	}
	for (size_t i = 0; i < sizeof something / sizeof something[0]; i++) {
		json_object_set_new(first, "reason", json_string(something[i]));
		released(a, e);
	}
	json_object_set_new(first, "pointer", json_string("/*"));
	refused_with(a, e, REASON_FIELD_UNJUSTIFIED);
	json_object_set_new(first, "pointer", json_string("/notice"));
	released(a, e);
	json_array_remove(list, 0);
	refused_with(a, e, REASON_FIELD_UNJUSTIFIED);
	/* Without the exception a name does not leave in clear. */
	json_object_del(e, "exception");
	approve(e, approval(a, 1, e));
	refused_with(a, e, REASON_TRANSFORM_REQUIRED);
}
END_TEST

/* An exception that asks for more approvals than its tier is what counts. */
START_TEST(exception_asks_for_more)
{
	change_agreement("/exceptions/0/approvals", "2");
	approve(e, approval(a, 1, e));
	ck_assert_int_eq(run(a, e), OUTCOME_HELD);
	ck_assert_str_eq(bench.decision.failed[0].clause, "/exceptions/0/approvals");
	ck_assert_uint_eq(bench.decision.lacking, 1);
	json_array_append_new(json_object_get(e, "approvals"), approval(a, 2, e));
	released(a, e);
}
END_TEST

TCase *make_approval_case(void)
{
	TCase *c = tcase_create("approval");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, open_case, close_case);
	tcase_add_test(c, lacking_is_held);
	tcase_add_loop_test(c, each_member_binds, 0, sizeof bound / sizeof *bound);
	tcase_add_test(c, bound_to_the_record);
	tcase_add_test(c, persons);
	tcase_add_test(c, whose_officers);
	tcase_add_test(c, a_partner_discloses);
	tcase_add_test(c, lifetime);
	tcase_add_loop_test(c, an_agreement_allows_no_more, 0, 4);
	tcase_add_test(c, used_once);
	tcase_add_test(c, training_and_quota);
	tcase_add_test(c, justifications);
	tcase_add_test(c, exception_asks_for_more);
	return c;
}
