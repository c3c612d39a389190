/* The presets under conf/agreements: each loads as a draft. */
#include "test/policy/support.h"

TCase *make_presets_case(void);

static const char *const ids[] = { "pnr", "police-request", "fin-intel", "cyber-threat", "humanitarian" };

START_TEST(presets_load)
{
	struct schema_files files;
	struct error_list errors = { .max = 20 };
	char path[200];

	schema_files_read(&files);
	struct agreement_sources from = draft_sources(&files);
	snprintf(path, sizeof path, "conf/agreements/%s.json", ids[_i]);
	struct view text = read_whole(path);
	struct agreement *a = agreement_load(path, text, VIEW(""), &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	ck_assert_uint_eq(errors.n, 0);
	ck_assert(view_is(agreement_id(a), ids[_i]));
	agreement_unref(a);
	free((void *)(uintptr_t)text.p);
	schema_files_free(&files);
	error_list_free(&errors);
}
END_TEST

TCase *make_presets_case(void)
{
	TCase *c = tcase_create("presets");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, presets_load, 0, sizeof ids / sizeof ids[0]);
	return c;
}
