/* Walks the documents of a set: where a schema stands, which resource it belongs to, its dialect, its
 * identifiers and anchors, and whether its keywords have values that they can have. See graph.h.
 *
 * Only what keywords say is a schema is walked: an `$id` inside `const`, `enum` or an unknown keyword
 * identifies nothing (2020-12 core, section 8.2.1). */
#include "lib/schema/format.h"
#include "lib/schema/graph.h"
#include "lib/schema/uri.h"

static bool walk(struct graph *g, uint32_t doc, uint32_t node, uint32_t resource);

static const struct {
	const char *uri;
	enum schema_draft draft;
} dialects[] = {
	{ "https://json-schema.org/draft/2020-12/schema", DRAFT_2020_12 },
	{ "https://json-schema.org/draft/2019-09/schema", DRAFT_2019_09 },
	{ "http://json-schema.org/draft-07/schema", DRAFT_7 },
	{ "http://json-schema.org/draft-06/schema", DRAFT_6 },
};

static const struct {
	const char *uri;
	unsigned vocabulary;
} vocabularies[] = {
	{ "https://json-schema.org/draft/2020-12/vocab/core", VOCAB_CORE },
	{ "https://json-schema.org/draft/2020-12/vocab/applicator", VOCAB_APPLICATOR },
	{ "https://json-schema.org/draft/2020-12/vocab/unevaluated", VOCAB_UNEVALUATED },
	{ "https://json-schema.org/draft/2020-12/vocab/validation", VOCAB_VALIDATION },
	{ "https://json-schema.org/draft/2020-12/vocab/meta-data", VOCAB_META },
	{ "https://json-schema.org/draft/2020-12/vocab/format-annotation", VOCAB_FORMAT },
	{ "https://json-schema.org/draft/2020-12/vocab/format-assertion", VOCAB_FORMAT_ASSERTION },
	{ "https://json-schema.org/draft/2020-12/vocab/content", VOCAB_CONTENT },
	{ "https://json-schema.org/draft/2019-09/vocab/core", VOCAB_CORE },
	{ "https://json-schema.org/draft/2019-09/vocab/applicator", VOCAB_APPLICATOR | VOCAB_UNEVALUATED },
	{ "https://json-schema.org/draft/2019-09/vocab/validation", VOCAB_VALIDATION },
	{ "https://json-schema.org/draft/2019-09/vocab/meta-data", VOCAB_META },
	{ "https://json-schema.org/draft/2019-09/vocab/format", VOCAB_FORMAT },
	{ "https://json-schema.org/draft/2019-09/vocab/content", VOCAB_CONTENT },
};

/* The vocabularies of a custom metaschema. One that must be understood and is not is an error; 2019-09's
 * `format` vocabulary with true means that formats are to be asserted. */
static bool read_vocabularies(const struct schema_doc *d, uint32_t list, struct dialect *out, struct view *missing)
{
	const struct tape *t = &d->tape;

	out->vocabularies = VOCAB_CORE;
	for (uint32_t k = list + 1; k < t->nodes[list].next; k = t->nodes[k + 1].next) {
		struct view name = tape_string(t, k);
		bool needed = t->nodes[k + 1].type == TAPE_TRUE;
		size_t i = 0, n = sizeof vocabularies / sizeof vocabularies[0];

		while (i < n && !view_is(name, vocabularies[i].uri))
			i++;
		if (i < n) {
			out->vocabularies |= vocabularies[i].vocabulary;
		} else if (needed) {
			*missing = name;
			return false;
		}
		if (needed && out->draft == DRAFT_2019_09 && i < n && vocabularies[i].vocabulary == VOCAB_FORMAT)
			out->vocabularies |= VOCAB_FORMAT_ASSERTION;
	}
	return true;
}

/* A document of the set by the URI that it was added under or that its root claims. */
static struct schema_doc *find_doc(const struct graph *g, struct view uri)
{
	for (size_t i = 0; i < g->set->n; i++) {
		struct schema_doc *d = g->set->docs[i];
		uint32_t id = tape_member(&d->tape, 0, VIEW("$id"));
		struct view fragment;

		if (view_eq(d->uri, uri))
			return d;
		if (id && d->tape.nodes[id].type == TAPE_STRING &&
		    view_eq(uri_split(tape_string(&d->tape, id), &fragment), uri))
			return d;
	}
	return NULL;
}

/* On false `*missing` is the dialect or the vocabulary that is not known. */
static bool find_dialect(const struct graph *g, struct view uri, unsigned depth, struct dialect *out,
                         struct view *missing)
{
	struct view fragment;

