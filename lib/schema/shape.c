/* Objects and arrays: the keywords that look at members and items are fused into one operation, which
 * goes over the instance once. See compiled.h and emit.h. */
#include "lib/schema/emit.h"

/* Strings for which a pattern needs no regular expression: those that hold no more than a literal
 * beginning. */
enum pattern_kind schema_pattern_kind(struct view p, struct view *prefix)
{
	*prefix = view_make(NULL, 0);
	if (p.n == 0 || view_is(p, "^") || view_is(p, ".*") || view_is(p, "^.*"))
		return PATTERN_ANY;
	if (p.p[0] != '^')
		return PATTERN_REGEX;
	for (size_t i = 1; i < p.n; i++)
		if ((unsigned char)p.p[i] >= 0x80 || strchr("\\^$.*+?()[]{}|/", p.p[i]))
			return PATTERN_REGEX;
	*prefix = view_from(p, 1);
	return PATTERN_PREFIX;
}

static bool emit_patterns(struct compiler *c, const struct shape_input *in, struct object_shape *o)
{
	const struct keyword_use *u = in->use[KEYWORD_PATTERN_PROPERTIES];
	struct schema *s = c->s;

	o->pattern = s->n_patterns;
	for (uint32_t i = 0; u && i < u->n; i++) {
		const struct link *l = &c->g->links[u->link + i];
		struct pattern_property p = { .regex = NONE };

		p.kind = schema_pattern_kind(tape_string(in->t, l->key), &p.prefix);
		if (p.kind == PATTERN_REGEX && (p.regex = emit_regex(c, in->s, l->key)) == NONE)
			return false;
		if (!emit_target(c, in->index, l->target, MODE_PLAIN, &p.target) ||
		    !graph_grow(c->g, &s->patterns, &s->cap_patterns, s->n_patterns, sizeof *s->patterns))
			return false;
		s->patterns[s->n_patterns++] = p;
		o->n_patterns++;
	}
	return true;
}

static struct property *find_property(struct compiler *c, const struct object_shape *o, const struct name_table *seen,
                                      struct view name)
{
	struct name_slot *slot = name_table_get(seen, name, 0);

	return slot ? &c->s->properties[o->property + slot->value - 1] : NULL;
}

static struct property *add_property(struct compiler *c, struct object_shape *o, struct name_table *seen,
                                     const struct tape *t, uint32_t node)
{
	struct schema *s = c->s;
	struct view name = tape_string(t, node);
	struct property *p = find_property(c, o, seen, name);

	if (p)
		return p;
	uint32_t constant = emit_constant(c, t, node);
	struct name_slot *slot = name_table_put(seen, name, 0);
	if (constant == NONE || !slot ||
	    !graph_grow(c->g, &s->properties, &s->cap_properties, s->n_properties, sizeof *s->properties))
		return NULL;
	p = &s->properties[s->n_properties++];
	*p = (struct property){ .p = name.p,
		                .n = (uint32_t)name.n,
		                .hash = t->nodes[node].hash,
		                .name = constant,
		                .target = { PC_TRUE, TYPE_ANY, NONE },
		                .required = NONE };
	slot->value = ++o->n;
	return p;
}

static bool emit_properties(struct compiler *c, const struct shape_input *in, struct object_shape *o,
                            struct name_table *seen)
{
	const struct keyword_use *u = in->use[KEYWORD_PROPERTIES], *required = in->use[KEYWORD_REQUIRED];
	struct schema *s = c->s;
	uint32_t bit = 0;

	o->property = s->n_properties;
	for (uint32_t i = 0; u && i < u->n; i++) {
		const struct link *l = &c->g->links[u->link + i];
		struct property *p = add_property(c, o, seen, in->t, l->key);

		if (!p)
			return graph_no_memory(c->g);
		p->listed = true;
		if (!emit_target(c, in->index, l->target, MODE_PLAIN, &p->target))
			return false;
	}
	uint32_t list = required ? required->key + 1 : 0;
	if (list && in->t->nodes[list].count > REQUIRED_BITS)
		list = 0;
	for (uint32_t i = list + 1; list && i < in->t->nodes[list].next; i = in->t->nodes[i].next) {
		struct property *p = add_property(c, o, seen, in->t, i);

		if (!p)
			return graph_no_memory(c->g);
		p->required = bit;
		o->required |= UINT64_C(1) << bit++;
	}
	o->mask = NONE;
	if (!o->n)
		return true;
	return emit_slots(c, &s->properties[o->property].hash, sizeof *s->properties, o->n, &o->slots, &o->mask);
}

