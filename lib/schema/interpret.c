/* The explaining interpreter. See interpret.h. */
#include "lib/schema/interpret.h"

#include "lib/json/pointer.h"

#define DEPTH_MAX 1024u
#define STEPS_BASE 2000000u
#define STEPS_A_NODE 256u
#define UNITS_MAX 100000u
#define MEMORY_MAX ((size_t)64 << 20)

/* What evaluates: the schema, the instance, and the marks of its members or items (NULL where nothing in
 * the schemas looks at them). */
struct at {
	const struct snode *s;
	uint32_t node;
	uint64_t *marks;
};

static bool eval(struct interpretation *in, uint32_t snode, uint32_t node, uint64_t *marks,
                 const struct keyword_use *by, const struct snode *holder);

static bool give_up(struct interpretation *in)
{
	in->limit = true;
	return false;
}

static bool spend(struct interpretation *in, uint64_t n)
{
	if (in->limit || in->steps < n)
		return give_up(in);
	in->steps -= n;
	return true;
}

/* --- units ------------------------------------------------------------------------------------- */

static bool record(struct interpretation *in, const struct at *a, const struct keyword_use *u, bool fault,
                   uint32_t node, uint32_t detail)
{
	const struct tape *schema = snode_tape(&in->s->g, a->s);
	size_t kept = in->path.n;

	if (in->n >= UNITS_MAX)
		return give_up(in);
	if (in->n == in->cap) {
		size_t cap = in->cap ? in->cap * 2 : 32;
		struct unit *units = realloc(in->units, cap * sizeof *units);

		if (!units)
			return give_up(in);
		in->units = units;
		in->cap = cap;
	}
	if (u)
		pointer_add(&in->path, tape_string(schema, u->key));
	struct view path = arena_copy(&in->arena, buf_view(&in->path));
	if (in->path.failed || (in->path.n && !path.p))
		return give_up(in);
	in->units[in->n++] = (struct unit){ .fault = fault, .itself = !u, .keyword = u ? u->keyword : (uint16_t)KEYWORD_UNKNOWN,
		.node = node, .doc = a->s->doc, .resource = a->s->resource, .key = u ? u->key : NONE,
		.schema = a->s->node, .detail = detail, .path = path };
	in->path.n = kept;
	return !fault;
}

/* Forgets the faults or the annotations recorded from `start` on. */
static void forget(struct interpretation *in, size_t start, bool faults, bool annotations)
{
	size_t kept = start;

	for (size_t i = start; i < in->n; i++)
		if (in->units[i].fault ? !faults : !annotations)
			in->units[kept++] = in->units[i];
	in->n = kept;
}

/* --- schemas below ----------------------------------------------------------------------------- */

/* Evaluates the schema of a link; `name` is its own segment of the path, or p is NULL. */
static bool eval_link(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t target,
                      struct view name, uint32_t node, uint64_t *marks)
{
	size_t kept = in->path.n;
	bool ok;

	pointer_add(&in->path, tape_string(snode_tape(&in->s->g, a->s), u->key));
	if (name.p)
		pointer_add(&in->path, name);
	ok = eval(in, target, node, marks, u, a->s);
	in->path.n = kept;
	return ok;
}

static bool eval_index(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t i,
                       uint32_t node, uint64_t *marks)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%u", i);

	return eval_link(in, a, u, in->s->g.links[u->link + i].target, view_make(text, (size_t)n), node, marks);
}

static bool eval_only(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t node,
                      uint64_t *marks)
{
	return eval_link(in, a, u, in->s->g.links[u->link].target, view_make(NULL, 0), node, marks);
}

static void mark(const struct at *a, uint32_t ordinal)
{
	if (a->marks)
		a->marks[ordinal / 64] |= UINT64_C(1) << ordinal % 64;
}

/* --- choices ----------------------------------------------------------------------------------- */

