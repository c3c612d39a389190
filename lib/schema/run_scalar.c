/* Checks of a run that look at values by themselves: numbers, strings, constants, and uniqueItems. See
 * run.h. */
#include "lib/schema/run.h"

#include "lib/json/equal.h"

#define UNIQUE_PAIRS 8u /* arrays up to this size are compared pair by pair */

bool run_bound(const struct schema_run *r, const struct op *op, uint32_t node)
{
	const struct number *x = &r->s->numbers[op->a];
	struct view token = tape_token(r->t, node);
	int64_t small;
	int order;

	if (x->is_small && decimal_int64(token, &small)) {
		order = small < x->small ? -1 : small > x->small;
	} else {
		struct decimal d = decimal_parse(token);

		order = decimal_compare(&d, &x->decimal);
	}
	switch ((enum bound_kind)op->n) {
	case BOUND_MIN: return order >= 0;
	case BOUND_MIN_EXCLUSIVE: return order > 0;
	case BOUND_MAX: return order <= 0;
	case BOUND_MAX_EXCLUSIVE: return order < 0;
	}
	return false;
}

bool run_multiple(const struct schema_run *r, const struct op *op, uint32_t node)
{
	const struct number *x = &r->s->numbers[op->a];
	struct view token = tape_token(r->t, node);
	int64_t small;

	if (x->is_small && decimal_int64(token, &small))
		return small % x->small == 0;
	struct decimal d = decimal_parse(token);
	return decimal_divides(&x->decimal, &d);
}

bool run_length(const struct schema_run *r, const struct op *op, uint32_t node)
{
	const struct tape_node *n = &r->nodes[node];
	struct view v = run_string(r, n, node);
	size_t length = v.n;

	if (!(n->flags & TAPE_ASCII))
		for (size_t i = 0; i < v.n; i++)
			length -= ((unsigned char)v.p[i] & 0xc0) == 0x80;
	return length >= op->a && length <= op->b;
}

bool run_is_constant(const struct schema_run *r, const struct constant *c, uint32_t node)
{
	const struct tape_node *n = &r->nodes[node];

	return n->hash == c->hash && view_eq(run_string(r, n, node), view_make(c->p, c->n));
}

bool run_enum_strings(const struct schema_run *r, const struct op *op, uint32_t node)
{
	const struct name_set *set = &r->s->name_sets[op->a];
	const uint32_t *slots = r->s->slots + set->slots;

	for (uint32_t i = r->nodes[node].hash & set->mask; slots[i]; i = (i + 1) & set->mask)
		if (run_is_constant(r, &r->s->constants[set->first + slots[i] - 1], node))
			return true;
	return false;
}

bool run_equals_schema(const struct schema_run *r, uint32_t doc, uint32_t value, uint32_t node)
{
	const struct tape *t = &r->s->g.docs[doc].doc->tape;
	unsigned type = r->nodes[node].type;

	/* A KEY is compared as the string that it is. */
	if (type == TAPE_KEY)
		return t->nodes[value].type == TAPE_STRING && view_eq(tape_string(t, value), tape_string(r->t, node));
	return t->nodes[value].type == type && tape_equal(t, value, r->t, node);
}

bool run_enum(struct schema_run *r, const struct op *op, uint32_t node)
{
	const struct tape_node *nodes = r->s->g.docs[op->a].doc->tape.nodes;

	if (!run_spend(r, nodes[op->b].count / 4))
		return false;
	for (uint32_t i = op->b + 1; i < nodes[op->b].next; i = nodes[i].next)
		if (run_equals_schema(r, op->a, i, node))
			return true;
	return false;
}

static bool check_unique_pairs(struct schema_run *r, uint32_t node)
{
	uint32_t end = r->nodes[node].next;

	for (uint32_t i = node + 1; i < end; i = r->nodes[i].next)
		for (uint32_t j = node + 1; j < i; j = r->nodes[j].next)
			if (r->nodes[i].type == r->nodes[j].type && tape_equal(r->t, i, r->t, j))
				return false;
	return true;
}

/* By hash, so that large arrays are not compared pair by pair. Items made to have the same hash cost
 * steps. */
bool run_unique(struct schema_run *r, uint32_t node)
{
	uint32_t count = r->nodes[node].count, end = r->nodes[node].next, size = 16;

	if (!run_spend(r, end - node))
		return false;
	if (count <= UNIQUE_PAIRS)
		return check_unique_pairs(r, node);
	if (count > WORDS_MAX / 2)
		return run_hit_limit(r);
	while (size < 2 * count)
		size *= 2;
	if (r->table_cap < (size_t)size * 2) {
		uint32_t *table = realloc(r->table, (size_t)size * 2 * sizeof *table);

		if (!table)
			return run_hit_limit(r);
		r->table = table;
		r->table_cap = (size_t)size * 2;
	}
	memset(r->table, 0, (size_t)size * 2 * sizeof *r->table);
	for (uint32_t i = node + 1; i < end; i = r->nodes[i].next) {
		uint32_t hash = tape_value_hash(r->t, i), slot = hash & (size - 1);

		for (; r->table[2 * slot]; slot = (slot + 1) & (size - 1)) {
			uint32_t other = r->table[2 * slot];

			if (!run_spend(r, 1))
				return false;
			if (r->table[2 * slot + 1] == hash) {
				if (!run_spend(r, r->nodes[other].next - other))
					return false;
				if (tape_equal(r->t, i, r->t, other))
					return false;
			}
		}
		r->table[2 * slot] = i;
		r->table[2 * slot + 1] = hash;
	}
	return true;
}

bool schema_unique(struct schema_run *r, const struct tape *t, uint32_t node, uint64_t *steps)
{
	bool ok;

	r->t = t;
	r->nodes = t->nodes;
	r->steps = *steps;
	r->limit = false;
	ok = run_unique(r, node);
	*steps = r->limit ? 0 : r->steps;
	return ok;
}
