/* Makes the flat program of a graph. Order of the operations in a block: what is cheap and fails often
 * comes first. See compiled.h. */
#include "lib/schema/emit.h"

#define INLINE_DEPTH 4
#define INLINE_USES  12

static bool emit_schema(struct compiler *c, uint32_t index, bool track, bool body, unsigned depth) MUST_USE;

/* --- which blocks there are -------------------------------------------------------------------- */

/* The keyword can make an instance invalid, or evaluate something. */
static bool is_effective(const struct compiler *c, const struct snode *s, enum keyword k)
{
	return k == KEYWORD_FORMAT ? graph_asserts_format(c->g, s->resource) : keyword_has_effect(k);
}

static bool is_static(const struct compiler *c, const struct keyword_use *u)
{
	uint32_t name = c->g->links[u->link].key;

	return u->keyword == KEYWORD_REF || name == NONE || c->g->dynamic_names[name].n <= 1;
}

static bool changes_scope(const struct compiler *c, uint32_t from, uint32_t to)
{
	return c->s->scopes && from != NONE && c->g->snodes[from].resource != c->g->snodes[to].resource;
}

/* Follows schemas that only refer to another. *effective: how many keywords the one at the end has that
 * do something. */
static uint32_t follow(const struct compiler *c, uint32_t index, uint32_t *effective)
{
	for (unsigned i = 0; i < 1000; i++) {
		const struct snode *s = &c->g->snodes[index];
		const struct keyword_use *last = NULL;

		*effective = 0;
		for (uint32_t k = 0; k < s->n; k++) {
			const struct keyword_use *u = &c->g->uses[s->use + k];

			if (!is_effective(c, s, (enum keyword)u->keyword))
				continue;
			last = u;
			++*effective;
		}
		if (*effective != 1 || (last->keyword != KEYWORD_REF && last->keyword != KEYWORD_DYNAMIC_REF &&
		                        last->keyword != KEYWORD_RECURSIVE_REF))
			break;
		uint32_t target = c->g->links[last->link].target;
		if (!is_static(c, last) || changes_scope(c, index, target))
			break;
		index = target;
	}
	return index;
}

uint32_t emit_block_of(struct compiler *c, uint32_t from, uint32_t index, unsigned mode)
{
	uint32_t effective;
	unsigned type;

	if (changes_scope(c, from, index))
		mode |= MODE_SCOPED;
	if (!(mode & MODE_BODY))
		index = follow(c, index, &effective);
	else
		effective = 1;
	type = snode_tape(c->g, &c->g->snodes[index])->nodes[c->g->snodes[index].node].type;
	if (type == TAPE_FALSE)
		return PC_FALSE;
	if (type == TAPE_TRUE || effective == 0)
		return PC_TRUE;
	uint32_t key = index * MODES + mode;
	if (!c->queued[key]) {
		if (!graph_grow(c->g, &c->queue, &c->cap_queue, c->n_queue, sizeof *c->queue))
			return NONE;
		c->queue[c->n_queue++] = key;
		c->queued[key] = true;
	}
	return key + BLOCK_BASE;
}

bool emit_target(struct compiler *c, uint32_t from, uint32_t snode, unsigned mode, struct target *out)
{
	out->types = TYPE_ANY;
	out->guard = NONE;
	out->pc = emit_block_of(c, from, snode, mode);
	return out->pc != NONE;
}

/* --- what applies in place -------------------------------------------------------------------------------- */

/* A schema that applies to the same instance: its operations here when they are few, otherwise a call. */
static bool emit_in_place(struct compiler *c, uint32_t from, uint32_t index, bool track, unsigned depth)
{
	uint32_t effective, block;
	bool scoped = changes_scope(c, from, index);

	if (!scoped) {
		index = follow(c, index, &effective);
		const struct snode *s = &c->g->snodes[index];
		bool object = snode_tape(c->g, s)->nodes[s->node].type == TAPE_OBJECT;

		if (object && effective <= INLINE_USES && depth < INLINE_DEPTH &&
		    !snode_use(c->g, s, KEYWORD_UNEVALUATED_PROPERTIES) &&
		    !snode_use(c->g, s, KEYWORD_UNEVALUATED_ITEMS))
			return emit_schema(c, index, track, false, depth + 1);
	}
	block = emit_block_of(c, from, index, track ? MODE_TRACKED : MODE_PLAIN);
	if (block == NONE || block == PC_TRUE)
		return block != NONE;
	if (block == PC_FALSE)
		return emit_op(c, (struct op){ .code = OP_FAIL });
	return emit_op(c, (struct op){ .code = OP_CALL, .a = block });
}

