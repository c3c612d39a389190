/* k-guards of an agreement: loaded, told in plain words, refused where nobody counts, and no matter of the recipient's. */
#include "lib/policy/diff.h"
#include "test/policy/decision_fixture.h"

#define GUARD \
	"{\"id\":\"rare\",\"pointer\":\"\",\"category\":\"quasi-identifier\",\"action\":\"k-guard\"," \
	"\"params\":{\"k\":5,\"fields\":[\"/travellers/*/api/born\",\"/contact/address/country\"]}}"

/* The passenger preset with one more rule; NULL with `errors`. */
static struct agreement *load_guarded(const char *rule, struct error_list *errors)
{
	json_t *doc = preset("pnr");

	json_array_append_new(json_object_get(doc, "rules"), json_loads(rule, 0, NULL));
	struct agreement *a = load_doc(doc, &from, errors);
	json_decref(doc);
	return a;
}

static void refused_with(const char *rule, const char *what)
{
	struct error_list errors = { .max = 20 };
	char line[800] = "";

	ck_assert_ptr_null(load_guarded(rule, &errors));
	ck_assert_uint_ge(errors.n, 1);
	error_print(&errors.items[0], line, sizeof line);
	ck_assert_msg(strstr(line, what) != NULL, "%s", line);
	error_list_free(&errors);
}

START_TEST(guards_are_checked_at_load)
{
	refused_with(
	        "{\"id\":\"rare\",\"pointer\":\"\",\"category\":\"quasi-identifier\",\"action\":\"k-guard\",\"params\":{\"k\":5,"
	        "\"fields\":[\"/locator\",\"/travellers/*/shoes\"]}}",
	        "/params/fields/1: rule rare: it matches nothing");
	refused_with(
	        "{\"id\":\"rare\",\"pointer\":\"/locator\",\"category\":\"quasi-identifier\",\"action\":\"k-guard\",\"params\":{\"k\":5,"
	        "\"fields\":[\"/locator\"]}}",
	        "/pointer");
	refused_with(
	        "{\"id\":\"rare\",\"pointer\":\"\",\"category\":\"quasi-identifier\",\"action\":\"k-guard\",\"params\":{\"k\":1,"
	        "\"fields\":[\"/locator\"]}}",
	        "/params/k");
	refused_with("{\"id\":\"rare\",\"pointer\":\"\",\"category\":\"quasi-identifier\",\"action\":\"k-guard\"}",
	             "params");
}
END_TEST

/* A record that comes alone is refused by name; with a batch around it, it passes, and at the recipient's nobody asks. */
START_TEST(alone_is_refused)
{
	struct error_list errors = { .max = 20 };
	struct agreement *a = load_guarded(GUARD, &errors);
	struct program_guard guards[GUARDS_MAX];
	struct error e = { .reason = REASON_NONE };
	json_t *v = envelope("pnr");

	print_errors(&errors);
	ck_assert_ptr_nonnull(a);
	ck_assert(agreement_has_guards(a));
	ck_assert_int_eq(run(a, v), OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_BATCH_REQUIRED);
	ck_assert_ptr_nonnull(strstr(bench.decision.failed[0].clause, "rule rare, k-guard"));

	struct transform_input in = { .tape = &bench.tape, .record = bench.envelope.record, .batch = true };
	const struct ruling *r = bench.decision.ruling;
	buf_reset(&bench.record);
	bench.decision.n_failed = 0;
	ck_assert_msg(program_run(r->program, bench.transform, &in, &bench.record, &e), "%s", e.text);
	ck_assert(decision_conclude(&bench.decision, &bench.envelope, &bench.tape, bench.transform));
	uint32_t released = bench.decision.released, dropped = bench.decision.dropped;
	ck_assert_uint_eq(program_guards(r->program, guards), 1);
	ck_assert_uint_eq(program_guards(r->shared, guards), 0);

	/* Withheld fields count as dropped, by the guard. */
	in.suppressed = 1;
	buf_reset(&bench.record);
	ck_assert_msg(program_run(r->program, bench.transform, &in, &bench.record, &e), "%s", e.text);
	ck_assert(decision_conclude(&bench.decision, &bench.envelope, &bench.tape, bench.transform));
	ck_assert_uint_eq(bench.decision.released, released - 3);
	ck_assert_uint_eq(bench.decision.dropped, dropped + 3);
	struct buf json = BUF_INIT(1 << 20);
	decision_json(&bench.decision, &bench.tape, bench.envelope.record, bench.transform, &json);
	buf_addc(&json, 0);
	ck_assert_ptr_nonnull(
	        strstr(json.p, "{\"action\":\"drop\",\"pointer\":\"/contact/address/country\",\"rule\":\"rare\"}"));
	buf_free(&json);

	const struct ruling *ingress = agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_SUSPECT, false);
	ck_assert_uint_eq(program_guards(ingress->program, guards), 0);
	json_decref(v);
	agreement_unref(a);
}
END_TEST

