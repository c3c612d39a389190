/* The order of strictness against what it claims: from the stricter rule's result nothing can be learnt that the
 * other's does not tell. Tried by running the rules over values; and that the order in which rules come is nowhere in
 * a program. */
#include "test/transform/program_dump.h"
#include "test/transform/transform_test.h"

static const char *const list[] = {
	"\"action\":\"keep\"",
	"\"action\":\"drop\"",
	"\"action\":\"null\"",
	"\"action\":\"const\",\"params\":{\"value\":\"x\"}",
	"\"action\":\"const\",\"params\":{\"value\":7}",
	"\"action\":\"mask\"",
	"\"action\":\"mask\",\"params\":{\"length\":3}",
	"\"action\":\"mask\",\"params\":{\"length\":4}",
	"\"action\":\"mask\",\"params\":{\"character\":\"#\"}",
	"\"action\":\"mask\",\"params\":{\"keep_last\":2}",
	"\"action\":\"mask\",\"params\":{\"keep_first\":1,\"keep_last\":1}",
	"\"action\":\"mask\",\"params\":{\"keep_last\":3}",
	"\"action\":\"date-trunc\",\"params\":{\"to\":\"day\"}",
	"\"action\":\"date-trunc\",\"params\":{\"to\":\"month\"}",
	"\"action\":\"date-trunc\",\"params\":{\"to\":\"month\",\"as\":\"date\"}",
	"\"action\":\"date-trunc\",\"params\":{\"to\":\"quarter\"}",
	"\"action\":\"date-trunc\",\"params\":{\"to\":\"year\"}",
	"\"action\":\"date-trunc\",\"params\":{\"to\":\"year\",\"as\":\"date\"}",
	"\"action\":\"date-trunc\",\"params\":{\"to\":\"decade\"}",
	"\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":40}",
	"\"action\":\"date-shift\",\"params\":{\"domain\":\"e\",\"days\":40}",
	"\"action\":\"round\",\"params\":{\"digits\":0}",
	"\"action\":\"round\",\"params\":{\"digits\":1}",
	"\"action\":\"round\",\"params\":{\"digits\":-1}",
	"\"action\":\"band\",\"params\":{\"width\":5}",
	"\"action\":\"band\",\"params\":{\"width\":10}",
	"\"action\":\"band\",\"params\":{\"edges\":[10,20]}",
	"\"action\":\"band\",\"params\":{\"edges\":[10]}",
	"\"action\":\"band\",\"params\":{\"edges\":[12]}",
	"\"action\":\"topcode\",\"params\":{\"max\":20}",
	"\"action\":\"topcode\",\"params\":{\"max\":12}",
	"\"action\":\"topcode\",\"params\":{\"max\":12,\"min\":4}",
	"\"action\":\"topcode\",\"params\":{\"min\":10}",
	"\"action\":\"geo\",\"params\":{\"decimals\":1}",
	"\"action\":\"geo\",\"params\":{\"decimals\":0}",
	"\"action\":\"geo\",\"params\":{\"geohash\":3}",
	"\"action\":\"geo\",\"params\":{\"geohash\":2}",
	"\"action\":\"ip-prefix\"",
	"\"action\":\"ip-prefix\",\"params\":{\"ipv4\":16}",
	"\"action\":\"ip-prefix\",\"params\":{\"ipv4\":8,\"ipv6\":56}",
	"\"action\":\"postcode\",\"params\":{\"keep_first\":3}",
	"\"action\":\"postcode\",\"params\":{\"keep_first\":2}",
	"\"action\":\"postcode\",\"params\":{\"keep_first\":2,\"suppress\":[\"10\"]}",
	"\"action\":\"postcode\",\"params\":{\"keep_first\":1,\"suppress\":[\"1\"]}",
	"\"action\":\"postcode\",\"params\":{\"drop_last\":1}",
	"\"action\":\"postcode\",\"params\":{\"drop_last\":2}",
	"\"action\":\"redact-text\",\"params\":{\"recognisers\":[\"email\"]}",
	"\"action\":\"redact-text\",\"params\":{\"recognisers\":[\"email\"],\"dictionary\":[\"Anna\"]}",
	"\"action\":\"redact-text\",\"params\":{\"dictionary\":[\"Anna\",\"Berta\"]}",
	"\"action\":\"fpe\",\"params\":{\"domain\":\"d\",\"alphabet\":\"digits\"}",
	"\"action\":\"token\",\"params\":{\"domain\":\"d\"}",
	"\"action\":\"token\",\"params\":{\"domain\":\"d\",\"pad\":32}",
	"\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"exact\"}",
	"\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"exact\",\"bits\":256}",
	"\"action\":\"pseudonym\",\"params\":{\"domain\":\"d\",\"normalise\":\"text\"}",
	"\"action\":\"seal\",\"params\":{\"domain\":\"d\"}",
	"\"action\":\"seal\",\"params\":{\"domain\":\"d\",\"pad\":32}",
};
#define N (sizeof list / sizeof *list)

