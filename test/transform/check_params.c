/* Parameters that do not compile, each with the words of its error. */
#include "test/transform/transform_test.h"

static const struct {
	const char *action, *params, *want;
} cases[] = {
	{ "const", "{}", "\"value\" must be" },
	{ "const", "{\"value\":1.5}", "\"value\" must be" },
	{ "const", "{\"value\":null}", "\"value\" must be" },
	{ "const", "{\"value\":[]}", "\"value\" must be" },
	{ "mask", "{\"character\":\"?\"}", "\"character\" is not one of" },
	{ "mask", "{\"character\":1}", "\"character\" is not one of" },
	{ "mask", "{\"length\":0}", "\"length\" must be a whole number from 1 to 64" },
	{ "mask", "{\"length\":65}", "\"length\" must be" },
	{ "mask", "{\"length\":5,\"keep_last\":2}", "\"length\" excludes" },
	{ "mask", "{\"length\":5,\"keep_first\":2}", "\"length\" excludes" },
	{ "mask", "{\"keep_first\":9}", "\"keep_first\" must be" },
	{ "mask", "{\"keep_last\":-1}", "\"keep_last\" must be" },
	{ "pseudonym", "{\"normalise\":\"exact\"}", "\"domain\" is missing" },
	{ "pseudonym", "{\"domain\":\"d\"}", "\"normalise\" is missing" },
	{ "pseudonym", "{\"domain\":\"D\",\"normalise\":\"exact\"}", "\"domain\" must be" },
	{ "pseudonym", "{\"domain\":\"\",\"normalise\":\"exact\"}", "\"domain\" must be" },
	{ "pseudonym", "{\"domain\":\"d/e\",\"normalise\":\"exact\"}", "\"domain\" must be" },
	{ "pseudonym", "{\"domain\":7,\"normalise\":\"exact\"}", "\"domain\" must be" },
	{ "pseudonym",
	  "{\"domain\":\"d123456789012345678901234567890123456789012345678901234567890123\",\"normalise\":\"exact\"}",
	  "at most 63" },
	{ "pseudonym", "{\"domain\":\"d\",\"normalise\":\"lower\"}", "\"normalise\" is not one of" },
	{ "pseudonym", "{\"domain\":\"d\",\"normalise\":\"exact\",\"bits\":64}", "\"bits\" must be" },
	{ "pseudonym", "{\"domain\":\"d\",\"normalise\":\"exact\",\"bits\":129}", "\"bits\" must be" },
	{ "pseudonym", "{\"domain\":\"d\",\"normalise\":\"exact\",\"per_subject\":true}", "not a parameter" },
	{ "pseudonym", "{\"domain\":\"1d\",\"normalise\":\"exact\"}", "\"domain\" must be" },
	{ "pseudonym", "{\"domain\":\"{d\",\"normalise\":\"exact\"}", "\"domain\" must be" },
	{ "pseudonym", "{\"domain\":\"d~\",\"normalise\":\"exact\"}", "\"domain\" must be" },
	{ "pseudonym", "{\"domain\":\"d:\",\"normalise\":\"exact\"}", "\"domain\" must be" },
	{ "pseudonym", "{\"domain\":\"d\",\"normalise\":5}", "\"normalise\" is not one of" },
	{ "pseudonym", "{\"domain\":\"d\",\"normalise\":\"exact\",\"bits\":\"128\"}", "\"bits\" must be" },
	{ "band", "{\"edges\":[1000000000000001]}", "\"edges\" must be" },
	{ "band", "{\"edges\":[9,8]}", "\"edges\" must be" },
	{ "topcode", "{\"min\":\"5\"}", "\"min\" must be" },
	{ "postcode", "{\"keep_first\":2,\"suppress\":[\"\"]}", "\"suppress\" must be" },
	{ "redact-text", "{\"dictionary\":\"Anna\"}", "\"dictionary\" must be" },
	{ "redact-text", "{\"recognisers\":[\"passport\"]}", "\"recognisers\" must be" },
	{ "token", "{}", "\"domain\" is missing" },
	{ "token", "{\"domain\":\"d\",\"pad\":0}", "\"pad\" must be" },
	{ "token", "{\"domain\":\"d\",\"pad\":257}", "\"pad\" must be" },
	{ "token", "{\"domain\":\"d\",\"per_subject\":1}", "\"per_subject\" must be true or false" },
	{ "seal", "{}", "\"domain\" is missing" },
	{ "seal", "{\"domain\":\"d\",\"per_subject\":true}", "\"per_subject\" is not a parameter" },
	{ "fpe", "{\"alphabet\":\"digits\"}", "\"domain\" is missing" },
	{ "fpe", "{\"domain\":\"d\"}", "\"alphabet\" is missing" },
	{ "fpe", "{\"domain\":\"d\",\"alphabet\":\"hex\"}", "\"alphabet\" is not one of" },
	{ "fpe", "{\"domain\":\"d\",\"alphabet\":\"digits\",\"check\":\"crc\"}", "\"check\" is not one of" },
	{ "fpe", "{\"domain\":\"d\",\"alphabet\":\"letters\",\"check\":\"luhn\"}", "luhn is for digits only" },
	{ "fpe", "{\"domain\":\"d\",\"alphabet\":\"letters\",\"check\":\"mrz\"}", "mrz makes digits" },
	{ "fpe", "{\"domain\":\"d\",\"alphabet\":\"digits\",\"separators\":\"\"}", "\"separators\" must be" },
	{ "fpe", "{\"domain\":\"d\",\"alphabet\":\"digits\",\"separators\":\"0\"}", "\"separators\" must be" },
	{ "fpe", "{\"domain\":\"d\",\"alphabet\":\"digits\",\"separators\":\"-----\"}", "\"separators\" must be" },
	{ "fpe", "{\"domain\":\"d\",\"alphabet\":\"digits\",\"separators\":[]}", "\"separators\" must be" },
	{ "date-shift", "{\"days\":5}", "\"domain\" is missing" },
	{ "date-shift", "{\"domain\":\"d\"}", "\"days\" is missing" },
	{ "date-shift", "{\"domain\":\"d\",\"days\":0}", "\"days\" must be" },
	{ "date-shift", "{\"domain\":\"d\",\"days\":3651}", "\"days\" must be" },
	{ "date-trunc", "{}", "\"to\" is missing" },
	{ "date-trunc", "{\"to\":\"week\"}", "\"to\" is not one of" },
	{ "date-trunc", "{\"to\":\"year\",\"as\":\"text\"}", "\"as\" is not one of" },
	{ "band", "{}", "\"edges, width\" are missing" },
	{ "band", "{\"edges\":[1],\"width\":5}", "exclude each other" },
	{ "band", "{\"edges\":[]}", "\"edges\" must be" },
	{ "band", "{\"edges\":5}", "\"edges\" must be" },
	{ "band", "{\"edges\":[5,5]}", "\"edges\" must be" },
	{ "band", "{\"edges\":[-1]}", "\"edges\" must be" },
	{ "band", "{\"edges\":[1.5]}", "\"edges\" must be" },
	{ "band", "{\"width\":1}", "\"width\" must be" },
	{ "round", "{}", "\"digits\" is missing" },
	{ "round", "{\"digits\":16}", "\"digits\" must be" },
	{ "round", "{\"digits\":\"2\"}", "\"digits\" must be" },
	{ "topcode", "{}", "\"max, min\" are missing" },
	{ "topcode", "{\"max\":5,\"min\":5}", "\"min\" must be below max" },
	{ "topcode", "{\"max\":1e3}", "\"max\" must be" },
	{ "geo", "{}", "\"decimals, geohash\" are missing" },
	{ "geo", "{\"decimals\":1,\"geohash\":1}", "exclude each other" },
	{ "geo", "{\"decimals\":4}", "\"decimals\" must be" },
	{ "geo", "{\"geohash\":0}", "\"geohash\" must be" },
	{ "ip-prefix", "{\"ipv4\":32}", "\"ipv4\" must be" },
	{ "ip-prefix", "{\"ipv6\":128}", "\"ipv6\" must be" },
	{ "postcode", "{}", "\"keep_first, drop_last\" are missing" },
	{ "postcode", "{\"keep_first\":2,\"drop_last\":2}", "exclude each other" },
	{ "postcode", "{\"keep_first\":7}", "\"keep_first\" must be" },
	{ "postcode", "{\"keep_first\":2,\"suppress\":\"03\"}", "\"suppress\" must be" },
	{ "postcode", "{\"keep_first\":2,\"suppress\":[\"a\"]}", "\"suppress\" must be" },
	{ "postcode", "{\"keep_first\":2,\"suppress\":[\"123456789\"]}", "\"suppress\" must be" },
	{ "postcode", "{\"keep_first\":2,\"suppress\":[3]}", "\"suppress\" must be" },
	{ "redact-text", "{}", "\"recognisers, dictionary\" are missing" },
	{ "redact-text", "{\"recognisers\":[]}", "\"recognisers\" must be" },
	{ "redact-text", "{\"recognisers\":[\"word\"]}", "\"recognisers\" must be" },
	{ "redact-text", "{\"recognisers\":[\"iban\",\"iban\"]}", "\"recognisers\" must be" },
	{ "redact-text", "{\"recognisers\":[5]}", "\"recognisers\" must be" },
	{ "redact-text", "{\"recognisers\":\"iban\"}", "\"recognisers\" must be" },
	{ "redact-text", "{\"dictionary\":[]}", "\"dictionary\" must be" },
	{ "redact-text", "{\"dictionary\":[\"a\"]}", "\"dictionary\" must be" },
	{ "redact-text", "{\"dictionary\":[\"...\"]}", "\"dictionary\" must be" },
	{ "redact-text", "{\"dictionary\":[5]}", "\"dictionary\" must be" },
	{ "keep", "{\"subtree\":true}", "not a parameter" },
	{ "drop", "{\"x\":1}", "not a parameter" },
	{ "null", "{\"x\":1}", "not a parameter" },
};

