/* Rules over records: what leaves, what goes, who wins; and the shape of what left. */
#include "test/transform/transform_test.h"

START_TEST(what_no_rule_names_is_dropped)
{
	struct program *p =
	        compile_ok("[{\"pointer\":\"/a\",\"action\":\"keep\"},{\"pointer\":\"/c/d\",\"action\":\"keep\"}]");

	assert_run(p, "{\"a\":1,\"b\":2,\"c\":{\"d\":3,\"e\":4},\"f\":{\"g\":[1,2]}}", "{\"a\":1,\"c\":{\"d\":3}}");
	assert_run(p, "{\"b\":2}", "{}");
	assert_run(p, "{}", "{}");
	assert_run(p, "[]", "[]");
	assert_run(p, "[1,2]", "[]");
	assert_run(p, "{\"b\":{},\"c\":[]}", "{}");
	program_free(p);
}
END_TEST

START_TEST(kept_values_leave_in_one_form)
{
	assert_once(
	        "[{\"pointer\":\"/*\",\"action\":\"keep\"}]",
	        "{ \"price\" : 19.99, \"big\":123456789012345678.25 , \"e\": 1.50E+02,\n \"t\":\"\\u00e9\\/\\n\xc3\xa9\","
	        "\"k\\u0065y\":true , \"n\":null, \"z\":-0.0}",
	        "{\"big\":123456789012345678.25,\"e\":150,\"key\":true,\"n\":null,\"price\":19.99,"
	        "\"t\":\"\xc3\xa9/\\n\xc3\xa9\",\"z\":0}");
	/* The same where a whole subtree is kept, and under each rule that writes a number or a text. */
	assert_once("[{\"pointer\":\"\",\"action\":\"keep\",\"subtree\":true}]",
	            "{ \"b\" : [ {\"d\":1.0,\"c\":\"\\u0041\"}, [ ] ],\"a\":{ } }",
	            "{\"a\":{},\"b\":[{\"c\":\"A\",\"d\":1},[]]}");
	assert_once("[{\"pointer\":\"/r\",\"action\":\"round\",\"params\":{\"digits\":9}},"
	            "{\"pointer\":\"/t\",\"action\":\"topcode\",\"params\":{\"max\":5}},"
	            "{\"pointer\":\"/g\",\"action\":\"geo\",\"params\":{\"decimals\":2}},"
	            "{\"pointer\":\"/m\",\"action\":\"mask\",\"params\":{\"keep_last\":2}},"
	            "{\"pointer\":\"/c\",\"action\":\"const\",\"params\":{\"value\":\"\\/\\u0041\\b\\u000C\"}}]",
	            "{\"t\":4.50,\"r\":0.000000040,\"m\":\"abc\\u002F\\u000D\",\"g\":1.50e1,\"c\":1}",
	            "{\"c\":\"/A\\b\\f\",\"g\":15,\"m\":\"***/\\r\",\"r\":4e-8,\"t\":4.5}");
}
END_TEST

START_TEST(names_are_compared_after_unescaping)
{
	assert_once("[{\"pointer\":\"/a~1b\",\"action\":\"keep\"},{\"pointer\":\"/c~0d\",\"action\":\"keep\"},"
	            "{\"pointer\":\"/key\",\"action\":\"keep\"},{\"pointer\":\"/\",\"action\":\"keep\"}]",
	            "{\"a/b\":1,\"c~d\":2,\"k\\u0065y\":3,\"\":4,\"a~1b\":5}",
	            "{\"\":4,\"a/b\":1,\"c~d\":2,\"key\":3}");
}
END_TEST

