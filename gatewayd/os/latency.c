/* See latency.h. */
#include "gatewayd/os/latency.h"

static size_t bucket_of(uint64_t us)
{
	size_t bits = us > 1 ? 64 - (size_t)__builtin_clzll(us - 1) : 0; /* us is at most 2^bits */
	size_t bucket = bits > LATENCY_FIRST ? bits - LATENCY_FIRST : 0;

	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS;
}

uint64_t latency_bound_us(size_t bucket)
{
	return bucket < LATENCY_BUCKETS ? UINT64_C(1) << (LATENCY_FIRST + bucket) : 0;
}

/* Nobody else writes it: what was read is still there. */
static void add(_Atomic uint64_t *to, uint64_t n)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n, memory_order_relaxed);
}

void latency_note(struct latency *l, int64_t us)
{
	uint64_t took = us > 0 ? (uint64_t)us : 0;

	add(&l->n[bucket_of(took)], 1);
	add(&l->sum_us, took);
}

void latency_add(struct latency_sum *sum, const struct latency *l)
{
	for (size_t i = 0; i <= LATENCY_BUCKETS; i++)
		sum->n[i] += atomic_load_explicit(&l->n[i], memory_order_relaxed);
	sum->sum_us += atomic_load_explicit(&l->sum_us, memory_order_relaxed);
}
