/* Surrogates: one value, one stand-in, as the table says; keys of the table differ wherever linking would be wrong. */
#include "test/transform/transform_test.h"

#include "lib/base/encode.h"

#define RULE(more) \
	"[{\"pointer\":\"/*\",\"action\":\"surrogate\",\"params\":{\"domain\":\"person\",\"normalise\":" more "}}]"

/* Numbers its keys in the order in which they come: the surrogate is the number. */
struct numbers {
	struct surrogate_key keys[20];
	size_t n;
	bool fails;
};

static bool find(void *arg, const struct surrogate_key *key, uint8_t out[SURROGATE_BYTES], struct error *e)
{
	struct numbers *t = arg;
	size_t i = 0;

	if (t->fails)
		return error_set(e, REASON_STORE, "the table cannot be read");
	while (i < t->n && !digest_eq(&t->keys[i].digest, &key->digest))
		i++;
	if (i == t->n)
		t->keys[t->n++] = *key;
	memset(out, 0, SURROGATE_BYTES);
	out[SURROGATE_BYTES - 1] = (uint8_t)i;
	return true;
}

static const char *run_table(const struct program *p, struct numbers *table, const char *record, struct error *e)
{
	static struct buf out;
	const struct surrogate_table surrogates = { .arg = table, .find = find };
	struct transform_run *run = transform_run_new();
	struct tape_parser *parser = tape_parser_new(NULL);
	struct tape t;

	out.max = 65536;
	buf_reset(&out);
	ck_assert(tape_parse(parser, view_of(record), &t, e));
	struct transform_input in = { .tape = &t, .surrogates = &surrogates };
	bool ok = program_run(p, run, &in, &out, e);
	buf_addc(&out, 0);
	transform_run_free(run);
	tape_parser_free(parser);
	return ok ? out.p : NULL;
}

START_TEST(one_value_one_surrogate)
{
	struct program *p = compile_ok(RULE("\"name\""));
	struct numbers table = { .n = 0 };
	struct error e = { .reason = REASON_NONE };

	ck_assert_str_eq(
	        run_table(p, &table, "{\"a\":\"M\xc3\xbcller\",\"b\":\"other\",\"c\":\"MUELLER\",\"d\":null}", &e),
	        "{\"a\":\"r1.1.aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"b\":\"r1.1.aaaaaaaaaaaaaaaaaaaaaaaaae\","
	        "\"c\":\"r1.1.aaaaaaaaaaaaaaaaaaaaaaaaaa\",\"d\":null}");
	ck_assert_uint_eq(table.n, 2);
	ck_assert_uint_eq(table.keys[0].epoch, 1);
	program_free(p);
	p = compile_ok(RULE("\"exact\""));
	/* A whole number and its text are one value. */
	ck_assert_str_eq(run_table(p, &table, "{\"a\":17,\"b\":\"17\"}", &e),
	                 "{\"a\":\"r1.1.aaaaaaaaaaaaaaaaaaaaaaaaai\",\"b\":\"r1.1.aaaaaaaaaaaaaaaaaaaaaaaaai\"}");
	program_free(p);
}
END_TEST

/* Under another agreement, purpose, epoch, domain, secret or transform the table has another row. */
START_TEST(rows_are_apart)
{
	struct numbers table = { .n = 0 };
	struct error e = { .reason = REASON_NONE };
	struct error_list errors = { .n = 0 };

	for (int i = 0; i < 6; i++) {
		struct key_context keys = test_keys(i == 1 ? 2 : 1);

		if (i == 2)
			keys.agreement = VIEW("another");
		if (i == 3)
			keys.purpose = VIEW("another");
		if (i == 4)
			keys.secret.b[0] ^= 1;
		struct program *p = compile_rules(
		        i == 5 ? "[{\"pointer\":\"/*\",\"action\":\"surrogate\",\"params\":{\"domain\":\"x\",\"normalise\":\"exact\"}}]"
		               : RULE("\"exact\""),
		        &keys, &errors);
		ck_assert_ptr_nonnull(p);
		ck_assert_ptr_nonnull(run_table(p, &table, "{\"v\":\"abc\"}", &e));
		ck_assert_uint_eq(table.n, i + 1);
		program_free(p);
	}
	/* And the key is no pseudonym of the same domain. */
	struct program *q = compile_ok(
	        "[{\"pointer\":\"/*\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"person\",\"normalise\":\"exact\",\"bits\":256}}]");
	struct digest d;
	size_t n;
	const char *text = run_record(q, "{\"v\":\"abc\"}", NULL);
	ck_assert(base32_decode(view_make(text + strlen("{\"v\":\"p1.1."), 52), d.b, sizeof d.b, &n));
	ck_assert(!digest_eq(&d, &table.keys[0].digest));
	program_free(q);
}
END_TEST

