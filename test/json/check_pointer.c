/* JSON Pointer: the examples of RFC 6901 section 5, and what is malformed. */
#include "lib/json/pointer.h"
#include "test/json/json_test.h"

static struct tape_parser *p;
static struct tape t;

static void setup(void)
{
	p = new_parser(NULL);
	t = parse(p,
	          VIEW("{ \"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2, \"e^f\": 3, \"g|h\": 4, "
	               "\"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7, \"m~n\": 8, \"deep\":[{\"x\":[0,{\"~1\":\"y\"}]}] }"));
}

static void teardown(void)
{
	tape_parser_free(p);
}

static const struct {
	const char *pointer, *token;
} found[] = {
	{ "/foo", "[\"bar\", \"baz\"]" },
	{ "/foo/0", "\"bar\"" },
	{ "/", "0" },
	{ "/a~1b", "1" },
	{ "/c%d", "2" },
	{ "/e^f", "3" },
	{ "/g|h", "4" },
	{ "/i\\j", "5" },
	{ "/k\"l", "6" },
	{ "/ ", "7" },
	{ "/m~0n", "8" },
	{ "/deep/0/x/1/~01", "\"y\"" },
};

START_TEST(finds)
{
	struct buf out = BUF_INIT(1000);
	uint32_t node;

	ck_assert(pointer_find(&t, 0, view_of(found[_i].pointer), &node));
	assert_view(tape_token(&t, node), view_of(found[_i].token));
	pointer_of(&t, node, NULL, NULL, &out);
	assert_view(buf_view(&out), view_of(found[_i].pointer));
	buf_free(&out);
}
END_TEST

static const char *const missing[] = {
	"/fo",  "/foo/2", "/foo/00", "/foo/01",   "/foo/-", "/foo/+1", "/foo/", "/foo/0/0", "/foo/4294967296", "/a~1c",
	"/m~0", "/m~0nn", "/m~0x",   "/deep/0/y", "foo",    "/~2",     "/~",    "/foo/~",   "/\xff",
};

START_TEST(does_not_find)
{
	uint32_t node = 99;

	ck_assert(!pointer_find(&t, 0, view_of(missing[_i]), &node));
	ck_assert_uint_eq(node, 99);
}
END_TEST

START_TEST(below_a_node)
{
	uint32_t deep, node;

	ck_assert(pointer_find(&t, 0, VIEW(""), &node));
	ck_assert_uint_eq(node, 0);
	ck_assert(pointer_find(&t, 0, VIEW("/deep"), &deep));
	ck_assert(pointer_find(&t, deep, VIEW("/0/x/0"), &node));
	assert_view(tape_token(&t, node), VIEW("0"));
	ck_assert(pointer_find(&t, deep, VIEW(""), &node));
	ck_assert_uint_eq(node, deep);
}
END_TEST

static bool is_known(void *arg, struct view name)
{
	return view_is(name, arg);
}

START_TEST(unknown_names_stay_hidden)
{
	struct buf out = BUF_INIT(1000);
	uint32_t node;

	ck_assert(pointer_find(&t, 0, VIEW("/deep/0/x/1/~01"), &node));
	pointer_of(&t, node, is_known, (char[]){ "deep" }, &out);
	assert_view(buf_view(&out), VIEW("/deep/0/*/1/*"));
	/* The place of a name is that of its member. */
	buf_reset(&out);
	pointer_of(&t, node - 1, NULL, NULL, &out);
	assert_view(buf_view(&out), VIEW("/deep/0/x/1/~01"));
	buf_reset(&out);
	pointer_of(&t, 0, NULL, NULL, &out);
	ck_assert_uint_eq(out.n, 0);
	buf_free(&out);
}
END_TEST

START_TEST(tokens)
{
	struct view rest = VIEW("/persons/*/na~1me~0/"), token;
	static const char *const want[] = { "persons", "*", "na/me~", "" };
	char out[32];

	for (size_t i = 0; i < 4; i++) {
		ck_assert(pointer_next(&rest, out, &token));
		assert_view(token, view_of(want[i]));
	}
	ck_assert(!pointer_next(&rest, out, &token));
	ck_assert_uint_eq(rest.n, 0);
	static const char *const bad[] = { "a", "/~", "/a~2", "/~/" };
	for (size_t i = 0; i < 4; i++) {
		rest = view_of(bad[i]);
		ck_assert(!pointer_next(&rest, out, &token));
		ck_assert_uint_ne(rest.n, 0);
		ck_assert(!pointer_valid(view_of(bad[i])));
	}
	ck_assert(pointer_valid(VIEW("")));
	ck_assert(pointer_valid(VIEW("/a~0~1/\xc3\xa9")));
	ck_assert(!pointer_valid(VIEW("/\xc3")));
	struct buf b = BUF_INIT(100);
	pointer_add(&b, VIEW("~a/b~"));
	pointer_add(&b, VIEW(""));
	assert_view(buf_view(&b), VIEW("/~0a~1b~0/"));
	buf_free(&b);
}
END_TEST

TCase *make_pointer_case(void);
TCase *make_pointer_case(void)
{
	TCase *tc = tcase_create("pointer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, finds, 0, sizeof found / sizeof *found);
	tcase_add_loop_test(tc, does_not_find, 0, sizeof missing / sizeof *missing);
	tcase_add_test(tc, below_a_node);
	tcase_add_test(tc, unknown_names_stay_hidden);
	tcase_add_test(tc, tokens);
	return tc;
}
