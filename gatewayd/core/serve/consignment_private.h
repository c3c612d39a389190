/* One request under way to a recipient, in one place of its (neighbour.h): a parcel by itself as JSON, or many of one target as
 * lines of NDJSON, each with its key, answered by a line each. Every parcel is judged by its own result, as if it had been sent
 * alone. A request that has no result for each was in vain: the same parcels are sent in halves, down to one, which is judged
 * whatever comes; and one whose form the recipient does not take is sent one by one from then on.
 *
 *   open ─▶ sent ─▶ answered ─▶ over                        the first of those that are left, at most `most`, are sent
 *            ▲          │
 *            └──────────┘ some are left: in the same place, one request after another
 *
 * Of one case of a flow no two are due at once (store/outbox.h), so none overtakes another, here or beside. The worker's thread. */
#ifndef GATEWAYD_CORE_SERVE_CONSIGNMENT_PRIVATE_H
#define GATEWAYD_CORE_SERVE_CONSIGNMENT_PRIVATE_H

#include "gatewayd/core/serve/courier.h"

#define CONSIGNMENT_BYTES (1u << 20) /* of one request, unless it is of one parcel */

struct consignment {
	const struct courier_kind *kind;
	struct worker *worker;
	struct neighbour *neighbour;
	/* The courier's: the request was answered, or not (status 0), by this status; a parcel has its answer; one was not sent and
	 * is due as before; all that the answer was for were judged; none is left. */
	void (*heard)(struct consignment *c, int status);
	void (*judged)(struct parcel *p);
	void (*back)(struct parcel *p);
	void (*settled)(struct consignment *c);
	void (*over)(struct consignment *c);
	void *arg;
	struct consignment *next, *prev; /* the courier's */
	/* Its own. */
	char target[sizeof((struct parcel *)0)->target];
	struct parcel *first, **end; /* what is left, in order */
	unsigned left, most;         /* how many those are; how many the next request may have */
	unsigned out;                /* of the first ones in the request that is under way */
	size_t bytes;                /* of all */
	int64_t sent_us;             /* monotonic: when that request left */
	struct post post;
	struct buf body; /* of many */
};

/* NULL: no memory. */
struct consignment *consignment_new(const struct courier_kind *kind, struct worker *w, struct neighbour *n,
                                    const char *target) MUST_USE;
/* Whether a parcel with this target still goes into it. */
bool consignment_takes(const struct consignment *c, const char *target);
void consignment_add(struct consignment *c, struct parcel *p);
/* Once, when it has all. It may be over, and gone, when this returns. */
void consignment_send(struct consignment *c);
/* When what may leave has changed: a request under way with a parcel that may not any more is dropped, whether all of it is out or
 * not, and the others in it are sent anew. As consignment_send(). */
void consignment_recheck(struct consignment *c);
void consignment_free(struct consignment *c);

#endif