static bool emit_references(struct compiler *c, const struct shape_input *in, bool track, unsigned depth)
{
	static const enum keyword keywords[] = { KEYWORD_REF, KEYWORD_DYNAMIC_REF, KEYWORD_RECURSIVE_REF };

	for (size_t i = 0; i < 3; i++) {
		const struct keyword_use *u = in->use[keywords[i]];
		const struct link *l = u ? &c->g->links[u->link] : NULL;

		if (!u)
			continue;
		if (is_static(c, u)) {
			if (!emit_in_place(c, in->index, l->target, track, depth))
				return false;
		} else if (!emit_op(c, (struct op){ .code = OP_DYNAMIC, .n = track, .a = l->key })) {
			return false;
		}
	}
	const struct keyword_use *all = in->use[KEYWORD_ALL_OF];
	for (uint32_t i = 0; all && i < all->n; i++)
		if (!emit_in_place(c, in->index, c->g->links[all->link + i].target, track, depth))
			return false;
	return true;
}

static bool emit_choice(struct compiler *c, const struct shape_input *in, const struct keyword_use *u,
                        enum op_code code, bool track)
{
	struct schema *s = c->s;
	uint32_t first;

	/* Targets are reserved first: making one does not add to them. */
	first = s->n_targets;
	for (uint32_t i = 0; i < u->n; i++) {
		struct target target;

		if (!emit_target(c, in->index, c->g->links[u->link + i].target, track ? MODE_TRACKED : MODE_PLAIN,
		                 &target))
			return false;
		if (target.pc == PC_TRUE && code == OP_ANY && !track) {
			s->n_targets = first;
			return true;
		}
		if (!graph_grow(c->g, &s->targets, &s->cap_targets, s->n_targets, sizeof *s->targets))
			return false;
		s->targets[s->n_targets++] = target;
	}
	return emit_op(c, (struct op){ .code = (uint8_t)code, .n = track, .a = first, .b = u->n, .c = NONE });
}

static bool emit_condition(struct compiler *c, const struct shape_input *in, bool track)
{
	const struct keyword_use *condition = in->use[KEYWORD_IF], *yes = in->use[KEYWORD_THEN],
	                         *no = in->use[KEYWORD_ELSE];
	unsigned mode = track ? MODE_TRACKED : MODE_PLAIN;
	struct op op = { .code = OP_IF, .n = track, .b = PC_TRUE, .c = PC_TRUE };

	if (!condition || (!yes && !no && !track))
		return true;
	op.a = emit_block_of(c, in->index, c->g->links[condition->link].target, mode);
	if (yes)
		op.b = emit_block_of(c, in->index, c->g->links[yes->link].target, mode);
	if (no)
		op.c = emit_block_of(c, in->index, c->g->links[no->link].target, mode);
	return op.a != NONE && op.b != NONE && op.c != NONE && emit_op(c, op);
}

static bool emit_combinators(struct compiler *c, const struct shape_input *in, bool track)
{
	const struct keyword_use *not = in->use[KEYWORD_NOT];

	if (in->use[KEYWORD_ANY_OF] && !emit_choice(c, in, in->use[KEYWORD_ANY_OF], OP_ANY, track))
		return false;
	if (in->use[KEYWORD_ONE_OF] && !emit_choice(c, in, in->use[KEYWORD_ONE_OF], OP_ONE, track))
		return false;
	if (not ) {
		uint32_t block = emit_block_of(c, in->index, c->g->links[not ->link].target, MODE_PLAIN);

		if (block == NONE || !emit_op(c, (struct op){ .code = OP_NOT, .a = block }))
			return false;
	}
	return emit_condition(c, in, track);
}