static const char *const values[] = {
	"null",
	"\"1984-03-17\"",
	"\"1984-03-18\"",
	"\"1984-03\"",
	"\"1984-04-17\"",
	"\"1984-Q1\"",
	"\"1984\"",
	"\"1985-11-02\"",
	"\"1980s\"",
	"\"1984-03-17T10:00:00Z\"",
	"\"1984-03-17T11:30:00Z\"",
	"\"Anna\"",
	"\"anna \"",
	"\"Berta\"",
	"\"a@b.example Anna\"",
	"\"c@d.example Anna\"",
	"\"abc\"",
	"\"xbc\"",
	"\"abcd\"",
	"\"abxd\"",
	"\"abcde\"",
	"\"xbcde\"",
	"\"abcdef\"",
	"\"xxcdef\"",
	"\"12345678\"",
	"\"12345699\"",
	"2.45",
	"2.5",
	"2.44",
	"3",
	"4",
	"7",
	"9",
	"9.99",
	"10",
	"11",
	"12",
	"13",
	"14",
	"15",
	"19",
	"20",
	"21",
	"45",
	"50",
	"54",
	"95",
	"-3",
	"-8",
	"\"u33db2\"",
	"\"u33xx\"",
	"\"u34\"",
	"\"192.0.2.77\"",
	"\"192.0.3.77\"",
	"\"192.1.2.3\"",
	"\"192.0.2.0/24\"",
	"\"2001:db8:1:2::1\"",
	"\"2001:db8:1:ff02::1\"",
	"\"2001:db8:2::\"",
	"\"10115\"",
	"\"10117\"",
	"\"10911\"",
	"\"20115\"",
	"\"1\"",
	"\"SW1A 2AA\"",
	"true",
};
#define VALUES (sizeof values / sizeof *values)

/* What leaves of each value under each rule; NULL: refused. */
static char *results[N][VALUES];

static struct program *compile_all(void)
{
	struct buf text = BUF_INIT(1u << 16);
	struct program *p;

	for (size_t i = 0; i < N; i++)
		buf_addf(&text, "%s{\"id\":\"%03zu\",\"pointer\":\"/%zu\",%s}", i ? "," : "[", i, i, list[i]);
	buf_addc(&text, ']');
	buf_addc(&text, 0);
	p = compile_ok(text.p);
	buf_free(&text);
	return p;
}

static void run_all(const struct program *p)
{
	char record[200], head[20];

	(void)p;
	for (size_t i = 0; i < N; i++)
		for (size_t v = 0; v < VALUES; v++) {
			snprintf(record, sizeof record, "{\"%zu\":%s}", i, values[v]);
			snprintf(head, sizeof head, "{\"%zu\":", i);
			const char *out = run_record(p, record, NULL);
			results[i][v] =
			        out ? strdup(strncmp(out, head, strlen(head)) == 0 ? out + strlen(head) : out) : NULL;
		}
}

static bool random_result(const struct rule *r)
{
	return r->action == ACTION_SEAL;
}

