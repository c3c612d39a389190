/* Keywords of the explaining interpreter that look at members and items. See interpret.h. */
#include "lib/schema/interpret_parts.h"

/* --- objects ----------------------------------------------------------------------------------- */

/* The snode of the schema that `properties` gives a name, or NONE. */
static uint32_t property(const struct interpretation *in, const struct snode *s, struct view name)
{
	const struct graph *g = &in->s->g;
	const struct keyword_use *u = snode_use(g, s, KEYWORD_PROPERTIES);
	uint32_t v = u ? tape_member(snode_tape(g, s), u->key + 1, name) : 0;

	return v ? g->docs[s->doc].snode[v] - 1 : NONE;
}

static bool matches(struct interpretation *in, struct view pattern, struct view name)
{
	struct view prefix;

	switch (schema_pattern_kind(pattern, &prefix)) {
	case PATTERN_ANY: return true;
	case PATTERN_PREFIX: return view_starts(name, prefix);
	case PATTERN_REGEX: break;
	}
	return interpret_pattern(in, pattern, name);
}

static bool matches_any(struct interpretation *in, const struct snode *s, struct view name)
{
	const struct keyword_use *u = snode_use(&in->s->g, s, KEYWORD_PATTERN_PROPERTIES);

	for (uint32_t i = 0; u && i < u->n; i++)
		if (matches(in, tape_string(snode_tape(&in->s->g, s), in->s->g.links[u->link + i].key), name))
			return true;
	return false;
}

/* properties, patternProperties, additionalProperties and propertyNames: one schema a member. */
static bool eval_member(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t key,
                        uint32_t ordinal)
{
	struct view name = tape_string(in->t, key);
	const struct tape *schema = snode_tape(&in->s->g, a->s);
	bool ok = true, touched = false;

	if (u->keyword == KEYWORD_PROPERTIES) {
		uint32_t target = property(in, a->s, name);

		touched = target != NONE;
		if (touched)
			ok = interpret_link(in, a, u, target, name, key + 1, NULL);
	} else if (u->keyword == KEYWORD_PATTERN_PROPERTIES) {
		for (uint32_t i = 0; i < u->n && !in->limit; i++) {
			const struct link *l = &in->s->g.links[u->link + i];
			struct view pattern = tape_string(schema, l->key);

			if (!matches(in, pattern, name))
				continue;
			touched = true;
			ok &= interpret_link(in, a, u, l->target, pattern, key + 1, NULL);
		}
	} else if (u->keyword == KEYWORD_PROPERTY_NAMES) {
		size_t start = in->n;

		ok = interpret_only(in, a, u, key, NULL);
		interpret_forget(in, start, false, true); /* a name is no place of the instance */
	} else if (property(in, a->s, name) == NONE && !matches_any(in, a->s, name)) {
		touched = true;
		ok = interpret_only(in, a, u, key + 1, NULL);
	}
	if (touched)
		interpret_mark(a, ordinal);
	return ok;
}

bool interpret_members(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	uint32_t ordinal = 0, end = in->t->nodes[a->node].next;
	bool ok = true;

	if (in->t->nodes[a->node].type != TAPE_OBJECT)
		return true;
	for (uint32_t k = a->node + 1; k < end && interpret_spend(in, 1 + u->n); k = in->t->nodes[k + 1].next)
		ok &= eval_member(in, a, u, k, ordinal++);
	return ok && !in->limit;
}

bool interpret_names(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t list)
{
	const struct tape *schema = snode_tape(&in->s->g, a->s);
	bool ok = true;

	for (uint32_t i = list + 1; i < schema->nodes[list].next && interpret_spend(in, 1); i = schema->nodes[i].next)
		if (!tape_member(in->t, a->node, tape_string(schema, i)))
			ok = interpret_record(in, a, u, true, a->node, i) && ok;
	return ok && !in->limit;
}

