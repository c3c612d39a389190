/* Deep equality and hashes of values, on two tapes and on one. */
#include "lib/json/equal.h"
#include "test/json/json_test.h"

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{ "null", "null", true },
	{ "true", "true", true },
	{ "true", "false", false },
	{ "null", "false", false },
	{ "0", "false", false },
	{ "1", "true", false },
	{ "\"1\"", "1", false },
	{ "[]", "{}", false },
	{ "1", "1.0", true },
	{ "[1.5e1]", "[15]", true },
	{ "1e999999", "10e999998", true },
	{ "1", "1.1", false },
	{ "9007199254740993", "9007199254740992", false },
	{ "\"a\"", "\"\\u0061\"", true },
	{ "\"\\ud834\\udd1e\"", "\"\xf0\x9d\x84\x9e\"", true },
	{ "\"a\"", "\"A\"", false },
	{ "\"\\u00e9\"", "\"e\\u0301\"", false }, /* code points are compared, not looks */
	{ "[1,2]", "[2,1]", false },
	{ "[1,2]", "[1,2,3]", false },
	{ "[[1],[2]]", "[ [1.0] , [2] ]", true },
	{ "[[1],2]", "[[1,2]]", false },
	{ "{}", "{ }", true },
	{ "{\"a\":1,\"b\":2}", "{\"b\":2.0,\"\\u0061\":1}", true },
	{ "{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", false },
	{ "{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false },
	{ "{\"a\":1,\"b\":2}", "{\"a\":1}", false },
	{ "{\"a\":1}", "{\"a\":1,\"b\":2}", false },
	{ "{\"a\":{\"x\":[1,{\"y\":0,\"z\":1}],\"w\":null},\"b\":[]}",
	  "{\"b\":[],\"a\":{\"w\":null,\"x\":[1,{\"z\":1,\"y\":0e3}]}}", true },
	{ "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}", "{\"d\":4,\"c\":3,\"b\":2,\"a\":1}", true },
	{ "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}", "{\"c\":3,\"d\":4,\"a\":1,\"e\":2}", false },
};

START_TEST(two_tapes)
{
	struct tape_parser *p = new_parser(NULL), *q = new_parser(NULL);
	struct tape a = parse(p, view_of(pairs[_i].a)), b = parse(q, view_of(pairs[_i].b));

	ck_assert_int_eq(tape_equal(&a, 0, &b, 0), pairs[_i].same);
	ck_assert_int_eq(tape_equal(&b, 0, &a, 0), pairs[_i].same);
	ck_assert(tape_equal(&a, 0, &a, 0));
	ck_assert_int_eq(tape_value_hash(&a, 0) == tape_value_hash(&b, 0), pairs[_i].same);
	tape_parser_free(p);
	tape_parser_free(q);
}
END_TEST

START_TEST(one_tape)
{
	struct tape_parser *p = new_parser(NULL);
	struct tape t = parse(p, VIEW("[{\"a\":[1,2]},{\"a\":[1,2.0]},{\"a\":[1,3]},\"a\"]"));
	uint32_t x = 1, y = t.nodes[x].next, z = t.nodes[y].next, s = t.nodes[z].next;

	ck_assert(tape_equal(&t, x, &t, y));
	ck_assert(!tape_equal(&t, x, &t, z));
	ck_assert(!tape_equal(&t, z, &t, s));
	ck_assert(tape_equal(&t, x + 1, &t, y + 1)); /* two names */
	ck_assert_uint_eq(tape_value_hash(&t, x + 1), tape_value_hash(&t, y + 1));
	ck_assert_uint_eq(tape_value_hash(&t, x), tape_value_hash(&t, y));
	tape_parser_free(p);
}
END_TEST

START_TEST(many_members_backwards)
{
	struct tape_parser *p = new_parser(NULL), *q = new_parser(NULL);
	struct buf forth = BUF_INIT(1u << 20), back = BUF_INIT(1u << 20);
	unsigned n = 10000;

	buf_addc(&forth, '{');
	buf_addc(&back, '{');
	for (unsigned i = 0; i < n; i++) {
		buf_addf(&forth, "%s\"name %u\":%u", i ? "," : "", i, i);
		buf_addf(&back, "%s\"name %u\":%u", i ? "," : "", n - 1 - i, n - 1 - i);
	}
	buf_addc(&forth, '}');
	buf_addc(&back, '}');
	struct tape a = parse(p, buf_view(&forth)), b = parse(q, buf_view(&back));
	ck_assert(tape_equal(&a, 0, &b, 0));
	ck_assert_uint_eq(tape_value_hash(&a, 0), tape_value_hash(&b, 0));
	tape_parser_free(p);
	tape_parser_free(q);
	buf_free(&forth);
	buf_free(&back);
}
END_TEST

TCase *make_equal_case(void);
TCase *make_equal_case(void)
{
	TCase *tc = tcase_create("equal");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, two_tapes, 0, sizeof pairs / sizeof *pairs);
	tcase_add_test(tc, one_tape);
	tcase_add_test(tc, many_members_backwards);
	return tc;
}
