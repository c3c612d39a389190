/* The members of an object in the order of their names, by code point (which is the order of the bytes of
 * UTF-8), whatever the order in the text is. Members that stand in order already cost one comparison each and
 * no memory; others are sorted in memory that the caller keeps from record to record, in n log n comparisons
 * whatever the names are. One thread at a time.
 *
 *   if (!member_walk_start(&w, order, t, object))
 *           ... memory ran out
 *   while ((key = member_walk_next(&w)))
 *           name = tape_string(t, key), value = key + 1;
 *   member_walk_end(&w);
 *
 * Walks nest: one that started later ends earlier. */
#ifndef GATEWAY_JSON_MEMBER_ORDER_H
#define GATEWAY_JSON_MEMBER_ORDER_H

#include "lib/json/tape.h"

struct ordered_key {
	uint64_t head; /* the first eight bytes of the name, the first one highest */
	uint32_t key;  /* node */
};

/* The members of all walks that are under way and had to be sorted. Zeroed: empty. */
struct member_order {
	struct ordered_key *keys;
	size_t n, cap;
	size_t high; /* most that it held since it was wiped */
};

void member_order_free(struct member_order *o); /* overwrites, frees; may be used again */
void member_order_wipe(struct member_order *o); /* overwrites what it held of names; ends all walks; memory kept */

/* The members of `object` (an OBJECT) stand in the order of their names. */
bool members_sorted(const struct tape *t, uint32_t object);

struct member_walk {
	struct member_order *order;
	const struct tape *tape;
	size_t base, next; /* in order->keys, of a sorted walk */
	uint32_t at, end;  /* KEY nodes, of one that goes as the text does */
	bool sorted;
};

/* False: no memory, and there is nothing to end. */
bool member_walk_start(struct member_walk *w, struct member_order *o, const struct tape *t, uint32_t object) MUST_USE;
/* The next KEY node, or 0 after the last. */
uint32_t member_walk_next(struct member_walk *w);
void member_walk_end(struct member_walk *w);

#endif