START_TEST(what_is_stricter_follows)
{
	struct program *p = compile_all();
	size_t follow = 0, shown = 0;

	run_all(p);
	for (size_t a = 0; a < N; a++)
		for (size_t b = 0; b < N; b++) {
			bool contradicted = false;

			if (a == b || random_result(&p->rules[a]) || random_result(&p->rules[b]))
				continue;
			for (size_t x = 0; x < VALUES; x++)
				for (size_t y = 0; y < VALUES; y++)
					contradicted = contradicted ||
					               (results[a][x] && results[a][y] && results[b][x] &&
					                results[b][y] && strcmp(results[b][x], results[b][y]) == 0 &&
					                strcmp(results[a][x], results[a][y]) != 0);
			bool follows = rule_follows(&p->rules[a], &p->rules[b]);
			ck_assert_msg(!(follows && contradicted), "%s does not follow from %s", list[a], list[b]);
			follow += follows;
			shown += contradicted;
		}
	ck_assert_uint_gt(follow, 300);
	ck_assert_uint_gt(shown, 500);
	for (size_t i = 0; i < N; i++)
		for (size_t v = 0; v < VALUES; v++)
			free(results[i][v]);
	program_free(p);
}
END_TEST

START_TEST(it_is_a_partial_order)
{
	struct program *p = compile_all();
	const struct rule *r = p->rules;

	for (size_t a = 0; a < N; a++) {
		ck_assert_msg(rule_follows(&r[a], &r[a]), "%s", list[a]);
		for (size_t b = 0; b < N; b++) {
			ck_assert_msg(a == b || rule_compare(&r[a], &r[b]) != 0, "%s is like %s", list[a], list[b]);
			for (size_t c = 0; c < N; c++)
				ck_assert_msg(!rule_follows(&r[a], &r[b]) || !rule_follows(&r[b], &r[c]) ||
				                      rule_follows(&r[a], &r[c]),
				              "%s, %s, %s", list[a], list[b], list[c]);
		}
	}
	program_free(p);
}
END_TEST

/* Of alike rules the most sensitive speaks, whoever comes first, and the field has all their categories. */
START_TEST(alike_rules_are_told_apart_without_order)
{
	static const struct field_rule three[] = {
		{ .id = "b", .pointer = "/*", .action = ACTION_KEEP, .category = FIELD_QUASI },
		{ .id = "c", .pointer = "/v", .action = ACTION_KEEP, .category = FIELD_DIRECT, .waiver = "w" },
		{ .id = "a", .pointer = "", .action = ACTION_KEEP, .subtree = true, .category = FIELD_SPECIAL },
	};
	static const struct field_rule two[] = {
		{ .id = "a", .pointer = "/v", .action = ACTION_KEEP, .category = FIELD_DIRECT, .waiver = "x" },
		{ .id = "b", .pointer = "/*", .action = ACTION_KEEP, .category = FIELD_DIRECT, .waiver = "y" },
	};
	struct key_context keys = test_keys(1);

	for (size_t turn = 0; turn < 6; turn++) {
		struct field_rule rules[3] = { three[turn % 3], three[(turn + 1 + turn / 3) % 3],
			                       three[(turn + 2 - turn / 3) % 3] };
		struct program *p = program_compile(rules, 3, &keys, NULL);
		ck_assert_ptr_nonnull(p);
		struct program_place at = program_place_at(p, "/v");
		ck_assert_str_eq(program_rule_id(p, at.rule), "c");
		ck_assert_uint_eq(at.categories, 1u << FIELD_QUASI | 1u << FIELD_DIRECT | 1u << FIELD_SPECIAL);
		at = program_place_at(p, "/w");
		ck_assert_str_eq(program_rule_id(p, at.rule), "a");
		ck_assert_uint_eq(at.categories, 1u << FIELD_QUASI | 1u << FIELD_SPECIAL);
		program_free(p);
	}
	/* Of one category that without an exception speaks, so that none is enough for both. */
	for (size_t turn = 0; turn < 2; turn++) {
		struct field_rule rules[2] = { two[0], two[1] };
		rules[!turn].waiver = NULL;
		struct program *p = program_compile(rules, 2, &keys, NULL);
		ck_assert_str_eq(program_rule_id(p, program_place_at(p, "/v").rule), turn ? "a" : "b");
		program_free(p);
	}
	struct error_list errors = { .max = 5 };
	ck_assert_ptr_null(program_compile(two, 2, &keys, &errors));
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "they name different exceptions"));
	error_list_free(&errors);
	/* A third one without an exception speaks for neither. */
	const struct field_rule plain = { .id = "0", .pointer = "/v", .action = ACTION_KEEP, .category = FIELD_DIRECT };
	for (size_t turn = 0; turn < 6; turn++) {
		const struct field_rule all[3] = { two[0], two[1], plain };
		struct field_rule rules[3] = { all[turn % 3], all[(turn + 1 + turn / 3) % 3],
			                       all[(turn + 2 - turn / 3) % 3] };
		ck_assert_ptr_null(program_compile(rules, 3, &keys, &errors));
		ck_assert_uint_eq(errors.n, 1);
		ck_assert_ptr_nonnull(strstr(errors.items[0].text, "they name different exceptions"));
		error_list_free(&errors);
	}
}
END_TEST

