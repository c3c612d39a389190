/* Core's lines on standard error (gatewayd/journal.h). Any thread. */
#ifndef GATEWAYD_OS_LOG_H
#define GATEWAYD_OS_LOG_H

#include "gatewayd/journal.h"
#include "lib/base/view.h"

/* `level` is one of journal.h's names. Never a value of a record. */
void log_line(const char *level, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same with fields, which the plain form leaves out: the text says all that matters by itself. */
void log_event(const char *level, const struct journal_field *fields, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
