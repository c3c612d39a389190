/* The explaining interpreter. See interpret.h. */
#include "lib/schema/interpret_parts.h"

#include "lib/base/slip.h"
#include "lib/json/pointer.h"

#define STEPS_BASE   2000000u
#define STEPS_A_NODE 256u
#define UNITS_MAX    100000u
#define MEMORY_MAX   ((size_t)64 << 20)

static bool eval(struct interpretation *in, uint32_t snode, uint32_t node, uint64_t *marks,
                 const struct keyword_use *by, const struct snode *holder);

static bool interpret_give_up(struct interpretation *in)
{
	in->limit = true;
	return false;
}

bool interpret_spend(struct interpretation *in, uint64_t n)
{
	if (in->limit || in->steps < n)
		return interpret_give_up(in);
	in->steps -= n;
	return true;
}

/* --- units ------------------------------------------------------------------------------------- */

bool interpret_record(struct interpretation *in, const struct at *a, const struct keyword_use *u, bool fault,
                      uint32_t node, uint32_t detail)
{
	const struct tape *schema = snode_tape(&in->s->g, a->s);
	size_t kept = in->path.n;

	if (in->n >= UNITS_MAX)
		return interpret_give_up(in);
	if (in->n == in->cap) {
		size_t cap = in->cap ? in->cap * 2 : 32;
		struct unit *units = realloc(in->units, cap * sizeof *units);

		if (!units)
			return interpret_give_up(in);
		in->units = units;
		in->cap = cap;
	}
	if (u)
		pointer_add(&in->path, tape_string(schema, u->key));
	struct view path = arena_copy(&in->arena, buf_view(&in->path));
	if (in->path.failed || (in->path.n && !path.p))
		return interpret_give_up(in);
	in->units[in->n++] = (struct unit){ .fault = fault,
		                            .itself = !u,
		                            .keyword = u ? u->keyword : (uint16_t)KEYWORD_UNKNOWN,
		                            .node = node,
		                            .doc = a->s->doc,
		                            .resource = a->s->resource,
		                            .key = u ? u->key : NONE,
		                            .schema = a->s->node,
		                            .detail = detail,
		                            .path = path };
	in->path.n = kept;
	return !fault;
}

/* Forgets the faults or the annotations recorded from `start` on. */
void interpret_forget(struct interpretation *in, size_t start, bool faults, bool annotations)
{
	size_t kept = start;

	for (size_t i = start; i < in->n; i++)
		if (in->units[i].fault ? !faults : !annotations)
			in->units[kept++] = in->units[i];
	in->n = kept;
}

/* --- schemas below ----------------------------------------------------------------------------- */

/* Evaluates the schema of a link; `name` is its own segment of the path, or p is NULL. */
bool interpret_link(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t target,
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

bool interpret_index(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t i,
                     uint32_t node, uint64_t *marks)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%u", i);

	return interpret_link(in, a, u, in->s->g.links[u->link + i].target, view_make(text, (size_t)n), node, marks);
}

bool interpret_only(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t node,
                    uint64_t *marks)
{
	return interpret_link(in, a, u, in->s->g.links[u->link].target, view_make(NULL, 0), node, marks);
}

void interpret_mark(const struct at *a, uint32_t ordinal)
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
		return interpret_give_up(in);
	for (uint32_t i = 0; i < u->n && !in->limit; i++) {
		fit += interpret_index(in, a, u, i, a->node, a->marks);
		ends[i] = in->n;
	}
	if (in->limit)
		return false;
	if (u->keyword == KEYWORD_ANY_OF ? fit > 0 : fit == 1) {
		interpret_forget(in, start, true, false);
		return true;
	}
	if (fit > 0)
		interpret_forget(in, start, true, true);
	else if (!in->every_branch)
		keep_closest(in, start, ends, u->n, a->node);
	return interpret_record(in, a, u, true, a->node, fit > 1);
}

static bool eval_not(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	size_t start = in->n;
	bool ok = interpret_only(in, a, u, a->node, NULL);

	interpret_forget(in, start, true, true);
	return !ok || interpret_record(in, a, u, true, a->node, 0);
}

static bool eval_if(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	const struct keyword_use *yes = snode_use(&in->s->g, a->s, KEYWORD_THEN),
	                         *no = snode_use(&in->s->g, a->s, KEYWORD_ELSE), *then;
	size_t start = in->n;
	bool ok = interpret_only(in, a, u, a->node, a->marks);

	interpret_forget(in, start, true, false);
	then = ok ? yes : no;
	return !in->limit && (!then || interpret_only(in, a, then, a->node, a->marks));
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
	ok = interpret_link(in, a, u, target, view_make(NULL, 0), a->node, a->marks);
	return ok;
}

/* --- keywords ---------------------------------------------------------------------------------- */

static bool eval_all(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	bool ok = true;

	for (uint32_t i = 0; i < u->n && !in->limit; i++)
		ok &= interpret_index(in, a, u, i, a->node, a->marks);
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
		(void)interpret_record(in, a, u, false, a->node, 0);
	return !in->limit;
}

static bool eval_assertion(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	if (interpret_assertion(in, a->s, (enum keyword)u->keyword, u->key + 1, a->node))
		return true;
	return !in->limit && interpret_record(in, a, u, true, a->node, 0);
}