/* How far from fitting an alternative is: what tells alternatives apart counts most. */
static size_t badness(const struct interpretation *in, size_t from, size_t to, uint32_t node)
{
	size_t bad = 0;

	for (size_t i = from; i < to; i++) {
		const struct unit *u = &in->units[i];
		bool tells = u->keyword == KEYWORD_CONST || u->keyword == KEYWORD_ENUM ||
		             (u->keyword == KEYWORD_TYPE && u->node == node);

		bad += u->fault ? (tells ? 1000 : 1) : 0;
	}
	return bad;
}

static void keep_closest(struct interpretation *in, size_t start, const size_t *ends, uint32_t n, uint32_t node)
{
	size_t best = SIZE_MAX, from = start, best_from = 0, best_to = 0;
	bool alone = false;

	for (uint32_t i = 0; i < n; i++) {
		size_t bad = badness(in, from, ends[i], node);

		alone = bad < best || (alone && bad != best);
		if (bad < best) {
			best = bad;
			best_from = from;
			best_to = ends[i];
		}
		from = ends[i];
	}
	if (!alone || best >= 1000)
		best_to = best_from;
	memmove(in->units + start, in->units + best_from, (best_to - best_from) * sizeof *in->units);
	in->n = start + (best_to - best_from);
}

static bool eval_choice(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	size_t start = in->n, *ends = arena_alloc(&in->arena, (u->n + 1u) * sizeof *ends);
	uint32_t fit = 0;

	if (!ends)
		return give_up(in);
	for (uint32_t i = 0; i < u->n && !in->limit; i++) {
		fit += eval_index(in, a, u, i, a->node, a->marks);
		ends[i] = in->n;
	}
	if (in->limit)
		return false;
	if (u->keyword == KEYWORD_ANY_OF ? fit > 0 : fit == 1) {
		forget(in, start, true, false);
		return true;
	}
	if (fit > 0)
		forget(in, start, true, true);
	else if (!in->every_branch)
		keep_closest(in, start, ends, u->n, a->node);
	return record(in, a, u, true, a->node, fit > 1);
}

static bool eval_not(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	size_t start = in->n;
	bool ok = eval_only(in, a, u, a->node, NULL);

	forget(in, start, true, true);
	return !ok || record(in, a, u, true, a->node, 0);
}

static bool eval_if(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	const struct keyword_use *yes = snode_use(&in->s->g, a->s, KEYWORD_THEN),
		*no = snode_use(&in->s->g, a->s, KEYWORD_ELSE), *then;
	size_t start = in->n;
	bool ok = eval_only(in, a, u, a->node, a->marks);

	forget(in, start, true, false);
	then = ok ? yes : no;
	return !in->limit && (!then || eval_only(in, a, then, a->node, a->marks));
}

static bool eval_dynamic(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	const struct graph *g = &in->s->g;
	const struct link *l = &g->links[u->link];
	uint32_t target = l->target;
	bool found = false, ok;

	if (l->key != NONE) {
		const struct dynamic_name *d = &g->dynamic_names[l->key];

		for (unsigned i = 0; i < in->n_scopes && !found; i++)
			for (uint32_t k = d->target; k < d->target + d->n && !found; k++)
				if (g->dynamic_targets[k].resource == in->scopes[i]) {
					target = g->dynamic_targets[k].snode;
					found = true;
				}
	}
	ok = eval_link(in, a, u, target, view_make(NULL, 0), a->node, a->marks);
	return ok;
}

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
	case PATTERN_ANY:
		return true;
	case PATTERN_PREFIX:
		return view_starts(name, prefix);
	case PATTERN_REGEX:
		break;
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
			ok = eval_link(in, a, u, target, name, key + 1, NULL);
	} else if (u->keyword == KEYWORD_PATTERN_PROPERTIES) {
		for (uint32_t i = 0; i < u->n && !in->limit; i++) {
			const struct link *l = &in->s->g.links[u->link + i];
			struct view pattern = tape_string(schema, l->key);

			if (!matches(in, pattern, name))
				continue;
			touched = true;
			ok &= eval_link(in, a, u, l->target, pattern, key + 1, NULL);
		}
	} else if (u->keyword == KEYWORD_PROPERTY_NAMES) {
		size_t start = in->n;

		ok = eval_only(in, a, u, key, NULL);
		forget(in, start, false, true);         /* a name is no place of the instance */
	} else if (property(in, a->s, name) == NONE && !matches_any(in, a->s, name)) {
		touched = true;
		ok = eval_only(in, a, u, key + 1, NULL);
	}
	if (touched)
		mark(a, ordinal);
	return ok;
}