	uri = uri_split(uri, &fragment);
	for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++)
		if (view_is(uri, dialects[i].uri)) {
			out->draft = dialects[i].draft;
			out->vocabularies = VOCAB_DEFAULT;
			return true;
		}
	const struct schema_doc *d = depth < 8 ? find_doc(g, uri) : NULL;
	uint32_t meta = d ? tape_member(&d->tape, 0, VIEW("$schema")) : 0;
	*missing = uri;
	if (!meta || d->tape.nodes[meta].type != TAPE_STRING ||
	    !find_dialect(g, tape_string(&d->tape, meta), depth + 1, out, missing))
		return false;
	uint32_t list = tape_member(&d->tape, 0, VIEW("$vocabulary"));
	if (!list || d->tape.nodes[list].type != TAPE_OBJECT || out->draft < DRAFT_2019_09)
		return true;
	return read_vocabularies(d, list, out, missing);
}

/* Reads the dialect that a schema states for itself. */
static bool state_dialect(struct graph *g, uint32_t doc, uint32_t node, struct view meta, struct dialect *out)
{
	struct view missing;

	if (find_dialect(g, meta, 0, out, &missing))
		return true;
	return graph_fail(g, doc, tape_member(&g->docs[doc].doc->tape, node, VIEW("$schema")),
	                  "the dialect or vocabulary is not known: %.*s", VIEW_ARG(missing));
}

static bool add_uri(struct graph *g, struct view uri, uint32_t resource)
{
	struct name_slot *slot = name_table_put(&g->uris, uri, 0);

	if (!slot)
		return graph_no_memory(g);
	if (slot->value && slot->value != resource + 1)
		slot->ambiguous = true;
	else
		slot->value = resource + 1;
	return true;
}

static bool add_anchor(struct graph *g, uint32_t doc, uint32_t node, uint32_t resource, struct view name, bool dynamic)
{
	struct name_slot *slot;

	slot = name_table_put(&g->anchors_by_name, name, resource);
	if (!slot)
		return graph_no_memory(g);
	if (slot->value) {
		struct anchor *a = &g->anchors[slot->value - 1];

		if (a->node != node)
			return graph_fail(g, doc, node, "the anchor is defined twice");
		a->dynamic |= dynamic;
		return true;
	}
	if (!graph_grow(g, &g->anchors, &g->cap_anchors, g->n_anchors, sizeof *g->anchors))
		return false;
	g->anchors[g->n_anchors] =
	        (struct anchor){ .name = name, .resource = resource, .node = node, .dynamic = dynamic };
	slot->value = ++g->n_anchors;
	return true;
}

static uint32_t add_resource(struct graph *g, uint32_t doc, uint32_t root, struct view uri, struct dialect dialect)
{
	if (!graph_grow(g, &g->resources, &g->cap_resources, g->n_resources, sizeof *g->resources))
		return NONE;
	g->resources[g->n_resources] = (struct resource){ .doc = doc, .root = root, .uri = uri, .dialect = dialect };
	if (!add_uri(g, uri, g->n_resources))
		return NONE;
	return g->n_resources++;
}

/* The value of a member when it is a string; p is NULL otherwise. */
static struct view string_member(const struct tape *t, uint32_t node, struct view name)
{
	uint32_t v = tape_member(t, node, name);

	return v && t->nodes[v].type == TAPE_STRING ? tape_string(t, v) : view_make(NULL, 0);
}

/* Reads `$id` and says which resource the schema belongs to. */
static bool identify(struct graph *g, uint32_t doc, uint32_t node, uint32_t *resource)
{
	const struct tape *t = &g->docs[doc].doc->tape;
	struct view id = string_member(t, node, VIEW("$id")), meta, fragment, uri;
	struct resource parent = g->resources[*resource];
	struct dialect dialect = parent.dialect;

	if (!id.p || parent.root == node)
		return true;
	uri = uri_split(id, &fragment);
	meta = uri.n ? string_member(t, node, VIEW("$schema")) : view_make(NULL, 0);
	if (meta.p && !state_dialect(g, doc, node, meta, &dialect))
		return false;
	bool old = dialect.draft <= DRAFT_7;
	if (old && tape_member(t, node, VIEW("$ref")))
		return true;
	if (!old && fragment.n)
		return graph_fail(g, doc, node, "$id must not have a fragment");
	if (uri.n) {
		struct buf full = BUF_INIT(65536);
		uri_resolve(&full, parent.uri, uri);
		struct view kept = arena_copy(&g->arena, buf_view(&full));
		bool failed = full.failed || (full.n && !kept.p);
		buf_free(&full);
		if (failed)
			return graph_no_memory(g);
		*resource = add_resource(g, doc, node, kept, dialect);
		if (*resource == NONE)
			return graph_no_memory(g);
	}
	if (fragment.n && fragment.p[0] != '/')
		return add_anchor(g, doc, node, *resource, fragment, false);
	return true;
}

