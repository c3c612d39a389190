/* One request to a partner's gateway over the edge's outbound client: the head, the body as credit allows, the
 * answer collected up to a ceiling, and one call when it ended, whatever became of it. The edge holds the
 * deadline and always answers. A post lies in its owner's memory; everything here is the worker's thread. */
#ifndef GATEWAYD_CORE_SERVE_POST_H
#define GATEWAYD_CORE_SERVE_POST_H

#include "gatewayd/core/serve/worker.h"

struct post_head {
	const struct partner *to; /* has an endpoint; not looked at after post_send() */
	const char *method, *target;
	const char *content_type; /* of the body */
	const char *key;          /* Idempotency-Key; NULL: none */
	const char *traceparent;  /* NULL: none */
	uint32_t deadline_ms;     /* from now on, for all of it */
	bool plain;               /* HTTP without TLS or pins: never for a record */
	bool repeatable;          /* without a key, too, it does once what it does twice */
};

struct post {
	/* The owner's, zeroed but for what it sets before post_send(). */
	struct view body;         /* stays until ended(); empty: none is sent */
	void (*ended)(void *arg); /* may send the same post again, or free its owner */
	void *arg;
	/* Read in ended(). */
	int status;        /* 0: no whole answer came, and `problem` says why */
	struct buf answer; /* the owner sets its ceiling; a longer answer is none */
	char problem[160];
	/* post.c's. */
	struct worker *worker; /* NULL: not under way */
	uint64_t id;
	size_t sent;
	uint32_t credit;
	uint32_t taken; /* bytes of the answer since credit was given */
	UT_hash_handle hh;
};

/* False: it cannot be sent (`problem` says why) and ended() is not called. */
bool post_send(struct worker *w, struct post *p, const struct post_head *head) MUST_USE;
/* Nothing of it is waited for any more; frees the answer. A zeroed post is fine. */
void post_drop(struct post *p);
/* The same, and the edge lets go of it: what of it was not sent is not sent any more. */
void post_abort(struct post *p);
/* How long to wait after so many attempts that failed: at random up to a bound that doubles each time, so that what failed
 * together does not come back together; never over the node's longest. */
int64_t post_wait_ms(const struct node *n, uint32_t attempts);
/* A frame whose id has CHANNEL_OUTBOUND. */
void post_frame(struct worker *w, const struct frame *f);

#endif
