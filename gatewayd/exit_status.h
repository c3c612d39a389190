/* What the service manager is told at the end: whether starting again may help. */
#ifndef GATEWAYD_EXIT_STATUS_H
#define GATEWAYD_EXIT_STATUS_H

#include "lib/base/error.h"

#define EXIT_CONFIG 78 /* EX_CONFIG of sysexits.h: the unit is not started again */

/* 1 where the machine was short of something or somebody else was in the way (memory, descriptors, room, a failing disk,
 * keys or store in use), which may pass; EXIT_CONFIG for everything else: a person must mend the configuration, or look at a
 * store that is not the one that was signed. Any thread. */
int exit_status(enum reason reason);
/* EXIT_CONFIG where one of them asks for it. */
int exit_status_of(const struct error_list *errors);

#endif