/* What waits for a person is released alone, and so never. */
START_TEST(nothing_waits_under_a_guard)
{
	struct error_list errors = { .max = 20 };
	struct agreement *a = load_guarded(GUARD, &errors);
	struct error e = { .reason = REASON_NONE };
	json_t *v = envelope("pnr");

	ck_assert_ptr_nonnull(a);
	ck_assert_int_eq(run(a, v), OUTCOME_REFUSED);
	struct transform_input in = { .tape = &bench.tape, .record = bench.envelope.record, .batch = true };
	buf_reset(&bench.record);
	bench.decision.n_failed = 0;
	bench.decision.wait = true;
	ck_assert(program_run(bench.decision.ruling->program, bench.transform, &in, &bench.record, &e));
	ck_assert(!decision_conclude(&bench.decision, &bench.envelope, &bench.tape, bench.transform));
	ck_assert_int_eq(bench.decision.outcome, OUTCOME_REFUSED);
	ck_assert_int_eq(bench.decision.failed[0].reason, REASON_BATCH_REQUIRED);
	ck_assert_int_eq(strncmp(bench.decision.failed[0].clause, "/rules/", 7), 0);
	json_decref(v);
	agreement_unref(a);
}
END_TEST

static void take(void *arg, enum diff_kind kind, const char *pointer, const char *text)
{
	(void)kind, (void)pointer;
	buf_addf(arg, "%s\n", text);
}

START_TEST(guards_are_told)
{
	struct error_list errors = { .max = 20 };
	struct agreement *
	        a = load_guarded(GUARD, &errors),
	       *b = load_guarded(
	               "{\"id\":\"rare\",\"pointer\":\"\",\"category\":\"quasi-identifier\","
	               "\"action\":\"k-guard\",\"params\":{\"k\":9,\"fields\":[\"/locator\"],\"otherwise\":\"refuse\"}}",
	               &errors),
	       *none = load_with("pnr", NULL, NULL);
	static const struct {
		const char *what;
		unsigned turn;
	} told[] = {
		{ "a k-guard withholds rare combinations, where before none did", 0 },
		{ "a k-guard no longer withholds rare combinations", 1 },
		{ "a k-guard has other parameters", 2 },
	};
	struct buf out = BUF_INIT(1 << 20);

	ck_assert(a && b && !agreement_has_guards(none));
	ck_assert(agreement_summary(a, false, &out));
	buf_addc(&out, 0);
	ck_assert_ptr_nonnull(strstr(out.p, "Where fewer than 5 of them"));
	ck_assert_ptr_nonnull(strstr(out.p, "these are left out: travellers (api born)"));
	buf_reset(&out);
	ck_assert(agreement_summary(b, false, &out));
	buf_addc(&out, 0);
	ck_assert_ptr_nonnull(strstr(out.p, "a record is not passed on at all; it is about: locator"));
	for (size_t i = 0; i < 3; i++) {
		buf_reset(&out);
		size_t looser = agreement_diff(told[i].turn == 0 ? none : a,
		                               told[i].turn == 0   ? a
		                               : told[i].turn == 1 ? none
		                                                   : b,
		                               take, &out);
		ck_assert(looser > 0 || told[i].turn != 1);
		buf_addc(&out, 0);
		ck_assert_msg(strstr(out.p, told[i].what) != NULL, "%s", out.p);
	}
	buf_free(&out);
	agreement_unref(a);
	agreement_unref(b);
	agreement_unref(none);
}
END_TEST

TCase *make_guards_case(void);
TCase *make_guards_case(void)
{
	TCase *c = tcase_create("guards");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, guards_are_checked_at_load);
	tcase_add_test(c, alone_is_refused);
	tcase_add_test(c, nothing_waits_under_a_guard);
	tcase_add_test(c, guards_are_told);
	return c;
}
