/* Payment cards, telephone numbers and machine readable zones. See recognise.h. */
#include "lib/transform/points.h"
#include "lib/transform/recognise.h"

#define CARD_MIN   12
#define CARD_MAX   19
#define PHONE_MIN  7  /* digits with the country code, behind a `+` */
#define PHONE_SURE 9  /* behind what is no `+` and might be another number's zeros */
#define PHONE_MAX  15 /* ITU-T E.164 */
#define GAP_MAX    4  /* separators in a row within a number */

#define D (SIGN_DIGIT | SIGN_LOCAL)
#define L (SIGN_LETTER | SIGN_LOCAL)
#define S SIGN_SEPARATES
#define A SIGN_LOCAL
#define O SIGN_OPENS
/* clang-format off */
const uint8_t sign_classes[128] = {
	['\n'] = S, [' '] = S, ['!'] = A, ['"'] = S, ['#'] = A, ['$'] = A, ['%'] = A, ['&'] = A, ['\''] = S | A,
	['('] = S | O, [')'] = S, ['*'] = S | A | O, ['+'] = A, [','] = S, ['-'] = S | A | O, ['.'] = S | A, ['/'] = S | A | O,
	['0'] = D, D, D, D, D, D, D, D, D, D, [':'] = S, [';'] = S, ['<'] = O, ['='] = A | O, ['?'] = A, ['['] = O, ['\\'] = S,
	['^'] = A, ['_'] = S | A | O,
	['a'] = L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
	['{'] = A | O, ['|'] = S | A | O, ['}'] = A, ['~'] = S | A | O,
};
/* clang-format on */
#undef D
#undef L
#undef S
#undef A
#undef O

char take_digit(int32_t c)
{
	return sign_is_digit(c) ? (char)c : 0;
}

char take_alnum(int32_t c)
{
	return sign_is_digit(c) ? (char)c : sign_is_letter(c) ? (char)(c - 'a' + 'A') : point_look_alike(c);
}

/* Inlined where the kind of characters is known. */
static inline __attribute__((always_inline)) void spell_kind(const struct place *p, char (*take)(int32_t c), size_t max,
                                                             size_t gaps, struct spelt *out)
{
	size_t i = 0;

	out->n = 0;
	while (out->n < max) {
		size_t from = i;
		bool line = false;

		while (out->n > 0 && i - from < gaps && separates(sign_at(p, i)))
			line = p->s[i++].point == '\n' || line;
		char c = take(sign_at(p, i));
		if (!c)
			return;
		out->c[out->n] = c;
		out->gap[out->n] = i == from ? GAP_NONE : line ? GAP_LINE : GAP_SEPARATORS;
		out->end[out->n++] = (uint16_t)++i;
	}
}

void spell(const struct place *p, char (*take)(int32_t c), size_t max, size_t gaps, struct spelt *out)
{
	spell_kind(p, take, max, gaps, out);
}

static bool even_groups(const struct spelt *s, size_t n, bool lines_count)
{
	size_t size = 0, run = 0;

	for (size_t i = 0; i < n; i++) {
		if (s->gap[i] == GAP_SEPARATORS || (lines_count && s->gap[i] == GAP_LINE)) {
			if (size && run != size)
				return false;
			size = run;
			run = 0;
		}
		run++;
	}
	return size == 0 || run <= size;
}

bool spelt_is_even(const struct spelt *s, size_t n)
{
	return even_groups(s, n, true) || even_groups(s, n, false);
}

/* A group ends with the character before `n`. */
static bool group_ends(const struct place *p, const struct spelt *s, size_t n)
{
	return !sign_is_digit(sign_at(p, s->end[n - 1]));
}

unsigned luhn_digit(const uint8_t *digits, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned d = digits[n - 1 - i] * (i % 2 == 0 ? 2u : 1u);

		sum += d > 9 ? d - 9 : d;
	}
	return (10 - sum % 10) % 10;
}

/* Does an issuer give out numbers of this length with these digits in front? ISO/IEC 7812-1 and the networks' ranges.
 * One of ten numbers has a right Luhn digit: it alone would black out too much. */
