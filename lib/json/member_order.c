/* See member_order.h. */
#include "lib/json/member_order.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/ids.h"
#include "lib/json/parser.h"

#define KEYS_FIRST   64
#define SMALL_INSERT 16 /* so few are sorted by insertion, which almost sorted ones favour */

void member_order_wipe(struct member_order *o)
{
	if (o->high)
		wipe(o->keys, o->high * sizeof *o->keys);
	o->n = o->high = 0;
}

void member_order_free(struct member_order *o)
{
	member_order_wipe(o);
	free(o->keys);
	*o = (struct member_order){ .keys = NULL };
}

/* Eight bytes may be read from any place of a tape's text and strings (SCAN_PAD). */
static uint64_t name_head(struct view name)
{
	uint64_t lo, hi;

	hash_tail(name.p, name.n < 8 ? name.n : 8, &lo, &hi);
	return __builtin_bswap64(lo);
}

/* Names whose heads are alike; a shorter one comes before those that begin with it. */
static bool tail_before(const struct tape *t, uint32_t a, uint32_t b)
{
	return view_cmp(tape_string(t, a), tape_string(t, b)) < 0;
}

static bool key_before(const struct tape *t, const struct ordered_key *a, const struct ordered_key *b)
{
	return a->head != b->head ? a->head < b->head : tail_before(t, a->key, b->key);
}

/* How many members in front stand in order. */
static size_t sorted_ones(const struct tape *t, uint32_t object)
{
	const struct tape_node *nodes = t->nodes;
	uint32_t before = object + 1, end = nodes[object].next;
	size_t n = 1;

	if (nodes[object].count < 2)
		return nodes[object].count;
	uint64_t head = name_head(tape_string(t, before));
	for (uint32_t k = nodes[before + 1].next; k < end; k = nodes[k + 1].next, n++) {
		uint64_t next = name_head(tape_string(t, k));
		if (next < head || (next == head && !tail_before(t, before, k)))
			break;
		before = k;
		head = next;
	}
	return n;
}

bool members_sorted(const struct tape *t, uint32_t object)
{
	return sorted_ones(t, object) == t->nodes[object].count;
}

/* The first `sorted` are already. */
static void insertion_sort(const struct tape *t, struct ordered_key *keys, size_t sorted, size_t n)
{
	for (size_t i = sorted; i < n; i++) {
		struct ordered_key moved = keys[i];
		size_t to = i;

		for (; to > 0 && key_before(t, &moved, &keys[to - 1]); to--)
			keys[to] = keys[to - 1];
		keys[to] = moved;
	}
}

static void sift_down(const struct tape *t, struct ordered_key *heap, size_t i, size_t n)
{
	struct ordered_key moved = heap[i];

	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && key_before(t, &heap[child], &heap[child + 1]))
			child++;
		if (!key_before(t, &moved, &heap[child]))
			break;
		heap[i] = heap[child];
	}
	heap[i] = moved;
}

/* Heap sort: in place, and n log n for every input. */
static void heap_sort(const struct tape *t, struct ordered_key *keys, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(t, keys, i, n);
	for (size_t last = n; last-- > 1;) {
		struct ordered_key top = keys[0];
		keys[0] = keys[last];
		keys[last] = top;
		sift_down(t, keys, 0, last);
	}
}

static bool make_room(struct member_order *o, size_t n)
{
	if (n <= o->cap - o->n)
		return true;
	struct ordered_key *keys = parser_grow(o->keys, &o->cap, o->n, o->n + n + KEYS_FIRST, sizeof *keys);
	if (!keys)
		return false;
	o->keys = keys;
	return true;
}

bool member_walk_start(struct member_walk *w, struct member_order *o, const struct tape *t, uint32_t object)
{
	const struct tape_node *nodes = t->nodes;
	size_t n = nodes[object].count;

	assert(nodes[object].type == TAPE_OBJECT);
	*w = (struct member_walk){ .order = o, .tape = t, .base = o->n, .at = object + 1, .end = nodes[object].next };
	size_t sorted = sorted_ones(t, object);
	if (sorted == n)
		return true;
	if (!make_room(o, n))
		return false;
	struct ordered_key *keys = o->keys + o->n;
	for (uint32_t k = object + 1, i = 0; k < w->end; k = nodes[k + 1].next, i++)
		keys[i] = (struct ordered_key){ .head = name_head(tape_string(t, k)), .key = k };
	if (n <= SMALL_INSERT)
		insertion_sort(t, keys, sorted, n);
	else
		heap_sort(t, keys, n);
	w->sorted = true;
	w->next = o->n;
	o->n += n;
	if (o->n > o->high)
		o->high = o->n;
	return true;
}

uint32_t member_walk_next(struct member_walk *w)
{
	uint32_t key = 0;

	if (w->sorted) {
		if (w->next < w->order->n)
			key = w->order->keys[w->next++].key;
	} else if (w->at < w->end) {
		key = w->at;
		w->at = w->tape->nodes[key + 1].next;
	}
	return key;
}

void member_walk_end(struct member_walk *w)
{
	w->order->n = w->base;
}
