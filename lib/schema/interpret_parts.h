/* What interpret.c and interpret_children.c share. Internal to lib/schema. */
#ifndef GATEWAY_SCHEMA_INTERPRET_PARTS_H
#define GATEWAY_SCHEMA_INTERPRET_PARTS_H

#include "lib/schema/interpret.h"

/* What evaluates: the schema, the instance, and the marks of its members or items (NULL where nothing in
 * the schemas looks at them). */
struct at {
	const struct snode *s;
	uint32_t node;
	uint64_t *marks;
};

/* Sets the limit; returns false. */
bool interpret_spend(struct interpretation *in, uint64_t n);
/* Records a fault (returns false) or an annotation (returns true) of a keyword; `u` NULL: of the schema
 * itself. */
bool interpret_record(struct interpretation *in, const struct at *a, const struct keyword_use *u, bool fault,
                      uint32_t node, uint32_t detail);
/* Forgets the faults or the annotations recorded from `start` on. */
void interpret_forget(struct interpretation *in, size_t start, bool faults, bool annotations);
/* Evaluates the schema of a link; `name` is its own segment of the path, or p is NULL. */
bool interpret_link(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t target,
                    struct view name, uint32_t node, uint64_t *marks);
bool interpret_index(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t i,
                     uint32_t node, uint64_t *marks);
bool interpret_only(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t node,
                    uint64_t *marks);
void interpret_mark(const struct at *a, uint32_t ordinal);

/* interpret_children.c: properties, patternProperties, additionalProperties, propertyNames */
bool interpret_members(struct interpretation *in, const struct at *a, const struct keyword_use *u);
/* Each name of the schema's `list` must be a member. */
bool interpret_names(struct interpretation *in, const struct at *a, const struct keyword_use *u, uint32_t list);
bool interpret_dependent(struct interpretation *in, const struct at *a, const struct keyword_use *u);
bool interpret_unevaluated(struct interpretation *in, const struct at *a, const struct keyword_use *u, bool object);
/* How many items have schemas of their own. */
uint32_t interpret_prefix_length(const struct interpretation *in, const struct at *a);
/* One schema an item, or one for all from `from` on. */
bool interpret_items(struct interpretation *in, const struct at *a, const struct keyword_use *u, bool each,
                     uint32_t from);
bool interpret_contains(struct interpretation *in, const struct at *a, const struct keyword_use *u);

#endif
