/* See screen.h. */
#include "gatewayd/ctl/screen.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/base/plain.h"

#define WIDTH       80
#define WIDTH_LEAST 40
#define WIDTH_MOST  200
#define CUT_LEAST   8 /* what a cut column keeps */

size_t screen_width(FILE *out)
{
	struct winsize size;

	if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return WIDTH;
	return size.ws_col < WIDTH_LEAST ? WIDTH_LEAST : size.ws_col > WIDTH_MOST ? WIDTH_MOST : size.ws_col;
}

size_t screen_columns(struct view text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
	return n;
}

static struct view next_word(struct view *rest, bool brackets)
{
	size_t at = 0, end;
	int depth = 0;

	while (at < rest->n && rest->p[at] == ' ')
		at++;
	for (end = at; end < rest->n && (rest->p[end] != ' ' || depth > 0); end++)
		if (brackets)
			depth += rest->p[end] == '[' ? 1 : rest->p[end] == ']' && depth > 0 ? -1 : 0;
	struct view word = view_make(rest->p + at, end - at);
	*rest = view_from(*rest, end);
	return word;
}

void screen_wrap(FILE *out, struct view text, size_t at, size_t indent, bool brackets)
{
	size_t width = screen_width(out);
	struct view word;
	bool first = true;

	while ((word = next_word(&text, brackets)).n > 0) {
		size_t n = screen_columns(word);
		if (!first && at + 1 + n > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', out);
			at++;
		}
		fwrite(word.p, 1, word.n, out);
		at += n;
		first = false;
	}
	fputc('\n', out);
}

/* --- tables --- */

#define TIME_SHORT 16 /* "2026-11-30 09:50" */

struct table {
	const struct screen_column *columns;
	size_t n, width; /* width 0: a pipe */
	size_t widths[SCREEN_COLUMNS];
	bool out[SCREEN_COLUMNS], short_times;
};

/* What another system wrote must not steer a terminal. */
static void put_plain(struct buf *out, const char *text)
{
	size_t from = out->n;

	buf_adds(out, text);
	if (out->n > from)
		plain_text(out->p + from, out->n - from);
}

bool screen_plain(FILE *out, struct view text)
{
	struct buf b = BUF_INIT(text.n + 1);
	bool ok;

	buf_add(&b, text);
	for (size_t at = 0; at < b.n; at++) {
		const char *end = memchr(b.p + at, '\n', b.n - at);
		size_t n = end ? (size_t)(end - b.p) - at : b.n - at;
		plain_text(b.p + at, n);
		at += n;
	}
	ok = !b.failed && (b.n == 0 || fwrite(b.p, 1, b.n, out) == b.n);
	buf_free(&b);
	return ok;
}

/* The code point at the head of UTF-8 text, and how many bytes it is; of those that plain_span() ends at. */
static unsigned code_point(struct view text, size_t *n)
{
	const unsigned char *p = (const unsigned char *)text.p;

	*n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : 3;
	if (*n > text.n)
		*n = text.n;
	return *n == 1   ? p[0]
	       : *n == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
	                 : (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
}

void screen_json(FILE *out, struct view text)
{
	while (text.n > 0) {
		size_t n = plain_span(text);
		fwrite(text.p, 1, n, out);
		text = view_from(text, n);
		if (text.n == 0)
			break;
		unsigned c = code_point(text, &n);
		if (c == '\n')
			fputc('\n', out);
		else
			fprintf(out, "\\u%04x", c);
		text = view_from(text, n);
	}
}

static void cell(const struct table *t, size_t k, const json_t *row, struct buf *out)
{
	const json_t *value = json_object_get(row, t->columns[k].member);
	const char *text = json_string_value(value);

	buf_reset(out);
	if (text && t->short_times && t->columns[k].kind == SCREEN_TIME && strlen(text) > TIME_SHORT && text[10] == 'T')
		buf_addf(out, "%.10s %.5s", text, text + 11);
	else if (text && text[0])
		put_plain(out, text);
	else if (json_is_integer(value))
		buf_addf(out, "%lld", (long long)json_integer_value(value));
	else
		buf_adds(out, json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-");
}

static void measure(struct table *t, const json_t *rows)
{
	struct buf text = BUF_INIT(1 << 16);
	const json_t *row;
	size_t i;

	for (size_t k = 0; k < t->n; k++)
		t->widths[k] = screen_columns(view_of(t->columns[k].head));
	json_array_foreach((json_t *)(uintptr_t)rows, i, row) for (size_t k = 0; k < t->n; k++)
	{
		cell(t, k, row, &text);
		size_t columns = screen_columns(buf_view(&text));
		if (columns > t->widths[k])
			t->widths[k] = columns;
	}
	buf_free(&text);
}

static size_t over(const struct table *t)
{
	size_t sum = 0;

	for (size_t k = 0; k < t->n; k++)
		sum += t->out[k] ? 0 : t->widths[k] + 1;
	return sum > t->width + 1 ? sum - t->width - 1 : 0;
}

static void fit(struct table *t, const json_t *rows)
{
	t->short_times = over(t) > 0;
	if (t->short_times)
		measure(t, rows);
	for (size_t k = t->n; k-- > 0 && over(t) > 0;)
		t->out[k] = t->columns[k].kind == SCREEN_MAY;
	for (size_t k = t->n; k-- > 0 && over(t) > 0;)
		if (t->columns[k].kind == SCREEN_CUT && t->widths[k] > CUT_LEAST) {
			size_t can = t->widths[k] - CUT_LEAST, much = over(t);
			t->widths[k] -= much < can ? much : can;
		}
}

/* The text in so many columns, cut with an ellipsis or padded. */
static void print_cell(FILE *out, struct view text, size_t width, bool last)
{
	size_t n = screen_columns(text), keep = n > width ? width - 1 : n, bytes = 0;

	for (size_t seen = 0; bytes < text.n; bytes++)
		if (((unsigned char)text.p[bytes] & 0xc0) != 0x80 && seen++ == keep)
			break;
	fprintf(out, "%.*s%s", (int)bytes, text.p, n > width ? "…" : "");
	if (!last)
		fprintf(out, "%*s ", (int)(width - (n > width ? width : n)), "");
}

static void print_row(FILE *out, const struct table *t, const json_t *row)
{
	struct buf text = BUF_INIT(1 << 16);
	size_t last = t->n - 1;

	while (last > 0 && t->out[last])
		last--;
	for (size_t k = 0; k < t->n; k++) {
		if (t->out[k])
			continue;
		if (row)
			cell(t, k, row, &text);
		print_cell(out, row ? buf_view(&text) : view_of(t->columns[k].head), t->widths[k], k == last);
	}
	fputc('\n', out);
	buf_free(&text);
}

void screen_table_in(FILE *out, size_t width, const struct screen_column *columns, size_t n, const json_t *rows)
{
	struct table t = { .columns = columns, .n = n, .width = width };
	const json_t *row;
	size_t i;

	measure(&t, rows);
	if (width > 0)
		fit(&t, rows);
	print_row(out, &t, NULL);
	json_array_foreach((json_t *)(uintptr_t)rows, i, row) print_row(out, &t, row);
}

void screen_table(FILE *out, const struct screen_column *columns, size_t n, const json_t *rows)
{
	screen_table_in(out, isatty(fileno(out)) ? screen_width(out) : 0, columns, n, rows);
}
