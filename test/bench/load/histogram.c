/* See histogram.h. */
#include "test/bench/load/histogram.h"

#define SHARE 128u /* bins of a doubling */

static unsigned bin_of(uint64_t ns)
{
	if (ns < 2 * SHARE)
		return (unsigned)ns;
	unsigned shift = 56u - (unsigned)__builtin_clzll(ns); /* leaves eight bits, of which the first is set */
	unsigned bin = shift * SHARE + (unsigned)(ns >> shift);
	return bin < HISTOGRAM_BINS ? bin : HISTOGRAM_BINS - 1;
}

static uint64_t upper_end(unsigned bin)
{
	if (bin < 2 * SHARE)
		return bin;
	unsigned shift = bin / SHARE - 1;
	return ((uint64_t)(bin - shift * SHARE + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->bins[bin_of(ns)]++;
	h->n++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_BINS; i++)
		into->bins[i] += from->bins[i];
	into->n += from->n;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

uint64_t histogram_percentile(const struct histogram *h, unsigned parts_in_100000)
{
	uint64_t wanted = (h->n * parts_in_100000 + 99999) / 100000, seen = 0;

	for (unsigned i = 0; h->n > 0 && i < HISTOGRAM_BINS; i++) {
		seen += h->bins[i];
		if (seen >= wanted && seen > 0)
			return upper_end(i) < h->max_ns ? upper_end(i) : h->max_ns;
	}
	return 0;
}
