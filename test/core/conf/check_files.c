/* Names of files, and what lies in a folder. */
#include "gatewayd/os/files.h"
#include "test/core/scratch.h"

TCase *make_files_case(void);

struct names {
	char all[200];
	unsigned n, most;
};

static bool note(void *arg, const char *name)
{
	struct names *l = arg;
	size_t at = strlen(l->all);

	snprintf(l->all + at, sizeof l->all - at, "%s ", name);
	return ++l->n < l->most;
}

START_TEST(what_lies_in_a_folder)
{
	struct scratch_dir place = scratch_new();
	static const char *const files[] = { "b.json", "a.json", ".c.json", "d.md", ".json" };
	struct error why = { .reason = REASON_NONE };
	struct names all = { .most = 9 }, first = { .most = 1 };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		scratch_write(scratch_file(&place, files[i]), VIEW("x"));
	ck_assert(file_each(place.path, ".json", note, &all, &why));
	ck_assert_str_eq(all.all, "a.json b.json ");
	/* Who is told to stop has not seen all. */
	ck_assert(!file_each(place.path, ".json", note, &first, &why));
	ck_assert_str_eq(first.all, "a.json ");
	ck_assert_int_eq(why.reason, REASON_NONE);
	ck_assert(!file_each(scratch_file(&place, "none"), ".json", note, &all, &why));
	ck_assert_int_ne(why.reason, REASON_NONE);
	scratch_remove(&place);
}
END_TEST

START_TEST(a_name_beside_a_folder)
{
	struct arena mem = { .max = 1 << 20 }, none = { .max = 1 };
	char *longest = malloc(20001);

	memset(longest, 'x', 20000);
	longest[20000] = 0;
	ck_assert_str_eq(file_beside(&mem, "/etc/gateway", "node.json"), "/etc/gateway/node.json");
	ck_assert_str_eq(file_beside(&mem, "/etc/gateway", "/node.json"), "/node.json");
	ck_assert_uint_eq(strlen(file_beside(&mem, ".", longest)), 20002);
	ck_assert(!mem.failed);
	ck_assert_ptr_null(file_beside(&none, ".", "node.json"));
	ck_assert(none.failed);
	free(longest);
	arena_free(&mem);
	arena_free(&none);
	ck_assert(!none.failed);
}
END_TEST

TCase *make_files_case(void)
{
	TCase *c = tcase_create("files");

	tcase_add_test(c, what_lies_in_a_folder);
	tcase_add_test(c, a_name_beside_a_folder);
	return c;
}
