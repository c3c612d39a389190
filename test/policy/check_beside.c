/* What leaves beside the record: nothing that the clause `envelope` does not list, what it lists by its pattern, and at
 * the recipient only what arrived in its form. */
#include "test/policy/decision_fixture.h"

#include "lib/policy/diff.h"
#include "lib/policy/lint.h"

TCase *make_beside_case(void);

#define ZERO32     "0000000000000000000000000000000000000000000000000000000000000000"
#define CANARY     "canary of a made-up sender"
#define CASE_RULE  "{\"member\":\"case\",\"action\":\"keep\",\"pattern\":\"^[A-Z]{2}-[0-9]{4}-[0-9]{1,8}$\"}"
#define WORDS_RULE "{\"member\":\"handling\",\"action\":\"keep\",\"pattern\":\"^[ -~]{1,60}$\"}"
#define REFERENCE_RULE(action, params) \
	"{\"member\":\"reference\",\"action\":\"" action "\",\"params\":" params ",\"pattern\":\"^[A-Z0-9-]{1,30}$\"}"
#define PSEUDONYM_RULE REFERENCE_RULE("pseudonym", "{\"domain\":\"ticket\",\"normalise\":\"exact\"}")

static struct agreement *pnr_with(const char *clause)
{
	return load_with("pnr", "/envelope", clause);
}

static json_t *text_codes(const char *json)
{
	json_t *codes = json_loads(json, 0, NULL);

	ck_assert_ptr_nonnull(codes);
	return codes;
}

/* The delivery of what has been released. */
static void delivered(void)
{
	buf_reset(&bench.delivery);
	beside_delivery(&bench.decision, &bench.envelope, &bench.beside, &bench.order, &bench.delivery);
}

static bool holds(const struct buf *b, const char *text)
{
	return b->p && memmem(b->p, b->n, text, strlen(text)) != NULL;
}

static bool delivers(const char *text)
{
	delivered();
	return holds(&bench.delivery, text);
}

#define FAILED_ONCE(want, clause_, pointer_) \
	do { \
		ck_assert_uint_eq(bench.decision.n_failed, 1); \
		ck_assert_str_eq(reason_slug(bench.decision.failed[0].reason), reason_slug(want)); \
		ck_assert_str_eq(bench.decision.failed[0].clause, clause_); \
		ck_assert_str_eq(bench.decision.failed[0].pointer, pointer_); \
	} while (0)

/* --- what loads --- */

static const struct {
	const char *clause, *place, *what;
} faults[] = {
	{ "[{\"member\":\"case\",\"action\":\"keep\"}]", "/envelope/0", "pattern" },
	{ "[{\"member\":\"case\",\"action\":\"mask\",\"pattern\":\"^a$\"}]", "/envelope/0/action", "" },
	{ "[{\"member\":\"necessity\",\"action\":\"keep\",\"pattern\":\"^a$\"}]", "/envelope/0/member", "" },
	{ "[{\"member\":\"case\",\"action\":\"keep\",\"pattern\":\"^[a-z]+$\"}]", "/envelope/0/pattern", "no length" },
	{ "[{\"member\":\"case\",\"action\":\"keep\",\"pattern\":\"^[a-z]{3,}$\"}]", "/envelope/0/pattern",
	  "no length" },
	{ "[{\"member\":\"case\",\"action\":\"keep\",\"pattern\":\"[a-z]{3}$\"}]", "/envelope/0/pattern", "no length" },
	{ "[{\"member\":\"case\",\"action\":\"keep\",\"pattern\":\"^[a-z]{3}\"}]", "/envelope/0/pattern", "no length" },
	{ "[{\"member\":\"case\",\"action\":\"keep\",\"pattern\":\"^a$|.*\"}]", "/envelope/0/pattern", "no length" },
	{ "[{\"member\":\"case\",\"action\":\"keep\",\"pattern\":\"^.{1,129}$\"}]", "/envelope/0/pattern", "128" },
	{ "[{\"member\":\"handling\",\"action\":\"keep\",\"pattern\":\"^.{1,2001}$\"}]", "/envelope/0/pattern",
	  "2000" },
	{ "[{\"member\":\"case\",\"action\":\"keep\",\"pattern\":\"^[a$\"}]", "/envelope/0/pattern", "" },
	{ "[{\"member\":\"case\",\"action\":\"token\",\"params\":{\"domain\":\"ticket\"},\"pattern\":\"^.{1,40}$\"}]",
	  "/envelope/0/pattern", "39" },
	{ "[{\"member\":\"case\",\"action\":\"token\",\"params\":{\"domain\":\"ticket\",\"per_subject\":true},"
	  "\"pattern\":\"^.{1,9}$\"}]",
	  "/envelope/0/params", "" },
	{ "[{\"member\":\"case\",\"action\":\"pseudonym\",\"pattern\":\"^.{1,9}$\"}]", "/envelope/0", "params" },
	{ "[{\"member\":\"handling\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"ticket\",\"normalise\":\"exact\"},"
	  "\"pattern\":\"^.{1,9}$\"}]",
	  "/envelope/0/action", "keep or drop" },
	{ "[" CASE_RULE "," CASE_RULE "]", "/envelope/1/member", "the same as in /envelope/0" },
};

