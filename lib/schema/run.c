/* The fail-fast run of a program. See schema.h and compiled.h.
 *
 * Every call of a block and every member, item or alternative looked at costs a step; steps, the depth of
 * calls and the scratch memory are bounded, and whoever reaches a bound gets SCHEMA_LIMIT. Scratch memory
 * grows and is kept, so that a warm run allocates nothing. */
#include "lib/schema/run.h"

#define STEPS_BASE   100000u
#define STEPS_A_NODE 64u

/* What has frames of its own is kept out of exec(), whose own, for most values are leaves, is a few registers. */
#define NOINLINE __attribute__((noinline))

static bool exec(struct schema_run *r, uint32_t pc, uint32_t node);

struct schema_run *schema_run_new(void)
{
	struct schema_run *r = calloc(1, sizeof *r);

	if (r && !(r->regex = regex_run_new())) {
		free(r);
		return NULL;
	}
	return r;
}

void schema_run_free(struct schema_run *r)
{
	if (!r)
		return;
	regex_run_free(r->regex);
	free(r->words);
	free(r->table);
	free(r);
}

static inline bool apply(struct schema_run *r, const struct target *t, uint32_t node)
{
	if (t->types != TYPE_ANY && !run_type_fits(r, node, t->types))
		return false;
	return t->pc == PC_TRUE || exec(r, t->pc, node);
}

/* --- marks ------------------------------------------------------------------------------------- */

static inline void mark(struct schema_run *r, uint32_t ordinal)
{
	r->words[r->frame + ordinal / 64] |= UINT64_C(1) << ordinal % 64;
}

/* Room for n more words on the stack; their index in *at. */
static bool push_words(struct schema_run *r, size_t n, size_t *at)
{
	if (r->top + n > WORDS_MAX)
		return run_hit_limit(r);
	if (r->top + n > r->cap) {
		size_t cap = r->cap ? r->cap : 64;

		while (cap < r->top + n)
			cap *= 2;
		uint64_t *words = realloc(r->words, cap * sizeof *words);
		if (!words)
			return run_hit_limit(r);
		r->words = words;
		r->cap = cap;
	}
	*at = r->top;
	r->top += n;
	return true;
}

/* Runs a branch; when it fails, what it marked is forgotten. */
static bool try_branch(struct schema_run *r, const struct target *t, uint32_t node, bool track)
{
	size_t kept, n = r->frame_words;
	bool ok;

	if (!track || n == 0)
		return apply(r, t, node);
	if (!push_words(r, n, &kept))
		return false;
	memcpy(r->words + kept, r->words + r->frame, n * sizeof *r->words);
	ok = apply(r, t, node);
	if (!ok)
		memcpy(r->words + r->frame, r->words + kept, n * sizeof *r->words);
	r->top = kept;
	return ok;
}

static bool check_unmarked(struct schema_run *r, const struct op *op, uint32_t node)
{
	const struct tape_node *n = &r->nodes[node];
	bool object = n->type == TAPE_OBJECT;
	uint32_t pc = object ? op->b : op->c, ordinal = 0;

	if (pc == NONE)
		return true;
	if (!run_spend(r, n->count))
		return false;
	for (uint32_t i = node + 1; i < n->next; ordinal++) {
		uint32_t value = object ? i + 1 : i;

		if (!(r->words[r->frame + ordinal / 64] >> ordinal % 64 & 1)) {
			if (pc != PC_TRUE && !exec(r, pc, value))
				return false;
			mark(r, ordinal);
		}
		i = r->nodes[value].next;
	}
	return true;
}

/* A schema with unevaluatedProperties or unevaluatedItems: its body marks in a frame of its own, because
 * what schemas beside it evaluated does not count. */
static NOINLINE bool run_unevaluated(struct schema_run *r, const struct op *op, uint32_t node)
{
	unsigned type = r->nodes[node].type;
	size_t outer = r->frame, outer_words = r->frame_words, at, n = (r->nodes[node].count + 63) / 64;
	bool ok;

	if (type != TAPE_OBJECT && type != TAPE_ARRAY)
		n = 0;
	if (!push_words(r, n, &at))
		return false;
	if (n)
		memset(r->words + at, 0, n * sizeof *r->words);
	r->frame = at;
	r->frame_words = n;
	ok = exec(r, op->a, node);
	if (ok && n)
		ok = check_unmarked(r, op, node);
	r->frame = outer;
	r->frame_words = outer_words;
	if (ok && op->n)
		for (size_t i = 0; i < n; i++)
			r->words[outer + i] |= r->words[at + i];
	r->top = at;
	return ok;
}

