/* What the tests of lib/policy share: files, the record schemas by digest, agreements made from a preset
 * with members exchanged. */
#ifndef TEST_POLICY_SUPPORT_H
#define TEST_POLICY_SUPPORT_H

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/policy/decision.h"
#include "lib/schema/document.h"

static inline struct view read_whole(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t cap = 1 << 20, n;
	char *text = malloc(cap);

	ck_assert_msg(f != NULL, "cannot open %s", path);
	n = fread(text, 1, cap, f);
	ck_assert(n < cap);
	fclose(f);
	return view_make(text, n);
}

struct schema_files {
	struct view text[16];
	size_t n;
};

static inline void schema_files_read(struct schema_files *s)
{
	static const char *const names[] = { "passenger", "poi-notice", "fin-report", "stix-indicator", "tracing-request" };

	s->n = 0;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char path[200];
		snprintf(path, sizeof path, "schema/records/%s.schema.json", names[i]);
		s->text[s->n++] = read_whole(path);
	}
}

static inline void schema_files_free(struct schema_files *s)
{
	for (size_t i = 0; i < s->n; i++)
		free((void *)(uintptr_t)s->text[i].p);
}

static inline bool schema_by_digest(void *arg, const struct digest *digest, struct view *text)
{
	const struct schema_files *s = arg;

	for (size_t i = 0; i < s->n; i++) {
		struct digest have;
		sha256(s->text[i], &have);
		if (digest_eq(&have, digest)) {
			*text = s->text[i];
			return true;
		}
	}
	return false;
}

#define NOW INT64_C(1780272000000)      /* 2026-06-01T00:00:00Z */

static inline struct agreement_sources draft_sources(struct schema_files *s)
{
	return (struct agreement_sources){ .arg = s, .schema = schema_by_digest, .self = VIEW("north"), .unsigned_ok = true,
		.now_ms = NOW, .pseudonym_secret = { .b = "a secret for tests, 32 bytes long", .n = 32 } };
}

static inline void print_errors(const struct error_list *l)
{
	char line[800];

	for (size_t i = 0; i < l->n; i++)
		fprintf(stderr, "%s\n", error_print(&l->items[i], line, sizeof line));
}

/* Loads `doc`; on failure the errors are in `errors` for the test to look at. */
static inline struct agreement *load_doc(const json_t *doc, const struct agreement_sources *from, struct error_list *errors)
{
	char *text = json_dumps(doc, JSON_INDENT(1));
	struct agreement *a = agreement_load("test.json", view_of(text), VIEW(""), from, errors);

	free(text);
	return a;
}

static inline json_t *preset(const char *id)
{
	char path[200];
	json_error_t e;

	snprintf(path, sizeof path, "conf/agreements/%s.json", id);
	json_t *doc = json_load_file(path, 0, &e);
	ck_assert_msg(doc != NULL, "%s: %s", path, e.text);
	return doc;
}

#endif
