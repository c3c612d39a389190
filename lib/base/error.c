/* See error.h. */
#include "lib/base/error.h"

#include <stdarg.h>
#include <string.h>

#include "lib/base/plain.h"

static bool set(struct error *e, enum reason reason, const char *where, uint32_t line, uint32_t column, const char *fmt,
                va_list ap) PRINTF_LIKE(6, 0);

static bool set(struct error *e, enum reason reason, const char *where, uint32_t line, uint32_t column, const char *fmt,
                va_list ap)
{
	if (!e || e->reason != REASON_NONE)
		return false;
	e->reason = reason;
	e->line = line;
	e->column = column;
	snprintf(e->where, sizeof e->where, "%s", where ? where : "");
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	return false;
}

bool error_set(struct error *e, enum reason reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(e, reason, NULL, 0, 0, fmt, ap);
	va_end(ap);
	return false;
}

bool error_at(struct error *e, enum reason reason, const char *where, uint32_t line, uint32_t column, const char *fmt,
              ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(e, reason, where, line, column, fmt, ap);
	va_end(ap);
	return false;
}

const char *error_print(const struct error *e, char *out, size_t size)
{
	if (e->line)
		snprintf(out, size, "%s%s%u:%u: %s", e->where, e->where[0] ? ":" : "", e->line, e->column, e->text);
	else
		snprintf(out, size, "%s%s%s", e->where, e->where[0] ? ": " : "", e->text);
	if (size > 0)
		plain_text(out, strlen(out));
	return out;
}

bool error_list_add(struct error_list *l, const struct error *e)
{
	size_t max = l->max ? l->max : 100;

	if (l->n >= max) {
		l->dropped++;
		return false;
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		struct error *items = realloc(l->items, cap * sizeof *items);
		if (!items) {
			l->dropped++;
			return false;
		}
		l->items = items;
		l->cap = cap;
	}
	l->items[l->n++] = *e;
	return false;
}

bool error_list_addf(struct error_list *l, enum reason reason, const char *where, uint32_t line, uint32_t column,
                     const char *fmt, ...)
{
	struct error e = { .reason = REASON_NONE };
	va_list ap;

	va_start(ap, fmt);
	set(&e, reason, where, line, column, fmt, ap);
	va_end(ap);
	return error_list_add(l, &e);
}

void error_list_free(struct error_list *l)
{
	free(l->items);
	*l = (struct error_list){ .max = l->max };
}