/* --- objects ----------------------------------------------------------------------------------- */

static inline const struct property *find_property(const struct schema *s, const struct object_shape *o,
                                                   struct view name, uint32_t hash)
{
	if (o->mask == NONE)
		return NULL;
	const uint32_t *slots = s->slots + o->slots;
	for (uint32_t i = hash & o->mask; slots[i]; i = (i + 1) & o->mask) {
		const struct property *p = &s->properties[o->property + slots[i] - 1];

		if (p->hash == hash && p->n == name.n && memcmp(p->p, name.p, name.n) == 0)
			return p;
	}
	return NULL;
}

static bool match_pattern(struct schema_run *r, const struct pattern_property *p, struct view name)
{
	switch (p->kind) {
	case PATTERN_ANY: return true;
	case PATTERN_PREFIX: return view_starts(name, p->prefix);
	case PATTERN_REGEX: break;
	}
	enum regex_verdict v = regex_match(r->s->regexes[p->regex], r->regex, name);
	if (v == REGEX_LIMIT)
		run_hit_limit(r);
	return v == REGEX_MATCH;
}

/* A member that `properties` does not list, or that patterns may touch as well. */
static bool check_other_member(struct schema_run *r, const struct object_shape *o, struct view name, uint32_t value,
                               bool listed, uint32_t ordinal)
{
	bool matched = listed;

	if (!run_spend(r, o->n_patterns))
		return false;
	for (uint32_t i = 0; i < o->n_patterns; i++) {
		const struct pattern_property *p = &r->s->patterns[o->pattern + i];

		if (!match_pattern(r, p, name)) {
			if (r->limit)
				return false;
			continue;
		}
		if (!apply(r, &p->target, value))
			return false;
		matched = true;
	}
	if (!matched && !apply(r, &o->additional, value))
		return false;
	if (o->track && (matched || o->track_additional))
		mark(r, ordinal);
	return true;
}

/* propertyNames: the KEY node stands in for the string that it is. */
static bool check_name(struct schema_run *r, const struct target *t, uint32_t key)
{
	if (t->types != TYPE_ANY && !(t->types & TYPE_STRING))
		return false;
	return t->pc == PC_TRUE || exec(r, t->pc, key);
}

static NOINLINE bool check_object(struct schema_run *r, const struct object_shape *o, uint32_t node)
{
	const struct tape_node *n = &r->nodes[node];
	uint64_t seen = 0;
	uint32_t ordinal = 0, end = n->next;

	if (n->count < o->min || n->count > o->max)
		return false;
	if (!o->loop)
		return true;
	if (!run_spend(r, n->count))
		return false;
	for (uint32_t k = node + 1; k < end; k = r->nodes[k + 1].next, ordinal++) {
		struct view name = run_string(r, &r->nodes[k], k);
		const struct property *p = find_property(r->s, o, name, r->nodes[k].hash);
		bool listed = p && p->listed;

		if (p && p->required != NONE)
			seen |= UINT64_C(1) << p->required;
		if (listed && !apply(r, &p->target, k + 1))
			return false;
		if (!check_name(r, &o->names, k))
			return false;
		if (!listed || o->n_patterns) {
			if (!check_other_member(r, o, name, k + 1, listed, ordinal))
				return false;
		} else if (o->track) {
			mark(r, ordinal);
		}
	}
	return (seen & o->required) == o->required;
}

/* The value of a member by a constant of the schema; 0 when there is none. */
static uint32_t member(const struct schema_run *r, uint32_t object, const struct constant *c)
{
	uint32_t end = r->nodes[object].next;

	for (uint32_t k = object + 1; k < end; k = r->nodes[k + 1].next)
		if (r->nodes[k].hash == c->hash && view_eq(run_string(r, &r->nodes[k], k), view_make(c->p, c->n)))
			return k + 1;
	return 0;
}

static NOINLINE bool check_required(struct schema_run *r, const struct op *op, uint32_t node)
{
	if (!run_spend(r, (uint64_t)op->b * r->nodes[node].count / 16))
		return false;
	for (uint32_t i = 0; i < op->b; i++)
		if (!member(r, node, &r->s->constants[op->a + i]))
			return false;
	return true;
}

/* --- arrays ------------------------------------------------------------------------------------ */

