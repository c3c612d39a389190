/* Waits counted in bins whose width grows with the wait, as HdrHistogram does: below 256 ns each nanosecond has its own, above
 * it 128 bins share each doubling, so that what a percentile says is at most 0.8 % above what was measured, from a
 * nanosecond to an hour, in 39 KB. One thread at a time. */
#ifndef TEST_BENCH_LOAD_HISTOGRAM_H
#define TEST_BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BINS (128 * 36)

struct histogram {
	uint64_t bins[HISTOGRAM_BINS];
	uint64_t n, max_ns;
};

void histogram_add(struct histogram *h, uint64_t ns); /* what is above the last bin is counted in it */
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The least wait, in nanoseconds, that `parts_in_100000` of those counted do not exceed (99,900: p99.9); 0 where none was
 * counted. It is the upper end of its bin, and never above the longest. */
uint64_t histogram_percentile(const struct histogram *h, unsigned parts_in_100000);

#endif
