/* The record schemas that the agreement pins by digest: found, hashed again, parsed for the walk over
 * their places, and compiled. */
#include "lib/policy/internal.h"

/* The text behind a digest; what the source hands over is hashed before it is believed. */
static bool find_text(struct load *l, const struct digest *want, const char *at, struct view *text)
{
	struct digest have;

	if (!l->from->schema || !l->from->schema(l->from->arg, want, text))
		return load_fault(l, REASON_SCHEMA_UNKNOWN, at, "no schema with this digest is known here");
	sha256(*text, &have);
	if (!digest_eq(&have, want))
		return load_fault(l, REASON_SCHEMA_UNKNOWN, at,
		                  "the schema that is stored under this digest has another one");
	*text = arena_copy(&l->a->mem, *text);
	return true;
}

static bool parse(struct load *l, struct view text, const char *at, json_t **out)
{
	json_error_t e;

	*out = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!*out)
		return load_fault(l, REASON_SCHEMA_ERROR, at, "the schema is not JSON: line %d", e.line);
	return true;
}

static bool read_references(struct load *l, const json_t *o, struct record_schema *s, size_t i, struct schema_set *set)
{
	const json_t *list = json_object_get(o, "references");
	bool ok = true;

	s->references = arena_alloc(&l->a->mem, (json_array_size(list) + 1) * sizeof *s->references);
	s->reference_uris = arena_alloc(&l->a->mem, (json_array_size(list) + 1) * sizeof *s->reference_uris);
	if (!s->references || !s->reference_uris)
		return false;
	for (size_t k = 0; k < json_array_size(list); k++) {
		const json_t *r = json_array_get(list, k);
		struct digest digest = json_digest(r, "digest");
		struct error e = { .reason = REASON_NONE };
		struct view text, uri = json_view(r, "uri");
		char at[100];

		snprintf(at, sizeof at, "/schemas/%zu/references/%zu/digest", i, k);
		if (!find_text(l, &digest, at, &text) || !parse(l, text, at, &s->references[s->n_references])) {
			ok = false;
			continue;
		}
		s->reference_uris[s->n_references++] = uri;
		if (!schema_set_add(set, uri, text, &e))
			ok = load_fault(l, REASON_SCHEMA_ERROR, at, "%s: %s", e.where, e.text);
	}
	return ok;
}

static enum schema_draft dialect(struct view name)
{
	if (view_is(name, "2019-09"))
		return DRAFT_2019_09;
	if (view_is(name, "draft-07"))
		return DRAFT_7;
	if (view_is(name, "draft-06"))
		return DRAFT_6;
	return DRAFT_2020_12;
}

static bool compile(struct load *l, const json_t *o, struct schema_set *set, struct view uri, struct view text,
                    struct view entry, const char *at, struct schema **out)
{
	const json_t *list = json_object_get(o, "ignored_keywords"), *formats = json_object_get(o, "formats");
	struct view ignored[32];
	struct schema_options options = { .draft = dialect(json_view(o, "dialect")),
		                          .strict = true,
		                          .ignored = ignored,
		                          .n_ignored = json_array_size(list),
		                          .formats = !formats || json_is_true(formats) };
	struct error e = { .reason = REASON_NONE };

	for (size_t i = 0; i < options.n_ignored; i++)
		ignored[i] = view_of(json_string_value(json_array_get(list, i)));
	struct buf start = BUF_INIT(4096);
	buf_add(&start, uri);
	buf_add(&start, entry);
	if (schema_set_add(set, uri, text, &e))
		*out = schema_compile(set, buf_view(&start), &options, &e);
	buf_free(&start);
	if (!*out)
		load_fault(l, REASON_SCHEMA_ERROR, at, "%s: %s", e.where, e.text);
	return *out != NULL;
}

static bool read_schema(struct load *l, const json_t *o, size_t i)
{
	struct record_schema *s = &l->a->schemas[i];
	struct schema_set *set = schema_set_new();
	struct buf input_uri = BUF_INIT(1024), output_uri = BUF_INIT(1024);
	struct digest output_digest = json_digest(o, "output");
	struct view text, uri = json_view(o, "uri");
	char at[80];

	s->name = json_view(o, "name");
	s->entry = json_view(o, "entry");
	s->ref_alone = dialect(json_view(o, "dialect")) == DRAFT_7 || dialect(json_view(o, "dialect")) == DRAFT_6;
	s->formats = !json_object_get(o, "formats") || json_flag(o, "formats");
	buf_addf(&input_uri, "urn:gatewayd:record:%.*s", VIEW_ARG(s->name));
	buf_addf(&output_uri, "urn:gatewayd:output:%.*s", VIEW_ARG(s->name));
	s->uri = uri.n ? uri : arena_copy(&l->a->mem, buf_view(&input_uri));
	s->input_digest = json_digest(o, "input");
	bool ok = set && read_references(l, o, s, i, set);
	snprintf(at, sizeof at, "/schemas/%zu/input", i);
	ok = set && find_text(l, &s->input_digest, at, &s->text) && parse(l, s->text, at, &s->root) &&
	     compile(l, o, set, s->uri, s->text, s->entry, at, &s->input) && ok;
	if (json_object_get(o, "output")) {
		snprintf(at, sizeof at, "/schemas/%zu/output", i);
		ok = set && find_text(l, &output_digest, at, &text) &&
		     compile(l, o, set, buf_view(&output_uri), text, VIEW(""), at, &s->output) && ok;
	}
	schema_set_free(set);
	buf_free(&input_uri);
	buf_free(&output_uri);
	return ok;
}

bool read_schemas(struct load *l)
{
	struct agreement *a = l->a;
	const json_t *list = json_object_get(a->doc, "schemas");
	bool ok = true;

	a->n_schemas = json_array_size(list);
	a->schemas = arena_alloc(&a->mem, a->n_schemas * sizeof *a->schemas);
	if (!a->schemas) {
		a->n_schemas = 0;
		return false;
	}
	for (size_t i = 0; i < a->n_schemas; i++) {
		ok = read_schema(l, json_array_get(list, i), i) && ok;
		for (size_t k = 0; k < i; k++)
			if (view_eq(a->schemas[i].name, a->schemas[k].name)) {
				char at[80];
				snprintf(at, sizeof at, "/schemas/%zu/name", i);
				ok = load_fault(l, REASON_CONFIG, at, "the same as in /schemas/%zu", k);
			}
	}
	return ok;
}
