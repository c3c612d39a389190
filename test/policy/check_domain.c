/* What a schema allows at a place, and whether a rule leaves it in clear: by the values, not by the action's name. */
#include "lib/policy/clear.h"
#include "test/policy/support.h"

TCase *make_domain_case(void);

static struct domain domain_of(const char *schema, bool ref_alone, const char *pattern)
{
	json_t *root = json_loads(schema, 0, NULL);

	ck_assert_msg(root != NULL, "not JSON: %s", schema);
	struct reach_document document = { .root = root };
	struct reach r = { .documents = &document, .n = 1 };
	struct domain d = domain_at(&r, ref_alone, true, pattern);
	json_decref(root);
	return d;
}

#define SCALAR          (DOMAIN_NULL | DOMAIN_BOOLEAN | DOMAIN_INTEGER | DOMAIN_FRACTION | DOMAIN_STRING)
#define OBJECT(members) "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" members "}}"

static const struct {
	const char *schema, *pattern;
	unsigned kinds;
} kinds[] = {
	{ OBJECT("\"a\":{\"type\":\"string\"}"), "/a", DOMAIN_STRING },
	{ OBJECT("\"a\":{\"type\":[\"string\",\"null\"]}"), "/a", DOMAIN_STRING | DOMAIN_NULL },
	{ OBJECT("\"a\":{\"type\":\"number\"}"), "/a", DOMAIN_INTEGER | DOMAIN_FRACTION },
	{ OBJECT("\"a\":{}"), "/a", DOMAIN_ALL },
	{ OBJECT("\"a\":true"), "/a", DOMAIN_ALL },
	{ OBJECT("\"a\":{\"minLength\":1}"), "/a", DOMAIN_ALL },
	{ OBJECT("\"a\":{\"enum\":[\"x\",null,3]}"), "/a", DOMAIN_STRING | DOMAIN_NULL | DOMAIN_INTEGER },
	{ OBJECT("\"a\":{\"const\":1.5}"), "/a", DOMAIN_FRACTION },
	{ OBJECT("\"a\":{\"enum\":[[],true]}"), "/a", DOMAIN_ARRAY | DOMAIN_BOOLEAN },
	{ OBJECT("\"a\":{\"const\":{}}"), "/a", DOMAIN_OBJECT },
	{ OBJECT("\"a\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"array\"}]}"), "/a",
	  DOMAIN_STRING | DOMAIN_ARRAY },
	{ OBJECT("\"a\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}"), "/a",
	  DOMAIN_STRING | DOMAIN_INTEGER },
	{ OBJECT("\"a\":{\"allOf\":[{\"type\":[\"string\",\"object\"]},{\"type\":[\"string\",\"array\"]}]}"), "/a",
	  DOMAIN_STRING },
	{ OBJECT("\"a\":{\"if\":{},\"then\":{\"type\":\"string\"},\"else\":{\"type\":\"null\"}}"), "/a",
	  DOMAIN_STRING | DOMAIN_NULL },
	{ OBJECT("\"a\":{\"if\":{},\"then\":{\"type\":\"string\"}}"), "/a", DOMAIN_ALL },
	{ OBJECT("\"a\":{\"if\":{},\"else\":{\"type\":\"string\"}}"), "/a", DOMAIN_ALL },
	{ OBJECT("\"a\":{\"then\":{\"type\":\"string\"},\"else\":{\"type\":\"string\"}}"), "/a", DOMAIN_ALL },
	{ OBJECT("\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"), "/a", DOMAIN_ARRAY },
	{ OBJECT("\"a\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"), "/a/*", DOMAIN_STRING },
	{ OBJECT("\"a\":{\"type\":\"array\"}"), "/a/*", DOMAIN_ALL },
	{ OBJECT("\"a\":{\"type\":\"array\",\"prefixItems\":[{\"type\":\"string\"}],\"items\":false}"), "/a/*",
	  DOMAIN_STRING },
	{ OBJECT("\"a\":{\"type\":\"array\",\"items\":[{\"type\":\"string\"}],\"additionalItems\":{\"type\":\"null\"}}"),
	  "/a/*", DOMAIN_STRING | DOMAIN_NULL },
	{ OBJECT("\"a\":{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}"), "/a/*/*",
	  DOMAIN_OBJECT },
	{ OBJECT("\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"object\"}"), "/*", DOMAIN_STRING | DOMAIN_OBJECT },
	{ OBJECT("\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"null\"}"), "/*", DOMAIN_STRING | DOMAIN_NULL },
	{ OBJECT("\"a\":{\"enum\":[\"x\"]},\"b\":" OBJECT("\"c\":{\"type\":\"string\"}")), "/*/c", DOMAIN_STRING },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}", "/*", DOMAIN_ALL },
	{ "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}", "/a", DOMAIN_STRING },
	{ "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}", "/*", DOMAIN_STRING },
	{ "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}", "/any", DOMAIN_STRING },
	{ "{\"type\":\"object\",\"patternProperties\":{\"x\":{\"type\":\"null\"}},\"additionalProperties\":false}",
	  "/x1", DOMAIN_NULL },
	{ "{\"type\":\"object\",\"unevaluatedProperties\":false,\"allOf\":[{\"properties\":{\"a\":{\"type\":\"string\"}}}]}",
	  "/a", DOMAIN_STRING },
	/* What nothing has evaluated does not pass, so that patterns say what does. */
	{ "{\"type\":\"object\",\"patternProperties\":{\"^x\":{\"type\":\"null\"}},\"unevaluatedProperties\":false}",
	  "/x1", DOMAIN_NULL },
	{ "{\"type\":\"object\",\"patternProperties\":{\"^x\":{\"type\":\"null\"}},\"unevaluatedProperties\":false}",
	  "/*", DOMAIN_NULL },
	{ "{\"type\":\"object\",\"patternProperties\":{\"^x\":{\"type\":\"null\"}},\"unevaluatedProperties\":{\"type\":\"string\"}}",
	  "/x1", DOMAIN_NULL | DOMAIN_STRING },
	{ "{\"type\":\"object\",\"unevaluatedProperties\":false,\"allOf\":[{\"patternProperties\":{\"^x\":{\"type\":\"null\"}}},"
	  "{\"properties\":{\"y\":{\"type\":\"string\"}}}]}",
	  "/x1", DOMAIN_NULL },
	{ "{\"type\":\"object\",\"unevaluatedProperties\":false,\"allOf\":[{\"patternProperties\":{\"^x\":{\"type\":\"null\"}}},"
	  "{\"properties\":{\"y\":{\"type\":\"string\"}}}]}",
	  "/*", DOMAIN_NULL | DOMAIN_STRING },
	{ "{\"type\":\"object\",\"unevaluatedProperties\":false,\"patternProperties\":{\"^x\":{\"type\":\"null\"}},"
	  "\"allOf\":[{\"properties\":{\"y\":{\"type\":\"string\"}}}]}",
	  "/y", DOMAIN_STRING },
	{ "{\"$defs\":{\"p\":{\"additionalProperties\":{\"type\":\"string\"}}},\"type\":\"object\",\"unevaluatedProperties\":false,"
	  "\"anyOf\":[{\"$ref\":\"#/$defs/p\"},{\"properties\":{\"a\":{\"type\":\"null\"}}}]}",
	  "/a", DOMAIN_STRING | DOMAIN_NULL },
	{ "{\"type\":\"object\",\"unevaluatedProperties\":false,\"if\":{\"properties\":{\"a\":{\"type\":\"string\"}}},"
	  "\"then\":{\"properties\":{\"b\":{\"type\":\"null\"}}},\"else\":{\"properties\":{\"a\":{\"type\":\"integer\"}}}}",
	  "/a", DOMAIN_STRING | DOMAIN_INTEGER },
	{ "{\"type\":\"object\",\"unevaluatedProperties\":false,\"dependentSchemas\":{\"b\":{\"properties\":{\"a\":{\"type\":\"string\"}}}}}",
	  "/a", DOMAIN_STRING },
	{ "{\"type\":\"object\",\"unevaluatedProperties\":false,\"allOf\":[{\"unevaluatedProperties\":{\"type\":\"string\"}}]}",
	  "/a", DOMAIN_STRING },
	{ "{\"type\":\"object\",\"unevaluatedProperties\":false,\"not\":{\"properties\":{\"a\":{\"type\":\"string\"}}}}",
	  "/a", 0 },
	{ "{\"type\":\"object\",\"unevaluatedProperties\":false,\"$dynamicRef\":\"#p\"}", "/a", DOMAIN_ALL },
	{ "{\"type\":\"object\",\"unevaluatedProperties\":false,\"$recursiveRef\":\"#\"}", "/a", DOMAIN_ALL },
	{ "{\"type\":\"object\",\"unevaluatedProperties\":false,\"$ref\":\"#/nowhere\"}", "/a", DOMAIN_ALL },
	/* Unknown to older drafts. */
	{ "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"object\","
	  "\"patternProperties\":{\"^x\":{\"type\":\"null\"}},\"unevaluatedProperties\":false}",
	  "/x1", DOMAIN_ALL },
	{ "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"string\"}],\"unevaluatedItems\":false}", "/*",
	  DOMAIN_STRING },
	{ "{\"type\":\"array\",\"unevaluatedItems\":false,\"allOf\":[{\"items\":{\"type\":\"null\"}}]}", "/*",
	  DOMAIN_NULL },
	{ "{\"type\":\"array\",\"unevaluatedItems\":{\"type\":\"string\"},\"contains\":{\"type\":\"integer\"}}", "/*",
	  DOMAIN_STRING | DOMAIN_INTEGER },
	{ "{\"type\":\"array\",\"unevaluatedItems\":false,\"items\":[{\"type\":\"string\"}],\"additionalItems\":{\"type\":\"null\"}}",
	  "/*", DOMAIN_STRING | DOMAIN_NULL },
	{ "{\"$defs\":{\"p\":{\"type\":\"string\"}},\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/p\"}}}",
	  "/a", DOMAIN_STRING },
	{ "{\"$defs\":{\"p\":{}},\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/p\",\"type\":\"string\"}}}",
	  "/a", DOMAIN_STRING },
	{ "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"definitions\":{\"p\":{}},\"type\":\"object\",\"properties\":"
	  "{\"a\":{\"$ref\":\"#/definitions/p\",\"type\":\"string\"}}}",
	  "/a", DOMAIN_ALL },
	{ "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$defs\":{\"p\":{}},\"type\":\"object\",\"properties\":"
	  "{\"a\":{\"$ref\":\"#/$defs/p\",\"type\":\"string\"}}}",
	  "/a", DOMAIN_STRING },
	{ OBJECT("\"a\":{\"$ref\":\"#/nowhere\"}"), "/a", DOMAIN_ALL },
	{ OBJECT("\"a\":{\"$ref\":\"#/properties/a\"}"), "/a", DOMAIN_ALL },
	/* So many ways around that nobody walks them all. */
	{ OBJECT("\"a\":{\"allOf\":[{\"$ref\":\"#/properties/a\"},{\"$ref\":\"#/properties/a\"}]}"), "/a", DOMAIN_ALL },
	{ OBJECT("\"a\":{\"not\":{\"type\":\"object\"}}"), "/a", DOMAIN_ALL },
	{ OBJECT("\"a\":{\"type\":\"string\"}"), "", DOMAIN_OBJECT },
};

