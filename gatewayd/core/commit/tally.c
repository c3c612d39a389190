/* See tally_private.h. */
#include "gatewayd/core/commit/tally_private.h"

#include <stdlib.h>
#include <string.h>

void tally_open(struct tally *t)
{
	pthread_mutex_init(&t->lock, NULL);
}

void tally_close(struct tally *t)
{
	pthread_mutex_destroy(&t->lock);
}

void tally_commit(struct tally *t, uint32_t jobs, uint64_t entries, uint64_t size)
{
	pthread_mutex_lock(&t->lock);
	t->recent[t->figures.commits++ % TALLY_RECENT] = jobs;
	t->figures.jobs += jobs;
	t->figures.entries += entries;
	t->figures.tree_size = size;
	pthread_mutex_unlock(&t->lock);
}

void tally_took(struct tally *t, struct job *first, int64_t start_us, int64_t end_us)
{
	latency_note(&t->committed, end_us - start_us);
	for (struct job *j = first; j; j = j->next) {
		latency_note(&t->waited, start_us - j->submitted_us);
		j->committed_us = end_us;
	}
}

void tally_unmoved(struct tally *t, const struct store_unmoved *now)
{
	pthread_mutex_lock(&t->lock);
	t->figures.unmoved = *now;
	pthread_mutex_unlock(&t->lock);
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void tally_read(struct tally *t, struct writer_stats *out)
{
	uint32_t recent[TALLY_RECENT];

	pthread_mutex_lock(&t->lock);
	*out = t->figures;
	memcpy(recent, t->recent, sizeof recent);
	pthread_mutex_unlock(&t->lock);
	size_t n = out->commits < TALLY_RECENT ? (size_t)out->commits : TALLY_RECENT;
	qsort(recent, n, sizeof *recent, compare);
	out->median_batch = n ? recent[n / 2] : 0;
}
