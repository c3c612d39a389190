/* Couriers: what waits in the store to be sent to partners' gateways goes there, and is tried again, later each time, until
 * it arrived, was refused for good, or is given up. One machine for every kind of it (deliveries of records, notices); what
 * a kind sends, what an answer means and what is written of it is its table.
 *
 *   due ─▶ sent ─▶ answered ─▶ its job ─▶ gone, or due again later
 *
 * Each worker serves those whose number leaves its index when divided by the number of workers, over its own channel, and
 * only so many at once. The worker's thread, but for write(). */
#ifndef GATEWAYD_CORE_SERVE_COURIER_H
#define GATEWAYD_CORE_SERVE_COURIER_H

#include "gatewayd/core/context/act.h"
#include "gatewayd/core/serve/post.h"

struct courier;

/* What a row in the store says of one that is due. */
struct courier_due {
	uint64_t id; /* of its kind */
	uint32_t attempts;
	int64_t deadline_ms; /* INT64_MAX: the kind knows when it gives up */
};

/* One that is under way: the first member, named `parcel`, of what its kind keeps of it. */
struct parcel {
	struct job job; /* first */
	struct courier *courier;
	struct worker *worker;
	struct courier_due due;
	struct post post; /* the kind sets the answer's ceiling and, before it sends, the body */
	int64_t now_ms;   /* of its answer, set by judge(): the act's of write() */
	UT_hash_handle hh;
};
#define PARCEL_OF(type, p) FIRST_OF(type, parcel, struct parcel, p)

/* False: enough. */
typedef bool courier_each(void *arg, const struct courier_due *due);

struct courier_kind {
	const char *name; /* for log lines */
	unsigned most;    /* under way at once, of a worker */
	/* Calls `each` for what is due at `now_ms`, earliest first, at most `max`. */
	bool (*due)(struct store *reader, int64_t now_ms, unsigned max, courier_each *each, void *arg, struct error *e);
	/* Makes a zeroed one but for worker and due; NULL: no memory, and it is due again at the next look. */
	struct parcel *(*make)(struct worker *w, const struct courier_due *due);
	/* Reads what is to be sent and sends it by post_send(). False: it cannot be sent now, and is judged at once. */
	bool (*send)(struct parcel *p);
	/* What the answer, or that none came, means; sets now_ms. */
	void (*judge)(struct parcel *p);
	/* The writer's thread, inside the job's run(): writes how it ended, or when it is due again. May be called twice. */
	bool (*write)(struct parcel *p, struct act *a, struct error *e);
	/* Lets go of what make() made and send() left, but for the post. */
	void (*free)(struct parcel *p);
};

/* `kind` outlives it. NULL: no memory. */
struct courier *courier_new(struct worker *w, const struct courier_kind *kind) MUST_USE;
/* As tick and free of a part (worker.h). NULL is fine to free. */
void courier_free(void *courier);
/* Looks for what is due. Called often. */
void courier_tick(void *courier);

#endif
