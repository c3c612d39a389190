/* Each transform without a key: what it makes of values, and what it refuses. */
#include "test/transform/transform_test.h"

/* One action on the member "v": value in, value out, or the error that it gives. */
struct action_case {
	const char *action, *params, *in, *out, *error;
};

static void try_all(const struct action_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char rules[512], record[512], want[512];

		snprintf(rules, sizeof rules, "[{\"pointer\":\"/v\",\"action\":\"%s\",\"params\":%s}]", cases[i].action,
		         cases[i].params);
		snprintf(record, sizeof record, "{\"v\":%s}", cases[i].in);
		struct program *p = compile_ok(rules);
		if (cases[i].error) {
			assert_fails(p, record, REASON_TRANSFORM_FAILED, cases[i].error);
			assert_fails(p, record, REASON_TRANSFORM_FAILED, "rule r0, ");
		} else {
			snprintf(want, sizeof want, "{\"v\":%s}", cases[i].out);
			assert_run(p, record, want);
		}
		program_free(p);
	}
}

#define TRY(cases) try_all(cases, sizeof cases / sizeof *cases)

START_TEST(constants_and_null)
{
	static const struct action_case cases[] = {
		{ "const", "{\"value\":\"h\\\"idden\"}", "\"Anna\"", "\"h\\\"idden\"", NULL },
		{ "const", "{\"value\":-7}", "{}", NULL, "an object or array" },
		{ "const", "{\"value\":true}", "null", "true", NULL },
		{ "const", "{\"value\":false}", "1.5", "false", NULL },
		{ "null", "{}", "\"Anna\"", "null", NULL },
		{ "null", "{}", "[]", NULL, "an object or array" },
	};

	TRY(cases);
	assert_once("[{\"pointer\":\"/v\",\"action\":\"drop\"}]", "{\"v\":1,\"w\":2}", "{}");
}
END_TEST

START_TEST(masks)
{
	static const struct action_case cases[] = {
		{ "mask", "{}", "\"Anna\"", "\"****\"", NULL },
		{ "mask", "{}", "\"\"", "\"\"", NULL },
		{ "mask", "{\"character\":\"#\"}", "\"\xc3\x85\xe2\x82\xac\xf0\x9f\x98\x80\"", "\"###\"", NULL },
		{ "mask", "{\"length\":5}", "\"Anna-Maria\"", "\"*****\"", NULL },
		{ "mask", "{\"length\":5}", "\"\"", "\"*****\"", NULL },
		{ "mask", "{\"keep_last\":4}", "\"4111111111111111\"", "\"************1111\"", NULL },
		{ "mask", "{\"keep_first\":1,\"keep_last\":1}",
		  "\"\xc3\x85"
		  "bcd\xc3\xa9\"",
		  "\"\xc3\x85***\xc3\xa9\"", NULL },
		{ "mask", "{\"keep_first\":1,\"keep_last\":1}", "\"abcd\"", "\"a**d\"", NULL },
		{ "mask", "{\"keep_first\":1,\"keep_last\":1}", "\"abc\"", "\"***\"", NULL },
		{ "mask", "{}", "null", "null", NULL },
		{ "mask", "{}", "17", NULL, "the value is a number" },
		{ "mask", "{}", "true", NULL, "the value is true or false" },
		{ "mask", "{}", "{}", NULL, "an object or array" },
		{ "mask", "{}", "[]", NULL, "an object or array" },
		{ "mask", "{}", "[\"a\"]", NULL, "an object or array" },
	};

	TRY(cases);
}
END_TEST

