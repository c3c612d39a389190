/* k-guards: which records are alike in the guarded fields, what is withheld, and that nothing passes uncounted. */
#include "test/transform/transform_test.h"

#define KEEP(pointer) "{\"pointer\":\"" pointer "\",\"action\":\"keep\"},"
#define GUARD(params) "{\"id\":\"g\",\"pointer\":\"\",\"action\":\"k-guard\",\"params\":{" params "}}"

static struct transform_run *run;
static struct tape_parser *parser;
static struct buf out;

static void open_run(void)
{
	run = transform_run_new();
	parser = tape_parser_new(NULL);
	out = BUF_INIT(65536);
	ck_assert(run && parser);
}

static void close_run(void)
{
	transform_run_free(run);
	tape_parser_free(parser);
	buf_free(&out);
}

/* What leaves of the record with some guards' fields withheld; NULL with `e`. */
static const char *run_guarded(const struct program *p, const char *record, uint8_t suppressed, struct error *e)
{
	struct tape t;

	ck_assert(tape_parse(parser, view_of(record), &t, e));
	struct transform_input in = { .tape = &t, .batch = true, .suppressed = suppressed };
	buf_reset(&out);
	if (!program_run(p, run, &in, &out, e))
		return NULL;
	buf_addc(&out, 0);
	return out.p;
}

struct told {
	bool any;
	struct digest combination, subject;
};

static struct told tell(const struct program *p, const char *record)
{
	struct error e = { .reason = REASON_NONE };
	struct told t = { .any = false };

	ck_assert_msg(run_guarded(p, record, 0, &e) != NULL, "%s", e.text);
	t.any = transform_combination(run, 0, &t.combination, &t.subject);
	return t;
}

static bool alike(const struct program *p, const char *a, const char *b)
{
	struct told x = tell(p, a), y = tell(p, b);

	ck_assert(x.any && y.any);
	return digest_eq(&x.combination, &y.combination);
}

START_TEST(what_leaves_is_compared)
{
	struct program *p = compile_ok(
	        "[" KEEP("/x")
	                KEEP("/sex") "{\"pointer\":\"/born\",\"action\":\"date-trunc\",\"params\":{\"to\":\"year\"}}," GUARD(
	                        "\"k\":2,\"fields\":[\"/born\",\"/sex\"]") "]");

	open_run();
	/* Other days of one year leave alike; fields that are not guarded do not matter. */
	ck_assert(alike(p, "{\"born\":\"1984-03-17\",\"sex\":\"F\",\"x\":1}",
	                "{\"x\":2,\"born\":\"1984-12-01\",\"sex\":\"F\"}"));
	ck_assert(!alike(p, "{\"born\":\"1984-03-17\",\"sex\":\"F\"}", "{\"born\":\"1985-03-17\",\"sex\":\"F\"}"));
	ck_assert(!alike(p, "{\"born\":\"1984-03-17\",\"sex\":\"F\"}", "{\"born\":\"1984-03-17\",\"sex\":\"M\"}"));
	/* Neither the spelling of a value nor the order of members tells records apart. */
	ck_assert(alike(p, "{\"born\":\"1984\",\"sex\":1.0}", "{\"sex\":10e-1,\"born\":\"\\u0031984\"}"));
	/* A value that is missing is a value; so is the field that it stands in. */
	ck_assert(!alike(p, "{\"born\":\"1984\",\"sex\":\"F\"}", "{\"born\":\"1984\"}"));
	ck_assert(!alike(p, "{\"born\":\"1984\"}", "{\"sex\":\"1984\"}"));
	ck_assert(!alike(p, "{\"born\":null}", "{\"sex\":null}"));
	ck_assert(!tell(p, "{\"x\":1,\"y\":\"1984\"}").any);
	ck_assert(!tell(p, "{}").any);
	close_run();
	program_free(p);
}
END_TEST

