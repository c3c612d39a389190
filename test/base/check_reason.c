/* The one list of reasons, and the page of the documents that says them all. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/reason.h"

TCase *make_reason_case(void);

static char page[1 << 17];

static void set_up(void)
{
	FILE *f = fopen("doc/errors.md", "r");

	ck_assert_ptr_nonnull(f);
	size_t n = fread(page, 1, sizeof page - 1, f);
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_lt(n, sizeof page - 1);
	page[n] = 0;
	fclose(f);
}

START_TEST(each_has_its_heading_and_words)
{
	char want[1024];

	for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		enum reason one = (enum reason)r;
		const char *told = reason_for_peer(one) == one ? "" : " Told as `not-permitted`.";

		ck_assert_str_ne(reason_remedy(one), "");
		snprintf(want, sizeof want, "\n### %s\n%d. %s%s\n\n%s\n", reason_slug(one), reason_status(one),
		         reason_text(one), told, reason_remedy(one));
		ck_assert_msg(strstr(page, want) != NULL, "doc/errors.md lacks, or has otherwise:%s", want);
	}
}
END_TEST

START_TEST(each_heading_is_one)
{
	unsigned n = 0;

	for (const char *at = page; (at = strstr(at, "\n### ")) != NULL; n++) {
		at += 5;
		ck_assert_msg(reason_find(view_make(at, strcspn(at, "\n"))) < REASON_COUNT, "%.40s", at);
	}
	ck_assert_uint_eq(n, REASON_COUNT - 1);
}
END_TEST

/* It goes into JSON as it is, and is shown on terminals. */
START_TEST(words_are_plain)
{
	for (unsigned r = 0; r < REASON_COUNT; r++)
		for (const char *c = reason_remedy((enum reason)r); *c; c++)
			ck_assert_msg(*c >= ' ' && *c < 127 && *c != '"' && *c != '\\', "%s",
			              reason_slug((enum reason)r));
}
END_TEST

TCase *make_reason_case(void)
{
	TCase *c = tcase_create("reason");

	tcase_add_checked_fixture(c, set_up, NULL);
	tcase_add_test(c, each_has_its_heading_and_words);
	tcase_add_test(c, each_heading_is_one);
	tcase_add_test(c, words_are_plain);
	return c;
}