static bool eval_keyword(struct interpretation *in, const struct at *a, const struct keyword_use *u)
{
	const struct tape *schema = snode_tape(&in->s->g, a->s);
	bool array = schema->nodes[u->key + 1].type == TAPE_ARRAY;

	switch ((enum keyword)u->keyword) {
	case KEYWORD_REF: return interpret_only(in, a, u, a->node, a->marks);
	case KEYWORD_DYNAMIC_REF:
	case KEYWORD_RECURSIVE_REF: return eval_dynamic(in, a, u);
	case KEYWORD_ALL_OF: return eval_all(in, a, u);
	case KEYWORD_ANY_OF:
	case KEYWORD_ONE_OF: return eval_choice(in, a, u);
	case KEYWORD_NOT: return eval_not(in, a, u);
	case KEYWORD_IF: return eval_if(in, a, u);
	case KEYWORD_PROPERTIES:
	case KEYWORD_PATTERN_PROPERTIES:
	case KEYWORD_ADDITIONAL_PROPERTIES:
	case KEYWORD_PROPERTY_NAMES: return interpret_members(in, a, u);
	case KEYWORD_REQUIRED:
		return in->t->nodes[a->node].type != TAPE_OBJECT || interpret_names(in, a, u, u->key + 1);
	case KEYWORD_DEPENDENT_REQUIRED:
	case KEYWORD_DEPENDENT_SCHEMAS:
	case KEYWORD_DEPENDENCIES: return interpret_dependent(in, a, u);
	case KEYWORD_PREFIX_ITEMS: return interpret_items(in, a, u, true, 0);
	case KEYWORD_ITEMS: return interpret_items(in, a, u, false, interpret_prefix_length(in, a));
	case KEYWORD_ITEMS_OLD: return interpret_items(in, a, u, array, 0);
	case KEYWORD_ADDITIONAL_ITEMS: {
		const struct keyword_use *old = snode_use(&in->s->g, a->s, KEYWORD_ITEMS_OLD);

		if (!old || schema->nodes[old->key + 1].type != TAPE_ARRAY)
			return true;
		return interpret_items(in, a, u, false, old->n);
	}
	case KEYWORD_CONTAINS: return interpret_contains(in, a, u);
	case KEYWORD_UNEVALUATED_PROPERTIES: return interpret_unevaluated(in, a, u, true);
	case KEYWORD_UNEVALUATED_ITEMS: return interpret_unevaluated(in, a, u, false);
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
	case KEYWORD_CONTENT_SCHEMA: return annotate(in, a, u);
	case KEYWORD_FORMAT: return annotate(in, a, u) && eval_assertion(in, a, u);
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
	case KEYWORD_MIN_PROPERTIES: return eval_assertion(in, a, u);
	case KEYWORD_THEN: /* with `if` */
	case KEYWORD_ELSE:
	case KEYWORD_MIN_CONTAINS: /* with `contains` */
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
	case KEYWORD_COUNT: break;
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
	bool ok = interpret_record(in, a, NULL, true, a->node, 0);

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
	if (!interpret_spend(in, 1) || in->depth >= INTERPRET_DEPTH)
		return interpret_give_up(in);
	if (n->type == TAPE_OBJECT || n->type == TAPE_ARRAY) {
		words = (n->count + 63u) / 64;
		a.marks = arena_alloc(&in->arena, (words + 1) * sizeof *a.marks);
		if (!a.marks)
			return interpret_give_up(in);
	}
	if (scoped)
		in->scopes[in->n_scopes++] = s->resource;
	in->depth++;
	ok = eval_keywords(in, &a);
	in->depth--;
	in->n_scopes -= scoped;
	if (!ok)
		interpret_forget(in, start, false, true);
	for (size_t i = 0; ok && marks && i < words; i++)
		marks[i] |= a.marks[i];
	return ok;
}

void interpret(struct interpretation *in, const struct schema *s, struct schema_run *r, const struct tape *t,
               uint32_t node, bool annotations, bool every_branch)
{
	*in = (struct interpretation){
		.s = s, .t = t, .root = node, .run = r, .annotations = annotations, .every_branch = every_branch
	};
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

/* See struct schema_fault. */
static struct view meant(const struct interpretation *in, const struct unit *u)
{
	const struct tape *t = &in->s->g.docs[u->doc].doc->tape;
	struct view found = VIEW("");
	unsigned least = SLIP_WORD_MAX, edits;

	if ((u->keyword != KEYWORD_ADDITIONAL_PROPERTIES && u->keyword != KEYWORD_UNEVALUATED_PROPERTIES) ||
	    u->node == 0 || in->t->nodes[u->node - 1].type != TAPE_KEY || t->nodes[u->schema].type != TAPE_OBJECT)
		return found;
	uint32_t properties = tape_member(t, u->schema, VIEW("properties"));
	if (!properties || t->nodes[properties].type != TAPE_OBJECT)
		return found;
	for (uint32_t key = properties + 1; key < t->nodes[properties].next; key = t->nodes[key + 1].next) {
		struct view name = tape_string(t, key);
		if (slip_of(tape_string(in->t, u->node - 1), name, &edits) && edits < least) {
			least = edits;
			found = name;
		}
	}
	return found;
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
		struct schema_fault f = { .pointer = buf_view(&pointer),
			                  .node = u->node,
			                  .keyword = unit_keyword(&in, u),
			                  .location = buf_view(&location),
			                  .message = buf_view(&message),
			                  .meant = meant(&in, u) };
		more = report(arg, &f);
		n++;
	}
	buf_free(&pointer);
	buf_free(&location);
	buf_free(&message);
	interpretation_free(&in);
	return n;
}
