/* JSON Schema: drafts 2020-12, 2019-09, 7 and 6, compiled to a flat program that runs on a tape.
 *
 * A schema_set holds the documents that `$ref` may reach (nothing is fetched). schema_compile() makes
 * an immutable program, which threads may share; reference counts are atomic. schema_check() is the
 * fail-fast run; schema_explain() runs only when it failed and lists what is wrong. A schema_run is
 * the scratch memory of one thread; once warm, a check allocates nothing. */
#ifndef GATEWAY_SCHEMA_SCHEMA_H
#define GATEWAY_SCHEMA_SCHEMA_H

#include "lib/base/error.h"
#include "lib/base/ids.h"
#include "lib/json/tape.h"

enum schema_draft { DRAFT_6, DRAFT_7, DRAFT_2019_09, DRAFT_2020_12 };

struct schema_options {
	enum schema_draft draft;    /* dialect of documents without $schema; zero value is draft 6: set it */
	bool strict;                /* an unknown keyword is an error, unless annotation, `x-…` or ignored; so is
	                                 * an unknown format where formats assert */
	const struct view *ignored; /* strict: further keywords to ignore (FHIR's discriminator) */
	size_t n_ignored;
	bool formats;   /* `format` asserts */
	uint32_t steps; /* limit of a run, 0: 100,000 plus 64 a node of the instance */
};

struct schema_set;
struct schema;
struct schema_run;

struct schema_set *schema_set_new(void) MUST_USE;
void schema_set_free(struct schema_set *s);
/* Adds a document under a base URI (its own `$id` counts too). The text is copied. */
bool schema_set_add(struct schema_set *s, struct view uri, struct view text, struct error *e) MUST_USE;

/* Compiles what `uri` (with fragment: a pointer or anchor) names. `e` gets the place in the schema. Who compiles what is in use,
 * from the same documents with the same options, gets that. Any thread. */
struct schema *schema_compile(struct schema_set *s, struct view uri, const struct schema_options *o,
                              struct error *e) MUST_USE;
struct schema *schema_ref(struct schema *s);
void schema_unref(struct schema *s);
/* A member name that occurs in the schema (properties, required, …): only such names may be repeated
 * in errors and audit entries. */
bool schema_knows(const struct schema *s, struct view name);
/* A text that the schema lists as a value, at any place of it (enum, const). */
bool schema_lists(const struct schema *s, struct view text);
/* Calls `each` for every pattern (of `pattern` and `patternProperties`) that a run may match, once each; those
 * that are no more than a literal beginning need no regular expression and are left out. */
void schema_each_pattern(const struct schema *s, void (*each)(void *arg, struct view pattern), void *arg);

struct schema_run *schema_run_new(void) MUST_USE;
void schema_run_free(struct schema_run *r);

enum schema_verdict {
	SCHEMA_VALID,
	SCHEMA_INVALID,
	SCHEMA_LIMIT /* a limit of steps, memory or pattern matching was hit: refuse */
};

enum schema_verdict schema_check(const struct schema *s, struct schema_run *r, const struct tape *t,
                                 uint32_t node) MUST_USE;

/* One thing that is wrong. The views live until the callback returns. The pointer has `*` for names
 * the schema does not know. */
struct schema_fault {
	struct view pointer;  /* of the instance, below `node` */
	uint32_t node;        /* on the tape */
	struct view keyword;  /* "required" */
	struct view location; /* keyword location: URI and pointer in the schema */
	struct view message;  /* a sentence without any value of the instance */
	/* Of a member that the schema does not know: the one that it may be meant for; empty: none. It tells of the member's name. */
	struct view meant;
};
/* Reports faults until `report` returns false. Returns the number reported. */
size_t schema_explain(const struct schema *s, struct schema_run *r, const struct tape *t, uint32_t node,
                      bool (*report)(void *arg, const struct schema_fault *f), void *arg);

#endif
