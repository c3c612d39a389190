/* Core's side of the rig (rig.h), shared by check_rig.c (the edge's process, and what tests ask for) and core_side.c
 * (which answers the edge). Each channel has a thread that runs core_side(); what the tests look at lies behind the
 * rig's lock. */
#ifndef TEST_EDGE_CORE_SIDE_H
#define TEST_EDGE_CORE_SIDE_H

#include <pthread.h>

#include "test/edge/rig.h"

#define THREADS_MAX 4
#define SLOTS       64

/* A request of the edge that core has not answered whole. */
struct request {
	uint64_t id;
	bool echo, stingy, mirror, ends;
	char type[100];
	struct buf body;
	uint64_t to_send, credit; /* of a big answer */
};

struct core_thread {
	struct rig *rig;
	pthread_t thread;
	struct channel *channel;
	struct request requests[SLOTS];
	struct edge_counts edge_counts; /* as the edge's thread told last */
	bool opened;                    /* by a frame that woke it this time */
};

struct rig {
	int n_threads;
	pid_t edge;
	uint16_t port, monitor_port;
	struct core_thread threads[THREADS_MAX];
	int stop_pipe[2];
	pthread_mutex_t lock; /* what follows, and sending on channel 0 */
	pthread_cond_t answered;
	struct rig_counts counts;
	struct buf certificate;
	uint8_t known[16]; /* that came last */
	uint64_t next_outbound, outbound;
	struct rig_answer answer;
	bool answer_done, sending_done;
	struct view to_send;
	uint64_t send_credit;
};

/* Queues a frame to the edge; under the lock. */
void core_send(struct core_thread *t, enum frame_type type, bool last, uint64_t id, struct view payload);
/* Forgets a request, whose slot is free then. */
void core_request_end(struct request *q);
/* Takes and answers the edge's frames until the channel dies or the stop pipe is written to; `arg` is the core_thread. */
void *core_side(void *arg);

#endif
