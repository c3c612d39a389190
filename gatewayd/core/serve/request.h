/* A partner's connection and its requests, as the edge's frames report them: from HEAD until the answer has left.
 * The worker's thread. */
#ifndef GATEWAYD_CORE_SERVE_REQUEST_H
#define GATEWAYD_CORE_SERVE_REQUEST_H

#include <uthash.h>

#include "gatewayd/core/conf/conf.h"
#include "lib/base/buf.h"

struct shown;
struct worker;

/* A partner's connection, as the edge reported it. */
struct conn {
	uint64_t id;
	bool known;   /* the certificate verifies; once it does not it is so for good: conn_judge() */
	bool monitor; /* plain HTTP on loopback: health only */
	struct cert_id cert;
	struct shown *shown; /* NULL: did not verify */
	uint32_t refs;       /* requests under way */
	bool closed;
	UT_hash_handle hh;
};

/* One HTTP request, from HEAD until its answer has left. */
struct request {
	uint64_t id;
	struct worker *worker;
	struct conn *conn;
	struct conf *conf;          /* governs this request from start to end */
	const struct partner *peer; /* NULL until routed */
	int64_t now_ms;             /* when the request was complete: judges everything */
	struct buf head;            /* method, target and fields; the views below look into it */
	struct view method, target, path, query;
	struct view content_type, content_digest, key, accept;
	uint64_t length;
	struct buf body;
	uint32_t credit_given; /* bytes of body that the edge may still send */
	bool complete, aborted, answered;
	struct buf out; /* answer bytes that wait for credit */
	size_t out_at;
	uint32_t out_credit;
	/* What its handler keeps with it until it is answered, and how that is let go if it never is. */
	void *work;
	void (*drop_work)(void *work);
	struct request *next_free;
	UT_hash_handle hh;
};

/* The connection with this id of the worker's; NULL: there is none. */
struct conn *conn_find(struct worker *w, uint64_t id);
/* It is known no longer where its certificate does not verify by this configuration. Before anything is decided by it. */
void conn_judge(struct conn *c, const struct conf *conf, int64_t now_ms);
/* Forgets it when the edge has closed it and no request is under way. */
void conn_drop(struct worker *w, struct conn *c);

/* A request without a head. NULL: no memory. */
struct request *request_new(struct worker *w, uint64_t id, struct conn *conn) MUST_USE;
struct request *request_find(struct worker *w, uint64_t id);
/* Sets the views into r->head. False: it is no head, or its body is longer than REQUEST_BODY_MAX. */
bool request_read_head(struct request *r) MUST_USE;
/* The request is over: answered in full, or given up. */
void request_release(struct request *r);
/* All of the worker's, when it ends. */
void requests_free(struct worker *w);

/* Whether the body says that it is of this media type. */
bool request_media_is(const struct request *r, const char *want);
/* The k-th part of the path, from 0 ("v1"); empty when there is none. */
struct view request_path_part(const struct request *r, unsigned k);
/* Value of a query parameter; empty when it is not there. */
struct view request_query(const struct request *r, const char *name);

#endif