/* --- unevaluated… ------------------------------------------------------------------------------ */

/* Only the schema's own adjacent keywords can evaluate anything: then unevaluated… is the same as
 * additionalProperties, or as items after the prefix, and nothing needs to be marked. */
static bool is_alone(const struct shape_input *in)
{
	static const enum keyword in_place[] = {
		KEYWORD_REF,    KEYWORD_DYNAMIC_REF, KEYWORD_RECURSIVE_REF,     KEYWORD_ALL_OF,       KEYWORD_ANY_OF,
		KEYWORD_ONE_OF, KEYWORD_IF,          KEYWORD_DEPENDENT_SCHEMAS, KEYWORD_DEPENDENCIES,
	};

	for (size_t i = 0; i < sizeof in_place / sizeof in_place[0]; i++)
		if (in->use[in_place[i]])
			return false;
	return true;
}

static void simplify_unevaluated(const struct compiler *c, struct shape_input *in)
{
	enum schema_draft draft = c->g->resources[in->s->resource].dialect.draft;
	const struct keyword_use **items = &in->use[draft == DRAFT_2020_12 ? KEYWORD_ITEMS : KEYWORD_ADDITIONAL_ITEMS];
	const struct keyword_use *old = in->use[KEYWORD_ITEMS_OLD];

	if (!is_alone(in))
		return;
	if (!in->use[KEYWORD_ADDITIONAL_PROPERTIES])
		in->use[KEYWORD_ADDITIONAL_PROPERTIES] = in->use[KEYWORD_UNEVALUATED_PROPERTIES];
	in->use[KEYWORD_UNEVALUATED_PROPERTIES] = NULL;
	if (draft == DRAFT_2020_12 && in->use[KEYWORD_CONTAINS])
		return;
	/* 2019-09: additionalItems counts only beside an array of items. */
	if (draft == DRAFT_2019_09 && !old) {
		in->use[KEYWORD_ITEMS_OLD] = in->use[KEYWORD_UNEVALUATED_ITEMS];
		in->use[KEYWORD_ADDITIONAL_ITEMS] = NULL;
	} else if (!*items) {
		*items = in->use[KEYWORD_UNEVALUATED_ITEMS];
	}
	in->use[KEYWORD_UNEVALUATED_ITEMS] = NULL;
}

static bool emit_unevaluated(struct compiler *c, const struct shape_input *in, bool track)
{
	const struct keyword_use *p = in->use[KEYWORD_UNEVALUATED_PROPERTIES], *i = in->use[KEYWORD_UNEVALUATED_ITEMS];
	struct op op = { .code = OP_UNEVALUATED, .n = track, .b = NONE, .c = NONE };

	op.a = emit_block_of(c, in->index, in->index, MODE_BODY);
	if (op.a == NONE)
		return false;
	if (p && (op.b = emit_block_of(c, in->index, c->g->links[p->link].target, MODE_PLAIN)) == NONE)
		return false;
	if (i && (op.c = emit_block_of(c, in->index, c->g->links[i->link].target, MODE_PLAIN)) == NONE)
		return false;
	return emit_op(c, op);
}

/* --- blocks ------------------------------------------------------------------------------------ */

static bool emit_schema(struct compiler *c, uint32_t index, bool track, bool body, unsigned depth)
{
	const struct snode *s = &c->g->snodes[index];
	struct shape_input in = { .s = s, .index = index, .t = snode_tape(c->g, s) };

	for (uint32_t i = 0; i < s->n; i++)
		in.use[c->g->uses[s->use + i].keyword] = &c->g->uses[s->use + i];
	simplify_unevaluated(c, &in);
	if (!body && (in.use[KEYWORD_UNEVALUATED_PROPERTIES] || in.use[KEYWORD_UNEVALUATED_ITEMS]))
		return emit_unevaluated(c, &in, track);
	return emit_assertions(c, &in) && emit_array(c, &in, track) && emit_object(c, &in, track) &&
	       emit_references(c, &in, track, depth) && emit_combinators(c, &in, track);
}