START_TEST(dates_are_truncated)
{
	static const struct action_case cases[] = {
		{ "date-trunc", "{\"to\":\"day\"}", "\"1984-03-17T23:59:59+02:00\"", "\"1984-03-17\"", NULL },
		{ "date-trunc", "{\"to\":\"month\"}", "\"1984-03-17\"", "\"1984-03\"", NULL },
		{ "date-trunc", "{\"to\":\"quarter\"}", "\"1984-03-17\"", "\"1984-Q1\"", NULL },
		{ "date-trunc", "{\"to\":\"quarter\"}", "\"1984-12-31\"", "\"1984-Q4\"", NULL },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984-03-17\"", "\"1984\"", NULL },
		{ "date-trunc", "{\"to\":\"decade\"}", "\"1984-03-17\"", "\"1980s\"", NULL },
		{ "date-trunc", "{\"to\":\"month\",\"as\":\"date\"}", "\"1984-03-17\"", "\"1984-03-01\"", NULL },
		{ "date-trunc", "{\"to\":\"quarter\",\"as\":\"date\"}", "\"1984-09-17\"", "\"1984-07-01\"", NULL },
		{ "date-trunc", "{\"to\":\"year\",\"as\":\"date\"}", "\"1984-03-17T00:00:00Z\"", "\"1984-01-01\"",
		  NULL },
		{ "date-trunc", "{\"to\":\"decade\",\"as\":\"date\"}", "\"1989-12-31\"", "\"1980-01-01\"", NULL },
		/* Less exact values stay as they are. */
		{ "date-trunc", "{\"to\":\"month\"}", "\"1984\"", "\"1984\"", NULL },
		{ "date-trunc", "{\"to\":\"month\"}", "\"1984-Q2\"", "\"1984-Q2\"", NULL },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984-03\"", "\"1984\"", NULL },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1980s\"", "\"1980s\"", NULL },
		{ "date-trunc", "{\"to\":\"year\"}", "null", "null", NULL },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984-02-30\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984-03-17T25:00:00Z\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"17.3.1984\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984-13\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984-Q5\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1985s\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1980x\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984-Q0\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984-Qx\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984/03\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984-00\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984-0x\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"19:4\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984-3\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"\"", NULL, "not a date" },
		{ "date-trunc", "{\"to\":\"year\"}", "19840317", NULL, "the value is a number" },
	};

	TRY(cases);
}
END_TEST

START_TEST(numbers_are_banded)
{
	static const struct action_case cases[] = {
		{ "band", "{\"edges\":[18,25,65]}", "17", "\"<18\"", NULL },
		{ "band", "{\"edges\":[18,25,65]}", "18", "\"18-24\"", NULL },
		{ "band", "{\"edges\":[18,25,65]}", "24.999", "\"18-24\"", NULL },
		{ "band", "{\"edges\":[18,25,65]}", "25", "\"25-64\"", NULL },
		{ "band", "{\"edges\":[18,25,65]}", "6.5e1", "\">=65\"", NULL },
		{ "band", "{\"edges\":[18,25,65]}", "1e999", "\">=65\"", NULL },
		{ "band", "{\"edges\":[18,25,65]}", "-3", "\"<18\"", NULL },
		{ "band", "{\"edges\":[0]}", "-0", "\">=0\"", NULL },
		{ "band", "{\"width\":5}", "0", "\"0-4\"", NULL },
		{ "band", "{\"width\":5}", "23.9", "\"20-24\"", NULL },
		{ "band", "{\"width\":10}", "1.2e2", "\"120-129\"", NULL },
		{ "band", "{\"width\":10}", "0.07", "\"0-9\"", NULL },
		{ "band", "{\"width\":10}", "-1", NULL, "negative or too large" },
		{ "band", "{\"width\":10}", "1e18", NULL, "negative or too large" },
		{ "band", "{\"width\":10}", "999999999999999999", "\"999999999999999990-999999999999999999\"", NULL },
		{ "band", "{\"edges\":[18]}", "\"17\"", NULL, "not a number" },
		{ "band", "{\"edges\":[18]}", "true", NULL, "true or false" },
	};

	TRY(cases);
}
END_TEST

