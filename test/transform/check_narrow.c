/* Rules that narrow: a nation's own over an agreement's, and those that see what has arrived. */
#include "test/transform/transform_test.h"

/* Rules that narrow count where others let something pass; the arrived value stays as it is. */
START_TEST(narrowing_rules)
{
	json_t *month = json_pack("{s:s}", "to", "month"), *year = json_pack("{s:s}", "to", "year"),
	       *shift = json_pack("{s:s,s:i}", "domain", "d", "days", 40);
	const struct field_rule rules[] = {
		{ .id = "a", .pointer = "/a", .action = ACTION_DATE_TRUNC, .params = month },
		{ .id = "b", .pointer = "/b", .action = ACTION_DATE_SHIFT, .params = shift },
		{ .id = "c", .pointer = "/c", .action = ACTION_NULL },
		{ .id = "o", .pointer = "/*", .action = ACTION_DATE_TRUNC, .params = year, .narrows = true },
		{ .id = "q", .pointer = "/q", .action = ACTION_DROP, .narrows = true },
	};
	struct field_rule ingress[5];
	static const char record[] =
	        "{\"a\":\"1984-03-17\",\"b\":\"1984-03-17\",\"c\":\"1984-03-17\",\"d\":\"1984-03-17\"}";
	struct key_context keys = test_keys(1);
	struct error e = { .reason = REASON_NONE };
	struct program *p = program_compile(rules, 5, &keys, NULL);

	ck_assert_str_eq(run_record(p, record, &e), "{\"a\":\"1984\",\"c\":null}");
	struct program_place at = program_place_at(p, "/b");
	ck_assert(at.neither && at.dropped && strcmp(program_rule_id(p, at.rule), "o") == 0 &&
	          strcmp(program_rule_id(p, at.under), "b") == 0);
	ck_assert(!program_place_at(p, "/c").neither && program_place_at(p, "/d").dropped &&
	          program_place_at(p, "/q").dropped);
	program_free(p);
	for (size_t i = 0; i < 5; i++) {
		ingress[i] = rules[i];
		ingress[i].arrived = !rules[i].narrows;
	}
	p = program_compile(ingress, 5, &keys, NULL);
	ck_assert_str_eq(run_record(p, "{\"a\":\"1984-03\",\"b\":\"1984-05-01\",\"c\":null}", &e),
	                 "{\"a\":\"1984\",\"c\":null}");
	program_free(p);
	/* One that takes leaves alone takes no container where the document that it narrows would let one pass. */
	const struct field_rule leaf[] = {
		{ .id = "k", .pointer = "/a", .action = ACTION_KEEP, .subtree = true },
		{ .id = "l", .pointer = "/a/b", .action = ACTION_KEEP },
		{ .id = "o", .pointer = "/a", .action = ACTION_MASK, .narrows = true },
	};
	e.reason = REASON_NONE;
	p = program_compile(leaf, 3, &keys, NULL);
	ck_assert_ptr_null(run_record(p, "{\"a\":{\"b\":\"x\"}}", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "object or array"));
	program_free(p);
	p = program_compile(leaf + 1, 2, &keys, NULL);
	ck_assert_str_eq(run_record(p, "{\"a\":{\"b\":\"x\"}}", &e), "{\"a\":{\"b\":\"x\"}}");
	program_free(p);
	/* Two that narrow and contradict each other are of one document. */
	const struct field_rule both[] = {
		{ .id = "k", .pointer = "/a", .action = ACTION_KEEP },
		{ .id = "o", .pointer = "/a", .action = ACTION_DATE_TRUNC, .params = year, .narrows = true },
		{ .id = "p", .pointer = "/*", .action = ACTION_DATE_SHIFT, .params = shift, .narrows = true }
	};
	struct error_list errors = { .max = 5 };
	ck_assert_ptr_null(program_compile(both, 3, &keys, &errors));
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "neither is stricter"));
	error_list_free(&errors);
	json_decref(month);
	json_decref(year);
	json_decref(shift);
}
END_TEST

