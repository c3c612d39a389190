/* Who asks, and which route answers: matches a complete request with the table of core/routes.c, which struct core hands
 * down, and admits it. The worker's thread. */
#ifndef GATEWAYD_CORE_SERVE_ROUTER_H
#define GATEWAYD_CORE_SERVE_ROUTER_H

#include "gatewayd/core/serve/worker.h"

#define ANY_ROLE (~0u)

struct route {
	const char *method;
	const char *path; /* "*" stands for one part, "**" at the end for all that follows */
	unsigned roles;   /* who may; 0: also the monitor listener, without a certificate */
	/* Answers the request or hands on a job that will. */
	void (*handle)(struct request *r);
	bool early; /* also before this node serves: two gateways that start together still witness each other */
};

/* A complete request: finds out who asks, picks the route, answers (now or after a commit). */
void route_request(struct request *r);
/* The edge let in a peer whose certificate core itself could not verify: counted, and told once an hour. */
void router_unverified(struct worker *w, const struct error *why, int64_t now_ms);

#endif
