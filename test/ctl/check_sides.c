/* A record beside what leaves of it: which leaf became which, also where items before it do not leave. */
#include <check.h>

#include "gatewayd/ctl/agreement_sides.h"

TCase *make_sides_case(void);

static struct tape_parser *parsers[2];
static struct tape before;
static struct sides sides;
static json_t *released;

static void set_up(void)
{
	static const char envelope[] = "{\"record\":{\"a\":[{\"x\":1,\"y\":2},{\"y\":3},{\"x\":\"four\",\"y\":5}],"
	                               "\"b\":{\"~\":\"kept\"},\"deep\":[[1],[2,3]]}}";
	static const char left[] = "{\"a\":[{\"x\":1},{\"x\":\"p1.1.code\"}],\"b\":{\"~\":\"kept\"},\"deep\":[[30]]}";
	struct error e = { .reason = REASON_NONE };

	for (unsigned i = 0; i < 2; i++)
		ck_assert_ptr_nonnull(parsers[i] = tape_parser_new(NULL));
	ck_assert(tape_parse(parsers[0], view_of(envelope), &before, &e));
	released = json_pack("[{s:s},{s:s},{s:s},{s:s}]", "pointer", "/a/0/x", "pointer", "/a/2/x", "pointer", "/b/~0",
	                     "pointer", "/deep/1/1");
	sides = (struct sides){ .before = &before,
		                .record = tape_member(&before, 0, VIEW("record")),
		                .released = released };
	ck_assert(tape_parse(parsers[1], view_of(left), &sides.after, &e));
}

static void tear_down(void)
{
	tape_parser_free(parsers[0]);
	tape_parser_free(parsers[1]);
	json_decref(released);
}

static void is(const char *pointer, const char *was, const char *now)
{
	struct view b = side_before(&sides, pointer), a = side_after(&sides, pointer);

	ck_assert_msg(view_is(b, was), "%s: %.*s", pointer, VIEW_ARG(b));
	ck_assert_msg(view_is(a, now), "%s: %.*s", pointer, VIEW_ARG(a));
}

START_TEST(leaf_by_leaf)
{
	is("/a/0/x", "1", "1");
	is("/a/2/x", "\"four\"", "\"p1.1.code\"");
	is("/b/~0", "\"kept\"", "\"kept\"");
	is("/deep/1/1", "3", "30");
	is("/a/0/y", "2", "");
	is("/nothing", "", "");
}
END_TEST

START_TEST(nothing_leaves)
{
	sides.after.n = 0;
	is("/a/0/x", "1", "");
}
END_TEST

TCase *make_sides_case(void)
{
	TCase *c = tcase_create("sides");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, leaf_by_leaf);
	tcase_add_test(c, nothing_leaves);
	return c;
}
