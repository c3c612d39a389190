/* The codes of a recall are one list: in the code, in what systems may post, and in the manual. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/policy/recall_code.h"

TCase *make_recall_codes_case(void);

static char *text_of_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	ck_assert(f && text);
	ck_assert_uint_gt(fread(text, 1, (1 << 20) - 1, f), 0);
	fclose(f);
	return text;
}

/* The members of the enumeration that a recall's `why` has in the interface. */
static json_t *in_schema(json_t *openapi)
{
	json_t *list = NULL;

	ck_assert_int_eq(json_unpack(openapi, "{s:{s:{s:{s:{s:{s:o}}}}}}", "components", "schemas", "RecallRequest",
	                             "properties", "why", "enum", &list),
	                 0);
	ck_assert_ptr_nonnull(list);
	return list;
}

START_TEST(code_schema_and_manual_have_the_same)
{
	json_t *openapi = json_load_file("schema/openapi.json", 0, NULL), *list = in_schema(openapi);
	char *manual = text_of_file("doc/agreements.md"), *from = strstr(manual, "Codes of a recall: ");
	struct buf said = BUF_INIT(4096), listed = BUF_INIT(4096);

	ck_assert_uint_eq(json_array_size(list), RECALL_CODES);
	for (unsigned c = 0; c < RECALL_CODES; c++) {
		const char *name = recall_code_name((enum recall_code)c);
		ck_assert_str_eq(json_string_value(json_array_get(list, c)), name);
		ck_assert_uint_eq(recall_code_find(view_of(name)), c);
		buf_addf(&listed, "%s%s", c ? ", " : "", name);
	}
	recall_codes_list(&said);
	ck_assert(view_eq(buf_view(&said), buf_view(&listed)));
	/* The manual's paragraph has them in that order, and no other: all that stands between backticks. */
	ck_assert_ptr_nonnull(from);
	*strstr(from, "Directive") = '\0';
	for (unsigned c = 0; c < RECALL_CODES; c++) {
		size_t n = strlen(recall_code_name((enum recall_code)c));
		from = strchr(from, '`');
		ck_assert_msg(from && strncmp(from + 1, recall_code_name((enum recall_code)c), n) == 0 &&
		                      from[n + 1] == '`',
		              "%s", recall_code_name((enum recall_code)c));
		from += n + 2;
	}
	ck_assert_ptr_null(strchr(from, '`'));
	ck_assert_uint_eq(recall_code_find(VIEW("because")), RECALL_CODES);
	ck_assert_uint_eq(recall_code_find(VIEW("")), RECALL_CODES);
	buf_free(&said);
	buf_free(&listed);
	free(manual);
	json_decref(openapi);
}
END_TEST

TCase *make_recall_codes_case(void)
{
	TCase *c = tcase_create("recall_codes");

	tcase_add_test(c, code_schema_and_manual_have_the_same);
	return c;
}
