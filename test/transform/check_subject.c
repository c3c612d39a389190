/* Whom a leaf is about, when the record says it: dates of one person move alike wherever the person's identifier
 * stands alike, each person of a record by own days, and nobody's silently by somebody else's. */
#include "test/transform/transform_test.h"

static const char persons[] =
        "[{\"pointer\":\"/persons/*/born\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":300,\"subject\":\"/persons/*/ids/main\"}},"
        "{\"pointer\":\"/persons/*/trips/*/on\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":300,\"subject\":\"/persons/*/ids/main\"}},"
        "{\"pointer\":\"/persons/*/ids/main\",\"action\":\"drop\"}]";

START_TEST(each_person_moves_alone)
{
	struct program *p = compile_ok(persons);
	char first[300];
	struct error e = { .reason = REASON_NONE };

	const char *out = run_for(
	        p,
	        "{\"persons\":[{\"born\":\"1984-03-17\",\"trips\":[{\"on\":\"1984-03-17\"}],\"ids\":{\"main\":\"A1\"}},"
	        "{\"ids\":{\"main\":\"B2\"},\"born\":\"1984-03-17\"}]}",
	        "", &e);
	ck_assert_msg(out != NULL, "%s", e.text);
	snprintf(first, sizeof first, "%s", out);
	/* The same person in another record, at another place, under another reference. */
	out = run_for(p,
	              "{\"persons\":[{\"ids\":{\"main\":\"B2\"},\"born\":\"1984-03-17\"},"
	              "{\"ids\":{\"main\":\"A1\"},\"born\":\"1984-03-17\",\"trips\":[{\"on\":\"1984-03-17\"}]}]}",
	              "another", &e);
	ck_assert_msg(out != NULL, "%s", e.text);

	/* {"persons":[{"born":"X","trips":[{"on":"X"}]},{"born":"Y"}]} and the other way round. */
	char a[11], b[11], want[300];
	ck_assert_int_eq(sscanf(first, "{\"persons\":[{\"born\":\"%10[0-9-]", a), 1);
	ck_assert_int_eq(sscanf(out, "{\"persons\":[{\"born\":\"%10[0-9-]", b), 1);
	ck_assert_str_ne(a, b);
	ck_assert_str_ne(a, "1984-03-17");
	snprintf(want, sizeof want, "{\"persons\":[{\"born\":\"%s\",\"trips\":[{\"on\":\"%s\"}]},{\"born\":\"%s\"}]}",
	         a, a, b);
	ck_assert_str_eq(first, want);
	snprintf(want, sizeof want, "{\"persons\":[{\"born\":\"%s\"},{\"born\":\"%s\",\"trips\":[{\"on\":\"%s\"}]}]}",
	         b, a, a);
	ck_assert_str_eq(out, want);
	program_free(p);
}
END_TEST

START_TEST(a_number_names_as_well)
{
	struct program *p = compile_ok(
	        "[{\"pointer\":\"/on\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":30,\"subject\":\"/a~1b\"}}]");
	struct program *q = compile_ok(
	        "[{\"pointer\":\"/on\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":30}}]");
	char want[100];

	snprintf(want, sizeof want, "%s", run_for(q, "{\"on\":\"2026-01-02\"}", "17", NULL));
	ck_assert_str_eq(run_for(p, "{\"on\":\"2026-01-02\",\"a/b\":17}", "other", NULL), want);
	ck_assert_str_eq(run_for(p, "{\"on\":\"2026-01-02\",\"a/b\":\"17\"}", "", NULL), want);
	ck_assert_str_eq(run_for(p, "{\"on\":\"2026-01-02\",\"a/b\":1.70e1}", "", NULL), want);
	program_free(p);
	program_free(q);
}
END_TEST

/* The envelope's subject stands ready, and is not taken. */
START_TEST(nobody_is_assumed)
{
	struct program *p = compile_ok(persons);
	static const char *const records[] = {
		"{\"persons\":[{\"born\":\"1984-03-17\"}]}",
		"{\"persons\":[{\"born\":\"1984-03-17\",\"ids\":{}}]}",
		"{\"persons\":[{\"born\":\"1984-03-17\",\"ids\":{\"main\":\"\"}}]}",
		"{\"persons\":[{\"born\":\"1984-03-17\",\"ids\":{\"main\":null}}]}",
		"{\"persons\":[{\"born\":\"1984-03-17\",\"ids\":{\"main\":1.5}}]}",
		"{\"persons\":[{\"born\":\"1984-03-17\",\"ids\":{\"main\":true}}]}",
		"{\"persons\":[{\"born\":\"1984-03-17\",\"ids\":{\"main\":[\"A1\"]}}]}",
		"{\"persons\":[{\"born\":\"1984-03-17\",\"ids\":[\"A1\"]}]}",
		"{\"persons\":[{\"born\":\"1984-03-17\",\"ids\":\"A1\"}]}",
		"{\"persons\":[{\"ids\":{\"main\":\"A1\"}},{\"born\":\"1984-03-17\"}]}",
	};

	for (size_t i = 0; i < sizeof records / sizeof *records; i++)
		assert_fails(p, records[i], REASON_TRANSFORM_FAILED, "does not name the data subject");
	program_free(p);
}
END_TEST

