/* Presets as agreements, as they stand or with one clause changed: for the tests of what people read. */
#ifndef TEST_POLICY_WORDS_FIXTURE_H
#define TEST_POLICY_WORDS_FIXTURE_H

#include "test/policy/support.h"

#define PRESETS "pnr", "police-request", "fin-intel", "cyber-threat", "humanitarian"

static struct schema_files files;
static struct agreement_sources from;

static inline void set_up(void)
{
	schema_files_read(&files);
	from = draft_sources(&files);
}

static inline void tear_down(void)
{
	schema_files_free(&files);
}

static inline struct agreement *load_patched(const char *id, const char *clause, const char *value)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = preset(id);

	if (clause && value)
		json_object_set_new(doc, clause, json_loads(value, JSON_DECODE_ANY, NULL));
	else if (clause)
		json_object_del(doc, clause);
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	json_decref(doc);
	error_list_free(&errors);
	return a;
}

#endif