/* Though it is one at the place itself and one of what is inherited beneath it. */
START_TEST(a_contradiction_is_told_once)
{
	json_t *two = json_pack("{s:i}", "keep_last", 2), *three = json_pack("{s:i}", "keep_last", 3),
	       *four = json_pack("{s:i}", "keep_last", 4);
	const struct field_rule rules[] = {
		{ .id = "a", .pointer = "/*", .action = ACTION_MASK, .params = two, .subtree = true },
		{ .id = "b", .pointer = "/v", .action = ACTION_MASK, .params = three, .subtree = true },
		{ .id = "c", .pointer = "/v", .action = ACTION_MASK, .params = four, .subtree = true },
	};
	struct key_context keys = test_keys(1);
	struct error_list errors = { .max = 20 };

	ck_assert_ptr_null(program_compile(rules, 2, &keys, &errors));
	ck_assert_uint_eq(errors.n, 1);
	error_list_free(&errors);
	ck_assert_ptr_null(program_compile(rules, 3, &keys, &errors)); /* two of them */
	ck_assert_uint_eq(errors.n, 2);
	error_list_free(&errors);
	json_decref(four);
	json_decref(two);
	json_decref(three);
}
END_TEST

/* Nor is the exception of a container's rule forgotten beneath it because an alike rule without one speaks. */
START_TEST(exceptions_beneath_a_container)
{
	struct field_rule rules[] = {
		{ .id = "a", .pointer = "/v", .action = ACTION_KEEP, .subtree = true, .category = FIELD_DIRECT },
		{ .id = "b", .pointer = "/*", .action = ACTION_KEEP, .subtree = true, .waiver = "x" },
		{ .id = "c", .pointer = "/v/w/*", .action = ACTION_KEEP, .waiver = "y" },
	};
	struct key_context keys = test_keys(1);
	struct error_list errors = { .max = 5 };

	ck_assert_ptr_null(program_compile(rules, 3, &keys, &errors));
	ck_assert_uint_eq(errors.n, 1);
	ck_assert_ptr_nonnull(strstr(errors.items[0].text, "they name different exceptions"));
	error_list_free(&errors);
	rules[2].waiver = "x";
	struct program *p = program_compile(rules, 3, &keys, &errors);
	ck_assert_ptr_nonnull(p);
	ck_assert_str_eq(program_rule_id(p, program_place_at(p, "/v/w/z").rule), "a");
	program_free(p);
	/* Where something stricter rules beneath, no exception speaks. */
	rules[2] = (struct field_rule){ .id = "c", .pointer = "/v/w", .action = ACTION_NULL, .subtree = true };
	p = program_compile(rules, 3, &keys, &errors);
	ck_assert_ptr_nonnull(p);
	ck_assert_str_eq(program_rule_id(p, program_place_at(p, "/v/w/z").rule), "c");
	program_free(p);
}
END_TEST

static uint32_t pick(uint32_t *state, uint32_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % n;
}

