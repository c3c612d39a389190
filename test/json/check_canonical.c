/* The one form: spellings of numbers and strings, order of members, white space; and the check of it. */
#include "lib/json/canonical.h"
#include "lib/json/decimal.h"
#include "lib/json/equal.h"
#include "lib/json/splice.h"
#include "test/json/json_test.h"

static struct tape_parser *p, *again;
static struct member_order order;
static struct buf out, twice;

static void setup(void)
{
	p = new_parser(NULL);
	again = new_parser(NULL);
	out = BUF_INIT(4u << 20);
	twice = BUF_INIT(4u << 20);
}

static void teardown(void)
{
	tape_parser_free(p);
	tape_parser_free(again);
	buf_free(&out);
	buf_free(&twice);
	member_order_free(&order);
}

static void copy(struct buf *to, const struct tape *t)
{
	struct splice s;

	buf_reset(to);
	splice_start(&s, to, &order);
	splice_copy(&s, t, 0);
	ck_assert(!to->failed);
	ck_assert_uint_eq(order.n, 0);
}

static void assert_canonical(const struct tape *t, bool want)
{
	uint32_t off;

	ck_assert(!canonical_fault(t, 0, &off) == want);
}

/* `text` leaves as `want`, which has the same value and is the form's fixed point. */
static void assert_form(struct view text, struct view want)
{
	struct tape t = parse(p, text), u;

	copy(&out, &t);
	assert_view(buf_view(&out), want);
	assert_canonical(&t, view_eq(text, want));
	u = parse(again, want);
	ck_assert(tape_equal(&t, 0, &u, 0));
	assert_canonical(&u, true);
	copy(&twice, &u);
	assert_view(buf_view(&twice), want);
}

/* RFC 8785 appendix B, as decimals. Its doubles are the shortest decimals that round to them; those here are exact, and
 * so the same wherever the number in the text is that decimal. */
static const struct {
	const char *in, *out;
} numbers[] = {
	{ "0", "0" },
	{ "-0", "0" },
	{ "-0.00e7", "0" },
	{ "0e999999999999999999999", "0" },
	{ "5e-324", "5e-324" },
	{ "-5E-324", "-5e-324" },
	{ "1.7976931348623157e308", "1.7976931348623157e+308" },
	{ "-17976931348623157e292", "-1.7976931348623157e+308" },
	{ "9007199254740992.0", "9007199254740992" },
	{ "-9007199254740992", "-9007199254740992" },
	{ "295147905179352830000", "295147905179352830000" },
	{ "9.999999999999997e22", "9.999999999999997e+22" },
	{ "1E23", "1e+23" },
	{ "1.0000000000000001e23", "1.0000000000000001e+23" },
	{ "999999999999999700000", "999999999999999700000" },
	{ "999999999999999900000.000", "999999999999999900000" },
	{ "1000000000000000000000", "1e+21" },
	{ "0.000001", "0.000001" },
	{ "333333333.3333332", "333333333.3333332" },
	{ "333333333.33333325e0", "333333333.33333325" },
	{ "-333333333.33333343e-5", "-3333.3333333333343" },
	/* Section 3.2.3: the double of the first is 333333333.3333333, of the third 1e-27. */
	{ "333333333.33333329", "333333333.33333329" },
	{ "1E30", "1e+30" },
	{ "4.50", "4.5" },
	{ "2e-3", "0.002" },
	{ "0.000000000000000000000000001", "1e-27" },
	/* RFC 8785 has 9.999999999999997e-7 and 1e-7: plain goes one power of ten further here. */
	{ "9.999999999999997e-7", "0.0000009999999999999997" },
	{ "1e-7", "0.0000001" },
	{ "0.00000010", "0.0000001" },
	{ "0.000000099", "9.9e-8" },
	/* No double: RFC 8785 has the one beside it, or none. */
	{ "123456789012345678901", "123456789012345678901" },
	{ "1e400", "1e+400" },
	{ "-10.0e-401", "-1e-400" },
	{ "19.99", "19.99" },
	/* The written exponent and the place of the first digit, at the edges of the plain ones and beyond 64 bits. */
	{ "123456789012345678901234567890", "1.2345678901234567890123456789e+29" },
	{ "0.001e24", "1e+21" },
	{ "0.001e23", "100000000000000000000" },
	{ "100e-9", "0.0000001" },
	{ "10e-9", "1e-8" },
	{ "1.5e+000000000000000000000000000000000001", "15" },
	{ "99e99999999999999998", "9.9e+99999999999999999" },
	{ "99e99999999999999999", "9.9e+100000000000000000" },
	{ "0.01e100000000000000001", "1e+99999999999999999" },
	{ "0.0123e100000000000000000000000", "1.23e+99999999999999999999998" },
	{ "1000e-100000000000000000", "1e-99999999999999997" },
	{ "1000e-100000000000000000000000", "1e-99999999999999999999997" },
	{ "0.001e-99999999999999999999999", "1e-100000000000000000000002" },
};