static bool read_anchors(struct graph *g, uint32_t doc, uint32_t node, uint32_t resource)
{
	const struct tape *t = &g->docs[doc].doc->tape;
	struct resource *r = &g->resources[resource];
	struct view plain, dynamic;

	if (r->dialect.draft < DRAFT_2019_09)
		return true;
	plain = string_member(t, node, VIEW("$anchor"));
	if (plain.p && !add_anchor(g, doc, node, resource, plain, false))
		return false;
	if (r->dialect.draft == DRAFT_2019_09) {
		uint32_t v = tape_member(t, node, VIEW("$recursiveAnchor"));

		if (v && t->nodes[v].type == TAPE_TRUE && r->root == node)
			r->recursive_anchor = true;
		return true;
	}
	dynamic = string_member(t, node, VIEW("$dynamicAnchor"));
	return !dynamic.p || add_anchor(g, doc, node, resource, dynamic, true);
}

static bool may_be_unknown(const struct graph *g, struct view name)
{
	const struct schema_options *o = g->options;

	if (!o->strict || keyword_is_annotation(name))
		return true;
	for (size_t i = 0; i < o->n_ignored; i++)
		if (view_eq(name, o->ignored[i]))
			return true;
	return false;
}

static bool walk_members(struct graph *g, uint32_t doc, uint32_t object, uint32_t resource)
{
	const struct tape *t = &g->docs[doc].doc->tape;

	for (uint32_t k = object + 1; k < t->nodes[object].next; k = t->nodes[k + 1].next)
		if (t->nodes[k + 1].type != TAPE_ARRAY && !walk(g, doc, k + 1, resource))
			return false;
	return true;
}

static bool walk_items(struct graph *g, uint32_t doc, uint32_t array, uint32_t resource)
{
	const struct tape *t = &g->docs[doc].doc->tape;

	for (uint32_t i = array + 1; i < t->nodes[array].next; i = t->nodes[i].next)
		if (!walk(g, doc, i, resource))
			return false;
	return true;
}

static bool walk_keyword(struct graph *g, uint32_t doc, enum keyword kw, uint32_t value, uint32_t resource)
{
	const struct tape *t = &g->docs[doc].doc->tape;
	uint32_t at;
	const char *wanted = keyword_check_shape(kw, t, value, &at);

	if (wanted)
		return graph_fail(g, doc, at, "\"%s\" must be %s", keyword_name(kw), wanted);
	if (kw == KEYWORD_FORMAT && g->options->strict && graph_asserts_format(g, resource) &&
	    format_find(tape_string(t, value)) == FORMAT_UNKNOWN)
		return graph_fail(g, doc, value, "unknown format \"%.*s\"", VIEW_ARG(tape_string(t, value)));
	switch (keyword_shape(kw)) {
	case SHAPE_SCHEMA: return walk(g, doc, value, resource);
	case SHAPE_SCHEMAS: return walk_items(g, doc, value, resource);
	case SHAPE_SCHEMA_MAP:
	case SHAPE_DEPENDENCIES: return walk_members(g, doc, value, resource);
	case SHAPE_ITEMS:
		return t->nodes[value].type == TAPE_ARRAY ? walk_items(g, doc, value, resource)
		                                          : walk(g, doc, value, resource);
	case SHAPE_ANY:
	case SHAPE_STRING:
	case SHAPE_BOOLEAN:
	case SHAPE_OBJECT:
	case SHAPE_ARRAY:
	case SHAPE_NUMBER:
	case SHAPE_POSITIVE:
	case SHAPE_COUNT:
	case SHAPE_NAMES:
	case SHAPE_NAMES_MAP:
	case SHAPE_TYPE: break;
	}
	return true;
}

static bool walk(struct graph *g, uint32_t doc, uint32_t node, uint32_t resource)
{
	const struct tape *t = &g->docs[doc].doc->tape;
	unsigned type = t->nodes[node].type;

	if (type != TAPE_OBJECT && type != TAPE_TRUE && type != TAPE_FALSE)
		return graph_fail(g, doc, node, "a schema must be an object, true or false");
	if (type == TAPE_OBJECT && !identify(g, doc, node, &resource))
		return false;
	g->docs[doc].resource[node] = resource + 1;
	if (type != TAPE_OBJECT)
		return true;
	if (!read_anchors(g, doc, node, resource))
		return false;
	struct dialect d = g->resources[resource].dialect;
	for (uint32_t k = node + 1; k < t->nodes[node].next; k = t->nodes[k + 1].next) {
		struct view name = tape_string(t, k);
		enum keyword kw = keyword_find(&g->keywords, name, t->nodes[k].hash, d.draft, d.vocabularies);

		if (kw == KEYWORD_UNKNOWN && !g->docs[doc].doc->metaschema && !may_be_unknown(g, name))
			return graph_fail(g, doc, k, "unknown keyword \"%.*s\"", VIEW_ARG(name));
		if (kw != KEYWORD_UNKNOWN && !walk_keyword(g, doc, kw, k + 1, resource))
			return false;
	}
	return true;
}

