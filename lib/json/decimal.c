/* See decimal.h. A number is kept as its digits without zeros at either end and the power of ten of
 * the last one. Exponents may have any number of digits; what is needed of them is only how far two
 * lie apart, and beyond EXPONENT_FAR every distance has the same effect. */
#include "lib/json/decimal.h"

/* No token is long enough for its digits to make up for that many powers of ten. */
#define EXPONENT_FAR INT64_C(100000000000000000)
/* A number of up to 19 digits is below 2^64. */
#define SMALL_DIGITS 19

static const uint64_t power_of_ten[SMALL_DIGITS + 1] = {
	UINT64_C(1),
	UINT64_C(10),
	UINT64_C(100),
	UINT64_C(1000),
	UINT64_C(10000),
	UINT64_C(100000),
	UINT64_C(1000000),
	UINT64_C(10000000),
	UINT64_C(100000000),
	UINT64_C(1000000000),
	UINT64_C(10000000000),
	UINT64_C(100000000000),
	UINT64_C(1000000000000),
	UINT64_C(10000000000000),
	UINT64_C(100000000000000),
	UINT64_C(1000000000000000),
	UINT64_C(10000000000000000),
	UINT64_C(100000000000000000),
	UINT64_C(1000000000000000000),
	UINT64_C(10000000000000000000),
};

static size_t count_digits(struct view v)
{
	size_t n = 0;

	while (n < v.n && v.p[n] >= '0' && v.p[n] <= '9')
		n++;
	return n;
}

static struct view without_leading_zeros(struct view v)
{
	while (v.n > 0 && v.p[0] == '0')
		v = view_from(v, 1);
	return v;
}

static struct view without_trailing_zeros(struct view v)
{
	while (v.n > 0 && v.p[v.n - 1] == '0')
		v.n--;
	return v;
}

static uint64_t digits_value(struct view digits, uint64_t value)
{
	for (size_t i = 0; i < digits.n; i++)
		value = value * 10 + (uint64_t)(digits.p[i] - '0');
	return value;
}

/* Cuts the parts of a token: whole digits, digits of the fraction, signs, exponent. */
static struct decimal cut_token(struct view token)
{
	struct decimal d = { .sign = 1 };

	if (token.n > 0 && token.p[0] == '-') {
		d.sign = -1;
		token = view_from(token, 1);
	}
	d.head = view_make(token.p, count_digits(token));
	token = view_from(token, d.head.n);
	if (token.n > 0 && token.p[0] == '.') {
		token = view_from(token, 1);
		d.tail = view_make(token.p, count_digits(token));
		token = view_from(token, d.tail.n);
	}
	if (token.n > 0) {
		token = view_from(token, 1); /* the e */
		d.exponent_negative = token.n > 0 && token.p[0] == '-';
		if (token.n > 0 && (token.p[0] == '-' || token.p[0] == '+'))
			token = view_from(token, 1);
		d.exponent = without_leading_zeros(token);
	}
	return d;
}

struct decimal decimal_parse(struct view token)
{
	struct decimal d = cut_token(token);
	size_t whole = d.head.n;

	d.tail = without_trailing_zeros(d.tail);
	d.shift = -(int64_t)d.tail.n;
	if (d.tail.n == 0) {
		d.head = without_trailing_zeros(d.head);
		d.shift = (int64_t)(whole - d.head.n);
	}
	d.head = without_leading_zeros(d.head);
	if (d.head.n == 0)
		d.tail = without_leading_zeros(d.tail);
	if (d.head.n + d.tail.n == 0) {
		d.sign = 0;
		d.shift = 0;
		d.exponent = view_make(NULL, 0);
	}
	d.fits_small = d.head.n + d.tail.n <= SMALL_DIGITS;
	if (d.fits_small)
		d.small = digits_value(d.tail, digits_value(d.head, 0));
	return d;
}

static int exponent_digit(const struct decimal *d, size_t place)
{
	if (place >= d->exponent.n)
		return 0;
	int digit = d->exponent.p[d->exponent.n - 1 - place] - '0';
	return d->exponent_negative ? -digit : digit;
}

/* The written exponent of `a` less that of `b`, or +-EXPONENT_FAR when it is farther. From the first
 * digit down: once the distance is large, no later digit brings it back. */
