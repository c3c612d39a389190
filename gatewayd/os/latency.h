/* How long something took, as a histogram of fixed buckets: powers of two of microseconds, from 64 µs to 16.8 s. One thread
 * writes it, without a lock or a locked instruction; any thread may read it meanwhile, and then finds each bucket as it was at
 * some time of the reading. Zeros are an empty one. */
#ifndef GATEWAYD_OS_LATENCY_H
#define GATEWAYD_OS_LATENCY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define LATENCY_FIRST   6  /* the first bucket is of up to 2^6 microseconds */
#define LATENCY_BUCKETS 19 /* each of the others up to twice the one before; what took longer comes behind them */

struct latency {
	_Atomic uint64_t n[LATENCY_BUCKETS + 1];
	_Atomic uint64_t sum_us;
};

/* What several of them come to. */
struct latency_sum {
	uint64_t n[LATENCY_BUCKETS + 1];
	uint64_t sum_us;
};

/* The most of a bucket; of the last, which has none, 0. */
uint64_t latency_bound_us(size_t bucket);
/* Less than nothing, as clocks of two threads may say, counts as nothing. Its one thread. */
void latency_note(struct latency *l, int64_t us);
/* Any thread. */
void latency_add(struct latency_sum *sum, const struct latency *l);

#endif