static bool eval_members(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	uint32_t ordinal = 0, end = in->t->nodes[a->node].next;
	bool ok = true;

	if (in->t->nodes[a->node].type != TAPE_OBJECT)
		return true;
	for (uint32_t k = a->node + 1; k < end && spend(in, 1 + u->n); k = in->t->nodes[k + 1].next)
		ok &= eval_member(in, a, u, k, ordinal++);
	return ok && !in->limit;
}

static bool eval_names(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t list)
{
	const struct tape *schema = snode_tape(&in->s->g, a->s);
	bool ok = true;

	for (uint32_t i = list + 1; i < schema->nodes[list].next && spend(in, 1); i = schema->nodes[i].next)
		if (!tape_member(in->t, a->node, tape_string(schema, i)))
			ok = record(in, a, u, true, a->node, i) && ok;
	return ok && !in->limit;
}

static bool eval_dependent(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	const struct tape *schema = snode_tape(&in->s->g, a->s);
	uint32_t object = u->key + 1, link = u->link;
	bool ok = true;

	if (in->t->nodes[a->node].type != TAPE_OBJECT)
		return true;
	for (uint32_t k = object + 1; k < schema->nodes[object].next && spend(in, 1); k = schema->nodes[k + 1].next) {
		bool list = schema->nodes[k + 1].type == TAPE_ARRAY;
		struct view name = tape_string(schema, k);
		uint32_t target = list ? NONE : in->s->g.links[link++].target;

		if (!tape_member(in->t, a->node, name))
			continue;
		ok = (list ? eval_names(in, a, u, k + 1) : eval_link(in, a, u, target, name, a->node, a->marks)) && ok;
	}
	return ok && !in->limit;
}

static bool eval_unevaluated(struct interpretation *in, const struct at *a, const struct keyword_use *u, bool object)
{
	uint32_t ordinal = 0, end = in->t->nodes[a->node].next;
	bool ok = true;

	if (in->t->nodes[a->node].type != (object ? TAPE_OBJECT : TAPE_ARRAY) || !a->marks)
		return true;
	for (uint32_t i = a->node + 1; i < end && spend(in, 1); ordinal++) {
		uint32_t value = object ? i + 1 : i;

		if (!(a->marks[ordinal / 64] >> ordinal % 64 & 1)) {
			ok = eval_only(in, a, u, value, NULL) && ok;
			mark(a, ordinal);
		}
		i = in->t->nodes[value].next;
	}
	return ok && !in->limit;
}

/* --- arrays ------------------------------------------------------------------------------------ */

static uint32_t prefix_length(const struct interpretation *in, const struct at *a)
{
	const struct keyword_use *prefix = snode_use(&in->s->g, a->s, KEYWORD_PREFIX_ITEMS),
		*old = snode_use(&in->s->g, a->s, KEYWORD_ITEMS_OLD);

	if (prefix)
		return prefix->n;
	return old && snode_tape(&in->s->g, a->s)->nodes[old->key + 1].type == TAPE_ARRAY ? old->n : 0;
}