START_TEST(stars_reach_members_and_items)
{
	struct program *p = compile_ok("[{\"pointer\":\"/p/*/n\",\"action\":\"keep\"}]");

	assert_run(p, "{\"p\":[{\"n\":1,\"x\":2},{\"x\":3},{\"n\":4}]}", "{\"p\":[{\"n\":1},{\"n\":4}]}");
	assert_run(p, "{\"p\":{\"a\":{\"n\":1},\"b\":{\"x\":1}}}", "{\"p\":{\"a\":{\"n\":1}}}");
	program_free(p);
	/* A number is a member's name, never a place in an array. */
	assert_once("[{\"pointer\":\"/p/0\",\"action\":\"keep\"}]", "{\"p\":[1,2]}", "{}");
	assert_once("[{\"pointer\":\"/p/0\",\"action\":\"keep\"}]", "{\"p\":{\"0\":1,\"1\":2}}", "{\"p\":{\"0\":1}}");
	assert_once("[{\"pointer\":\"/*\",\"action\":\"keep\"}]", "[1,[],[2],\"x\"]", "[1,[],[],\"x\"]");
}
END_TEST

START_TEST(emptied_containers_go)
{
	struct program *p =
	        compile_ok("[{\"pointer\":\"/l/*/a\",\"action\":\"keep\"},{\"pointer\":\"/m/*\",\"action\":\"drop\"}]");

	assert_run(p, "{\"l\":[{\"b\":1},{}],\"m\":[1]}", "{}");
	assert_run(p, "{\"l\":[[{\"a\":1}],{\"a\":2}]}", "{\"l\":[{\"a\":2}]}");
	assert_run(p, "{\"l\":[{}]}", "{}");
	program_free(p);
	/* A keep rule on the container keeps its place. */
	p = compile_ok("[{\"pointer\":\"/l\",\"action\":\"keep\"},{\"pointer\":\"/l/*/a\",\"action\":\"keep\"},"
	               "{\"pointer\":\"/o/*\",\"action\":\"keep\"}]");
	assert_run(p, "{\"l\":[{\"b\":1}]}", "{\"l\":[]}");
	assert_run(p, "{\"l\":[]}", "{\"l\":[]}");
	assert_run(p, "{\"l\":\"leaf\"}", "{\"l\":\"leaf\"}");
	assert_run(p, "{\"o\":[{\"b\":1},{}]}", "{\"o\":[{},{}]}");
	program_free(p);
}
END_TEST

START_TEST(subtrees_are_kept_and_dropped_whole)
{
	struct program *p = compile_ok("[{\"pointer\":\"/s\",\"action\":\"keep\",\"subtree\":true},"
	                               "{\"pointer\":\"/s/x\",\"action\":\"drop\"},"
	                               "{\"pointer\":\"/s/*/y\",\"action\":\"null\"},"
	                               "{\"pointer\":\"/d\",\"action\":\"drop\"},"
	                               "{\"pointer\":\"/d/e\",\"action\":\"keep\"}]");

	assert_run(p,
	           "{\"s\":{\"x\":{\"a\":1},\"a\":[1,{\"b\":[{}]}],\"c\":{\"y\":5,\"z\":{\"y\":6}}},\"d\":{\"e\":1}}",
	           "{\"s\":{\"a\":[1,{\"b\":[{}]}],\"c\":{\"y\":null,\"z\":{\"y\":6}}}}");
	program_free(p);
	assert_once("[{\"pointer\":\"\",\"action\":\"keep\",\"subtree\":true}]", "{\"a\":[1, {\"b\":{}}]}",
	            "{\"a\":[1,{\"b\":{}}]}");
	assert_once("[{\"pointer\":\"\",\"action\":\"drop\"},{\"pointer\":\"/a\",\"action\":\"keep\"}]", "{\"a\":1}",
	            "{}");
	/* Without the word a keep rule keeps nothing beneath. */
	assert_once("[{\"pointer\":\"\",\"action\":\"keep\"}]", "{\"a\":1}", "{}");
}
END_TEST

