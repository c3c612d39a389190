/* Names to addresses, without files: an address as it stands, then the hosts text of the configuration, then
 * DNS by libevent's evdns over the configured name servers. One thread's, as its event base is. */
#ifndef GATEWAYD_EDGE_RESOLVE_H
#define GATEWAYD_EDGE_RESOLVE_H

#include <stdint.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "lib/base/view.h"

#define RESOLVE_MAX 8 /* addresses of a name that are tried */

struct addresses {
	int n;
	struct sockaddr_storage items[RESOLVE_MAX];
};

struct resolver;
struct lookup;

/* `hosts` and `nameservers` as in edge_config.h; they must outlive the resolver. NULL: no memory. */
struct resolver *resolver_new(struct event_base *base, struct view hosts, struct view nameservers) MUST_USE;
/* Calls back what is under way, with no addresses. */
void resolver_free(struct resolver *r);

typedef void resolve_fn(void *arg, const struct addresses *found);

/* True: *found is the answer (n may be 0), nothing is called back. False: `done` will be called once, and
 * *lookup stands for it until then. */
bool resolve(struct resolver *r, const char *host, uint16_t port, struct addresses *found, resolve_fn *done, void *arg,
             struct lookup **lookup);
/* `done` will not be called. NULL is allowed. */
void resolve_cancel(struct lookup *l);

#endif