START_TEST(numbers_are_rounded)
{
	static const struct action_case cases[] = {
		{ "round", "{\"digits\":2}", "19.99", "19.99", NULL },
		{ "round", "{\"digits\":1}", "19.99", "20", NULL },
		{ "round", "{\"digits\":1}", "19.94", "19.9", NULL },
		{ "round", "{\"digits\":0}", "0.5", "1", NULL },
		{ "round", "{\"digits\":0}", "-0.5", "-1", NULL },
		{ "round", "{\"digits\":0}", "-0.49", "0", NULL },
		{ "round", "{\"digits\":0}", "2.5", "3", NULL },
		{ "round", "{\"digits\":-2}", "149.9", "100", NULL },
		{ "round", "{\"digits\":-2}", "150", "200", NULL },
		{ "round", "{\"digits\":-3}", "999500", "1000000", NULL },
		{ "round", "{\"digits\":-3}", "499", "0", NULL },
		{ "round", "{\"digits\":-3}", "500", "1000", NULL },
		{ "round", "{\"digits\":2}", "123456789012345678.255", "123456789012345678.26", NULL },
		{ "round", "{\"digits\":2}", "1.005e-1", "0.1", NULL },
		{ "round", "{\"digits\":3}", "1.2345e-2", "0.012", NULL },
		{ "round", "{\"digits\":3}", "5e-4", "0.001", NULL },
		{ "round", "{\"digits\":3}", "4e-4", "0", NULL },
		{ "round", "{\"digits\":3}", "1e-999999999999", "0", NULL },
		{ "round", "{\"digits\":0}", "1E+400", "1e+400", NULL },
		{ "round", "{\"digits\":0}", "1e999999999999999999999", "1e+999999999999999999999", NULL },
		{ "round", "{\"digits\":0}", "0.000", "0", NULL },
		{ "round", "{\"digits\":2}", "1.500000", "1.5", NULL },
		{ "round", "{\"digits\":0}", "\"2.5\"", NULL, "not a number" },
		{ "topcode", "{\"max\":90}", "90", "90", NULL },
		{ "topcode", "{\"max\":90}", "90.0001", "90", NULL },
		{ "topcode", "{\"max\":90}", "1e40", "90", NULL },
		{ "topcode", "{\"max\":90,\"min\":-5}", "-5.5", "-5", NULL },
		{ "topcode", "{\"max\":90,\"min\":-5}", "-4.50", "-4.5", NULL },
		{ "topcode", "{\"min\":10}", "9", "10", NULL },
		{ "topcode", "{\"min\":10}", "\"9\"", NULL, "not a number" },
	};

	TRY(cases);
}
END_TEST

