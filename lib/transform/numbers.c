/* Transforms of numbers, on the decimal text: nothing passes through binary floating point. */
#include "lib/transform/actions.h"

#include <inttypes.h>

#include "lib/json/decimal.h"

#define DIGITS_MAX  4096
#define SCALE_LIMIT 100000 /* beyond every length that a token can have */

/* digits[0..n) * 10^-scale; no digits for zero. Digits are read from the token's two pieces. */
struct plain {
	struct decimal d;
	size_t n;
	int64_t scale;
};

static struct plain plain_of(struct view token)
{
	struct plain p = { .d = decimal_parse(token) };
	unsigned long long exponent = 0;

	p.n = p.d.sign ? p.d.head.n + p.d.tail.n : 0;
	if (p.d.exponent.n && !view_to_u64(p.d.exponent, SCALE_LIMIT, &exponent))
		exponent = SCALE_LIMIT;
	p.scale = (p.d.exponent_negative ? (int64_t)exponent : -(int64_t)exponent) - p.d.shift;
	return p;
}

static char digit_at(const struct plain *p, size_t i)
{
	return i < p->d.head.n ? p->d.head.p[i] : p->d.tail.p[i - p->d.head.n];
}

/* Writes digits * 10^-scale without exponent. */
static void write_plain(struct buf *out, bool negative, const char *digits, size_t n, int64_t scale)
{
	while (n > 0 && *digits == '0') {
		digits++;
		n--;
	}
	while (scale > 0 && n > 0 && digits[n - 1] == '0') {
		n--;
		scale--;
	}
	if (n == 0) {
		buf_addc(out, '0');
		return;
	}
	if (negative)
		buf_addc(out, '-');
	int64_t whole = (int64_t)n - scale;
	if (whole <= 0)
		buf_addc(out, '0');
	for (int64_t i = 0; i < whole; i++)
		buf_addc(out, i < (int64_t)n ? digits[i] : '0');
	if (scale <= 0)
		return;
	buf_addc(out, '.');
	for (int64_t i = whole; i < 0; i++)
		buf_addc(out, '0');
	buf_add(out, view_make(digits + (whole > 0 ? whole : 0), n - (size_t)(whole > 0 ? whole : 0)));
}

/* Halves away from zero. A number that has no more digits than may stay is copied as it is written. */
static bool round_token(struct view token, int32_t places, struct buf *out)
{
	struct plain p = plain_of(token);
	char digits[DIGITS_MAX + 1];

	if (p.n == 0 || p.scale <= places) {
		buf_add(out, token);
		return true;
	}
	int64_t cut = p.scale - places; /* digits that go */
	if (p.n > DIGITS_MAX || cut > (int64_t)p.n) {
		buf_addc(out, '0');
		return true;
	}
	size_t n = p.n - (size_t)cut;
	digits[0] = '0';
	for (size_t i = 0; i < n; i++)
		digits[i + 1] = digit_at(&p, i);
	if (digit_at(&p, n) >= '5') {
		size_t i = n;

		while (digits[i] == '9')
			digits[i--] = '0';
		digits[i]++;
	}
	write_plain(out, p.d.sign < 0, digits, n + 1, places);
	return true;
}

/* The whole part, rounded down, of a number from 0 on; false when it is negative or too large. */
static bool whole_part(struct view token, uint64_t *out)
{
	struct plain p = plain_of(token);
	int64_t whole = (int64_t)p.n - p.scale;

	*out = 0;
	if (p.n == 0)
		return true;
	if (p.d.sign < 0 || whole > 18)
		return false;
	for (int64_t i = 0; i < whole; i++)
		*out = *out * 10 + (uint64_t)(i < (int64_t)p.n ? digit_at(&p, (size_t)i) - '0' : 0);
	return true;
}

static bool apply_band(const struct rule *r, struct view token, struct buf *out, struct error *e)
{
	const struct band_params *b = r->p.band;
	uint32_t i = 0;
	uint64_t whole;

	if (b->width) {
		if (!whole_part(token, &whole))
			return rule_fail(r, e, "the number is negative or too large for bands of one width");
		uint64_t low = whole - whole % (uint64_t)b->width;
		buf_addf(out, "%" PRIu64 "-%" PRIu64, low, low + (uint64_t)b->width - 1);
		return true;
	}
	while (i < b->n && decimal_cmp(token, view_of(b->text[i])) >= 0)
		i++;
	if (i == 0)
		buf_addf(out, "<%s", b->text[0]);
	else if (i == b->n)
		buf_addf(out, ">=%s", b->text[i - 1]);
	else
		buf_addf(out, "%s-%" PRId64, b->text[i - 1], b->edges[i] - 1);
	return true;
}

static bool apply_geo_decimals(const struct rule *r, struct view token, struct buf *out, struct error *e)
{
	if (decimal_cmp(token, VIEW("180")) > 0 || decimal_cmp(token, VIEW("-180")) < 0)
		return rule_fail(r, e, "the number is not a coordinate in degrees");
	return round_token(token, (int32_t)r->p.geo.digits, out);
}

bool apply_number(const struct rule *r, struct view token, struct buf *out, bool *is_string, struct error *e)
{
	*is_string = r->action == ACTION_BAND;
	switch (r->action) {
	case ACTION_BAND: return apply_band(r, token, out, e);
	case ACTION_ROUND: return round_token(token, r->p.round.digits, out);
	case ACTION_GEO: return apply_geo_decimals(r, token, out, e);
	case ACTION_TOPCODE: {
		const struct topcode_params *t = r->p.topcode;
		struct view min = view_of(t->min_text), max = view_of(t->max_text);

		buf_add(out, t->has_max && decimal_cmp(token, max) > 0   ? max
		             : t->has_min && decimal_cmp(token, min) < 0 ? min
		                                                         : token);
		return true;
	}
	case ACTION_KEEP:
	case ACTION_DATE_SHIFT:
	case ACTION_DATE_TRUNC:
	case ACTION_IP_PREFIX:
	case ACTION_POSTCODE:
	case ACTION_REDACT_TEXT:
	case ACTION_FPE:
	case ACTION_TOKEN:
	case ACTION_SEAL:
	case ACTION_PSEUDONYM:
	case ACTION_SURROGATE:
	case ACTION_MASK:
	case ACTION_CONST:
	case ACTION_NULL:
	case ACTION_DROP:
	case ACTION_K_GUARD:
	case ACTION_COUNT: break;
	}
	return rule_fail(r, e, "the value is a number, which this transform does not take");
}