/* One schema an item, or one for all from `from` on. */
static bool eval_items(struct interpretation *in, const struct at *a, const struct keyword_use *u, bool each,
                       uint32_t from)
{
	uint32_t ordinal = 0, end = in->t->nodes[a->node].next;
	bool ok = true;

	if (in->t->nodes[a->node].type != TAPE_ARRAY)
		return true;
	for (uint32_t i = a->node + 1; i < end && spend(in, 1); i = in->t->nodes[i].next, ordinal++) {
		if (ordinal < from)
			continue;
		if (each && ordinal >= u->n)
			break;
		ok = (each ? eval_index(in, a, u, ordinal, i, NULL) : eval_only(in, a, u, i, NULL)) && ok;
		mark(a, ordinal);
	}
	return ok && !in->limit;
}

static bool eval_contains(struct interpretation *in, const struct at *a, const struct keyword_use *u)
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
	for (uint32_t i = a->node + 1; i < end && spend(in, 1); i = in->t->nodes[i].next, ordinal++) {
		size_t start = in->n;

		if (eval_only(in, a, u, i, NULL)) {
			found++;
			if (evaluates)
				mark(a, ordinal);
		}
		forget(in, start, true, false);
	}
	if (in->limit)
		return false;
	int n = snprintf(text, sizeof text, "%u", found);
	struct view count = view_make(text, (size_t)n);
	if (!least && found == 0)
		ok = record(in, a, u, true, a->node, 0);
	if (least && decimal_cmp(count, tape_token(schema, least->key + 1)) < 0)
		ok = record(in, a, least, true, a->node, 0);
	if (most && decimal_cmp(count, tape_token(schema, most->key + 1)) > 0)
		ok = record(in, a, most, true, a->node, 0);
	return ok;
}

/* --- keywords ---------------------------------------------------------------------------------- */

static bool eval_all(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	bool ok = true;

	for (uint32_t i = 0; i < u->n && !in->limit; i++)
		ok &= eval_index(in, a, u, i, a->node, a->marks);
	return ok && !in->limit;
}

/* The content keywords speak of strings only (2020-12 validation, section 8). */
static bool annotates(const struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	bool string = in->t->nodes[a->node].type == TAPE_STRING;

	if (u->keyword == KEYWORD_CONTENT_SCHEMA)
		return string && snode_use(&in->s->g, a->s, KEYWORD_CONTENT_MEDIA_TYPE);
	return string || (u->keyword != KEYWORD_CONTENT_ENCODING && u->keyword != KEYWORD_CONTENT_MEDIA_TYPE);
}

static bool annotate(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	if (in->annotations && annotates(in, a, u))
		(void)record(in, a, u, false, a->node, 0);
	return !in->limit;
}

static bool eval_assertion(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	if (interpret_assertion(in, a->s, (enum keyword)u->keyword, u->key + 1, a->node))
		return true;
	return !in->limit && record(in, a, u, true, a->node, 0);
}

