/* Makes the graph of schemas that can be reached from the entry, with every reference resolved. See
 * graph.h. */
#include "lib/schema/graph.h"

#include <stdarg.h>

#include "lib/json/pointer.h"
#include "lib/schema/uri.h"

bool graph_no_memory(struct graph *g)
{
	return error_set(g->error, REASON_NO_MEMORY, "no memory for a schema");
}

bool graph_grow(struct graph *g, void *items, size_t *cap, size_t n, size_t size)
{
	void **p = items;

	if (n < *cap)
		return true;
	size_t more = *cap ? *cap * 2 : 64;
	void *grown = more > SIZE_MAX / size || more >= NONE ? NULL : realloc(*p, more * size);
	if (!grown)
		return graph_no_memory(g);
	*p = grown;
	*cap = more;
	return true;
}

/* --- places ------------------------------------------------------------------------------------ */

void graph_pointer(const struct tape *t, uint32_t from, uint32_t node, const struct name_table *known, struct buf *out)
{
	uint32_t at = from;

	while (at != node) {
		const struct tape_node *c = &t->nodes[at];
		uint32_t index = 0, child = at + 1;

		if (c->type == TAPE_OBJECT) {
			while (child < c->next && t->nodes[child + 1].next <= node)
				child = t->nodes[child + 1].next;
			if (child >= c->next)
				return;
			struct view name = tape_string(t, child);
			pointer_add(out, known && !name_table_get(known, name, 0) ? VIEW("*") : name);
			if (child == node)
				return;
			at = child + 1;
		} else if (c->type == TAPE_ARRAY) {
			while (child < c->next && t->nodes[child].next <= node) {
				child = t->nodes[child].next;
				index++;
			}
			if (child >= c->next)
				return;
			buf_addf(out, "/%u", index);
			at = child;
		} else {
			return;
		}
	}
}

void graph_location(const struct graph *g, uint32_t doc, uint32_t resource, uint32_t node, struct buf *out)
{
	const struct resource *r = &g->resources[resource];
	struct buf pointer = BUF_INIT(1u << 20);

	graph_pointer(&g->docs[doc].doc->tape, r->root, node, NULL, &pointer);
	buf_add(out, r->uri);
	buf_addc(out, '#');
	uri_encode_fragment(out, buf_view(&pointer));
	buf_free(&pointer);
}

bool graph_fail(struct graph *g, uint32_t doc, uint32_t node, const char *fmt, ...)
{
	const struct schema_doc *d = g->docs[doc].doc;
	struct buf pointer = BUF_INIT(4096);
	char where[sizeof g->error->where], text[sizeof g->error->text];
	uint32_t line, column;
	va_list ap;

	if (!g->error || g->error->reason != REASON_NONE)
		return false;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	graph_pointer(&d->tape, 0, node, NULL, &pointer);
	tape_place(&d->tape, d->tape.nodes[node].off, &line, &column);
	snprintf(where, sizeof where, "%.*s", VIEW_ARG(d->uri));
	error_at(g->error, REASON_SCHEMA_ERROR, where, line, column, "%.*s: %s", VIEW_ARG(buf_view(&pointer)), text);
	buf_free(&pointer);
	return false;
}

const struct tape *snode_tape(const struct graph *g, const struct snode *s)
{
	return &g->docs[s->doc].doc->tape;
}

const struct keyword_use *snode_use(const struct graph *g, const struct snode *s, enum keyword k)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (g->uses[s->use + i].keyword == k)
			return &g->uses[s->use + i];
	return NULL;
}

bool graph_asserts_format(const struct graph *g, uint32_t resource)
{
	return g->formats || (g->resources[resource].dialect.vocabularies & VOCAB_FORMAT_ASSERTION);
}

/* --- references -------------------------------------------------------------------------------- */

