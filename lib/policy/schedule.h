/* When what was released must be masked, reviewed, told about, erased. Calendar durations of the agreement
 * (ISO 8601) are resolved once, at the release, to instants in UTC; from then on both gateways count by the
 * same ones. Counted from the release, never from one term to the next, so that P1M from 31 January is the
 * end of each month and not a drift (RFC 3339 appendix on months; Directive (EU) 2016/680 Art. 5). Pure; any
 * thread. */
#ifndef GATEWAY_POLICY_SCHEDULE_H
#define GATEWAY_POLICY_SCHEDULE_H

#include "lib/policy/agreement.h"

/* 0: never, or done. */
#define SCHEDULE_NEVER 0
struct schedule {
	int64_t base_ms;    /* the release, as the first gateway's log has it */
	int64_t payload_ms; /* the gateway's own payload is erased */
	int64_t mask_ms;    /* the recipient's copy is masked */
	int64_t review_ms;  /* its next review */
	int64_t notify_ms;  /* the data subject is told */
	int64_t end_ms;     /* the copy is erased or returned */
	bool return_at_end;
};

/* What falls due, the weightiest last: of two that are due together the later one is what counts. */
enum due { DUE_NOTHING, DUE_PAYLOAD, DUE_NOTIFY, DUE_MASK, DUE_REVIEW, DUE_END };

/* Of a release under `r` with the retention `copy` that was granted. Without a payload. Masking and reviews
 * that would come at or after the end are left out; notification comes at the end at the latest. */
void schedule_make(const struct ruling *r, const struct duration *copy, int64_t base_ms, struct schedule *out);
/* What comes first, and when (SCHEDULE_NEVER with DUE_NOTHING). */
enum due schedule_next(const struct schedule *s, int64_t *due_ms);
/* The first review after `after_ms`, counted from the release in whole intervals; SCHEDULE_NEVER when none comes
 * before the end, or the interval is zero. */
int64_t schedule_review_after(const struct schedule *s, const struct duration *every, int64_t after_ms);

#endif
