/* A worker: one thread, one channel, one event loop. It assembles requests from frames, decides and
 * transforms, hands jobs to the writer and answers when they come home. It never waits for a commit.
 * Everything here belongs to the worker's thread; the conf and core are shared and immutable. */
#ifndef GATEWAYD_CORE_WORKER_H
#define GATEWAYD_CORE_WORKER_H

#include <event2/event.h>
#include <uthash.h>

#include "gatewayd/channel.h"
#include "gatewayd/core/core.h"
#include "lib/json/member_order.h"
#include "lib/json/tape.h"
#include "lib/policy/decision.h"
#include "lib/tlog/entry.h"

struct asking;
struct checking;
struct exchange;
struct notices;
struct outbox;
struct post;
struct stamping;

/* A partner's connection, as the edge reported it. */
struct conn {
	uint64_t id;
	bool known;   /* the certificate could be read */
	bool monitor; /* plain HTTP on loopback: health only */
	struct cert_id cert;
	uint32_t refs; /* requests under way */
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
	/* Exchanges under way for this request (one, or one a line of NDJSON). */
	struct exchange **lines;
	unsigned n_lines, pending;
	struct request *next_free;
	UT_hash_handle hh;
};

/* Scratch memory that one exchange after another uses. */
struct scratch {
	struct tape_parser *envelope, *output, *entry;
	struct schema_run *schema_run;
	struct transform_run *transform_run;
	struct gcm *gcm;
	struct member_order order;
	struct buf record; /* what leaves */
	struct buf text;   /* decoded origin.entry and other small things */
	struct buf proof;
};

/* False: no memory; closed all the same. */
bool scratch_open(struct scratch *s) MUST_USE;
/* Overwrites what it holds of records; at the end of each turn. Small buffers are kept. */
void scratch_clear(struct scratch *s);
void scratch_close(struct scratch *s);

struct worker {
	struct core *core;
	unsigned index;
	pthread_t thread;
	struct event_base *base;
	struct channel *channel;
	struct event *readable, *writable, *came_home, *tick;
	_Atomic int64_t stop_by; /* monotonic; 0: goes on */
	struct home *home;
	struct store *reader;
	struct conn *conns;       /* by id */
	struct request *requests; /* by id */
	struct request *free_requests;
	struct exchange *free_exchanges;
	struct scratch scratch;
	struct post *posts; /* requests to partners that are under way, by id */
	uint64_t last_post;
	struct outbox *outbox;
	struct notices *notices;
	struct asking *asking;     /* the first worker's; NULL: another one's */
	struct checking *checking; /* likewise */
	struct stamping *stamping; /* likewise */
	uint64_t edge_generation;  /* of the conf that the edge was sent */
	uint64_t read_window;      /* minute of the counts below */
	uint32_t *reads;           /* by partner of the current conf */
	uint64_t reads_generation;
	size_t n_reads;
};

struct worker *worker_new(struct core *core, unsigned index, int channel_fd, struct error *e) MUST_USE;
bool worker_start(struct worker *w, struct error *e) MUST_USE;
void worker_join(struct worker *w);
void worker_free(struct worker *w);
/* Ends the worker's loop once every request that came whole is answered, in any case after some seconds. Any thread. */
void worker_stop(struct worker *w);
/* Tells the edge, once the worker has ended, that nothing comes after what was sent. */
void worker_hang_up(struct worker *w);

/* The request is over: answered in full, or given up. */
void worker_release(struct request *r);
/* Writes what the channel has queued; every turn of the loop ends with it. */
void worker_flush(struct worker *w);
/* Counts a read of `p` and answers false when it has had its share of this minute. */
bool worker_may_read(struct worker *w, const struct conf *conf, const struct partner *p, int64_t now_ms);

#endif