static int64_t exponent_distance(const struct decimal *a, const struct decimal *b)
{
	int64_t distance = 0;

	for (size_t place = a->exponent.n > b->exponent.n ? a->exponent.n : b->exponent.n; place-- > 0;) {
		distance = distance * 10 + exponent_digit(a, place) - exponent_digit(b, place);
		if (distance >= EXPONENT_FAR)
			return EXPONENT_FAR;
		if (distance <= -EXPONENT_FAR)
			return -EXPONENT_FAR;
	}
	return distance;
}

/* The power of ten of the last digit, or about +-EXPONENT_FAR. */
static int64_t last_power(const struct decimal *d)
{
	static const struct decimal none;

	return exponent_distance(d, &none) + d->shift;
}

static size_t digits_of(const struct decimal *d)
{
	return d->head.n + d->tail.n;
}

static char digit_at(const struct decimal *d, size_t i)
{
	return i < d->head.n ? d->head.p[i] : d->tail.p[i - d->head.n];
}

/* The digits as fractions 0.ddd. */
static int compare_digits(const struct decimal *a, const struct decimal *b)
{
	size_t x = digits_of(a), y = digits_of(b), n = x < y ? x : y;

	if (a->fits_small && b->fits_small) {
		uint64_t u = a->small * power_of_ten[y - n], v = b->small * power_of_ten[x - n];
		return (u > v) - (u < v);
	}
	for (size_t i = 0; i < n; i++)
		if (digit_at(a, i) != digit_at(b, i))
			return digit_at(a, i) < digit_at(b, i) ? -1 : 1;
	return (x > y) - (x < y);
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->sign != b->sign)
		return a->sign < b->sign ? -1 : 1;
	if (a->sign == 0)
		return 0;
	int64_t above = exponent_distance(a, b) + a->shift - b->shift + (int64_t)digits_of(a) - (int64_t)digits_of(b);
	int order = above ? (above > 0 ? 1 : -1) : compare_digits(a, b);
	return order * a->sign;
}

/* A plain integer token of up to 18 digits. */
static bool plain_integer(struct view token, int64_t *out)
{
	bool negative = token.n > 0 && token.p[0] == '-';
	size_t i = negative;
	int64_t v = 0;

	if (token.n > 18 + i)
		return false;
	for (; i < token.n; i++) {
		unsigned digit = (unsigned char)token.p[i] - (unsigned)'0';
		if (digit > 9)
			return false;
		v = v * 10 + (int64_t)digit;
	}
	*out = negative ? -v : v;
	return true;
}

int decimal_cmp(struct view a, struct view b)
{
	int64_t x, y;

	if (plain_integer(a, &x) && plain_integer(b, &y))
		return (x > y) - (x < y);
	struct decimal u = decimal_parse(a), v = decimal_parse(b);
	return decimal_compare(&u, &v);
}

bool decimal_is_integer(struct view token)
{
	int64_t v;

	if (plain_integer(token, &v))
		return true;
	struct decimal d = decimal_parse(token);
	return last_power(&d) >= 0;
}

bool decimal_int64(struct view token, int64_t *out)
{
	if (plain_integer(token, out))
		return true;
	struct decimal d = decimal_parse(token);
	int64_t power = last_power(&d);
	uint64_t v;

	if (!d.fits_small || power < 0 || power > SMALL_DIGITS ||
	    __builtin_mul_overflow(d.small, power_of_ten[power], &v) || v > (uint64_t)INT64_MAX + (d.sign < 0))
		return false;
	*out = (int64_t)(d.sign < 0 ? -v : v);
	return true;
}

/* A large divisor and a remainder below it, 64 bits a limb, the lowest first. */
struct wide {
	uint64_t limb[DECIMAL_DIVISOR_DIGITS * 10 / 3 / 64 + 2];
	size_t n;
};

/* w * 10 + digit. */
static void wide_append(struct wide *w, unsigned digit)
{
	unsigned __int128 carry = digit;

	for (size_t i = 0; i < w->n; i++) {
		carry += (unsigned __int128)w->limb[i] * 10;
		w->limb[i] = (uint64_t)carry;
		carry >>= 64;
	}
	if (carry)
		w->limb[w->n++] = (uint64_t)carry;
}

