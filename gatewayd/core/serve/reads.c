/* See reads.h. */
#include "gatewayd/core/serve/reads.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define MINUTE_MS 60000

struct read_count {
	char *partner;
	uint32_t n;
	UT_hash_handle hh;
};

struct reads {
	pthread_mutex_t lock;
	int64_t minute;
	struct read_count *counts;
};

struct reads *reads_new(void)
{
	struct reads *r = calloc(1, sizeof *r);

	if (r)
		pthread_mutex_init(&r->lock, NULL);
	return r;
}

static void forget(struct reads *r)
{
	struct read_count *c, *next;

	HASH_ITER(hh, r->counts, c, next)
	{
		HASH_DEL(r->counts, c);
		free(c->partner);
		free(c);
	}
}

void reads_free(struct reads *r)
{
	if (!r)
		return;
	forget(r);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static struct read_count *count_of(struct reads *r, const char *partner)
{
	struct read_count *c;

	HASH_FIND_STR(r->counts, partner, c);
	if (c)
		return c;
	c = calloc(1, sizeof *c);
	if (c)
		c->partner = strdup(partner);
	if (!c || !c->partner) {
		free(c);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, r->counts, c->partner, strlen(c->partner), c);
	return c;
}

bool reads_admit(struct reads *r, const char *partner, uint32_t most, int64_t now_ms)
{
	int64_t minute = now_ms / MINUTE_MS;

	pthread_mutex_lock(&r->lock);
	if (minute != r->minute) {
		forget(r);
		r->minute = minute;
	}
	struct read_count *c = count_of(r, partner);
	bool ok = c && c->n < most;
	if (ok)
		c->n++;
	pthread_mutex_unlock(&r->lock);
	return ok;
}
