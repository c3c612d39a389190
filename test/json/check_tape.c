/* The tape: nodes, strings, numbers, faults with their places, limits, splits. */
#include <unistd.h>

#include "test/json/json_test.h"

static struct tape_parser *p;

static void setup(void)
{
	p = new_parser(NULL);
}

static void teardown(void)
{
	tape_parser_free(p);
}

START_TEST(nodes)
{
	struct tape t =
	        parse(p, VIEW(" {\"a\" : [1, -2.5e+3, \"x\\u00e9\"], \"\":null, \"b\":{ }, \"c\":true,\"d\":false} "));

	static const struct {
		uint8_t type, flags;
		uint32_t off, len, next, count;
	} want[] = {
		{ TAPE_OBJECT, 0, 1, 69, 14, 5 },      { TAPE_KEY, TAPE_ASCII, 2, 3, 2, 0 },
		{ TAPE_ARRAY, 0, 8, 23, 6, 3 },        { TAPE_NUMBER, TAPE_INTEGER, 9, 1, 4, 0 },
		{ TAPE_NUMBER, 0, 12, 7, 5, 0 },       { TAPE_STRING, TAPE_ESCAPED, 21, 9, 6, 4 },
		{ TAPE_KEY, TAPE_ASCII, 33, 2, 7, 0 }, { TAPE_NULL, 0, 36, 4, 8, 0 },
		{ TAPE_KEY, TAPE_ASCII, 42, 3, 9, 0 }, { TAPE_OBJECT, 0, 46, 3, 10, 0 },
	};
	ck_assert_uint_eq(t.n, 14);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		const struct tape_node *n = &t.nodes[i];
		ck_assert_msg(n->type == want[i].type && n->flags == want[i].flags && n->off == want[i].off &&
		                      n->len == want[i].len && n->next == want[i].next && n->count == want[i].count,
		              "node %zu: %u %u %u %u %u %u", i, n->type, n->flags, n->off, n->len, n->next, n->count);
	}
	assert_view(tape_string(&t, 5), VIEW("x\xc3\xa9"));
	assert_view(tape_token(&t, 5), VIEW("\"x\\u00e9\""));
	assert_view(tape_token(&t, 9), VIEW("{ }"));
	ck_assert_uint_eq(t.nodes[0].count, 5);
	ck_assert_uint_eq(tape_member(&t, 0, VIEW("a")), 2);
	ck_assert_uint_eq(tape_member(&t, 0, VIEW("")), 7);
	ck_assert_uint_eq(tape_member(&t, 0, VIEW("d")), 13);
	ck_assert_uint_eq(tape_member(&t, 0, VIEW("e")), 0);
	/* Of one hash and another name. */
	ck_assert_uint_eq(tape_member_hashed(&t, 0, VIEW("e"), tape_hash(VIEW("a"))), 0);
	ck_assert_uint_eq(tape_member(&t, 2, VIEW("a")), 0);

	unsigned members = 0, items = 0;
	for (uint32_t k = 1; k < t.nodes[0].next; k = t.nodes[k + 1].next)
		members++;
	for (uint32_t v = 3; v < t.nodes[2].next; v = t.nodes[v].next)
		items++;
	ck_assert_uint_eq(members, 5);
	ck_assert_uint_eq(items, 3);
}
END_TEST

START_TEST(scalars_stand_alone)
{
	static const char *const good[] = { "0", " null\n", "true", "\"\"", "-0", "1E+2", "\"\\\"\"", "false\t" };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_uint_eq(parse(p, view_of(good[i])).n, 1);
}
END_TEST

START_TEST(number_tokens_stay)
{
	static const char *const numbers[] = {
		"19.99",
		"123456789012345678.25",
		"-0.0",
		"1e999999",
		"1E-999999",
		"0.10000000000000000000000000000001",
		"98765432109876543210987654321098765432109876543210",
	};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct tape t = parse(p, view_of(numbers[i]));
		assert_view(tape_token(&t, 0), view_of(numbers[i]));
		ck_assert_uint_eq(t.nodes[0].type, TAPE_NUMBER);
		ck_assert_uint_eq(t.nodes[0].flags, i == 6 ? TAPE_INTEGER : 0);
	}
}
END_TEST