START_TEST(one_spelling_of_a_number)
{
	assert_form(view_of(numbers[_i].in), view_of(numbers[_i].out));
}
END_TEST

/* What has 64 characters, the most that a partner's record was ever promised, has its one spelling within the limit. */
START_TEST(a_long_number_has_its_spelling)
{
	static const char *const forms[] = { "%d",      "-%d",     "0.%d",     "-0.%d",   "0.000000%d", "-0.0000001%d",
		                             "%de9",    "-%de9",   "%de99",    "-%de999", "%de-67",     "-%de-66",
		                             "%d.%de9", "-%d.1e9", "-%de-999", "-%d0e1" };
	char digits[80], text[200];

	for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
		for (int n = 1; n < 64; n++) {
			struct buf b = BUF_INIT(sizeof text);
			memset(digits, '7', (size_t)n);
			digits[n] = 0;
			for (const char *c = forms[f]; *c; c++) {
				if (*c == '%')
					buf_adds(&b, digits), c++;
				else
					buf_addc(&b, *c);
			}
			if (b.n <= 64) {
				struct tape t = parse(p, buf_view(&b)), u;
				copy(&out, &t);
				ck_assert_uint_le(out.n, 64 + CANONICAL_GROWTH);
				u = parse(again, buf_view(&out));
				ck_assert(tape_equal(&t, 0, &u, 0));
				assert_canonical(&u, true);
			}
			buf_free(&b);
		}
	}
}
END_TEST

static const struct {
	const char *in, *out; /* out NULL: refused */
} wholes[] = {
	{ "0", "0" },
	{ "-0", "0" },
	{ "1.0", "1" },
	{ "-10e-1", "-1" },
	{ "1e21", "1000000000000000000000" },
	{ "1234567890123456789012345", "1234567890123456789012345" },
	{ "1e71", "100000000000000000000000000000000000000000000000000000000000000000000000" },
	{ "1e72", NULL },
	{ "1e99999999999999999999", NULL },
	{ "1e-99999999999999999999", NULL },
	{ "0.5", NULL },
	{ "12.3", NULL },
	{ "1e-1", NULL },
};

START_TEST(whole_numbers)
{
	bool ok = canonical_whole(view_of(wholes[_i].in), &out);

	ck_assert(ok == (wholes[_i].out != NULL));
	assert_view(buf_view(&out), ok ? view_of(wholes[_i].out) : VIEW(""));
}
END_TEST