static bool wide_less(const struct wide *a, const struct wide *b)
{
	if (a->n != b->n)
		return a->n < b->n;
	for (size_t i = a->n; i-- > 0;)
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i];
	return false;
}

/* a - b, where a >= b. */
static void wide_subtract(struct wide *a, const struct wide *b)
{
	uint64_t borrow = 0;

	for (size_t i = 0; i < a->n; i++) {
		uint64_t take = i < b->n ? b->limb[i] : 0, left = a->limb[i] - take;
		uint64_t less = left - borrow;
		borrow = (a->limb[i] < take) | (left < borrow);
		a->limb[i] = less;
	}
	while (a->n > 0 && a->limb[a->n - 1] == 0)
		a->n--;
}

/* The digits of `value`, then `zeros`, are a multiple of the divisor's digits. */
static bool divides_wide(const struct decimal *divisor, const struct decimal *value, uint64_t zeros)
{
	struct wide m = { .n = 0 }, r = { .n = 0 };
	size_t digits = digits_of(value);

	for (size_t i = 0; i < digits_of(divisor); i++)
		wide_append(&m, (unsigned)(digit_at(divisor, i) - '0'));
	for (uint64_t i = 0; i < digits + zeros; i++) {
		if (i >= digits && r.n == 0)
			return true;
		wide_append(&r, i < digits ? (unsigned)(digit_at(value, i) - '0') : 0);
		while (!wide_less(&r, &m))
			wide_subtract(&r, &m);
	}
	return r.n == 0;
}

static bool divides_small(uint64_t divisor, const struct decimal *value, uint64_t zeros)
{
	uint64_t r = 0;

	if (value->fits_small) {
		r = value->small % divisor;
	} else {
		for (size_t i = 0; i < digits_of(value); i++)
			r = (uint64_t)(((unsigned __int128)r * 10 + (unsigned)(digit_at(value, i) - '0')) % divisor);
	}
	for (; r && zeros > 0; zeros--)
		r = (uint64_t)((unsigned __int128)r * 10 % divisor);
	return r == 0;
}

bool decimal_divides(const struct decimal *divisor, const struct decimal *value)
{
	if (divisor->sign == 0)
		return false;
	if (value->sign == 0)
		return true;
	/* Neither has a last digit of zero: where the value reaches below the divisor's last digit it
	 * would have to be a multiple of ten, and is not. */
	int64_t zeros = exponent_distance(value, divisor) + value->shift - divisor->shift;
	if (zeros < 0)
		return false;
	/* A power of ten only brings in twos and fives. A divisor of d digits has less than 4 d of each,
	 * so that more zeros change nothing. */
	size_t digits = digits_of(divisor);
	if (divisor->fits_small)
		return divides_small(divisor->small, value, zeros < 64 ? (uint64_t)zeros : 64);
	if (digits > DECIMAL_DIVISOR_DIGITS)
		return false;
	return divides_wide(divisor, value, (uint64_t)zeros < 4 * digits ? (uint64_t)zeros : 4 * digits);
}

bool decimal_multiple_of(struct view value, struct view divisor)
{
	int64_t x, y;

	if (plain_integer(value, &x) && plain_integer(divisor, &y))
		return y != 0 && x % y == 0;
	struct decimal v = decimal_parse(value), d = decimal_parse(divisor);
	return decimal_divides(&d, &v);
}

uint32_t decimal_hash(struct view token)
{
	struct decimal d = decimal_parse(token);
	uint64_t h = d.small, power = digits_value(d.exponent, 0);

	if (d.sign == 0)
		return 0;
	for (size_t i = 0; !d.fits_small && i < digits_of(&d); i++)
		h = h * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)digit_at(&d, i);
	/* Exponents may wrap around: equal ones wrap alike. */
	power = (d.exponent_negative ? -power : power) + (uint64_t)d.shift;
	h ^= power * UINT64_C(0x9e3779b97f4a7c15);
	if (d.sign < 0)
		h = ~h;
	h = (h ^ h >> 32) * UINT64_C(0xff51afd7ed558ccd);
	return (uint32_t)(h >> 32);
}