/* More required names than an object shape has bits for. */
static bool emit_required(struct compiler *c, const struct tape *t, uint32_t list, struct op op)
{
	op.a = c->s->n_constants;
	for (uint32_t i = list + 1; i < t->nodes[list].next; i = t->nodes[i].next, op.b++)
		if (emit_constant(c, t, i) == NONE)
			return false;
	return op.b == 0 || emit_op(c, op);
}

static bool emit_dependent(struct compiler *c, const struct shape_input *in, enum keyword kw, bool track)
{
	const struct keyword_use *u = in->use[kw];
	uint32_t link, object = u ? u->key + 1 : 0;

	if (!u)
		return true;
	link = u->link;
	for (uint32_t k = object + 1; k < in->t->nodes[object].next; k = in->t->nodes[k + 1].next) {
		struct op op = { .code = OP_DEPENDENT_REQUIRED };

		op.c = emit_constant(c, in->t, k);
		if (op.c == NONE)
			return false;
		if (in->t->nodes[k + 1].type == TAPE_ARRAY) {
			if (!emit_required(c, in->t, k + 1, op))
				return false;
			continue;
		}
		op.code = OP_DEPENDENT;
		op.a = emit_block_of(c, in->index, c->g->links[link++].target, track ? MODE_TRACKED : MODE_PLAIN);
		if (op.a == NONE || (op.a != PC_TRUE && !emit_op(c, op)))
			return false;
	}
	return true;
}

static bool emit_shape(struct compiler *c, const struct shape_input *in, bool track)
{
	const struct keyword_use *additional = in->use[KEYWORD_ADDITIONAL_PROPERTIES],
	                         *names = in->use[KEYWORD_PROPERTY_NAMES], *least = in->use[KEYWORD_MIN_PROPERTIES],
	                         *most = in->use[KEYWORD_MAX_PROPERTIES];
	struct object_shape o = { .min = 0, .max = UINT32_MAX, .track = track };
	struct name_table seen = { .n = 0 };
	struct schema *s = c->s;
	bool ok;

	o.additional = o.names = (struct target){ PC_TRUE, TYPE_ANY, NONE };
	if (least)
		o.min = emit_count(in->t, least->key + 1);
	if (most)
		o.max = emit_count(in->t, most->key + 1);
	ok = emit_properties(c, in, &o, &seen) && emit_patterns(c, in, &o);
	free(seen.slots);
	if (!ok)
		return false;
	if (additional && !emit_target(c, in->index, c->g->links[additional->link].target, MODE_PLAIN, &o.additional))
		return false;
	if (names && !emit_target(c, in->index, c->g->links[names->link].target, MODE_PLAIN, &o.names))
		return false;
	o.track_additional = track && additional;
	o.loop = o.n || o.n_patterns || o.additional.pc != PC_TRUE || o.names.pc != PC_TRUE || o.track_additional;
	if (!o.loop && o.min == 0 && o.max == UINT32_MAX)
		return true;
	if (!graph_grow(c->g, &s->objects, &s->cap_objects, s->n_objects, sizeof *s->objects))
		return false;
	s->objects[s->n_objects] = o;
	return emit_op(c, (struct op){ .code = OP_OBJECT, .a = s->n_objects++ });
}

