/* The agreement as a document that people write: every member explained, code lists exact, and the lists of the
 * schema the same as those of the program. */
#include "lib/policy/codes.h"
#include "test/policy/support.h"

TCase *make_document_case(void);

static size_t explained;

/* Every member of every object has its own words; what it refers to explains only the form. */
static void walk(const json_t *s, const char *at)
{
	static const char *const parts[] = { "properties", "$defs" };
	char below[400];

	for (size_t i = 0; i < 2; i++) {
		const json_t *members = json_object_get(s, parts[i]);
		for (void *it = json_object_iter((json_t *)(uintptr_t)members); it;
		     it = json_object_iter_next((json_t *)(uintptr_t)members, it)) {
			const json_t *member = json_object_iter_value(it);
			const char *words = json_string_value(json_object_get(member, "description"));
			snprintf(below, sizeof below, "%s/%s", at, json_object_iter_key(it));
			ck_assert_msg(words && strlen(words) > 8, "%s has no description", below);
			explained++;
			walk(member, below);
		}
	}
	if (json_object_get(s, "items")) {
		snprintf(below, sizeof below, "%s/*", at);
		walk(json_object_get(s, "items"), below);
	}
}

START_TEST(every_member_is_explained)
{
	json_t *schema = json_load_file("schema/agreement.schema.json", 0, NULL);

	ck_assert(schema != NULL);
	explained = 0;
	walk(schema, "");
	ck_assert_uint_gt(explained, 100);
	json_decref(schema);
}
END_TEST

/* As their owners publish them: Europol's 4x4 and handling codes, the United Kingdom's 3x5x2, NATO's Admiralty code,
 * FIRST's Traffic Light Protocol 2.0. */
static const struct {
	enum scale scale;
	const char *name, *values[8];
} lists[] = {
	{ SCALE_EUROPOL_SOURCE, "europol-source", { "A", "B", "C", "X" } },
	{ SCALE_EUROPOL_INFORMATION, "europol-information", { "1", "2", "3", "4" } },
	{ SCALE_EUROPOL_HANDLING, "europol-handling", { "H0", "H1", "H2", "H3" } },
	{ SCALE_3X5X2_SOURCE, "uk-3x5x2-source", { "1", "2", "3" } },
	{ SCALE_3X5X2_INFORMATION, "uk-3x5x2-information", { "A", "B", "C", "D", "E" } },
	{ SCALE_3X5X2_HANDLING, "uk-3x5x2-handling", { "P", "C" } },
	{ SCALE_ADMIRALTY_SOURCE, "admiralty-source", { "A", "B", "C", "D", "E", "F" } },
	{ SCALE_ADMIRALTY_INFORMATION, "admiralty-information", { "1", "2", "3", "4", "5", "6" } },
	{ SCALE_TLP, "tlp-2.0", { "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED" } },
};

static bool listed(size_t i, const char *value)
{
	for (size_t k = 0; k < 8 && lists[i].values[k]; k++)
		if (strcmp(lists[i].values[k], value) == 0)
			return true;
	return false;
}

/* Every code of every list, each character, and what people write instead, against every list. */
START_TEST(code_lists_are_exact)
{
	static const char *const wrong[] = { "",   "amber", "AMBER STRICT", "AMBER-STRICT", "WHITE", "H",    "H4",
		                             "h1", "A1",    "10",           " A",           "A ",    "RED\n" };
	unsigned asked = 0;

	ck_assert_uint_eq(sizeof lists / sizeof lists[0], SCALE_COUNT);
	for (size_t i = 0; i < SCALE_COUNT; i++) {
		enum scale s = lists[i].scale;
		ck_assert_str_eq(scale_name(s), lists[i].name);
		ck_assert(scale_find(view_of(lists[i].name)) == s);
		for (size_t j = 0; j < SCALE_COUNT; j++)
			for (size_t k = 0; k < 8 && lists[j].values[k]; k++, asked++)
				ck_assert(scale_has(s, view_of(lists[j].values[k])) == listed(i, lists[j].values[k]));
		for (int c = 1; c < 256; c++, asked++) {
			char one[2] = { (char)c, '\0' };
			ck_assert(scale_has(s, view_of(one)) == listed(i, one));
		}
		for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++, asked++)
			ck_assert(!scale_has(s, view_of(wrong[k])));
		for (size_t k = 0; k < 8 && lists[i].values[k]; k++)
			ck_assert_int_eq(scale_strictness(s, view_of(lists[i].values[k])), (int)k);
	}
	ck_assert(scale_find(VIEW("tlp")) == SCALE_COUNT && scale_find(VIEW("")) == SCALE_COUNT);
	ck_assert_uint_gt(asked, 2000);
}
END_TEST

START_TEST(schema_has_the_same_scales)
{
	json_t *schema = json_load_file("schema/agreement.schema.json", 0, NULL);
	const json_t *names = json_object_get(json_object_get(json_object_get(schema, "$defs"), "scale"), "enum");

	ck_assert_uint_eq(json_array_size(names), SCALE_COUNT);
	for (size_t i = 0; i < SCALE_COUNT; i++)
		ck_assert(scale_find(view_of(json_string_value(json_array_get(names, i)))) != SCALE_COUNT);
	json_decref(schema);
}
END_TEST

TCase *make_document_case(void)
{
	TCase *c = tcase_create("document");

	tcase_add_test(c, every_member_is_explained);
	tcase_add_test(c, code_lists_are_exact);
	tcase_add_test(c, schema_has_the_same_scales);
	return c;
}
