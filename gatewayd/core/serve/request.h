/* A partner's connection and its requests, as the edge's frames report them: from HEAD until the answer has left.
 * The worker's thread. */
#ifndef GATEWAYD_CORE_SERVE_REQUEST_H
#define GATEWAYD_CORE_SERVE_REQUEST_H

#include <sys/queue.h>
#include <uthash.h>

#include "gatewayd/core/conf/conf.h"
#include "lib/base/buf.h"

struct account;
struct request;
struct route;
struct share;
struct shown;
struct worker;

/* What became of a try to go on with a request (turns.h). */
enum turn {
	TURN_MORE,    /* something was begun, and more is to be */
	TURN_BLOCKED, /* nothing can be begun before something else has ended */
	TURN_OVER     /* all is begun: turns_leave() was called, and the request may be gone */
};

/* Who may keep the answer, which never changes: nobody, since it may; anybody; whoever asked. */
enum keeps { KEEPS_NOBODY, KEEPS_FOR_GOOD, KEEPS_ITS_READER };

/* A partner's connection, as the edge reported it. */
struct conn {
	uint64_t id;
	bool known;   /* the certificate verifies; once it does not it is so for good: conn_judge() */
	bool monitor; /* plain HTTP on loopback: health only */
	struct cert_id cert;
	struct shown *shown; /* NULL: did not verify */
	/* What standing_judge() found when it looked last, and that the edge was told to end it. */
	bool was_partner, was_bound, ending;
	uint32_t refs; /* requests under way */
	uint32_t live; /* of those, that the edge has not given up */
	bool closed;
	struct account *account; /* whose memory its requests take; NULL: not looked for yet */
	uint64_t generation;     /* of the conf by which it was found */
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
	struct view content_type, content_digest, key, accept, traceparent;
	uint64_t length; /* of the body; CHANNEL_CHUNKED: as much as comes */
	struct buf body;
	int64_t head_us, whole_us; /* monotonic: when its head was found, when all of it */
	uint32_t credit_given;     /* bytes of body that the edge may still send */
	bool head_only;            /* HEAD: answered as GET is, without the body */
	enum keeps keeps;          /* of a 200; its handler says so before it answers */
	bool complete, aborted, answered;
	bool stream; /* its body is of any length and is handled as it comes (answer.h) */
	bool begun_answer, ends_answer;
	bool dirty;                       /* answer_add() had something to send since the last turn */
	void (*go_on)(struct request *r); /* of a stream: body, room for results, or a tick of the clock has come */
	bool rated;                       /* its answer says how much of its partner's rates is left */
	unsigned retry_after_s;           /* when they let it pass; 0: now */
	/* turns.h */
	struct account *account;  /* NULL: a monitor's, which is not counted */
	uint64_t held, line_held; /* bytes of the budget: its own, and of its one line */
	bool waits;               /* for room */
	bool begun;               /* something of it was decided */
	int64_t wait_until_ms;    /* monotonic: when it is turned away unless it was begun */
	enum turn (*step)(struct request *r, uint64_t *cost); /* begins the next piece of work; NULL: is in no queue */
	const struct route *route;                            /* whose handler it waits for; NULL: for none */
	struct share *share;
	TAILQ_ENTRY(request) turn;
	struct buf out; /* answer bytes that wait for credit */
	size_t out_at;
	uint32_t out_credit;
	/* What its handler keeps with it until it is answered, and how that is let go if it never is. */
	void *work;
	void (*drop_work)(void *work);
	struct request *next_free, *next_dirty;
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
/* Keeps a HEAD frame's head (channel.h) in r->head and sets the views into it; *body is a view of the frame: what came of the
 * body with it. False: it is no head, or no memory. */
bool request_read_head(struct request *r, struct view frame, struct view *body) MUST_USE;
/* The request is over: answered in full, or given up. */
void request_release(struct request *r);
/* The edge has given it up: nothing of an answer is sent any more. */
void request_abort(struct request *r);
/* Frees the memory of requests that are over, but for so many. */
void requests_forget(struct worker *w, unsigned kept);
/* All of the worker's, when it ends. */
void requests_free(struct worker *w);

/* Whose turn its jobs take in the writer's queue; NULL: the node's own. */
struct lane *request_lane(const struct request *r);
/* Whether the body says that it is of this media type. */
bool request_media_is(const struct request *r, const char *want);
/* The k-th part of the path, from 0 ("v1"); empty when there is none. */
struct view request_path_part(const struct request *r, unsigned k);
/* Value of a query parameter; empty when it is not there. */
struct view request_query(const struct request *r, const char *name);

#endif