START_TEST(who_has_which_value_counts)
{
	struct program *p = compile_ok("[" KEEP("/p/*/a") KEEP("/p/*/b") KEEP("/p/*/c") KEEP("/n/*")
	                                       GUARD("\"k\":2,\"fields\":[\"/p/*/a\",\"/p/*/b\",\"/n/*\"]") "]");

	open_run();
	ck_assert(alike(p, "{\"p\":[{\"a\":1},{\"b\":2}]}", "{\"p\":[{\"a\":1,\"c\":5},{\"b\":2}]}"));
	ck_assert(!alike(p, "{\"p\":[{\"a\":1},{\"b\":2}]}", "{\"p\":[{\"a\":1,\"b\":2}]}"));
	ck_assert(!alike(p, "{\"p\":[{\"a\":1},{\"a\":2}]}", "{\"p\":[{\"a\":2},{\"a\":1}]}"));
	ck_assert(alike(p, "{\"n\":[1,2]}", "{\"n\":[1, 2]}"));
	ck_assert(!alike(p, "{\"n\":[1,2]}", "{\"n\":[12]}"));
	ck_assert(!alike(p, "{\"n\":[1]}", "{\"n\":[1,1]}"));
	close_run();
	program_free(p);
}
END_TEST

/* A guard on a container covers everything beneath, as keep with subtree does. */
START_TEST(containers_are_covered)
{
	struct program *p = compile_ok("[{\"pointer\":\"/a\",\"action\":\"keep\",\"subtree\":true}," KEEP("/z")
	                                       GUARD("\"k\":2,\"fields\":[\"/a\"]") "]");
	struct program *q = compile_ok("[{\"pointer\":\"/a\",\"action\":\"keep\",\"subtree\":true}," KEEP("/z")
	                                       GUARD("\"k\":2,\"fields\":[\"/a/*/b\"]") "]");
	struct program *s =
	        compile_ok("[" KEEP("/a/x") KEEP("/a/y") KEEP("/z") GUARD("\"k\":2,\"fields\":[\"/a\"]") "]");
	struct error e = { .reason = REASON_NONE };

	open_run();
	ck_assert(!alike(p, "{\"a\":{\"x\":{\"b\":1,\"c\":2}}}", "{\"a\":{\"x\":{\"b\":1,\"c\":3}}}"));
	ck_assert(alike(q, "{\"a\":{\"x\":{\"b\":1,\"c\":2}}}", "{\"a\":{\"x\":{\"b\":1,\"c\":3}}}"));
	ck_assert(!alike(q, "{\"a\":{\"x\":{\"b\":1,\"c\":2}}}", "{\"a\":{\"x\":{\"b\":2,\"c\":2}}}"));
	ck_assert(!alike(s, "{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"x\":1,\"y\":3}}"));
	ck_assert_str_eq(run_guarded(p, "{\"a\":{\"x\":{\"b\":1,\"c\":2}},\"z\":0}", 1, &e), "{\"z\":0}");
	ck_assert_str_eq(run_guarded(q, "{\"a\":{\"x\":{\"b\":1,\"c\":2}},\"z\":0}", 1, &e),
	                 "{\"a\":{\"x\":{\"c\":2}},\"z\":0}");
	ck_assert_str_eq(run_guarded(s, "{\"a\":{\"x\":1,\"y\":2},\"z\":0}", 1, &e), "{\"z\":0}");
	close_run();
	program_free(p);
	program_free(q);
	program_free(s);
}
END_TEST

START_TEST(fields_are_withheld)
{
	struct program *p = compile_ok("[" KEEP("/a") KEEP("/b/*") KEEP(
	        "/c") "{\"id\":\"g1\",\"pointer\":\"\",\"action\":\"k-guard\",\"params\":{\"k\":3,\"fields\":[\"/a\",\"/c\"],\"otherwise\":\"refuse\"}},"
	              "{\"id\":\"g2\",\"pointer\":\"\",\"action\":\"k-guard\",\"params\":{\"k\":9,\"fields\":[\"/b/*\",\"/c\"]}}]");
	struct error e = { .reason = REASON_NONE };
	struct program_guard guards[GUARDS_MAX];
	struct digest combination, subject;
	size_t n;

	ck_assert_uint_eq(program_guards(p, guards), 2);
	ck_assert(guards[0].k == 3 && guards[0].refuse && guards[0].rule == 0);
	ck_assert(guards[1].k == 9 && !guards[1].refuse && guards[1].rule == 1);
	open_run();
	ck_assert_str_eq(run_guarded(p, "{\"a\":1,\"b\":[2,3],\"c\":4}", 0, &e), "{\"a\":1,\"b\":[2,3],\"c\":4}");
	ck_assert_str_eq(run_guarded(p, "{\"a\":1,\"b\":[2,3],\"c\":4}", 2, &e), "{\"a\":1}");
	/* Nothing of the second guard is left; the first one has another combination than before. */
	ck_assert(transform_combination(run, 0, &combination, &subject));
	ck_assert(!transform_combination(run, 1, &combination, &subject));
	ck_assert(!transform_combination(run, GUARDS_MAX, &combination, &subject));
	const struct trace_step *s = transform_trace(run, &n);
	ck_assert_uint_eq(n, 4);
	ck_assert(s[0].action == ACTION_KEEP && s[0].rule == 2);
	for (size_t i = 1; i < 4; i++)
		ck_assert(s[i].action == ACTION_DROP && s[i].rule == 1 && s[i].epoch == 0);
	ck_assert_str_eq(run_guarded(p, "{\"a\":1,\"b\":[2,3],\"c\":4}", 1, &e), "{\"b\":[2,3]}");
	ck_assert_str_eq(run_guarded(p, "{\"a\":1,\"b\":[2,3],\"c\":4}", 3, &e), "{}");
	close_run();
	program_free(p);
}
END_TEST