START_TEST(the_strictest_rule_wins)
{
	/* Of each pair the strictest, from what their results tell: `a` the first, `b` the second, `-` neither. */
	static const struct {
		const char *action, *params;
	} rules[] = {
		{ "keep", "{}" },
		{ "date-trunc", "{\"to\":\"month\"}" },
		{ "date-trunc", "{\"to\":\"year\"}" },
		{ "date-shift", "{\"domain\":\"d\",\"days\":9}" },
		{ "redact-text", "{\"recognisers\":[\"iban\"]}" },
		{ "pseudonym", "{\"domain\":\"d\",\"normalise\":\"exact\"}" },
		{ "token", "{\"domain\":\"d\"}" },
		{ "seal", "{\"domain\":\"d\",\"pad\":32}" },
		{ "mask", "{\"keep_last\":2}" },
		{ "mask", "{}" },
		{ "mask", "{\"length\":3}" },
		{ "const", "{\"value\":\"x\"}" },
		{ "null", "{}" },
		{ "drop", "{}" },
	};
	/* `b` where the column's rule is the stricter one. */
	static const char *const stricter[] = {
		/* keep month year shift redact pseudonym token seal mask2 mask length const null drop */
		"=bbbbbbbbbbbbb", /* keep */
		"a=b-------bbbb", /* month */
		"aa=-------bbbb", /* year */
		"a--=-----bbbbb", /* shift: a mask of its length follows */
		"a---=-----bbbb", /* redact */
		"a----=----bbbb", /* pseudonym */
		"a-----=b--bbbb", /* token */
		"a-----a=--bbbb", /* seal */
		"a-------=bbbbb", /* mask that keeps two */
		"a--a----a=bbbb", /* mask */
		"aaaaaaaaaa=bbb", /* mask of one length */
		"aaaaaaaaaaa=bb", /* const */
		"aaaaaaaaaaaa=b", /* null */
		"aaaaaaaaaaaaa=", /* drop */
	};
	static const char record[] = "{\"v\":\"1984-03-17\"}";

	for (size_t a = 0; a < sizeof rules / sizeof *rules; a++)
		for (size_t b = 0; b < sizeof rules / sizeof *rules; b++) {
			char both[512], one[512], want[512];

			/* Whoever comes first, and whichever is the pattern. */
			snprintf(both, sizeof both,
			         "[{\"pointer\":\"/*\",\"action\":\"%s\",\"params\":%s},"
			         "{\"pointer\":\"/v\",\"action\":\"%s\",\"params\":%s}]",
			         rules[a].action, rules[a].params, rules[b].action, rules[b].params);
			if (stricter[a][b] == '-') {
				assert_refused(both, "neither is stricter");
				continue;
			}
			size_t strict = stricter[a][b] == 'b' ? b : a;
			snprintf(one, sizeof one, "[{\"pointer\":\"/v\",\"action\":\"%s\",\"params\":%s}]",
			         rules[strict].action, rules[strict].params);
			struct program *p = compile_ok(one);
			snprintf(want, sizeof want, "%s", run_record(p, record, NULL));
			program_free(p);
			assert_once(both, record, want);
		}
}
END_TEST

