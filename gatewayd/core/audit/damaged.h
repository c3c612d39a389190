/* What is damaged in the store while the daemon serves: looked for by the thread that verifies the log, told in the log file and
 * counted, and an entry `incident` of each exchange, no more than one an hour. */
#ifndef GATEWAYD_CORE_AUDIT_DAMAGED_H
#define GATEWAYD_CORE_AUDIT_DAMAGED_H

#include "gatewayd/core/context/context.h"

/* Tells of one: in the log file, and as an incident, unless that was done within the hour. `what` is a sentence without a value of a
 * record. Any thread. */
void damaged_found(struct core *c, const struct uuid *exchange, const char *what);
/* Looks at every payload. `pause` is called between parts with the time that the last one took, microseconds; false: stop.
 * False: the store could not be read, or it was stopped. */
bool damaged_look(struct core *c, struct store *reader, bool (*pause)(void *arg, int64_t worked_us), void *arg,
                  struct error *e) MUST_USE;

#endif