/* The snode of a schema that was walked; made when it is not there yet. */
static uint32_t snode_at(struct graph *g, uint32_t doc, uint32_t node)
{
	struct graph_doc *d = &g->docs[doc];

	if (d->snode[node])
		return d->snode[node] - 1;
	if (!graph_grow(g, &g->snodes, &g->cap_snodes, g->n_snodes, sizeof *g->snodes))
		return NONE;
	uint32_t resource = d->resource[node] - 1;
	g->snodes[g->n_snodes] = (struct snode){ .doc = doc, .node = node, .resource = resource };
	g->resources[resource].reached = true;
	d->snode[node] = ++g->n_snodes;
	return d->snode[node] - 1;
}

/* The resource that a node belongs to which no walk found to be a schema: that of the nearest schema
 * around it. */
static uint32_t enclosing_resource(const struct graph *g, uint32_t doc, uint32_t node, uint32_t resource)
{
	const struct tape *t = &g->docs[doc].doc->tape;
	uint32_t at = g->resources[resource].root;

	while (at != node) {
		uint32_t child = at + 1, end = t->nodes[at].next;

		if (g->docs[doc].resource[at])
			resource = g->docs[doc].resource[at] - 1;
		while (child < end && t->nodes[child].next <= node && t->nodes[child].type != TAPE_KEY)
			child = t->nodes[child].next;
		while (child < end && t->nodes[child].type == TAPE_KEY && t->nodes[child + 1].next <= node)
			child = t->nodes[child + 1].next;
		if (child >= end)
			break;
		at = t->nodes[child].type == TAPE_KEY ? child + 1 : child;
	}
	return resource;
}

/* What the fragment names in a resource: NONE when there is nothing. */
static uint32_t find_fragment(struct graph *g, uint32_t resource, struct view fragment, const struct anchor **anchor)
{
	uint32_t doc = g->resources[resource].doc, node = g->resources[resource].root;

	if (fragment.n && fragment.p[0] != '/') {
		struct name_slot *s = name_table_get(&g->anchors_by_name, fragment, resource);

		if (!s)
			return NONE;
		*anchor = &g->anchors[s->value - 1];
		return snode_at(g, doc, (*anchor)->node);
	}
	if (fragment.n && !pointer_find(&g->docs[doc].doc->tape, node, fragment, &node))
		return NONE;
	if (!g->docs[doc].resource[node] && !graph_walk(g, doc, node, enclosing_resource(g, doc, node, resource)))
		return NONE;
	return snode_at(g, doc, node);
}

/* `base` NONE: `reference` is taken as it is. */
static uint32_t resolve(struct graph *g, uint32_t base, struct view reference, const struct anchor **anchor)
{
	struct buf full = BUF_INIT(65536), decoded = BUF_INIT(65536);
	struct view fragment, uri = uri_split(reference, &fragment);
	uint32_t resource = base, found = NONE;

	if (base == NONE || uri.n) {
		uri_resolve(&full, base == NONE ? VIEW("") : g->resources[base].uri, uri);
		resource = graph_find_resource(g, buf_view(&full));
	}
	if (resource != NONE && uri_decode(&decoded, fragment) && !full.failed && !decoded.failed)
		found = find_fragment(g, resource, buf_view(&decoded), anchor);
	/* The name of an anchor must outlive the buffer; it does, being the document's own. */
	buf_free(&full);
	buf_free(&decoded);
	return found;
}

static uint32_t resolve_at(struct graph *g, uint32_t doc, uint32_t key, uint32_t base, const struct anchor **anchor)
{
	const struct tape *t = &g->docs[doc].doc->tape;
	struct view reference = tape_string(t, key + 1);
	struct name_slot *slot = name_table_get(&g->references, reference, base);

	if (slot && !anchor)
		return slot->value - 1;
	const struct anchor *unused = NULL;
	uint32_t found = resolve(g, base, reference, anchor ? anchor : &unused);
	if (found == NONE) {
		graph_fail(g, doc, key, "there is no schema at \"%.*s\"", VIEW_ARG(reference));
		return NONE;
	}
	slot = name_table_put(&g->references, reference, base);
	if (!slot) {
		graph_no_memory(g);
		return NONE;
	}
	slot->value = found + 1;
	return found;
}