START_TEST(kinds_of_places)
{
	struct domain d = domain_of(kinds[_i].schema, false, kinds[_i].pattern);

	ck_assert_msg(d.kinds == kinds[_i].kinds, "%s %s: %u", kinds[_i].schema, kinds[_i].pattern, d.kinds);
}
END_TEST

START_TEST(references_alone)
{
	static const char schema[] =
	        "{\"$defs\":{\"p\":{}},\"properties\":{\"a\":{\"$ref\":\"#/$defs/p\",\"type\":\"string\"}}}";

	ck_assert_uint_eq(domain_of(schema, false, "/a").kinds, DOMAIN_STRING);
	ck_assert_uint_eq(domain_of(schema, true, "/a").kinds, DOMAIN_ALL);
}
END_TEST

START_TEST(lengths_of_patterns)
{
	static const struct {
		const char *pattern;
		uint32_t min, max;
	} table[] = {
		{ "^[0-9]{12,19}$", 12, 19 },
		{ "[0-9]{12,19}", 12, LENGTH_NONE },
		{ "^abc", 3, LENGTH_NONE },
		{ "^(a|bcd)?x+$", 1, LENGTH_NONE },
		{ "^a|bc$", 1, LENGTH_NONE },
		{ "^(a|bc)$", 1, 2 },
		{ "^a$|^bc$", 1, 2 },
		{ "^\\d{4}(-\\d{2}(-\\d{2})?)?$", 4, 10 },
		{ "^(?:ab){2,}?$", 4, LENGTH_NONE },
		{ "^(?=x)(?<n>ab)\\b$", 2, 2 },
		{ "^[^\\]a]\\.\\u0041\\x41\\p{Lu}$", 5, 5 },
		{ "^\xc3\xa4{3}.$", 4, 4 },
		{ "^(a)\\1$", 0, LENGTH_NONE },
		{ "^\\uD83D\\uDE00$", 0, LENGTH_NONE },
		{ "^(a$", 0, LENGTH_NONE },
		{ "^[a$", 0, LENGTH_NONE },
		{ "", 0, LENGTH_NONE },
		{ "^$", 0, 0 },
		{ "^a{x}$", 0, LENGTH_NONE },
		{ "^a*$", 0, LENGTH_NONE },
		{ "^a)$", 0, LENGTH_NONE },
		{ "^a\\", 0, LENGTH_NONE },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		uint32_t min, max;

		regex_lengths(view_of(table[i].pattern), &min, &max);
		ck_assert_msg(min == table[i].min && max == table[i].max, "%s: %u to %u", table[i].pattern, min, max);
	}
}
END_TEST

