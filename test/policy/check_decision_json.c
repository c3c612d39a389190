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

/* Sorted by name, and not in the order in which they look. */
START_TEST(redactions_are_sorted)
{
	static const char sorted[] = "\"redactions\":{\"email\":1,\"iban\":2,\"phone\":1}";
	struct agreement *a = load_with("pnr", NULL, NULL);
	struct buf out = BUF_INIT(1 << 20);
	json_t *e = envelope("pnr");

	json_object_set_new(json_object_get(e, "record"), "remarks",
	                    json_pack("[s,s]", "refund GB82WEST12345698765432 or GB82WEST12345698765432",
	                              "call +99912345678, write person1@mail.example"));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	json_t *doc = printed(&bench.decision, bench.transform, &out);
	ck_assert_msg(memmem(out.p, out.n, sorted, sizeof sorted - 1) != NULL, "%.*s", VIEW_ARG(buf_view(&out)));
	json_decref(doc);
	buf_free(&out);
	json_decref(e);
	agreement_unref(a);
}
END_TEST

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define N   X50 X50 X50 X50 X50
/* Each name fits; a fourth beneath the others does not. */
#define NESTED(inner) "{\"type\":\"object\",\"properties\":{\"x\":{},\"y\":{},\"" N "\":" inner "}}"
#define LONG_SCHEMA   NESTED(NESTED(NESTED(NESTED("{\"type\":\"object\",\"properties\":{\"x\":{},\"y\":{}}}"))))
#define LONG_RULES \
	"[{\"id\":\"k\",\"pointer\":\"/*/*/*/*/x\",\"category\":\"operational\",\"action\":\"keep\"}," \
	"{\"id\":\"l\",\"pointer\":\"/x\",\"category\":\"operational\",\"action\":\"keep\"}]"
#define LONG_RECORD "{\"" N "\":{\"" N "\":{\"" N "\":{\"" N "\":{\"x\":1,\"y\":2},\"y\":3}}},\"x\":4,\"y\":5}"

static bool long_schema(void *arg, const struct digest *digest, struct view *text)
{
	(void)arg, (void)digest;
	*text = VIEW(LONG_SCHEMA);
	return true;
}

/* A place that is too long is cut behind a whole name, and never named as another place: what lies beneath it has the same. */
START_TEST(long_places_are_cut)
{
	struct error_list errors = { .max = 20 };
	struct buf hex = BUF_INIT(100), out = BUF_INIT(1 << 20);
	struct digest digest;
	json_t *doc = preset("pnr"), *e = envelope("pnr");

	sha256(VIEW(LONG_SCHEMA), &digest);
	digest_print(&hex, &digest);
	json_object_set_new(json_array_get(json_object_get(doc, "schemas"), 0), "input", json_stringn(hex.p, hex.n));
	json_object_set_new(doc, "rules", json_loads(LONG_RULES, 0, NULL));
	from.schema = long_schema;
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert_ptr_nonnull(a);
	json_object_set_new(e, "record", json_loads(LONG_RECORD, 0, NULL));
	ck_assert_int_eq(run(a, e), OUTCOME_TRANSFORMED);
	json_t *told = printed(&bench.decision, bench.transform, &out);
	for (int kept = 0; kept < 2; kept++) {
		static const char *const places[2][3] = {
			{ "/" N "/" N "/" N, "/" N "/" N "/" N "/y", "/y" },
			{ "/" N "/" N "/" N, "/x", NULL },
		};
		json_t *list = json_object_get(told, kept ? "released" : "dropped");

		ck_assert_uint_eq(json_array_size(list), kept ? 2 : 3);
		for (size_t i = 0; i < 3 && places[kept][i]; i++)
			ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, i), "pointer")),
			                 places[kept][i]);
	}
	json_decref(told);
	json_decref(doc);
	json_decref(e);
	buf_free(&hex);
	buf_free(&out);
	error_list_free(&errors);
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
	tcase_add_test(c, redactions_are_sorted);
	tcase_add_test(c, long_places_are_cut);
	return c;
}