static bool emit_block(struct compiler *c, uint32_t key)
{
	uint32_t index = key / MODES;
	unsigned mode = key % MODES;
	bool track = mode & (MODE_TRACKED | MODE_BODY);

	c->block[key] = c->s->n_ops;
	if (mode & MODE_SCOPED) {
		uint32_t inner = emit_block_of(c, NONE, index, mode & ~MODE_SCOPED);

		if (inner == NONE ||
		    !emit_op(c, (struct op){ .code = OP_SCOPE, .a = c->g->snodes[index].resource, .b = inner }))
			return false;
	} else if (!emit_schema(c, index, track, mode & MODE_BODY, 0)) {
		return false;
	}
	return emit_op(c, (struct op){ .code = OP_END });
}

static uint32_t linked(const struct compiler *c, uint32_t block)
{
	return block < BLOCK_BASE || block == NONE ? block : c->block[block - BLOCK_BASE];
}

static void link_target(const struct compiler *c, struct target *t)
{
	const struct op *ops = c->s->ops;

	t->pc = linked(c, t->pc);
	t->types = TYPE_ANY;
	if (ops[t->pc].code == OP_TYPE)
		t->types = ops[t->pc++].n;
	if (ops[t->pc].code == OP_END)
		t->pc = PC_TRUE;
}

static void link_ops(const struct compiler *c)
{
	for (uint32_t i = 0; i < c->s->n_ops; i++) {
		struct op *op = &c->s->ops[i];

		switch ((enum op_code)op->code) {
		case OP_CALL:
		case OP_NOT:
		case OP_DEPENDENT: op->a = linked(c, op->a); break;
		case OP_SCOPE: op->b = linked(c, op->b); break;
		case OP_IF:
		case OP_UNEVALUATED:
			op->a = linked(c, op->a);
			op->b = linked(c, op->b);
			op->c = linked(c, op->c);
			break;
		default: break;
		}
	}
}

static void link_program(struct compiler *c)
{
	struct schema *s = c->s;

	link_ops(c);
	for (uint32_t i = 0; i < s->n_targets; i++)
		link_target(c, &s->targets[i]);
	for (uint32_t i = 0; i < s->n_properties; i++)
		link_target(c, &s->properties[i].target);
	for (uint32_t i = 0; i < s->n_patterns; i++)
		link_target(c, &s->patterns[i].target);
	for (uint32_t i = 0; i < s->n_objects; i++) {
		link_target(c, &s->objects[i].additional);
		link_target(c, &s->objects[i].names);
	}
	for (uint32_t i = 0; i < s->n_arrays; i++) {
		link_target(c, &s->arrays[i].items);
		link_target(c, &s->arrays[i].contains);
	}
}

/* What a $dynamicRef may find, in both versions. */
static bool emit_dynamic(struct compiler *c)
{
	uint32_t n = c->g->n_dynamic_targets;

	for (unsigned track = 0; track < 2; track++) {
		c->s->dynamic_pc[track] = calloc(n + 1u, sizeof(uint32_t));
		if (!c->s->dynamic_pc[track])
			return graph_no_memory(c->g);
		for (uint32_t i = 0; c->s->scopes && i < n; i++) {
			uint32_t block = emit_block_of(c, NONE, c->g->dynamic_targets[i].snode, track);

			if (block == NONE)
				return false;
			c->s->dynamic_pc[track][i] = block;
		}
	}
	return true;
}