static bool card_issued(const struct spelt *s, size_t n)
{
	unsigned two = (unsigned)(s->c[0] - '0') * 10 + (unsigned)(s->c[1] - '0');
	unsigned four = two * 100 + (unsigned)(s->c[2] - '0') * 10 + (unsigned)(s->c[3] - '0');

	if (two == 34 || two == 37)
		return n == 15;
	if (two == 30 || two == 36 || two == 38 || two == 39)
		return n == 14 || n == 16;
	if (two == 35)
		return n >= 16;
	if (two / 10 == 4)
		return n == 13 || n == 16 || n == 19;
	if ((two >= 51 && two <= 55) || (four >= 2200 && four <= 2720))
		return n == 16 || (four <= 2204 && n >= 16);
	if (two == 50 || (two >= 56 && two <= 69))
		return true; /* Maestro has all lengths */
	return two / 10 >= 7 ? n >= 16 : two / 10 == 1 && n == 15;
}

/* Groups as on a card: even ones, whole multiples of four, or 4-6-5 and 4-6-4. */
static bool card_groups(const struct spelt *s, size_t n)
{
	bool fours = true, middle = n == 14 || n == 15;

	for (size_t i = 1; i < n; i++) {
		fours = fours && (s->gap[i] == GAP_NONE || i % 4 == 0);
		middle = middle && (s->gap[i] == GAP_NONE || i == 4 || i == 10);
	}
	return fours || middle || spelt_is_even(s, n);
}

#define TABLE_MIN 9 /* numbers beside each other: more than two cards have groups */

/* Numbers of at most six digits with one space between, as in a table: how many more there are behind `i`. */
static size_t numbers_behind(const struct place *p, size_t i)
{
	size_t found = 0, digits;

	for (; found < TABLE_MIN && sign_at(p, i) == ' '; found++) {
		for (digits = 0; digits <= 6 && sign_is_digit(sign_at(p, i + 1)); digits++)
			i++;
		if (digits == 0 || digits > 6)
			break;
		i++;
	}
	return found;
}

static size_t numbers_before(const struct place *p)
{
	size_t found = 0, i = 0;

	for (; found < TABLE_MIN && i < p->back && p->s[-1 - (ptrdiff_t)i].point == ' '; found++) {
		size_t digits = 0;

		for (i++; digits <= 6 && i < p->back && sign_is_digit(p->s[-1 - (ptrdiff_t)i].point); i++)
			digits++;
		if (digits == 0 || digits > 6)
			break;
	}
	return found;
}

/* Groups in the midst of a row of numbers are no card, or every table would have some. Where the row begins with them
 * they are none only when no second card follows. */
static bool in_table(const struct place *p, const struct spelt *s, size_t n)
{
	struct spelt next;
	size_t end = s->end[n - 1], groups = 1 + end - n, before = numbers_before(p);
	uint8_t digits[CARD_MAX];

	for (size_t i = 1; i < n; i++)
		if (s->gap[i] != GAP_NONE && p->s[s->end[i] - 2].point != ' ')
			return false;
	if (groups == 1 || groups > TABLE_MIN - 1 || before + groups + numbers_behind(p, end) < TABLE_MIN)
		return false;
	if (before > 0)
		return true;
	const struct place behind = { .s = p->s + end + 1, .n = p->n - end - 1 };
	spell(&behind, take_digit, n, 1, &next);
	for (size_t i = 0; i < next.n; i++)
		digits[i] = (uint8_t)(next.c[i] - '0');
	return next.n < n || luhn_digit(digits, n - 1) != digits[n - 1];
}

/* GTIN-13 and ISBN-13 have a check digit of their own; those of some countries begin like a card. */
static bool is_article(const uint8_t *digits, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += digits[i] * (i % 2 ? 3u : 1u);
	return n == 13 && sum % 10 == 0;
}

size_t find_card(const struct place *p)
{
	uint8_t digits[CARD_MAX];
	struct spelt s;
	bool fraction = (p->before == '.' || p->before == ',') && sign_is_digit(p->before2);

	if (!sign_is_digit(sign_at(p, 0)) || sign_is_digit(p->before))
		return 0;
	spell_kind(p, take_digit, CARD_MAX, GAP_MAX, &s);
	for (size_t i = 0; s.n >= CARD_MIN && i < s.n; i++)
		digits[i] = (uint8_t)(s.c[i] - '0');
	for (size_t n = s.n; n >= CARD_MIN; n--) {
		/* The decimals of a fraction are not a card's digits: they stand in one group. */
		if (!group_ends(p, &s, n) || (fraction && s.end[n - 1] == n) || !card_issued(&s, n) ||
		    !card_groups(&s, n))
			continue;
		if (luhn_digit(digits, n - 1) == digits[n - 1] && !is_article(digits, n) && !in_table(p, &s, n))
			return s.end[n - 1];
	}
	return 0;
}

