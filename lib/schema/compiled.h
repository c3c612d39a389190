/* The flat program that a schema becomes, and struct schema itself. Made by compile.c, assertion.c and shape.c, run by
 * run.c. Internal to lib/schema. Immutable once made; any thread.
 *
 * A block is a run of operations that ends with OP_END; it is named by the index of its first operation
 * (its pc). Blocks 0 and 1 are the schemas true and false. Code that runs on behalf of an
 * `unevaluated…` keyword comes in a tracked version, which marks the members and items it evaluates; all
 * other code comes untracked and pays nothing. */
#ifndef GATEWAY_SCHEMA_COMPILED_H
#define GATEWAY_SCHEMA_COMPILED_H

#include "lib/json/decimal.h"
#include "lib/schema/format.h"
#include "lib/schema/graph.h"
#include "lib/schema/regex.h"

#define PC_TRUE  0u
#define PC_FALSE 1u

enum op_code {
	OP_END,
	OP_FAIL,
	OP_TYPE,               /* n: type bits */
	OP_CONST_STRING,       /* a: constant */
	OP_ENUM_STRINGS,       /* a: name set */
	OP_CONST,              /* a: document, b: node */
	OP_ENUM,               /* a: document, b: node of the array */
	OP_BOUND,              /* n: enum bound_kind, a: number */
	OP_MULTIPLE,           /* a: number */
	OP_LENGTH,             /* a: least, b: most code points */
	OP_PATTERN,            /* a: regex */
	OP_FORMAT,             /* n: enum format */
	OP_REQUIRED,           /* a: first constant, b: how many */
	OP_DEPENDENT_REQUIRED, /* c: constant; a: first constant, b: how many */
	OP_DEPENDENT,          /* c: constant, a: block */
	OP_OBJECT,             /* a: object shape */
	OP_ARRAY,              /* a: array shape */
	OP_CALL,               /* a: block */
	OP_ANY,                /* a: first target, b: how many, c: name of the guard or NONE; n: tracked */
	OP_ONE,                /* the same */
	OP_NOT,                /* a: block */
	OP_IF,                 /* a: if, b: then, c: else; n: tracked */
	OP_DYNAMIC,            /* a: dynamic name, n: tracked */
	OP_SCOPE,              /* a: resource to enter, b: block */
	OP_UNEVALUATED         /* a: body; b: unevaluatedProperties, c: unevaluatedItems or NONE; n: tracked */
};

enum bound_kind { BOUND_MIN, BOUND_MIN_EXCLUSIVE, BOUND_MAX, BOUND_MAX_EXCLUSIVE };

struct op {
	uint8_t code;
	uint8_t unused;
	uint16_t n;
	uint32_t a, b, c;
};

/* A block to run on a value, with the types that its first test lets through taken out of it, so that
 * the commonest schemas need no call. */
struct target {
	uint32_t pc;
	uint32_t types;
	uint32_t guard; /* alternatives of OP_ANY and OP_ONE: see guard.c; NONE elsewhere */
};

/* A string of the schema. */
struct constant {
	const char *p;
	uint32_t n;
	uint32_t hash;
};

/* A set of constants as an open hash table: slots hold the index of the constant + 1, relative to
 * `first`. */
struct name_set {
	uint32_t slots, mask, first, n;
};

struct number {
	struct decimal decimal;
	int64_t small;
	bool is_small;
};

struct property {
	const char *p;
	uint32_t n, hash;
	uint32_t name; /* the same as a constant */
	struct target target;
	uint32_t required; /* bit, or NONE */
	bool listed;       /* in `properties`; otherwise only required */
};

enum pattern_kind { PATTERN_REGEX, PATTERN_ANY, PATTERN_PREFIX };
struct pattern_property {
	enum pattern_kind kind;
	uint32_t regex;
	struct view prefix;
	struct target target;
};

#define REQUIRED_BITS 64u
struct object_shape {
	uint32_t min, max;
	uint64_t required;    /* bits that must have been seen */
	uint32_t slots, mask; /* of properties; mask NONE: no properties */
	uint32_t property, n;
	uint32_t pattern, n_patterns;
	struct target additional; /* PC_TRUE where there is no such keyword */
	struct target names;
	bool loop; /* members must be looked at one by one */
	bool track;
	bool track_additional; /* additionalProperties is there, so it evaluates */
};

struct array_shape {
	uint32_t min, max;
	uint32_t prefix, n_prefix; /* targets */
	struct target items;       /* those after the prefix */
	struct target contains;
	uint32_t min_contains, max_contains;
	bool has_items, has_contains, unique, track;
	bool contains_evaluates; /* 2020-12 */
};

struct schema {
	atomic_uint refs;
	/* Of those in use (shared.c), under its lock. */
	struct schema *next;
	struct digest key;
	bool shared;

	struct graph g;
	uint32_t start; /* pc */
	uint32_t steps; /* of the options */
	bool scopes;    /* the dynamic scope must be kept */

	struct op *ops;
	struct target *targets;
	struct constant *constants;
	struct name_set *name_sets;
	uint32_t *slots;
	struct number *numbers;
	struct property *properties;
	struct pattern_property *patterns;
	struct object_shape *objects;
	struct array_shape *arrays;
	struct regex **regexes;
	struct view *regex_texts;
	uint32_t *dynamic_pc[2]; /* of graph.dynamic_targets; untracked, tracked */
	uint32_t n_ops, n_targets, n_constants, n_name_sets, n_slots, n_numbers, n_properties, n_patterns, n_objects,
	        n_arrays, n_regexes;
	size_t cap_ops, cap_targets, cap_constants, cap_name_sets, cap_slots, cap_numbers, cap_properties, cap_patterns,
	        cap_objects, cap_arrays, cap_regexes, cap_regex_texts;
};

/* shared.c: what a compiled schema follows from; false when it cannot be told. The one of this key that is in use, with a
 * reference; else `s`, which is put in use and may be NULL. Gives a reference back: whether it was the last. */
bool shared_key(const struct schema_set *set, struct view uri, const struct schema_options *o,
                struct digest *out) MUST_USE;
struct schema *shared_use(const struct digest *key, struct schema *s);
bool shared_leave(struct schema *s) MUST_USE;
/* guard.c: finds what tells the alternatives of every OP_ANY and OP_ONE apart; the program is linked. */
void schema_find_guards(struct schema *s);
/* Whether a pattern of patternProperties can do without a regular expression; `prefix` gets the literal
 * beginning. */
enum pattern_kind schema_pattern_kind(struct view pattern, struct view *prefix);
/* uniqueItems; spends `*steps`, 0 when they or memory ran out. */
bool schema_unique(struct schema_run *r, const struct tape *t, uint32_t node, uint64_t *steps);
/* The run's scratch memory for patterns. */
struct regex_run *schema_regex_run(struct schema_run *r);
/* The regex of a pattern of the schema, NULL when it has none such. */
const struct regex *schema_regex(const struct schema *s, struct view pattern);

#endif