START_TEST(places_are_made_coarser)
{
	static const struct action_case cases[] = {
		{ "geo", "{\"decimals\":1}", "52.5163", "52.5", NULL },
		{ "geo", "{\"decimals\":0}", "-179.5", "-180", NULL },
		{ "geo", "{\"decimals\":3}", "13", "13", NULL },
		{ "geo", "{\"decimals\":1}", "180.01", NULL, "not a coordinate" },
		{ "geo", "{\"decimals\":1}", "-181", NULL, "not a coordinate" },
		{ "geo", "{\"decimals\":1}", "\"u33db2\"", NULL, "not a number" },
		{ "geo", "{\"geohash\":4}", "\"u33db2m3\"", "\"u33d\"", NULL },
		{ "geo", "{\"geohash\":4}", "\"u3\"", "\"u3\"", NULL },
		{ "geo", "{\"geohash\":4}", "\"u3a\"", NULL, "not a geohash" },
		{ "geo", "{\"geohash\":4}", "\"\"", NULL, "not a geohash" },
		{ "geo", "{\"geohash\":4}", "52.5", NULL, "a number, which" },
		{ "ip-prefix", "{}", "\"192.0.2.77\"", "\"192.0.2.0/24\"", NULL },
		{ "ip-prefix", "{\"ipv4\":17}", "\"192.0.255.77\"", "\"192.0.128.0/17\"", NULL },
		{ "ip-prefix", "{\"ipv4\":0}", "\"192.0.255.77\"", "\"0.0.0.0/0\"", NULL },
		{ "ip-prefix", "{}", "\"192.0.2.77/16\"", "\"192.0.0.0/16\"", NULL },
		{ "ip-prefix", "{}", "\"2001:DB8:1234:5678::1\"", "\"2001:db8:1234::/48\"", NULL },
		{ "ip-prefix", "{\"ipv6\":127}", "\"::1\"", "\"::/127\"", NULL },
		{ "ip-prefix", "{}", "\"2001:db8::/32\"", "\"2001:db8::/32\"", NULL },
		{ "ip-prefix", "{}", "\"192.0.2\"", NULL, "not an IP address" },
		{ "ip-prefix", "{}", "\"192.0.2.1/33\"", NULL, "not an IP network" },
		{ "ip-prefix", "{}", "\"192.0.2.1/\"", NULL, "not an IP network" },
		{ "ip-prefix", "{}", "\"192.0.2.1\\u0000\"", NULL, "not an IP address" },
		{ "ip-prefix", "{}", "\"\"", NULL, "not an IP address" },
		{ "ip-prefix", "{}", "\"2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000\"", NULL,
		  "not an IP address" },
		{ "postcode", "{\"keep_first\":2}", "\"10115\"", "\"10\"", NULL },
		{ "postcode", "{\"keep_first\":2}", "\"1\"", "\"1\"", NULL },
		{ "postcode", "{\"drop_last\":3}", "\"sw1a 2aa\"", "\"SW1A\"", NULL },
		{ "postcode", "{\"keep_first\":3,\"suppress\":[\"036\",\"059\"]}", "\"03601\"", "\"000\"", NULL },
		{ "postcode", "{\"keep_first\":3,\"suppress\":[\"036\",\"059\"]}", "\"03701-1234\"", "\"037\"", NULL },
		{ "postcode", "{\"drop_last\":3}", "\"2AA\"", NULL, "too short" },
		{ "postcode", "{\"keep_first\":3}", "\" - \"", NULL, "too short" },
		{ "postcode", "{\"keep_first\":3}", "\"1234567890123\"", NULL, "not a postal code" },
		{ "postcode", "{\"keep_first\":3}", "\"K\xc3\xb6ln\"", NULL, "not a postal code" },
		{ "postcode", "{\"keep_first\":3}", "\"1{2\"", NULL, "not a postal code" },
		{ "postcode", "{\"keep_first\":3}", "\"1[2\"", NULL, "not a postal code" },
		{ "postcode", "{\"keep_first\":3}", "\"1:2\"", NULL, "not a postal code" },
		{ "postcode", "{\"keep_first\":3}", "\"1#2\"", NULL, "not a postal code" },
		{ "geo", "{\"geohash\":4}", "\"u33db2m3u33db\"", NULL, "not a geohash" },
		{ "postcode", "{\"keep_first\":3}", "10115", NULL, "a number, which" },
	};

	TRY(cases);
}
END_TEST

/* Refused, and not passed unsearched; what a find leaves behind is searched again. */
START_TEST(texts_are_redacted_or_refused)
{
	struct program *p = compile_ok("[{\"pointer\":\"/t\",\"action\":\"redact-text\",\"params\":"
	                               "{\"recognisers\":[\"card\"],\"dictionary\":[\"Anna\"]}}]");
	const struct tape_limits limits = { .bytes = 4u << 20, .string_bytes = 2u << 20 };
	struct tape_parser *parser = tape_parser_new(&limits);
	struct transform_run *run = transform_run_new();
	struct buf record = BUF_INIT(4u << 20), out = BUF_INIT(4u << 20);
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	buf_adds(&record, "{\"t\":\"");
	for (size_t i = 0; i <= 1u << 20; i++)
		buf_addc(&record, 'x');
	buf_adds(&record, "\"}");
	ck_assert_msg(tape_parse(parser, buf_view(&record), &t, &e), "%s", e.text);
	struct transform_input in = { .tape = &t };
	ck_assert(!program_run(p, run, &in, &out, &e));
	ck_assert_int_eq(e.reason, REASON_TRANSFORM_FAILED);
	ck_assert_ptr_nonnull(strstr(e.text, "the text is too long to be searched"));
	ck_assert(!program_check_output(p, &t, 0, &e));
	assert_run(p, "{\"t\":\"to Anna4111111111111111\"}", "{\"t\":\"to [word][card]\"}");
	ck_assert(check_arrival(p, "{\"t\":\"to [word][card]\"}", NULL));
	ck_assert(!check_arrival(p, "{\"t\":\"to Anna[card]\"}", NULL));
	buf_free(&record);
	buf_free(&out);
	transform_run_free(run);
	tape_parser_free(parser);
	program_free(p);
}
END_TEST