static const struct {
	struct view in, out;
} texts[] = {
	/* RFC 8785 section 3.2.3 */
	{ VIEW("\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\""),
	  VIEW("\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"") },
	{ VIEW("\"\\u0008\\u0009\\u000A\\u000C\\u000D\\u007F\\u001F\""), VIEW("\"\\b\\t\\n\\f\\r\x7f\\u001f\"") },
	{ VIEW("\"\\b\\t\\n\\f\\r\\u0000\\u001b\\\\u0041\""), VIEW("\"\\b\\t\\n\\f\\r\\u0000\\u001b\\\\u0041\"") },
	{ VIEW("\"\\u001B\""), VIEW("\"\\u001b\"") },
	{ VIEW("\"\\ud83d\\uDE00\\u2028\\u00e9\""), VIEW("\"\xf0\x9f\x98\x80\xe2\x80\xa8\xc3\xa9\"") },
	/* The two normalisations of one character are two values. */
	{ VIEW("\"e\\u0301\""), VIEW("\"e\xcc\x81\"") },
	{ VIEW("{ \"\\u0062\" : 1 , \"\\/\":2}"), VIEW("{\"/\":2,\"b\":1}") },
	{ VIEW("[\n 1 ,\t[ ] , { }\r, \"a b\" ]"), VIEW("[1,[],{},\"a b\"]") },
	{ VIEW("[2,1,{\"b\":[{\"d\":0,\"c\":1.0}],\"a\":{}},3e0]"),
	  VIEW("[2,1,{\"a\":{},\"b\":[{\"c\":1,\"d\":0}]},3]") },
	/* The order of code points. RFC 8785 section 3.2.3 has the last two the other way round. */
	{ VIEW("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}"),
	  VIEW("{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\xc3\xb6\":7,\"\xe2\x82\xac\":1,\"\xef\xac\xb3\":3,"
	       "\"\xf0\x9f\x98\x80\":5}") },
	{ VIEW("{\"ab\":1,\"a\":2,\"\":3,\"a b\":4,\"a\\u0000\":5,\"abcdefgh\":6,\"abcdefghi\":7,\"abcdefgg\":8}"),
	  VIEW("{\"\":3,\"a\":2,\"a\\u0000\":5,\"a b\":4,\"ab\":1,\"abcdefgg\":8,\"abcdefgh\":6,\"abcdefghi\":7}") },
};

START_TEST(one_form_of_a_text)
{
	assert_form(texts[_i].in, texts[_i].out);
}
END_TEST

static const struct {
	const char *text, *what;
	uint32_t off;
} faults[] = {
	{ "[1, 2]", "there is white space", 3 },
	{ "[1,2 ]", "there is white space", 4 },
	{ "{\"a\" :1}", "there is white space", 4 },
	{ "{\"a\":{\n}}", "there is white space", 6 },
	{ "[1,2.0]", "a number", 3 },
	{ "[1,-0]", "a number", 3 },
	{ "[1e2]", "a number", 1 },
	{ "[1e+21,1000000000000000000000]", "a number", 7 },
	{ "[\"ab\\u0063\"]", "a character", 4 },
	{ "[\"\\\\\\/\"]", "a character", 4 },
	{ "[\"\\u000A\"]", "a character", 2 },
	{ "[\"\\u001F\"]", "a character", 2 },
	{ "{\"\\u0061\":1}", "a character", 2 },
	{ "{\"x\":{\"b\":1,\"a\":2}}", "the members", 5 },
};

START_TEST(faults_have_a_place)
{
	struct tape t = parse(p, view_of(faults[_i].text));
	uint32_t off = 99;
	const char *what = canonical_fault(&t, 0, &off);

	ck_assert(what && view_starts(view_of(what), view_of(faults[_i].what)));
	ck_assert_uint_eq(off, faults[_i].off);
}
END_TEST

/* --- a covert channel of 200 bits, and random values ----------------------------------------------- */

static uint64_t state;

static uint32_t random_below(uint32_t n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((state >> 33) % n);
}

/* The next of the bits that are to be passed. */
static bool bit(void)
{
	return random_below(2);
}

/* A character in one of its spellings. */
static void spell_character(struct buf *b, unsigned char c)
{
	if (bit())
		buf_addf(b, bit() ? "\\u%04x" : "\\u%04X", c);
	else if (c == '/')
		buf_adds(b, bit() ? "\\/" : "/");
	else if (c == '\n')
		buf_adds(b, "\\n");
	else
		buf_addc(b, (char)c);
}

static void spell_space(struct buf *b)
{
	static const char blanks[] = " \t\n\r";

	while (bit())
		buf_addc(b, blanks[random_below(4)]);
}

static void spell_string(struct buf *b, const char *text)
{
	buf_addc(b, '"');
	for (; *text; text++)
		spell_character(b, (unsigned char)*text);
	buf_addc(b, '"');
}

/* 1250 in one of its spellings. */
static void spell_number(struct buf *b)
{
	static const char *const all[] = { "1250",    "1250.0", "125e1",  "1.25E3",   "12.50e+2", "1250.00",
		                           "0.125e4", "1250e0", "125E+1", "12500e-1", "1250e-0",  "0.00125e06" };

	buf_adds(b, all[random_below(sizeof all / sizeof *all)]);
}

/* A record of twelve members, spelled and ordered by 200 bits and more. */
static void spell_record(struct buf *b)
{
	static const char *const names[] = { "amount", "birth/date", "city", "document", "email", "flight",
		                             "gate",   "height",     "iata", "journey",  "kind",  "line\n" };
	size_t at[12];

	for (size_t i = 0; i < 12; i++)
		at[i] = i;
	for (uint32_t i = 11; i > 0; i--) {
		uint32_t j = random_below(i + 1);
		size_t other = at[i];
		at[i] = at[j];
		at[j] = other;
	}
	buf_addc(b, '{');
	for (size_t i = 0; i < 12; i++) {
		if (i > 0)
			buf_addc(b, ',');
		spell_space(b);
		spell_string(b, names[at[i]]);
		spell_space(b);
		buf_addc(b, ':');
		spell_space(b);
		if (at[i] % 2)
			spell_string(b, "a/b\nc");
		else
			spell_number(b);
		spell_space(b);
	}
	buf_addc(b, '}');
}

START_TEST(nothing_passes_in_the_spelling)
{
	struct buf text = BUF_INIT(1u << 20), first = BUF_INIT(1u << 20), before = BUF_INIT(1u << 20);

	for (uint64_t message = 1; message <= 500; message++) {
		state = message * UINT64_C(0x9e3779b97f4a7c15);
		buf_reset(&text);
		spell_record(&text);
		ck_assert(!view_eq(buf_view(&text), buf_view(&before)));
		struct tape t = parse(p, buf_view(&text));
		copy(&out, &t);
		if (message == 1)
			buf_add(&first, buf_view(&out));
		assert_view(buf_view(&out), buf_view(&first));
		buf_reset(&before);
		buf_add(&before, buf_view(&text));
	}
	buf_free(&text);
	buf_free(&first);
	buf_free(&before);
}
END_TEST

static void random_number(struct buf *b)
{
	buf_adds(b, bit() ? "-" : "");
	if (bit())
		buf_addc(b, '0');
	else
		buf_addf(b, "%u%s", 1 + random_below(9), bit() ? "00" : "");
	for (uint32_t n = random_below(3) ? 0 : 1 + random_below(25), i = 0; i < n; i++)
		buf_addf(b, "%s%u", i ? "" : ".", random_below(bit() ? 10 : 1));
	if (bit())
		buf_addf(b, "%c%s%u", bit() ? 'e' : 'E', (const char *[]){ "", "+", "-" }[random_below(3)],
		         random_below(bit() ? 30 : 4000000000u));
}

static void random_value(struct buf *b, unsigned depth)
{
	static const char *const pieces[] = {
		"a",   "\\u0061", "b",       "\xc3\xa9",         "\\u00E9",      "\\/", "/",
		"\\n", "\\u000a", "\\u0000", "\xf0\x9f\x98\x80", "\xef\xac\xb3", "~",   "longer than eight"
	};
	uint32_t kind = random_below(depth ? 7 : 5), n = random_below(kind == 6 && !random_below(8) ? 60 : 6);

	spell_space(b);
	if (kind < 2) {
		random_number(b);
	} else if (kind == 2) {
		buf_adds(b, (const char *[]){ "null", "true", "false" }[random_below(3)]);
	} else if (kind < 5) {
		buf_addc(b, '"');
		while (n--)
			buf_adds(b, pieces[random_below(sizeof pieces / sizeof *pieces)]);
		buf_addc(b, '"');
	} else {
		buf_addc(b, kind == 5 ? '[' : '{');
		for (uint32_t i = 0; i < n; i++) {
			buf_adds(b, i ? "," : "");
			if (kind == 6) {
				spell_space(b);
				/* The number keeps names apart, whatever stands before it. */
				buf_addf(b, "\"%s%u\"", pieces[random_below(sizeof pieces / sizeof *pieces)], i);
				spell_space(b);
				buf_addc(b, ':');
			}
			random_value(b, depth - 1);
		}
		spell_space(b);
		buf_addc(b, kind == 5 ? ']' : '}');
	}
	spell_space(b);
}

/* The form is a fixed point, has the value that came, and the check agrees with it. */
START_TEST(random_values)
{
	struct buf text = BUF_INIT(1u << 20);
	unsigned changed = 0;

	for (uint64_t seed = 1; seed <= 20000; seed++) {
		state = seed;
		buf_reset(&text);
		random_value(&text, 5);
		struct tape t = parse(p, buf_view(&text)), u;
		copy(&out, &t);
		u = parse(again, buf_view(&out));
		ck_assert_msg(tape_equal(&t, 0, &u, 0), "seed %u", (unsigned)seed);
		assert_canonical(&u, true);
		assert_canonical(&t, view_eq(tape_token(&t, 0), buf_view(&out)));
		changed += !view_eq(tape_token(&t, 0), buf_view(&out));
		copy(&twice, &u);
		assert_view(buf_view(&twice), buf_view(&out));
	}
	ck_assert_uint_gt(changed, 10000);
	buf_free(&text);
}
END_TEST

/* 10,000 members, the most that a record has, from last to first and with names that are alike for long. */
START_TEST(many_members)
{
	struct buf text = BUF_INIT(1u << 20);
	char name[100];

	buf_addc(&text, '{');
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "%064u", 9999 - i);
		buf_addf(&text, "%s\"%s\":%u.0", i ? "," : "", name, 9999 - i);
	}
	buf_addc(&text, '}');
	struct tape t = parse(p, buf_view(&text)), u;
	copy(&out, &t);
	u = parse(again, buf_view(&out));
	ck_assert_uint_eq(u.nodes[0].count, 10000);
	for (uint32_t k = 1, i = 0; k < u.n; k += 2, i++) {
		snprintf(name, sizeof name, "%u", i);
		assert_view(tape_token(&u, k + 1), view_of(name));
	}
	assert_canonical(&u, true);
	member_order_wipe(&order);
	for (size_t i = 0; i < order.cap; i++)
		ck_assert(order.keys[i].head == 0 && order.keys[i].key == 0);
	buf_free(&text);
}
END_TEST