/* The whole record is alike or not, however it counts: for itself, or for its subject. */
START_TEST(subjects_are_told_apart)
{
	struct program *p = compile_ok("[" KEEP("/a") GUARD("\"k\":2,\"fields\":[\"/a\"],\"subject\":\"/who/id\"") "]");
	struct program *q = compile_ok("[" KEEP("/a") GUARD("\"k\":2,\"fields\":[\"/a\"]") "]");
	static const struct digest none;
	struct error e = { .reason = REASON_NONE };

	open_run();
	struct told x = tell(p, "{\"a\":1,\"who\":{\"id\":\"A\"}}"), y = tell(p, "{\"a\":1,\"who\":{\"id\":\"B\"}}"),
	            z = tell(p, "{\"a\":2,\"who\":{\"id\":\"A\"}}");
	ck_assert(digest_eq(&x.combination, &y.combination) && !digest_eq(&x.subject, &y.subject));
	ck_assert(!digest_eq(&x.combination, &z.combination) && digest_eq(&x.subject, &z.subject));
	ck_assert(!digest_eq(&x.subject, &none));
	x = tell(q, "{\"a\":1}");
	ck_assert(digest_eq(&x.subject, &none));
	ck_assert_ptr_null(run_guarded(p, "{\"a\":1}", 0, &e));
	ck_assert_int_eq(e.reason, REASON_TRANSFORM_FAILED);
	ck_assert_ptr_nonnull(strstr(e.text, "does not name the data subject"));
	/* Whoever is written in two ways is one, and would not make up a group. */
	x = tell(p, "{\"a\":1,\"who\":{\"id\":\"MAXI@mail.example\"}}");
	y = tell(p, "{\"a\":1,\"who\":{\"id\":\" maxi@\u200bmail.example\"}}");
	ck_assert(digest_eq(&x.subject, &y.subject));
	e = (struct error){ .reason = REASON_NONE };
	ck_assert_ptr_null(run_guarded(p, "{\"a\":1,\"who\":{\"id\":\"a\xcd\xb8\"}}", 0, &e));
	ck_assert_int_eq(e.reason, REASON_TRANSFORM_FAILED);
	ck_assert_ptr_nonnull(strstr(e.text, "Unicode has not assigned"));
	/* Without guarded fields there is nobody to count. */
	ck_assert(!tell(p, "{\"b\":1}").any);
	close_run();
	program_free(p);
	program_free(q);
}
END_TEST

START_TEST(nothing_passes_uncounted)
{
	struct program *p = compile_ok("[" KEEP("/a") GUARD("\"k\":2,\"fields\":[\"/a\"]") "]");

	assert_fails(p, "{\"a\":1}", REASON_BATCH_REQUIRED, "rule g, k-guard: the record can leave in a batch only");
	assert_fails(p, "{}", REASON_BATCH_REQUIRED, "in a batch only");
	program_free(p);
}
END_TEST