START_TEST(tokens_of_one_subject)
{
	struct program *p = compile_ok(
	        "[{\"pointer\":\"/*/v\",\"action\":\"token\",\"params\":{\"domain\":\"d\",\"per_subject\":true,\"subject\":\"/*/id\"}}]");
	struct transform_run *run = transform_run_new();
	struct buf out = BUF_INIT(1000);
	struct error e = { .reason = REASON_NONE };
	char record[600], a[200], b[200], c[200];

	snprintf(record, sizeof record, "%s",
	         run_for(p, "{\"x\":{\"id\":\"A\",\"v\":1},\"y\":{\"id\":\"B\",\"v\":1},\"z\":{\"id\":\"A\",\"v\":1}}",
	                 "", NULL));
	ck_assert_int_eq(sscanf(record,
	                        "{\"x\":{\"v\":\"%199[^\"]\"},\"y\":{\"v\":\"%199[^\"]\"},\"z\":{\"v\":\"%199[^\"]", a,
	                        b, c),
	                 3);
	ck_assert_str_ne(a, b);
	ck_assert_str_eq(a, c);
	ck_assert(program_reverse(p, run, 0, VIEW("A"), view_of(a), &out, &e));
	ck_assert(view_is(buf_view(&out), "1"));
	ck_assert(!program_reverse(p, run, 0, VIEW("B"), view_of(a), &out, &e));
	assert_fails(p, "{\"x\":{\"v\":1}}", REASON_TRANSFORM_FAILED, "does not name the data subject");
	buf_free(&out);
	transform_run_free(run);
	program_free(p);
}
END_TEST

#define SHIFT(pointer, subject) \
	"[{\"pointer\":\"" pointer \
	"\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":5,\"subject\":" subject "}}]"

START_TEST(pointers_are_checked)
{
	assert_refused(SHIFT("/a/born", "\"id\""), "\"subject\" must be a JSON Pointer");
	assert_refused(SHIFT("/a/born", "\"\""), "\"subject\" must be a JSON Pointer");
	assert_refused(SHIFT("/a/born", "7"), "\"subject\" must be a JSON Pointer");
	assert_refused(SHIFT("/a/born", "\"/a/born\""), "\"subject\" must be another field");
	assert_refused(SHIFT("/a/*/born", "\"/b/*/id\""), "\"subject\" must have its *");
	assert_refused(SHIFT("/a/*/born", "\"/a/*/ids/*\""), "\"subject\" must have its *");
	assert_refused(SHIFT("/a/b/born", "\"/a/*\""), "\"subject\" must have its *");
	assert_refused("[{\"pointer\":\"/v\",\"action\":\"token\",\"params\":{\"domain\":\"d\",\"subject\":\"/id\"}}]",
	               "per_subject only");
	/* `*` stands for what the rule's own pointer says there. */
	program_free(compile_ok(SHIFT("/a/b/born", "\"/a/*/id\"")));
	program_free(compile_ok(SHIFT("/a/*/born", "\"/id\"")));
	/* Of two rules for one field neither is stricter when they name different subjects. */
	assert_refused(
	        "[{\"pointer\":\"/v\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":5,\"subject\":\"/a/x\"}},"
	        "{\"pointer\":\"/*\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":5,\"subject\":\"/a/y\"}}]",
	        "neither is stricter");
	assert_refused(
	        "[{\"pointer\":\"/v\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":5,\"subject\":\"/a\"}},"
	        "{\"pointer\":\"/*\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":5}}]",
	        "neither is stricter");
	program_free(compile_ok(
	        "[{\"pointer\":\"/v\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":5,\"subject\":\"/a/x\"}},"
	        "{\"pointer\":\"/*\",\"action\":\"date-shift\",\"params\":{\"domain\":\"d\",\"days\":5,\"subject\":\"/a/x\"}}]"));
}
END_TEST

TCase *make_subject_case(void);
TCase *make_subject_case(void)
{
	TCase *c = tcase_create("subject");

	tcase_add_test(c, each_person_moves_alone);
	tcase_add_test(c, a_number_names_as_well);
	tcase_add_test(c, nobody_is_assumed);
	tcase_add_test(c, tokens_of_one_subject);
	tcase_add_test(c, pointers_are_checked);
	return c;
}