/* Digits of the country code at the front, by the blocks of ten that ITU-T E.164 gives out; 0: none. */
static size_t country_code(const char *d, size_t n)
{
	static const char two[] =
	        "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 "
	        "63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 ";
	static const char three[] = "21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99 ";
	char key[4];

	if (n < 3)
		return 0;
	if (d[0] == '1' || d[0] == '7')
		return 1;
	memcpy(key, (const char[]){ d[0], d[1], ' ', 0 }, 4);
	return strstr(two, key) ? 2 : strstr(three, key) ? 3 : 0;
}

struct dialled {
	char d[PHONE_MAX + 1];
	size_t n, ends[PHONE_MAX + 1]; /* ends[i]: signs with i + 1 digits, 0 where no group ends there */
	bool thousands;                /* groups of three behind one digit: an amount */
};

/* Signs between two groups of a telephone number at `i`; a new line or sentence only while the number is short. */
static size_t phone_gap(const struct place *p, size_t i, size_t digits)
{
	size_t from = i;
	bool breaks = false;

	while (i - from < GAP_MAX && sign_at(p, i) && sign_at(p, i) < 0x80 &&
	       strchr(" \n-./\\()_|~'*", sign_at(p, i))) {
		breaks = breaks || p->s[i].point == '\n' ||
		         (p->s[i].point == ' ' && i > from && p->s[i - 1].point == '.');
		i++;
	}
	return breaks && digits >= PHONE_SURE - 1 ? 0 : i - from;
}

/* The trunk prefix that is dialled at home only: "(0)". */
static size_t trunk_prefix(const struct place *p, size_t i)
{
	size_t at = i + (sign_at(p, i) == ' ' ? 1 : 0);

	return sign_at(p, at) == '(' && sign_at(p, at + 1) == '0' && sign_at(p, at + 2) == ')' ? at + 3 - i : 0;
}

static void dial(const struct place *p, size_t i, struct dialled *out)
{
	size_t run = 0, groups = 0;

	*out = (struct dialled){ .thousands = true };
	for (;;) {
		size_t trunk = out->n ? trunk_prefix(p, i) : 0, gap = phone_gap(p, i + trunk, out->n);

		if ((trunk || gap) && out->n) {
			out->thousands = out->thousands && run == (groups ? 3 : 1);
			groups++;
			run = 0;
		}
		i += trunk + gap;
		if (!sign_is_digit(sign_at(p, i)))
			break;
		if (out->n == sizeof out->d)
			return;
		out->d[out->n] = (char)p->s[i++].point;
		run++;
		out->ends[out->n++] = sign_is_digit(sign_at(p, i)) ? 0 : i;
	}
	out->thousands = out->thousands && groups > 0 && (run == 3 || run == 0);
}

/* What stands before the country code: `+`, `00`, `011`, "plus". Signs, and whether it is surely a telephone's. */
static size_t phone_prefix(const struct place *p, bool *sure)
{
	static const char word[] = "plus";
	size_t i = 0;
	/* Within another number, or behind its decimal point. */
	bool inside =
	        sign_is_digit(p->before) || (separates(p->before) && sign_is_digit(p->before2) && p->before != '\n');

	*sure = sign_at(p, 0) == '+';
	if (*sure) {
		while (sign_at(p, i) == '+')
			i++;
		return sign_is_digit(p->before) ? 0 : i;
	}
	if (sign_at(p, 0) == '0') {
		if (inside)
			return 0;
		if (sign_at(p, 1) == '0')
			return 2;
		return sign_at(p, 1) == '1' && sign_at(p, 2) == '1' ? 3 : 0;
	}
	while (i < 4 && sign_at(p, i) == word[i])
		i++;
	return i == 4 && !point_is_word(p->before) ? i : 0;
}

