/* The parts that a program is made of. See emit.h. */
#include "lib/schema/emit.h"

bool emit_op(struct compiler *c, struct op op)
{
	struct schema *s = c->s;

	if (!graph_grow(c->g, &s->ops, &s->cap_ops, s->n_ops, sizeof *s->ops))
		return false;
	s->ops[s->n_ops++] = op;
	return true;
}

uint32_t emit_constant(struct compiler *c, const struct tape *t, uint32_t node)
{
	struct schema *s = c->s;
	struct view v = tape_string(t, node);

	if (!graph_grow(c->g, &s->constants, &s->cap_constants, s->n_constants, sizeof *s->constants))
		return NONE;
	s->constants[s->n_constants] = (struct constant){ v.p, (uint32_t)v.n, t->nodes[node].hash };
	return s->n_constants++;
}

uint32_t emit_number(struct compiler *c, const struct tape *t, uint32_t node)
{
	struct schema *s = c->s;
	struct number x = { .is_small = false };
	struct view token = tape_token(t, node);

	if (!graph_grow(c->g, &s->numbers, &s->cap_numbers, s->n_numbers, sizeof *s->numbers))
		return NONE;
	x.decimal = decimal_parse(token);
	x.is_small = decimal_int64(token, &x.small);
	s->numbers[s->n_numbers] = x;
	return s->n_numbers++;
}

uint32_t emit_regex(struct compiler *c, const struct snode *sn, uint32_t node)
{
	struct schema *s = c->s;
	struct view pattern = tape_string(snode_tape(c->g, sn), node);
	struct error inner = { .reason = REASON_NONE };
	struct name_slot *slot = name_table_put(&c->regexes, pattern, 0);

	if (!slot)
		return graph_no_memory(c->g), NONE;
	if (slot->value)
		return slot->value - 1;
	slot->value = s->n_regexes + 1;
	if (!graph_grow(c->g, &s->regexes, &s->cap_regexes, s->n_regexes, sizeof *s->regexes) ||
	    !graph_grow(c->g, &s->regex_texts, &s->cap_regex_texts, s->n_regexes, sizeof *s->regex_texts))
		return NONE;
	s->regex_texts[s->n_regexes] = pattern;
	s->regexes[s->n_regexes] = regex_compile(pattern, &inner);
	if (!s->regexes[s->n_regexes])
		return graph_fail(c->g, sn->doc, node, "the pattern is not a regular expression that can be used: %s",
		                  inner.text),
		       NONE;
	return s->n_regexes++;
}

uint32_t emit_count(const struct tape *t, uint32_t node)
{
	int64_t n;

	if (!decimal_int64(tape_token(t, node), &n) || n > (int64_t)UINT32_MAX)
		return UINT32_MAX;
	return (uint32_t)n;
}

bool emit_slots(struct compiler *c, const uint32_t *hashes, size_t stride, uint32_t n, uint32_t *slots, uint32_t *mask)
{
	struct schema *s = c->s;
	uint32_t size = 4;

	while (size < 2 * n)
		size *= 2;
	while (s->n_slots + (size_t)size > s->cap_slots)
		if (!graph_grow(c->g, &s->slots, &s->cap_slots, s->cap_slots, sizeof *s->slots))
			return false;
	*slots = s->n_slots;
	*mask = size - 1;
	memset(s->slots + s->n_slots, 0, size * sizeof *s->slots);
	s->n_slots += size;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t h = *(const uint32_t *)(const void *)((const char *)hashes + i * stride) & *mask;

		while (s->slots[*slots + h])
			h = (h + 1) & *mask;
		s->slots[*slots + h] = i + 1;
	}
	return true;
}
