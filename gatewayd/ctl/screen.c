/* See screen.h. */
#include "gatewayd/ctl/screen.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

void screen_cell(struct screen_table *t, const char *text)
{
	if (t->n_cells == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		char **cells = realloc(t->cells, cap * sizeof *cells);
		if (!cells) {
			t->failed = true;
			return;
		}
		t->cells = cells;
		t->cap = cap;
	}
	char *copy = strdup(text && text[0] ? text : "-");
	if (copy)
		t->cells[t->n_cells++] = copy;
	else
		t->failed = true;
}

void screen_cellf(struct screen_table *t, const char *form, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, form);
	vsnprintf(text, sizeof text, form, ap);
	va_end(ap);
	screen_cell(t, text);
}

static size_t total(const size_t *widths, size_t n)
{
	size_t sum = n - 1;

	for (size_t i = 0; i < n; i++)
		sum += widths[i];
	return sum;
}

static void fit(const struct screen_table *t, size_t *widths, size_t width)
{
	size_t at = t->gives;

	for (size_t tries = 0; tries <= t->n_columns && total(widths, t->n_columns) > width; tries++) {
		size_t over = total(widths, t->n_columns) - width,
		       can = widths[at] > CUT_LEAST ? widths[at] - CUT_LEAST : 0;
		widths[at] -= over < can ? over : can;
		at = tries == 0 ? t->n_columns - 1 : at > 0 ? at - 1 : 0;
	}
}

/* The text in so many columns, cut with an ellipsis or padded. */
static void print_cell(FILE *out, const char *text, size_t width, bool last)
{
	size_t n = screen_columns(view_of(text)), keep = n > width ? width - 1 : n, bytes = 0;

	for (size_t seen = 0; text[bytes]; bytes++)
		if (((unsigned char)text[bytes] & 0xc0) != 0x80 && seen++ == keep)
			break;
	fprintf(out, "%.*s%s", (int)bytes, text, n > width ? "…" : "");
	if (!last)
		fprintf(out, "%*s ", (int)(width - (n > width ? width : n)), "");
}

void screen_print(struct screen_table *t, FILE *out)
{
	size_t widths[SCREEN_COLUMNS], n = t->n_columns;

	for (size_t k = 0; k < n; k++)
		widths[k] = screen_columns(view_of(t->heads[k]));
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t columns = screen_columns(view_of(t->cells[i]));
		if (columns > widths[i % n])
			widths[i % n] = columns;
	}
	if (isatty(fileno(out)))
		fit(t, widths, screen_width(out));
	for (size_t k = 0; k < n; k++)
		print_cell(out, t->heads[k], widths[k], k + 1 == n);
	fputc('\n', out);
	for (size_t i = 0; i < t->n_cells; i++) {
		print_cell(out, t->cells[i], widths[i % n], i % n + 1 == n);
		if (i % n + 1 == n)
			fputc('\n', out);
		free(t->cells[i]);
	}
	if (t->failed)
		fputs("gatewayctl: memory ran out: rows are missing\n", stderr);
	free(t->cells);
	*t = (struct screen_table){ .n_columns = 0 };
}
