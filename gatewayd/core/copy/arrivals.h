/* Deliveries that the partner took, many at once: what keep_arrived() and exchange_become() do of one, of all of them with few
 * statements. Only those that are plain: queued, with their payload, nothing of which is to be kept, and without a hold or a
 * duty. What is not is left to those. Only inside a job's run(). */
#ifndef GATEWAYD_CORE_COPY_ARRIVALS_H
#define GATEWAYD_CORE_COPY_ARRIVALS_H

#include "gatewayd/core/copy/copy.h"
#include "gatewayd/core/copy/state.h"

#define ARRIVALS_MAX EXCHANGES_MAX

struct arrival {
	/* The caller's: seq, id, agreement, agreement_digest and recipient, which never change. */
	struct copy copy;
	/* arrivals_look()'s. */
	bool plain;
	uint32_t slot; /* of its payload's key */
};
/* Finds which of them are plain. They are different ones. */
bool arrivals_look(const struct act *a, struct arrival *all, size_t n, struct error *e) MUST_USE;
/* The payload of each plain one is erased and logged as such, its delivery is gone, and it is delivered. */
bool arrivals_end(const struct act *a, struct arrival *all, size_t n, struct error *e) MUST_USE;

#endif
