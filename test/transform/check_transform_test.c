/* See transform_test.h. */
#include "test/transform/transform_test.h"

struct key_context test_keys(uint32_t epoch)
{
	struct key_context keys = { .agreement = VIEW("north-south-1"),
		                    .purpose = VIEW("border-check"),
		                    .epoch = epoch };

	for (keys.secret.n = 0; keys.secret.n < 32; keys.secret.n++)
		keys.secret.b[keys.secret.n] = (uint8_t)keys.secret.n;
	return keys;
}

struct program *compile_rules(const char *text, const struct key_context *keys, struct error_list *errors)
{
	json_error_t where;
	json_t *list = json_loads(text, JSON_REJECT_DUPLICATES, &where);
	struct field_rule rules[512];
	char ids[512][8];
	size_t n = json_array_size(list);

	ck_assert_msg(list != NULL, "the test's rules are not JSON: %s in %s", where.text, text);
	ck_assert_uint_le(n, 512);
	for (size_t i = 0; i < n; i++) {
		const json_t *r = json_array_get(list, i);
		const char *id = json_string_value(json_object_get(r, "id"));
		const char *category = json_string_value(json_object_get(r, "category"));

		snprintf(ids[i], sizeof ids[i], "r%zu", i);
		rules[i] = (struct field_rule){
			.id = id ? id : ids[i],
			.pointer = json_string_value(json_object_get(r, "pointer")),
			.action = action_find(view_of(json_string_value(json_object_get(r, "action")))),
			.category = category ? field_category_find(view_of(category)) : FIELD_QUASI,
			.subtree = json_is_true(json_object_get(r, "subtree")),
			.params = json_object_get(r, "params")
		};
	}
	struct program *p = program_compile(rules, n, keys, errors);
	json_decref(list);
	return p;
}

struct program *compile_ok(const char *rules)
{
	struct error_list errors = { .n = 0 };
	struct key_context keys = test_keys(1);
	struct program *p = compile_rules(rules, &keys, &errors);

	ck_assert_msg(p != NULL, "%s: %s", rules, errors.n ? errors.items[0].text : "no error was listed");
	ck_assert_uint_eq(errors.n, 0);
	error_list_free(&errors);
	return p;
}

void assert_refused(const char *rules, const char *want)
{
	struct error_list errors = { .n = 0 };
	struct key_context keys = test_keys(1);
	struct program *p = compile_rules(rules, &keys, &errors);
	bool found = false;

	ck_assert_msg(p == NULL, "compiled: %s", rules);
	for (size_t i = 0; i < errors.n; i++)
		found = found || strstr(errors.items[i].text, want);
	ck_assert_msg(found, "no error about %s in %s but %s", want, rules, errors.n ? errors.items[0].text : "none");
	error_list_free(&errors);
}

const char *run_for(const struct program *p, const char *record, const char *subject, struct error *e)
{
	static struct buf out;
	static struct transform_run *run;
	struct tape_parser *parser = tape_parser_new(NULL);
	struct error ignored = { .reason = REASON_NONE };
	struct tape t;

	if (!run)
		run = transform_run_new();
	out.max = 1u << 22;
	buf_reset(&out);
	ck_assert_ptr_nonnull(parser);
	ck_assert_msg(tape_parse(parser, view_of(record), &t, &ignored), "the test's record is not JSON: %s", record);
	struct transform_input in = { .tape = &t, .subject = view_of(subject) };
	memset(in.random, 7, sizeof in.random);
	bool ok = program_run(p, run, &in, &out, e ? e : &ignored);
	tape_parser_free(parser);
	if (!ok)
		return NULL;
	buf_addc(&out, 0);
	return out.p;
}

const char *run_record(const struct program *p, const char *record, struct error *e)
{
	return run_for(p, record, "subject-1", e);
}

void assert_run(const struct program *p, const char *record, const char *want)
{
	struct error e = { .reason = REASON_NONE };
	const char *got = run_record(p, record, &e);

	ck_assert_msg(got != NULL, "%s: %s", record, e.text);
	ck_assert_str_eq(got, want);
}

void assert_fails(const struct program *p, const char *record, enum reason reason, const char *want)
{
	struct error e = { .reason = REASON_NONE };

	ck_assert_msg(run_record(p, record, &e) == NULL, "ran: %s", record);
	ck_assert_msg(e.reason == reason, "%s: %s", reason_slug(e.reason), e.text);
	ck_assert_msg(strstr(e.text, want) != NULL, "%s has no %s", e.text, want);
}

void assert_once(const char *rules, const char *record, const char *want)
{
	struct program *p = compile_ok(rules);

	assert_run(p, record, want);
	program_free(p);
}

bool check_arrival(const struct program *p, const char *record, struct error *e)
{
	struct tape_parser *parser = tape_parser_new(NULL);
	struct error ignored = { .reason = REASON_NONE };
	struct tape t;

	ck_assert_msg(tape_parse(parser, view_of(record), &t, &ignored), "the test's record is not JSON: %s", record);
	bool ok = program_check_output(p, &t, 0, e ? e : &ignored);
	tape_parser_free(parser);
	return ok;
}

START_TEST(names_of_actions_are_found)
{
	for (int a = 0; a < ACTION_COUNT; a++)
		ck_assert_int_eq(action_find(view_of(action_name((enum action)a))), a);
	ck_assert_int_eq(action_find(VIEW("encrypt")), ACTION_COUNT);
	ck_assert_str_eq(action_name(ACTION_COUNT), "");
	for (int c = 0; c < FIELD_CATEGORY_COUNT; c++)
		ck_assert_int_eq(field_category_find(view_of(field_category_name((enum field_category)c))), c);
	ck_assert_int_eq(field_category_find(VIEW("secret")), FIELD_CATEGORY_COUNT);
	ck_assert_str_eq(field_category_name(FIELD_CATEGORY_COUNT), "");
}
END_TEST

TCase *make_transform_test_case(void);
TCase *make_transform_test_case(void)
{
	TCase *c = tcase_create("transform_test");

	tcase_add_test(c, names_of_actions_are_found);
	return c;
}
