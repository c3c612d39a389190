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
struct store_unproved;
struct sights *sights_new(void) MUST_USE;
void sights_free(struct sights *s);
/* What is kept in the store; at start, before any thread. */
bool sights_load(struct sights *s, const struct conf *conf, struct store *reader, struct error *e) MUST_USE;

/* `note` is a checkpoint whose signature by a key of the partner's log was verified, and `shown` what it says. False, with
 * REASON_RECEIPT_INVALID, when another root of its size was seen or it was found to be of another history; the first
 * time that is an incident in this node's log. `*unproved` (may be NULL) gets its size when it is still to be proved,
 * else 0. */
bool sight_take(struct core *c, const struct partner *p, const struct checkpoint *shown, struct view note,
                uint64_t *unproved, struct error *e) MUST_USE;

/* A record that came is handed out when the checkpoint that it came under is proved, which takes a fraction of a second.
 * Whoever keeps the partner from being asked holds no record for ever: after SIGHT_WAIT_MS it is handed out all the same,
 * which is an alarm. One whose checkpoint was found to be of another history is handed out no more. */
#define SIGHT_WAIT_MS 1000
/* In the transaction of an exchange that came under `u`: its row, where that is still to be proved. What was proved since
 * sight_take() gets none, for nobody would drop it; what was found to be of another history is marked. The writer's thread. */
bool sight_put_unproved(struct sights *s, struct store *store, const struct store_unproved *u,
                        struct error *e) MUST_USE;
enum sight_verdict { SIGHT_MAY, SIGHT_WAITS, SIGHT_LATE, SIGHT_FORKED };
/* Of the exchange `seq`, received at `received_ms`. `reader` is the caller's. False: the store failed. Any thread. */
bool sight_of_exchange(struct sights *s, struct store *reader, uint64_t seq, int64_t received_ms, int64_t now_ms,
                       enum sight_verdict *out, struct error *e) MUST_USE;
/* A record was handed out before its checkpoint was proved; and how many were since the start. Any thread. */
void sights_count_late(struct sights *s);
uint64_t sights_late(struct sights *s);
/* This node cosigned the checkpoint: others must be of its history. Any thread. */
void sight_cosigned(struct sights *s, struct view origin, uint64_t size, const struct digest *root);
/* The largest checkpoint that was seen of that log since the start, proved or not; 0: none. Any thread. */
uint64_t sights_largest(struct sights *s, struct view origin, struct digest *root);
/* The same of all that the store keeps, too: what came under a receipt was seen. `note` is the caller's to free, also after
 * false, and empty where its text is not kept any more. Any thread, with a reading store of its own. */
struct sight_largest {
	uint64_t size; /* 0: none was */
	struct digest root;
	struct buf note;
};
bool sight_largest(struct sights *s, struct store *reader, struct view origin, struct sight_largest *out,
                   struct error *e) MUST_USE;
/* How many wait to be proved. Any thread. */
uint64_t sights_unproved(struct sights *s);

/* --- incidents: whoever forks often does not grow this node's log by it --- */

enum sight_told { TOLD_FORKED, TOLD_BACK, TOLD_WITHOUT_PROOF, TOLD_TWO_KEYS, TOLD_KINDS };
/* Counts that this was found of the log. True for the first of its kind that day (UTC): that is an incident. Any thread. */
bool sights_first_today(struct sights *s, struct view origin, enum sight_told kind, int64_t now_ms) MUST_USE;
/* How often such was found since the start. Any thread. */
uint64_t sights_contradictions(struct sights *s);
/* Takes what was counted, and not told, of one log on a day before. False: nothing. */
bool sights_take_untold(struct sights *s, int64_t now_ms, char origin[NOTE_NAME_MAX], uint64_t *n) MUST_USE;

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