/* A place that only a guard names lets nothing through, nor does the schema say so. */
START_TEST(guards_let_nothing_through)
{
	struct program *p = compile_ok("[" KEEP("/a") GUARD("\"k\":2,\"fields\":[\"/a\",\"/b/c\",\"/d\"]") "]");
	struct error e = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(65536);

	open_run();
	ck_assert_str_eq(run_guarded(p, "{\"a\":1,\"b\":{\"c\":2},\"d\":3}", 0, &e), "{\"a\":1}");
	ck_assert(program_output_schema(p, &text, &e));
	buf_addc(&text, 0);
	ck_assert_ptr_nonnull(strstr(text.p, "\"d\":false"));
	ck_assert_ptr_nonnull(strstr(text.p, "\"c\":false"));
	ck_assert(check_arrival(p, "{\"a\":1}", NULL));
	ck_assert(!check_arrival(p, "{\"a\":1,\"d\":3}", NULL));
	ck_assert(!check_arrival(p, "{\"a\":1,\"b\":{\"c\":3}}", NULL));
	buf_free(&text);
	close_run();
	program_free(p);
}
END_TEST

START_TEST(parameters_are_checked)
{
	struct buf many = BUF_INIT(65536);

	assert_refused("[" GUARD("\"fields\":[\"/a\"]") "]", "\"k\" is missing");
	assert_refused("[" GUARD("\"k\":1,\"fields\":[\"/a\"]") "]", "\"k\" must be a whole number from 2 to 1000");
	assert_refused("[" GUARD("\"k\":1001,\"fields\":[\"/a\"]") "]", "\"k\" must be");
	assert_refused("[" GUARD("\"k\":5") "]", "\"fields\" must be one to 32");
	assert_refused("[" GUARD("\"k\":5,\"fields\":[]") "]", "\"fields\" must be one to 32");
	assert_refused("[" GUARD("\"k\":5,\"fields\":\"/a\"") "]", "\"fields\" must be one to 32");
	assert_refused("[" GUARD("\"k\":5,\"fields\":[\"/a\",\"\"]") "]", "\"fields\" must be one to 32");
	assert_refused("[" GUARD("\"k\":5,\"fields\":[\"/a\",\"b\"]") "]", "\"fields\" must be one to 32");
	assert_refused("[" GUARD("\"k\":5,\"fields\":[\"/a\",7]") "]", "\"fields\" must be one to 32");
	assert_refused("[" GUARD("\"k\":5,\"fields\":[\"/a\"],\"otherwise\":\"keep\"") "]",
	               "\"otherwise\" is not one of");
	assert_refused("[" GUARD("\"k\":5,\"fields\":[\"/a\"],\"subject\":\"/p/*/id\"") "]",
	               "\"subject\" must have its *");
	assert_refused("[" GUARD("\"k\":5,\"fields\":[\"/a\"],\"n\":1") "]", "not a parameter");
	assert_refused(
	        "[{\"id\":\"g\",\"pointer\":\"/a\",\"action\":\"k-guard\",\"params\":{\"k\":5,\"fields\":[\"/a\"]}}]",
	        "\"pointer\" must be empty");
	buf_adds(&many, "[{\"pointer\":\"\",\"action\":\"k-guard\",\"params\":{\"k\":5,\"fields\":[\"");
	for (int i = 0; i < 65; i++)
		buf_adds(&many, "/a");
	buf_adds(&many, "\"]}}]");
	buf_addc(&many, 0);
	assert_refused(many.p, "\"fields\" must be one to 32");
	buf_reset(&many);
	buf_adds(&many, "[" KEEP("/a"));
	for (int i = 0; i < GUARDS_MAX + 1; i++)
		buf_addf(&many, "%s{\"pointer\":\"\",\"action\":\"k-guard\",\"params\":{\"k\":5,\"fields\":[\"/a\"]}}",
		         i ? "," : "");
	buf_addc(&many, ']');
	buf_addc(&many, 0);
	assert_refused(many.p, "one k-guard too many");
	buf_free(&many);
}
END_TEST

TCase *make_guard_case(void);
TCase *make_guard_case(void)
{
	TCase *c = tcase_create("guard");

	tcase_add_test(c, what_leaves_is_compared);
	tcase_add_test(c, who_has_which_value_counts);
	tcase_add_test(c, containers_are_covered);
	tcase_add_test(c, fields_are_withheld);
	tcase_add_test(c, subjects_are_told_apart);
	tcase_add_test(c, nothing_passes_uncounted);
	tcase_add_test(c, guards_let_nothing_through);
	tcase_add_test(c, parameters_are_checked);
	return c;
}
