/* What the decision prints: ASCII whatever is in it, the epochs' digest at the sender's alone, and no leaf of a record
 * that was refused before it was run. */
#include "test/policy/decision_fixture.h"

TCase *make_decision_json_case(void);

static json_t *printed(const struct decision *d, const struct transform_run *run, struct buf *out)
{
	buf_reset(out);
	decision_json(d, &bench.tape, bench.envelope.record, run, out);
	for (size_t i = 0; i < out->n; i++)
		ck_assert_msg((unsigned char)out->p[i] >= 0x20 && (unsigned char)out->p[i] < 0x7f, "byte %zu", i);
	json_t *doc = json_loadb(out->p, out->n, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(doc != NULL, "%.*s", VIEW_ARG(buf_view(out)));
	return doc;
}

START_TEST(texts_in_ascii)
{
	static const char *const texts[] = { "plain",        "a \"quoted\" back\\slash", "\xc3\xa9t\xc3\xa9",
		                             "\xe2\x82\xac", "\xf0\x9d\x84\x9e clef",    "tab\tand\x1f" };
	struct buf out = BUF_INIT(1 << 16);

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		const struct decision d = { .outcome = OUTCOME_REFUSED, .build = view_of(texts[i]), .now_ms = NOW };
		json_t *doc = printed(&d, NULL, &out);
		ck_assert_str_eq(json_string_value(json_object_get(doc, "build")), texts[i]);
		json_decref(doc);
	}
	buf_free(&out);
}
END_TEST

START_TEST(refused_before_it_was_run)
{
	struct agreement *a = load_with("pnr", NULL, NULL);
	struct buf out = BUF_INIT(1 << 16);
	json_t *e = envelope("pnr");

	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED); /* whose steps the run still has */
	json_object_set_new(e, "purpose", json_string("marketing"));
	for (int arrived = 0; arrived < 2; arrived++) {
		facts.gateway = arrived;
		if (arrived)
			facts.self = VIEW("south");
		ck_assert_int_eq(run(a, e), OUTCOME_REFUSED);
		json_t *doc = printed(&bench.decision, bench.transform, &out);
		ck_assert_uint_eq(json_array_size(json_object_get(doc, "dropped")), 0);
		ck_assert_uint_eq(json_array_size(json_object_get(doc, "released")), 0);
		ck_assert(json_array_size(json_object_get(doc, "failed")) > 0);
		ck_assert(json_object_get(json_object_get(doc, "digests"), "epochs") == NULL);
		json_decref(doc);
	}
	buf_free(&out);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

/* An array of ten items and more. */
START_TEST(numbers_in_pointers)
{
	struct agreement *a = load_with("pnr", NULL, NULL);
	struct buf out = BUF_INIT(1 << 20);
	json_t *e = envelope("pnr"), *record = json_object_get(e, "record");
	json_t *travellers = json_object_get(record, "travellers"), *first = json_array_get(travellers, 0);

	while (json_array_size(travellers) < 12)
		ck_assert_int_eq(json_array_append_new(travellers, json_deep_copy(first)), 0);
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	json_t *doc = printed(&bench.decision, bench.transform, &out);
	ck_assert_ptr_nonnull(memmem(out.p, out.n, "/travellers/11/", 15));
	json_decref(doc);
	buf_free(&out);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

TCase *make_decision_json_case(void)
{
	TCase *c = tcase_create("decision_json");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, texts_in_ascii);
	tcase_add_test(c, refused_before_it_was_run);
	tcase_add_test(c, numbers_in_pointers);
	return c;
}
