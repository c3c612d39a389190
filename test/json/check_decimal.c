/* Exact decimals: by hand where the digits are large, against integer arithmetic where they are not. */
#include <stdio.h>

#include "lib/json/decimal.h"
#include "test/json/json_test.h"

static const char huge_exponent[] = "1e100000000000000000000000000000000000000001";
static const char huger_exponent[] = "1e100000000000000000000000000000000000000002";

static const struct {
	const char *a, *b;
	int order;
} orders[] = {
	{ "1", "1.0", 0 },
	{ "1", "1e0", 0 },
	{ "1", "10e-1", 0 },
	{ "0", "-0", 0 },
	{ "0", "0e999999", 0 },
	{ "-0.0", "0.000e-7", 0 },
	{ "100", "1e2", 0 },
	{ "0.01", "1E-2", 0 },
	{ "1.50", "15e-1", 0 },
	{ "12391239123", "1.2391239123e10", 0 },
	{ "-1", "1", -1 },
	{ "-1", "0", -1 },
	{ "0", "1e-999999", -1 },
	{ "-2", "-1", -1 },
	{ "-1e5", "-99999", -1 },
	{ "9", "10", -1 },
	{ "0.9", "0.91", -1 },
	{ "0.1", "0.09", 1 },
	{ "9007199254740993", "9007199254740992", 1 }, /* 2^53 + 1, which a double does not hold */
	{ "9223372036854775808", "9223372036854775807", 1 },
	{ "18446744073709551615.5", "18446744073709551615", 1 },
	{ "123456789012345678901234567890", "123456789012345678901234567891", -1 },
	{ "123456789012345678901234567890", "12345678901234567890123456789e1", 0 },
	{ "1234567890123456789012345678900", "12345678901234567890123456789", 1 },
	{ "0.30000000000000000000000000000001", "0.3", 1 },
	{ "1e999999", "1e-999999", 1 },
	{ "1e999999", "1e999998", 1 },
	{ "1e999999", "10e999998", 0 },
	{ "-1e999999", "1e-999999", -1 },
	{ "1e-999999", "0", 1 },
	{ "9.99e999999", "1e1000000", -1 },
	{ huge_exponent, huger_exponent, -1 },
	{ huge_exponent, "1e99999", 1 },
	{ "1e-100000000000000000000000000000000000000001", "1e-100000000000000000000000000000000000000002", 1 },
	{ "10e100000000000000000000000000000000000000000", huge_exponent, 0 },
	{ "0.1e100000000000000000000000000000000000000002", huge_exponent, 0 },
	{ "1e00000000000000000000000000000000000000000002", "100", 0 },
	{ "1e18446744073709551616", "1", 1 }, /* 2^64: an exponent must not wrap around */
};

START_TEST(order)
{
	struct view a = view_of(orders[_i].a), b = view_of(orders[_i].b);

	ck_assert_int_eq(decimal_cmp(a, b), orders[_i].order);
	ck_assert_int_eq(decimal_cmp(b, a), -orders[_i].order);
	ck_assert_int_eq(decimal_cmp(a, a), 0);
	ck_assert_int_eq(decimal_equal(a, b), orders[_i].order == 0);
	if (orders[_i].order == 0)
		ck_assert_uint_eq(decimal_hash(a), decimal_hash(b));
}
END_TEST

static const struct {
	const char *token;
	bool integer, fits;
	int64_t value;
} integers[] = {
	{ "0", true, true, 0 },
	{ "-0", true, true, 0 },
	{ "-0.0", true, true, 0 },
	{ "0e-5", true, true, 0 },
	{ "1.0", true, true, 1 },
	{ "1e2", true, true, 100 },
	{ "12.30e1", true, true, 123 },
	{ "12.34e1", false, false, 0 },
	{ "1e-1", false, false, 0 },
	{ "10e-1", true, true, 1 },
	{ "0.5", false, false, 0 },
	{ "100000e-5", true, true, 1 },
	{ "100000e-6", false, false, 0 },
	{ "1e999999", true, false, 0 },
	{ "1e-999999", false, false, 0 },
	{ "999999999999999999", true, true, 999999999999999999 },
	{ "9223372036854775807", true, true, INT64_MAX },
	{ "9223372036854775808", true, false, 0 },
	{ "-9223372036854775808", true, true, INT64_MIN },
	{ "-9223372036854775809", true, false, 0 },
	{ "1e18", true, true, 1000000000000000000 },
	{ "1e19", true, false, 0 },
	{ "1e20", true, false, 0 },
	{ "-9223372036854775.808e3", true, true, INT64_MIN },
	{ "99999999999999999999", true, false, 0 },
	{ "123456789012345678.25", false, false, 0 },
	{ "19.99", false, false, 0 },
	{ huge_exponent, true, false, 0 },
	{ "1e-100000000000000000000000000000000000000001", false, false, 0 },
};