/* Walks nest, over objects that are sorted and such that are not. */
START_TEST(walks_nest)
{
	struct tape t = parse(p, VIEW("{\"b\":{\"z\":1,\"y\":2},\"a\":{\"c\":{\"f\":0,\"e\":0},\"d\":0}}"));
	struct member_walk w, v, u;

	ck_assert(member_walk_start(&w, &order, &t, 0));
	uint32_t k = member_walk_next(&w);
	assert_view(tape_string(&t, k), VIEW("a"));
	ck_assert(member_walk_start(&v, &order, &t, k + 1));
	k = member_walk_next(&v);
	assert_view(tape_string(&t, k), VIEW("c"));
	ck_assert(member_walk_start(&u, &order, &t, k + 1));
	assert_view(tape_string(&t, member_walk_next(&u)), VIEW("e"));
	member_walk_end(&u);
	assert_view(tape_string(&t, member_walk_next(&v)), VIEW("d"));
	ck_assert_uint_eq(member_walk_next(&v), 0);
	member_walk_end(&v);
	assert_view(tape_string(&t, member_walk_next(&w)), VIEW("b"));
	ck_assert_uint_eq(member_walk_next(&w), 0);
	member_walk_end(&w);
	ck_assert_uint_eq(order.n, 0);
}
END_TEST

TCase *make_canonical_case(void);
TCase *make_canonical_case(void)
{
	TCase *tc = tcase_create("canonical");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, one_spelling_of_a_number, 0, sizeof numbers / sizeof *numbers);
	tcase_add_test(tc, a_long_number_has_its_spelling);
	tcase_add_loop_test(tc, whole_numbers, 0, sizeof wholes / sizeof *wholes);
	tcase_add_loop_test(tc, one_form_of_a_text, 0, sizeof texts / sizeof *texts);
	tcase_add_loop_test(tc, faults_have_a_place, 0, sizeof faults / sizeof *faults);
	tcase_add_test(tc, nothing_passes_in_the_spelling);
	tcase_add_test(tc, random_values);
	tcase_add_test(tc, many_members);
	tcase_add_test(tc, walks_nest);
	return tc;
}