static bool check_contains(struct schema_run *r, const struct array_shape *a, uint32_t node)
{
	uint32_t end = r->nodes[node].next, found = 0, ordinal = 0;

	for (uint32_t i = node + 1; i < end; i = r->nodes[i].next, ordinal++) {
		if (!apply(r, &a->contains, i)) {
			if (r->limit)
				return false;
			continue;
		}
		if (++found > a->max_contains)
			return false;
		if (a->contains_evaluates)
			mark(r, ordinal);
		else if (found >= a->min_contains && a->max_contains == UINT32_MAX)
			return true;
	}
	return found >= a->min_contains;
}

static NOINLINE bool check_array(struct schema_run *r, const struct array_shape *a, uint32_t node)
{
	const struct tape_node *n = &r->nodes[node];
	uint32_t ordinal = 0, end = n->next, i = node + 1;

	if (n->count < a->min || n->count > a->max)
		return false;
	if (!run_spend(r, n->count))
		return false;
	for (; i < end && ordinal < a->n_prefix; i = r->nodes[i].next, ordinal++) {
		if (!apply(r, &r->s->targets[a->prefix + ordinal], i))
			return false;
		if (a->track)
			mark(r, ordinal);
	}
	if (a->has_items && (a->track || a->items.pc != PC_TRUE || a->items.types != TYPE_ANY))
		for (; i < end; i = r->nodes[i].next, ordinal++) {
			if (!apply(r, &a->items, i))
				return false;
			if (a->track)
				mark(r, ordinal);
		}
	if (a->has_contains && !check_contains(r, a, node))
		return false;
	return !a->unique || run_unique(r, node);
}

/* --- choices ----------------------------------------------------------------------------------- */

/* The member that tells the alternatives apart; 0 when there is none. */
static uint32_t guard_value(const struct schema_run *r, const struct op *op, uint32_t node)
{
	if (op->c == NONE || r->nodes[node].type != TAPE_OBJECT)
		return 0;
	return member(r, node, &r->s->constants[op->c]);
}

static inline bool is_ruled_out(const struct schema_run *r, const struct target *t, uint32_t value)
{
	return value && t->guard != NONE &&
	       (r->nodes[value].type != TAPE_STRING || !run_is_constant(r, &r->s->constants[t->guard], value));
}

static NOINLINE bool check_any(struct schema_run *r, const struct op *op, uint32_t node)
{
	uint32_t value = guard_value(r, op, node);
	bool any = false;

	for (uint32_t i = 0; i < op->b && (!any || op->n); i++) {
		const struct target *t = &r->s->targets[op->a + i];

		if (!run_spend(r, 1))
			return false;
		if (!is_ruled_out(r, t, value) && try_branch(r, t, node, op->n))
			any = true;
		if (r->limit)
			return false;
	}
	return any;
}

static NOINLINE bool check_one(struct schema_run *r, const struct op *op, uint32_t node)
{
	uint32_t value = guard_value(r, op, node), found = 0;

	for (uint32_t i = 0; i < op->b && found < 2; i++) {
		const struct target *t = &r->s->targets[op->a + i];

		if (!run_spend(r, 1))
			return false;
		found += !is_ruled_out(r, t, value) && try_branch(r, t, node, op->n);
		if (r->limit)
			return false;
	}
	return found == 1;
}

static NOINLINE bool check_if(struct schema_run *r, const struct op *op, uint32_t node)
{
	struct target condition = { op->a, TYPE_ANY, NONE };
	bool yes = try_branch(r, &condition, node, op->n);
	uint32_t pc = yes ? op->b : op->c;

	return !r->limit && (pc == PC_TRUE || exec(r, pc, node));
}

/* 2020-12 core 8.2.3.2: the outermost resource in the dynamic scope that has the anchor. */
static NOINLINE bool check_dynamic(struct schema_run *r, const struct op *op, uint32_t node)
{
	const struct graph *g = &r->s->g;
	const struct dynamic_name *d = &g->dynamic_names[op->a];

	for (unsigned i = 0; i < r->n_scopes; i++)
		for (uint32_t k = d->target; k < d->target + d->n; k++) {
			bool ok;

			if (g->dynamic_targets[k].resource != r->scopes[i])
				continue;
			if (r->n_scopes > DEPTH_MAX)
				return run_hit_limit(r);
			r->scopes[r->n_scopes++] = r->scopes[i];
			ok = exec(r, r->s->dynamic_pc[op->n][k], node);
			r->n_scopes--;
			return ok;
		}
	return false;
}

