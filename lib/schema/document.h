/* The project's own documents: checked by the schema engine on a tape (so that errors have file, line,
 * column and pointer, and all are listed), then read with jansson. The schemas under schema/ are part
 * of the binary. Any thread. */
#ifndef GATEWAY_SCHEMA_DOCUMENT_H
#define GATEWAY_SCHEMA_DOCUMENT_H

#include <jansson.h>

#include "lib/base/error.h"
#include "lib/schema/schema.h"

/* The text of schema/<name>.schema.json, e.g. "agreement", "records/passenger", or of another document
 * there, schema/<name>.json, e.g. "meta/2020-12/schema"; p is NULL when there is none. */
struct view document_builtin_schema(struct view name);
/* Calls `each` for every built-in schema. */
void document_each_builtin(void (*each)(void *arg, struct view name, struct view text), void *arg);

/* A compiled built-in schema (formats asserted, strict). Its URI is schema:/<name>.schema.json, so that
 * one may refer to another by file name. NULL with `e` set when it does not compile. */
struct schema *document_schema(struct view name, struct error *e) MUST_USE;

/* Checks `text` (called `file` in errors) against `s` and returns the document; the caller owns it.
 * NULL with every error in `errors`, as `file:line:column: /pointer: what is wrong`. */
json_t *document_read(const struct schema *s, const char *file, struct view text, struct error_list *errors) MUST_USE;
/* The same for the operator's own files: members that the schema does not know are named, so that a slip can be found. */
json_t *document_read_own(const struct schema *s, const char *file, struct view text,
                          struct error_list *errors) MUST_USE;

#endif
