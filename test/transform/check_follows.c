/* Which rule follows from which, pair by pair: check_order.c shows that none follows that must not, this that each does
 * which the documents promise. */
#include "lib/transform/states.h"
#include "test/transform/transform_test.h"

#define RULE(action, params)   "\"action\":\"" action "\",\"params\":{" params "}"
#define DOMAIN(action, params) RULE(action, "\"domain\":\"d\"" params)

/* The table of doc/agreements.md, both ways: what it lists follows, and what it does not list does not. */
static const struct {
	const char *stricter, *other;
	bool follows, back;
} promised[] = {
	{ RULE("mask", "\"length\":3"), RULE("mask", "\"keep_last\":2"), true, false },
	{ RULE("mask", "\"length\":3"), RULE("mask", "\"length\":4"), false, false },
	{ RULE("mask", ""), RULE("mask", "\"keep_first\":2"), true, false },
	{ RULE("mask", ""), RULE("mask", "\"character\":\"#\",\"keep_first\":2"), true, false },
	{ RULE("mask", ""), RULE("mask", "\"character\":\"#\""), false, false },
	{ RULE("mask", "\"keep_first\":1"), RULE("mask", "\"keep_first\":2"), false, false },
	{ RULE("mask", "\"keep_last\":1"), RULE("mask", "\"keep_last\":2"), false, false },
	{ RULE("mask", ""), DOMAIN("fpe", ",\"alphabet\":\"digits\""), true, false },
	{ RULE("mask", ""), DOMAIN("date-shift", ",\"days\":40"), true, false },
	{ RULE("mask", ""), DOMAIN("token", ""), false, false },
	{ RULE("mask", "\"keep_last\":1"), DOMAIN("fpe", ",\"alphabet\":\"digits\""), false, false },
	{ RULE("mask", "\"length\":3"), DOMAIN("token", ""), true, false },
	{ RULE("mask", "\"length\":3"), RULE("const", "\"value\":7"), false, true },
	{ RULE("mask", "\"length\":3"), "\"action\":\"null\"", false, true },
	{ "\"action\":\"null\"", RULE("const", "\"value\":7"), true, false },
	{ RULE("const", "\"value\":7"), RULE("const", "\"value\":8"), false, false },
	{ RULE("band", "\"edges\":[10,20]"), RULE("band", "\"width\":5"), true, false },
	{ RULE("band", "\"edges\":[10,12]"), RULE("band", "\"width\":5"), false, false },
	{ RULE("band", "\"edges\":[10,20]"), RULE("band", "\"edges\":[5,10,15,20]"), true, false },
	{ RULE("band", "\"edges\":[10,21]"), RULE("band", "\"edges\":[5,10,15,20]"), false, false },
	{ RULE("band", "\"edges\":[10,18]"), RULE("band", "\"edges\":[5,10,15,20]"), false, false },
	{ RULE("band", "\"width\":10"), RULE("band", "\"width\":5"), true, false },
	{ RULE("band", "\"width\":12"), RULE("band", "\"width\":5"), false, false },
	{ RULE("band", "\"width\":12"), RULE("band", "\"edges\":[12,24]"), false, true },
	{ RULE("band", "\"edges\":[10,20]"), RULE("topcode", "\"max\":20,\"min\":9"), true, false },
	{ RULE("band", "\"edges\":[10,20]"), RULE("topcode", "\"max\":19"), false, false },
	{ RULE("band", "\"edges\":[10,20]"), RULE("topcode", "\"min\":10"), false, false },
	{ RULE("band", "\"edges\":[10,20]"), RULE("topcode", "\"min\":9"), true, false },
	{ RULE("band", "\"width\":10"), RULE("topcode", "\"max\":20"), false, false },
	{ RULE("topcode", "\"max\":12,\"min\":4"), RULE("topcode", "\"max\":12"), true, false },
	{ RULE("topcode", "\"max\":12,\"min\":4"), RULE("topcode", "\"min\":4"), true, false },
	{ RULE("topcode", "\"max\":12,\"min\":4"), RULE("topcode", "\"max\":13,\"min\":3"), true, false },
	{ RULE("topcode", "\"max\":12,\"min\":4"), RULE("topcode", "\"max\":11"), false, false },
	{ RULE("topcode", "\"max\":12,\"min\":4"), RULE("topcode", "\"min\":5"), false, false },
	{ RULE("topcode", "\"max\":12"), RULE("topcode", "\"min\":5"), false, false },
	{ RULE("date-trunc", "\"to\":\"year\""), RULE("date-trunc", "\"to\":\"month\""), true, false },
	{ RULE("date-trunc", "\"to\":\"year\",\"as\":\"date\""), RULE("date-trunc", "\"to\":\"month\""), true, false },
	{ RULE("date-trunc", "\"to\":\"year\""), RULE("date-trunc", "\"to\":\"month\",\"as\":\"date\""), false, false },
	{ RULE("date-trunc", "\"to\":\"year\",\"as\":\"date\""), RULE("date-trunc", "\"to\":\"year\""), true, false },
	{ RULE("geo", "\"geohash\":2"), RULE("geo", "\"geohash\":3"), true, false },
	{ RULE("geo", "\"geohash\":2"), RULE("geo", "\"decimals\":2"), false, false },
	{ RULE("geo", "\"decimals\":1"), RULE("geo", "\"decimals\":2"), false, false },
	{ RULE("ip-prefix", "\"ipv4\":16,\"ipv6\":32"), RULE("ip-prefix", ""), true, false },
	{ RULE("ip-prefix", "\"ipv4\":16,\"ipv6\":56"), RULE("ip-prefix", ""), false, false },
	{ RULE("postcode", "\"keep_first\":2"), RULE("postcode", "\"keep_first\":3"), true, false },
	{ RULE("postcode", "\"keep_first\":2"), RULE("postcode", "\"keep_first\":3,\"suppress\":[\"101\"]"), false,
	  false },
	{ RULE("postcode", "\"drop_last\":3"), RULE("postcode", "\"drop_last\":2"), true, false },
	{ RULE("postcode", "\"drop_last\":3"), RULE("postcode", "\"keep_first\":2"), false, false },
	{ RULE("postcode", "\"keep_first\":2,\"suppress\":[\"10\",\"99\"]"),
	  RULE("postcode", "\"keep_first\":2,\"suppress\":[\"99\"]"), true, false },
	{ RULE("postcode", "\"keep_first\":2,\"suppress\":[\"10\"]"),
	  RULE("postcode", "\"keep_first\":2,\"suppress\":[\"99\"]"), false, false },
	{ RULE("redact-text", "\"recognisers\":[\"email\",\"iban\"]"),
	  RULE("redact-text", "\"recognisers\":[\"iban\"]"), true, false },
	{ RULE("redact-text", "\"recognisers\":[\"email\"]"), RULE("redact-text", "\"recognisers\":[\"iban\"]"), false,
	  false },
	{ RULE("redact-text", "\"dictionary\":[\"anna\",\"berta\",\"clara\"]"),
	  RULE("redact-text", "\"dictionary\":[\"anna\",\"clara\"]"), true, false },
	{ RULE("redact-text", "\"dictionary\":[\"anna\",\"berta\",\"clara\"]"),
	  RULE("redact-text", "\"dictionary\":[\"anna\",\"dora\"]"), false, false },
	{ DOMAIN("pseudonym", ",\"normalise\":\"exact\""), DOMAIN("pseudonym", ",\"normalise\":\"exact\",\"bits\":256"),
	  true, false },
	{ DOMAIN("pseudonym", ",\"normalise\":\"exact\""), DOMAIN("pseudonym", ",\"normalise\":\"text\""), false,
	  false },
	{ DOMAIN("pseudonym", ",\"normalise\":\"exact\""),
	  RULE("pseudonym", "\"domain\":\"e\",\"normalise\":\"exact\""), false, false },
	{ DOMAIN("surrogate", ",\"normalise\":\"exact\""), DOMAIN("surrogate", ",\"normalise\":\"exact\""), true,
	  true },
	{ DOMAIN("surrogate", ",\"normalise\":\"exact\""), DOMAIN("surrogate", ",\"normalise\":\"text\""), false,
	  false },
	{ DOMAIN("surrogate", ",\"normalise\":\"exact\""),
	  RULE("surrogate", "\"domain\":\"e\",\"normalise\":\"exact\""), false, false },
	{ DOMAIN("token", ""), DOMAIN("token", ",\"pad\":16"), true, true },
	{ DOMAIN("token", ""), DOMAIN("token", ",\"pad\":32"), false, false },
	{ DOMAIN("token", ""), RULE("token", "\"domain\":\"e\""), false, false },
	{ DOMAIN("token", ""), DOMAIN("token", ",\"per_subject\":true"), false, false },
	{ DOMAIN("token", ",\"per_subject\":true"), DOMAIN("token", ",\"per_subject\":true,\"subject\":\"/a\""), false,
	  false },
	{ DOMAIN("seal", ",\"pad\":32"), DOMAIN("token", ""), true, false },
	{ DOMAIN("seal", ",\"pad\":24"), DOMAIN("token", ""), false, false },
	{ DOMAIN("seal", ",\"pad\":32"), RULE("seal", "\"domain\":\"e\""), true, false },
	{ DOMAIN("seal", ",\"pad\":24"), DOMAIN("seal", ""), false, false },
	{ DOMAIN("seal", ""), RULE("seal", "\"domain\":\"e\""), false, false },
	{ DOMAIN("fpe", ",\"alphabet\":\"digits\""), RULE("fpe", "\"domain\":\"e\",\"alphabet\":\"digits\""), false,
	  false },
	{ DOMAIN("fpe", ",\"alphabet\":\"digits\""), DOMAIN("fpe", ",\"alphabet\":\"letters\""), false, false },
	{ DOMAIN("fpe", ",\"alphabet\":\"digits\""), DOMAIN("fpe", ",\"alphabet\":\"digits\",\"check\":\"luhn\""),
	  false, false },
	{ DOMAIN("fpe", ",\"alphabet\":\"digits\""), DOMAIN("fpe", ",\"alphabet\":\"digits\",\"separators\":\"-\""),
	  false, false },
	{ DOMAIN("date-shift", ",\"days\":40"), DOMAIN("date-shift", ",\"days\":41"), false, false },
	{ DOMAIN("date-shift", ",\"days\":40"), RULE("date-shift", "\"domain\":\"e\",\"days\":40"), false, false },
	{ DOMAIN("date-shift", ",\"days\":40"), DOMAIN("date-shift", ",\"days\":40,\"subject\":\"/a\""), false, false },
	{ RULE("round", "\"digits\":0"), RULE("round", "\"digits\":1"), false, false },
	{ "\"action\":\"null\"", "\"action\":\"drop\"", false, true },
	{ "\"action\":\"null\"", "\"action\":\"keep\"", true, false },
	{ RULE("round", "\"digits\":0"), "\"action\":\"drop\"", false, true },
	{ RULE("round", "\"digits\":0"), "\"action\":\"keep\"", true, false },
};

START_TEST(what_the_table_promises)
{
	const char *one = promised[_i].stricter, *other = promised[_i].other;
	char text[600];

	snprintf(text, sizeof text, "[{\"id\":\"a\",\"pointer\":\"/a\",%s},{\"id\":\"b\",\"pointer\":\"/b\",%s}]", one,
	         other);
	struct program *p = compile_ok(text);
	bool forth = rule_follows(&p->rules[0], &p->rules[1]), back = rule_follows(&p->rules[1], &p->rules[0]);
	ck_assert_msg(forth == promised[_i].follows && back == promised[_i].back, "%s and %s", one, other);
	ck_assert_int_eq(rule_compare(&p->rules[0], &p->rules[1]), forth && back ? 0
	                                                           : forth       ? -1
	                                                           : back        ? 1
	                                                                         : RULES_CONTRADICT);
	program_free(p);
}
END_TEST

TCase *make_follows_case(void);
TCase *make_follows_case(void)
{
	TCase *c = tcase_create("follows");

	tcase_add_loop_test(c, what_the_table_promises, 0, sizeof promised / sizeof promised[0]);
	return c;
}