static NOINLINE bool enter_scope(struct schema_run *r, const struct op *op, uint32_t node)
{
	bool ok;

	if (r->n_scopes > DEPTH_MAX)
		return run_hit_limit(r);
	r->scopes[r->n_scopes++] = op->a;
	ok = exec(r, op->b, node);
	r->n_scopes--;
	return ok;
}

/* --- the loop ---------------------------------------------------------------------------------- */

static bool run_op(struct schema_run *r, const struct op *op, uint32_t node)
{
	const struct schema *s = r->s;
	unsigned type = r->nodes[node].type;
	bool string = type == TAPE_STRING || type == TAPE_KEY;

	switch ((enum op_code)op->code) {
	case OP_END: return true;
	case OP_FAIL: return false;
	case OP_TYPE: return type == TAPE_KEY ? op->n & TYPE_STRING : run_type_fits(r, node, op->n);
	case OP_CONST_STRING: return string && run_is_constant(r, &s->constants[op->a], node);
	case OP_ENUM_STRINGS: return string && run_enum_strings(r, op, node);
	case OP_CONST: return run_equals_schema(r, op->a, op->b, node);
	case OP_ENUM: return run_enum(r, op, node);
	case OP_BOUND: return type != TAPE_NUMBER || run_bound(r, op, node);
	case OP_MULTIPLE: return type != TAPE_NUMBER || run_multiple(r, op, node);
	case OP_LENGTH: return !string || run_length(r, op, node);
	case OP_PATTERN: {
		if (!string)
			return true;
		enum regex_verdict v = regex_match(s->regexes[op->a], r->regex, run_string(r, &r->nodes[node], node));
		return v == REGEX_LIMIT ? run_hit_limit(r) : v == REGEX_MATCH;
	}
	case OP_FORMAT: return !string || format_check((enum format)op->n, run_string(r, &r->nodes[node], node));
	case OP_REQUIRED: return type != TAPE_OBJECT || check_required(r, op, node);
	case OP_DEPENDENT_REQUIRED:
		return type != TAPE_OBJECT || !member(r, node, &s->constants[op->c]) || check_required(r, op, node);
	case OP_DEPENDENT: return type != TAPE_OBJECT || !member(r, node, &s->constants[op->c]) || exec(r, op->a, node);
	case OP_OBJECT: return type != TAPE_OBJECT || check_object(r, &s->objects[op->a], node);
	case OP_ARRAY: return type != TAPE_ARRAY || check_array(r, &s->arrays[op->a], node);
	case OP_CALL: return exec(r, op->a, node);
	case OP_ANY: return check_any(r, op, node);
	case OP_ONE: return check_one(r, op, node);
	case OP_NOT: return !exec(r, op->a, node) && !r->limit;
	case OP_IF: return check_if(r, op, node);
	case OP_DYNAMIC: return check_dynamic(r, op, node);
	case OP_SCOPE: return enter_scope(r, op, node);
	case OP_UNEVALUATED: return run_unevaluated(r, op, node);
	}
	return false;
}

static bool exec(struct schema_run *r, uint32_t pc, uint32_t node)
{
	const struct op *op = r->s->ops + pc;
	bool ok = true;

	if (r->depth == DEPTH_MAX || r->steps == 0)
		return run_hit_limit(r);
	r->depth++;
	r->steps--;
	for (; ok && op->code != OP_END; op++)
		ok = run_op(r, op, node);
	r->depth--;
	return ok;
}

struct regex_run *schema_regex_run(struct schema_run *r)
{
	return r->regex;
}

enum schema_verdict schema_check(const struct schema *s, struct schema_run *r, const struct tape *t, uint32_t node)
{
	bool ok;

	r->s = s;
	r->t = t;
	r->nodes = t->nodes;
	r->steps = s->steps ? s->steps : STEPS_BASE + (uint64_t)STEPS_A_NODE * (t->nodes[node].next - node);
	r->limit = false;
	r->depth = 0;
	r->top = r->frame = r->frame_words = 0;
	r->scopes[0] = s->g.snodes[s->g.entry].resource;
	r->n_scopes = 1;
	ok = exec(r, s->start, node);
	if (r->limit)
		return SCHEMA_LIMIT;
	return ok ? SCHEMA_VALID : SCHEMA_INVALID;
}