bool emit_object(struct compiler *c, const struct shape_input *in, bool track)
{
	const struct keyword_use *required = in->use[KEYWORD_REQUIRED];

	if (required && in->t->nodes[required->key + 1].count > REQUIRED_BITS &&
	    !emit_required(c, in->t, required->key + 1, (struct op){ .code = OP_REQUIRED }))
		return false;
	return emit_dependent(c, in, KEYWORD_DEPENDENT_REQUIRED, false) && emit_shape(c, in, track) &&
	       emit_dependent(c, in, KEYWORD_DEPENDENCIES, track) &&
	       emit_dependent(c, in, KEYWORD_DEPENDENT_SCHEMAS, track);
}

/* --- arrays ------------------------------------------------------------------------------------ */

/* Which keywords say what the first items and the rest must be: prefixItems and items since 2020-12,
 * items (an array) and additionalItems before. */
static bool emit_items(struct compiler *c, const struct shape_input *in, struct array_shape *a)
{
	const struct keyword_use *prefix = in->use[KEYWORD_PREFIX_ITEMS], *rest = in->use[KEYWORD_ITEMS],
	                         *old = in->use[KEYWORD_ITEMS_OLD];
	struct schema *s = c->s;

	if (old && in->t->nodes[old->key + 1].type == TAPE_ARRAY) {
		prefix = old;
		rest = in->use[KEYWORD_ADDITIONAL_ITEMS];
	} else if (old) {
		rest = old;
	} else if (!rest && !prefix && c->g->resources[in->s->resource].dialect.draft == DRAFT_2020_12) {
		return true;
	}
	a->prefix = s->n_targets;
	for (uint32_t i = 0; prefix && i < prefix->n; i++) {
		struct target target;

		if (!emit_target(c, in->index, c->g->links[prefix->link + i].target, MODE_PLAIN, &target) ||
		    !graph_grow(c->g, &s->targets, &s->cap_targets, s->n_targets, sizeof *s->targets))
			return false;
		s->targets[s->n_targets++] = target;
		a->n_prefix++;
	}
	a->has_items = rest;
	return !rest || emit_target(c, in->index, c->g->links[rest->link].target, MODE_PLAIN, &a->items);
}

static bool emit_contains(struct compiler *c, const struct shape_input *in, struct array_shape *a)
{
	const struct keyword_use *u = in->use[KEYWORD_CONTAINS], *least = in->use[KEYWORD_MIN_CONTAINS],
	                         *most = in->use[KEYWORD_MAX_CONTAINS];

	a->min_contains = 1;
	a->max_contains = UINT32_MAX;
	if (!u)
		return true;
	if (least)
		a->min_contains = emit_count(in->t, least->key + 1);
	if (most)
		a->max_contains = emit_count(in->t, most->key + 1);
	a->has_contains = true;
	a->contains_evaluates = a->track && c->g->resources[in->s->resource].dialect.draft == DRAFT_2020_12;
	return emit_target(c, in->index, c->g->links[u->link].target, MODE_PLAIN, &a->contains);
}

bool emit_array(struct compiler *c, const struct shape_input *in, bool track)
{
	const struct keyword_use *least = in->use[KEYWORD_MIN_ITEMS], *most = in->use[KEYWORD_MAX_ITEMS],
	                         *unique = in->use[KEYWORD_UNIQUE_ITEMS];
	struct array_shape a = { .min = 0, .max = UINT32_MAX, .track = track };
	struct schema *s = c->s;

	a.items = a.contains = (struct target){ PC_TRUE, TYPE_ANY, NONE };
	if (least)
		a.min = emit_count(in->t, least->key + 1);
	if (most)
		a.max = emit_count(in->t, most->key + 1);
	a.unique = unique && in->t->nodes[unique->key + 1].type == TAPE_TRUE;
	if (!emit_items(c, in, &a) || !emit_contains(c, in, &a))
		return false;
	bool items = a.n_prefix || (a.has_items && (track || a.items.pc != PC_TRUE));
	if (!items && !a.has_contains && !a.unique && a.min == 0 && a.max == UINT32_MAX)
		return true;
	if (!graph_grow(c->g, &s->arrays, &s->cap_arrays, s->n_arrays, sizeof *s->arrays))
		return false;
	s->arrays[s->n_arrays] = a;
	return emit_op(c, (struct op){ .code = OP_ARRAY, .a = s->n_arrays++ });
}
