/* See arrivals.h. */
#include "gatewayd/core/copy/arrivals.h"

#include <assert.h>

#include "gatewayd/core/store/arrival.h"
#include "gatewayd/core/store/timer.h"

/* --- which are plain --- */

struct looking {
	struct arrival *all;
	size_t n, next; /* next: where the one that comes is most often */
};

static bool note(void *arg, const struct store_arrival *x)
{
	struct looking *l = arg;
	size_t i = 0;

	while (i < l->n && l->all[(l->next + i) % l->n].copy.seq != x->seq)
		i++;
	if (i == l->n)
		return true;
	l->next = (l->next + i) % l->n;
	struct arrival *one = &l->all[l->next];
	struct copy *c = &one->copy;
	c->state = x->state;
	c->plan = x->plan;
	c->inbox = x->inbox;
	c->timed = true;
	view_keep(c->purpose, sizeof c->purpose, x->purpose);
	view_keep(c->reference, sizeof c->reference, x->reference);
	one->slot = x->slot;
	one->plain = c->state == STATE_QUEUED;
	return true;
}

/* Whether the agreement has something of it kept; one that is not held here any more keeps nothing. */
static bool is_kept(const struct act *a, const struct copy *c, bool *kept, struct error *e)
{
	struct copy_terms terms;
	enum sought found = sought(copy_terms(a, c, &terms, NULL, e), e);

	*kept = found == SOUGHT_FOUND && duration_add(a->now_ms, &terms.keep) > a->now_ms;
	return found != SOUGHT_FAILED;
}

bool arrivals_look(const struct act *a, struct arrival *all, size_t n, struct error *e)
{
	struct looking l = { .all = all, .n = n };
	uint64_t seqs[ARRIVALS_MAX];

	assert(n > 0 && n <= ARRIVALS_MAX);
	for (size_t i = 0; i < n; i++) {
		all[i].plain = false;
		seqs[i] = all[i].copy.seq;
	}
	if (!store_list_arrivals(a->store, seqs, n, note, &l, e))
		return false;
	for (size_t i = 0; i < n; i++) {
		bool kept = false;
		if (all[i].plain && !is_kept(a, &all[i].copy, &kept, e))
			return false;
		all[i].plain = all[i].plain && !kept;
	}
	return true;
}

/* --- their end --- */

/* Its payload's time is over; what is due next may be nothing. */
static bool rearm(const struct act *a, struct copy *c, struct error *e)
{
	struct store_timer t;

	c->plan.payload_ms = SCHEDULE_NEVER;
	c->timed = copy_timer(c, &t) != DUE_NOTHING;
	return c->timed ? store_rearm_timer(a->store, &t, e) : store_drop_timer(a->store, c->seq, e);
}

static bool erase(const struct act *a, struct arrival *one, struct error *e)
{
	return writer_erase_key(a->writer, a->job, one->slot, e) &&
	       copy_log(a, &one->copy, OPERATION_ERASURE, "", "delivered", e) && rearm(a, &one->copy, e);
}

bool arrivals_end(const struct act *a, struct arrival *all, size_t n, struct error *e)
{
	struct copy *plain[ARRIVALS_MAX];
	uint64_t seqs[ARRIVALS_MAX];
	size_t n_plain = 0;

	assert(n > 0 && n <= ARRIVALS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!all[i].plain)
			continue;
		if (!erase(a, &all[i], e))
			return false;
		seqs[n_plain] = all[i].copy.seq;
		plain[n_plain++] = &all[i].copy;
	}
	return n_plain == 0 || (store_end_arrivals(a->store, seqs, n_plain, e) &&
	                        exchanges_become(a, plain, n_plain, STATE_DELIVERED, e));
}
