/* See chains.h. Looked at once a handshake, so one lock serves all threads. */
#include "gatewayd/edge/chains.h"

#include <pthread.h>
#include <stdlib.h>

#define PLACES 1024

struct chain {
	struct digest digest;
	time_t from, until; /* both 0: nothing is here */
};

struct chains {
	pthread_mutex_t lock;
	struct chain place[PLACES];
};

struct chains *chains_new(void)
{
	struct chains *c = calloc(1, sizeof *c);

	if (c)
		pthread_mutex_init(&c->lock, NULL);
	return c;
}

void chains_free(struct chains *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* A digest's bytes are as good as random, and only what an authority signed gets a place. */
static struct chain *place_of(struct chains *c, const struct digest *digest)
{
	return &c->place[((unsigned)digest->b[0] << 8 | digest->b[1]) % PLACES];
}

bool chains_hold(struct chains *c, const struct digest *chain, time_t now)
{
	pthread_mutex_lock(&c->lock);
	const struct chain *k = place_of(c, chain);
	bool holds = k->from <= now && now < k->until && digest_eq(&k->digest, chain);
	pthread_mutex_unlock(&c->lock);
	return holds;
}

void chains_keep(struct chains *c, const struct digest *chain, time_t from, time_t until)
{
	pthread_mutex_lock(&c->lock);
	*place_of(c, chain) = (struct chain){ .digest = *chain, .from = from, .until = until };
	pthread_mutex_unlock(&c->lock);
}