bool graph_walk(struct graph *g, uint32_t doc, uint32_t node, uint32_t resource)
{
	return walk(g, doc, node, resource);
}

static bool add_doc(struct graph *g, struct schema_doc *d)
{
	const struct tape *t = &d->tape;
	struct dialect dialect = { g->options->draft, VOCAB_DEFAULT };
	struct view meta = string_member(t, 0, VIEW("$schema")), id = string_member(t, 0, VIEW("$id")), fragment;
	struct view uri = d->uri;
	uint32_t doc = g->n_docs, resource;

	if (!graph_grow(g, &g->docs, &g->cap_docs, g->n_docs, sizeof *g->docs))
		return false;
	g->docs[doc] = (struct graph_doc){ .doc = d };
	atomic_fetch_add(&d->refs, 1);
	g->n_docs++;
	g->docs[doc].resource = calloc(t->n + 1u, sizeof(uint32_t));
	g->docs[doc].snode = calloc(t->n + 1u, sizeof(uint32_t));
	if (!g->docs[doc].resource || !g->docs[doc].snode)
		return graph_no_memory(g);

	if (meta.p && !state_dialect(g, doc, 0, meta, &dialect))
		return false;
	bool old = dialect.draft <= DRAFT_7;
	if (id.p && !(old && tape_member(t, 0, VIEW("$ref")))) {
		struct view own = uri_split(id, &fragment);
		struct buf full = BUF_INIT(65536);

		if (!old && fragment.n)
			return graph_fail(g, doc, tape_member(t, 0, VIEW("$id")), "$id must not have a fragment");
		uri_resolve(&full, uri, own);
		uri = arena_copy(&g->arena, buf_view(&full));
		bool failed = full.failed || (full.n && !uri.p);
		buf_free(&full);
		if (failed)
			return graph_no_memory(g);
	} else {
		fragment = view_make(NULL, 0);
	}
	resource = add_resource(g, doc, 0, uri, dialect);
	if (resource == NONE)
		return graph_no_memory(g);
	if (!view_eq(uri, d->uri) && !add_uri(g, d->uri, resource))
		return false;
	if (fragment.n && fragment.p[0] != '/' && !add_anchor(g, doc, 0, resource, fragment, false))
		return false;
	return walk(g, doc, 0, resource);
}

static bool is_added(const struct graph *g, const struct schema_doc *d)
{
	for (uint32_t i = 0; i < g->n_docs; i++)
		if (g->docs[i].doc == d)
			return true;
	return false;
}

static struct name_slot *find_uri(struct graph *g, struct view uri)
{
	struct name_slot *slot = name_table_get(&g->uris, uri, 0);

	if (slot && slot->ambiguous)
		error_set(g->error, REASON_SCHEMA_ERROR, "more than one schema has the URI %.*s", VIEW_ARG(uri));
	return slot;
}

/* Walks what the set still has, for the URI may be that of a schema inside a document. A document with a
 * mistake gives none. */
static bool add_rest(struct graph *g)
{
	struct error *kept = g->error, ignored;
	size_t n = g->set->n;

	for (size_t i = 0; i < n && !g->all_added; i++) {
		ignored = (struct error){ .reason = REASON_NONE };
		g->error = &ignored;
		if (!is_added(g, g->set->docs[i]) && !add_doc(g, g->set->docs[i]) && ignored.reason == REASON_NO_MEMORY)
			error_set(kept, REASON_NO_MEMORY, "no memory for a schema");
	}
	g->error = kept;
	g->all_added = true;
	return kept->reason == REASON_NONE;
}

uint32_t graph_find_resource(struct graph *g, struct view uri)
{
	struct name_slot *slot = find_uri(g, uri);
	struct schema_doc *d = slot ? NULL : find_doc(g, uri);

	if (d && !is_added(g, d) && add_doc(g, d))
		slot = find_uri(g, uri);
	if (!slot && g->error->reason == REASON_NONE && (d = schema_set_builtin(g->set, uri, g->error)) &&
	    !is_added(g, d) && add_doc(g, d))
		slot = find_uri(g, uri);
	if (!slot && g->error->reason == REASON_NONE && add_rest(g))
		slot = find_uri(g, uri);
	return slot && g->error->reason == REASON_NONE ? slot->value - 1 : NONE;
}
