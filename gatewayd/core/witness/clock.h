/* Whether the wall clock is to be trusted for erasing: what it would erase is gone for good. The clock is not trusted
 *   - when it shows more than 72 hours past the last committed entry of the audit log (or, while the daemon runs,
 *     past what the monotonic clock says it must show), and no cosignature or RFC 3161 timestamp younger than 24
 *     hours confirms it;
 *   - when it lies before that entry.
 * Then the gateway serves, but erases nothing, ends no hold and gives up no delivery, until the clock is right again,
 * is confirmed by a cosignature or timestamp, or by a person: a signed statement (clock.schema.json) of an operator
 * or officer of this agency, whose own watch agrees. Neither serving on nor a restart brings the trust back: from when
 * on the clock was not trusted stands in the store.
 *
 * Steps of the wall clock against the monotonic one are in the audit log, with size and direction. Core's main
 * thread; clock_trusted() and clock_verdict() any thread. */
#ifndef GATEWAYD_CORE_WITNESS_CLOCK_H
#define GATEWAYD_CORE_WITNESS_CLOCK_H

#include "gatewayd/core/context/context.h"

/* --- the rule --- */

#define CLOCK_AHEAD_MS (72 * 3600 * SECOND_MS)
#define CLOCK_FRESH_MS (24 * 3600 * SECOND_MS)
#define CLOCK_STEP_MS  (10 * SECOND_MS) /* between two looks: more is a step */

/* Unix milliseconds; TIME_NONE: there is none. */
struct clock_facts {
	int64_t now_ms;
	int64_t entry_ms;    /* of the last entry that was committed while the clock was trusted */
	int64_t known_ms;    /* what the clock must show, by the monotonic one, since it was trusted */
	int64_t cosigned_ms; /* of the newest cosignature of this log, by the witness's clock */
	int64_t stamped_ms;  /* of the newest timestamp */
};
enum clock_verdict { CLOCK_TRUSTED, CLOCK_AHEAD, CLOCK_BEHIND };
enum clock_verdict clock_judge(const struct clock_facts *f);
/* A sentence. */
const char *clock_why(enum clock_verdict v);

/* --- the daemon's clock --- */

struct clock;

/* `reader` is the main thread's. Reads what the store knows, before the log grows. NULL on error. */
struct clock *clock_open(struct core *core, struct store *reader, int64_t now_ms, int64_t monotonic_ms,
                         struct error *e) MUST_USE;
/* After writer_stop(). */
void clock_free(struct clock *c);
/* Looks at the clocks, and logs what changed. False when the store cannot be read. */
bool clock_tick(struct clock *c, int64_t now_ms, int64_t monotonic_ms, struct error *e) MUST_USE;
/* What the verdict of the last look rests on. */
void clock_read(const struct clock *c, struct clock_facts *out);

/* Whether what is due may be erased. True while there is no clock yet: nothing is erased then. */
bool clock_trusted(const struct core *core);
enum clock_verdict clock_verdict(const struct core *core);

/* --- confirmation by a person --- */

struct clock_result {
	const char *text; /* why not; NULL: the clock is trusted from now on */
};
/* Called once, on the main thread. */
typedef void clock_done(void *arg, const struct clock_result *r);

struct clock_request {
	struct view statement, signature; /* JSON text, and its detached CMS; copied */
	unsigned uid;                     /* of the operator, for the log */
	struct home *home;                /* the main thread's: where `done` is called */
	clock_done *done;
	void *arg;
};
void clock_confirm(struct clock *c, const struct clock_request *r);

#endif
