/* The operations of a schema's own assertions on a value that is no object or array (2020-12 validation sections 6.1
 * to 6.3 and 7): type, const, enum, bounds of numbers, length, format and pattern of strings. What is cheap and fails
 * often comes first. See compiled.h. */
#include "lib/schema/emit.h"

static bool emit_type(struct compiler *c, const struct shape_input *in)
{
	uint32_t v = in->use[KEYWORD_TYPE]->key + 1;
	unsigned bits = 0;

	if (in->t->nodes[v].type == TAPE_STRING)
		bits = type_bit_of(tape_string(in->t, v));
	else
		for (uint32_t i = v + 1; i < in->t->nodes[v].next; i = in->t->nodes[i].next)
			bits |= type_bit_of(tape_string(in->t, i));
	return bits == TYPE_ANY || emit_op(c, (struct op){ .code = OP_TYPE, .n = (uint16_t)bits });
}

static bool emit_const(struct compiler *c, const struct shape_input *in)
{
	uint32_t v = in->use[KEYWORD_CONST]->key + 1;

	if (in->t->nodes[v].type != TAPE_STRING)
		return emit_op(c, (struct op){ .code = OP_CONST, .a = in->s->doc, .b = v });
	uint32_t k = emit_constant(c, in->t, v);
	return k != NONE && emit_op(c, (struct op){ .code = OP_CONST_STRING, .a = k });
}

static bool emit_enum(struct compiler *c, const struct shape_input *in)
{
	uint32_t v = in->use[KEYWORD_ENUM]->key + 1;
	struct schema *s = c->s;
	struct name_set set = { .first = s->n_constants };

	if (in->t->nodes[v].count == 1 && in->t->nodes[v + 1].type == TAPE_STRING) {
		uint32_t k = emit_constant(c, in->t, v + 1);

		return k != NONE && emit_op(c, (struct op){ .code = OP_CONST_STRING, .a = k });
	}
	for (uint32_t i = v + 1; i < in->t->nodes[v].next; i = in->t->nodes[i].next)
		if (in->t->nodes[i].type != TAPE_STRING)
			return emit_op(c, (struct op){ .code = OP_ENUM, .a = in->s->doc, .b = v });
	for (uint32_t i = v + 1; i < in->t->nodes[v].next; i = in->t->nodes[i].next, set.n++)
		if (emit_constant(c, in->t, i) == NONE)
			return false;
	if (!emit_slots(c, set.n ? &s->constants[set.first].hash : NULL, sizeof *s->constants, set.n, &set.slots,
	                &set.mask))
		return false;
	if (!graph_grow(c->g, &s->name_sets, &s->cap_name_sets, s->n_name_sets, sizeof *s->name_sets))
		return false;
	s->name_sets[s->n_name_sets] = set;
	return emit_op(c, (struct op){ .code = OP_ENUM_STRINGS, .a = s->n_name_sets++ });
}

static bool emit_bounds(struct compiler *c, const struct shape_input *in)
{
	static const struct {
		enum keyword keyword;
		uint8_t code;
		uint8_t kind;
	} all[] = {
		{ KEYWORD_MINIMUM, OP_BOUND, BOUND_MIN }, { KEYWORD_EXCLUSIVE_MINIMUM, OP_BOUND, BOUND_MIN_EXCLUSIVE },
		{ KEYWORD_MAXIMUM, OP_BOUND, BOUND_MAX }, { KEYWORD_EXCLUSIVE_MAXIMUM, OP_BOUND, BOUND_MAX_EXCLUSIVE },
		{ KEYWORD_MULTIPLE_OF, OP_MULTIPLE, 0 },
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (!in->use[all[i].keyword])
			continue;
		uint32_t x = emit_number(c, in->t, in->use[all[i].keyword]->key + 1);
		if (x == NONE || !emit_op(c, (struct op){ .code = all[i].code, .n = all[i].kind, .a = x }))
			return false;
	}
	return true;
}

static bool emit_string(struct compiler *c, const struct shape_input *in)
{
	const struct keyword_use *least = in->use[KEYWORD_MIN_LENGTH], *most = in->use[KEYWORD_MAX_LENGTH];

	if (least || most) {
		struct op op = { .code = OP_LENGTH,
			         .a = least ? emit_count(in->t, least->key + 1) : 0,
			         .b = most ? emit_count(in->t, most->key + 1) : UINT32_MAX };

		if (!emit_op(c, op))
			return false;
	}
	if (in->use[KEYWORD_FORMAT] && graph_asserts_format(c->g, in->s->resource)) {
		enum format f = format_find(tape_string(in->t, in->use[KEYWORD_FORMAT]->key + 1));

		if (f != FORMAT_UNKNOWN && !emit_op(c, (struct op){ .code = OP_FORMAT, .n = (uint16_t)f }))
			return false;
	}
	if (in->use[KEYWORD_PATTERN]) {
		uint32_t r = emit_regex(c, in->s, in->use[KEYWORD_PATTERN]->key + 1);

		if (r == NONE || !emit_op(c, (struct op){ .code = OP_PATTERN, .a = r }))
			return false;
	}
	return true;
}

bool emit_assertions(struct compiler *c, const struct shape_input *in)
{
	return (!in->use[KEYWORD_TYPE] || emit_type(c, in)) && (!in->use[KEYWORD_CONST] || emit_const(c, in)) &&
	       (!in->use[KEYWORD_ENUM] || emit_enum(c, in)) && emit_bounds(c, in) && emit_string(c, in);
}