/* One field of a schema, one rule on it: may most of the value be read? */
static const struct {
	const char *field, *action, *params;
	bool clear;
} clear[] = {
	{ "\"type\":\"string\"", "keep", NULL, true },
	{ "\"type\":\"object\"", "keep", NULL, false },
	{ "\"type\":[\"object\",\"string\"]", "keep", NULL, true },
	{ "\"type\":\"string\"", "redact-text", "{\"recognisers\":[\"email\"]}", true },
	{ "\"type\":\"string\"", "null", NULL, false },
	{ "\"type\":\"string\"", "const", "{\"value\":\"x\"}", false },
	{ "\"type\":\"string\"", "drop", NULL, false },
	{ "\"type\":\"string\"", "pseudonym", "{\"domain\":\"d\",\"normalise\":\"exact\"}", false },
	{ "\"type\":\"string\"", "mask", NULL, false },
	{ "\"type\":\"string\"", "mask", "{\"length\":8}", false },
	{ "\"type\":\"string\",\"pattern\":\"^[0-9]{12,19}$\"", "mask", "{\"keep_last\":4}", false },
	{ "\"type\":\"string\",\"minLength\":11", "mask", "{\"keep_last\":4}", true },
	{ "\"type\":\"string\"", "mask", "{\"keep_last\":1}", true },
	{ "\"type\":\"string\",\"minLength\":16,\"maxLength\":16", "mask", "{\"keep_first\":4,\"keep_last\":4}", true },
	{ "\"type\":\"string\",\"minLength\":30", "mask", "{\"keep_first\":2,\"keep_last\":2}", false },
	{ "\"type\":\"string\",\"maxLength\":7", "mask", "{\"keep_last\":4}", false },
	{ "\"enum\":[\"abc\",\"abcdefghi\"]", "mask", "{\"keep_last\":1}", false },
	{ "\"type\":\"string\"", "postcode", "{\"keep_first\":6}", true },
	{ "\"type\":\"string\",\"minLength\":8", "postcode", "{\"keep_first\":6}", true },
	{ "\"type\":\"string\",\"minLength\":6", "postcode", "{\"keep_first\":2}", false },
	{ "\"type\":\"string\",\"minLength\":5", "postcode", "{\"keep_first\":2}", true },
	{ "\"type\":\"string\",\"maxLength\":8", "postcode", "{\"drop_last\":3}", true },
	{ "\"type\":\"string\",\"maxLength\":8", "postcode", "{\"drop_last\":6}", false },
	{ "\"type\":\"string\",\"format\":\"date\"", "date-trunc", "{\"to\":\"day\"}", true },
	{ "\"type\":\"string\",\"format\":\"date\"", "date-trunc", "{\"to\":\"month\"}", false },
	{ "\"type\":\"string\",\"maxLength\":7", "date-trunc", "{\"to\":\"month\"}", true },
	{ "\"type\":\"string\",\"maxLength\":7", "date-trunc", "{\"to\":\"year\"}", false },
	{ "\"type\":\"string\",\"pattern\":\"^[0-9]{4}$\"", "date-trunc", "{\"to\":\"year\"}", true },
	{ "\"type\":\"string\"", "date-shift", "{\"domain\":\"d\",\"days\":14}", true },
	{ "\"type\":\"string\"", "date-shift", "{\"domain\":\"d\",\"days\":15}", false },
	{ "\"type\":\"string\"", "ip-prefix", NULL, false },
	{ "\"type\":\"string\"", "ip-prefix", "{\"ipv4\":28}", true },
	{ "\"type\":\"string\"", "ip-prefix", "{\"ipv6\":64}", true },
	{ "\"type\":\"string\",\"minLength\":9", "geo", "{\"geohash\":6}", true },
	{ "\"type\":\"string\",\"minLength\":9", "geo", "{\"geohash\":3}", false },
	{ "\"type\":\"number\"", "geo", "{\"decimals\":2}", true },
	{ "\"type\":\"number\"", "geo", "{\"decimals\":1}", false },
	{ "\"type\":\"integer\"", "round", "{\"digits\":-15}", true },
	{ "\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000", "round", "{\"digits\":-5}", false },
	{ "\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000", "round", "{\"digits\":-3}", true },
	{ "\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000", "round", "{\"digits\":15}", true },
	{ "\"type\":\"number\",\"minimum\":0,\"maximum\":100", "round", "{\"digits\":0}", false },
	{ "\"type\":\"number\",\"minimum\":0,\"maximum\":100", "round", "{\"digits\":3}", true },
	{ "\"type\":\"integer\",\"minimum\":0,\"maximum\":120", "band", "{\"width\":2}", true },
	{ "\"type\":\"integer\",\"minimum\":0,\"maximum\":120", "band", "{\"width\":40}", false },
	{ "\"type\":\"integer\",\"minimum\":0,\"maximum\":120", "band", "{\"edges\":[18]}", false },
	{ "\"type\":\"integer\",\"minimum\":0,\"maximum\":120", "band", "{\"edges\":[18,20]}", true },
	{ "\"type\":\"integer\",\"minimum\":0,\"maximum\":120", "band", "{\"edges\":[18,130]}", false },
	{ "\"type\":\"integer\",\"minimum\":0,\"maximum\":120", "band", "{\"edges\":[60,130,140,150,160]}", false },
	{ "\"type\":\"integer\"", "band", "{\"edges\":[18,65]}", false },
	{ "\"type\":\"integer\"", "band", "{\"width\":100}", true },
	{ "\"type\":\"integer\"", "topcode", "{\"max\":1000000000000000}", true },
	{ "\"type\":\"integer\",\"minimum\":5", "topcode", "{\"max\":5}", false },
	{ "\"type\":\"integer\",\"maximum\":5", "topcode", "{\"min\":6,\"max\":9}", false },
};

