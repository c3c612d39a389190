/* Record schemas: the built-in ones and a folder's, by their digest. See conf_private.h. */
#include "gatewayd/core/conf/conf_private.h"

#include "gatewayd/os/files.h"
#include "lib/schema/document.h"

struct schema_source {
	struct digest digest;
	struct view text;
};

static void add_schema(struct folder *f, struct view text)
{
	struct schema_source *s = folder_one_more(f, (void **)&f->c->schemas, f->c->n_schemas, sizeof *s);

	if (!s)
		return;
	s->text = arena_copy(&f->c->mem, text);
	sha256(text, &s->digest);
	f->c->n_schemas++;
}

static void add_builtin(void *arg, struct view name, struct view text)
{
	if (view_starts(name, VIEW("records/")))
		add_schema(arg, text);
}

static bool read_schema(void *arg, const char *name)
{
	struct folder *f = arg;
	const char *path = file_beside(&f->c->mem, f->path, name);
	struct buf text = BUF_INIT(DOCUMENT_MAX);

	if (path && folder_read(f, path, &text))
		add_schema(f, buf_view(&text));
	buf_free(&text);
	return true;
}

void conf_read_schemas(struct conf *c, const char *folder, struct error_list *errors)
{
	struct error e = { .reason = REASON_NONE };
	struct folder f = { .c = c, .path = folder, .errors = errors };

	document_each_builtin(add_builtin, &f);
	if (folder && !file_each(folder, ".json", read_schema, &f, &e))
		error_list_add(errors, &e);
}

struct view conf_schema(const struct conf *c, const struct digest *digest)
{
	for (size_t i = 0; i < c->n_schemas; i++)
		if (digest_eq(&c->schemas[i].digest, digest))
			return c->schemas[i].text;
	return (struct view){ NULL, 0 };
}

void conf_schemas_each(const struct conf *c, void (*each)(void *arg, const char *kind, struct view text), void *arg)
{
	for (size_t i = 0; i < c->n_schemas; i++)
		each(arg, "schema", c->schemas[i].text);
}

void conf_schemas_free(struct conf *c)
{
	free(c->schemas);
}
