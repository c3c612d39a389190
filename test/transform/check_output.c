/* The form of what leaves: ingress takes what egress made and refuses anything else, and the derived schema says
 * the same. */
#include "test/transform/derived.h"

#include "lib/schema/document.h"

/* ok: values that may arrive; bad: values that may not; what the schema alone cannot see is in odd. */
static const struct {
	const char *action, *params;
	const char *in[4], *ok[6], *bad[8], *odd[4];
} cases[] = {
	{ "keep", "{}", { "1", "\"x\"", "[]", "{}" }, { "null", "true" }, { "[1]", "{\"a\":1}" }, { NULL } },
	{ "const", "{\"value\":\"x\"}", { "\"Anna\"", "null" }, { "\"x\"" }, { "\"y\"", "null", "1", "[]" }, { NULL } },
	{ "const", "{\"value\":5}", { "7" }, { "5", "5.0" }, { "6", "\"5\"", "true" }, { NULL } },
	{ "const", "{\"value\":true}", { "7" }, { "true" }, { "false", "1", "\"true\"" }, { NULL } },
	{ "null", "{}", { "\"Anna\"", "5" }, { "null" }, { "\"\"", "0", "false", "{}" }, { NULL } },
	{ "mask", "{}", { "\"Anna\"", "\"\"", "null" }, { "\"***\"" }, { "\"Anna\"", "\"**x\"", "1" }, { NULL } },
	{ "mask",
	  "{\"length\":4}",
	  { "\"Anna-Maria\"", "\"\"" },
	  { "\"****\"" },
	  { "\"***\"", "\"*****\"", "\"Anna\"" },
	  { NULL } },
	{ "mask",
	  "{\"keep_first\":1,\"keep_last\":2}",
	  { "\"Anna-Maria\"", "\"abc\"",
	    "\"\xc3\xa9"
	    "bcde\xc3\xa9\xc3\xa9\"" },
	  { "\"A***ia\"", "\"**\"" },
	  { "\"Anna-Maria\"", "\"A*ia\"", "\"A**\"", "\"A****\\n**x**\"" },
	  { NULL } },
	{ "pseudonym",
	  "{\"domain\":\"d\",\"normalise\":\"exact\"}",
	  { "\"Anna\"", "17", "null" },
	  { "\"p1.7.he7heoqettd7tr2ma6spzhuvqe\"" },
	  { "\"Anna\"", "17", "\"p1.0.he7heoqettd7tr2ma6spzhuvqe\"", "\"p1.1.he7heoqettd7tr2ma6spzhuvq\"",
	    "\"p2.1.he7heoqettd7tr2ma6spzhuvqe\"", "\"t1.1.he7heoqettd7tr2ma6spzhuvqe\"",
	    "\"p1.1.HE7HEOQETTD7TR2MA6SPZHUVQE\"" },
	  /* Bits that belong to no byte; an epoch past 32 bits. */
	  { "\"p1.1.he7heoqettd7tr2ma6spzhuvqf\"", "\"p1.4294967296.he7heoqettd7tr2ma6spzhuvqe\"" } },
	{ "pseudonym",
	  "{\"domain\":\"d\",\"normalise\":\"exact\",\"bits\":256}",
	  { "\"Anna\"" },
	  { NULL },
	  { "\"p1.1.he7heoqettd7tr2ma6spzhuvqe\"" },
	  { NULL } },
	{ "token",
	  "{\"domain\":\"d\"}",
	  { "\"Anna\"", "1.5", "true", "null" },
	  { NULL },
	  { "\"Anna\"", "1.5", "true", "\"t1.1.AAAA\"", "\"s1.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
	    "\"t1.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+A\"" },
	  { "\"t1.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
	    "\"t1.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"", "\"t1.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"" } },
	{ "seal",
	  "{\"domain\":\"d\",\"pad\":1}",
	  { "\"Anna\"", "\"\"", "false" },
	  { NULL },
	  { "\"Anna\"", "\"s1.1.AAAA\"" },
	  { NULL } },
	{ "fpe",
	  "{\"domain\":\"d\",\"alphabet\":\"digits\",\"check\":\"luhn\",\"separators\":\"- /\"}",
	  { "\"4111-1111/1111 1111\"" },
	  { "\"4111111111111111\"" },
	  { "\"abc\"", "4111", "\"\"" },
	  { "\"4111111111111112\"" } },
	{ "fpe",
	  "{\"domain\":\"d\",\"alphabet\":\"letters\"}",
	  { "\"ABCDEF\"" },
	  { "\"XYZ\"" },
	  { "\"abc\"", "\"A1\"" },
	  { NULL } },
	{ "fpe",
	  "{\"domain\":\"d\",\"alphabet\":\"alphanumeric\",\"separators\":\".\"}",
	  { "\"AB.12\"" },
	  { NULL },
	  { "\"a\"", "\"A-1\"" },
	  { NULL } },
	{ "date-shift",
	  "{\"domain\":\"d\",\"days\":5}",
	  { "\"1984-03-17\"", "\"1984-03-17T00:00:00Z\"" },
	  { "\"2000-01-01\"" },
	  { "\"1984-03\"", "\"x\"", "5" },
	  { "\"1984-02-30\"", "\"1984-02-20T99:00:00Z\"" } },
	{ "date-trunc",
	  "{\"to\":\"day\"}",
	  { "\"1984-03-17T10:00:00Z\"", "\"1984\"" },
	  { "\"1984-03-17\"" },
	  { "\"1984-03-17T10:00:00Z\"", "\"19840317\"" },
	  { "\"1984-02-30\"" } },
	{ "date-trunc",
	  "{\"to\":\"month\"}",
	  { "\"1984-03-17\"", "\"1984\"" },
	  { "\"1984-Q1\"", "\"1980s\"" },
	  { "\"1984-03-17\"", "\"1984-13\"", "\"1984-03-01\"", "5" },
	  { NULL } },
	{ "date-trunc",
	  "{\"to\":\"quarter\"}",
	  { "\"1984-03-17\"" },
	  { "\"1984\"" },
	  { "\"1984-03\"", "\"1984-Q5\"" },
	  { NULL } },
	{ "date-trunc",
	  "{\"to\":\"year\"}",
	  { "\"1984-03-17\"", "null" },
	  { "\"1980s\"" },
	  { "\"1984-03-17\"", "\"1984-03\"", "\"1984-Q1\"", "\"84\"", "1984", "\"1984-01-01\"" },
	  { NULL } },
	{ "date-trunc", "{\"to\":\"decade\"}", { "\"1984-03-17\"" }, { NULL }, { "\"1984\"", "\"1984s\"" }, { NULL } },
	{ "date-trunc",
	  "{\"to\":\"day\",\"as\":\"date\"}",
	  { "\"1984-03-17T10:00:00Z\"", "\"1984\"" },
	  { NULL },
	  { "\"1984\"", "\"1984-03-17T10:00:00Z\"" },
	  { NULL } },
	{ "date-trunc",
	  "{\"to\":\"month\",\"as\":\"date\"}",
	  { "\"1984-03-17\"" },
	  { "\"1984-01-01\"" },
	  { "\"1984-03-17\"", "\"1984\"" },
	  { NULL } },
	{ "date-trunc",
	  "{\"to\":\"quarter\",\"as\":\"date\"}",
	  { "\"1984-03-17\"" },
	  { NULL },
	  { "\"1984-03-01\"" },
	  { NULL } },
	{ "date-trunc",
	  "{\"to\":\"year\",\"as\":\"date\"}",
	  { "\"1984-03-17\"" },
	  { "\"1980-01-01\"" },
	  { "\"1984-03-17\"", "\"1984-04-01\"" },
	  { NULL } },
	{ "date-trunc",
	  "{\"to\":\"decade\",\"as\":\"date\"}",
	  { "\"1984-03-17\"" },
	  { NULL },
	  { "\"1984-01-01\"" },
	  { NULL } },
	{ "band",
	  "{\"edges\":[18,25,65]}",
	  { "3", "18", "70.5", "null" },
	  { "\"25-64\"" },
	  { "18", "\"18\"", "\"18-25\"", "\"<17\"", "\">=64\"" },
	  { NULL } },
	{ "band",
	  "{\"width\":5}",
	  { "3", "18" },
	  { "\"100-104\"" },
	  { "18", "\"18\"", "\"-5-0\"" },
	  { "\"1-5\"", "\"5-10\"", "\"05-09\"" } },
	{ "round",
	  "{\"digits\":1}",
	  { "3.14159", "7", "1e3" },
	  { "2.50", "-1" },
	  { "3.14", "\"3.1\"", "1e-2" },
	  { NULL } },
	{ "round", "{\"digits\":-2}", { "349", "-351.5", "null" }, { "1000", "0" }, { "350", "0.5", "99" }, { NULL } },
	{ "topcode",
	  "{\"max\":90,\"min\":0}",
	  { "17", "170", "-5" },
	  { "90.0", "0.5" },
	  { "90.01", "-1", "\"5\"" },
	  { NULL } },
	{ "topcode", "{\"max\":18}", { "17", "170" }, { "-1e9" }, { "18.1" }, { NULL } },
	{ "topcode", "{\"min\":18}", { "17", "170" }, { "18" }, { "17.9" }, { NULL } },
	{ "geo", "{\"decimals\":1}", { "52.5163", "-13.41" }, { "13" }, { "52.51", "\"52.5\"" }, { NULL } },
	{ "geo",
	  "{\"geohash\":3}",
	  { "\"u33db2\"", "\"u\"" },
	  { NULL },
	  { "\"u33d\"", "\"ua\"", "\"\"", "3" },
	  { NULL } },
	{ "ip-prefix",
	  "{}",
	  { "\"192.0.2.77\"", "\"2001:db8::1\"" },
	  { "\"192.0.0.0/16\"" },
	  { "\"192.0.2.77\"", "\"2001:DB8::/48\"", "\"x\"", "4" },
	  { "\"192.0.2.77/24\"", "\"192.0.2.0/25\"", "\"2001:db8::1/48\"" } },
	{ "postcode",
	  "{\"keep_first\":2}",
	  { "\"10115\"" },
	  { "\"1\"" },
	  { "\"101\"", "\"1a\"", "\"\"", "10" },
	  { NULL } },
	{ "postcode",
	  "{\"drop_last\":3,\"suppress\":[\"SW1A\"]}",
	  { "\"SW1A 2AA\"", "\"EC2Y 9AL\"" },
	  { "\"EC2Y\"" },
	  { "\"EC2Y 9AL\"", "\"ABCDEFGHIJ\"" },
	  { "\"SW1A\"" } },
	{ "redact-text",
	  "{\"recognisers\":[\"email\",\"phone\"]}",
	  { "\"to a@b.example or +49301234567\"", "\"x\"" },
	  { "\"see [email]\"" },
	  { "5", "true" },
	  { "\"to a@b.example\"", "\"+49301234567\"" } },
};

/* Parameters that the code takes fit schema/transforms.schema.json. */
START_TEST(parameters_fit_their_schema)
{
	struct schema_options o = { .draft = DRAFT_2020_12, .strict = true, .formats = true };
	struct view text = document_builtin_schema(VIEW("transforms"));
	struct tape_parser *parser = tape_parser_new(NULL);
	struct schema_run *run = schema_run_new();
	struct error e = { .reason = REASON_NONE };

	ck_assert_ptr_nonnull(text.p);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct schema_set *set = schema_set_new();
		char uri[64], wrong[256];
		struct tape t;

		ck_assert_msg(schema_set_add(set, VIEW("urn:transforms"), text, &e), "%s", e.text);
		snprintf(uri, sizeof uri, "urn:transforms#/$defs/%s", cases[i].action);
		struct schema *s = schema_compile(set, view_of(uri), &o, &e);
		ck_assert_msg(s != NULL, "%s: %s", uri, e.text);
		ck_assert(tape_parse(parser, view_of(cases[i].params), &t, &e));
		ck_assert_msg(schema_check(s, run, &t, 0) == SCHEMA_VALID, "%s %s", cases[i].action, cases[i].params);
		snprintf(wrong, sizeof wrong, "{\"unknown\":1%s%s", cases[i].params[1] == '}' ? "" : ",",
		         cases[i].params + 1);
		ck_assert(tape_parse(parser, view_of(wrong), &t, &e));
		ck_assert_msg(schema_check(s, run, &t, 0) == SCHEMA_INVALID, "%s %s", cases[i].action, wrong);
		schema_unref(s);
		schema_set_free(set);
	}
	schema_run_free(run);
	tape_parser_free(parser);
}
END_TEST

static void assert_stopped(struct derived *d, const char *record, bool schema_sees)
{
	struct error e = { .reason = REASON_NONE };

	ck_assert_msg(!check_arrival(d->program, record, &e), "arrived: %s", record);
	ck_assert_int_eq(e.reason, REASON_OUTPUT_VIOLATION);
	ck_assert_msg(fits_schema(d, record) != schema_sees, "the schema sees %s wrongly", record);
}

START_TEST(each_form_is_checked)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char rules[512], record[256];

		/* By a star, too, with a container around it, so that every way of writing a shape is used. */
		snprintf(rules, sizeof rules,
		         "[{\"pointer\":\"/v\",\"action\":\"%s\",\"params\":%s},"
		         "{\"pointer\":\"/w/*\",\"action\":\"%s\",\"params\":%s}]",
		         cases[i].action, cases[i].params, cases[i].action, cases[i].params);
		struct derived d = derive(rules);
		for (size_t k = 0; k < 4 && cases[i].in[k]; k++) {
			snprintf(record, sizeof record, "{\"v\":%s,\"w\":[%s],\"x\":1}", cases[i].in[k],
			         cases[i].in[k]);
			struct error e = { .reason = REASON_NONE };
			const char *out = run_record(d.program, record, &e);
			ck_assert_msg(out != NULL, "%s", e.text);
			assert_arrives(&d, out);
		}
		for (size_t k = 0; k < 6 && cases[i].ok[k]; k++) {
			snprintf(record, sizeof record, "{\"w\":{\"a\":%s},\"v\":%s}", cases[i].ok[k], cases[i].ok[k]);
			assert_arrives(&d, record);
		}
		for (size_t k = 0; k < 8 && cases[i].bad[k]; k++) {
			snprintf(record, sizeof record, "{\"v\":%s}", cases[i].bad[k]);
			assert_stopped(&d, record, true);
			snprintf(record, sizeof record, "{\"w\":[%s]}", cases[i].bad[k]);
			assert_stopped(&d, record, true);
		}
		for (size_t k = 0; k < 4 && cases[i].odd[k]; k++) {
			snprintf(record, sizeof record, "{\"v\":%s}", cases[i].odd[k]);
			assert_stopped(&d, record, false);
		}
		derived_free(&d);
	}
}
END_TEST

