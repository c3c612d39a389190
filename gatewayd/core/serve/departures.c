/* See departures.h. */
#include "gatewayd/core/serve/departures.h"

#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>

#include "gatewayd/core/store/exchange.h"

/* More than one transaction of the writer has jobs: what was stopped earlier has lost its row. */
#define STOPPED 2048

struct leaving {
	uint64_t seq;
	UT_hash_handle hh;
};

struct departures {
	uint64_t before; /* records up to this number are of earlier processes */
	pthread_mutex_t lock;
	struct leaving *under_way;
	uint64_t stopped[STOPPED]; /* 0: none */
	size_t next, n_stopped;    /* n_stopped: places that are taken */
};

static bool note_newest(void *arg, const struct store_exchange *x)
{
	*(uint64_t *)arg = x->seq;
	return false;
}

struct departures *departures_new(struct store *store, struct error *e)
{
	struct departures *d = calloc(1, sizeof *d);

	if (!d) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	if (!store_list_exchanges(store, 0, 1, note_newest, &d->before, e)) {
		free(d);
		return NULL;
	}
	pthread_mutex_init(&d->lock, NULL);
	return d;
}

void departures_free(struct departures *d)
{
	struct leaving *one, *next;

	if (!d)
		return;
	HASH_ITER(hh, d->under_way, one, next)
	{
		HASH_DELETE(hh, d->under_way, one);
		free(one);
	}
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static struct leaving *find(struct departures *d, uint64_t seq)
{
	struct leaving *one;

	HASH_FIND(hh, d->under_way, &seq, sizeof seq, one);
	return one;
}

static void put_stopped(struct departures *d, uint64_t seq)
{
	d->n_stopped += d->stopped[d->next] == 0;
	d->stopped[d->next] = seq;
	d->next = (d->next + 1) % STOPPED;
}

/* Whether it was stopped; the next time it is not. */
static bool take_stopped(struct departures *d, uint64_t seq)
{
	for (size_t i = 0; d->n_stopped > 0 && i < STOPPED; i++) {
		if (d->stopped[i] == seq) {
			d->stopped[i] = 0;
			d->n_stopped--;
			return true;
		}
	}
	return false;
}

enum departure departures_begin(struct departures *d, uint64_t seq)
{
	struct leaving *one = calloc(1, sizeof *one);
	enum departure begun = DEPARTURE_BEGUN;

	if (!one)
		return DEPARTURE_NO_MEMORY;
	one->seq = seq;
	pthread_mutex_lock(&d->lock);
	if (take_stopped(d, seq))
		begun = DEPARTURE_STOPPED;
	else if (find(d, seq))
		begun = DEPARTURE_AGAIN;
	else
		HASH_ADD(hh, d->under_way, seq, sizeof one->seq, one);
	pthread_mutex_unlock(&d->lock);
	if (begun != DEPARTURE_BEGUN)
		free(one);
	return begun;
}

bool departures_earlier(const struct departures *d, uint64_t seq)
{
	return seq <= d->before;
}

void departures_undo(struct departures *d, uint64_t seq, enum departure was)
{
	if (was == DEPARTURE_BEGUN) {
		departures_end(d, seq);
	} else if (was == DEPARTURE_STOPPED) {
		pthread_mutex_lock(&d->lock);
		put_stopped(d, seq);
		pthread_mutex_unlock(&d->lock);
	}
}

void departures_end(struct departures *d, uint64_t seq)
{
	pthread_mutex_lock(&d->lock);
	struct leaving *one = find(d, seq);
	if (one)
		HASH_DELETE(hh, d->under_way, one);
	pthread_mutex_unlock(&d->lock);
	free(one);
}

bool departures_stop(struct departures *d, uint64_t seq)
{
	pthread_mutex_lock(&d->lock);
	bool may_have_left = departures_earlier(d, seq) || find(d, seq);
	if (!may_have_left)
		put_stopped(d, seq);
	pthread_mutex_unlock(&d->lock);
	return may_have_left;
}