START_TEST(parameters_are_refused)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char rules[512], want[256];

		snprintf(rules, sizeof rules,
		         "[{\"id\":\"the-rule\",\"pointer\":\"/v\",\"action\":\"%s\",\"params\":%s}]", cases[i].action,
		         cases[i].params);
		assert_refused(rules, cases[i].want);
		snprintf(want, sizeof want, "rule the-rule: %s: ", cases[i].action);
		assert_refused(rules, want);
	}
}
END_TEST

static void key_refused(struct key_context keys, const char *want)
{
	struct error_list errors = { .n = 0 };

	ck_assert_ptr_null(compile_rules("[{\"pointer\":\"/v\",\"action\":\"token\",\"params\":{\"domain\":\"d\"}}]",
	                                 &keys, &errors));
	ck_assert_uint_eq(errors.n, 1);
	ck_assert_msg(strstr(errors.items[0].text, want) != NULL, "%s", errors.items[0].text);
	error_list_free(&errors);
}

/* Lists of one more than they may have. */
START_TEST(long_lists_are_refused)
{
	static const struct {
		const char *action, *front;
		int n;
		const char *want;
	} lists[] = {
		{ "band", "\"edges\":[", 65, "\"edges\" must be" },
		{ "postcode", "\"keep_first\":2,\"suppress\":[", 257, "\"suppress\" must be" },
		{ "redact-text", "\"dictionary\":[", 10001, "\"dictionary\" must be" },
	};

	for (size_t i = 0; i < 3; i++) {
		struct buf rules = BUF_INIT(1u << 20);

		buf_addf(&rules, "[{\"pointer\":\"/v\",\"action\":\"%s\",\"params\":{%s", lists[i].action,
		         lists[i].front);
		for (int k = 0; k < lists[i].n; k++) {
			if (i == 0)
				buf_addf(&rules, "%s%d", k ? "," : "", k);
			else
				buf_addf(&rules, "%s\"%s%d\"", k ? "," : "", i == 1 ? "" : "word", k);
		}
		buf_adds(&rules, "]}}]");
		buf_addc(&rules, 0);
		assert_refused(rules.p, lists[i].want);
		buf_free(&rules);
	}
	struct buf rules = BUF_INIT(1u << 20);
	buf_adds(&rules, "[{\"pointer\":\"/v\",\"action\":\"redact-text\",\"params\":{\"dictionary\":[\"");
	for (int k = 0; k < 257; k++)
		buf_addc(&rules, 'a');
	buf_adds(&rules, "\"]}}]");
	buf_addc(&rules, 0);
	assert_refused(rules.p, "\"dictionary\" must be");
	buf_free(&rules);
}
END_TEST

