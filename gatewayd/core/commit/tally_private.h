/* What the writer counts of its transactions: figures behind a lock of their own, which it takes once a transaction, and how
 * long jobs wait and transactions take. The writer's thread counts; any thread reads. */
#ifndef GATEWAYD_CORE_COMMIT_TALLY_PRIVATE_H
#define GATEWAYD_CORE_COMMIT_TALLY_PRIVATE_H

#include <pthread.h>

#include "gatewayd/core/commit/writer.h"

#define TALLY_RECENT 1024 /* commits that the median is taken of */

struct tally {
	pthread_mutex_t lock;
	struct writer_stats figures;
	uint32_t recent[TALLY_RECENT];
	struct latency waited, committed;
};

void tally_open(struct tally *t);
void tally_close(struct tally *t);
/* A transaction of `jobs` was committed, with so many entries; the log has now `size`. */
void tally_commit(struct tally *t, uint32_t jobs, uint64_t entries, uint64_t size);
/* It began at `start_us` and ended at `end_us` (monotonic), with these jobs; each is told when that was. */
void tally_took(struct tally *t, struct job *first, int64_t start_us, int64_t end_us);
void tally_unmoved(struct tally *t, const struct store_unmoved *now);
/* All but `queued`. */
void tally_read(struct tally *t, struct writer_stats *out);

#endif