START_TEST(texts_are_redacted_and_counted)
{
	struct program *p = compile_ok("[{\"pointer\":\"/*\",\"action\":\"redact-text\",\"params\":"
	                               "{\"recognisers\":[\"iban\",\"email\"],\"dictionary\":[\"Anna\"]}}]");
	struct tape_parser *parser = tape_parser_new(NULL);
	struct transform_run *run = transform_run_new();
	struct error e = { .reason = REASON_NONE };
	struct buf out = BUF_INIT(4096);
	const char *names[8];
	uint32_t counts[8];
	struct tape t;

	ck_assert(tape_parse(parser,
	                     VIEW("{\"a\":\"Anna pays to GB82 WEST 1234 5698 7654 32\",\"b\":\"ANNA\",\"c\":\"x\"}"),
	                     &t, &e));
	struct transform_input in = { .tape = &t };
	ck_assert(program_run(p, run, &in, &out, &e));
	ck_assert(view_is(buf_view(&out), "{\"a\":\"[word] pays to [iban]\",\"b\":\"[word]\",\"c\":\"x\"}"));
	ck_assert_uint_eq(transform_redactions(run, names, counts, 8), 2);
	ck_assert_str_eq(names[0], "iban");
	ck_assert_uint_eq(counts[0], 1);
	ck_assert_str_eq(names[1], "word");
	ck_assert_uint_eq(counts[1], 2);
	ck_assert_uint_eq(transform_redactions(run, names, counts, 1), 1);
	/* Counts are of the last run. */
	buf_reset(&out);
	ck_assert(tape_parse(parser, VIEW("{\"a\":\"nothing\"}"), &t, &e));
	ck_assert(program_run(p, run, &in, &out, &e));
	ck_assert_uint_eq(transform_redactions(run, names, counts, 8), 0);
	buf_free(&out);
	transform_run_free(run);
	tape_parser_free(parser);
	assert_fails(p, "{\"a\":5}", REASON_TRANSFORM_FAILED, "a number, which");
	program_free(p);
}
END_TEST

START_TEST(errors_name_the_place_and_no_value)
{
	struct program *p = compile_ok("[{\"id\":\"born\",\"pointer\":\"/persons/*/born\",\"action\":\"date-trunc\","
	                               "\"params\":{\"to\":\"year\"}}]");
	struct error e = { .reason = REASON_NONE };

	ck_assert_ptr_null(run_record(p, "{\"persons\":{\"Secretname\":{\"born\":\"secretvalue\"}}}", &e));
	ck_assert_str_eq(e.where, "/persons/*/born");
	ck_assert_ptr_nonnull(strstr(e.text, "rule born, date-trunc"));
	ck_assert_ptr_null(strstr(e.text, "ecret"));
	program_free(p);
}
END_TEST

TCase *make_actions_case(void);
TCase *make_actions_case(void)
{
	TCase *c = tcase_create("actions");

	tcase_add_test(c, constants_and_null);
	tcase_add_test(c, masks);
	tcase_add_test(c, dates_are_truncated);
	tcase_add_test(c, numbers_are_banded);
	tcase_add_test(c, numbers_are_rounded);
	tcase_add_test(c, places_are_made_coarser);
	tcase_add_test(c, texts_are_redacted_or_refused);
	tcase_add_test(c, texts_are_redacted_and_counted);
	tcase_add_test(c, errors_name_the_place_and_no_value);
	return c;
}