bool interpret_dependent(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	const struct tape *schema = snode_tape(&in->s->g, a->s);
	uint32_t object = u->key + 1, link = u->link;
	bool ok = true;

	if (in->t->nodes[a->node].type != TAPE_OBJECT)
		return true;
	for (uint32_t k = object + 1; k < schema->nodes[object].next && interpret_spend(in, 1);
	     k = schema->nodes[k + 1].next) {
		bool list = schema->nodes[k + 1].type == TAPE_ARRAY;
		struct view name = tape_string(schema, k);
		uint32_t target = list ? NONE : in->s->g.links[link++].target;

		if (!tape_member(in->t, a->node, name))
			continue;
		ok = (list ? interpret_names(in, a, u, k + 1)
		           : interpret_link(in, a, u, target, name, a->node, a->marks)) &&
		     ok;
	}
	return ok && !in->limit;
}

bool interpret_unevaluated(struct interpretation *in, const struct at *a, const struct keyword_use *u, bool object)
{
	uint32_t ordinal = 0, end = in->t->nodes[a->node].next;
	bool ok = true;

	if (in->t->nodes[a->node].type != (object ? TAPE_OBJECT : TAPE_ARRAY) || !a->marks)
		return true;
	for (uint32_t i = a->node + 1; i < end && interpret_spend(in, 1); ordinal++) {
		uint32_t value = object ? i + 1 : i;

		if (!(a->marks[ordinal / 64] >> ordinal % 64 & 1)) {
			ok = interpret_only(in, a, u, value, NULL) && ok;
			interpret_mark(a, ordinal);
		}
		i = in->t->nodes[value].next;
	}
	return ok && !in->limit;
}

/* --- arrays ------------------------------------------------------------------------------------ */

uint32_t interpret_prefix_length(const struct interpretation *in, const struct at *a)
{
	const struct keyword_use *prefix = snode_use(&in->s->g, a->s, KEYWORD_PREFIX_ITEMS),
	                         *old = snode_use(&in->s->g, a->s, KEYWORD_ITEMS_OLD);

	if (prefix)
		return prefix->n;
	return old && snode_tape(&in->s->g, a->s)->nodes[old->key + 1].type == TAPE_ARRAY ? old->n : 0;
}

/* One schema an item, or one for all from `from` on. */
bool interpret_items(struct interpretation *in, const struct at *a, const struct keyword_use *u, bool each,
                     uint32_t from)
{
	uint32_t ordinal = 0, end = in->t->nodes[a->node].next;
	bool ok = true;

	if (in->t->nodes[a->node].type != TAPE_ARRAY)
		return true;
	for (uint32_t i = a->node + 1; i < end && interpret_spend(in, 1); i = in->t->nodes[i].next, ordinal++) {
		if (ordinal < from)
			continue;
		if (each && ordinal >= u->n)
			break;
		ok = (each ? interpret_index(in, a, u, ordinal, i, NULL) : interpret_only(in, a, u, i, NULL)) && ok;
		interpret_mark(a, ordinal);
	}
	return ok && !in->limit;
}

bool interpret_contains(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	const struct graph *g = &in->s->g;
	const struct tape *schema = snode_tape(g, a->s);
	const struct keyword_use *least = snode_use(g, a->s, KEYWORD_MIN_CONTAINS),
	                         *most = snode_use(g, a->s, KEYWORD_MAX_CONTAINS);
	uint32_t ordinal = 0, found = 0, end = in->t->nodes[a->node].next;
	bool evaluates = g->resources[a->s->resource].dialect.draft == DRAFT_2020_12, ok = true;
	char text[16];

	if (in->t->nodes[a->node].type != TAPE_ARRAY)
		return true;
	for (uint32_t i = a->node + 1; i < end && interpret_spend(in, 1); i = in->t->nodes[i].next, ordinal++) {
		size_t start = in->n;

		if (interpret_only(in, a, u, i, NULL)) {
			found++;
			if (evaluates)
				interpret_mark(a, ordinal);
		}
		interpret_forget(in, start, true, false);
	}
	if (in->limit)
		return false;
	int n = snprintf(text, sizeof text, "%u", found);
	struct view count = view_make(text, (size_t)n);
	if (!least && found == 0)
		ok = interpret_record(in, a, u, true, a->node, 0);
	if (least && decimal_cmp(count, tape_token(schema, least->key + 1)) < 0)
		ok = interpret_record(in, a, least, true, a->node, 0);
	if (most && decimal_cmp(count, tape_token(schema, most->key + 1)) > 0)
		ok = interpret_record(in, a, most, true, a->node, 0);
	return ok;
}
