/* Memory: a warm run allocates nothing, and running out of it is an error and no crash. The program's own malloc
 * counts and, on request, fails; sanitizers bring their own, so that there the counts are not looked at. */
#include "test/memory.h"
#include "test/transform/transform_test.h"

#define RECORD \
	"{\"name\":\"M\xc3\xbcller, J\xc3\xb6rg\",\"doc\":\"L898902C3\",\"mail\":\"A@b.example\",\"phone\":\"+49 30 1234567\"," \
	"\"born\":\"1984-03-17\",\"age\":40,\"fare\":19.99,\"ip\":\"192.0.2.1\",\"plz\":\"10115\",\"note\":\"write to a@b.example\"," \
	"\"seat\":\"12A\",\"shift\":\"2026-01-02\",\"seal\":\"x\",\"lat\":52.5163,\"mask\":\"abc\",\"deep\":{\"a\":[{\"b\":1},{\"c\":2}]}}"

#define RULES \
	"{\"pointer\":\"/name\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"name\"}}," \
	"{\"pointer\":\"/doc\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"document\"}}," \
	"{\"pointer\":\"/mail\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"email\"}}," \
	"{\"pointer\":\"/phone\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"phone\"}}," \
	"{\"pointer\":\"/born\",\"action\":\"date-trunc\",\"params\":{\"to\":\"year\"}}," \
	"{\"pointer\":\"/age\",\"action\":\"band\",\"params\":{\"width\":5}}," \
	"{\"pointer\":\"/fare\",\"action\":\"round\",\"params\":{\"digits\":0}}," \
	"{\"pointer\":\"/ip\",\"action\":\"ip-prefix\"}," \
	"{\"pointer\":\"/plz\",\"action\":\"postcode\",\"params\":{\"keep_first\":2}}," \
	"{\"pointer\":\"/note\",\"action\":\"redact-text\",\"params\":{\"recognisers\":[\"email\"],\"dictionary\":[\"Anna\"]}}," \
	"{\"pointer\":\"/shift\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":30}}," \
	"{\"pointer\":\"/seal\",\"action\":\"seal\",\"params\":{\"domain\":\"d\"}}," \
	"{\"pointer\":\"/lat\",\"action\":\"geo\",\"params\":{\"decimals\":1}}," \
	"{\"pointer\":\"/mask\",\"action\":\"mask\"}," \
	"{\"pointer\":\"/deep/*/*/b\",\"action\":\"keep\"}," \
	"{\"pointer\":\"\",\"action\":\"k-guard\",\"params\":{\"k\":2,\"fields\":[\"/born\",\"/deep/*/*/b\"],\"subject\":\"/doc\"}}"

static const char rules[] = "[" RULES "]";
static const char more_rules[] =
        "[" RULES ",{\"pointer\":\"/token\",\"action\":\"token\",\"params\":{\"domain\":\"d\"}},"
        "{\"pointer\":\"/digits\",\"action\":\"fpe\",\"params\":{\"domain\":\"d\",\"alphabet\":\"digits\"}},"
        "{\"pointer\":\"/long\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"name\"}},"
        "{\"pointer\":\"/later\",\"action\":\"seal\",\"params\":{\"domain\":\"d\"}},"
        "{\"pointer\":\"/whole\",\"action\":\"keep\",\"subtree\":true}]";

START_TEST(a_warm_run_allocates_nothing)
{
	struct program *p = compile_ok(rules);
	struct tape_parser *parser = tape_parser_new(NULL);
	struct transform_run *run = transform_run_new();
	struct error e = { .reason = REASON_NONE };
	struct buf out = BUF_INIT(65536);
	struct tape t;

	for (int turn = 0; turn < 20; turn++) {
		struct transform_input in = {
			.tape = &t, .subject = VIEW("subject-1"), .random = { 1 }, .batch = true
		};
		size_t before, used;
		bool ok;

		/* The assertions allocate; they stay outside of what is counted. */
		ck_assert(tape_parse(parser, VIEW(RECORD), &t, &e));
		buf_reset(&out);
		before = allocations;
		ok = program_run(p, run, &in, &out, &e);
		used = allocations - before;
		ck_assert_msg(ok, "%s", e.text);
		ck_assert_msg(turn == 0 || used == 0, "%zu allocations", used);
		ck_assert(tape_parse(parser, buf_view(&out), &t, &e));
		before = allocations;
		ok = program_check_output(p, &t, 0, &e);
		used = allocations - before;
		ck_assert_msg(ok, "%s: %s", e.where, e.text);
		ck_assert_uint_eq(used, 0);
	}
	buf_free(&out);
	transform_run_free(run);
	tape_parser_free(parser);
	program_free(p);
}
END_TEST

/* Every allocation fails in turn, alone (_i 1) or with all that follow it (_i 0), until none does. OpenSSL does without
 * some that fail alone: then the result must be whole. */
static bool failed_there(long n)
{
	bool failed = failed_allocations > 0;

	failed_allocations = 0;
	fail_at = -1;
	ck_assert_msg(n < 5000, "it never ends");
	return failed;
}

/* What a run makes of the record into `out`; false with `e`. Allocation n fails, or none below 0. */
static bool run_with(struct transform_run *run, const struct program *p, const struct tape *t, long n, struct buf *out,
                     struct error *e)
{
	struct transform_input in = { .tape = t, .subject = VIEW("subject-1"), .random = { 1 }, .batch = true };

	buf_reset(out);
	buf_room(out, 60000);
	*e = (struct error){ .reason = REASON_NONE };
	fail_at = n;
	return program_run(p, run, &in, out, e);
}

/* The same with new scratch, which grows as it goes. */
static bool run_cold(const struct program *p, const struct tape *t, long n, struct buf *out, struct error *e)
{
	struct transform_run *run = transform_run_new();
	bool ok = run_with(run, p, t, n, out, e);

	transform_run_free(run);
	return ok;
}

START_TEST(no_memory_to_compile)
{
	struct key_context keys = test_keys(1);
	json_t *params = json_pack("{s:s,s:s}", "domain", "d", "normalise", "name");
	json_t *words = json_pack("{s:[s,s]}", "dictionary", "Anna", "Berta"), *band = json_pack("{s:[i]}", "edges", 5);
	json_t *codes = json_pack("{s:i,s:[s]}", "keep_first", 2, "suppress", "03"),
	       *top = json_pack("{s:i}", "max", 5);
	json_t *constant = json_pack("{s:s}", "value", "x"), *domain = json_pack("{s:s}", "domain", "d");
	json_t *shift = json_pack("{s:s,s:i,s:s}", "domain", "d", "days", 9, "subject", "/i/id");
	json_t *guard = json_pack("{s:i,s:[s,s]}", "k", 5, "fields", "/c", "/d");
	json_t *digits = json_pack("{s:s,s:s}", "domain", "d", "alphabet", "digits");
	struct buf whole = BUF_INIT(65536), want = BUF_INIT(65536), out = BUF_INIT(65536);
	struct tape_parser *parser = tape_parser_new(NULL);
	struct error e = { .reason = REASON_NONE };
	struct tape t;
	const struct field_rule list[] = {
		{ .id = "a", .pointer = "/a/*", .action = ACTION_PSEUDONYM, .params = params },
		{ .id = "b", .pointer = "/*/b", .action = ACTION_REDACT_TEXT, .params = words },
		{ .id = "c", .pointer = "/c", .action = ACTION_BAND, .params = band },
		{ .id = "d", .pointer = "/d", .action = ACTION_POSTCODE, .params = codes },
		{ .id = "e", .pointer = "/e", .action = ACTION_TOPCODE, .params = top },
		{ .id = "f", .pointer = "/f", .action = ACTION_CONST, .params = constant },
		{ .id = "g", .pointer = "/g", .action = ACTION_SEAL, .params = domain },
		{ .id = "h", .pointer = "/h/i/j", .action = ACTION_KEEP, .subtree = true },
		{ .id = "i", .pointer = "/i/on", .action = ACTION_DATE_SHIFT, .params = shift },
		{ .id = "j", .pointer = "", .action = ACTION_K_GUARD, .params = guard },
		{ .id = "k", .pointer = "/k", .action = ACTION_TOKEN, .params = domain },
		{ .id = "l", .pointer = "/l", .action = ACTION_FPE, .params = digits },
		{ .id = "m", .pointer = "/a/b", .action = ACTION_DROP, .waiver = "w", .place = "/rules/12" },
		{ .id = "n", .pointer = "/a", .action = ACTION_MASK, .subtree = true, .narrows = true },
	};

	/* OpenSSL 3.0 does not survive a failing allocation while it starts; what is tested is our code. */
	program_free(compile_ok(more_rules));
	struct program *first = program_compile(list, sizeof list / sizeof *list, &keys, NULL);
	ck_assert(first && program_output_schema(first, &whole, NULL));
	ck_assert(tape_parse(
	        parser,
	        VIEW("{\"a\":{\"x\":\"M\"},\"c\":7,\"d\":\"0312\",\"e\":9,\"f\":1,\"x\":{\"b\":\"Anna\"},\"l\":\"411111111\"}"),
	        &t, &e));
	ck_assert(run_cold(first, &t, -1, &want, &e));
	program_free(first);
	fail_once = _i == 1;
	for (long n = 0; !SANITIZER_ALLOCATES; n++) {
		struct error_list errors = { .n = 0 };

		fail_at = n;
		struct program *p = program_compile(list, sizeof list / sizeof *list, &keys, &errors);
		bool failed = failed_there(n);
		ck_assert_msg(failed || p, "allocation %ld", n);
		if (p) {
			struct buf text = BUF_INIT(65536);
			ck_assert(program_output_schema(p, &text, NULL));
			ck_assert_msg(whole.n == 0 || view_eq(buf_view(&text), buf_view(&whole)), "allocation %ld", n);
			buf_free(&text);
			run_cold(p, &t, -1, &out, &e);
			ck_assert_msg(view_eq(buf_view(&out), buf_view(&want)), "allocation %ld: %s", n, e.text);
		}
		/* The list of errors itself may have found no memory: then it counts what it dropped. */
		ck_assert_msg(p || errors.n + errors.dropped > 0, "no error at allocation %ld", n);
		program_free(p);
		error_list_free(&errors);
		if (!failed)
			break;
	}
	buf_free(&whole);
	buf_free(&want);
	buf_free(&out);
	tape_parser_free(parser);
	json_t *all[] = { params, words, band, codes, top, constant, domain, shift, guard, digits };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		json_decref(all[i]);
}
END_TEST

START_TEST(no_memory_to_run)
{
	struct program *p = compile_ok(more_rules);
	struct tape_parser *parser = tape_parser_new(NULL);
	struct buf record = BUF_INIT(65536), want = BUF_INIT(65536), out = BUF_INIT(65536);
	struct error e;
	struct tape t;

	/* The name has more code points than the normaliser begins with. */
	buf_adds(&record, "{\"token\":\"abc\",\"digits\":\"4111111111\",\"long\":\"");
	for (int i = 0; i < 400; i++)
		buf_adds(&record, "\xc3\xbc");
	/* Sealed first, this needs more room than what comes later. */
	buf_adds(&record, "\",\"later\":\"");
	for (int i = 0; i < 3000; i++)
		buf_addc(&record, 'x');
	buf_adds(&record, "\",\"whole\":{\"a\":1},");
	buf_adds(&record, &RECORD[1]);
	ck_assert(tape_parse(parser, buf_view(&record), &t, &e));
	fail_once = _i == 1;
	ck_assert_msg(run_cold(p, &t, -1, &want, &e), "%s", e.text);
	for (long n = 0; !SANITIZER_ALLOCATES; n++) {
		bool ok = run_cold(p, &t, n, &out, &e), failed = failed_there(n);

		ck_assert_msg(ok ? view_eq(buf_view(&out), buf_view(&want)) : e.reason != REASON_NONE,
		              "allocation %ld: %s", n, ok ? "another record" : "no error");
		ck_assert_msg(!failed || !ok, "allocation %ld was not missed", n);
		if (!failed)
			break;
	}
	buf_free(&record);
	buf_free(&want);
	buf_free(&out);
	tape_parser_free(parser);
	program_free(p);
}
END_TEST

START_TEST(no_memory_for_the_rest)
{
	struct program *p = compile_ok(rules);
	struct error e = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(65536), want = BUF_INIT(65536), out = BUF_INIT(65536);
	struct tape_parser *parser = tape_parser_new(NULL);
	struct tape t;

	ck_assert(tape_parse(parser, VIEW(RECORD), &t, &e));
	ck_assert(run_cold(p, &t, -1, &want, &e));
	fail_once = _i == 1;
	for (long n = 0; !SANITIZER_ALLOCATES; n++) {
		fail_at = n;
		struct transform_run *run = transform_run_new();
		bool failed = failed_there(n);
		ck_assert(failed || run);
		if (run && n > 0) {
			run_with(run, p, &t, -1, &out, &e);
			ck_assert_msg(view_eq(buf_view(&out), buf_view(&want)), "allocation %ld: %s", n, e.text);
		}
		transform_run_free(run);
		if (!failed)
			break;
	}
	for (long n = 0; !SANITIZER_ALLOCATES; n++) {
		buf_free(&text);
		text = BUF_INIT(65536);
		fail_at = n;
		bool ok = program_output_schema(p, &text, &e), failed = failed_there(n);
		ck_assert_msg(failed == !ok, "allocation %ld", n);
		if (!failed)
			break;
	}
	buf_free(&text);
	buf_free(&want);
	buf_free(&out);
	tape_parser_free(parser);
	program_free(p);
}
END_TEST

START_TEST(long_results_are_refused)
{
	struct program *p = compile_ok("[{\"pointer\":\"/*\",\"action\":\"keep\"}]");
	struct tape_parser *parser = tape_parser_new(NULL);
	struct transform_run *run = transform_run_new();
	struct error e = { .reason = REASON_NONE };
	struct buf out = BUF_INIT(8);
	struct tape t;

	ck_assert(tape_parse(parser, VIEW("{\"a\":\"0123456789\"}"), &t, &e));
	struct transform_input in = { .tape = &t };
	ck_assert(!program_run(p, run, &in, &out, &e));
	ck_assert_int_eq(e.reason, REASON_LIMIT);
	buf_free(&out);
	transform_run_free(run);
	tape_parser_free(parser);
	program_free(p);
}
END_TEST

TCase *make_memory_case(void);
TCase *make_memory_case(void)
{
	TCase *c = tcase_create("memory");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_warm_run_allocates_nothing);
	tcase_add_loop_test(c, no_memory_to_compile, 0, 2);
	tcase_add_loop_test(c, no_memory_to_run, 0, 2);
	tcase_add_loop_test(c, no_memory_for_the_rest, 0, 2);
	tcase_add_test(c, long_results_are_refused);
	return c;
}
