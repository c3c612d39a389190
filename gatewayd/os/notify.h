/* The service manager's notification socket (sd_notify(3)). The socket is opened before confinement and kept. */
#ifndef GATEWAYD_OS_NOTIFY_H
#define GATEWAYD_OS_NOTIFY_H

#include <stdint.h>

/* Connects to $NOTIFY_SOCKET; does nothing without it. */
void notify_open(void);
/* How often the service manager wants to hear WATCHDOG=1, as $WATCHDOG_USEC says; 0: it does not. After notify_open(). */
int64_t notify_watchdog_ms(void);
/* "READY=1", "STOPPING=1", "RELOADING=1", a constant. Never waits: what the manager cannot take now is told again by
 * notify_again(), unless things stand otherwise by then. Any thread. */
void notify(const char *state);
/* Now and then: tells how things stand, if the manager has not taken it yet. Any thread. */
void notify_again(void);
/* "WATCHDOG=1", unless the manager has not taken the last ones yet: nothing waits for that. Any thread. */
void notify_alive(void);

#endif