/* --- schemas ----------------------------------------------------------------------------------- */

static bool add_link(struct graph *g, uint32_t key, uint32_t target)
{
	if (target == NONE || !graph_grow(g, &g->links, &g->cap_links, g->n_links, sizeof *g->links))
		return false;
	g->links[g->n_links++] = (struct link){ key, target };
	return true;
}

static bool add_to(struct graph *g, struct name_table *to, struct view name)
{
	struct name_slot *s = name_table_put(to, name, 0);

	if (!s)
		return graph_no_memory(g);
	s->value = 1;
	return true;
}

static bool add_name(struct graph *g, struct view name)
{
	return add_to(g, &g->names, name);
}

static uint32_t dynamic_name(struct graph *g, struct view name, bool recursive)
{
	for (uint32_t i = 0; i < g->n_dynamic_names; i++)
		if (g->dynamic_names[i].recursive == recursive && view_eq(g->dynamic_names[i].name, name))
			return i;
	if (!graph_grow(g, &g->dynamic_names, &g->cap_dynamic_names, g->n_dynamic_names, sizeof *g->dynamic_names))
		return NONE;
	g->dynamic_names[g->n_dynamic_names] = (struct dynamic_name){ .name = name, .recursive = recursive };
	return g->n_dynamic_names++;
}

/* $dynamicRef looks through the dynamic scope only when what it names at first is a $dynamicAnchor of that
 * name (2020-12 core 8.2.3.2); $recursiveRef only when the resource has $recursiveAnchor (2019-09 core
 * 8.2.4.2.1). */
static bool link_dynamic(struct graph *g, const struct snode *s, enum keyword kw, uint32_t key)
{
	const struct anchor *anchor = NULL;
	const struct tape *t = &g->docs[s->doc].doc->tape;
	struct name_slot *bare = name_table_get(&g->anchors_by_name, tape_string(t, key + 1), s->resource);
	uint32_t target, name = NONE;

	/* The draft after 2020-12 takes a bare name; by the specification, not strictly, so do we. */
	if (kw == KEYWORD_DYNAMIC_REF && bare && !g->options->strict) {
		anchor = &g->anchors[bare->value - 1];
		target = snode_at(g, s->doc, anchor->node);
	} else {
		target = resolve_at(g, s->doc, key, s->resource, &anchor);
	}
	if (target == NONE)
		return false;
	if (kw == KEYWORD_DYNAMIC_REF && anchor && anchor->dynamic)
		name = dynamic_name(g, anchor->name, false);
	else if (kw == KEYWORD_RECURSIVE_REF && g->resources[g->snodes[target].resource].recursive_anchor)
		name = dynamic_name(g, VIEW(""), true);
	return add_link(g, name, target);
}

static bool link_members(struct graph *g, uint32_t doc, uint32_t object, bool names)
{
	const struct tape *t = &g->docs[doc].doc->tape;

	for (uint32_t k = object + 1; k < t->nodes[object].next; k = t->nodes[k + 1].next) {
		if (names && !add_name(g, tape_string(t, k)))
			return false;
		if (t->nodes[k + 1].type != TAPE_ARRAY && !add_link(g, k, snode_at(g, doc, k + 1)))
			return false;
	}
	return true;
}

static bool link_items(struct graph *g, uint32_t doc, uint32_t array)
{
	const struct tape *t = &g->docs[doc].doc->tape;

	for (uint32_t i = array + 1; i < t->nodes[array].next; i = t->nodes[i].next)
		if (!add_link(g, i, snode_at(g, doc, i)))
			return false;
	return true;
}

/* Every string below a node becomes a known name, `required` and its like, or a text that is listed. */
static bool add_strings(struct graph *g, struct name_table *to, const struct tape *t, uint32_t node)
{
	for (uint32_t i = node; i < t->nodes[node].next; i++)
		if ((t->nodes[i].type == TAPE_STRING || t->nodes[i].type == TAPE_KEY) &&
		    !add_to(g, to, tape_string(t, i)))
			return false;
	return true;
}