START_TEST(no_table_no_surrogate)
{
	struct program *p = compile_ok(RULE("\"phone\""));
	struct numbers table = { .fails = true };
	struct error e = { .reason = REASON_NONE };

	assert_fails(p, "{\"v\":\"+49301234567\"}", REASON_TRANSFORM_FAILED, "needs a table of surrogates");
	ck_assert_ptr_null(run_table(p, &table, "{\"v\":\"+49301234567\"}", &e));
	ck_assert_int_eq(e.reason, REASON_STORE);
	e = (struct error){ .reason = REASON_NONE };
	table.fails = false;
	ck_assert_ptr_null(run_table(p, &table, "{\"v\":\"030\"}", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "does not begin with +"));
	e = (struct error){ .reason = REASON_NONE };
	ck_assert_ptr_null(run_table(p, &table, "{\"v\":1.5}", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "a number, which"));
	ck_assert_uint_eq(table.n, 0);
	program_free(p);
}
END_TEST

START_TEST(form_and_parameters)
{
	struct program *p = compile_ok(RULE("\"exact\""));
	struct buf text = BUF_INIT(65536), out = BUF_INIT(100);
	struct transform_run *run = transform_run_new();
	struct error e = { .reason = REASON_NONE };

	ck_assert(check_arrival(p, "{\"v\":\"r1.7.aaaaaaaaaaaaaaaaaaaaaaaaae\",\"w\":null}", NULL));
	ck_assert(!check_arrival(p, "{\"v\":\"p1.7.aaaaaaaaaaaaaaaaaaaaaaaaae\"}", NULL));
	ck_assert(!check_arrival(p, "{\"v\":\"r1.7.aaaaaaaaaaaaaaaaaaaaaaaaa\"}", NULL));
	ck_assert(!check_arrival(p, "{\"v\":\"r1.0.aaaaaaaaaaaaaaaaaaaaaaaaae\"}", NULL));
	ck_assert(!check_arrival(p, "{\"v\":7}", NULL));
	ck_assert(program_output_schema(p, &text, &e));
	buf_addc(&text, 0);
	ck_assert_ptr_nonnull(strstr(text.p, "^r1\\\\.[1-9][0-9]{0,9}\\\\.[a-z2-7]{26}$"));
	ck_assert(!program_reverse(p, run, 0, VIEW(""), VIEW("r1.1.aaaaaaaaaaaaaaaaaaaaaaaaae"), &out, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "cannot be reversed"));
	assert_refused("[{\"pointer\":\"/v\",\"action\":\"surrogate\",\"params\":{\"normalise\":\"exact\"}}]",
	               "\"domain\" is missing");
	assert_refused("[{\"pointer\":\"/v\",\"action\":\"surrogate\",\"params\":{\"domain\":\"d\"}}]",
	               "\"normalise\" is missing");
	assert_refused(
	        "[{\"pointer\":\"/v\",\"action\":\"surrogate\",\"params\":{\"domain\":\"d\",\"normalise\":\"exact\",\"bits\":128}}]",
	        "not a parameter");
	assert_refused(
	        "[{\"pointer\":\"/v\",\"action\":\"surrogate\",\"params\":{\"domain\":\"d\",\"normalise\":\"exact\"}},"
	        "{\"pointer\":\"/*\",\"action\":\"surrogate\",\"params\":{\"domain\":\"d\",\"normalise\":\"name\"}}]",
	        "neither is stricter");
	buf_free(&text);
	buf_free(&out);
	transform_run_free(run);
	program_free(p);
}
END_TEST

TCase *make_surrogate_case(void);
TCase *make_surrogate_case(void)
{
	TCase *c = tcase_create("surrogate");

	tcase_add_test(c, one_value_one_surrogate);
	tcase_add_test(c, rows_are_apart);
	tcase_add_test(c, no_table_no_surrogate);
	tcase_add_test(c, form_and_parameters);
	return c;
}
