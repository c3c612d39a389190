/* One match of one pattern, which must compile. */
#ifndef TEST_SCHEMA_REGEX_TEST_H
#define TEST_SCHEMA_REGEX_TEST_H

#include <check.h>
#include <stdlib.h>

#include "lib/schema/regex_ast.h"

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

static inline enum regex_verdict match(const char *pattern, struct view text)
{
	struct error e = { 0 };
	struct regex *r = regex_compile(view_of(pattern), &e);
	struct regex_run *run = regex_run_new();

	ck_assert_msg(r != NULL, "%s: column %u: %s", pattern, e.column, e.text);
	ck_assert_ptr_nonnull(run);
	enum regex_verdict v = regex_match(r, run, text);
	regex_run_free(run);
	regex_free(r);
	return v;
}

#endif
