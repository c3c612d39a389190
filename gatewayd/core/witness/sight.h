/* Checkpoints of partners' logs that came along with deliveries and receipts. Each is compared with all that were
 * seen of that log: one size has one root, and one that is new must be proved to be of the same history as what this
 * node cosigned and what was proved before. So a log that shows its partners and its witnesses different histories is
 * found at the next exchange, or soon after.
 *
 * Known roots lie in memory in front of the store, which keeps what is not proved yet over a restart. sight_take() is
 * for any thread. sight_check.c proves, on the first worker's thread: it asks the partner for its newest checkpoint
 * and for tiles of its tree. A log whose partner has no endpoint, and one of an earlier epoch, cannot be asked about:
 * of those only equal sizes are compared. */
#ifndef GATEWAYD_CORE_WITNESS_SIGHT_H
#define GATEWAYD_CORE_WITNESS_SIGHT_H

#include "gatewayd/core/serve/worker.h"
#include "lib/base/ids.h"

struct sights;
struct sights *sights_new(void) MUST_USE;
void sights_free(struct sights *s);
/* What is kept in the store; at start, before any thread. */
bool sights_load(struct sights *s, const struct conf *conf, struct store *reader, struct error *e) MUST_USE;

/* `note` is a checkpoint whose signature by a key of the partner's log was verified, and `shown` what it says. False, with
 * REASON_RECEIPT_INVALID, when another root of its size was seen or it was found to be of another history; the first
 * time that is an incident in this node's log. */
bool sight_take(struct core *c, const struct partner *p, const struct checkpoint *shown, struct view note,
                struct error *e) MUST_USE;
/* This node cosigned the checkpoint: others must be of its history. Any thread. */
void sight_cosigned(struct sights *s, struct view origin, uint64_t size, const struct digest *root);
/* The largest checkpoint that was seen of that log since the start, proved or not; 0: none. Any thread. */
uint64_t sights_largest(struct sights *s, struct view origin, struct digest *root);
/* How many wait to be proved. Any thread. */
uint64_t sights_unproved(struct sights *s);

/* --- for sight_check.c --- */

#define SIGHT_GOALS 64
enum sight_kind { SIGHT_COSIGNED, SIGHT_PROVED, SIGHT_SEEN };
/* What the log's newest checkpoint must continue. */
struct sight_goal {
	enum sight_kind kind;
	uint64_t size;
	struct digest root;
	bool holds, told; /* judged; it was an incident before */
};
/* The goals of a log, the oldest seen first; 0 when nothing waits to be proved. */
unsigned sights_goals(struct sights *s, const char *origin, struct sight_goal goals[SIGHT_GOALS]);
/* The goals were judged against the log's newest checkpoint `size`, `root`. Sets `told`. True when it continues all
 * that was cosigned and proved before: then it is itself proved. */
bool sights_settle(struct sights *s, const char *origin, struct sight_goal goals[SIGHT_GOALS], unsigned n,
                   uint64_t size, const struct digest *root);

/* The proving side; the first worker has one. */
void *sight_check_new(struct worker *w) MUST_USE;
void sight_check_free(void *checking);
void sight_check_tick(void *checking);

#endif