START_TEST(what_does_not_load)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");

	put(doc, "/envelope", faults[_i].clause);
	ck_assert_ptr_null(load_doc(doc, &from, &errors));
	print_errors(&errors);
	ck_assert(says(&errors, faults[_i].place, faults[_i].what));
	error_list_free(&errors);
	json_decref(doc);
}
END_TEST

/* Rules of pnr that take the envelope's reference for the data subject, and one that names it in the record. */
static const struct {
	const char *rule;
	bool loads;
} subjects[] = {
	{ "{\"id\":\"s\",\"pointer\":\"/reserved_on\",\"category\":\"operational\",\"action\":\"date-shift\","
	  "\"params\":{\"domain\":\"ticket\",\"days\":30},\"when\":{\"tiers\":[\"T2\"]}}",
	  false },
	{ "{\"id\":\"s\",\"pointer\":\"/remarks/*\",\"category\":\"free-text\",\"action\":\"token\","
	  "\"params\":{\"domain\":\"ticket\",\"per_subject\":true}}",
	  false },
	{ "{\"id\":\"s\",\"pointer\":\"/remarks/*\",\"category\":\"free-text\",\"action\":\"token\","
	  "\"params\":{\"domain\":\"ticket\"}}",
	  true },
	{ "{\"id\":\"s\",\"pointer\":\"/reserved_on\",\"category\":\"operational\",\"action\":\"date-shift\","
	  "\"params\":{\"domain\":\"ticket\",\"days\":30,\"subject\":\"/locator\"}}",
	  true },
};

static json_t *with_subject_rule(const char *rule, const char *clause)
{
	json_t *doc = preset("pnr"), *rules = json_array();

	json_array_append_new(rules, json_loads("{\"id\":\"c\",\"pointer\":\"/itinerary/*/from\",\"category\":"
	                                        "\"operational\",\"action\":\"keep\"}",
	                                        0, NULL));
	json_array_append_new(rules, json_loads(rule, 0, NULL));
	json_object_set_new(doc, "rules", rules);
	json_object_del(doc, "exceptions");
	put(doc, "/envelope", clause);
	return doc;
}

START_TEST(the_subject_is_not_kept)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = with_subject_rule(subjects[_i].rule, "[" REFERENCE_RULE("keep", "{}") "]");
	struct agreement *a = load_doc(doc, &from, &errors);

	if (subjects[_i].loads)
		print_errors(&errors);
	ck_assert_int_eq(a != NULL, subjects[_i].loads);
	if (!a)
		ck_assert(says(&errors, "/envelope/0/action", "never leaves as it is"));
	agreement_unref(a);
	/* A code of it may leave, and so may nothing. */
	json_decref(doc);
	doc = with_subject_rule(subjects[_i].rule, "[" PSEUDONYM_RULE "]");
	a = load_doc(doc, &from, &errors);
	ck_assert_ptr_nonnull(a);
	agreement_unref(a);
	error_list_free(&errors);
	json_decref(doc);
}
END_TEST