START_TEST(what_can_be_read)
{
	char schema[300];
	json_t *params = clear[_i].params ? json_loads(clear[_i].params, 0, NULL) : NULL;
	struct field_rule rule = { .action = action_find(view_of(clear[_i].action)), .params = params };

	snprintf(schema, sizeof schema, OBJECT("\"a\":{%s}"), clear[_i].field);
	struct domain d = domain_of(schema, false, "/a");
	ck_assert_msg(rule_in_clear(&rule, &d) == clear[_i].clear, "%s under %s %s", clear[_i].field, clear[_i].action,
	              clear[_i].params ? clear[_i].params : "");
	/* Beneath a container anything may stand: what it leaves of that counts. */
	rule.subtree = true;
	if (clear[_i].clear)
		ck_assert(rule_in_clear(&rule, &d));
	json_decref(params);
}
END_TEST

/* A place of numbers beside one of texts says nothing of how long a text is. */
START_TEST(lengths_are_of_texts)
{
	static const char *const both[] = { "\"b\":{\"type\":\"integer\"}",
		                            "\"b\":{\"type\":\"null\",\"maxLength\":90}" };

	for (size_t i = 0; i < 2; i++) {
		char schema[300];
		snprintf(schema, sizeof schema,
		         OBJECT("\"a\":{\"type\":\"string\",\"minLength\":6,\"maxLength\":8},%s"), both[i]);
		struct domain d = domain_of(schema, false, "/*");
		ck_assert_uint_eq(d.min_length, 6);
		ck_assert_uint_eq(d.max_length, 8);
	}
	/* Of two texts the shorter and the longer one, and wherever the number stands. */
	static const char *const texts[] = {
		"\"a\":{\"type\":\"string\",\"minLength\":6,\"maxLength\":8},\"b\":{\"type\":"
		"\"string\",\"minLength\":2,\"maxLength\":20}",
		"\"b\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":20},\"a\":{\"type\":"
		"\"string\",\"minLength\":6,\"maxLength\":8}",
		"\"a\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":8},\"b\":{\"type\":"
		"\"string\",\"minLength\":6,\"maxLength\":20}",
		"\"b\":{\"type\":\"integer\"},\"a\":{\"type\":\"string\",\"minLength\":2,"
		"\"maxLength\":20}"
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char schema[300];
		snprintf(schema, sizeof schema, OBJECT("%s"), texts[i]);
		struct domain d = domain_of(schema, false, "/*");
		ck_assert_uint_eq(d.min_length, 2);
		ck_assert_uint_eq(d.max_length, 20);
	}
	/* So do bounds of two numbers, whichever stands where. */
	static const char *const bounds[] = {
		"\"a\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":9},\"b\":{\"type\":\"number\",\"minimum\":5,\"maximum\":20}",
		"\"a\":{\"type\":\"number\",\"minimum\":5,\"maximum\":20},\"b\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":9}",
		"\"a\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":20},\"b\":{\"type\":\"string\"}",
		"\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"number\",\"minimum\":0,\"maximum\":20}"
	};
	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		char schema[300];
		snprintf(schema, sizeof schema, OBJECT("%s"), bounds[i]);
		struct domain d = domain_of(schema, false, "/*");
		ck_assert(d.min == 0 && d.max == 20);
	}
	/* In characters, not in bytes. */
	struct domain listed = domain_of(OBJECT("\"a\":{\"enum\":[\"\xc3\xa9\xe4\xba\xba\",\"abc\"]}"), false, "/a");
	ck_assert(listed.min_length == 2 && listed.max_length == 3);
	/* The narrower of two words holds, whichever stands where. */
	struct domain wide = domain_of(
	        OBJECT("\"a\":{\"type\":\"string\",\"minLength\":3,\"maxLength\":7,\"pattern\":\"^.{1,20}$\"}"), false,
	        "/a");
	ck_assert(wide.min_length == 3 && wide.max_length == 7);
	/* Nor does a text say how large the numbers beside it are. */
	static const char *const numbers[] = {
		"\"a\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":120},\"b\":{\"type\":\"string\"}",
		"\"b\":{\"type\":\"string\"},\"a\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":120}"
	};
	json_t *edges = json_pack("{s:[i,i,i]}", "edges", 18, 65, 112); /* the last band has nine values */
	const struct field_rule band = { .action = ACTION_BAND, .params = edges };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char schema[300];
		snprintf(schema, sizeof schema, OBJECT("%s"), numbers[i]);
		struct domain d = domain_of(schema, false, "/*");
		ck_assert(d.min == 0 && d.max == 120);
		ck_assert(rule_in_clear(&band, &d));
	}
	json_decref(edges);
	struct domain none = domain_of(OBJECT("\"a\":{\"type\":\"integer\"}"), false, "/a");
	ck_assert_uint_eq(none.min_length, 0);
}
END_TEST

