/* The state of a run, shared by run.c and run_scalar.c. Internal to lib/schema. One thread at a time. */
#ifndef GATEWAY_SCHEMA_RUN_H
#define GATEWAY_SCHEMA_RUN_H

#include "lib/schema/compiled.h"

#define DEPTH_MAX 1024u
#define WORDS_MAX (UINT32_C(1) << 22) /* of 8 bytes */

struct schema_run {
	const struct schema *s;
	const struct tape *t;
	const struct tape_node *nodes;
	uint64_t steps;
	bool limit; /* sticky: the verdict is SCHEMA_LIMIT */
	unsigned depth;
	/* Marks of what was evaluated, a bit a member or item; frames lie on one another. */
	uint64_t *words;
	size_t top, cap;
	size_t frame, frame_words;
	uint32_t scopes[DEPTH_MAX + 1];
	unsigned n_scopes;
	uint32_t *table; /* uniqueItems */
	size_t table_cap;
	struct regex_run *regex;
};

static inline bool run_hit_limit(struct schema_run *r)
{
	r->limit = true;
	return false;
}

static inline bool run_spend(struct schema_run *r, uint64_t n)
{
	if (r->steps < n)
		return run_hit_limit(r);
	r->steps -= n;
	return true;
}

static inline struct view run_string(const struct schema_run *r, const struct tape_node *n, uint32_t node)
{
	if (n->flags & TAPE_ESCAPED)
		return tape_string(r->t, node);
	return view_make(r->t->text + n->off + 1, n->len - 2);
}

static inline bool run_type_fits(const struct schema_run *r, uint32_t node, unsigned types)
{
	static const uint8_t bits[] = { TYPE_NULL,   TYPE_BOOLEAN, TYPE_BOOLEAN, TYPE_NUMBER,
		                        TYPE_STRING, TYPE_ARRAY,   TYPE_OBJECT,  0 };
	const struct tape_node *n = &r->nodes[node];

	if (types & bits[n->type])
		return true;
	if (n->type != TAPE_NUMBER || !(types & TYPE_INTEGER))
		return false;
	return (n->flags & TAPE_INTEGER) || decimal_is_integer(tape_token(r->t, node));
}

/* The instance's number against a bound, or a divisor, of the schema. */
bool run_bound(const struct schema_run *r, const struct op *op, uint32_t node);
bool run_multiple(const struct schema_run *r, const struct op *op, uint32_t node);
/* Length in code points. */
bool run_length(const struct schema_run *r, const struct op *op, uint32_t node);
/* A string (or name) is that of the schema, or one of a set of them. */
bool run_is_constant(const struct schema_run *r, const struct constant *c, uint32_t node);
bool run_enum_strings(const struct schema_run *r, const struct op *op, uint32_t node);
/* A value equals one of the schema. */
bool run_equals_schema(const struct schema_run *r, uint32_t doc, uint32_t value, uint32_t node);
bool run_enum(struct schema_run *r, const struct op *op, uint32_t node);
bool run_unique(struct schema_run *r, uint32_t node);

#endif