static bool eval_keyword(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	const struct tape *schema = snode_tape(&in->s->g, a->s);
	bool array = schema->nodes[u->key + 1].type == TAPE_ARRAY;

	switch ((enum keyword)u->keyword) {
	case KEYWORD_REF:
		return eval_only(in, a, u, a->node, a->marks);
	case KEYWORD_DYNAMIC_REF:
	case KEYWORD_RECURSIVE_REF:
		return eval_dynamic(in, a, u);
	case KEYWORD_ALL_OF:
		return eval_all(in, a, u);
	case KEYWORD_ANY_OF:
	case KEYWORD_ONE_OF:
		return eval_choice(in, a, u);
	case KEYWORD_NOT:
		return eval_not(in, a, u);
	case KEYWORD_IF:
		return eval_if(in, a, u);
	case KEYWORD_PROPERTIES:
	case KEYWORD_PATTERN_PROPERTIES:
	case KEYWORD_ADDITIONAL_PROPERTIES:
	case KEYWORD_PROPERTY_NAMES:
		return eval_members(in, a, u);
	case KEYWORD_REQUIRED:
		return in->t->nodes[a->node].type != TAPE_OBJECT || eval_names(in, a, u, u->key + 1);
	case KEYWORD_DEPENDENT_REQUIRED:
	case KEYWORD_DEPENDENT_SCHEMAS:
	case KEYWORD_DEPENDENCIES:
		return eval_dependent(in, a, u);
	case KEYWORD_PREFIX_ITEMS:
		return eval_items(in, a, u, true, 0);
	case KEYWORD_ITEMS:
		return eval_items(in, a, u, false, prefix_length(in, a));
	case KEYWORD_ITEMS_OLD:
		return eval_items(in, a, u, array, 0);
	case KEYWORD_ADDITIONAL_ITEMS: {
		const struct keyword_use *old = snode_use(&in->s->g, a->s, KEYWORD_ITEMS_OLD);

		if (!old || schema->nodes[old->key + 1].type != TAPE_ARRAY)
			return true;
		return eval_items(in, a, u, false, old->n);
	}
	case KEYWORD_CONTAINS:
		return eval_contains(in, a, u);
	case KEYWORD_UNEVALUATED_PROPERTIES:
		return eval_unevaluated(in, a, u, true);
	case KEYWORD_UNEVALUATED_ITEMS:
		return eval_unevaluated(in, a, u, false);
	case KEYWORD_UNKNOWN:
	case KEYWORD_TITLE:
	case KEYWORD_DESCRIPTION:
	case KEYWORD_DEFAULT:
	case KEYWORD_DEPRECATED:
	case KEYWORD_READ_ONLY:
	case KEYWORD_WRITE_ONLY:
	case KEYWORD_EXAMPLES:
	case KEYWORD_CONTENT_ENCODING:
	case KEYWORD_CONTENT_MEDIA_TYPE:
	case KEYWORD_CONTENT_SCHEMA:
		return annotate(in, a, u);
	case KEYWORD_FORMAT:
		return annotate(in, a, u) && eval_assertion(in, a, u);
	case KEYWORD_TYPE:
	case KEYWORD_ENUM:
	case KEYWORD_CONST:
	case KEYWORD_MULTIPLE_OF:
	case KEYWORD_MAXIMUM:
	case KEYWORD_EXCLUSIVE_MAXIMUM:
	case KEYWORD_MINIMUM:
	case KEYWORD_EXCLUSIVE_MINIMUM:
	case KEYWORD_MAX_LENGTH:
	case KEYWORD_MIN_LENGTH:
	case KEYWORD_PATTERN:
	case KEYWORD_MAX_ITEMS:
	case KEYWORD_MIN_ITEMS:
	case KEYWORD_UNIQUE_ITEMS:
	case KEYWORD_MAX_PROPERTIES:
	case KEYWORD_MIN_PROPERTIES:
		return eval_assertion(in, a, u);
	case KEYWORD_THEN:              /* with `if` */
	case KEYWORD_ELSE:
	case KEYWORD_MIN_CONTAINS:      /* with `contains` */
	case KEYWORD_MAX_CONTAINS:
	case KEYWORD_SCHEMA:
	case KEYWORD_ID:
	case KEYWORD_ANCHOR:
	case KEYWORD_DYNAMIC_ANCHOR:
	case KEYWORD_RECURSIVE_ANCHOR:
	case KEYWORD_VOCABULARY:
	case KEYWORD_COMMENT:
	case KEYWORD_DEFS:
	case KEYWORD_DEFINITIONS:
	case KEYWORD_COUNT:
		break;
	}
	return true;
}

static bool is_last(uint16_t keyword)
{
	return keyword == KEYWORD_UNEVALUATED_PROPERTIES || keyword == KEYWORD_UNEVALUATED_ITEMS;
}

static bool eval_keywords(struct interpretation *in, const struct at *a)
{
	bool ok = true;

	for (unsigned last = 0; last < 2; last++)
		for (uint32_t i = 0; i < a->s->n && !in->limit; i++) {
			const struct keyword_use *u = &in->s->g.uses[a->s->use + i];

			if (is_last(u->keyword) == last)
				ok &= eval_keyword(in, a, u);
		}
	return ok && !in->limit;
}

