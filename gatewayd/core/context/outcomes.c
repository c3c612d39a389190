/* See outcomes.h. */
#include "gatewayd/core/context/outcomes.h"

#include <stdlib.h>
#include <string.h>

const char *ended_name(enum ended_as how)
{
	static const char *const names[] = {
#define E(name, text) text,
		ENDED_LIST(E)
#undef E
	};

	return names[how];
}

/* FNV-1a (draft-eastlake-fnv): agreements are the operator's own, and nobody chooses them to collide. */
static unsigned chain_of(struct view agreement)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < agreement.n; i++)
		h = (h ^ (uint8_t)agreement.p[i]) * 16777619u;
	return (h ^ h >> 16) % OUTCOMES_CHAINS;
}

static struct outcomes_row *find(struct outcomes_row *row, struct view agreement)
{
	while (row && !view_is(agreement, row->agreement))
		row = row->next;
	return row;
}

/* NULL: there are as many as there may be, or no memory. */
static struct outcomes_row *row_new(struct outcomes *o, struct view agreement)
{
	struct outcomes_row *row = NULL;

	if (agreement.n < sizeof row->agreement && atomic_fetch_add(&o->n, 1) < OUTCOMES_ROWS)
		row = calloc(1, sizeof *row);
	if (!row)
		atomic_fetch_sub(&o->n, 1);
	else
		memcpy(row->agreement, agreement.p, agreement.n);
	return row;
}

struct outcomes_row *outcomes_row(struct outcomes *o, struct view agreement)
{
	if (agreement.n == 0)
		return &o->others;
	_Atomic(struct outcomes_row *) *chain = &o->chains[chain_of(agreement)];
	struct outcomes_row *first = atomic_load_explicit(chain, memory_order_acquire), *row = find(first, agreement);
	if (row)
		return row;
	row = row_new(o, agreement);
	if (!row)
		return &o->others;
	do {
		struct outcomes_row *other = find(first, agreement);
		if (other) {
			free(row);
			atomic_fetch_sub(&o->n, 1);
			return other;
		}
		row->next = first;
	} while (
	        !atomic_compare_exchange_weak_explicit(chain, &first, row, memory_order_acq_rel, memory_order_acquire));
	return row;
}

void outcomes_count(struct outcomes *o, struct view agreement, enum ended_as how)
{
	atomic_fetch_add_explicit(&outcomes_row(o, agreement)->n[how], 1, memory_order_relaxed);
}

void outcomes_each(const struct outcomes *o, void (*each)(void *arg, const struct outcomes_row *row), void *arg)
{
	for (size_t i = 0; i < OUTCOMES_CHAINS; i++)
		for (const struct outcomes_row *row = atomic_load_explicit(&o->chains[i], memory_order_acquire); row;
		     row = row->next)
			each(arg, row);
	each(arg, &o->others);
}

void outcomes_free(struct outcomes *o)
{
	for (size_t i = 0; i < OUTCOMES_CHAINS; i++) {
		struct outcomes_row *row = atomic_exchange(&o->chains[i], NULL);
		while (row) {
			struct outcomes_row *next = row->next;
			free(row);
			row = next;
		}
	}
}
