/* See log.h. */
#include "gatewayd/os/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void log_line(const char *level, const char *fmt, ...)
{
	char line[1200];
	va_list ap;
	int n = snprintf(line, sizeof line, "gatewayd: %s: ", level);

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
	va_end(ap);
	size_t length = strlen(line);
	line[length] = '\n';
	(void)!write(STDERR_FILENO, line, length + 1);
}
