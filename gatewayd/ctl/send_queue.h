/* Lines between the file and their result: kept until the result is there, so that they can be sent again after a connection
 * broke, also those of a pipe. Bounded in lines and bytes; what is over is overwritten. One thread. */
#ifndef GATEWAYD_CTL_SEND_QUEUE_H
#define GATEWAYD_CTL_SEND_QUEUE_H

#include "gatewayd/ctl/send_lines.h"

#define SEND_QUEUE_LINES 4096u
#define SEND_QUEUE_BYTES (8u * 1024 * 1024) /* more is not begun; one line may go beyond */

struct send_queued {
	uint64_t number;
	struct digest digest;
	const char *why_not; /* it is not sent: this is its result */
	char key[SEND_KEY_MAX + 1];
	struct buf text; /* with its line feed */
};

struct send_queue;

struct send_queue *send_queue_new(void) MUST_USE; /* NULL: no memory */
void send_queue_free(struct send_queue *q);       /* wipes; NULL does nothing */
size_t send_queue_n(const struct send_queue *q);
bool send_queue_is_full(const struct send_queue *q);
/* A copy at the end. There is room. False: no memory. */
bool send_queue_add(struct send_queue *q, const struct send_line *line) MUST_USE;
/* The k-th that waits, from 0; NULL: there is none. */
struct send_queued *send_queue_at(struct send_queue *q, size_t k);
/* The first is done. */
void send_queue_drop(struct send_queue *q);

#endif
