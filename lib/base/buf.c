/* See buf.h. */
#include "lib/base/buf.h"

#include <endian.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "lib/base/ids.h"

void buf_free(struct buf *b)
{
	free(b->p);
	*b = BUF_INIT(b->max);
}

void buf_wipe(struct buf *b)
{
	wipe(b->p, b->high);
	buf_free(b);
}

void buf_clear(struct buf *b)
{
	wipe(b->p, b->high);
	b->high = 0;
	buf_reset(b);
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

char *buf_grow(struct buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (n > b->max || b->n > b->max - n) {
		b->failed = true;
		return NULL;
	}
	if (!b->p || b->n + n > b->cap) {
		size_t cap = b->cap ? b->cap : 64;
		while (cap < b->n + n)
			cap *= 2;
		if (cap > b->max)
			cap = b->max;
		/* Not realloc(), which leaves what it moved away from as it was: bytes of a record, at times. */
		char *p = malloc(cap);
		if (!p) {
			b->failed = true;
			return NULL;
		}
		if (b->p) {
			memcpy(p, b->p, b->n);
			wipe(b->p, b->high);
			free(b->p);
		}
		b->p = p;
		b->cap = cap;
		b->high = b->n;
	}
	if (b->n + n > b->high)
		b->high = b->n + n;
	return b->p + b->n;
}

void buf_reserve(struct buf *b, size_t n)
{
	bool failed = b->failed;

	if (n > b->cap && buf_grow(b, n - b->n))
		b->high = b->n;
	b->failed = failed;
}

static void add_signed(struct buf *b, int64_t number)
{
	if (number < 0)
		buf_addc(b, '-');
	buf_addu(b, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

/* After %l or %z: a number as long as a pointer, as `long long` is here, too. *fmt goes behind its letter. */
static bool add_long(struct buf *b, const char **fmt, va_list *ap)
{
	_Static_assert(sizeof(long) == sizeof(long long) && sizeof(size_t) == sizeof(long),
	               "one is read for the other");
	while (**fmt == 'l')
		++*fmt;
	char letter = *(*fmt)++;
	if (letter == 'u')
		buf_addu(b, va_arg(*ap, unsigned long));
	else if (letter == 'd')
		add_signed(b, va_arg(*ap, long));
	return letter == 'u' || letter == 'd';
}

static bool add_conversion(struct buf *b, const char **fmt, va_list *ap)
{
	const char *s;
	int n;

	switch (*(*fmt)++) {
	case 's': buf_adds(b, va_arg(*ap, const char *)); return true;
	case 'u': buf_addu(b, va_arg(*ap, unsigned)); return true;
	case 'd': add_signed(b, va_arg(*ap, int)); return true;
	case 'c': buf_addc(b, (char)va_arg(*ap, int)); return true;
	case 'l':
	case 'z': return add_long(b, fmt, ap);
	case '.':
		if ((*fmt)[0] != '*' || (*fmt)[1] != 's')
			return false;
		*fmt += 2;
		n = va_arg(*ap, int);
		s = va_arg(*ap, const char *);
		if (n > 0)
			buf_add(b, view_make(s, strnlen(s, (size_t)n)));
		return n >= 0;
	default: return false;
	}
}

/* The conversions that most formats have, without the cost of printf(). False: there is another one. */
static bool add_simple(struct buf *b, const char *fmt, va_list *ap)
{
	for (;;) {
		const char *percent = strchrnul(fmt, '%');
		buf_add(b, view_make(fmt, (size_t)(percent - fmt)));
		if (!*percent)
			return true;
		fmt = percent + 1;
		if (!add_conversion(b, &fmt, ap))
			return false;
	}
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	size_t before = b->n;
	char small[256];
	va_list again, simple;

	va_copy(simple, ap);
	bool done = add_simple(b, fmt, &simple);
	va_end(simple);
	/* All of it, or nothing. */
	if (!done || b->failed)
		b->n = before;
	if (done)
		return;
	va_copy(again, ap);
	int n = vsnprintf(small, sizeof small, fmt, ap);
	if (n < 0) {
		b->failed = true;
	} else if ((size_t)n < sizeof small) {
		buf_add(b, view_make(small, (size_t)n));
	} else {
		char *room = buf_room(b, (size_t)n + 1);
		if (room) {
			vsnprintf(room, (size_t)n + 1, fmt, again);
			b->n += (size_t)n;
		}
	}
	va_end(again);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void buf_addu(struct buf *b, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	buf_add(b, view_make(digits + at, sizeof digits - at));
}

/* How many of eight bytes stand before the first control character, quote or backslash; 8: all. Each term sets the high bit
 * of such a byte; a borrow can set it in a byte above one, never below the first. */
static unsigned plain_of_eight(const char *p)
{
	const uint64_t ones = UINT64_MAX / 255, highs = ones * 0x80;
	uint64_t x, quote, backslash, hits;

	memcpy(&x, p, sizeof x);
	x = le64toh(x);
	quote = x ^ ones * '"';
	backslash = x ^ ones * '\\';
	hits = (((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & highs;
	return hits ? (unsigned)__builtin_ctzll(hits) >> 3 : 8;
}

static bool one_needs_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* The first byte from `at` on that is escaped; v.n: none. */
static size_t next_escape(struct view v, size_t at)
{
	unsigned n = 8;

#if defined(__SSE2__)
	const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\'), last = _mm_set1_epi8(0x1f);
	for (; v.n - at >= 16; at += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(v.p + at));
		__m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, escape)),
		                           _mm_cmpeq_epi8(_mm_min_epu8(x, last), x));
		unsigned mask = (unsigned)_mm_movemask_epi8(hit);
		if (mask)
			return at + (unsigned)__builtin_ctz(mask);
	}
#endif
	for (; n == 8 && v.n - at >= 8; at += n)
		n = plain_of_eight(v.p + at);
	while (n == 8 && at < v.n && !one_needs_escape((unsigned char)v.p[at]))
		at++;
	return at;
}

/* Most strings have nothing to escape, and are written at once. */
static void add_plain(struct buf *b, struct view v)
{
	char *room = buf_room(b, v.n + 2);

	if (!room)
		return;
	room[0] = '"';
	if (v.n > 0)
		memcpy(room + 1, v.p, v.n);
	room[v.n + 1] = '"';
	b->n += v.n + 2;
}

static void add_escape(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	switch (c) {
	case '"': buf_adds(b, "\\\""); break;
	case '\\': buf_adds(b, "\\\\"); break;
	case '\b': buf_adds(b, "\\b"); break;
	case '\f': buf_adds(b, "\\f"); break;
	case '\n': buf_adds(b, "\\n"); break;
	case '\r': buf_adds(b, "\\r"); break;
	case '\t': buf_adds(b, "\\t"); break;
	default:
		buf_adds(b, "\\u00");
		buf_addc(b, hex[c >> 4]);
		buf_addc(b, hex[c & 15]);
	}
}

void buf_add_json_string(struct buf *b, struct view v)
{
	size_t from = 0, at = next_escape(v, 0);

	if (at == v.n) {
		add_plain(b, v);
		return;
	}
	buf_addc(b, '"');
	for (; at < v.n; from = at + 1, at = next_escape(v, from)) {
		buf_add(b, view_make(v.p + from, at - from));
		add_escape(b, (unsigned char)v.p[at]);
	}
	buf_add(b, view_from(v, from));
	buf_addc(b, '"');
}

void buf_drop(struct buf *b, size_t n)
{
	if (n == 0)
		return;
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}
