/* How much a partner may ask to be decided: records and bytes, a second and a day, of it as a whole and of an agreement.
 * A bound of a second is a bucket that leaks at that rate and holds a second's worth: what was begun is finished, also
 * where it runs over, and nothing more is begun until it has leaked. A record that is refused counts as RATE_REFUSED: it costs
 * as much as one that is released, and is of use to nobody. Days are those of UTC; a clock that is
 * put back over midnight begins none anew, for a partner would have each of them twice. rate_days.h keeps them over a
 * restart.
 *
 * What is counted belongs to an account (budget.h), so that it outlives connections and reloads. Any thread. */
#ifndef GATEWAYD_CORE_SERVE_RATE_H
#define GATEWAYD_CORE_SERVE_RATE_H

#include "gatewayd/core/conf/conf.h"
#include "lib/base/buf.h"

#define RATE_REFUSED 5

struct rate_counts;

/* Whose rates: a partner's, under an agreement. */
struct rated {
	const struct partner *partner;
	struct view agreement; /* its id */
	const struct rates *
	        clause; /* what the agreement itself says; NULL: nothing. The stricter one of this and the partner's counts */
};

/* One for an account. NULL: no memory. */
struct rate_counts *rate_counts_new(void) MUST_USE;
void rate_counts_free(struct rate_counts *c); /* NULL is fine */

/* Whether anything of the partner is bounded under this agreement. */
bool rate_is_bounded(const struct rated *of);
/* Whether something may be begun now; else in how many seconds. Counts nothing. `now_ms` of the wall clock, and the monotonic
 * one. */
bool rate_permits(struct rate_counts *c, const struct rated *of, int64_t now_ms, int64_t monotonic_ms,
                  unsigned *retry_after_s) MUST_USE;
/* Whether what was counted on `of_day` (days since 1970) still counts at `now_ms`. */
bool rate_day_goes_on(int64_t of_day, int64_t now_ms);
void rate_count(struct rate_counts *c, const struct rated *of, uint64_t records, uint64_t bytes, int64_t now_ms,
                int64_t monotonic_ms);
/* What still counts at `now_ms` where a day is bounded, and of which day it is: of the partner as a whole (`agreement` empty), and under
 * agreements; in the order in which they were first counted. */
void rate_each_day(struct rate_counts *c, int64_t now_ms,
                   void (*each)(void *arg, const char *agreement, int64_t of_day, uint64_t records, uint64_t bytes),
                   void *arg);
/* Takes up what was counted before of that day, which goes on. False: no memory. */
bool rate_restore(struct rate_counts *c, struct view agreement, int64_t of_day, uint64_t records, uint64_t bytes,
                  int64_t now_ms, int64_t monotonic_ms) MUST_USE;
/* The values of the fields RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10): a policy for each bound of
 * the partner and of the agreement. */
void rate_print(struct rate_counts *c, const struct rated *of, int64_t now_ms, int64_t monotonic_ms, struct buf *policy,
                struct buf *limit);

#endif
