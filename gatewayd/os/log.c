/* See log.h. */
#include "gatewayd/os/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static void say(const char *name, const struct journal_field *fields, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);

static void say(const char *name, const struct journal_field *fields, const char *fmt, va_list ap)
{
	enum journal_level level = JOURNAL_ERROR;
	char text[1200], before[40];
	bool known = journal_level_find(view_of(name), &level);

	assert(known);
	(void)known;
	if (!journal_takes(level))
		return;
	snprintf(before, sizeof before, "gatewayd: %s: ", name);
	vsnprintf(text, sizeof text, fmt, ap);
	journal_write(level, before, text, fields);
}

void log_line(const char *level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(level, NULL, fmt, ap);
	va_end(ap);
}

void log_event(const char *level, const struct journal_field *fields, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(level, fields, fmt, ap);
	va_end(ap);
}
