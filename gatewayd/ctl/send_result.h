/* What a gateway answers to a line, judged, and what is kept of it. One thread. */
#ifndef GATEWAYD_CTL_SEND_RESULT_H
#define GATEWAYD_CTL_SEND_RESULT_H

#include "gatewayd/ctl/send_queue.h"
#include "lib/tlog/note.h"

#define SEND_RESULT_MAX (1u << 20) /* bytes of an answer to one line */

enum send_outcome {
	SEND_RELEASED,
	SEND_HELD,
	SEND_REFUSED,   /* for good */
	SEND_AGAIN,     /* nothing was decided: the same may be taken another time */
	SEND_NO_MORE,   /* nothing was decided, nor will be of what follows */
	SEND_NO_RESULT, /* it is no answer to a line */
	SEND_ALTERED    /* it has no receipt of what it says that verifies by the key that was given */
};

struct send_reader;

/* Borrows `log`, whose receipts must verify; NULL: they are kept as they come. NULL: no memory. */
struct send_reader *send_reader_new(const struct note_vkey *log) MUST_USE;
void send_reader_free(struct send_reader *r); /* NULL does nothing */
/* Judges the answer. For what is final `out` gets the line of the results (emptied first); for all others `e` is set. */
enum send_outcome send_judge(struct send_reader *r, struct view answer, const struct send_queued *line, struct buf *out,
                             struct error *e) MUST_USE;
/* The line of the results for one that got no answer that counts; `why` is a sentence. */
void send_print_untaken(const struct send_queued *line, const char *why, struct buf *out);

#endif
