/* gatewayd --sandbox: a gateway to try a client on, with nothing set up. One agency, `north`, whose partner, `east`, is made up and
 * has no gateway: its system posts records here, and north's system fetches them. Everything lies in a folder of its own, in memory
 * where there is room, and goes with the process. Main thread. */
#ifndef GATEWAYD_SANDBOX_H
#define GATEWAYD_SANDBOX_H

/* Makes it, serves, and prints on standard output what to paste into a shell, until SIGINT, SIGTERM or SIGHUP; then removes it.
 * `port` of 127.0.0.1: 0 takes a free one. The status to end with: 0, or 1 after an error on standard error. */
int sandbox_run(unsigned port);

#endif
