/* The explaining interpreter: runs over the graph of schemas, not over the program, and records what is
 * wrong and which annotations hold. Slower than schema_check() by design: it allocates, follows every
 * branch and knows the path that led to each keyword. Internal to lib/schema, but for what output.h and
 * schema_explain() show of it. One thread at a time.
 *
 * Tests hold it and the program against each other on every case of the official suite. */
#ifndef GATEWAY_SCHEMA_INTERPRET_H
#define GATEWAY_SCHEMA_INTERPRET_H

#include "lib/schema/compiled.h"

#define INTERPRET_DEPTH 1024u

/* One keyword's outcome at one place of the instance. */
struct unit {
	bool fault;  /* otherwise an annotation */
	bool itself; /* the schema is `false`: `path` is the schema's, not a keyword's */
	uint16_t keyword;
	uint32_t node;               /* of the instance; a KEY under propertyNames */
	uint32_t doc, resource, key; /* where the keyword stands; `key` NONE: the schema `false` itself */
	uint32_t schema;             /* node of the schema that holds it */
	uint32_t detail;             /* node in the schema that says more: the missing name, or 0 */
	struct view path;            /* keyword location as evaluation went, through references */
};

struct interpretation {
	const struct schema *s;
	const struct tape *t;
	uint32_t root; /* of the instance */
	struct unit *units;
	size_t n, cap;
	bool valid;
	bool limit; /* a limit was hit: valid is false and the units are not complete */
	struct arena arena;
	/* while it runs */
	struct schema_run *run;
	bool annotations, every_branch;
	struct buf path;
	uint64_t steps;
	unsigned depth;
	uint32_t scopes[INTERPRET_DEPTH + 1];
	unsigned n_scopes;
};

/* `every_branch`: report what is wrong in all alternatives of anyOf and oneOf; otherwise only in the one
 * that came closest. */
void interpret(struct interpretation *in, const struct schema *s, struct schema_run *r, const struct tape *t,
               uint32_t node, bool annotations, bool every_branch);
void interpretation_free(struct interpretation *in);

/* Appends a sentence without any value of the instance. */
void unit_message(const struct interpretation *in, const struct unit *u, struct buf *out);
/* The keyword's name. */
struct view unit_keyword(const struct interpretation *in, const struct unit *u);
void unit_instance(const struct interpretation *in, const struct unit *u, struct buf *out);
/* Absolute location of the keyword: URI and pointer. */
void unit_location(const struct interpretation *in, const struct unit *u, struct buf *out);

/* interpret_scalar.c: an assertion about the instance itself. True where the keyword does not apply. */
bool interpret_assertion(struct interpretation *in, const struct snode *s, enum keyword k, uint32_t value,
                         uint32_t node);
bool interpret_pattern(struct interpretation *in, struct view pattern, struct view text);

#endif