static bool read_keyword(struct graph *g, struct snode s, enum keyword kw, uint32_t key)
{
	const struct tape *t = &g->docs[s.doc].doc->tape;
	uint32_t value = key + 1, first = g->n_links;
	bool ok = true;

	switch (kw) {
	case KEYWORD_REF: ok = add_link(g, NONE, resolve_at(g, s.doc, key, s.resource, NULL)); break;
	case KEYWORD_DYNAMIC_REF:
	case KEYWORD_RECURSIVE_REF: ok = link_dynamic(g, &s, kw, key); break;
	case KEYWORD_PROPERTIES:
	case KEYWORD_DEPENDENT_SCHEMAS: ok = link_members(g, s.doc, value, true); break;
	case KEYWORD_DEPENDENCIES:
		ok = link_members(g, s.doc, value, true);
		for (uint32_t k = value + 1; ok && k < t->nodes[value].next; k = t->nodes[k + 1].next)
			if (t->nodes[k + 1].type == TAPE_ARRAY)
				ok = add_strings(g, &g->names, t, k + 1);
		break;
	case KEYWORD_PATTERN_PROPERTIES: ok = link_members(g, s.doc, value, false); break;
	case KEYWORD_PREFIX_ITEMS:
	case KEYWORD_ALL_OF:
	case KEYWORD_ANY_OF:
	case KEYWORD_ONE_OF: ok = link_items(g, s.doc, value); break;
	case KEYWORD_ITEMS_OLD:
		ok = t->nodes[value].type == TAPE_ARRAY ? link_items(g, s.doc, value)
		                                        : add_link(g, NONE, snode_at(g, s.doc, value));
		break;
	case KEYWORD_REQUIRED:
	case KEYWORD_DEPENDENT_REQUIRED: ok = add_strings(g, &g->names, t, value); break;
	case KEYWORD_ENUM:
	case KEYWORD_CONST: ok = add_strings(g, &g->texts, t, value); break;
	default:
		/* Every keyword of one schema that applies to the instance, and those that hold none. */
		if (keyword_shape(kw) == SHAPE_SCHEMA && kw != KEYWORD_CONTENT_SCHEMA)
			ok = add_link(g, NONE, snode_at(g, s.doc, value));
		break;
	}
	if (!ok || !graph_grow(g, &g->uses, &g->cap_uses, g->n_uses, sizeof *g->uses))
		return ok ? false : (g->error && g->error->reason == REASON_NONE ? graph_no_memory(g) : false);
	g->uses[g->n_uses++] =
	        (struct keyword_use){ .keyword = (uint16_t)kw, .key = key, .link = first, .n = g->n_links - first };
	return true;
}

static bool read_schema(struct graph *g, uint32_t index)
{
	struct snode s = g->snodes[index];
	const struct tape *t = &g->docs[s.doc].doc->tape;
	struct dialect d = g->resources[s.resource].dialect;
	uint32_t use = g->n_uses;

	if (t->nodes[s.node].type != TAPE_OBJECT)
		return true;
	/* Until draft 7 $ref hides what stands beside it (draft-07 core, section 8.3). */
	uint32_t ref = d.draft <= DRAFT_7 ? tape_member(t, s.node, VIEW("$ref")) : 0;
	if (ref) {
		if (!read_keyword(g, s, KEYWORD_REF, ref - 1))
			return false;
	} else {
		for (uint32_t k = s.node + 1; k < t->nodes[s.node].next; k = t->nodes[k + 1].next) {
			enum keyword kw = keyword_find(&g->keywords, tape_string(t, k), t->nodes[k].hash, d.draft,
			                               d.vocabularies);
			if (!read_keyword(g, s, kw, k))
				return false;
		}
	}
	g->snodes[index].use = use;
	g->snodes[index].n = g->n_uses - use;
	return true;
}

