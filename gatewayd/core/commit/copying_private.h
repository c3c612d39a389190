/* The writer's side of a copy of its store: taken in steps between its transactions. Used by writer.c. */
#ifndef GATEWAYD_CORE_COMMIT_COPYING_PRIVATE_H
#define GATEWAYD_CORE_COMMIT_COPYING_PRIVATE_H

#include <limits.h>
#include <pthread.h>

#include "gatewayd/core/commit/writer.h"

struct copying {
	pthread_mutex_t lock; /* guards what follows */
	struct writer_copy told;
	char path[PATH_MAX];
	bool wanted; /* asked for, or under way */
	/* The writer's thread. */
	struct store_copy *copy;
	uint64_t reached;
	unsigned pages; /* a step */
};

void copying_init(struct copying *c);
/* Any thread. False: one is under way. */
bool copying_ask(struct copying *c, const char *path, struct error *e) MUST_USE;
void copying_tell(struct copying *c, struct writer_copy *out);
/* Between transactions: begins, goes on, or ends. */
void copying_step(struct copying *c, struct store *s);
/* Whether there is something to do. Any thread. */
bool copying_wanted(struct copying *c);
/* What is not whole is cleared away. */
void copying_end(struct copying *c);

#endif
