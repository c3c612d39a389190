/* The splice writer: what it copies, what it is given, and what it takes back. The form: check_canonical.c. */
#include "lib/json/splice.h"
#include "test/json/json_test.h"

static struct tape_parser *p;
static struct buf out;
static struct member_order order;
static struct splice s;

static void setup(void)
{
	p = new_parser(NULL);
	out = BUF_INIT(1u << 20);
	splice_start(&s, &out, &order);
}

static void teardown(void)
{
	tape_parser_free(p);
	buf_free(&out);
	member_order_free(&order);
}

static const struct {
	const char *in, *out;
} copies[] = {
	{ " 19.99 ", "19.99" },
	{ "[123456789012345678.25, 1E+2 ,-0.0]", "[123456789012345678.25,100,0]" },
	{ "\" \\u0061 \\/ \"", "\" a / \"" },
	{ "{ \"b\" : [ 1 , { \"d\" : 1 , \"c\" : 2 } ] , \"a\" : 1.0 }", "{\"a\":1,\"b\":[1,{\"c\":2,\"d\":1}]}" },
	{ "{ \"a\" : { } , \"b\\u000A\" :\t[ ] }\r\n", "{\"a\":{},\"b\\n\":[]}" },
	{ "[\n\n{ \"x\" : [ [ 1 , 2 ] , null ] } , true,false ]", "[{\"x\":[[1,2],null]},true,false]" },
	{ "{\"a\":[1,2,{\"b\":\"c d\"}],\"e\":{}}", "{\"a\":[1,2,{\"b\":\"c d\"}],\"e\":{}}" },
};

START_TEST(copies_without_white_space)
{
	struct tape t = parse(p, view_of(copies[_i].in));

	splice_copy(&s, &t, 0);
	assert_view(buf_view(&out), view_of(copies[_i].out));
}
END_TEST

START_TEST(parts_and_changes)
{
	struct tape t =
	        parse(p, VIEW("{\"k\\u0065y\": [ 1.50, 2 ], \"drop\": 1, \"s\" : \"x\" , \"o\":{ \"a\" : [ ] }}"));

	splice_open(&s, '{');
	splice_key(&s, &t, 1);
	splice_copy(&s, &t, 2);
	splice_name(&s, VIEW("q\"\n"));
	splice_string(&s, VIEW("\\\x01\xc3\xa9"));
	splice_name(&s, VIEW("list"));
	splice_open(&s, '[');
	splice_literal(&s, VIEW("null"));
	splice_copy(&s, &t, tape_member(&t, 0, VIEW("s")));
	splice_open(&s, '{');
	splice_close(&s, '}');
	splice_number(&s, VIEW("-1.0E2"));
	splice_copy(&s, &t, tape_member(&t, 0, VIEW("o")));
	splice_close(&s, ']');
	splice_close(&s, '}');
	assert_view(buf_view(&out), VIEW("{\"key\":[1.5,2],\"q\\\"\\n\":\"\\\\\\u0001\xc3\xa9\","
	                                 "\"list\":[null,\"x\",{},-100,{\"a\":[]}]}"));
	ck_assert(!out.failed);
}
END_TEST

START_TEST(rewinds)
{
	splice_open(&s, '{');
	splice_name(&s, VIEW("a"));
	splice_literal(&s, VIEW("1"));
	struct splice_mark before_key = splice_mark(&s);
	splice_name(&s, VIEW("b"));
	splice_open(&s, '[');
	splice_literal(&s, VIEW("2"));
	splice_rewind(&s, before_key);
	splice_name(&s, VIEW("c"));
	struct splice_mark before_value = splice_mark(&s);
	splice_open(&s, '[');
	splice_close(&s, ']');
	splice_rewind(&s, before_value);
	splice_literal(&s, VIEW("3"));
	splice_close(&s, '}');
	assert_view(buf_view(&out), VIEW("{\"a\":1,\"c\":3}"));
}
END_TEST

START_TEST(first_member_rewound)
{
	splice_open(&s, '{');
	struct splice_mark m = splice_mark(&s);
	splice_name(&s, VIEW("a"));
	splice_open(&s, '{');
	splice_close(&s, '}');
	splice_rewind(&s, m);
	splice_name(&s, VIEW("b"));
	splice_literal(&s, VIEW("1"));
	splice_close(&s, '}');
	assert_view(buf_view(&out), VIEW("{\"b\":1}"));
}
END_TEST

START_TEST(too_deep)
{
	for (unsigned i = 0; i < SPLICE_DEPTH - 1; i++)
		splice_open(&s, '[');
	ck_assert(!out.failed);
	struct splice_mark m = splice_mark(&s);
	splice_open(&s, '[');
	ck_assert(out.failed);
	splice_close(&s, ']');
	splice_rewind(&s, m);
	ck_assert(out.failed);
}
END_TEST

START_TEST(full)
{
	struct tape t = parse(p, VIEW("[1,2,3]"));

	out.max = 4;
	splice_copy(&s, &t, 0);
	ck_assert(out.failed);
}
END_TEST

/* A key that found no room is not rewound: what follows does nothing until the caller looks. */
START_TEST(full_at_a_key)
{
	struct tape t = parse(p, VIEW("{\"name\":1}"));

	out.max = 4;
	splice_open(&s, '{');
	struct splice_mark m = splice_mark(&s);
	splice_key(&s, &t, 1);
	ck_assert(out.failed);
	splice_rewind(&s, m);
	splice_close(&s, '}');
	ck_assert(out.failed);
}
END_TEST

TCase *make_splice_case(void);
TCase *make_splice_case(void)
{
	TCase *tc = tcase_create("splice");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, copies_without_white_space, 0, sizeof copies / sizeof *copies);
	tcase_add_test(tc, parts_and_changes);
	tcase_add_test(tc, rewinds);
	tcase_add_test(tc, first_member_rewound);
	tcase_add_test(tc, too_deep);
	tcase_add_test(tc, full);
	tcase_add_test(tc, full_at_a_key);
	return tc;
}