static bool compile(struct compiler *c)
{
	struct schema *s = c->s;
	size_t blocks = (size_t)c->g->n_snodes * MODES;

	if (blocks > NONE - BLOCK_BASE)
		return error_set(c->g->error, REASON_LIMIT, "the schema is too large");
	for (uint32_t i = 0; i < c->g->n_dynamic_names; i++)
		s->scopes |= c->g->dynamic_names[i].n > 1;
	c->block = malloc(blocks * sizeof *c->block);
	c->queued = calloc(blocks, 1);
	if (!c->block || !c->queued)
		return graph_no_memory(c->g);
	memset(c->block, 0xff, blocks * sizeof *c->block);
	if (!emit_op(c, (struct op){ .code = OP_END }) || !emit_op(c, (struct op){ .code = OP_FAIL }) ||
	    !emit_op(c, (struct op){ .code = OP_END }))
		return false;
	uint32_t start = emit_block_of(c, NONE, c->g->entry, MODE_PLAIN);
	if (start == NONE || !emit_dynamic(c))
		return false;
	for (size_t i = 0; i < c->n_queue; i++)
		if (!emit_block(c, c->queue[i]))
			return false;
	link_program(c);
	schema_find_guards(s);
	s->start = linked(c, start);
	for (unsigned track = 0; track < 2; track++)
		for (uint32_t i = 0; i < c->g->n_dynamic_targets; i++)
			s->dynamic_pc[track][i] = linked(c, s->dynamic_pc[track][i]);
	return true;
}

static struct schema *compile_anew(struct schema_set *set, struct view uri, const struct schema_options *o,
                                   struct error *e)
{
	struct schema *s = calloc(1, sizeof *s);
	struct error own = { .reason = REASON_NONE };
	struct compiler c = { .s = s };
	bool ok;

	if (!s) {
		error_set(e, REASON_NO_MEMORY, "no memory for a schema");
		return NULL;
	}
	atomic_init(&s->refs, 1);
	s->steps = o->steps;
	c.g = &s->g;
	ok = graph_build(&s->g, set, uri, o, &own) && compile(&c);
	free(c.block);
	free(c.queue);
	free(c.queued);
	free(c.regexes.slots);
	s->g.set = NULL;
	s->g.options = NULL;
	s->g.error = NULL;
	if (ok)
		return s;
	error_set(&own, REASON_NO_MEMORY, "no memory for a schema");
	error_at(e, own.reason, own.where, own.line, own.column, "%s", own.text);
	schema_unref(s);
	return NULL;
}

struct schema *schema_compile(struct schema_set *set, struct view uri, const struct schema_options *o, struct error *e)
{
	struct digest key;
	bool keyed = shared_key(set, uri, o, &key);
	struct schema *used = keyed ? shared_use(&key, NULL) : NULL;
	struct schema *s = used ? NULL : compile_anew(set, uri, o, e);

	if (s && keyed && (used = shared_use(&key, s)) != s)
		schema_unref(s); /* another thread was faster */
	return used ? used : s;
}

struct schema *schema_ref(struct schema *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void schema_unref(struct schema *s)
{
	if (!s || !shared_leave(s))
		return;
	for (uint32_t i = 0; i < s->n_regexes; i++)
		regex_free(s->regexes[i]);
	free(s->regexes);
	free(s->regex_texts);
	free(s->ops);
	free(s->targets);
	free(s->constants);
	free(s->name_sets);
	free(s->slots);
	free(s->numbers);
	free(s->properties);
	free(s->patterns);
	free(s->objects);
	free(s->arrays);
	free(s->dynamic_pc[0]);
	free(s->dynamic_pc[1]);
	graph_free(&s->g);
	free(s);
}

bool schema_knows(const struct schema *s, struct view name)
{
	return name_table_get(&s->g.names, name, 0) != NULL;
}

bool schema_lists(const struct schema *s, struct view text)
{
	return name_table_get(&s->g.texts, text, 0) != NULL;
}

void schema_each_pattern(const struct schema *s, void (*each)(void *arg, struct view pattern), void *arg)
{
	for (uint32_t i = 0; i < s->n_regexes; i++)
		each(arg, s->regex_texts[i]);
}

const struct regex *schema_regex(const struct schema *s, struct view pattern)
{
	for (uint32_t i = 0; i < s->n_regexes; i++)
		if (view_eq(s->regex_texts[i], pattern))
			return s->regexes[i];
	return NULL;
}
