/* Jobs that wait for the writer: the node's own, and those of lanes, which take turns. Whoever calls holds the writer's
 * lock. */
#ifndef GATEWAYD_CORE_COMMIT_QUEUE_PRIVATE_H
#define GATEWAYD_CORE_COMMIT_QUEUE_PRIVATE_H

#include "gatewayd/core/commit/job.h"
#include "lib/base/view.h"

TAILQ_HEAD(lane_list, lane);

struct queue {
	struct lane own;        /* jobs of no lane */
	struct lane_list lanes; /* those with jobs; whose turn it is, first */
	uint32_t n;
	uint64_t taken; /* how often something was: the transaction under way */
	uint64_t mixed; /* the last one with jobs of another lane than the one before it; 0: none */
	const struct lane *last;
};

/* True: the lane has no part in the transaction under way, and had nothing waiting: it waits for others alone. */
bool queue_add(struct queue *q, struct job *j);
/* Takes the jobs of the next transaction, `most` at most, as a chain; NULL when there are none: the node's own, then in turns
 * of the lanes (weighted round robin: a job costs about what another does). Within a lane the order is that of adding.
 * Where several lanes wait, at most `shared` jobs for each of them are taken in all, so that none waits long for its commit; and
 * for two where just now another had some, which may be back while this is under way. */
struct job *queue_take(struct queue *q, uint32_t most, uint32_t shared, uint32_t *n);
/* Back to the front of their lanes, in their order: they did not run. Lanes whose turn they were come last. */
void queue_put_back(struct queue *q, struct job *first);

#endif
