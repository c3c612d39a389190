/* A worker: one thread, one channel, one event loop. It assembles requests from frames, decides and
 * transforms, hands jobs to the writer and answers when they come home. It never waits for a commit.
 * Everything here belongs to the worker's thread; the conf and core are shared and immutable. */
#ifndef GATEWAYD_CORE_SERVE_WORKER_H
#define GATEWAYD_CORE_SERVE_WORKER_H

#include <event2/event.h>
#include <sys/queue.h>
#include <uthash.h>

#include "gatewayd/channel.h"
#include "gatewayd/core/commit/job.h"
#include "gatewayd/core/context/context.h"
#include "gatewayd/core/serve/request.h"
#include "gatewayd/core/serve/scratch.h"
#include "gatewayd/edge_counts.h"
#include "gatewayd/os/latency.h"

struct decider;
struct post;
TAILQ_HEAD(request_queue, request);
TAILQ_HEAD(share_queue, share);
struct shown_table;
struct prover;

/* What runs on a worker beside its requests. core/parts.c has the table; struct core hands it down. */
struct part {
	void *(*make)(struct worker *w); /* NULL: no memory */
	void (*tick)(void *part);        /* NULL: does nothing by itself. Ten times a second */
	void (*free)(void *part);
	bool first_only;                     /* only the first worker has one */
	bool early;                          /* ticks once before the worker's thread runs */
	bool (*ready)(const struct core *c); /* NULL: ticks from the start; else from when this is true */
};
#define WORKER_PARTS 10

/* How long stages of a record's way take that this thread sees. */
struct worker_took {
	struct latency read;     /* from a request's head until its body is whole */
	struct latency decide;   /* a record's decision */
	struct latency answer;   /* from the commit of a record's decision until its answer is made */
	struct latency request;  /* from a whole request until its answer is handed to the edge */
	struct latency delivery; /* from a request to a partner's gateway until its answer */
};

struct worker {
	struct core *core;
	unsigned index;
	pthread_t thread;
	struct event_base *base;
	struct channel *channel;
	struct event *readable, *writable, *came_home, *tick, *more;
	_Atomic int64_t stop_by; /* monotonic; 0: goes on */
	struct home *home;
	struct store *reader;
	struct conn *conns;       /* by id */
	struct request *requests; /* by id */
	struct request *free_requests;
	unsigned n_free_requests;
	uint32_t n_open;              /* connections that the edge has open */
	struct request *dirty;        /* streams whose answers have more to send */
	struct request_queue waiting; /* for room; in the order in which they came */
	struct share_queue shares;    /* of partners with work to begin; whose turn it is, first */
	uint32_t wait_ms;             /* how long a request waits at most, by the conf that was seen last */
	uint32_t body_bytes;          /* of a body of unknown length, at most; by the same */
	uint64_t generation;          /* of that */
	bool broken;                  /* the edge broke the rules of the channel */
	unsigned quiet;               /* ticks without a request */
	struct scratch scratch;
	struct shown_table *shown; /* certificates of its connections */
	struct post *posts;        /* requests to partners that are under way, by id */
	uint64_t last_post;
	struct prover *prover;     /* of what couriers send; NULL: nothing was sent yet */
	struct decider *decider;   /* the exchange room's; set by its part */
	void *parts[WORKER_PARTS]; /* by place in core->parts; NULL: another worker's */
	uint64_t edge_generation;  /* of the conf that the edge was sent */
	int64_t turn_us;           /* monotonic: when the frames that are being handled were found */
	struct worker_took took;
	int64_t judge_ms;           /* monotonic: when open connections are judged again */
	uint64_t judged_generation; /* by which conf they were */
	/* For other threads: that this one runs and its edge thread too (monotonic), and what that one has counted. */
	_Atomic int64_t ticked_ms, edge_seen_ms;
	_Atomic uint64_t edge_counts[EDGE_COUNTS_N];
};

struct worker *worker_new(struct core *core, unsigned index, int channel_fd, struct error *e) MUST_USE;
bool worker_start(struct worker *w, struct error *e) MUST_USE;
void worker_join(struct worker *w);
void worker_free(struct worker *w);
/* Ends the worker's loop once every request that came whole is answered, in any case after some seconds. Any thread. */
void worker_stop(struct worker *w);
/* Tells the edge, once the worker has ended, that nothing comes after what was sent. */
void worker_hang_up(struct worker *w);

/* Writes what the channel has queued; every turn of the loop ends with it. */
void worker_flush(struct worker *w);

#endif
