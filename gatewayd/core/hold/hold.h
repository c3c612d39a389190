/* Holds: a legal hold stops the erasure of an exchange's data, a restriction (the data are disputed) their use as
 * well. Each is a signed and dated statement (hold_statement_private.h), ends by itself at its date, and is in every
 * listing. What it stops is not lost: an erasure that a hold kept from happening happens when the last one ends,
 * a delivery goes on with the time that it had left, an item of the inbox is fetched then.
 *
 * What is restricted is neither handed out (record, inbox), nor sent while it is queued, nor released by a person,
 * nor passed onward. Setting, lifting and ending are in the audit log, and so is every attempt that was refused.
 *
 * The other party's gateway is told, and holds as long (hold_notice.h); so are those to whom another version of the record
 * went, or who were passed it on (hold_spread_private.h).
 *
 * Whether a hold is in force says the store, not the clock: it ends when the sweep ends it, and a clock that is not
 * to be trusted ends none. Core's main thread, except where it says otherwise. */
#ifndef GATEWAYD_CORE_HOLD_HOLD_H
#define GATEWAYD_CORE_HOLD_HOLD_H

#include "gatewayd/core/context/context.h"
#include "gatewayd/core/store/hold.h"
#include "lib/base/ids.h"

struct holds;

/* `reader` is the main thread's and outlives it. NULL: no memory. */
struct holds *holds_new(struct core *core, struct store *reader) MUST_USE;
/* After writer_stop(). */
void holds_free(struct holds *h);

struct hold_result {
	bool ok;      /* false: `text` says why not */
	bool changed; /* false: it was known */
	const char *text;
	struct digest statement;
};
/* Called once, on the main thread, after the commit or at once. `r` lives until it returns. */
typedef void hold_done(void *arg, const struct hold_result *r);

struct hold_request {
	struct uuid exchange;
	bool lift;
	struct view statement, signature; /* JSON text, and its detached CMS; copied */
	unsigned uid;                     /* of the operator, for the log */
	struct home *home;                /* the main thread's: where `done` is called */
	hold_done *done;
	void *arg;
};
void hold_ask(struct holds *h, const struct hold_request *r);

/* Ends the holds whose date has come, by a job; nothing while the last one is under way, or when the clock is not to
 * be trusted. False when the store cannot be read. */
bool hold_sweep(struct holds *h, int64_t now_ms, struct error *e) MUST_USE;
bool hold_busy(const struct holds *h);

/* Whether the use of an exchange is restricted, and whether its erasure is stopped. Any thread, with its own store;
 * before any view that came out of that store is used again. */
bool hold_restricted(struct store *s, uint64_t seq, bool *out, struct error *e) MUST_USE;
bool hold_in_force(struct store *s, uint64_t seq, bool *out, struct error *e) MUST_USE;

/* Only inside run(): ends one that is in force; a delivery that it kept back goes on. */
bool hold_end(struct store *s, const struct store_hold *h, int64_t now_ms, struct error *e) MUST_USE;

#endif