START_TEST(shapes_are_closed)
{
	struct derived d = derive(
	        "[{\"pointer\":\"/a/b\",\"action\":\"keep\"},{\"pointer\":\"/l/*/n\",\"action\":\"keep\"},"
	        "{\"pointer\":\"/s\",\"action\":\"keep\",\"subtree\":true},{\"pointer\":\"/s/x\",\"action\":\"drop\"},"
	        "{\"pointer\":\"/c\",\"action\":\"keep\"},{\"pointer\":\"/c/d\",\"action\":\"null\"}]");

	assert_arrives(&d, "{}");
	assert_arrives(&d, "[]");
	assert_arrives(&d, "{\"a\":{\"b\":1},\"l\":[{\"n\":1}],\"s\":{\"y\":[1,{\"x\":2}]},\"c\":{}}");
	assert_arrives(&d, "{\"l\":{\"k\":{\"n\":[]}},\"c\":{\"d\":null},\"s\":7}");
	assert_arrives(&d, "{\"c\":5}");
	assert_stopped(&d, "{\"b\":1}", true);
	assert_stopped(&d, "{\"b\":{}}", true);
	assert_stopped(&d, "{\"a\":1}", true);
	assert_stopped(&d, "{\"a\":{}}", true);
	assert_stopped(&d, "{\"a\":[]}", true);
	assert_stopped(&d, "{\"a\":{\"c\":1}}", true);
	assert_stopped(&d, "{\"a\":{\"b\":{\"c\":1}}}", true);
	assert_stopped(&d, "{\"l\":[{}]}", true);
	assert_stopped(&d, "{\"l\":[]}", true);
	assert_stopped(&d, "{\"l\":[1]}", true);
	assert_stopped(&d, "{\"l\":[{\"n\":1,\"m\":2}]}", true);
	assert_stopped(&d, "{\"s\":{\"x\":1}}", true);
	assert_stopped(&d, "{\"c\":{\"d\":1}}", true);
	assert_stopped(&d, "{\"c\":{\"d\":{}}}", true);
	assert_stopped(&d, "{\"c\":{\"d\":[null]}}", true);
	assert_stopped(&d, "{\"c\":{\"e\":1}}", true);
	assert_stopped(&d, "[1]", true);
	ck_assert(!check_arrival(d.program, "5", NULL));
	derived_free(&d);

	/* A constant where a keep rule names the container: either may arrive. */
	static const char *const constants[] = { "\"x\"", "5", "true" }, *const others[] = { "5", "6", "\"x\"" };
	for (size_t i = 0; i < 3; i++) {
		char rules[256], record[64];

		snprintf(rules, sizeof rules,
		         "[{\"pointer\":\"/c\",\"action\":\"keep\"},{\"pointer\":\"/c\",\"action\":\"const\","
		         "\"subtree\":true,\"params\":{\"value\":%s}},{\"pointer\":\"/c/d\",\"action\":\"keep\"}]",
		         constants[i]);
		d = derive(rules);
		snprintf(record, sizeof record, "{\"c\":%s}", constants[i]);
		assert_arrives(&d, record);
		snprintf(record, sizeof record, "{\"c\":{\"d\":%s}}", constants[i]);
		assert_arrives(&d, record);
		assert_arrives(&d, "{\"c\":{}}");
		snprintf(record, sizeof record, "{\"c\":{\"d\":[%s,%s]}}", constants[i], others[i]);
		assert_stopped(&d, record, true);
		snprintf(record, sizeof record, "{\"c\":%s}", others[i]);
		assert_stopped(&d, record, true);
		derived_free(&d);
	}

	d = derive("[{\"pointer\":\"\",\"action\":\"drop\"}]");
	assert_arrives(&d, "{}");
	assert_stopped(&d, "{\"a\":1}", true);
	derived_free(&d);
	d = derive("[{\"pointer\":\"\",\"action\":\"keep\",\"subtree\":true}]");
	assert_arrives(&d, "{\"a\":[1,{}]}");
	derived_free(&d);
	d = derive("[]");
	assert_arrives(&d, "{}");
	assert_stopped(&d, "{\"a\":1}", true);
	derived_free(&d);
}
END_TEST