START_TEST(within_an_action_the_stricter_parameters_win)
{
	static const struct {
		const char *action, *mild, *strict, *value, *want;
	} cases[] = {
		{ "date-trunc", "{\"to\":\"month\"}", "{\"to\":\"year\"}", "\"1984-03-17\"", "\"1984\"" },
		{ "date-trunc", "{\"to\":\"month\"}", "{\"to\":\"year\",\"as\":\"date\"}", "\"1984-03-17\"",
		  "\"1984-01-01\"" },
		{ "topcode", "{\"max\":90}", "{\"max\":80,\"min\":1}", "85", "80" },
		{ "band", "{\"edges\":[12,18,65]}", "{\"edges\":[18]}", "40", "\">=18\"" },
		{ "band", "{\"width\":5}", "{\"width\":10}", "17", "\"10-19\"" },
		{ "band", "{\"width\":5}", "{\"edges\":[15,40]}", "17", "\"15-39\"" },
		{ "pseudonym", "{\"domain\":\"person\",\"normalise\":\"exact\",\"bits\":256}",
		  "{\"domain\":\"person\",\"normalise\":\"exact\"}", "\"abc\"", "\"p1.1.wewkdn5hukjtdk24dg2upbrqja\"" },
		{ "redact-text", "{\"recognisers\":[\"email\"]}",
		  "{\"recognisers\":[\"email\"],\"dictionary\":[\"Anna\"]}", "\"Anna\"", "\"[word]\"" },
		{ "redact-text", "{\"dictionary\":[\"Berta\",\"Anna\"]}",
		  "{\"dictionary\":[\"Anna\",\"Carla\",\"Berta\"]}", "\"Carla\"", "\"[word]\"" },
		{ "postcode", "{\"keep_first\":3}", "{\"keep_first\":2,\"suppress\":[\"03\"]}", "\"03115\"", "\"00\"" },
		{ "postcode", "{\"keep_first\":2}", "{\"keep_first\":2,\"suppress\":[\"03\"]}", "\"03115\"", "\"00\"" },
		{ "geo", "{\"geohash\":5}", "{\"geohash\":3}", "\"u33db2\"", "\"u33\"" },
		{ "ip-prefix", "{}", "{\"ipv4\":16}", "\"192.0.2.77\"", "\"192.0.0.0/16\"" },
		{ "postcode", "{\"keep_first\":3}", "{\"keep_first\":2}", "\"10115\"", "\"10\"" },
		{ "postcode", "{\"drop_last\":1}", "{\"drop_last\":3}", "\"SW1A 2AA\"", "\"SW1A\"" },
		{ "mask", "{\"keep_last\":2}", "{}", "\"abcdef\"", "\"******\"" },
		{ "mask", "{}", "{\"length\":3}", "\"abcdef\"", "\"***\"" },
		{ "redact-text", "{\"recognisers\":[\"iban\"]}", "{\"recognisers\":[\"email\",\"iban\"]}",
		  "\"a@b.example\"", "\"[email]\"" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int turn = 0; turn < 2; turn++) {
			char rules[512], record[64], want[64];

			snprintf(rules, sizeof rules,
			         "[{\"pointer\":\"/v\",\"action\":\"%s\",\"params\":%s},"
			         "{\"pointer\":\"/*\",\"action\":\"%s\",\"params\":%s}]",
			         cases[i].action, turn ? cases[i].mild : cases[i].strict, cases[i].action,
			         turn ? cases[i].strict : cases[i].mild);
			snprintf(record, sizeof record, "{\"v\":%s}", cases[i].value);
			snprintf(want, sizeof want, "{\"v\":%s}", cases[i].want);
			assert_once(rules, record, want);
		}
}
END_TEST

START_TEST(rules_that_contradict_do_not_compile)
{
	static const struct {
		const char *action, *a, *b;
	} cases[] = {
		{ "pseudonym", "{\"domain\":\"a\",\"normalise\":\"exact\"}",
		  "{\"domain\":\"b\",\"normalise\":\"exact\"}" },
		{ "pseudonym", "{\"domain\":\"a\",\"normalise\":\"exact\"}",
		  "{\"domain\":\"a\",\"normalise\":\"name\"}" },
		{ "token", "{\"domain\":\"a\"}", "{\"domain\":\"a\",\"pad\":32}" },
		{ "seal", "{\"domain\":\"a\"}", "{\"domain\":\"b\"}" },
		{ "fpe", "{\"domain\":\"a\",\"alphabet\":\"digits\"}",
		  "{\"domain\":\"a\",\"alphabet\":\"digits\",\"check\":\"luhn\"}" },
		{ "date-shift", "{\"domain\":\"a\",\"days\":5}", "{\"domain\":\"a\",\"days\":6}" },
		{ "date-trunc", "{\"to\":\"year\"}", "{\"to\":\"month\",\"as\":\"date\"}" },
		{ "round", "{\"digits\":0}", "{\"digits\":1}" },
		{ "geo", "{\"decimals\":1}", "{\"decimals\":2}" },
		{ "mask", "{\"keep_last\":2}", "{\"keep_last\":4}" },
		{ "seal", "{\"domain\":\"a\",\"pad\":16}", "{\"domain\":\"a\",\"pad\":24}" },
		{ "surrogate", "{\"domain\":\"a\",\"normalise\":\"exact\"}",
		  "{\"domain\":\"b\",\"normalise\":\"exact\"}" },
		{ "topcode", "{\"max\":9,\"min\":2}", "{\"max\":10,\"min\":3}" },
		{ "band", "{\"edges\":[18]}", "{\"edges\":[19]}" },
		{ "band", "{\"edges\":[18]}", "{\"width\":10}" },
		{ "const", "{\"value\":\"a\"}", "{\"value\":\"b\"}" },
		{ "mask", "{\"length\":3}", "{\"length\":4}" },
		{ "mask", "{\"character\":\"*\"}", "{\"character\":\"#\"}" },
		{ "mask", "{\"keep_first\":1,\"keep_last\":2}", "{\"keep_first\":2,\"keep_last\":1}" },
		{ "mask", "{\"length\":3}", "{\"length\":3,\"character\":\"#\"}" },
		{ "band", "{\"edges\":[18,20]}", "{\"edges\":[18,21]}" },
		{ "band", "{\"edges\":[18,20]}", "{\"width\":4}" },
		{ "band", "{\"width\":4}", "{\"width\":10}" },
		{ "pseudonym", "{\"domain\":\"a\",\"normalise\":\"name\"}",
		  "{\"domain\":\"a\",\"normalise\":\"exact\",\"bits\":256}" },
		{ "token", "{\"domain\":\"a\"}", "{\"domain\":\"a\",\"per_subject\":true}" },
		{ "fpe", "{\"domain\":\"a\",\"alphabet\":\"digits\"}", "{\"domain\":\"a\",\"alphabet\":\"letters\"}" },
		{ "fpe", "{\"domain\":\"a\",\"alphabet\":\"digits\"}",
		  "{\"domain\":\"a\",\"alphabet\":\"digits\",\"separators\":\"-\"}" },
		{ "redact-text", "{\"recognisers\":[\"iban\",\"card\"]}",
		  "{\"recognisers\":[\"iban\"],\"dictionary\":[\"Anna\"]}" },
		{ "topcode", "{\"max\":9}", "{\"min\":1}" },
		{ "geo", "{\"decimals\":2}", "{\"geohash\":2}" },
		{ "ip-prefix", "{\"ipv4\":16,\"ipv6\":64}", "{\"ipv4\":24,\"ipv6\":32}" },
		{ "postcode", "{\"keep_first\":2}", "{\"drop_last\":2}" },
		{ "postcode", "{\"keep_first\":1}", "{\"keep_first\":2,\"suppress\":[\"03\"]}" },
		{ "postcode", "{\"keep_first\":2,\"suppress\":[\"04\"]}", "{\"keep_first\":2,\"suppress\":[\"03\"]}" },
		{ "redact-text", "{\"recognisers\":[\"iban\"]}", "{\"recognisers\":[\"email\"]}" },
		{ "redact-text", "{\"dictionary\":[\"Anna\"]}", "{\"dictionary\":[\"Berta\"]}" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char rules[512];

		snprintf(rules, sizeof rules,
		         "[{\"pointer\":\"/a/*\",\"action\":\"%s\",\"params\":%s},"
		         "{\"pointer\":\"/*/b\",\"action\":\"%s\",\"params\":%s}]",
		         cases[i].action, cases[i].a, cases[i].action, cases[i].b);
		assert_refused(rules, "neither is stricter");
	}
	/* The same rule twice is no contradiction. */
	static const struct {
		const char *action, *params, *in, *out;
	} same[] = {
		{ "mask", "{\"length\":3}", "\"abcd\"", "\"***\"" },
		{ "pseudonym", "{\"domain\":\"person\",\"normalise\":\"exact\"}", "\"abc\"",
		  "\"p1.1.wewkdn5hukjtdk24dg2upbrqja\"" },
		{ "token", "{\"domain\":\"person\"}", "\"abc\"",
		  "\"t1.1.5WEhW43H1f316NJqMQyfbztucTLaB20Ar_NeAtdMtrs\"" },
		{ "fpe", "{\"domain\":\"person\",\"alphabet\":\"digits\"}", "\"0123456789\"", "\"8721532708\"" },
		{ "const", "{\"value\":1}", "2", "1" },
		{ "redact-text", "{\"recognisers\":[\"iban\"]}", "\"x\"", "\"x\"" },
		{ "postcode", "{\"keep_first\":2,\"suppress\":[\"03\"]}", "\"03\"", "\"00\"" },
		{ "date-trunc", "{\"to\":\"year\"}", "\"1984\"", "\"1984\"" },
	};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		char rules[512], record[128], want[128];

		snprintf(rules, sizeof rules,
		         "[{\"pointer\":\"/v\",\"action\":\"%s\",\"params\":%s},"
		         "{\"pointer\":\"/*\",\"action\":\"%s\",\"params\":%s}]",
		         same[i].action, same[i].params, same[i].action, same[i].params);
		snprintf(record, sizeof record, "{\"v\":%s}", same[i].in);
		snprintf(want, sizeof want, "{\"v\":%s}", same[i].out);
		assert_once(rules, record, want);
	}
	assert_once("[{\"pointer\":\"/a/*\",\"action\":\"band\",\"params\":{\"edges\":[18]}},"
	            "{\"pointer\":\"/*/b\",\"action\":\"band\",\"params\":{\"edges\":[18]}}]",
	            "{\"a\":{\"b\":17}}", "{\"a\":{\"b\":\"<18\"}}");
}
END_TEST

START_TEST(rules_are_checked_when_compiled)
{
	assert_refused("[{\"pointer\":\"a\",\"action\":\"keep\"}]", "rule r0: it is not a JSON Pointer");
	assert_refused("[{\"pointer\":\"/a~2\",\"action\":\"keep\"}]", "not a JSON Pointer");
	assert_refused("[{\"action\":\"keep\"}]", "not a JSON Pointer");
	assert_refused("[{\"pointer\":\"/a\",\"action\":\"encrypt\"}]", "not in the catalogue");
	assert_refused(
	        "[{\"pointer\":\"\",\"action\":\"k-guard\",\"subtree\":true,\"params\":{\"k\":2,\"fields\":[\"/a\"]}}]",
	        "a k-guard takes no");
	assert_refused("[{\"pointer\":\"/a\",\"action\":\"keep\",\"params\":[]}]", "must be an object");
	assert_refused("[{\"pointer\":\"/a\",\"action\":\"keep\",\"params\":{\"x\":1}}]", "\"x\" is not a parameter");
	assert_refused(
	        "[{\"id\":\"x\",\"pointer\":\"/a\",\"action\":\"keep\"},{\"id\":\"x\",\"pointer\":\"/b\",\"action\":\"keep\"}]",
	        "another rule has the same id");
	char deep[256] = "[{\"pointer\":\"";
	size_t n = strlen(deep);
	for (int i = 0; i < 65; i++)
		n += (size_t)snprintf(deep + n, sizeof deep - n, "/a");
	snprintf(deep + n, sizeof deep - n, "\",\"action\":\"keep\"}]");
	assert_refused(deep, "deeper than any record");
	/* Every error is listed, not only the first. */
	struct error_list errors = { .n = 0 };
	struct key_context keys = test_keys(1);
	ck_assert_ptr_null(
	        compile_rules("[{\"pointer\":\"a\",\"action\":\"keep\"},{\"pointer\":\"/b\",\"action\":\"round\"},"
	                      "{\"pointer\":\"/c\",\"action\":\"const\"}]",
	                      &keys, &errors));
	ck_assert_uint_eq(errors.n, 3);
	error_list_free(&errors);
}
END_TEST

/* A container that is kept whole is one step, and of its leaves speak the rules that hold beneath it. */
START_TEST(the_trace_of_what_is_kept_whole)
{
	struct program *p = compile_ok(
	        "[{\"id\":\"a\",\"pointer\":\"/x\",\"action\":\"keep\",\"category\":\"direct-identifier\"},"
	        "{\"id\":\"b\",\"pointer\":\"/x\",\"action\":\"keep\",\"subtree\":true,\"category\":\"special\"},"
	        "{\"id\":\"c\",\"pointer\":\"\",\"action\":\"keep\",\"subtree\":true,\"category\":\"operational\"}]");
	struct tape_parser *parser = tape_parser_new(NULL);
	struct transform_run *run = transform_run_new();
	struct error e = { .reason = REASON_NONE };
	struct buf out = BUF_INIT(4096);
	struct tape t;
	size_t n;

	ck_assert(tape_parse(parser, VIEW("{\"x\":[\"y\",[\"z\"]],\"w\":[1]}"), &t, &e));
	struct transform_input in = { .tape = &t };
	ck_assert(program_run(p, run, &in, &out, &e));
	const struct trace_step *s = transform_trace(run, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(s[0].node, tape_member(&t, 0, VIEW("x")));
	ck_assert_str_eq(program_rule_id(p, s[0].rule), "b");
	ck_assert_uint_eq(s[0].under, s[0].rule);
	ck_assert_uint_eq(s[0].categories, 1u << FIELD_SPECIAL | 1u << FIELD_OPERATIONAL);
	ck_assert_str_eq(program_rule_id(p, s[1].rule), "c");
	ck_assert_uint_eq(s[1].categories, 1u << FIELD_OPERATIONAL);
	buf_reset(&out);
	/* An empty one is a leaf, of which the rules speak that name it. */
	ck_assert(tape_parse(parser, VIEW("{\"x\":[]}"), &t, &e));
	ck_assert(program_run(p, run, &in, &out, &e));
	s = transform_trace(run, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(program_rule_id(p, s[0].rule), "a");
	buf_free(&out);
	transform_run_free(run);
	tape_parser_free(parser);
	program_free(p);
}
END_TEST

START_TEST(the_trace_names_each_leaf)
{
	struct program *p = compile_ok("[{\"id\":\"first\",\"pointer\":\"/a\",\"action\":\"keep\"},"
	                               "{\"id\":\"second\",\"pointer\":\"/b/*\",\"action\":\"pseudonym\","
	                               "\"category\":\"direct-identifier\","
	                               "\"params\":{\"domain\":\"d\",\"normalise\":\"exact\"}},"
	                               "{\"id\":\"third\",\"pointer\":\"/c\",\"action\":\"drop\"}]");
	struct tape_parser *parser = tape_parser_new(NULL);
	struct transform_run *run = transform_run_new();
	struct error e = { .reason = REASON_NONE };
	struct buf out = BUF_INIT(4096);
	struct tape t;
	size_t n;

	ck_assert(tape_parse(parser, VIEW("{\"a\":1,\"b\":[\"x\"],\"c\":{\"d\":1},\"e\":[2,3]}"), &t, &e));
	struct transform_input in = { .tape = &t };
	ck_assert(program_run(p, run, &in, &out, &e));
	const struct trace_step *s = transform_trace(run, &n);
	ck_assert_uint_eq(n, 4);
	ck_assert_str_eq(program_rule_id(p, s[0].rule), "first");
	ck_assert_int_eq(s[0].action, ACTION_KEEP);
	ck_assert_uint_eq(s[0].node, tape_member(&t, 0, VIEW("a")));
	ck_assert_uint_eq(s[0].epoch, 0);
	ck_assert_str_eq(program_rule_id(p, s[1].rule), "second");
	ck_assert_int_eq(s[1].action, ACTION_PSEUDONYM);
	ck_assert_uint_eq(s[1].epoch, 1);
	ck_assert_int_eq(program_rule_category(p, s[1].rule), FIELD_DIRECT);
	ck_assert_int_eq(program_rule_action(p, s[1].rule), ACTION_PSEUDONYM);
	ck_assert_str_eq(program_rule_id(p, s[2].rule), "third");
	ck_assert_uint_eq(s[2].node, tape_member(&t, 0, VIEW("c")));
	ck_assert_uint_eq(s[3].rule, RULE_NONE);
	ck_assert_int_eq(s[3].action, ACTION_DROP);
	ck_assert_uint_eq(s[3].node, tape_member(&t, 0, VIEW("e")));
	ck_assert_uint_eq(program_rule_count(p), 3);
	ck_assert_str_eq(program_rule_id(p, 3), "");
	ck_assert_int_eq(program_rule_action(p, 3), ACTION_DROP);
	ck_assert_int_eq(program_rule_category(p, 3), FIELD_CATEGORY_COUNT);
	buf_free(&out);
	transform_run_free(run);
	tape_parser_free(parser);
	program_free(p);
}
END_TEST

START_TEST(only_objects_and_arrays_are_records)
{
	struct program *p = compile_ok("[{\"pointer\":\"\",\"action\":\"keep\",\"subtree\":true}]");

	assert_fails(p, "\"text\"", REASON_TRANSFORM_FAILED, "neither an object nor an array");
	program_free(p);
	program_free(NULL);
	transform_run_free(NULL);
}
END_TEST

START_TEST(many_rules_compile)
{
	struct buf rules = BUF_INIT(1u << 20);

	buf_addc(&rules, '[');
	for (int i = 0; i < 500; i++)
		buf_addf(&rules, "%s{\"pointer\":\"/a/*/f%d/*/g%d\",\"action\":\"keep\"}", i ? "," : "", i % 40, i);
	buf_adds(&rules, "]");
	buf_addc(&rules, 0);
	assert_once(rules.p, "{\"a\":[{\"f7\":[{\"g7\":1,\"g8\":2,\"g47\":3}]}]}",
	            "{\"a\":[{\"f7\":[{\"g47\":3,\"g7\":1}]}]}");
	buf_free(&rules);
	/* Patterns made to multiply the states are refused, not computed for ever. */
	rules = BUF_INIT(1u << 20);
	buf_addc(&rules, '[');
	for (int i = 0; i < 20; i++) {
		buf_addf(&rules, "%s{\"pointer\":\"", i ? "," : "");
		for (int k = 0; k < 20; k++)
			buf_adds(&rules, k == i ? "/a" : "/*");
		buf_adds(&rules, "\",\"action\":\"keep\"}");
	}
	buf_adds(&rules, "]");
	buf_addc(&rules, 0);
	assert_refused(rules.p, "overlap in too many ways");
	buf_free(&rules);
}
END_TEST

/* Patterns that go on alike beneath hundreds of containers, each under a rule of its own. */
START_TEST(covers_are_told_apart)
{
	struct buf text = BUF_INIT(1u << 20), record = BUF_INIT(1u << 20);
	struct error e = { .reason = REASON_NONE };

	buf_adds(&text, "[{\"id\":\"c\",\"pointer\":\"/*/c/d\",\"action\":\"keep\"}");
	for (int i = 0; i < 300; i++) {
		buf_addf(&text,
		         ",{\"id\":\"%03d\",\"pointer\":\"/v%03d\",\"action\":\"const\",\"params\":{\"value\":%d},"
		         "\"subtree\":true}",
		         i, i, i);
		buf_addf(&record, "%s\"v%03d\":{\"c\":{\"d\":%d,\"e\":%d}}", i ? "," : "{", i, i, i);
	}
	buf_addc(&text, ']');
	buf_addc(&text, 0);
	buf_addc(&record, '}');
	buf_addc(&record, 0);
	struct program *p = compile_ok(text.p);
	ck_assert_str_eq(run_record(p, record.p, &e), record.p);
	program_free(p);
	buf_free(&text);
	buf_free(&record);
}
END_TEST

TCase *make_program_case(void);
TCase *make_program_case(void)
{
	TCase *c = tcase_create("program");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, what_no_rule_names_is_dropped);
	tcase_add_test(c, kept_values_leave_in_one_form);
	tcase_add_test(c, names_are_compared_after_unescaping);
	tcase_add_test(c, stars_reach_members_and_items);
	tcase_add_test(c, emptied_containers_go);
	tcase_add_test(c, covers_are_told_apart);
	tcase_add_test(c, subtrees_are_kept_and_dropped_whole);
	tcase_add_test(c, the_strictest_rule_wins);
	tcase_add_test(c, within_an_action_the_stricter_parameters_win);
	tcase_add_test(c, rules_that_contradict_do_not_compile);
	tcase_add_test(c, rules_are_checked_when_compiled);
	tcase_add_test(c, the_trace_names_each_leaf);
	tcase_add_test(c, the_trace_of_what_is_kept_whole);
	tcase_add_test(c, only_objects_and_arrays_are_records);
	tcase_add_test(c, many_rules_compile);
	return c;
}
