/* Reads the project's own documents. See document.h. */
#include "lib/schema/document.h"

#include <stdio.h>

#include "lib/json/pointer.h"

#define PLACE_MAX 4096

struct schema *document_schema(struct view name, struct error *e)
{
	struct schema_options o = { .draft = DRAFT_2020_12, .strict = true, .formats = true };
	struct schema_set *set = schema_set_new();
	struct schema *s = NULL;
	char uri[128];

	if (!set) {
		error_set(e, REASON_NO_MEMORY, "no memory for a schema");
		return NULL;
	}
	snprintf(uri, sizeof uri, "schema:/%.*s.schema.json", VIEW_ARG(name));
	s = schema_compile(set, view_of(uri), &o, e);
	schema_set_free(set);
	return s;
}

struct reading {
	const char *file;
	const struct tape *tape;
	struct error_list *errors;
	bool own;
};

static bool add_fault(void *arg, const struct schema_fault *f)
{
	struct reading *r = arg;
	uint32_t line, column;

	struct buf named = BUF_INIT(PLACE_MAX);
	struct view pointer = f->pointer;

	tape_place(r->tape, r->tape->nodes[f->node].off, &line, &column);
	if (r->own)
		pointer_of(r->tape, f->node, NULL, NULL, &named);
	if (r->own && !named.failed)
		pointer = buf_view(&named);
	bool meant = r->own && f->meant.n > 0;
	error_list_addf(r->errors, REASON_CONFIG, r->file, line, column, "%.*s: %.*s%s%.*s%s", VIEW_ARG(pointer),
	                VIEW_ARG(f->message), meant ? "; did you mean \"" : "", meant ? (int)f->meant.n : 0,
	                meant ? f->meant.p : "", meant ? "\"?" : "");
	buf_free(&named);
	return true;
}

static void list_faults(const struct schema *s, struct schema_run *run, struct reading *r, enum schema_verdict v)
{
	size_t n = 0;

	if (v == SCHEMA_INVALID)
		n = schema_explain(s, run, r->tape, 0, add_fault, r);
	if (n == 0)
		error_list_addf(r->errors, REASON_LIMIT, r->file, 1, 1, "checking the document takes too many steps");
}

static json_t *load(const char *file, struct view text, struct error_list *errors)
{
	json_error_t wrong;
	json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &wrong);

	if (!j)
		error_list_addf(errors, REASON_CONFIG, file, (uint32_t)(wrong.line > 0 ? wrong.line : 0),
		                (uint32_t)(wrong.column > 0 ? wrong.column : 0),
		                "a number is outside the range of the reader, or memory ran out");
	return j;
}

static json_t *read_document(const struct schema *s, const char *file, struct view text, bool own,
                             struct error_list *errors)
{
	struct tape_parser *parser = tape_parser_new(&tape_document_limits);
	struct schema_run *run = schema_run_new();
	struct error e = { .reason = REASON_NONE };
	struct tape tape;
	json_t *document = NULL;

	if (!parser || !run) {
		error_list_addf(errors, REASON_NO_MEMORY, file, 0, 0, "no memory to read the document");
	} else if (!tape_parse(parser, text, &tape, &e)) {
		error_list_addf(errors, e.reason, file, e.line, e.column, "%s", e.text);
	} else {
		struct reading r = { file, &tape, errors, own };
		enum schema_verdict v = schema_check(s, run, &tape, 0);

		if (v == SCHEMA_VALID)
			document = load(file, text, errors);
		else
			list_faults(s, run, &r, v);
	}
	schema_run_free(run);
	tape_parser_free(parser);
	return document;
}

json_t *document_read(const struct schema *s, const char *file, struct view text, struct error_list *errors)
{
	return read_document(s, file, text, false, errors);
}

json_t *document_read_own(const struct schema *s, const char *file, struct view text, struct error_list *errors)
{
	return read_document(s, file, text, true, errors);
}
