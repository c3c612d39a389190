/* Where an agreement stands in time: whether records may be shared under it at an instant, by its own dates, and what
 * comes next. Whether it has been suspended or superseded stands in no agreement. Pure; any thread. */
#ifndef GATEWAY_POLICY_STATE_H
#define GATEWAY_POLICY_STATE_H

#include "lib/policy/agreement.h"

/* The first that holds, in this order; under all but one of them new records are refused. */
enum agreement_state {
	AGREEMENT_NOT_EFFECTIVE,
	AGREEMENT_ENDED,
	AGREEMENT_REVIEW_OVERDUE,
	AGREEMENT_ASSESSMENT_MISSING,
	AGREEMENT_ASSESSMENT_STALE,
	AGREEMENT_CRYPTO_EXPIRED,
	AGREEMENT_IN_FORCE
};
const char *agreement_state_name(enum agreement_state s); /* "not-effective", … */
enum agreement_state agreement_state(const struct agreement *a, int64_t now_ms);

/* The next of its dates after `now_ms`: the clause, as a pointer in static storage, and the instant. NULL and
 * TIME_NONE when all are past. */
const char *agreement_next_date(const struct agreement *a, int64_t now_ms, int64_t *at_ms);

#endif