START_TEST(hashes_differ)
{
	static const char *const values[] = { "0",
		                              "1",
		                              "-1",
		                              "2",
		                              "10",
		                              "0.1",
		                              "1e999999",
		                              "1e-999999",
		                              "19.99",
		                              "123456789012345678901234567890",
		                              "123456789012345678901234567891",
		                              "-123456789012345678901234567890" };

	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(decimal_hash(view_of(values[i])), decimal_hash(view_of(values[k])));
}
END_TEST

START_TEST(whole)
{
	int64_t v = 4711;

	ck_assert_int_eq(decimal_is_integer(view_of(integers[_i].token)), integers[_i].integer);
	ck_assert_int_eq(decimal_int64(view_of(integers[_i].token), &v), integers[_i].fits);
	ck_assert_int_eq(v, integers[_i].fits ? integers[_i].value : 4711);
}
END_TEST

static const struct {
	const char *value, *divisor;
	bool multiple;
} multiples[] = {
	/* JSON Schema Test Suite (MIT), multipleOf and float-overflow */
	{ "10", "2", true },
	{ "7", "2", false },
	{ "0", "1.5", true },
	{ "4.5", "1.5", true },
	{ "35", "1.5", false },
	{ "0.0075", "0.0001", true },
	{ "0.00751", "0.0001", false },
	{ "12391239123", "1e-8", true },
	{ "1e308", "0.123456789", false },
	{ "1e308", "0.5", true },
	/* doubles get these wrong */
	{ "19.99", "0.01", true },
	{ "19.995", "0.01", false },
	{ "0.3", "0.1", true },
	{ "4.02", "0.01", true },
	{ "1.1", "0.1", true },
	{ "9007199254740993", "2", false },
	{ "9007199254740993", "3", true },
	{ "-19.99", "0.01", true },
	{ "19.99", "-0.01", true },
	{ "-7", "2", false },
	{ "0", "0", false },
	{ "5", "0", false },
	{ "5", "0.000", false },
	{ "0.0", "7", true },
	{ "5", "1e-999999", true },
	{ "1e999999", "7", false },
	{ "7e999999", "7", true },
	{ "1e999999", "1024", true },
	{ "1e999999", "1e999998", true },
	{ "1e999998", "1e999999", false },
	{ "1e-999999", "1", false },
	{ "1e999999", "1e-999999", true },
	{ "1e63", "9223372036854775808", true },
	{ "1e62", "9223372036854775808", false },
	{ huger_exponent, huge_exponent, true },
	{ huge_exponent, huger_exponent, false },
	{ huge_exponent, "3", false },
	/* 2^64, and 2^100 with 10^100 and less; 3^50 with a sum of digits divisible by it */
	{ "18446744073709551616", "18446744073709551616", true },
	{ "36893488147419103232", "18446744073709551616", true },
	{ "36893488147419103233", "18446744073709551616", false },
	{ "1e100", "1267650600228229401496703205376", true },
	{ "1e99", "1267650600228229401496703205376", false },
	{ "1e999999", "1267650600228229401496703205376", true },
	{ "1e999999", "1267650600228229401496703205377", false },
	{ "717897987691852588770249", "717897987691852588770249", true },
	{ "7178979876918525887702490000", "717897987691852588770249", true },
	{ "7178979876918525887702490001", "717897987691852588770249", false },
	{ "1435795975383705177540498e-30", "717897987691852588770249e-30", true },
	{ "123456789012345678901234567890", "10", true },
	{ "123456789012345678901234567891", "7", false },
	{ "123456789012345678901234567890", "9", true },
};

START_TEST(multiple)
{
	ck_assert_int_eq(decimal_multiple_of(view_of(multiples[_i].value), view_of(multiples[_i].divisor)),
	                 multiples[_i].multiple);
}
END_TEST

