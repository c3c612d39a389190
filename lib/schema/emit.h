/* What compile.c, assertion.c, shape.c and emit.c share while a program is made. Internal to lib/schema. */
#ifndef GATEWAY_SCHEMA_EMIT_H
#define GATEWAY_SCHEMA_EMIT_H

#include "lib/schema/compiled.h"

/* Versions of a block. */
#define MODE_PLAIN   0u
#define MODE_TRACKED 1u /* marks what it evaluates */
#define MODE_BODY    2u /* tracked, and without the schema's own unevaluated… keywords */
#define MODE_SCOPED  4u /* enters the schema's resource first */
#define MODES        8u

struct compiler {
	struct schema *s;
	struct graph *g;
	uint32_t *block; /* pc by snode * MODES + mode; NONE: not made */
	uint32_t *queue; /* blocks asked for and not made */
	size_t n_queue, cap_queue;
	bool *queued;
	struct name_table regexes;
};

/* The keywords of one schema at hand. */
struct shape_input {
	const struct snode *s;
	uint32_t index;
	const struct tape *t;
	const struct keyword_use *use[KEYWORD_COUNT];
};

/* Block references are the number snode * MODES + mode until link_program() turns them into a pc. The
 * numbers 0 and 1 of PC_TRUE and PC_FALSE are told apart by an offset. */
#define BLOCK_BASE 2u

/* emit.c */
bool emit_op(struct compiler *c, struct op op) MUST_USE;
/* Appends a string of the schema; NONE without memory. */
uint32_t emit_constant(struct compiler *c, const struct tape *t, uint32_t node);
uint32_t emit_number(struct compiler *c, const struct tape *t, uint32_t node);
/* Hash table over hashes; sets slots and mask. */
bool emit_slots(struct compiler *c, const uint32_t *hashes, size_t stride, uint32_t n, uint32_t *slots,
                uint32_t *mask) MUST_USE;
uint32_t emit_regex(struct compiler *c, const struct snode *s, uint32_t node);
/* A value of SHAPE_COUNT, at most UINT32_MAX. */
uint32_t emit_count(const struct tape *t, uint32_t node);

/* compile.c: the block of `snode` as seen from `from`, asked for if need be. NONE without memory. */
uint32_t emit_block_of(struct compiler *c, uint32_t from, uint32_t snode, unsigned mode);
bool emit_target(struct compiler *c, uint32_t from, uint32_t snode, unsigned mode, struct target *out) MUST_USE;

/* assertion.c: what is asked of a value whatever it contains. */
bool emit_assertions(struct compiler *c, const struct shape_input *in) MUST_USE;

/* shape.c: OP_OBJECT, OP_ARRAY and what goes with them. */
bool emit_object(struct compiler *c, const struct shape_input *in, bool track) MUST_USE;
bool emit_array(struct compiler *c, const struct shape_input *in, bool track) MUST_USE;

#endif
