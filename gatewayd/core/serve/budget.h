/* What requests may hold of core's memory, from the first byte of a body until the answer has left: bytes and jobs (lines
 * that are being decided or written), of each partner and of all together. What does not fit waits in the worker that has
 * it (turns.h), unread, and is answered with 503 when it has waited too long; nothing was decided then.
 *
 * An account is a partner's, by its id: it outlives connections and reloads. Accounts are made when a partner is first
 * seen and freed with the budget, so that there are never more than partner files were loaded. Any thread; what changes is
 * guarded by one lock that is held for a few additions. */
#ifndef GATEWAYD_CORE_SERVE_BUDGET_H
#define GATEWAYD_CORE_SERVE_BUDGET_H

#include <uthash.h>

#include "gatewayd/core/commit/job.h"
#include "gatewayd/core/conf/conf.h"

struct budget;
struct rate_counts;

/* What a line costs while it is under way, beside three times its own bytes: what is decided, sealed and answered. */
#define BUDGET_LINE_BYTES 32768u
/* What a request costs beside its body. */
#define BUDGET_REQUEST_BYTES 4096u

#define BUDGET_IDLE_MS 3000

struct account {
	struct rate_counts *rates; /* what it has asked for; its own lock */
	struct lane lane;          /* its jobs take turns with those of others, by its weight */
	char id[72];               /* the partner's; empty: of all who are no partner */
	/* Guarded by the budget's lock. */
	uint64_t bytes, waiting_bytes;
	uint32_t jobs, waiting;
	uint64_t turned_away; /* requests that were told to come again, since the start */
	UT_hash_handle hh;
};

struct budget *budget_new(void) MUST_USE; /* NULL: no memory. Nothing is bounded before budget_set() */
void budget_free(struct budget *b);       /* NULL is fine */
/* The bounds of a configuration, from now on. */
void budget_set(struct budget *b, const struct node *n);
/* The account of this partner, NULL: of all who are none; with the weight that the partner has now. NULL: no memory. */
struct account *budget_account(struct budget *b, const struct partner *p) MUST_USE;

/* The account of this id, made where there is none. NULL: no memory. */
struct account *budget_account_of(struct budget *b, struct view id) MUST_USE;
/* Calls `each` for what every account has asked for, in the order in which they were made, with the lock held. */
void budget_each_rates(struct budget *b, void (*each)(void *arg, const char *id, struct rate_counts *rates), void *arg);

/* Room for a request and its body. A quarter of the bytes is left to lines, so that bodies alone never keep all of them
 * from going on. False: it has to wait, and nothing was taken. */
bool budget_take_body(struct budget *b, struct account *a, uint64_t bytes) MUST_USE;
/* Room for `n` lines that are begun at once, of so many bytes in all. An account that has none under way may always begin
 * some, so that everybody goes on. */
bool budget_take_lines(struct budget *b, struct account *a, uint32_t n, uint64_t bytes) MUST_USE;
/* Bytes that are there already and must stay, such as those of an answer. */
void budget_add(struct budget *b, struct account *a, uint64_t bytes);
void budget_give(struct budget *b, struct account *a, uint32_t lines, uint64_t bytes);

/* A request waits for room, with what the edge may send of it all the same. False: too many wait, and it may not. */
bool budget_wait(struct budget *b, struct account *a, uint64_t bytes) MUST_USE;
void budget_waited(struct budget *b, struct account *a, uint64_t bytes, bool turned_away);
/* Counts one that was not even let wait. */
void budget_turned_away(struct budget *b, struct account *a);

/* Of one account, or of all together. */
struct budget_state {
	uint64_t bytes, bytes_max, waiting_bytes, turned_away;
	uint32_t jobs, jobs_max, waiting;
};
void budget_state(struct budget *b, struct budget_state *all);
/* Calls `each` for every account in the order in which they were made, with the lock held. */
void budget_each(struct budget *b, void (*each)(void *arg, const char *id, const struct budget_state *s), void *arg);
/* True after a use, when nothing was held at any call for BUDGET_IDLE_MS, and once more after as long again: what memory
 * allocators keep may go back then, and what other threads have freed meanwhile. */
bool budget_idle(struct budget *b, int64_t monotonic_ms);
/* How many connections of every kind the edge may have open: of all configurations so far, the most. */
uint32_t budget_connections(struct budget *b);

#endif
