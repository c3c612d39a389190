/* The flow map: what each flow carries, each field once, what is written escaped, and no map that is cut. */
#include "lib/policy/flowmap.h"

#include "test/policy/decision_fixture.h"

TCase *make_flowmap_case(void);

#define RULE(id, pointer, rest) \
	"{\"id\":\"" id "\",\"pointer\":\"" pointer "\",\"category\":\"operational\",\"action\":\"keep\"" rest "}"

static struct agreement *load_changed(const char *const *changes)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");

	for (; changes[0]; changes += 2)
		put(doc, changes[0], changes[1]);
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	json_decref(doc);
	error_list_free(&errors);
	return a;
}

static size_t times(const struct buf *b, const char *what)
{
	size_t n = 0;

	for (const char *at = b->p; (at = memmem(at, b->n - (size_t)(at - b->p), what, strlen(what))); at++)
		n++;
	return n;
}

START_TEST(fields_of_each_flow)
{
	static const char *const changes[] = {
		"/flows/1/purposes", "[\"terrorism-prevention\"]", "/rules",
		"[" RULE("a", "/carrier", ",\"when\":{\"tiers\":[\"T1\"]}") "," RULE("b", "/carrier", ",\"when\":{\"tiers\":[\"T0\"]}") "," RULE(
		        "c", "/status",
		        ",\"when\":{\"purposes\":[\"serious-crime\"]}") "," RULE("d", "", ",\"subtree\":true") "]",
		NULL
	};
	struct agreement *a = load_changed(changes);
	struct buf svg = BUF_INIT(1 << 20);

	ck_assert(agreement_flowmap_svg(a, &svg));
	ck_assert_uint_eq(times(&svg, "/carrier"), 2); /* once a flow, though two rules name it */
	ck_assert_uint_eq(times(&svg, "/status"), 1);  /* its purpose goes one way only */
	ck_assert_uint_eq(times(&svg, "the whole record"), 2);
	buf_free(&svg);
	agreement_unref(a);
}
END_TEST

/* Quotes do not end a string, and a name that is cut is cut between characters. */
START_TEST(texts_are_escaped)
{
	static const char *const changes[] = {
		"/title",
		"\"a \\\"quoted\\\" back\\\\slash\"",
		"/parties/0/name",
		"\"\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\\u00e4\"",
		"/parties/1/name",
		"\"x\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\\u20ac\"",
		NULL
	};
	struct agreement *a = load_changed(changes);
	struct buf svg = BUF_INIT(1 << 20), dot = BUF_INIT(1 << 20);

	ck_assert(agreement_flowmap_dot(a, &dot) && agreement_flowmap_svg(a, &svg));
	ck_assert_uint_eq(times(&dot, "label=\"a \\\"quoted\\\" back\\\\slash\""), 1);
	ck_assert_uint_eq(
	        times(&svg,
	              ">\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4<"),
	        2);
	ck_assert_uint_eq(
	        times(&svg,
	              ">x\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac<"),
	        2);
	buf_free(&svg);
	buf_free(&dot);
	agreement_unref(a);
}
END_TEST

START_TEST(no_map_is_cut)
{
	struct agreement *a = load_with("pnr", NULL, NULL);

	for (size_t max = 1; max < 4000; max += 97) {
		struct buf out = BUF_INIT(max), dot = BUF_INIT(max);
		ck_assert(!agreement_flowmap_svg(a, &out));
		if (!agreement_flowmap_dot(a, &dot))
			ck_assert(dot.failed);
		buf_free(&out);
		buf_free(&dot);
	}
	agreement_unref(a);
}
END_TEST

TCase *make_flowmap_case(void)
{
	TCase *c = tcase_create("flowmap");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, fields_of_each_flow);
	tcase_add_test(c, texts_are_escaped);
	tcase_add_test(c, no_map_is_cut);
	return c;
}
