/* Documents and sets of them. See schema.h and graph.h. */
#include "lib/crypto/crypto.h"
#include "lib/schema/document.h"
#include "lib/schema/graph.h"
#include "lib/schema/uri.h"

struct schema_doc *schema_doc_new(struct view uri, struct view text, struct error *e)
{
	struct view fragment;
	struct schema_doc *d;

	uri = uri_split(uri, &fragment);
	d = calloc(1, sizeof *d + uri.n);
	if (!d) {
		error_set(e, REASON_NO_MEMORY, "no memory for a schema");
		return NULL;
	}
	atomic_init(&d->refs, 1);
	if (uri.n)
		memcpy(d + 1, uri.p, uri.n);
	d->uri = view_make(d + 1, uri.n);
	d->parser = tape_parser_new(&tape_document_limits);
	if (!d->parser || !tape_parse(d->parser, text, &d->tape, e)) {
		error_set(e, REASON_NO_MEMORY, "no memory for a schema");
		schema_doc_unref(d);
		return NULL;
	}
	return d;
}

void schema_doc_unref(struct schema_doc *d)
{
	if (!d || atomic_fetch_sub(&d->refs, 1) != 1)
		return;
	tape_parser_free(d->parser);
	free(d);
}

struct schema_set *schema_set_new(void)
{
	return calloc(1, sizeof(struct schema_set));
}

void schema_set_free(struct schema_set *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		schema_doc_unref(s->docs[i]);
	free(s->docs);
	free(s);
}

static bool append(struct schema_set *s, struct schema_doc *d, struct error *e)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 8;
		struct schema_doc **docs = realloc(s->docs, cap * sizeof *docs);

		if (!docs) {
			schema_doc_unref(d);
			return error_set(e, REASON_NO_MEMORY, "no memory for a schema");
		}
		s->docs = docs;
		s->cap = cap;
	}
	s->docs[s->n++] = d;
	return true;
}

bool schema_set_add(struct schema_set *s, struct view uri, struct view text, struct error *e)
{
	struct error inner = { .reason = REASON_NONE };
	struct schema_doc *d;

	for (size_t i = 0; i < s->n; i++) {
		struct view fragment;

		if (!s->docs[i]->builtin && view_eq(uri_split(uri, &fragment), s->docs[i]->uri))
			return error_set(e, REASON_SCHEMA_ERROR, "two schemas of the set have the same URI");
	}
	d = schema_doc_new(uri, text, &inner);
	if (!d) {
		char where[sizeof inner.where];

		snprintf(where, sizeof where, "%.*s", VIEW_ARG(uri));
		return error_at(e, inner.reason, where, inner.line, inner.column, "%s", inner.text);
	}
	if (!append(s, d, e))
		return false;
	struct digest of[3] = { s->digest };
	sha256(uri, &of[1]);
	sha256(text, &of[2]);
	sha256(view_make(of, sizeof of), &s->digest);
	return true;
}

struct schema_doc *schema_set_builtin(struct schema_set *s, struct view uri, struct error *e)
{
	static const struct {
		const char *uri, *folder, *suffix;
		bool metaschema;
	} places[] = {
		{ "https://json-schema.org/draft/", "meta/", "", true },
		{ "http://json-schema.org/", "meta/", "", true },
		{ "schema:/", "", ".schema.json", false },
	};
	char name[96];

	for (size_t i = 0; i < s->n; i++)
		if (s->docs[i]->builtin && view_eq(s->docs[i]->uri, uri))
			return s->docs[i];
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		size_t before = strlen(places[i].uri), after = strlen(places[i].suffix);

		if (uri.n <= before + after || !view_starts(uri, view_of(places[i].uri)) ||
		    !view_is(view_from(uri, uri.n - after), places[i].suffix))
			continue;
		struct view rest = view_make(uri.p + before, uri.n - before - after);
		int n = snprintf(name, sizeof name, "%s%.*s", places[i].folder, VIEW_ARG(rest));
		if (n < 0 || (size_t)n >= sizeof name)
			continue;
		struct view text = document_builtin_schema(view_of(name));
		if (!text.p)
			continue;
		struct schema_doc *d = schema_doc_new(uri, text, e);
		if (!d)
			return NULL;
		d->builtin = true;
		d->metaschema = places[i].metaschema;
		return append(s, d, e) ? d : NULL;
	}
	return NULL;
}
