/* A delivery under way, and how it ends (delivery_end.c); delivery.c has the rest. */
#ifndef GATEWAYD_CORE_DELIVER_DELIVERY_PRIVATE_H
#define GATEWAYD_CORE_DELIVER_DELIVERY_PRIVATE_H

#include "gatewayd/core/context/act.h"
#include "gatewayd/core/serve/courier.h"
#include "lib/tlog/receipt_bundle.h"

struct delivery {
	struct parcel parcel; /* first; its id is the exchange's number */
	struct uuid exchange;
	uint64_t entry;      /* of its release */
	uint64_t generation; /* stops_generation() when it was asked what stops it */
	bool stopped;        /* an act stops it; */
	bool vetoed;         /* one that keeps it from being given up meanwhile */
	char agreement[72];
	struct digest agreement_digest;
	char output[65], caveats[65]; /* digests of what left, as our entry has them; caveats[0] 0: an older build's */
	bool shed;                    /* its receipt is right, but for the caveats */
	struct digest consent;        /* that it rests on; zeros: none */
	struct buf receipts; /* a bundle: of those of this job, where it is the first; empty: each puts its own */
	/* As its job wrote it, which may run more than once: what it counts as, when that is committed. */
	enum { COUNTS_NOTHING, COUNTS_DELIVERED, COUNTS_FAILED } counts;
};

/* Of the courier's table (serve/courier.h): how one ended is written; several that ended together; and what the worker makes
 * ready for that, so that the writer does not. */
bool delivery_write(struct parcel *p, struct act *a, struct error *e) MUST_USE;
bool delivery_write_all(struct parcel *first, struct act *a, struct error *e) MUST_USE;
void delivery_ready_all(struct parcel *first);

#endif
