/* What oversight bodies read of this node is an entry of its log before they see it: who read what, when. The same reader's
 * reading of the same thing is one entry a minute; what came after it in that minute is counted, and the count is one more
 * entry when the minute is over. So reading, and verifying the log above all, does not make the log grow that is read.
 *
 * What was counted lies in memory: a loss of power takes the counts of that minute, never that something was read. */
#ifndef GATEWAYD_CORE_READ_READING_H
#define GATEWAYD_CORE_READ_READING_H

#include "gatewayd/core/serve/request.h"

#define READINGS_MAX 4096 /* things that are counted in a minute; beyond that each reading is an entry */

struct core;
struct readings;
struct readings *readings_new(void) MUST_USE; /* NULL: no memory */
void readings_free(struct readings *r);       /* NULL is fine */

/* Of what is read: `what` is one of a few words of the program's own, in the entry's note. */
struct reading {
	const char *what;
	struct uuid exchange; /* zeros: none */
	struct view agreement;
};
/* Answers a GET with `body`: to an oversight body once its reading is in the log, to others at once. The worker's thread. */
void reading_answer(struct request *r, const struct reading *what, struct view content_type, const struct buf *body);
/* Writes the counts of minutes that are over at `now_ms`, or all of them, into the log. The main thread, or when no worker
 * runs any more. */
void readings_tell(struct core *c, int64_t now_ms, bool all);

#endif
