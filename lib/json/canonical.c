/* See canonical.h. */
#include "lib/json/canonical.h"

#include "lib/json/decimal.h"
#include "lib/json/member_order.h"
#include "lib/json/parser.h"

/* Powers of ten of the first digit that are written plain. */
#define PLAIN_FIRST (-7)
#define PLAIN_LAST  20

/* Written exponents of more digits are added to as text. The rest of a power of ten is the place of the first
 * digit, which the length of the token bounds, and neither brings the other back across the plain ones. */
#define EXPONENT_DIGITS 17

static size_t digits_of(const struct decimal *d)
{
	return d->head.n + d->tail.n;
}

/* Digits from `from` to before `to`. */
static void put_digits(struct buf *out, const struct decimal *d, size_t from, size_t to)
{
	size_t cut = d->head.n;

	if (from < cut)
		buf_add(out, view_make(d->head.p + from, (to < cut ? to : cut) - from));
	if (to > cut) {
		size_t first = from > cut ? from - cut : 0;
		buf_add(out, view_make(d->tail.p + first, to - cut - first));
	}
}

static void put_zeros(struct buf *out, int64_t n)
{
	for (; n > 0; n--)
		buf_addc(out, '0');
}

/* `first` is the power of ten of the first digit, from PLAIN_FIRST to PLAIN_LAST or of a whole number. */
static void put_plain(struct buf *out, const struct decimal *d, int64_t first)
{
	size_t n = digits_of(d), whole = first < 0 ? 0 : (size_t)first + 1;

	if (whole == 0)
		buf_addc(out, '0');
	else
		put_digits(out, d, 0, whole < n ? whole : n);
	put_zeros(out, (int64_t)whole - (int64_t)n);
	if (n <= whole)
		return;
	buf_addc(out, '.');
	put_zeros(out, -first - 1);
	put_digits(out, d, whole, n);
}

/* The magnitude `digits` and `more`, which is far below it, as one number. */
static void put_sum(struct buf *out, struct view digits, int64_t more)
{
	char *p = buf_room(out, digits.n + 1);
	size_t zeros = 0;

	if (!p)
		return;
	p[0] = '0';
	memcpy(p + 1, digits.p, digits.n);
	for (size_t i = digits.n + 1; more != 0 && i-- > 0;) {
		int digit = p[i] - '0' + (int)(more % 10);
		more /= 10;
		if (digit < 0) {
			digit += 10;
			more--;
		} else if (digit > 9) {
			digit -= 10;
			more++;
		}
		p[i] = (char)('0' + digit);
	}
	while (zeros < digits.n && p[zeros] == '0')
		zeros++;
	memmove(p, p + zeros, digits.n + 1 - zeros);
	out->n += digits.n + 1 - zeros;
}

/* All of d.ddde+n but for n. */
static void put_fraction(struct buf *out, const struct decimal *d, bool negative)
{
	size_t n = digits_of(d);

	put_digits(out, d, 0, 1);
	if (n > 1) {
		buf_addc(out, '.');
		put_digits(out, d, 1, n);
	}
	buf_adds(out, negative ? "e-" : "e+");
}

/* The power of ten of the first digit, where the written exponent is short enough to count with. */
static bool first_power(const struct decimal *d, int64_t *first)
{
	int64_t written = 0;

	if (d->exponent.n > EXPONENT_DIGITS)
		return false;
	for (size_t i = 0; i < d->exponent.n; i++)
		written = written * 10 + (d->exponent.p[i] - '0');
	*first = (d->exponent_negative ? -written : written) + d->shift + (int64_t)digits_of(d) - 1;
	return true;
}

void canonical_number(struct view token, struct buf *out)
{
	struct decimal d = decimal_parse(token);
	int64_t first;

	if (d.sign == 0) {
		buf_addc(out, '0');
		return;
	}
	if (d.sign < 0)
		buf_addc(out, '-');
	if (!first_power(&d, &first)) {
		int64_t more = d.shift + (int64_t)digits_of(&d) - 1;
		put_fraction(out, &d, d.exponent_negative);
		put_sum(out, d.exponent, d.exponent_negative ? -more : more);
	} else if (first >= PLAIN_FIRST && first <= PLAIN_LAST) {
		put_plain(out, &d, first);
	} else {
		put_fraction(out, &d, first < 0);
		buf_addu(out, (uint64_t)(first < 0 ? -first : first));
	}
}