START_TEST(the_schema_is_the_same_bytes)
{
	struct program *p = compile_ok(
	        "[{\"pointer\":\"/b/*\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"name\"}},"
	        "{\"pointer\":\"/a\",\"action\":\"date-trunc\",\"params\":{\"to\":\"year\"}},"
	        "{\"pointer\":\"/c/d\",\"action\":\"keep\"}]");
	struct buf text = BUF_INIT(65536), small = BUF_INIT(64);
	struct error e = { .reason = REASON_NONE };

	ck_assert(program_output_schema(p, &text, &e));
	buf_addc(&text, 0);
	ck_assert_str_eq(
	        text.p,
	        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":[\"object\",\"array\"],\"properties\":{"
	        "\"a\":{\"type\":[\"string\",\"null\"],\"pattern\":\"^([0-9]{3}0s|[0-9]{4})$\"},"
	        "\"b\":{\"type\":[\"object\",\"array\"],\"additionalProperties\":{\"$ref\":\"#/$defs/s5\"},"
	        "\"items\":{\"$ref\":\"#/$defs/s5\"},\"minProperties\":1,\"minItems\":1},"
	        "\"c\":{\"type\":\"object\",\"properties\":{\"d\":{\"maxProperties\":0,\"maxItems\":0}},"
	        "\"additionalProperties\":false,\"items\":false,\"minProperties\":1,\"minItems\":1}},"
	        "\"additionalProperties\":false,\"items\":false,\"$defs\":{\"s5\":{\"type\":[\"string\",\"null\"],"
	        "\"pattern\":\"^p1\\\\.[1-9][0-9]{0,9}\\\\.[a-z2-7]{26}$\"}}}");
	ck_assert(!program_output_schema(p, &small, &e));
	ck_assert_int_eq(e.reason, REASON_LIMIT);
	buf_free(&text);
	buf_free(&small);
	program_free(p);
}
END_TEST

/* What a rule drops may not arrive either, not even as an empty shell that another rule would keep. */
START_TEST(dropped_containers_do_not_arrive)
{
	struct program *p = compile_ok(
	        "[{\"pointer\":\"/a\",\"action\":\"keep\"},{\"pointer\":\"/b\",\"action\":\"keep\"},{\"pointer\":\"/a\",\"action\":\"drop\"}]");
	struct error e = { .reason = REASON_NONE };

	ck_assert(check_arrival(p, "{\"b\":{}}", NULL));
	ck_assert(!check_arrival(p, "{\"a\":{}}", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "no rule of the agreement lets through"));
	program_free(p);
}
END_TEST

TCase *make_output_case(void);
TCase *make_output_case(void)
{
	TCase *c = tcase_create("output");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, parameters_fit_their_schema);
	tcase_add_test(c, each_form_is_checked);
	tcase_add_test(c, shapes_are_closed);
	tcase_add_test(c, the_schema_is_the_same_bytes);
	tcase_add_test(c, dropped_containers_do_not_arrive);
	return c;
}