/* A format says how long a text is, where formats are held. */
START_TEST(lengths_of_formats)
{
	static const struct {
		const char *format;
		uint32_t min, max;
	} table[] = {
		{ "date", 10, 10 }, { "date-time", 20, LENGTH_NONE }, { "uuid", 36, 36 },
		{ "ipv4", 7, 15 },  { "email", 0, LENGTH_NONE },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		json_t *root = json_pack("{s:{s:{s:s}}}", "properties", "a", "format", table[i].format);
		struct reach_document document = { .root = root };
		struct reach r = { .documents = &document, .n = 1 };
		struct domain held = domain_at(&r, false, true, "/a"), said = domain_at(&r, false, false, "/a");
		ck_assert_uint_eq(held.min_length, table[i].min);
		ck_assert_uint_eq(held.max_length, table[i].max);
		ck_assert(said.min_length == 0 && said.max_length == LENGTH_NONE);
		json_decref(root);
	}
}
END_TEST

TCase *make_domain_case(void)
{
	TCase *c = tcase_create("domain");

	tcase_add_test(c, lengths_are_of_texts);
	tcase_add_loop_test(c, kinds_of_places, 0, sizeof kinds / sizeof kinds[0]);
	tcase_add_test(c, references_alone);
	tcase_add_test(c, lengths_of_patterns);
	tcase_add_test(c, lengths_of_formats);
	tcase_add_loop_test(c, what_can_be_read, 0, sizeof clear / sizeof clear[0]);
	return c;
}
