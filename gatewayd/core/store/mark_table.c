/* See mark_private.h. */
#include "gatewayd/core/store/mark_private.h"

#include <stdlib.h>

#include "gatewayd/core/store/mark.h"

#define FIRST_BITS 10
#define LAST_BITS  30

static uint32_t slots_of(const struct mark_table *t)
{
	return t->bits ? UINT32_C(1) << t->bits : 0;
}

/* Where an entry's search begins: in the order of the marks. */
static uint32_t place_of(const struct mark_table *t, uint32_t prefix)
{
	return prefix >> (32 - t->bits);
}

static void table_free(struct mark_table *t)
{
	free(t->slots);
	*t = (struct mark_table){ .slots = NULL };
}

static void place(struct mark_table *t, uint64_t entry)
{
	uint32_t at = place_of(t, (uint32_t)(entry >> 32));

	while (t->slots[at] != 0)
		at = (at + 1) & (slots_of(t) - 1);
	t->slots[at] = entry;
	t->n++;
}

/* Room for `n` more, at most half full. */
static bool table_grow(struct mark_table *t, size_t n)
{
	struct mark_table more = { .bits = t->bits ? t->bits : FIRST_BITS, .base = t->base };

	while (more.bits < LAST_BITS && t->n + n > slots_of(&more) / 2)
		more.bits++;
	if (more.bits == t->bits)
		return t->n + n <= slots_of(t) / 2;
	more.slots = calloc(slots_of(&more), sizeof *more.slots);
	if (!more.slots)
		return false;
	for (uint32_t i = 0; i < slots_of(t); i++)
		if (t->slots[i] != 0)
			place(&more, t->slots[i]);
	free(t->slots);
	*t = more;
	return true;
}

size_t marks_keep(uint64_t *seqs, size_t n, uint64_t seq)
{
	size_t at = n;

	while (at > 0 && seqs[at - 1] >= seq)
		at--;
	if (at == STORE_MARKED_MAX || (at < n && seqs[at] == seq))
		return n;
	if (n < STORE_MARKED_MAX)
		n++;
	memmove(&seqs[at + 1], &seqs[at], (n - 1 - at) * sizeof *seqs);
	seqs[at] = seq;
	return n;
}

static size_t table_look(const struct mark_table *t, uint32_t prefix, uint64_t after, uint64_t *seqs, size_t n)
{
	if (t->n == 0)
		return n;
	for (uint32_t at = place_of(t, prefix); t->slots[at] != 0; at = (at + 1) & (slots_of(t) - 1)) {
		uint64_t seq = t->base + (uint32_t)t->slots[at] - 1;

		if ((uint32_t)(t->slots[at] >> 32) == prefix && seq > after)
			n = marks_keep(seqs, n, seq);
	}
	return n;
}

static uint32_t prefix_of(const struct digest *mark)
{
	return (uint32_t)mark->b[0] << 24 | (uint32_t)mark->b[1] << 16 | (uint32_t)mark->b[2] << 8 | mark->b[3];
}

struct marks *marks_new(uint64_t base)
{
	struct marks *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	pthread_mutex_init(&m->lock, NULL);
	m->newest.base = base;
	return m;
}

void marks_free(struct marks *m)
{
	if (!m)
		return;
	table_free(&m->newest);
	table_free(&m->moving);
	table_free(&m->moved);
	pthread_mutex_destroy(&m->lock);
	free(m->added);
	free(m);
}

bool marks_add(struct marks *m, const struct digest *mark, uint64_t seq)
{
	if (m->n_added == m->cap_added) {
		size_t cap = m->cap_added ? m->cap_added * 2 : 128;
		uint64_t *more = realloc(m->added, cap * sizeof *more);
		if (!more)
			return false;
		m->added = more;
		m->cap_added = cap;
	}
	m->added[m->n_added++] = (uint64_t)prefix_of(mark) << 32 | (uint32_t)(seq - m->newest.base + 1);
	return true;
}

bool marks_reserve(struct marks *m)
{
	pthread_mutex_lock(&m->lock);
	bool ok = m->n_added == 0 || table_grow(&m->newest, m->n_added);
	pthread_mutex_unlock(&m->lock);
	return ok;
}

void marks_commit(struct marks *m)
{
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->n_added; i++)
		place(&m->newest, m->added[i]);
	m->n_added = 0;
	m->at = m->next;
	if (m->is_moving && m->at == slots_of(&m->moving)) {
		table_free(&m->moved);
		m->moved = m->moving;
		m->moving = (struct mark_table){ .slots = NULL };
		m->at = m->next = 0;
		m->is_moving = false;
	}
	pthread_mutex_unlock(&m->lock);
}

void marks_rollback(struct marks *m)
{
	m->n_added = 0;
	m->next = m->at;
}

bool marks_are_many(const struct marks *m, const struct digest *mark)
{
	uint64_t seqs[STORE_MARKED_MAX];
	uint32_t prefix = prefix_of(mark);
	size_t n = table_look(&m->newest, prefix, 0, seqs, 0);

	for (size_t i = 0; i < m->n_added && n < STORE_MARKED_MAX; i++)
		n += (uint32_t)(m->added[i] >> 32) == prefix;
	return n >= STORE_MARKED_MAX;
}

size_t marks_look(struct marks *m, const struct digest *mark, uint64_t after, uint64_t *seqs)
{
	uint32_t prefix = prefix_of(mark);

	pthread_mutex_lock(&m->lock);
	size_t n = table_look(&m->moved, prefix, after, seqs, 0);
	n = table_look(&m->moving, prefix, after, seqs, n);
	n = table_look(&m->newest, prefix, after, seqs, n);
	pthread_mutex_unlock(&m->lock);
	return n;
}

void marks_turn(struct marks *m, uint64_t next)
{
	if (m->is_moving || next < m->newest.base || next - m->newest.base < STORE_MARKS_RECENT)
		return;
	pthread_mutex_lock(&m->lock);
	m->moving = m->newest;
	m->newest = (struct mark_table){ .base = next };
	m->last = next - 1;
	m->at = m->next = 0;
	m->is_moving = true;
	pthread_mutex_unlock(&m->lock);
}

bool marks_next(struct marks *m, uint64_t *seq)
{
	while (m->next < slots_of(&m->moving)) {
		uint64_t entry = m->moving.slots[m->next++];
		if (entry == 0)
			continue;
		*seq = m->moving.base + (uint32_t)entry - 1;
		return true;
	}
	return false;
}

bool marks_are_through(const struct marks *m)
{
	return m->is_moving && m->next == slots_of(&m->moving);
}
