/* What the tests of this area share: schemas and instances are written with ' for " so that they can be
 * read. */
#ifndef GATEWAY_TEST_SCHEMA_SCHEMA_TEST_H
#define GATEWAY_TEST_SCHEMA_SCHEMA_TEST_H

#include <check.h>
#include <stdio.h>

#include "lib/base/buf.h"
#include "lib/schema/schema.h"

/* A copy with ' turned into "; the caller frees it. */
static inline char *json_text(const char *s)
{
	char *copy = strdup(s);

	ck_assert_ptr_nonnull(copy);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

/* One document under the URI test:/a; NULL with the error in `e`. */
static inline struct schema *try_compile(const char *text, const struct schema_options *o, struct error *e)
{
	struct schema_set *set = schema_set_new();
	struct schema *s = NULL;
	char *copy = json_text(text);

	ck_assert_ptr_nonnull(set);
	*e = (struct error){ .reason = REASON_NONE };
	if (schema_set_add(set, VIEW("test:/a"), view_of(copy), e))
		s = schema_compile(set, VIEW("test:/a"), o, e);
	ck_assert_msg((s != NULL) == (e->reason == REASON_NONE), "%s: compiled %d, error: %s", text, s != NULL,
	              e->text);
	schema_set_free(set);
	free(copy);
	return s;
}

static inline struct schema *compile_draft(const char *text, enum schema_draft draft)
{
	struct schema_options o = { .draft = draft };
	struct error e;
	struct schema *s = try_compile(text, &o, &e);

	ck_assert_msg(s, "%s: %s", text, e.text);
	return s;
}

static inline enum schema_verdict verdict_of(const struct schema *s, const char *instance)
{
	struct tape_parser *p = tape_parser_new(&tape_document_limits);
	struct schema_run *r = schema_run_new();
	struct error e = { .reason = REASON_NONE };
	char *copy = json_text(instance);
	struct tape t;

	ck_assert(p && r);
	ck_assert_msg(tape_parse(p, view_of(copy), &t, &e), "%s: %s", instance, e.text);
	enum schema_verdict v = schema_check(s, r, &t, 0);
	schema_run_free(r);
	tape_parser_free(p);
	free(copy);
	return v;
}

#endif
