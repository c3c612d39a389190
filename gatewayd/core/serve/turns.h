/* What of a worker's requests goes on, and in which order. A request first needs room in the budget (budget.h): until there
 * is, its body is not read beyond what the edge may send unasked. What then has lines to decide, or asks for anything that needs a
 * certificate, enters a queue of its partner, and partners take turns: each may begin so many bytes of lines as its weight says
 * before it is the next one's turn (deficit round robin, Shreedhar and Varghese 1995). What waited too long without being begun
 * is answered with 503.
 *
 *   turns_admit() ─▶ waits ─▶ credit, body, router ─▶ turns_enter() ─▶ step(), step(), … ─▶ turns_leave() ─▶ answer
 *
 * The worker's thread. */
#ifndef GATEWAYD_CORE_SERVE_TURNS_H
#define GATEWAYD_CORE_SERVE_TURNS_H

#include "gatewayd/core/serve/worker.h"

/* What is begun costs of its partner's turn, in bytes: its own, and so many beside them; where it is no line, so many for
 * each microsecond that it held the worker, in which a line of as many is decided. */
#define TURN_COST    1024u
#define TURN_COST_US 16u

/* Bytes of a stream's results that wait to be read, before no more of it is read. */
#define TURNS_RESULTS NODE_RESULTS_BYTES

/* Its head has come: takes room for its body, or lets it wait, or turns it away. False: it is answered, or over. */
bool turns_admit(struct request *r) MUST_USE;
/* Gives the edge more credit for the body, when half of what it had is used and there is room for the request. */
void turns_credit(struct request *r);
/* It is complete, routed, and has work to begin: `step` is called when it is its turn. False: no memory, and it is in no queue. */
bool turns_enter(struct request *r, enum turn (*step)(struct request *r, uint64_t *cost)) MUST_USE;
/* All of its work is begun. Only in the queue; called by its step. */
void turns_leave(struct request *r);
/* Room for `n` of its lines, of so many bytes in all; `*held` is what turns_give() gives back. */
bool turns_take(struct request *r, uint32_t n, uint64_t bytes, uint64_t *held) MUST_USE;
void turns_give(struct request *r, uint32_t n, uint64_t held);
/* Bytes that it keeps until it is over. */
void turns_keep(struct request *r, uint64_t bytes);
/* The request is over: all that it held is given back. */
void turns_release(struct request *r);

/* Begins what can be begun, but not more than fits a turn of the loop. True: there is more that can. */
bool turns_run(struct worker *w);
/* What partners owe is let go of: where nothing waits, and at the end. */
void turns_forget(struct worker *w);
/* Turns away what waited too long. */
void turns_late(struct worker *w);

#endif
