/* Who asks, and which route answers: matches a complete request with the table of core/routes.c, which struct core hands
 * down, and admits it. The worker's thread. */
#ifndef GATEWAYD_CORE_SERVE_ROUTER_H
#define GATEWAYD_CORE_SERVE_ROUTER_H

#include "gatewayd/core/serve/rate.h"
#include "gatewayd/core/serve/worker.h"

#define ANY_ROLE (~0u)

struct route {
	const char *method;
	const char *path; /* "*" stands for one part, "**" at the end for all that follows */
	unsigned roles;   /* who may; 0: also the monitor listener, without a certificate */
	/* Answers the request or hands on a job that will. */
	void (*handle)(struct request *r);
	bool decides; /* its handler has it take turns itself, line by line (turns.h) */
	bool streams; /* also takes what is not complete yet (request.stream) */
	bool early;   /* also before this node serves: two gateways that start together still witness each other */
	bool open;    /* for any certificate of our authorities that is valid now: the request's peer may be NULL */
};

/* A complete request: finds out who asks and picks the route, which answers when it is its partner's turn (turns.h), at once
 * or after a commit; what needs no certificate, and what is refused, at once. */
void route_request(struct request *r);
/* Counts a read and answers false when whoever asks has had their share of this minute; all who are no partners have one
 * together. */
bool request_may_read(const struct request *r) MUST_USE;

/* Whose rates bind the request, which is routed. */
struct rated route_rated(const struct request *r);
/* Whether its partner has rates under its agreement, by the configuration that governs it now. */
void route_rates(struct request *r);
/* Whether the partner's rates let records of this request be decided now; answers what they do not (429). */
bool route_permits(struct request *r) MUST_USE;
/* The same of one more record of it, without an answer: else in how many seconds. */
bool route_may(const struct request *r, unsigned *retry_after_s) MUST_USE;
/* Counts what is decided of it, by the same rates. */
void route_count(const struct request *r, uint64_t records, uint64_t bytes);
/* The edge let in a peer whose certificate core itself could not verify: counted, and told once an hour. */
void router_unverified(struct worker *w, const struct error *why, int64_t now_ms);

#endif
