/* See budget.h. */
#include "gatewayd/core/serve/budget.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "gatewayd/core/serve/rate.h"

struct budget {
	pthread_mutex_t lock;
	struct account *accounts; /* by id */
	struct account all;
	uint64_t bytes_max, partner_bytes_max;
	uint32_t jobs_max, partner_jobs_max;
	unsigned used;   /* how often budget_idle() is to say true since */
	int64_t idle_ms; /* since when nothing is held; 0: something is */
	_Atomic uint32_t connections;
};

struct budget *budget_new(void)
{
	struct budget *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	pthread_mutex_init(&b->lock, NULL);
	b->bytes_max = b->partner_bytes_max = UINT64_MAX / 8;
	b->jobs_max = b->partner_jobs_max = UINT32_MAX / 2;
	atomic_init(&b->connections, UINT32_MAX);
	return b;
}

void budget_free(struct budget *b)
{
	struct account *a, *next;

	if (!b)
		return;
	HASH_ITER(hh, b->accounts, a, next)
	{
		HASH_DEL(b->accounts, a);
		rate_counts_free(a->rates);
		free(a);
	}
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void budget_set(struct budget *b, const struct node *n)
{
	pthread_mutex_lock(&b->lock);
	b->bytes_max = n->memory_bytes;
	b->partner_bytes_max = n->partner_memory_bytes;
	b->jobs_max = n->jobs;
	b->partner_jobs_max = n->partner_jobs;
	uint32_t before = atomic_load_explicit(&b->connections, memory_order_relaxed);
	uint32_t now = n->edge.connections + n->edge.strangers + 2 * n->edge.monitors;
	if (before == UINT32_MAX || now > before)
		atomic_store_explicit(&b->connections, now, memory_order_relaxed);
	pthread_mutex_unlock(&b->lock);
}

static struct account *add_account(struct budget *b, const char *id)
{
	struct account *a = calloc(1, sizeof *a);

	if (!a || !(a->rates = rate_counts_new())) {
		free(a);
		return NULL;
	}
	snprintf(a->id, sizeof a->id, "%s", id);
	HASH_ADD_STR(b->accounts, id, a);
	return a;
}

struct account *budget_account(struct budget *b, const struct partner *p)
{
	const char *id = p ? p->id : "";
	struct account *a;

	pthread_mutex_lock(&b->lock);
	HASH_FIND_STR(b->accounts, id, a);
	if (!a)
		a = add_account(b, id);
	if (a)
		atomic_store_explicit(&a->lane.weight, p ? p->weight : 1, memory_order_relaxed);
	pthread_mutex_unlock(&b->lock);
	return a;
}

struct account *budget_account_of(struct budget *b, struct view id)
{
	char name[sizeof((struct account *)0)->id];
	struct account *a;

	snprintf(name, sizeof name, "%.*s", VIEW_ARG(id));
	pthread_mutex_lock(&b->lock);
	HASH_FIND_STR(b->accounts, name, a);
	if (!a)
		a = add_account(b, name);
	pthread_mutex_unlock(&b->lock);
	return a;
}

void budget_each_rates(struct budget *b, void (*each)(void *arg, const char *id, struct rate_counts *rates), void *arg)
{
	struct account *a, *next;

	pthread_mutex_lock(&b->lock);
	HASH_ITER(hh, b->accounts, a, next)
	{
		each(arg, a->id, a->rates);
	}
	pthread_mutex_unlock(&b->lock);
}

static void hold(struct budget *b, struct account *a, uint32_t jobs, uint64_t bytes)
{
	a->bytes += bytes;
	a->jobs += jobs;
	b->all.bytes += bytes;
	b->all.jobs += jobs;
	b->used = 2;
}

bool budget_take_body(struct budget *b, struct account *a, uint64_t bytes)
{
	pthread_mutex_lock(&b->lock);
	bool ok = a->bytes + bytes <= b->partner_bytes_max / 4 * 3 && b->all.bytes + bytes <= b->bytes_max / 4 * 3;
	if (ok)
		hold(b, a, 0, bytes);
	pthread_mutex_unlock(&b->lock);
	return ok;
}

bool budget_take_lines(struct budget *b, struct account *a, uint32_t n, uint64_t bytes)
{
	pthread_mutex_lock(&b->lock);
	bool ok = a->jobs == 0 || (a->jobs + n <= b->partner_jobs_max && b->all.jobs + n <= b->jobs_max &&
	                           a->bytes + bytes <= b->partner_bytes_max && b->all.bytes + bytes <= b->bytes_max);
	if (ok)
		hold(b, a, n, bytes);
	pthread_mutex_unlock(&b->lock);
	return ok;
}

void budget_add(struct budget *b, struct account *a, uint64_t bytes)
{
	pthread_mutex_lock(&b->lock);
	hold(b, a, 0, bytes);
	pthread_mutex_unlock(&b->lock);
}

void budget_give(struct budget *b, struct account *a, uint32_t lines, uint64_t bytes)
{
	pthread_mutex_lock(&b->lock);
	a->bytes -= bytes;
	a->jobs -= lines;
	b->all.bytes -= bytes;
	b->all.jobs -= lines;
	pthread_mutex_unlock(&b->lock);
}

bool budget_wait(struct budget *b, struct account *a, uint64_t bytes)
{
	pthread_mutex_lock(&b->lock);
	bool ok = a->waiting_bytes + bytes <= b->partner_bytes_max / 2 &&
	          b->all.waiting_bytes + bytes <= b->bytes_max / 2;
	if (ok) {
		a->waiting++;
		a->waiting_bytes += bytes;
		b->all.waiting++;
		b->all.waiting_bytes += bytes;
		b->used = 2;
	}
	pthread_mutex_unlock(&b->lock);
	return ok;
}

void budget_waited(struct budget *b, struct account *a, uint64_t bytes, bool turned_away)
{
	pthread_mutex_lock(&b->lock);
	a->waiting--;
	a->waiting_bytes -= bytes;
	b->all.waiting--;
	b->all.waiting_bytes -= bytes;
	a->turned_away += turned_away;
	b->all.turned_away += turned_away;
	pthread_mutex_unlock(&b->lock);
}

void budget_turned_away(struct budget *b, struct account *a)
{
	pthread_mutex_lock(&b->lock);
	a->turned_away++;
	b->all.turned_away++;
	pthread_mutex_unlock(&b->lock);
}

static struct budget_state state_of(const struct account *a, uint64_t bytes_max, uint32_t jobs_max)
{
	return (struct budget_state){ .bytes = a->bytes,
		                      .bytes_max = bytes_max,
		                      .waiting_bytes = a->waiting_bytes,
		                      .turned_away = a->turned_away,
		                      .jobs = a->jobs,
		                      .jobs_max = jobs_max,
		                      .waiting = a->waiting };
}

void budget_state(struct budget *b, struct budget_state *all)
{
	pthread_mutex_lock(&b->lock);
	*all = state_of(&b->all, b->bytes_max, b->jobs_max);
	pthread_mutex_unlock(&b->lock);
}

void budget_each(struct budget *b, void (*each)(void *arg, const char *id, const struct budget_state *s), void *arg)
{
	struct account *a, *next;

	pthread_mutex_lock(&b->lock);
	HASH_ITER(hh, b->accounts, a, next)
	{
		struct budget_state s = state_of(a, b->partner_bytes_max, b->partner_jobs_max);

		each(arg, a->id, &s);
	}
	pthread_mutex_unlock(&b->lock);
}

bool budget_idle(struct budget *b, int64_t monotonic_ms)
{
	bool idle = false;

	pthread_mutex_lock(&b->lock);
	if (!b->used || b->all.bytes || b->all.jobs || b->all.waiting) {
		b->idle_ms = 0;
	} else if (b->idle_ms == 0) {
		b->idle_ms = monotonic_ms;
	} else if (monotonic_ms - b->idle_ms >= BUDGET_IDLE_MS) {
		idle = true;
		b->used--;
		b->idle_ms = monotonic_ms;
	}
	pthread_mutex_unlock(&b->lock);
	return idle;
}

uint32_t budget_connections(struct budget *b)
{
	return atomic_load_explicit(&b->connections, memory_order_relaxed);
}