START_TEST(missing_context_is_an_error)
{
	struct key_context keys = test_keys(1);

	keys.agreement = VIEW("");
	key_refused(keys, "keys need an agreement, a purpose and an epoch");
	keys = test_keys(1);
	keys.purpose = VIEW("");
	key_refused(keys, "keys need an agreement, a purpose and an epoch");
	keys = test_keys(0);
	key_refused(keys, "keys need an agreement, a purpose and an epoch");
	keys = test_keys(1);
	keys.secret.n = 31;
	key_refused(keys, "fewer than 32 bytes");
}
END_TEST

START_TEST(without_a_secret_rules_check_but_do_not_run)
{
	static const char *const rules[] = {
		"[{\"pointer\":\"/v\",\"action\":\"token\",\"params\":{\"domain\":\"d\"}}]",
		"[{\"pointer\":\"/v\",\"action\":\"seal\",\"params\":{\"domain\":\"d\"}}]",
		"[{\"pointer\":\"/v\",\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"exact\"}}]",
		"[{\"pointer\":\"/v\",\"action\":\"fpe\",\"params\":{\"domain\":\"d\",\"alphabet\":\"digits\"}}]",
		"[{\"pointer\":\"/v\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":5}}]",
	};
	struct key_context keys = test_keys(3);

	keys.secret.n = 0;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		struct error_list errors = { .n = 0 };
		struct program *p = compile_rules(rules[i], &keys, &errors);

		ck_assert_ptr_nonnull(p);
		assert_fails(p, "{\"v\":\"1984-03-17\"}", REASON_CRYPTO, "there is no key");
		assert_run(p, "{\"v\":null}", "{\"v\":null}");
		program_free(p);
	}
}
END_TEST

START_TEST(constants_have_an_end)
{
	struct buf rules = BUF_INIT(1u << 22);

	buf_adds(&rules, "[{\"pointer\":\"/v\",\"action\":\"const\",\"params\":{\"value\":\"");
	for (int i = 0; i < 1 << 20; i++)
		buf_addc(&rules, 'x');
	buf_adds(&rules, "\"}}]");
	buf_addc(&rules, 0);
	assert_refused(rules.p, "\"value\" is too long");
	buf_free(&rules);
}
END_TEST

TCase *make_params_case(void);
TCase *make_params_case(void)
{
	TCase *c = tcase_create("params");

	tcase_add_test(c, parameters_are_refused);
	tcase_add_test(c, long_lists_are_refused);
	tcase_add_test(c, missing_context_is_an_error);
	tcase_add_test(c, without_a_secret_rules_check_but_do_not_run);
	tcase_add_test(c, constants_have_an_end);
	return c;
}