/* The schema `false` is told by the keyword that it stands under. */
static bool refuse(struct interpretation *in, const struct at *a, const struct keyword_use *by,
                   const struct snode *holder)
{
	bool ok = record(in, a, NULL, true, a->node, 0);

	if (by && !in->limit) {
		struct unit *u = &in->units[in->n - 1];

		u->keyword = by->keyword;
		if (by->n <= 1 && in->s->g.links[by->link].key == NONE) {
			u->key = by->key;
			u->doc = holder->doc;
			u->resource = holder->resource;
			u->schema = holder->node;
		}
	}
	return ok;
}

static bool eval(struct interpretation *in, uint32_t snode, uint32_t node, uint64_t *marks,
                 const struct keyword_use *by, const struct snode *holder)
{
	const struct snode *s = &in->s->g.snodes[snode];
	const struct tape_node *n = &in->t->nodes[node];
	struct at a = { .s = s, .node = node };
	size_t start = in->n, words = 0;
	bool ok, scoped = in->scopes[in->n_scopes - 1] != s->resource;
	unsigned type = snode_tape(&in->s->g, s)->nodes[s->node].type;

	if (type == TAPE_TRUE)
		return true;
	if (type == TAPE_FALSE)
		return refuse(in, &a, by, holder);
	if (!spend(in, 1) || in->depth >= DEPTH_MAX)
		return give_up(in);
	if (n->type == TAPE_OBJECT || n->type == TAPE_ARRAY) {
		words = (n->count + 63u) / 64;
		a.marks = arena_alloc(&in->arena, (words + 1) * sizeof *a.marks);
		if (!a.marks)
			return give_up(in);
	}
	if (scoped)
		in->scopes[in->n_scopes++] = s->resource;
	in->depth++;
	ok = eval_keywords(in, &a);
	in->depth--;
	in->n_scopes -= scoped;
	if (!ok)
		forget(in, start, false, true);
	for (size_t i = 0; ok && marks && i < words; i++)
		marks[i] |= a.marks[i];
	return ok;
}

void interpret(struct interpretation *in, const struct schema *s, struct schema_run *r, const struct tape *t,
               uint32_t node, bool annotations, bool every_branch)
{
	*in = (struct interpretation){ .s = s, .t = t, .root = node, .run = r, .annotations = annotations,
		.every_branch = every_branch };
	in->arena.max = MEMORY_MAX;
	in->path = BUF_INIT(1u << 20);
	in->steps = STEPS_BASE + (uint64_t)STEPS_A_NODE * (t->nodes[node].next - node);
	in->scopes[0] = s->g.snodes[s->g.entry].resource;
	in->n_scopes = 1;
	in->valid = eval(in, s->g.entry, node, NULL, NULL, NULL) && !in->limit;
	buf_free(&in->path);
}

void interpretation_free(struct interpretation *in)
{
	free(in->units);
	arena_free(&in->arena);
}

size_t schema_explain(const struct schema *s, struct schema_run *r, const struct tape *t, uint32_t node,
                      bool (*report)(void *arg, const struct schema_fault *f), void *arg)
{
	struct interpretation in;
	struct buf pointer = BUF_INIT(65536), location = BUF_INIT(65536), message = BUF_INIT(4096);
	size_t n = 0;
	bool more = true;

	interpret(&in, s, r, t, node, false, false);
	for (size_t i = 0; i < in.n && more; i++) {
		const struct unit *u = &in.units[i];

		if (!u->fault)
			continue;
		buf_reset(&pointer);
		buf_reset(&location);
		buf_reset(&message);
		unit_instance(&in, u, &pointer);
		unit_location(&in, u, &location);
		unit_message(&in, u, &message);
		struct schema_fault f = { .pointer = buf_view(&pointer), .node = u->node,
			.keyword = unit_keyword(&in, u), .location = buf_view(&location),
			.message = buf_view(&message) };
		more = report(arg, &f);
		n++;
	}
	buf_free(&pointer);
	buf_free(&location);
	buf_free(&message);
	interpretation_free(&in);
	return n;
}
