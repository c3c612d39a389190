/* Couriers: what waits in the store to be sent to partners' gateways goes there, and is tried again, later each time, until
 * it arrived, was refused for good, or is given up. One machine for every kind of it (deliveries of records, notices); what
 * a kind sends, what an answer means and what is written of it is its table.
 *
 *   due ─▶ sent ─▶ answered ─▶ its job ─▶ gone, or due again later
 *
 * What ended in one answer is written by one job, up to COURIER_TOGETHER of it; where that cannot be committed, by a job each,
 * so that one that cannot be written harms no other.
 *
 * What goes to one target of a recipient goes together, where its kind allows it: many in one request, each with a result of its
 * own (consignment_private.h).
 *
 * Each worker serves those whose number leaves its index when divided by the number of workers, over its own channel.
 * Each recipient has places of its own, so that one that is silent delays nobody else (neighbour.h). The worker's thread,
 * but for write(). */
#ifndef GATEWAYD_CORE_SERVE_COURIER_H
#define GATEWAYD_CORE_SERVE_COURIER_H

#include "gatewayd/core/context/act.h"
#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"
#include "lib/json/tape.h"

/* That one job writes, and that are read together, at most. */
#define COURIER_TOGETHER 64

struct courier;
struct neighbour;

/* What a row in the store says of one that is due. */
struct courier_due {
	uint64_t id; /* of its kind */
	uint32_t attempts;
	int64_t deadline_ms;
	int begun; /* the kind's, in open() */
};

enum parcel_end {
	PARCEL_RETRY,   /* did not arrive: again later */
	PARCEL_ARRIVED, /* taken; the partner's receipt verifies */
	PARCEL_REFUSED, /* refused for good, or it can never be sent */
	PARCEL_EXPIRED  /* given up */
};

/* One that is under way: the first member, named `parcel`, of what its kind keeps of it. */
struct parcel {
	struct job job; /* first */
	struct courier *courier;
	struct neighbour *neighbour;
	struct worker *worker;
	struct conf *conf;
	struct courier_due due;
	int64_t now_ms; /* when it was taken up; from its answer on, when that came */
	/* The kind's, in target(). */
	char recipient[72];      /* agency */
	char target[160];        /* of the request */
	char key[UUID_TEXT + 1]; /* Idempotency-Key; empty: none */
	struct uuid about;       /* the exchange, as both gateways name it */
	/* The kind's, in pack(). */
	const struct partner *partner; /* of conf */
	struct buf body;               /* a JSON object; wiped when it was answered */
	bool hopeless;                 /* it can never be sent */
	/* The consignment's, and then the courier's. */
	struct parcel *beside; /* the next in it; of those that ended with it */
	bool left;             /* something of a request that it was in went out: it may have arrived */
	int status;            /* of its answer; 0: none came, and `silence` says why */
	const char *silence;
	const struct tape *answer; /* while it is judged; NULL: it is no JSON */
	/* How it ended. */
	enum parcel_end end;
	char slug[64], problem[200]; /* why it did not arrive; place and rule only */
	struct buf receipt;          /* the partner's, verified; proved() fills it */
	UT_hash_handle hh;
};
#define PARCEL_OF(type, p) FIRST_OF(type, parcel, struct parcel, p)

/* A look for what is due. due() calls courier_note() for each; false: enough. */
struct courier_look;
bool courier_note(struct courier_look *look, const struct courier_due *due);

struct courier_kind {
	const char *name; /* for log lines */
	size_t size;      /* of what it keeps of one, zeroed */
	unsigned most;    /* requests under way to one recipient at once, of a worker */
	unsigned
	        batch; /* of them in one request, as application/x-ndjson; each needs a key, and has a status in its answer. 1: each by itself */
	int taken[2];  /* statuses of an answer that says it was taken; 0: none */
	int64_t life_ms; /* what of a row is compared with ask->before_ms is so much before its deadline */
	/* The first recipient, by name, after that one to whom something waits; REASON_NOT_FOUND: none. */
	bool (*recipient)(struct store *reader, struct view after, struct view *out, struct error *e);
	/* Notes what is due, earliest first. */
	bool (*due)(struct store *reader, const struct store_ask *ask, struct courier_look *look, struct error *e);
	/* Before target() and pack() of these, which follow with nothing else of the worker between them: what several are
	 * read with is read once. False: not now, they are due again. NULL: nothing to do. */
	bool (*open)(struct worker *w, struct courier_due *due, size_t n);
	/* After the same; the last `without` of them had no place, and are due again. */
	void (*shut)(struct worker *w, const struct courier_due *due, size_t n, size_t without);
	/* Reads where it goes. False: parcel_later(); it ends without an answer. */
	bool (*target)(struct parcel *p);
	/* Reads what is to be sent. False: it cannot be sent now, and ends without an answer. */
	bool (*pack)(struct parcel *p);
	/* How a request leaves: post_send(). */
	bool (*send)(struct worker *w, struct post *post, const struct post_head *head);
	/* Whether the receipt in an answer of one of the statuses `taken` proves that it arrived. Else parcel_later(). */
	bool (*proved)(struct parcel *p);
	/* Whether an answer of another status is a refusal that ends it: its receipt verifies, and the leaf names this
	 * very thing and says `final`. Anything else is tried again. What it says by parcel_later(), or leaves as the receipt, is
	 * let go: the reason that is told is the partner's. */
	bool (*refused)(struct parcel *p);
	/* Whether what was packed may not leave any more; then parcel_later(). Asked before each request, and at each tick of what
	 * is under way. NULL: never. */
	bool (*stopped)(struct parcel *p);
	/* Whether it is given up, having failed. */
	bool (*over)(struct parcel *p);
	/* The writer's thread, inside the job's run(): writes how it ended, or when it is due again. May be called twice. */
	bool (*write)(struct parcel *p, struct act *a, struct error *e);
	/* The same of several that ended together, `first` and those beside it; NULL: write() is called for each. */
	bool (*write_all)(struct parcel *first, struct act *a, struct error *e);
	/* The worker's thread, before they go there: makes ready what it can. NULL: nothing to do. */
	void (*ready_all)(struct parcel *first);
	/* The worker's thread, once that was committed; NULL: nothing to do. */
	void (*written)(struct parcel *p);
	/* Frees what the kind keeps of it; NULL: nothing. */
	void (*drop)(struct parcel *p);
	/* What it is, for log lines. */
	void (*describe)(struct parcel *p, char *out, size_t size);
};

/* Why it did not arrive. Answers false, for `return parcel_later(…)`. */
bool parcel_later(struct parcel *p, const char *slug, const char *problem);
/* The slug of the problem document that its answer is; "refused" when it is none that is known here. */
const char *parcel_told(const struct parcel *p);
/* Finds the gateway of p->recipient. False, and parcel_later(): none is known. */
bool parcel_address(struct parcel *p);

/* `kind` outlives it. NULL: no memory. */
struct courier *courier_new(struct worker *w, const struct courier_kind *kind) MUST_USE;
/* As tick and free of a part (worker.h). NULL is fine to free. */
void courier_free(void *courier);
/* Looks for what is due. Called often. */
void courier_tick(void *courier);

#endif