/* Nor does it leave within another text. */
START_TEST(the_subject_in_another_text)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = with_subject_rule(subjects[1].rule, "[" CASE_RULE "," WORDS_RULE "]"), *e = envelope("pnr");
	struct agreement *a = load_doc(doc, &from, &errors);

	print_errors(&errors);
	json_object_set_new(e, "reference", json_string("2026-0815"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	FAILED_ONCE(REASON_ENVELOPE_MEMBER, "/envelope/0/action", "/case");
	json_object_set_new(e, "reference", json_string("4711"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	/* Three bytes stand there by chance, unless they are all of it. */
	json_object_set_new(e, "reference", json_string("081"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	json_object_set_new(e, "reference", json_string("4711"));
	json_object_set_new(e, "handling",
	                    text_codes("[{\"scale\":\"europol-handling\",\"value\":\"H3\",\"text\":\"as in 4711\"}]"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	FAILED_ONCE(REASON_ENVELOPE_MEMBER, "/envelope/1/action", "/handling/0/text");
	agreement_unref(a);
	error_list_free(&errors);
	json_decref(doc);
	json_decref(e);
}
END_TEST

/* --- what leaves --- */

START_TEST(without_the_clause_nothing_leaves)
{
	struct agreement *a = pnr_with("[]");
	json_t *e = envelope("pnr");
	struct buf json = BUF_INIT(1 << 20);

	json_object_set_new(e, "case", json_string(CANARY));
	json_object_set_new(e, "reference", json_string(CANARY));
	json_object_set_new(e, "justifications", json_pack("[{s:s,s:s}]", "pointer", "", "reason", CANARY));
	json_object_set_new(json_object_get(e, "necessity"), "explanation", json_string(CANARY));
	json_object_set_new(e, "handling",
	                    text_codes("[{\"scale\":\"tlp-2.0\",\"value\":\"AMBER\",\"text\":\"" CANARY "\"}]"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert(!delivers(CANARY));
	ck_assert_uint_eq(bench.decision.beside, 0);
	ck_assert_uint_eq(bench.decision.checked, CHECKED_CASE | CHECKED_NECESSITY);
	ck_assert(delivers("\"handling\":[{\"scale\":\"tlp-2.0\",\"value\":\"AMBER\"}]"));
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, &json);
	ck_assert(!holds(&json, "\"envelope\""));
	agreement_unref(a);
	buf_free(&json);
	json_decref(e);
}
END_TEST

START_TEST(what_the_clause_lists)
{
	struct agreement *a = pnr_with("[" CASE_RULE "," PSEUDONYM_RULE "]");
	json_t *e = envelope("pnr");
	struct buf json = BUF_INIT(1 << 20);

	json_object_set_new(e, "reference", json_string("AB-1"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert(delivers("\"case\":\"XN-2026-0815\""));
	ck_assert(delivers("\"reference\":\"p1.1.") && !delivers("AB-1"));
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, &json);
	ck_assert(holds(&json, "\"envelope\":[{\"action\":\"keep\",\"member\":\"case\"},"
	                       "{\"action\":\"pseudonym\",\"member\":\"reference\"}]"));
	/* In the one form: what arrives is spelled as it was digested. */
	json_t *parcel = bench_delivery(&bench);
	char *text = json_dumps(parcel, JSON_INDENT(2));
	struct buf again = BUF_INIT(1 << 16);
	struct error error = { .reason = REASON_NONE };
	struct tape t;
	ck_assert(tape_parse(bench.in, view_of(text), &t, &error));
	beside_arrived(&t, &bench.order, &again);
	ck_assert(view_eq(buf_view(&again), buf_view(&bench.delivery)));
	agreement_unref(a);
	a = pnr_with("[" REFERENCE_RULE("token", "{\"domain\":\"ticket\"}") "]");
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert(delivers("\"reference\":\"t1.1.") && !delivers("AB-1") && !delivers("\"case\""));
	agreement_unref(a);
	free(text);
	buf_free(&again);
	buf_free(&json);
	json_decref(parcel);
	json_decref(e);
}
END_TEST

/* What would leave and is not what the pattern says refuses the record: the place and the rule, never the value. */
static const struct {
	const char *member, *value, *clause, *pointer;
} misfits[] = {
	{ "case", "\"XN-2026-0815 " CANARY "\"", "/envelope/0/pattern", "/case" },
	{ "case", "\"XN-2026-0815\\n\"", "/envelope/0/pattern", "/case" },
	{ "case", "\"\\u202eXN-2026-0815\"", "/envelope/0/pattern", "/case" },
	{ "case", "\"XN-2026-\\u0660\\u0661\"", "/envelope/0/pattern", "/case" },
	{ "case", "\"XN-2026-\\uff11\"", "/envelope/0/pattern", "/case" },
	{ "case", "\"XN-2026-1\\u0000\"", "/envelope/0/pattern", "/case" },
	{ "reference", "\"ab-1\"", "/envelope/1/pattern", "/reference" },
	{ "handling", "[{\"scale\":\"europol-handling\",\"value\":\"H3\",\"text\":\"\\ud83d\\ude00\"}]",
	  "/envelope/2/pattern", "/handling/0/text" },
	{ "handling",
	  "[{\"scale\":\"tlp-2.0\",\"value\":\"RED\"},{\"scale\":\"europol-handling\",\"value\":\"H3\",\"text\":"
	  "\"1234567890123456789012345678901234567890123456789012345678901\"}]",
	  "/envelope/2/pattern", "/handling/1/text" },
};

START_TEST(what_does_not_fit_its_pattern)
{
	struct agreement *a = pnr_with("[" CASE_RULE "," PSEUDONYM_RULE "," WORDS_RULE "]");
	json_t *e = envelope("pnr");
	struct buf json = BUF_INIT(1 << 20);
	json_t *value = json_loads(misfits[_i].value, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	ck_assert_ptr_nonnull(value);
	json_object_set_new(e, misfits[_i].member, value);
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	FAILED_ONCE(REASON_ENVELOPE_MEMBER, misfits[_i].clause, misfits[_i].pointer);
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, NULL, &json);
	ck_assert(!holds(&json, "canary") && !holds(&json, "0815"));
	agreement_unref(a);
	buf_free(&json);
	json_decref(e);
}
END_TEST

/* However a sender spells, orders or repeats codes: each once, in the order of the lists, and words of H3 alone. */
START_TEST(codes_leave_in_one_form)
{
	struct agreement *a = pnr_with("[" WORDS_RULE "]");
	json_t *e = envelope("pnr");

	json_object_set_new(
	        e, "handling",
	        text_codes(
	                "[{\"value\":\"RED\",\"scale\":\"tlp-2.0\"},"
	                "{\"scale\":\"europol-handling\",\"value\":\"H1\",\"text\":\"" CANARY "\"},"
	                "{\"scale\":\"tlp-2.0\",\"value\":\"RED\",\"text\":\"" CANARY "\"},"
	                "{\"scale\":\"europol-source\",\"value\":\"B\"},{\"scale\":\"europol-source\",\"value\":\"A\"}]"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert(delivers("\"handling\":[{\"scale\":\"europol-source\",\"value\":\"A\"},"
	                   "{\"scale\":\"europol-source\",\"value\":\"B\"},"
	                   "{\"scale\":\"europol-handling\",\"value\":\"H1\"},"
	                   "{\"scale\":\"tlp-2.0\",\"value\":\"RED\"}]"));
	ck_assert(!delivers(CANARY));
	json_object_set_new(e, "handling",
	                    text_codes("[{\"scale\":\"europol-handling\",\"value\":\"H3\",\"text\":\"" CANARY "\"}]"));
	ck_assert_int_eq(run(a, e), OUTCOME_HELD);
	ck_assert(delivers("{\"scale\":\"europol-handling\",\"text\":\"" CANARY "\",\"value\":\"H3\"}"));
	/* The second one's words would be lost. */
	json_object_set_new(e, "handling",
	                    text_codes("[{\"scale\":\"europol-handling\",\"value\":\"H3\",\"text\":\"a\"},"
	                               "{\"scale\":\"europol-handling\",\"value\":\"H3\",\"text\":\"b\"}]"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	FAILED_ONCE(REASON_HANDLING_UNKNOWN, "/handling/scales", "/handling/1");
	json_object_set_new(e, "handling", json_array());
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert(!delivers("handling"));
	agreement_unref(a);
	json_decref(e);
}
END_TEST

/* A restriction without its words is none. */
START_TEST(h3_without_its_words)
{
	static const char *const clauses[] = { "[]", "[{\"member\":\"handling\",\"action\":\"drop\"}]",
		                               "[" WORDS_RULE "]" };
	static const char *const places[] = { "/envelope", "/envelope/0/action", "/envelope/0/action" };
	json_t *e = envelope("pnr");

	if (_i == 2)
		from.overlay = VIEW("{\"version\":\"1\",\"denied_envelope\":[\"handling\"]}");
	struct agreement *a = pnr_with(clauses[_i]);
	json_object_set_new(e, "handling",
	                    text_codes("[{\"scale\":\"europol-handling\",\"value\":\"H3\",\"text\":\"ask first\"}]"));
	ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
	FAILED_ONCE(REASON_HANDLING_UNKNOWN, places[_i], "/handling/0/text");
	agreement_unref(a);
	json_decref(e);
}
END_TEST

/* --- floor and overlay --- */

START_TEST(the_floor_forbids_it_in_clear)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");

	from.floor = VIEW("{\"version\":\"1\",\"envelope_never_clear\":[\"reference\",\"case\"]}");
	put(doc, "/envelope", "[" PSEUDONYM_RULE "," CASE_RULE "]");
	ck_assert_ptr_null(load_doc(doc, &from, &errors));
	ck_assert_uint_eq(errors.n, 1);
	ck_assert_int_eq(errors.items[0].reason, REASON_BELOW_FLOOR);
	ck_assert(says(&errors, "/envelope/1/action", "/envelope_never_clear/1"));
	error_list_free(&errors);
	put(doc, "/envelope", "[" PSEUDONYM_RULE ",{\"member\":\"case\",\"action\":\"drop\"}]");
	struct agreement *a = load_doc(doc, &from, &errors);
	ck_assert_ptr_nonnull(a);
	agreement_unref(a);
	json_decref(doc);
}
END_TEST

START_TEST(the_overlay_drops)
{
	from.overlay = VIEW("{\"version\":\"1\",\"denied_envelope\":[\"case\",\"reference\"]}");
	struct agreement *a = pnr_with("[" CASE_RULE "," PSEUDONYM_RULE "]");
	json_t *e = envelope("pnr");

	/* What does not leave need not fit. */
	json_object_set_new(e, "case", json_string(CANARY));
	json_object_set_new(e, "reference", json_string(CANARY));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	ck_assert(!delivers("\"case\"") && !delivers("\"reference\""));
	ck_assert_uint_eq(bench.decision.checked & CHECKED_CASE, CHECKED_CASE);
	agreement_unref(a);
	json_decref(e);
}
END_TEST

/* --- what arrives --- */

START_TEST(the_recipient_takes_what_was_checked)
{
	struct agreement *sender = pnr_with("[]");
	json_t *e = envelope("pnr");

	ck_assert_int_eq(run(sender, e), OUTCOME_TRANSFORMED);
	from.self = VIEW("south");
	struct agreement *receiver = pnr_with("[]");
	deliver(&e);
	ck_assert_int_eq(run(receiver, e), OUTCOME_RELEASED);
	ck_assert_uint_eq(bench.decision.checked, CHECKED_CASE | CHECKED_NECESSITY);
	facts.checked = CHECKED_NECESSITY;
	ck_assert_int_eq(run(receiver, e), OUTCOME_REFUSED);
	FAILED_ONCE(REASON_CASE_MISSING, "/tiers/1/case", "/origin/entry");
	facts.checked = CHECKED_CASE;
	ck_assert_int_eq(run(receiver, e), OUTCOME_REFUSED);
	FAILED_ONCE(REASON_NECESSITY_INCOMPLETE, "/tiers/1/necessity", "/origin/entry");
	agreement_unref(sender);
	agreement_unref(receiver);
	json_decref(e);
}
END_TEST

/* What no agreement lets leave, what this one does not list, and what has not the form that its action leaves. */
static const struct {
	const char *clause, *member, *value, *at, *pointer;
} strays[] = {
	{ "[]", "case", "\"XN-2026-0815\"", "/envelope", "/case" },
	{ "[]", "reference", "\"r\"", "/envelope", "/reference" },
	{ "[{\"member\":\"reference\",\"action\":\"drop\"}]", "reference", "\"r\"", "/envelope/0/action",
	  "/reference" },
	{ "[" CASE_RULE "]", "case", "\"" CANARY "\"", "/envelope/0/pattern", "/case" },
	{ "[" PSEUDONYM_RULE "]", "reference", "\"AB-1\"", "/envelope/0/action", "/reference" },
	{ "[" PSEUDONYM_RULE "]", "reference", "\"p1.0.aaaaaaaaaaaaaaaaaaaaaaaaaa\"", "/envelope/0/action",
	  "/reference" },
	{ "[]", "handling", "[{\"scale\":\"europol-handling\",\"value\":\"H3\",\"text\":\"w\"}]", "/envelope",
	  "/handling/0/text" },
	{ "[" WORDS_RULE "]", "handling", "[{\"scale\":\"europol-handling\",\"value\":\"H3\",\"text\":\"\\n\"}]",
	  "/envelope/0/pattern", "/handling/0/text" },
	{ "[]", "necessity", "{}", "/envelope", "/necessity" },
	{ "[]", "justifications", "[]", "/envelope", "/justifications" },
	{ "[]", "approvals", "[]", "/envelope", "/approvals" },
	{ "[]", "officer", "{\"certificate\":\"" ZERO32 "\"}", "/envelope", "/officer" },
};

START_TEST(what_must_not_arrive)
{
	struct agreement *sender = pnr_with(strays[_i].clause);
	json_t *e = envelope("pnr");

	ck_assert_int_eq(run(sender, e), OUTCOME_TRANSFORMED);
	from.self = VIEW("south");
	struct agreement *receiver = pnr_with(strays[_i].clause);
	deliver(&e);
	json_object_set_new(e, strays[_i].member, json_loads(strays[_i].value, JSON_DECODE_ANY, NULL));
	ck_assert_int_eq(run(receiver, e), OUTCOME_REFUSED);
	FAILED_ONCE(REASON_OUTPUT_VIOLATION, strays[_i].at, strays[_i].pointer);
	agreement_unref(sender);
	agreement_unref(receiver);
	json_decref(e);
}
END_TEST

/* This nation's system gets less than arrived. */
START_TEST(the_recipients_overlay_drops)
{
	const char *clause = "[" CASE_RULE "," PSEUDONYM_RULE "," WORDS_RULE "]";
	struct agreement *sender = pnr_with(clause);
	json_t *e = envelope("pnr");

	json_object_set_new(e, "reference", json_string("AB-1"));
	json_object_set_new(e, "handling",
	                    text_codes("[{\"scale\":\"europol-handling\",\"value\":\"H3\",\"text\":\"ask\"}]"));
	ck_assert_int_eq(run(sender, e), OUTCOME_HELD);
	from.self = VIEW("south");
	deliver(&e);
	struct agreement *receiver = pnr_with(clause);
	ck_assert_int_eq(run(receiver, e), OUTCOME_HELD);
	ck_assert(view_is(bench.beside.case_ref, "\"XN-2026-0815\"") &&
	          view_starts(bench.beside.reference, VIEW("\"p1.")));
	ck_assert(
	        view_is(bench.beside.handling, "[{\"scale\":\"europol-handling\",\"text\":\"ask\",\"value\":\"H3\"}]"));
	agreement_unref(receiver);
	from.overlay = VIEW("{\"version\":\"1\",\"denied_envelope\":[\"case\",\"reference\",\"handling\"]}");
	receiver = pnr_with(clause);
	ck_assert_int_eq(run(receiver, e), OUTCOME_HELD);
	ck_assert(bench.beside.case_ref.n == 0 && bench.beside.reference.n == 0);
	ck_assert(view_is(bench.beside.handling, "[{\"scale\":\"europol-handling\",\"value\":\"H3\"}]"));
	agreement_unref(sender);
	agreement_unref(receiver);
	json_decref(e);
}
END_TEST

/* --- words --- */

START_TEST(words_of_what_was_checked)
{
	struct buf out = BUF_INIT(100);

	for (unsigned checked = 0; checked < 16; checked++) {
		buf_reset(&out);
		checked_print(checked, &out);
		ck_assert_uint_eq(checked_parse(buf_view(&out)), checked);
	}
	ck_assert(view_is(buf_view(&out), "case,consent,justifications,necessity"));
	ck_assert_uint_eq(checked_parse(VIEW("later,case")), CHECKED_CASE);
	ck_assert_uint_eq(checked_parse(VIEW("cases")), 0);
	buf_free(&out);
}
END_TEST

/* The words in a sender's entry; one that has none, or another thing there, says nothing. */
START_TEST(words_of_an_entry)
{
	static const char *const nothing[] = { "{}", "{\"checked\":7}", "{\"checked\":null}",
		                               "[]", "\"case\"",        "[\"checked\",\"case\"]" };
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	ck_assert(tape_parse(bench.in, VIEW("{\"a\":1,\"checked\":\"case,necessity\"}"), &t, &e));
	ck_assert_uint_eq(checked_of_entry(&t), CHECKED_CASE | CHECKED_NECESSITY);
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
		ck_assert(tape_parse(bench.in, view_of(nothing[i]), &t, &e));
		ck_assert_uint_eq(checked_of_entry(&t), 0);
	}
}
END_TEST

static void note_change(void *arg, enum diff_kind kind, const char *pointer, const char *text)
{
	buf_addf(arg, "%d %s %s\n", kind, pointer, text);
}

static void note_finding(void *arg, const struct lint_finding *f)
{
	buf_addf(arg, "%s %s\n", f->rule, f->pointer);
}

START_TEST(what_people_are_told)
{
	struct buf out = BUF_INIT(1 << 20);
	struct agreement *none = pnr_with("[]");
	struct agreement *some = pnr_with("[" CASE_RULE "," PSEUDONYM_RULE "]");
	struct agreement *more = pnr_with("[{\"member\":\"case\",\"action\":\"keep\",\"pattern\":\"^.{1,128}$\"},"
	                                  "{\"member\":\"reference\",\"action\":\"keep\",\"pattern\":\"^.{1,9}$\"},"
	                                  "{\"member\":\"handling\",\"action\":\"drop\"}]");

	ck_assert(agreement_summary(none, false, &out));
	ck_assert(holds(&out, "nothing that the giver writes."));
	buf_reset(&out);
	ck_assert(agreement_summary(some, false, &out));
	ck_assert(holds(&out, "the number of the case, at most 16 characters"));
	ck_assert(holds(&out, "the giver's own reference, replaced by a code"));
	buf_reset(&out);
	ck_assert_uint_eq(agreement_diff(none, some, note_change, &out), 2);
	buf_addc(&out, '\0');
	ck_assert_ptr_nonnull(strstr(out.p, "/envelope/0 the envelope's case leaves as it is, before: stays"));
	ck_assert_ptr_nonnull(strstr(out.p, "/envelope/1 the envelope's reference leaves as a code, before: stays"));
	buf_reset(&out);
	ck_assert_uint_eq(agreement_diff(some, more, note_change, &out), 2);
	buf_reset(&out);
	ck_assert_uint_eq(agreement_diff(more, none, note_change, &out), 0);
	buf_reset(&out);
	agreement_lint(more, NOW, note_finding, &out);
	buf_addc(&out, '\0');
	ck_assert_ptr_nonnull(strstr(out.p, "envelope-wordy /envelope/0"));
	ck_assert_ptr_null(strstr(out.p, "envelope-wordy /envelope/1"));
	ck_assert_ptr_nonnull(strstr(out.p, "no-words /handling/scales"));
	agreement_unref(none);
	agreement_unref(some);
	agreement_unref(more);
	buf_free(&out);
}
END_TEST

TCase *make_beside_case(void)
{
	TCase *c = tcase_create("beside");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, what_does_not_load, 0, sizeof faults / sizeof faults[0]);
	tcase_add_loop_test(c, the_subject_is_not_kept, 0, sizeof subjects / sizeof subjects[0]);
	tcase_add_test(c, the_subject_in_another_text);
	tcase_add_test(c, without_the_clause_nothing_leaves);
	tcase_add_test(c, what_the_clause_lists);
	tcase_add_loop_test(c, what_does_not_fit_its_pattern, 0, sizeof misfits / sizeof misfits[0]);
	tcase_add_test(c, codes_leave_in_one_form);
	tcase_add_loop_test(c, h3_without_its_words, 0, 3);
	tcase_add_test(c, the_floor_forbids_it_in_clear);
	tcase_add_test(c, the_overlay_drops);
	tcase_add_test(c, the_recipient_takes_what_was_checked);
	tcase_add_loop_test(c, what_must_not_arrive, 0, sizeof strays / sizeof strays[0]);
	tcase_add_test(c, the_recipients_overlay_drops);
	tcase_add_test(c, words_of_what_was_checked);
	tcase_add_test(c, words_of_an_entry);
	tcase_add_test(c, what_people_are_told);
	return c;
}