bool canonical_whole(struct view token, struct buf *out)
{
	struct decimal d = decimal_parse(token);
	int64_t first;

	if (d.sign == 0) {
		buf_addc(out, '0');
		return true;
	}
	if (!first_power(&d, &first) || first >= CANONICAL_WHOLE_DIGITS || first + 1 < (int64_t)digits_of(&d))
		return false;
	if (d.sign < 0)
		buf_addc(out, '-');
	put_plain(out, &d, first);
	return true;
}

/* Whole numbers below 10^21, as nearly all are, need no second writing to be compared with. */
static bool is_short_whole(struct view token)
{
	size_t i = token.n > 0 && token.p[0] == '-', first = i;

	if (token.n - first > PLAIN_LAST + 1 || (first && token.p[first] == '0'))
		return false;
	for (; i < token.n; i++)
		if (token.p[i] < '0' || token.p[i] > '9')
			return false;
	return true;
}

bool canonical_is_number(struct view token)
{
	char room[NUMBER_MAX + CANONICAL_GROWTH];
	struct buf out = { .p = room, .cap = sizeof room, .max = sizeof room };

	if (is_short_whole(token))
		return true;
	canonical_number(token, &out);
	return !out.failed && view_eq(buf_view(&out), token);
}

/* The escape at `p` is the one that RFC 8785 section 3.2.2.2 has for its character. */
static bool is_short_escape(const char *p)
{
	static const char without_name[] = "\b\t\n\f\r";

	if (p[1] != 'u')
		return p[1] != '/';
	if (p[2] != '0' || p[3] != '0' || p[4] < '0' || p[4] > '1')
		return false;
	int low = p[5] >= '0' && p[5] <= '9' ? p[5] - '0' : p[5] >= 'a' && p[5] <= 'f' ? p[5] - 'a' + 10 : -1;
	return low >= 0 && !memchr(without_name, (p[4] - '0') * 16 + low, sizeof without_name - 1);
}

/* The offset of an escape in the token that is not as it must be, or 0. */
static uint32_t escape_fault(struct view token)
{
	for (size_t i = 0; i < token.n; i++) {
		if (token.p[i] != '\\')
			continue;
		if (!is_short_escape(token.p + i))
			return (uint32_t)i;
		i++; /* also over a second backslash */
	}
	return 0;
}

static const char *node_fault(const struct tape *t, uint32_t i, uint32_t *at)
{
	const struct tape_node *n = &t->nodes[i];

	switch ((enum tape_type)n->type) {
	case TAPE_NULL:
	case TAPE_FALSE:
	case TAPE_TRUE:
	case TAPE_ARRAY: return NULL;
	case TAPE_NUMBER: return canonical_is_number(tape_token(t, i)) ? NULL : "a number has another spelling";
	case TAPE_STRING:
	case TAPE_KEY:
		*at = n->flags & TAPE_ESCAPED ? escape_fault(tape_token(t, i)) : 0;
		return *at ? "a character has another escape" : NULL;
	case TAPE_OBJECT: return members_sorted(t, i) ? NULL : "the members of an object are not in order";
	}
	return NULL;
}

const char *canonical_fault(const struct tape *t, uint32_t node, uint32_t *off)
{
	uint32_t last = t->nodes[node].next, end = t->nodes[node].off + t->nodes[node].len;

	for (uint32_t i = node; i < last; i++) {
		const struct tape_node *n = &t->nodes[i];
		bool container = n->type == TAPE_ARRAY || n->type == TAPE_OBJECT;
		uint32_t at = 0, next = i + 1 < last ? t->nodes[i + 1].off : end;
		const char *fault = node_fault(t, i, &at);

		*off = n->off + at;
		if (fault)
			return fault;
		for (*off = n->off + (container ? 1 : n->len); *off < next; ++*off)
			if (is_space(t->text[*off]))
				return "there is white space between tokens";
	}
	return NULL;
}

bool canonical_check(const struct tape *t, uint32_t node, struct error *e)
{
	uint32_t off;
	const char *fault = canonical_fault(t, node, &off);

	return !fault ||
	       error_set(e, REASON_RECORD_FORM, "byte %u: %s", (unsigned)(off - t->nodes[node].off + 1), fault);
}