size_t find_phone(const struct place *p)
{
	struct dialled dialled;
	size_t best = 0;
	bool sure;
	size_t i = phone_prefix(p, &sure);

	if (i == 0)
		return 0;
	dial(p, i + phone_gap(p, i, 0), &dialled);
	if (dialled.n < PHONE_MIN || dialled.d[0] == '0' || dialled.thousands)
		return 0;
	size_t code = country_code(dialled.d, dialled.n);
	bool fixed = dialled.d[0] == '1' || dialled.d[0] == '7'; /* eleven digits, always */
	/* No number in a country begins with two zeros; amounts do. */
	if ((!code && !sure) || (code && dialled.d[code] == '0' && dialled.d[code + 1] == '0'))
		return 0;
	if (!sure && fixed && (dialled.d[1] < '2' || dialled.d[4] < '2'))
		return 0;
	for (size_t n = sure ? PHONE_MIN : PHONE_SURE; n <= dialled.n && n <= PHONE_MAX; n++)
		if (dialled.ends[n - 1] && !(fixed && (n < 11 || best)))
			best = dialled.ends[n - 1];
	return best;
}

static char take_mrz(int32_t c)
{
	return c == '<' ? '<' : take_alnum(c);
}

static int value36(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' ? c - 'a' + 10 : c - 'A' + 10;
}

unsigned mrz_digit(const char *text, size_t n)
{
	static const unsigned weights[] = { 7, 3, 1 };
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (text[i] == '<' ? 0 : (unsigned)value36(text[i])) * weights[i % 3];
	return sum % 10;
}

static bool mrz_check(const char *line, size_t from, size_t n)
{
	char check = line[from + n];

	/* An optional element that is empty may have `<` instead of its digit. */
	return check == '<' ? line[from] == '<'
	                    : sign_is_digit(check) && mrz_digit(line + from, n) == (unsigned)(check - '0');
}

/* A line of n characters: those with numbers have check digits, those with names only a form. */
static bool is_mrz(const struct spelt *s, size_t n)
{
	const char *line = s->c;
	bool names = true, whole = true;

	for (size_t i = 0; i < n; i++) {
		names = names && !sign_is_digit(line[i]);
		whole = whole && s->gap[i] == GAP_NONE;
	}
	/* With spaces in it, words look like names; the filler at its end does not. */
	if (names)
		return memmem(line, n, "<<", 2) && (whole || line[n - 1] == '<');
	if (n == 30) {
		bool first = memchr("ACI", line[0], 3) && mrz_check(line, 5, 9);
		bool second = sign_is_digit(line[0]) && mrz_check(line, 0, 6) && mrz_check(line, 8, 6);

		return first || second;
	}
	return mrz_check(line, 0, 9) && mrz_check(line, 13, 6) && mrz_check(line, 21, 6);
}

/* Nothing of a zone follows, or whole lines do, written in one go. */
static bool mrz_ends(const struct place *p, size_t at, size_t n)
{
	size_t more = 0;

	while (more <= 2 * n && take_mrz(sign_at(p, at + more)))
		more++;
	if (more == 0)
		return !point_is_word(sign_at(p, at));
	return more == n || (n == 30 && more == 2 * n);
}

/* A line that has spaces in it shows by its first word that it is none of ordinary words. */
static bool mrz_begins(const struct place *p)
{
	size_t n = 0, most = p->n < 30 ? p->n : 30;
	unsigned seen = 0, class;

	/* Most words are short ones of letters and digits. */
	for (; n < most && p->s[n].point < 0x80; n++) {
		class = sign_classes[p->s[n].point] & (SIGN_LETTER | SIGN_DIGIT);
		if (!class)
			break;
		seen |= class;
	}
	bool digits = seen & SIGN_DIGIT, filler = false;
	while (n < 30 && take_mrz(sign_at(p, n))) {
		digits = digits || sign_is_digit(sign_at(p, n));
		filler = filler || sign_at(p, n) == '<';
		n++;
	}
	return n == 30 || filler || (n >= 9 && digits) || sign_at(p, n + 1) == '<';
}

size_t find_mrz(const struct place *p)
{
	static const size_t lengths[] = { 44, 36, 30 };
	struct spelt s;

	if (p->before == '<' || point_is_word(p->before) || !take_mrz(sign_at(p, 0)) || !mrz_begins(p))
		return 0;
	spell(p, take_mrz, 44, 1, &s);
	for (size_t i = 0; i < 3; i++) {
		size_t n = lengths[i];
		bool lines = false;

		for (size_t k = 1; n <= s.n && k < n; k++)
			lines = lines || s.gap[k] == GAP_LINE;
		if (n <= s.n && !lines && mrz_ends(p, s.end[n - 1], n) && is_mrz(&s, n))
			return s.end[n - 1];
	}
	return 0;
}
