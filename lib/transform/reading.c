/* See reading.h. */
#include "lib/transform/reading.h"

#include <utf8proc.h>

#include "lib/transform/points.h"

void reading_start(struct reading *r, struct view text)
{
	r->text = text;
	r->at = 0;
	r->n_pending = r->next_pending = 0;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* `&#64;` or `&#x40;` at the front; its code point and bytes, or 0. */
static size_t numeric_reference(struct view v, int32_t *point)
{
	bool hex = v.n > 2 && (v.p[2] | 0x20) == 'x';
	size_t i = hex ? 3 : 2;
	int32_t c = 0;

	for (; i < v.n && i < 12 && (hex ? is_hex(v.p[i]) : v.p[i] >= '0' && v.p[i] <= '9') && c < 0x110000; i++)
		c = hex ? c * 16 + (v.p[i] <= '9' ? v.p[i] - '0' : (v.p[i] | 0x20) - 'a' + 10) : c * 10 + v.p[i] - '0';
	if (i >= v.n || v.p[i] != ';' || !utf8proc_codepoint_valid(c) || c == 0)
		return 0;
	*point = c;
	return i + 1;
}

/* What stands for another character: HTML references, and the three of percent-encoding that addresses and numbers
 * in links need. */
static size_t reference(struct view v, int32_t *point)
{
	static const struct {
		struct view text;
		int32_t point;
	} known[] = {
		{ { "&lt;", 4 }, '<' },     { { "&gt;", 4 }, '>' },     { { "&amp;", 5 }, '&' },
		{ { "&nbsp;", 6 }, ' ' },   { { "&shy;", 5 }, 0xad },   { { "&commat;", 8 }, '@' },
		{ { "&period;", 8 }, '.' }, { { "&plus;", 6 }, '+' },   { { "&ndash;", 7 }, '-' },
		{ { "&hyphen;", 8 }, '-' }, { { "&thinsp;", 8 }, ' ' }, { { "%40", 3 }, '@' },
		{ { "%2B", 3 }, '+' },      { { "%2b", 3 }, '+' },      { { "%20", 3 }, ' ' },
	};

	if (view_starts(v, VIEW("&#")))
		return numeric_reference(v, point);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (view_starts(v, known[i].text)) {
			*point = known[i].point;
			return known[i].text.n;
		}
	return 0;
}

/* The character at the front; its bytes. */
static size_t character(struct view v, int32_t *point)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t n;
	unsigned char first = (unsigned char)v.p[0];

	if (first == '&' || first == '%') {
		size_t bytes = reference(v, point);
		if (bytes)
			return bytes;
	}
	if (first < 0x80) {
		*point = first;
		return 1;
	}
	n = utf8proc_iterate((const utf8proc_uint8_t *)v.p, (utf8proc_ssize_t)v.n, &c);
	*point = n > 0 ? c : 0xfffd;
	return n > 0 ? (size_t)n : 1;
}

/* The plain form of a code point that stands for another; -1 when it is left out; itself otherwise. */
static int32_t plain(int32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c == '`' ? '\'' : c;
	if (utf8proc_get_property(c)->ignorable || point_is_overlay(c))
		return -1;
	int digit = point_digit(c);
	if (digit >= 0)
		return '0' + digit;
	if (c == 0x2795)
		return '+';
	return point_is_dash(c) ? '-' : point_is_dot(c) ? '.' : point_is_apostrophe(c) ? '\'' : c;
}

static void push(struct reading *r, int32_t point, size_t from, size_t to)
{
	if (r->n_pending < SIGNS_PENDING)
		r->pending[r->n_pending++] =
		        (struct sign){ .point = point, .from = (uint32_t)from, .to = (uint32_t)to };
}

/* The signs of one character that is no white space, into the pending ones; perhaps none. */
static void decompose(struct reading *r, int32_t c, size_t from, size_t to)
{
	utf8proc_int32_t parts[SIGNS_PENDING];
	int last_class = 0;
	int32_t is = plain(c);

	r->n_pending = r->next_pending = 0;
	/* Quotation marks as scanners write the filler of a machine readable zone. */
	if (c == 0xab || c == 0x2039) {
		push(r, '<', from, to);
		if (c == 0xab)
			push(r, '<', from, to);
		return;
	}
	if (is != c || c < 0x80) {
		if (is >= 0)
			push(r, is, from, to);
		return;
	}
	utf8proc_ssize_t n = utf8proc_decompose_char(
	        c, parts, SIGNS_PENDING, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE,
	        &last_class);
	if (n < 1 || n > SIGNS_PENDING) {
		push(r, c, from, to);
		return;
	}
	for (utf8proc_ssize_t i = 0; i < n; i++) {
		is = plain(parts[i]);
		if (is >= 0)
			push(r, point_is_space(is) ? ' ' : is, from, to);
	}
}