/* What a field is the document says that lets it pass; and what has arrived is kept as it is, a container in one step. */
START_TEST(what_narrows_says_nothing_of_the_field)
{
	const struct field_rule rules[] = {
		{ .id = "a", .pointer = "/a", .action = ACTION_KEEP, .category = FIELD_OPERATIONAL },
		{ .id = "o", .pointer = "/a", .action = ACTION_MASK, .category = FIELD_DIRECT, .narrows = true },
		{ .id = "s",
		  .pointer = "/s",
		  .action = ACTION_NULL,
		  .category = FIELD_SPECIAL,
		  .subtree = true,
		  .arrived = true },
		{ .id = "d", .pointer = "/d", .action = ACTION_DROP, .category = FIELD_SPECIAL, .arrived = true },
	};
	struct key_context keys = test_keys(1);
	struct program *p = program_compile(rules, 4, &keys, NULL);
	struct tape_parser *parser = tape_parser_new(NULL);
	struct transform_run *run = transform_run_new();
	struct error e = { .reason = REASON_NONE };
	struct buf out = BUF_INIT(4096);
	struct tape t;
	size_t n;

	ck_assert_uint_eq(program_place_at(p, "/a").categories, 1u << FIELD_OPERATIONAL);
	ck_assert(tape_parse(parser, VIEW("{\"d\":1,\"s\":{\"b\":null,\"c\":[null]}}"), &t, &e));
	struct transform_input in = { .tape = &t };
	ck_assert(program_run(p, run, &in, &out, &e));
	ck_assert(view_is(buf_view(&out), "{\"s\":{\"b\":null,\"c\":[null]}}"));
	const struct trace_step *s = transform_trace(run, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(s[0].action, ACTION_DROP);
	ck_assert_uint_eq(s[1].node, tape_member(&t, 0, VIEW("s")));
	buf_free(&out);
	transform_run_free(run);
	tape_parser_free(parser);
	program_free(p);
}
END_TEST

#define REDACT(word) "{\"action\":\"redact-text\",\"params\":{\"dictionary\":[\"" word "\"]}}"
#define CONST(value) "{\"action\":\"const\",\"params\":{\"value\":" value "}}"
#define TRUNC(rest)  "{\"action\":\"date-trunc\",\"params\":{\"to\":" rest "}}"
#define MASK(params) "{\"action\":\"mask\",\"params\":{" params "}}"

/* The agreement's rule, a stricter one of a nation, a value, and what leaves: what has the form that the agreement's
 * rule leaves, or nothing, for the other side would take the record for a forgery. */
static const struct {
	const char *rule, *stricter, *value, *leaves;
} narrowed[] = {
	{ "{\"action\":\"keep\"}", CONST("7"), "\"ab\"", "{\"v\":7}" },
	{ "{\"action\":\"keep\"}", MASK("\"length\":3"), "\"ab\"", "{\"v\":\"***\"}" },
	{ "{\"action\":\"round\",\"params\":{\"digits\":0}}", CONST("7"), "1.5", "{}" },
	{ "{\"action\":\"round\",\"params\":{\"digits\":0}}", MASK("\"length\":3"), "1.5", "{}" },
	{ "{\"action\":\"round\",\"params\":{\"digits\":0}}", "{\"action\":\"null\"}", "1.5", "{\"v\":null}" },
	{ "{\"action\":\"postcode\",\"params\":{\"keep_first\":2}}", CONST("\"AB\""), "\"AB1\"", "{}" },
	{ CONST("\"gone\""), "{\"action\":\"null\"}", "\"ab\"", "{}" },
	{ CONST("\"gone\""), "{\"action\":\"drop\"}", "\"ab\"", "{}" },
	{ MASK(""), MASK("\"length\":3"), "\"ab\"", "{\"v\":\"***\"}" },
	{ MASK("\"keep_last\":1"), MASK("\"length\":3,\"character\":\"x\""), "\"abcd\"", "{}" },
	{ MASK("\"keep_last\":1"), MASK(""), "\"abcd\"", "{\"v\":\"****\"}" },
	{ TRUNC("\"month\""), TRUNC("\"year\""), "\"1984-03-17\"", "{\"v\":\"1984\"}" },
	{ TRUNC("\"month\""), TRUNC("\"year\",\"as\":\"date\""), "\"1984-03-17\"", "{}" },
	{ TRUNC("\"month\""), MASK("\"length\":3"), "\"1984-03-17\"", "{}" },
	{ REDACT("Test"), REDACT("Test\",\"Sample"), "\"a Sample\"", "{\"v\":\"a [word]\"}" },
	{ REDACT("Test"), MASK("\"length\":3"), "\"a Test\"", "{\"v\":\"***\"}" },
	{ REDACT("Test"), CONST("\"none\""), "\"a Test\"", "{\"v\":\"none\"}" },
	{ REDACT("Test"), CONST("\"Test\""), "\"a Test\"", "{}" },
	{ REDACT("Test"), CONST("7"), "\"a Test\"", "{}" },
};

START_TEST(what_narrows_leaves_the_form)
{
	struct key_context keys = test_keys(1);
	struct error e = { .reason = REASON_NONE };
	json_t *docs[2] = { json_loads(narrowed[_i].rule, 0, NULL), json_loads(narrowed[_i].stricter, 0, NULL) };
	struct field_rule rules[2];
	char record[80];

	for (size_t i = 0; i < 2; i++)
		rules[i] = (struct field_rule){ .id = i ? "o" : "a",
			                        .pointer = "/v",
			                        .action = action_find(
			                                view_of(json_string_value(json_object_get(docs[i], "action")))),
			                        .params = json_object_get(docs[i], "params"),
			                        .narrows = i == 1 };
	struct program *p = program_compile(rules, 2, &keys, NULL), *shared = program_compile(rules, 1, &keys, NULL);
	ck_assert(p && shared);
	ck_assert_int_eq(program_compare(p, 1, p, 0), -1);
	snprintf(record, sizeof record, "{\"v\":%s}", narrowed[_i].value);
	ck_assert_str_eq(run_record(p, record, &e), narrowed[_i].leaves);
	struct program_place at = program_place_at(p, "/v");
	bool dropped = strcmp(narrowed[_i].leaves, "{}") == 0, by_word = rules[1].action == ACTION_DROP;
	ck_assert_int_eq(at.dropped, dropped);
	ck_assert_int_eq(at.neither, dropped && !by_word);
	ck_assert_int_eq(at.formless, dropped && !by_word);
	/* Whoever receives it checks by the agreement alone. */
	struct tape_parser *parser = tape_parser_new(NULL);
	struct tape t;
	ck_assert(tape_parse(parser, view_of(narrowed[_i].leaves), &t, &e));
	ck_assert(program_check_output(shared, &t, 0, &e));
	tape_parser_free(parser);
	program_free(p);
	program_free(shared);
	json_decref(docs[0]);
	json_decref(docs[1]);
}
END_TEST

TCase *make_narrow_case(void);
TCase *make_narrow_case(void)
{
	TCase *c = tcase_create("narrow");

	tcase_add_test(c, narrowing_rules);
	tcase_add_test(c, what_narrows_says_nothing_of_the_field);
	tcase_add_loop_test(c, what_narrows_leaves_the_form, 0, sizeof narrowed / sizeof narrowed[0]);
	return c;
}
