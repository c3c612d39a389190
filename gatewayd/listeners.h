/* The sockets that gatewayd serves, bound by core before it spawns the edge. Main thread. */
#ifndef GATEWAYD_LISTENERS_H
#define GATEWAYD_LISTENERS_H

#include <sys/socket.h>

#include "gatewayd/edge_config.h"
#include "lib/base/error.h"

struct address {
	struct sockaddr_storage sa;
	socklen_t length;
};
/* "127.0.0.1:8443" or "[::1]:8443"; false: it is neither. */
bool address_parse(const char *text, struct address *out) MUST_USE;
/* "127.0.0.1:8443" or "[::1]:8443": a listening, non-blocking socket with SO_REUSEPORT; -1 on error. */
int listen_tcp(const char *address, struct error *e) MUST_USE;
/* Whether listen_tcp() could listen there, alone, without listening: REASON_IO where another program does or no interface has
 * the address, REASON_CONFIG where this account may not. `as_root`: root would listen in its place. */
bool try_tcp(const char *address, bool as_root, struct error *e) MUST_USE;
/* Whether somebody answers at the socket. */
bool served_unix(const char *path);
/* A listening UNIX socket that only its owner and group may use; replaces one that nobody serves. */
int listen_unix(const char *path, struct error *e) MUST_USE;

#endif