static bool has_target(const struct graph *g, uint32_t name, uint32_t resource)
{
	for (uint32_t i = 0; i < g->n_dynamic_targets; i++)
		if (g->dynamic_targets[i].name == name && g->dynamic_targets[i].resource == resource)
			return true;
	return false;
}

/* Brings in what dynamic references may find in the resources reached so far. */
static bool add_dynamic_targets(struct graph *g)
{
	for (uint32_t n = 0; n < g->n_dynamic_names; n++)
		for (uint32_t r = 0; r < g->n_resources; r++) {
			struct dynamic_name *d = &g->dynamic_names[n];
			struct name_slot *slot = name_table_get(&g->anchors_by_name, d->name, r);
			uint32_t node;

			if (!g->resources[r].reached || has_target(g, n, r))
				continue;
			if (d->recursive && g->resources[r].recursive_anchor)
				node = g->resources[r].root;
			else if (!d->recursive && slot && g->anchors[slot->value - 1].dynamic)
				node = g->anchors[slot->value - 1].node;
			else
				continue;
			uint32_t s = snode_at(g, g->resources[r].doc, node);
			if (s == NONE || !graph_grow(g, &g->dynamic_targets, &g->cap_dynamic_targets,
			                             g->n_dynamic_targets, sizeof *g->dynamic_targets))
				return graph_no_memory(g);
			g->dynamic_targets[g->n_dynamic_targets++] = (struct dynamic_target){ n, r, s };
		}
	return true;
}

static int compare_targets(const void *a, const void *b)
{
	const struct dynamic_target *x = a, *y = b;

	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	return x->resource < y->resource ? -1 : x->resource > y->resource;
}

static void sort_dynamic_targets(struct graph *g)
{
	if (!g->n_dynamic_targets)
		return;
	qsort(g->dynamic_targets, g->n_dynamic_targets, sizeof *g->dynamic_targets, compare_targets);
	for (uint32_t i = g->n_dynamic_targets; i-- > 0;) {
		struct dynamic_name *d = &g->dynamic_names[g->dynamic_targets[i].name];

		d->target = i;
		d->n++;
	}
}

/* --- all of it --------------------------------------------------------------------------------- */

bool graph_build(struct graph *g, struct schema_set *set, struct view uri, const struct schema_options *o,
                 struct error *e)
{
	const struct anchor *anchor = NULL;
	struct error own = { .reason = REASON_NONE };
	bool more = true;

	g->set = set;
	g->options = o;
	g->formats = o->formats;
	g->error = e ? e : &own;
	keyword_index_make(&g->keywords);
	g->entry = resolve(g, NONE, uri, &anchor);
	if (g->entry == NONE)
		return error_set(g->error, REASON_SCHEMA_ERROR, "there is no schema at \"%.*s\"", VIEW_ARG(uri));
	while (more) {
		while (g->worked < g->n_snodes)
			if (!read_schema(g, g->worked++))
				return false;
		if (!add_dynamic_targets(g))
			return false;
		more = g->worked < g->n_snodes;
	}
	sort_dynamic_targets(g);
	if (!graph_check_loops(g))
		return false;
	free(g->uris.slots);
	free(g->references.slots);
	g->uris = g->references = (struct name_table){ .n = 0 };
	return true;
}

void graph_free(struct graph *g)
{
	for (uint32_t i = 0; i < g->n_docs; i++) {
		schema_doc_unref(g->docs[i].doc);
		free(g->docs[i].resource);
		free(g->docs[i].snode);
	}
	free(g->docs);
	free(g->resources);
	free(g->anchors);
	free(g->snodes);
	free(g->uses);
	free(g->links);
	free(g->dynamic_names);
	free(g->dynamic_targets);
	free(g->uris.slots);
	free(g->anchors_by_name.slots);
	free(g->references.slots);
	free(g->names.slots);
	free(g->texts.slots);
	arena_free(&g->arena);
}
