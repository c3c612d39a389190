/* The front end of the compiler: documents, resources, anchors, and the graph of schemas with every
 * reference resolved. The program (compile.c) and the explaining interpreter (interpret.c) are both made
 * from it. Internal to lib/schema.
 *
 * index.c walks the documents of a set and finds identifiers, dialects and mistakes; graph.c makes one
 * struct snode for each schema that can be reached from the entry. After graph_build() a graph is
 * immutable and may be read by any thread. */
#ifndef GATEWAY_SCHEMA_GRAPH_H
#define GATEWAY_SCHEMA_GRAPH_H

#include <stdatomic.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/schema/keyword.h"
#include "lib/schema/name_table.h"
#include "lib/schema/schema.h"

#define NONE UINT32_MAX

/* One document, shared by sets and compiled schemas. */
struct schema_doc {
	atomic_uint refs;
	struct tape_parser *parser;
	struct tape tape;
	struct view uri; /* as added, without fragment */
	bool builtin;    /* part of the library, joined when asked for */
	bool metaschema;
};
struct schema_doc *schema_doc_new(struct view uri, struct view text, struct error *e) MUST_USE;
void schema_doc_unref(struct schema_doc *d);

struct schema_set {
	struct schema_doc **docs;
	size_t n, cap;
	struct digest digest; /* of what was added, in order */
};
/* The built-in document of that URI (a metaschema, or schema:/NAME.schema.json) as one of the set; NULL
 * with `e` untouched when there is none. */
struct schema_doc *schema_set_builtin(struct schema_set *s, struct view uri, struct error *e) MUST_USE;

struct dialect {
	enum schema_draft draft;
	unsigned vocabularies;
};

/* A schema with a URI of its own. */
struct resource {
	uint32_t doc, root;
	struct view uri; /* without fragment */
	struct dialect dialect;
	bool recursive_anchor;
	bool reached; /* a schema of it is in the graph */
};

struct anchor {
	struct view name;
	uint32_t resource, node;
	bool dynamic;
};

/* A keyword as it stands in a schema. The value is node `key` + 1. */
struct keyword_use {
	uint16_t keyword;
	uint32_t key;
	uint32_t link, n; /* schemas below it, in graph.links */
};

struct link {
	uint32_t key;    /* KEY of the member, or the item, that holds the schema; NONE */
	uint32_t target; /* snode */
};

struct snode {
	uint32_t doc, node, resource;
	uint32_t use, n; /* graph.uses; none for true and false */
};

/* Names of $dynamicAnchor that a $dynamicRef looks for; the empty name is $recursiveAnchor. */
struct dynamic_name {
	struct view name;
	bool recursive;
	uint32_t target, n; /* in graph.dynamic_targets */
};
struct dynamic_target {
	uint32_t name, resource, snode;
};

struct graph_doc {
	struct schema_doc *doc;
	uint32_t *resource; /* of each node that a walk found to be a schema: index + 1 */
	uint32_t *snode;    /* index + 1 */
};

struct graph {
	/* while it is made */
	struct schema_set *set;
	const struct schema_options *options;
	struct error *error;
	struct keyword_index keywords;
	struct name_table uris, anchors_by_name, references;
	uint32_t worked; /* snodes whose keywords were read */
	bool formats;    /* of the options */
	bool all_added;  /* every document of the set was walked */

	struct arena arena;
	struct graph_doc *docs;
	struct resource *resources;
	struct anchor *anchors;
	struct snode *snodes;
	struct keyword_use *uses;
	struct link *links;
	struct dynamic_name *dynamic_names;
	struct dynamic_target *dynamic_targets;
	uint32_t n_docs, n_resources, n_anchors, n_snodes, n_uses, n_links, n_dynamic_names, n_dynamic_targets;
	size_t cap_docs, cap_resources, cap_anchors, cap_snodes, cap_uses, cap_links, cap_dynamic_names,
	        cap_dynamic_targets;
	uint32_t entry;          /* snode */
	struct name_table names; /* member names that schemas speak of */
	struct name_table texts; /* texts that schemas list as values: of enum and const */
};

/* Makes room for one more item; false without memory. */
bool graph_grow(struct graph *g, void *items, size_t *cap, size_t n, size_t size) MUST_USE;

/* index.c: walks a schema that lies where no keyword put it (a pointer led there). */
bool graph_walk(struct graph *g, uint32_t doc, uint32_t node, uint32_t resource) MUST_USE;
/* The resource of that URI, NONE when there is none or it is not what it should be (then the error is
 * set). Documents are walked when they are asked for, so that a mistake in one of a set that nothing
 * refers to harms nobody; built-in ones join the set then. */
uint32_t graph_find_resource(struct graph *g, struct view uri);

/* loops.c: false, with the error set, when a schema refers to itself without end. */
bool graph_check_loops(struct graph *g) MUST_USE;

/* graph.c */
bool graph_build(struct graph *g, struct schema_set *set, struct view uri, const struct schema_options *o,
                 struct error *e) MUST_USE;
void graph_free(struct graph *g);
/* Sets an error at a node of a document; returns false. */
bool graph_fail(struct graph *g, uint32_t doc, uint32_t node, const char *fmt, ...) PRINTF_LIKE(4, 5);
bool graph_no_memory(struct graph *g);

/* What a use names. */
const struct tape *snode_tape(const struct graph *g, const struct snode *s);
/* The use of a keyword, or NULL. */
const struct keyword_use *snode_use(const struct graph *g, const struct snode *s, enum keyword k);
/* Appends the absolute location: resource URI, `#`, pointer below the resource's root. */
void graph_location(const struct graph *g, uint32_t doc, uint32_t resource, uint32_t node, struct buf *out);
/* Appends the JSON Pointer from `from` to `node`, not encoded for URIs. Names that are not in `known` are
 * written as `*`; NULL writes all. */
void graph_pointer(const struct tape *t, uint32_t from, uint32_t node, const struct name_table *known, struct buf *out);
bool graph_asserts_format(const struct graph *g, uint32_t resource);

#endif
