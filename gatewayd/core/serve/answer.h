/* Answers: HTTP status, fields and body over the channel, problems after RFC 9457. The worker's thread. */
#ifndef GATEWAYD_CORE_SERVE_ANSWER_H
#define GATEWAYD_CORE_SERVE_ANSWER_H

#include "gatewayd/core/serve/worker.h"

struct answer {
	int status;
	struct view content_type; /* empty: application/json */
	struct view location;     /* empty: none */
	struct view allow;        /* for 405 */
	bool replayed;
	unsigned retry_after_s; /* 0: is not said */
	struct view body;
	struct buf *own; /* holds the body, is counted already (turns_keep()), and is taken over; NULL: it is copied */
};
/* Sends it; body bytes beyond the peer's credit wait in the request. Releases the request when all is out. */
void answer_send(struct request *r, const struct answer *a);
/* The same of no more than a status and a body. */
void answer_text(struct request *r, int status, struct view content_type, struct view body);
/* 200 and what was written; a problem when memory ran out meanwhile. */
void answer_written(struct request *r, struct view content_type, const struct buf *body);
/* What could not be read from the store: it is not there, or (logged) not to be had now. */
void answer_unread(struct request *r, const struct error *e);
/* More credit came. */
void answer_credit(struct request *r, uint32_t bytes);
/* An answer of unknown length, to a stream: 200 and its media type; then bytes, which wait in the request for credit and leave
 * at the end of the turn; then its end, with which the request is over and may be gone. Ended once more when the edge has given
 * it up, it is gone with the turn, whatever still waits. */
void answer_begin(struct request *r, struct view content_type);
void answer_add(struct request *r, struct view bytes);
void answer_end(struct request *r);
/* Bytes that wait for credit. */
size_t answer_waiting(const struct request *r);
/* Sends what was added in this turn; called by the worker at its end. */
void answers_flush(struct worker *w);
/* A problem without an exchange (nothing was decided). */
void answer_problem(struct request *r, enum reason reason);
/* The same to this agency's own system, which may know the full reason. */
void answer_own_problem(struct request *r, enum reason reason);

/* The same with words of the program's own on what is wrong with this one, and where, in the place of those that fit every problem
 * of the reason. The reason is told as it is. */
void answer_problem_at(struct request *r, enum reason reason, const char *detail);

/* Starts a problem document in `out`, leaving the object open: type, title, status, detail (what to do). */
void problem_open(struct buf *out, enum reason reason);
/* The same with such words; left out where the peer is told another reason. */
void problem_open_at(struct buf *out, enum reason reason, const char *detail);

#endif
