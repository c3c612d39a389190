/* See peers.h. A chained table; looked at once a handshake and once a close, so one lock serves. */
#include "gatewayd/edge/peers.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS 1024

struct peer {
	struct peer *next;
	struct digest spki;
	uint32_t n;
};

struct peers {
	pthread_mutex_t lock;
	struct peer *bucket[BUCKETS];
};

struct peers *peers_new(void)
{
	struct peers *p = calloc(1, sizeof *p);

	if (p)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

void peers_free(struct peers *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (p->bucket[i]) {
			struct peer *peer = p->bucket[i];
			p->bucket[i] = peer->next;
			free(peer);
		}
	}
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* The link that leads to the peer, or the one at the end of its chain. */
static struct peer **find(struct peers *p, const struct digest *spki)
{
	struct peer **link = &p->bucket[(spki->b[0] << 8 | spki->b[1]) % BUCKETS];

	while (*link && !digest_eq(&(*link)->spki, spki))
		link = &(*link)->next;
	return link;
}

bool peers_enter(struct peers *p, const struct digest *spki, uint32_t max)
{
	pthread_mutex_lock(&p->lock);
	struct peer **link = find(p, spki);
	if (!*link) {
		*link = calloc(1, sizeof **link);
		if (*link)
			(*link)->spki = *spki;
	}
	bool ok = *link && (*link)->n < max;
	if (ok) {
		(*link)->n++;
	} else if (*link && (*link)->n == 0) {
		struct peer *unused = *link;
		*link = unused->next;
		free(unused);
	}
	pthread_mutex_unlock(&p->lock);
	return ok;
}

void peers_leave(struct peers *p, const struct digest *spki)
{
	pthread_mutex_lock(&p->lock);
	struct peer **link = find(p, spki);
	if (*link && --(*link)->n == 0) {
		struct peer *gone = *link;
		*link = gone->next;
		free(gone);
	}
	pthread_mutex_unlock(&p->lock);
}