/* White space, or dashes, as one sign; what is left out between them goes with them. */
static void read_run(struct reading *r, int32_t first, struct sign *s)
{
	bool dash = first == '-';
	int32_t c;

	s->point = dash ? '-' : point_is_line_end(first) ? '\n' : ' ';
	while (r->at < r->text.n) {
		size_t bytes = character(view_from(r->text, r->at), &c);

		if (dash ? plain(c) != '-' && plain(c) >= 0 : !point_is_space(c) && plain(c) >= 0)
			return;
		if (!dash && point_is_line_end(c))
			s->point = '\n';
		r->at += bytes;
		if (plain(c) >= 0)
			s->to = (uint32_t)r->at;
	}
}

bool reading_next(struct reading *r, struct sign *s)
{
	int32_t c;

	while (r->next_pending == r->n_pending) {
		size_t from = r->at;

		if (r->at >= r->text.n)
			return false;
		/* Most of a text is letters and digits. */
		c = (unsigned char)r->text.p[r->at];
		if (c < 0x80 && point_is_word(c)) {
			*s = (struct sign){ .point = plain(c), .from = (uint32_t)from, .to = (uint32_t)++r->at };
			return true;
		}
		r->at += character(view_from(r->text, r->at), &c);
		if (point_is_space(c) || plain(c) == '-') {
			*s = (struct sign){ .from = (uint32_t)from, .to = (uint32_t)r->at };
			read_run(r, point_is_space(c) ? c : '-', s);
			return true;
		}
		decompose(r, c, from, r->at);
	}
	*s = r->pending[r->next_pending++];
	return true;
}

/* The sign of a byte that is one whatever stands around it; 0: it is looked at with its neighbours. */
#define C(c) [c] = (c)
#define L(c) [c] = (c) - 'A' + 'a', [(c) - 'A' + 'a'] = (c) - 'A' + 'a'
/* clang-format off */
static const uint8_t alone[256] = {
	L('A'), L('B'), L('C'), L('D'), L('E'), L('F'), L('G'), L('H'), L('I'), L('J'), L('K'), L('L'), L('M'), L('N'), L('O'), L('P'), L('Q'),
	L('R'), L('S'), L('T'), L('U'), L('V'), L('W'), L('X'), L('Y'), L('Z'),
	C('0'), C('1'), C('2'), C('3'), C('4'), C('5'), C('6'), C('7'), C('8'), C('9'),
	C('!'), C('"'), C('#'), C('$'), C('\''), C('('), C(')'), C('*'), C('+'), C(','), C('.'), C('/'), C(':'), C(';'), C('<'), C('='), C('>'),
	C('?'), C('@'), C('['), C('\\'), C(']'), C('^'), C('_'), ['`'] = '\'', C('{'), C('|'), C('}'), C('~'),
};
/* clang-format on */
#undef C
#undef L

/* Those from the place on that are signs of their own; at most `room`. A space or dash is one when what follows it is. */
static size_t fill_plain(struct reading *r, struct sign *s, size_t room)
{
	const unsigned char *text = (const unsigned char *)r->text.p;
	size_t most = r->text.n - r->at < room ? r->text.n : r->at + room, from = r->at, at = from;

	for (; at < most; at++) {
		uint8_t point = alone[text[at]];
		if (!point) {
			if ((text[at] != ' ' && text[at] != '-') || at + 1 >= r->text.n || !alone[text[at + 1]])
				break;
			point = text[at];
		}
		s[at - from] = (struct sign){ .point = point, .from = (uint32_t)at, .to = (uint32_t)at + 1 };
	}
	r->at = at;
	return at - from;
}

size_t reading_fill(struct reading *r, struct sign *s, size_t room)
{
	size_t n = 0;

	while (n < room) {
		if (r->next_pending == r->n_pending)
			n += fill_plain(r, s + n, room - n);
		if (n == room || !reading_next(r, &s[n]))
			break;
		n++;
	}
	return n;
}
