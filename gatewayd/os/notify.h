/* The service manager's notification socket (sd_notify(3)). The socket is opened before confinement and kept. */
#ifndef GATEWAYD_OS_NOTIFY_H
#define GATEWAYD_OS_NOTIFY_H

/* Connects to $NOTIFY_SOCKET; does nothing without it. */
void notify_open(void);
/* "READY=1", "STOPPING=1", "RELOADING=1", "STATUS=…". Any thread. */
void notify(const char *state);

#endif