/* Shuffled rules: the same bytes, or the same refusal. */
START_TEST(the_order_of_rules_is_nowhere)
{
	static const char *const tokens[] = { "a", "b", "*" };
	static const enum action actions[] = { ACTION_KEEP, ACTION_KEEP,        ACTION_NULL,   ACTION_DROP,
		                               ACTION_MASK, ACTION_REDACT_TEXT, ACTION_K_GUARD };
	json_t *words = json_pack("{s:[s]}", "recognisers", "email"),
	       *guard = json_pack("{s:i,s:[s]}", "k", 2, "fields", "/a/b");
	struct key_context keys = test_keys(1);
	uint32_t s = 20261128, compiled = 0, refused = 0;

	for (int round = 0; round < 600; round++) {
		struct field_rule rules[9];
		char ids[9][8], pointers[9][40];
		struct buf first = BUF_INIT(1u << 20), text = BUF_INIT(1u << 20), schema = BUF_INIT(1u << 20),
		           other = BUF_INIT(1u << 20);
		size_t n = 2 + pick(&s, 7);

		for (size_t i = 0; i < n; i++) {
			enum action action = actions[pick(&s, 7)];
			size_t at = 0;

			snprintf(ids[i], sizeof ids[i], "r%zu", i);
			pointers[i][0] = 0;
			for (uint32_t k = action == ACTION_K_GUARD ? 0 : pick(&s, 4); k > 0; k--)
				at += (size_t)snprintf(pointers[i] + at, sizeof pointers[i] - at, "/%s",
				                       tokens[pick(&s, 3)]);
			rules[i] = (struct field_rule){ .id = ids[i],
				                        .pointer = pointers[i],
				                        .action = action,
				                        .category = (enum field_category)pick(&s, FIELD_CATEGORY_COUNT),
				                        .subtree = action != ACTION_K_GUARD && pick(&s, 2) == 0,
				                        .narrows = action != ACTION_K_GUARD && pick(&s, 4) == 0,
				                        .waiver = pick(&s, 6) == 0 ? "w" : NULL,
				                        .params = action == ACTION_REDACT_TEXT ? words
				                                  : action == ACTION_K_GUARD   ? guard
				                                                               : NULL };
		}
		for (int turn = 0; turn < 4; turn++) {
			struct error_list errors = { .max = 100 };
			struct program *p = program_compile(rules, n, &keys, &errors);

			buf_reset(&text);
			buf_reset(&other);
			for (size_t i = 0; i < errors.n; i++)
				buf_addf(&text, "%s\n", errors.items[i].text);
			if (p) {
				program_dump(p, &text);
				ck_assert(program_output_schema(p, &other, NULL));
			}
			if (turn == 0) {
				buf_add(&first, buf_view(&text));
				buf_add(&schema, buf_view(&other));
				compiled += p != NULL;
				refused += p == NULL;
			}
			ck_assert_msg(view_eq(buf_view(&first), buf_view(&text)), "%.*s\nis not\n%.*s",
			              VIEW_ARG(buf_view(&first)), VIEW_ARG(buf_view(&text)));
			ck_assert(view_eq(buf_view(&schema), buf_view(&other)));
			program_free(p);
			error_list_free(&errors);
			for (size_t i = n - 1; i > 0; i--) {
				size_t k = pick(&s, (uint32_t)i + 1);
				struct field_rule swap = rules[i];
				rules[i] = rules[k];
				rules[k] = swap;
			}
		}
		buf_free(&first);
		buf_free(&text);
		buf_free(&schema);
		buf_free(&other);
	}
	ck_assert_uint_gt(compiled, 50);
	ck_assert_uint_gt(refused, 20);
	json_decref(words);
	json_decref(guard);
}
END_TEST

TCase *make_order_case(void);
TCase *make_order_case(void)
{
	TCase *c = tcase_create("order");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, what_is_stricter_follows);
	tcase_add_test(c, it_is_a_partial_order);
	tcase_add_test(c, alike_rules_are_told_apart_without_order);
	tcase_add_test(c, a_contradiction_is_told_once);
	tcase_add_test(c, exceptions_beneath_a_container);
	tcase_add_test(c, the_order_of_rules_is_nowhere);
	return c;
}
