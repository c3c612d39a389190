/* Memory: a warm run allocates nothing, and running out of it is an error and no crash. The program's own malloc
 * counts and, on request, fails; sanitizers bring their own, so that there the counts are not looked at. */
#include "test/memory.h"
#include "test/transform/transform_test.h"

#define RECORD "{\"name\":\"M\xc3\xbcller, J\xc3\xb6rg\",\"doc\":\"L898902C3\",\"mail\":\"A@b.example\",\"phone\":\"+49 30 1234567\"," \
	"\"born\":\"1984-03-17\",\"age\":40,\"fare\":19.99,\"ip\":\"192.0.2.1\",\"plz\":\"10115\",\"note\":\"write to a@b.example\"," \
	"\"seat\":\"12A\",\"shift\":\"2026-01-02\",\"seal\":\"x\",\"lat\":52.5163,\"mask\":\"abc\",\"deep\":{\"a\":[{\"b\":1},{\"c\":2}]}}"

static const char rules[] =
	"[{\"pointer\":\"/name\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"name\"}},"
	"{\"pointer\":\"/doc\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"document\"}},"
	"{\"pointer\":\"/mail\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"email\"}},"
	"{\"pointer\":\"/phone\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"phone\"}},"
	"{\"pointer\":\"/born\",\"action\":\"date-trunc\",\"params\":{\"to\":\"year\"}},"
	"{\"pointer\":\"/age\",\"action\":\"band\",\"params\":{\"width\":5}},"
	"{\"pointer\":\"/fare\",\"action\":\"round\",\"params\":{\"digits\":0}},"
	"{\"pointer\":\"/ip\",\"action\":\"ip-prefix\"},"
	"{\"pointer\":\"/plz\",\"action\":\"postcode\",\"params\":{\"keep_first\":2}},"
	"{\"pointer\":\"/note\",\"action\":\"redact-text\",\"params\":{\"recognisers\":[\"email\"],\"dictionary\":[\"Anna\"]}},"
	"{\"pointer\":\"/shift\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":30}},"
	"{\"pointer\":\"/seal\",\"action\":\"seal\",\"params\":{\"domain\":\"d\"}},"
	"{\"pointer\":\"/lat\",\"action\":\"geo\",\"params\":{\"decimals\":1}},"
	"{\"pointer\":\"/mask\",\"action\":\"mask\"},"
	"{\"pointer\":\"/deep/*/*/b\",\"action\":\"keep\"},"
	"{\"pointer\":\"\",\"action\":\"k-guard\",\"params\":{\"k\":2,\"fields\":[\"/born\",\"/deep/*/*/b\"],\"subject\":\"/doc\"}}]";

START_TEST(a_warm_run_allocates_nothing)
{
	struct program *p = compile_ok(rules);
	struct tape_parser *parser = tape_parser_new(NULL);
	struct transform_run *run = transform_run_new();
	struct error e = { .reason = REASON_NONE };
	struct buf out = BUF_INIT(65536);
	struct tape t;

	for (int turn = 0; turn < 20; turn++) {
		struct transform_input in = { .tape = &t, .subject = VIEW("subject-1"), .random = { 1 }, .batch = true };
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

/* After n allocations all later ones fail, for every n until none does. */
START_TEST(no_memory_is_an_error)
{
	struct key_context keys = test_keys(1);
	json_t *params = json_pack("{s:s,s:s}", "domain", "d", "normalise", "name");
	json_t *words = json_pack("{s:[s,s]}", "dictionary", "Anna", "Berta"), *band = json_pack("{s:[i]}", "edges", 5);
	json_t *codes = json_pack("{s:i,s:[s]}", "keep_first", 2, "suppress", "03"), *top = json_pack("{s:i}", "max", 5);
	json_t *constant = json_pack("{s:s}", "value", "x"), *domain = json_pack("{s:s}", "domain", "d");
	json_t *shift = json_pack("{s:s,s:i,s:s}", "domain", "d", "days", 9, "subject", "/i/id");
	json_t *guard = json_pack("{s:i,s:[s,s]}", "k", 5, "fields", "/c", "/d");
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
	};
	bool ok = false;
	long n;

	/* OpenSSL 3.0 does not survive a failing allocation while it starts; what is tested is our code. */
	program_free(compile_ok(rules));
	transform_run_free(transform_run_new());
	for (n = 0; !SANITIZER_ALLOCATES && !ok && n < 2000; n++) {
		struct error_list errors = { .n = 0 };

		fail_at = n;
		struct program *p = program_compile(list, sizeof list / sizeof *list, &keys, &errors);
		fail_at = -1;
		ok = p != NULL;
		/* The list of errors itself may have found no memory: then it counts what it dropped. */
		ck_assert_msg(ok || errors.n + errors.dropped > 0, "no error at allocation %ld", n);
		program_free(p);
		error_list_free(&errors);
	}
	ck_assert(ok || SANITIZER_ALLOCATES);
	for (n = 0, ok = false; !SANITIZER_ALLOCATES && !ok && n < 200; n++) {
		fail_at = n;
		struct transform_run *run = transform_run_new();
		fail_at = -1;
		ok = run != NULL;
		transform_run_free(run);
	}
	ck_assert(ok || SANITIZER_ALLOCATES);

	/* A cold run: scratch and trace grow as they go. */
	struct program *p = compile_ok(rules);
	struct tape_parser *parser = tape_parser_new(NULL);
	struct error e = { .reason = REASON_NONE };
	struct tape t;
	ck_assert(tape_parse(parser, VIEW(RECORD), &t, &e));
	for (n = 0, ok = false; !SANITIZER_ALLOCATES && !ok && n < 2000; n++) {
		struct transform_run *run = transform_run_new();
		struct transform_input in = { .tape = &t, .subject = VIEW("subject-1"), .random = { 1 }, .batch = true };
		struct buf out = BUF_INIT(65536);

		e = (struct error){ .reason = REASON_NONE };
		fail_at = n;
		ok = program_run(p, run, &in, &out, &e);
		fail_at = -1;
		ck_assert_msg(ok || e.reason != REASON_NONE, "no error at allocation %ld", n);
		buf_free(&out);
		transform_run_free(run);
	}
	ck_assert(ok || SANITIZER_ALLOCATES);
	struct buf text = BUF_INIT(65536);
	fail_at = 0;
	ok = program_output_schema(p, &text, &e);
	fail_at = -1;
	ck_assert(!ok || SANITIZER_ALLOCATES);
	buf_free(&text);
	tape_parser_free(parser);
	program_free(p);
	json_t *all[] = { params, words, band, codes, top, constant, domain, shift, guard };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		json_decref(all[i]);
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
	tcase_add_test(c, no_memory_is_an_error);
	tcase_add_test(c, long_results_are_refused);
	return c;
}
