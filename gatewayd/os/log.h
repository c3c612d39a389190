/* Lines on standard error, for the service manager's journal. Any thread. */
#ifndef GATEWAYD_OS_LOG_H
#define GATEWAYD_OS_LOG_H

#include "lib/base/view.h"

/* `gatewayd: level: text` and a newline, in one write(2); longer than 1,200 bytes is cut. Never a value of a record. */
void log_line(const char *level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
