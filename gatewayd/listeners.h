/* The sockets that gatewayd serves, bound by core before it spawns the edge. Main thread. */
#ifndef GATEWAYD_LISTENERS_H
#define GATEWAYD_LISTENERS_H

#include "gatewayd/edge_config.h"
#include "lib/base/error.h"

/* "127.0.0.1:8443" or "[::1]:8443": a listening, non-blocking socket with SO_REUSEPORT; -1 on error. */
int listen_tcp(const char *address, struct error *e) MUST_USE;
/* Whether the address is a loopback one; monitors take no other. */
bool address_is_loopback(const char *address);
/* A listening UNIX socket that only its owner and group may use; replaces one that nobody serves. */
int listen_unix(const char *path, struct error *e) MUST_USE;

#endif