/* m * 10^e as a token, in one of the ways to write it. */
static void write_number(int64_t m, int e, uint64_t how, char *out, size_t size)
{
	char digits[32], sign[2] = { m < 0 ? '-' : '\0' };
	int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)(m < 0 ? -m : m));

	if (how % 3 == 0) {
		snprintf(out, size, "%s%se%d", sign, digits, e);
	} else if (how % 3 == 1 && n > 1) {
		snprintf(out, size, "%s%c.%se%+d", sign, digits[0], digits + 1, e + n - 1);
	} else if (e <= 0 && n > -e) {
		snprintf(out, size, "%s%.*s%s%s", sign, n + e, digits, e ? "." : "", digits + n + e);
	} else if (e <= 0) {
		snprintf(out, size, "%s0.%0*d%s", sign, -e - n > 0 ? -e - n : 1, 0, -e - n > 0 ? digits : "");
		if (-e - n <= 0)
			snprintf(out, size, "%s0.%s", sign, digits);
	} else {
		snprintf(out, size, "%s%s%0*d", sign, digits, e, 0);
	}
}

/* Both numbers as integers in units of 10^-6. */
static __int128 in_units(int64_t m, int e)
{
	__int128 v = m;

	for (; e > -6; e--)
		v *= 10;
	return v;
}

START_TEST(as_integers_do)
{
	uint64_t state = 2463534242u;
	char x[80], y[80];

	for (unsigned i = 0; i < 200000; i++) {
		uint64_t range = i % 4 == 0 ? 20 : i % 4 == 1 ? 1000 : 1000000000;
		int64_t m = (int64_t)(next_number(&state) % range), n = (int64_t)(next_number(&state) % range);
		int e = (int)(next_number(&state) % 13) - 6, f = (int)(next_number(&state) % 13) - 6;
		if (next_number(&state) % 2)
			m = -m;
		if (next_number(&state) % 8 == 0)
			n = -n;
		write_number(m, e, next_number(&state), x, sizeof x);
		write_number(n, f, next_number(&state), y, sizeof y);
		__int128 a = in_units(m, e), b = in_units(n, f);
		int got = decimal_cmp(view_of(x), view_of(y)), want = (a > b) - (a < b);
		bool multiple_got = decimal_multiple_of(view_of(x), view_of(y)), multiple_want = b != 0 && a % b == 0;
		bool integer = decimal_is_integer(view_of(x));
		if (got != want || multiple_got != multiple_want || integer != (a % 1000000 == 0))
			ck_abort_msg("%s and %s: %d %d, %d %d, %d", x, y, got, want, multiple_got, multiple_want,
			             integer);
		if (want == 0 && decimal_hash(view_of(x)) != decimal_hash(view_of(y)))
			ck_abort_msg("%s and %s: hashes differ", x, y);
	}
}
END_TEST

START_TEST(at_the_ceiling)
{
	/* The longest tokens of documents: 4,096 characters. */
	char *x = malloc(4097), *y = malloc(4097), *z = malloc(5001);
	ck_assert(x && y && z);
	memset(x, '9', 4096);
	memset(y, '3', 4096);
	memset(z, '3', 5000);
	x[4096] = y[4096] = z[5000] = '\0';
	ck_assert(decimal_multiple_of(view_of(x), view_of(y)));
	ck_assert(!decimal_multiple_of(view_of(y), view_of(x)));
	ck_assert_int_eq(decimal_cmp(view_of(x), view_of(y)), 1);
	x[4095] = '8';
	ck_assert(!decimal_multiple_of(view_of(x), view_of(y)));
	ck_assert(!decimal_multiple_of(VIEW("1e999999"), view_of(y)));
	/* An exponent of 4,094 digits. */
	x[1] = 'e';
	ck_assert_int_eq(decimal_cmp(view_of(x), VIEW("1e999999")), 1);
	ck_assert(decimal_is_integer(view_of(x)));
	/* A divisor beyond DECIMAL_DIVISOR_DIGITS divides zero alone. */
	ck_assert(!decimal_multiple_of(view_of(z), view_of(z)));
	ck_assert(decimal_multiple_of(VIEW("0"), view_of(z)));
	free(x);
	free(y);
	free(z);
}
END_TEST

TCase *make_decimal_case(void);
TCase *make_decimal_case(void)
{
	TCase *tc = tcase_create("decimal");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, order, 0, sizeof orders / sizeof *orders);
	tcase_add_test(tc, hashes_differ);
	tcase_add_loop_test(tc, whole, 0, sizeof integers / sizeof *integers);
	tcase_add_loop_test(tc, multiple, 0, sizeof multiples / sizeof *multiples);
	tcase_add_test(tc, as_integers_do);
	tcase_add_test(tc, at_the_ceiling);
	return tc;
}