START_TEST(strings_decode)
{
	static const struct {
		struct view json, text;
		bool ascii;
	} cases[] = {
		{ VIEW("\"plain and longer than sixteen bytes\""), VIEW("plain and longer than sixteen bytes"), true },
		{ VIEW("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), VIEW("\"\\/\b\f\n\r\t"), true },
		{ VIEW("\"\\u0000\""), VIEW("\0"), true }, /* an escaped NUL is JSON (RFC 8259 section 7) */
		{ VIEW("\"a\\u007Fb\\u0080\""),
		  VIEW("a\x7f"
		       "b\xc2\x80"),
		  false },
		{ VIEW("\"\\u07ff\\u0800\\uFFFF\""), VIEW("\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"), false },
		/* the G clef of RFC 8259 section 7 */
		{ VIEW("\"\\uD834\\uDD1E\""), VIEW("\xf0\x9d\x84\x9e"), false },
		{ VIEW("\"\\udbff\\udfff!\""), VIEW("\xf4\x8f\xbf\xbf!"), false },
		{ VIEW("\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e then plain text \\\\ and \xc3\xa9\""),
		  VIEW("\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e then plain text \\ and \xc3\xa9"), false },
		{ VIEW("\"0123456789abcde\xed\x9f\xbf\xee\x80\x80\""), VIEW("0123456789abcde\xed\x9f\xbf\xee\x80\x80"),
		  false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct tape t = parse(p, cases[i].json);
		assert_view(tape_string(&t, 0), cases[i].text);
		ck_assert_uint_eq(t.nodes[0].hash, tape_hash(cases[i].text));
		ck_assert_int_eq(!!(t.nodes[0].flags & TAPE_ASCII), cases[i].ascii);
	}
}
END_TEST

START_TEST(hash_is_fixed)
{
	char text[80];

	/* The hash is part of compiled schemas and rules: these values must not change. */
	ck_assert_uint_eq(tape_hash(VIEW("")), 0x258d4fbe);
	ck_assert_uint_eq(tape_hash(VIEW("name")), 0x7950d916);
	ck_assert_uint_eq(tape_hash(VIEW("a name that is longer than thirty-two bytes")), 0x3dc6b05e);
	for (unsigned i = 0; i < sizeof text - 2; i++) {
		text[0] = text[i + 1] = '"';
		if (i > 0)
			text[i] = (char)('a' + i % 26);
		struct tape t = parse(p, view_make(text, i + 2));
		ck_assert_uint_eq(t.nodes[0].hash, tape_hash(view_make(text + 1, i)));
	}
}
END_TEST

/* A text, and where and how it is refused. */
struct fault {
	struct view text;
	unsigned line, column;
	const char *says;
};

static const struct fault faults[] = {
	{ VIEW(""), 1, 1, "ends too early" },
	{ VIEW(" \n "), 2, 2, "ends too early" },
	{ VIEW("{\n\"a\":\n"), 3, 1, "ends too early" },
	{ VIEW("[1,\n  01]"), 2, 4, "leading zero" },
	{ VIEW("-"), 1, 2, "ends too early" },
	{ VIEW("[-x]"), 1, 3, "digit is missing" },
	{ VIEW("[1.]"), 1, 4, "after the decimal point" },
	{ VIEW("[1.5e+]"), 1, 7, "exponent" },
	{ VIEW("[+1]"), 1, 2, "value is expected" },
	{ VIEW("[NaN]"), 1, 2, "value is expected" },
	{ VIEW("tru"), 1, 4, "ends too early" },
	{ VIEW("[trve]"), 1, 4, "literal" },
	{ VIEW("[nul]"), 1, 5, "literal" },
	{ VIEW("[fals\0]"), 1, 6, "literal" },
	{ VIEW("[1,]"), 1, 4, "value is expected" },
	{ VIEW("[1 2]"), 1, 4, "end of the array" },
	{ VIEW("[1}"), 1, 3, "end of the array" },
	{ VIEW("{\"a\":1]"), 1, 7, "end of the object" },
	{ VIEW("{\"a\":1,}"), 1, 8, "member name" },
	{ VIEW("{a:1}"), 1, 2, "member name" },
	{ VIEW("{\"a\" 1}"), 1, 6, "colon" },
	{ VIEW("{\"a\":1}\n x"), 2, 2, "goes on" },
	{ VIEW("1 2"), 1, 3, "goes on" },
	{ VIEW("[1]\0"), 1, 4, "goes on" }, /* a NUL byte */
	{ VIEW("\0"), 1, 1, "value is expected" },
	{ VIEW("[1\0]"), 1, 3, "end of the array" },
	{ VIEW("[\"a\0b\"]"), 1, 4, "control character" },
	{ VIEW("[\"a\nb\"]"), 1, 4, "control character" },
	{ VIEW("[\"\\n\x1f\"]"), 1, 5, "control character" },
	{ VIEW("\"abc"), 1, 5, "ends too early" },
	{ VIEW("\"\\x\""), 1, 2, "no such escape" },
	{ VIEW("\"ab\\u12g4\""), 1, 4, "hexadecimal" },
	{ VIEW("\"\\ud800\""), 1, 2, "surrogate" },
	{ VIEW("\"\\ud800x\""), 1, 2, "surrogate" },
	{ VIEW("\"\\ud800\\n\""), 1, 2, "surrogate" },
	{ VIEW("\"\\ud800\\ud800\""), 1, 2, "surrogate" },
	{ VIEW("\"\\ud800\\ue000\""), 1, 2, "surrogate" },
	{ VIEW("\"\\udc00\\ud800\""), 1, 2, "surrogate" },
	{ VIEW("\"\\ud800\\u00zz\""), 1, 8, "hexadecimal" },
	{ VIEW("\"a\xc0\xaf\""), 1, 3, "UTF-8" }, /* overlong slash (RFC 3629 section 10) */
	{ VIEW("\"\xe0\x80\xaf\""), 1, 2, "UTF-8" },
	{ VIEW("\"\xf0\x80\x80\xaf\""), 1, 2, "UTF-8" },
	{ VIEW("\"\xed\xa0\x80\""), 1, 2, "UTF-8" },     /* a surrogate */
	{ VIEW("\"\xf4\x90\x80\x80\""), 1, 2, "UTF-8" }, /* past U+10FFFF */
	{ VIEW("\"\xf8\x88\x80\x80\x80\""), 1, 2, "UTF-8" },
	{ VIEW("\"\x80\""), 1, 2, "UTF-8" },
	{ VIEW("\"\xe2\x82\""), 1, 2, "UTF-8" },
	{ VIEW("\"\\n\xe2\x82\""), 1, 4, "UTF-8" },
	{ VIEW("\"\xff\""), 1, 2, "UTF-8" },
	{ VIEW("\xef\xbb\xbf{}"), 1, 1, "byte order mark" },
	{ VIEW("\xef\xbb"), 1, 3, "ends too early" },
	{ VIEW("\xef"
	       "ab"),
	  1, 1, "value is expected" },
	{ VIEW("\xef\xbb{}"), 1, 1, "value is expected" },
	{ VIEW(" \xef\xbb\xbf{}"), 1, 2, "value is expected" },
	{ VIEW("\xfe\xff\0{\0}"), 1, 1, "value is expected" },
	{ VIEW("[\xc3\xa9]"), 1, 2, "value is expected" },
	{ VIEW("{\"a\":1,\n \"b\":2, \"a\":3}"), 2, 9, "occurs twice" },
	{ VIEW("{\"a\":1,\"\\u0061\":2}"), 1, 8, "occurs twice" },
	{ VIEW("{\"\\u0000\":1,\"\\u0000\":2}"), 1, 13, "occurs twice" },
	{ VIEW("[{\"a\":{\"a\":{}},\"\\ud834\\udd1e\":0,\"\xf0\x9d\x84\x9e\":0}]"), 1, 33, "occurs twice" },
	{ VIEW("// no\n1"), 1, 1, "value is expected" },
	{ VIEW("['a']"), 1, 2, "value is expected" },
	{ VIEW("[1\xc2\xa0]"), 1, 3, "end of the array" },
};

START_TEST(faults_have_places)
{
	const struct fault *f = &faults[_i];
	struct error e = { 0 };
	struct tape t;

	ck_assert(!tape_parse(p, f->text, &t, &e));
	ck_assert_msg(e.line == f->line && e.column == f->column && strstr(e.text, f->says), "%.*s: %u:%u %s",
	              VIEW_ARG(f->text), e.line, e.column, e.text);
	ck_assert_int_eq(e.reason, REASON_BAD_JSON);
	/* The parser only takes reset now, and says the same again. */
	struct error again = { 0 };
	ck_assert(!tape_feed(p, VIEW("1"), &again));
	ck_assert_str_eq(e.text, again.text);
	tape_parser_reset(p);
	ck_assert(tape_parse(p, VIEW("1"), &t, NULL));
}
END_TEST

/* Limits, each with the text that just passes and the one that does not. */
static const struct tape_limits tight = {
	.bytes = 60,
	.depth = 3,
	.members = 4,
	.nodes = 12,
	.key_bytes = 5,
	.string_bytes = 7,
	.number_chars = 6,
};

static const struct {
	struct view good;
	struct fault bad;
} limits[] = {
	{ VIEW("[                                                          ]"),
	  { VIEW("[                            \n                              ]"), 2, 31, "limit of 60" } },
	{ VIEW("[[[1]]]"), { VIEW("[[\n[[1]]]]"), 2, 2, "deeper than the limit of 3" } },
	{ VIEW("[{\"a\":1,\"b\":2},{\"a\":1,\"b\":2}]"),
	  { VIEW("[{\"a\":1,\"b\":2},\n{\"a\":1,\"b\":2, \"c\":3}]"), 2, 15, "members than the limit of 4" } },
	{ VIEW("[1,2,3,4,5,6,7,8,9,0,1]"), { VIEW("[1,2,3,4,5,6,7,8,9,0,1,\n 2]"), 2, 2, "than the limit of 12" } },
	{ VIEW("{\"12345\":1}"), { VIEW("{\n\"123456\":1}"), 2, 1, "member name has more bytes than the limit of 5" } },
	{ VIEW("{\"1\\u00e945\":1}"),
	  { VIEW("{\"1\\u00e9456\":1}"), 1, 2, "member name has more bytes than the limit of 5" } },
	{ VIEW("[\"1234567\"]"), { VIEW("[\n\"12345678\"]"), 2, 1, "string has more bytes than the limit of 7" } },
	{ VIEW("[\"123456\\n\"]"), { VIEW("[\"1234567\\n\"]"), 1, 2, "string has more bytes than the limit of 7" } },
	{ VIEW("[-1.5e1]"), { VIEW("[\n -1.5e10]"), 2, 2, "number has more characters than the limit of 6" } },
};

START_TEST(limits_have_places)
{
	struct tape_parser *q = new_parser(&tight);
	const struct fault *f = &limits[_i].bad;
	struct error e = { 0 };
	struct tape t;

	parse(q, limits[_i].good);
	ck_assert(!tape_parse(q, f->text, &t, &e));
	ck_assert_msg(e.line == f->line && e.column == f->column && strstr(e.text, f->says), "%.*s: %u:%u %s",
	              VIEW_ARG(f->text), e.line, e.column, e.text);
	ck_assert_int_eq(e.reason, REASON_LIMIT);
	tape_parser_free(q);
}
END_TEST

/* What a parse came to, as text: the tape, or the error. */
static void outcome(bool good, const struct tape *t, const struct error *e, struct buf *out)
{
	buf_reset(out);
	if (!good) {
		buf_addf(out, "%d %u:%u %s", (int)e->reason, e->line, e->column, e->text);
		return;
	}
	for (uint32_t i = 0; i < t->n; i++) {
		const struct tape_node *n = &t->nodes[i];
		buf_addf(out, "%u,%u,%u,%u,%u,%u,%u;", n->off, n->len, n->next, n->count, n->hash, n->type, n->flags);
		if (n->type == TAPE_STRING || n->type == TAPE_KEY)
			buf_add(out, tape_string(t, i));
	}
	buf_add(out, view_make(t->text, t->text_len));
	ck_assert(!out->failed);
}

/* Feeds `text` in two or three pieces cut at `a` and `b`, or byte by byte where `each`. */
static void in_pieces(struct tape_parser *q, struct view text, size_t a, size_t b, bool each, struct buf *out)
{
	struct error e = { 0 };
	struct tape t = { 0 };
	bool good = true;

	tape_parser_reset(q);
	if (each) {
		for (size_t i = 0; good && i < text.n; i++)
			good = tape_feed(q, view_make(text.p + i, 1), &e);
	} else {
		good = tape_feed(q, view_make(text.p, a), &e) && tape_feed(q, view_make(text.p + a, b - a), &e) &&
		       tape_feed(q, view_make(text.p + b, text.n - b), &e);
	}
	good = good && tape_finish(q, &t, &e);
	outcome(good, &t, &e, out);
}

static void every_split(struct tape_parser *q, struct view text)
{
	struct buf whole = BUF_INIT(1u << 20), split = BUF_INIT(1u << 20);
	struct error e = { 0 };
	struct tape t;

	outcome(tape_parse(q, text, &t, &e), &t, &e, &whole);
	in_pieces(q, text, 0, 0, true, &split);
	assert_view(buf_view(&split), buf_view(&whole));
	for (size_t a = 0; a <= text.n; a++)
		for (size_t b = a; b <= text.n; b += text.n > 100 ? 7 : 1) {
			in_pieces(q, text, a, b, false, &split);
			assert_view(buf_view(&split), buf_view(&whole));
		}
	buf_free(&whole);
	buf_free(&split);
}

START_TEST(splits_of_good_texts)
{
	static const struct view texts[] = {
		VIEW("{\"a\" : [1, -2.5e+3, \"x\\u00e9\", true, false, null], \"\\ud834\\udd1e\":{}, \"\xe2\x82\xac\":[]}\n"),
		VIEW("  \"plain \xf0\x9d\x84\x9e text that is longer than one block of sixteen \\\\ bytes\"  "),
		VIEW("-12345.678e-90"),
		VIEW("[[],[[]],{},{\"a\":{\"b\":[{\"c\":0}]}},\n\n0 ,1\t,\r2]"),
		VIEW("{\"purpose\":\"example\",\"record\":{\"persons\":[{\"name\":{\"family\":\"Example\",\"given\":[\"Ada\"]},"
		     "\"born\":\"1970-01-01\",\"remark\":\"He said \\\"no\\\".\"}],\"balance\":19.99}}"),
	};

	every_split(p, texts[_i]);
}
END_TEST

START_TEST(splits_of_bad_texts)
{
	every_split(p, faults[_i].text);
}
END_TEST

START_TEST(splits_at_limits)
{
	struct tape_parser *q = new_parser(&tight);

	every_split(q, limits[_i].good);
	every_split(q, limits[_i].bad.text);
	/* A fault within the limit of bytes comes before the limit. */
	every_split(q, VIEW("[\"ab\x80\" ,                                                          1]"));
	every_split(q, VIEW("                                                           tru                  "));
	tape_parser_free(q);
}
END_TEST

START_TEST(million_deep)
{
	size_t n = 1000000;
	char *deep = malloc(n);
	struct error e = { 0 };
	struct tape t;

	ck_assert_ptr_nonnull(deep);
	memset(deep, '[', n);
	ck_assert(!tape_parse(p, view_make(deep, n), &t, &e));
	ck_assert_int_eq(e.reason, REASON_LIMIT);
	ck_assert_uint_eq(e.column, 65);
	struct tape_parser *q = new_parser(&tape_document_limits);
	e = (struct error){ 0 };
	ck_assert(!tape_parse(q, view_make(deep, n), &t, &e));
	ck_assert_uint_eq(e.column, 257);
	tape_parser_free(q);
	free(deep);
}
END_TEST

START_TEST(long_tokens_in_small_pieces)
{
	size_t n = 200000;
	struct error e = { 0 };
	struct tape t;

	/* A token that comes byte by byte is not read again from its start for each of them. */
	ck_assert(tape_feed(p, VIEW("[\""), &e));
	for (size_t i = 0; i < n; i++)
		ck_assert(tape_feed(p, VIEW("x"), &e));
	ck_assert(tape_feed(p, VIEW("\"]"), &e));
	ck_assert(tape_finish(p, &t, &e));
	ck_assert_uint_eq(tape_string(&t, 1).n, n);
}
END_TEST

START_TEST(places)
{
	struct tape t = parse(p, VIEW("[\n1,\r\n 2]"));
	uint32_t line, column;

	tape_place(&t, t.nodes[0].off, &line, &column);
	ck_assert(line == 1 && column == 1);
	tape_place(&t, t.nodes[1].off, &line, &column);
	ck_assert(line == 2 && column == 1);
	tape_place(&t, t.nodes[2].off, &line, &column);
	ck_assert(line == 3 && column == 2);
	tape_place(&t, 1000, &line, &column);
	ck_assert(line == 3 && column == 4);
}
END_TEST

START_TEST(wiped)
{
	static const char secret[] = "Example-Secret-Name";
	struct tape t = parse(p, VIEW("[\"Example-Secret-Name\",\"\\u0045xample-Secret-Name\"]"));
	const char *text = t.text, *decoded = t.decoded;

	ck_assert(memmem(text, t.text_len, secret, sizeof secret - 1));
	ck_assert(memmem(decoded, 40, secret, sizeof secret - 1));
	parse(p, VIEW("1")); /* a shorter text hides the rest of the longer one, it is still there */
	tape_parser_wipe(p);
	ck_assert(!memmem(text, 60, "Secret", 6));
	ck_assert(!memmem(decoded, 40, "Secret", 6));
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_eq(t.nodes[i].hash, 0);
	parse(p, VIEW("[\"again\"]"));
}
END_TEST

START_TEST(free_of_nothing)
{
	tape_parser_free(NULL);
	tape_parser_reset(p);
	tape_parser_wipe(p);
	struct tape t;
	struct error e = { 0 };
	ck_assert(!tape_finish(p, &t, &e));
	ck_assert_uint_eq(e.column, 1);
}
END_TEST

TCase *make_tape_case(void);
TCase *make_tape_case(void)
{
	TCase *tc = tcase_create("tape");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, nodes);
	tcase_add_test(tc, scalars_stand_alone);
	tcase_add_test(tc, number_tokens_stay);
	tcase_add_test(tc, strings_decode);
	tcase_add_test(tc, hash_is_fixed);
	tcase_add_loop_test(tc, faults_have_places, 0, sizeof faults / sizeof *faults);
	tcase_add_loop_test(tc, limits_have_places, 0, sizeof limits / sizeof *limits);
	tcase_add_loop_test(tc, splits_of_good_texts, 0, 5);
	tcase_add_loop_test(tc, splits_of_bad_texts, 0, sizeof faults / sizeof *faults);
	tcase_add_loop_test(tc, splits_at_limits, 0, sizeof limits / sizeof *limits);
	tcase_add_test(tc, million_deep);
	tcase_add_test(tc, long_tokens_in_small_pieces);
	tcase_add_test(tc, places);
	tcase_add_test(tc, wiped);
	tcase_add_test(tc, free_of_nothing);
	return tc;
}
