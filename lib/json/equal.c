/* See equal.h. */
#include "lib/json/equal.h"

#include "lib/json/decimal.h"
#include "lib/json/scan.h"

static bool same_name(const struct tape *a, uint32_t x, const struct tape *b, uint32_t y)
{
	return a->nodes[x].hash == b->nodes[y].hash && view_eq(tape_string(a, x), tape_string(b, y));
}

static bool same_items(const struct tape *a, uint32_t x, const struct tape *b, uint32_t y)
{
	uint32_t end = a->nodes[x].next;

	for (x++, y++; x < end; x = a->nodes[x].next, y = b->nodes[y].next)
		if (!tape_equal(a, x, b, y))
			return false;
	return true;
}

/* Both have as many members and no name twice, so it is enough to find each of a's in b. The search
 * goes on where the last one ended: members in the same order are found at once. */
static bool same_members(const struct tape *a, uint32_t x, const struct tape *b, uint32_t y)
{
	uint32_t end = a->nodes[x].next, first = y + 1, stop = b->nodes[y].next, at = first;

	for (uint32_t k = x + 1; k < end; k = a->nodes[k + 1].next) {
		uint32_t start = at;
		while (!same_name(a, k, b, at)) {
			at = b->nodes[at + 1].next;
			if (at == stop)
				at = first;
			if (at == start)
				return false;
		}
		if (!tape_equal(a, k + 1, b, at + 1))
			return false;
		at = b->nodes[at + 1].next;
		if (at == stop)
			at = first;
	}
	return true;
}

bool tape_equal(const struct tape *a, uint32_t node_a, const struct tape *b, uint32_t node_b)
{
	const struct tape_node *x = &a->nodes[node_a], *y = &b->nodes[node_b];

	if (x->type != y->type)
		return false;
	switch ((enum tape_type)x->type) {
	case TAPE_NULL:
	case TAPE_FALSE:
	case TAPE_TRUE: return true;
	case TAPE_NUMBER: return decimal_equal(tape_token(a, node_a), tape_token(b, node_b));
	case TAPE_STRING:
	case TAPE_KEY: return same_name(a, node_a, b, node_b);
	case TAPE_ARRAY: return x->count == y->count && same_items(a, node_a, b, node_b);
	case TAPE_OBJECT: return x->count == y->count && (x->count == 0 || same_members(a, node_a, b, node_b));
	}
	return false;
}

/* One step of a hash that depends on order. Not linear in `v`: the sum over members must tell
 * {"a":1,"b":2} from {"a":2,"b":1}. */
static uint32_t mix(uint32_t h, uint32_t v)
{
	uint64_t r = fold_product(h ^ HASH_A, v ^ HASH_B);

	return (uint32_t)(r ^ r >> 32);
}

uint32_t tape_value_hash(const struct tape *t, uint32_t node)
{
	const struct tape_node *n = &t->nodes[node];
	uint32_t h = n->type;

	switch ((enum tape_type)n->type) {
	case TAPE_NULL:
	case TAPE_FALSE:
	case TAPE_TRUE: return mix(h, 0);
	case TAPE_NUMBER: return mix(h, decimal_hash(tape_token(t, node)));
	case TAPE_STRING:
	case TAPE_KEY: return mix(h, n->hash);
	case TAPE_ARRAY:
		for (uint32_t v = node + 1; v < n->next; v = t->nodes[v].next)
			h = mix(h, tape_value_hash(t, v));
		return mix(h, n->count);
	case TAPE_OBJECT:
		/* A sum, because the order of members does not count. */
		for (uint32_t k = node + 1; k < n->next; k = t->nodes[k + 1].next)
			h += mix(t->nodes[k].hash, tape_value_hash(t, k + 1));
		return mix(h, n->count);
	}
	return h;
}
