/* The presets under conf/agreements: each loads as a draft. */
#include <dirent.h>

#include "test/policy/support.h"

TCase *make_presets_case(void);

static const char *const ids[] = { "pnr", "police-request", "fin-intel", "cyber-threat", "humanitarian" };

/* The file's name says what must come out: released, held-<slug>, refused-<slug>. */
static void run_file(struct bench *b, const struct agreement *a, const char *path, const char *name)
{
	struct facts facts = plain_facts();
	struct view text = read_whole(path);
	enum outcome outcome = bench_run(b, a, &facts, text);
	const char *slug = strchr(name, '-');
	char wanted[100] = "";

	if (strncmp(name, "released", 8) == 0) {
		ck_assert_msg(outcome == OUTCOME_TRANSFORMED || outcome == OUTCOME_RELEASED, "%s: %s %s %s", path,
		              reason_slug(b->decision.failed[0].reason), b->decision.failed[0].clause,
		              b->decision.failed[0].pointer);
	} else {
		ck_assert_msg(outcome == (name[0] == 'h' ? OUTCOME_HELD : OUTCOME_REFUSED), "%s: %s", path,
		              outcome_name(outcome));
		snprintf(wanted, sizeof wanted, "%.*s", (int)(strlen(slug + 1) - strlen(".json")), slug + 1);
		ck_assert_str_eq(reason_slug(b->decision.failed[0].reason), wanted);
	}
	struct buf json = BUF_INIT(1 << 20);
	struct error_list errors = { .max = 10 };
	struct error e = { .reason = REASON_NONE };
	decision_json(&b->decision, &b->tape, b->envelope.record, outcome == OUTCOME_REFUSED ? NULL : b->transform,
	              &json);
	struct schema *schema = document_schema(VIEW("decision"), &e);
	ck_assert_msg(schema != NULL, "%s: %s", e.where, e.text);
	json_t *doc = document_read(schema, "decision", buf_view(&json), &errors);
	print_errors(&errors);
	ck_assert(doc != NULL);
	json_decref(doc);
	schema_unref(schema);
	error_list_free(&errors);
	buf_free(&json);
	free((void *)(uintptr_t)text.p);
}

START_TEST(envelopes_as_named)
{
	struct schema_files files;
	struct error_list errors = { .max = 20 };
	struct bench b;
	char folder[200], path[600];
	struct dirent *entry;
	unsigned n = 0;

	schema_files_read(&files);
	struct agreement_sources from = draft_sources(&files);
	json_t *doc = preset(ids[_i]);
	struct agreement *a = load_doc(doc, &from, &errors);
	ck_assert(a != NULL);
	bench_open(&b);
	snprintf(folder, sizeof folder, "conf/records/%s", ids[_i]);
	DIR *d = opendir(folder);
	ck_assert(d != NULL);
	while ((entry = readdir(d)))
		if (strstr(entry->d_name, ".json")) {
			snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
			run_file(&b, a, path, entry->d_name);
			n++;
		}
	closedir(d);
	ck_assert_uint_ge(n, 2);
	bench_close(&b);
	agreement_unref(a);
	json_decref(doc);
	schema_files_free(&files);
	error_list_free(&errors);
}
END_TEST

/* Floor and overlay of the examples bear all presets. */
START_TEST(presets_reach_the_floor)
{
	struct schema_files files;
	struct error_list errors = { .max = 20 };
	struct view floor = read_whole("conf/floor.json"), overlay = read_whole("conf/overlay.json");

	schema_files_read(&files);
	struct agreement_sources from = draft_sources(&files);
	from.floor = floor;
	from.overlay = overlay;
	json_t *doc = preset(ids[_i]);
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	agreement_unref(a);
	json_decref(doc);
	free((void *)(uintptr_t)floor.p);
	free((void *)(uintptr_t)overlay.p);
	schema_files_free(&files);
	error_list_free(&errors);
}
END_TEST

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
	tcase_add_loop_test(c, envelopes_as_named, 0, sizeof ids / sizeof ids[0]);
	tcase_add_loop_test(c, presets_reach_the_floor, 0, sizeof ids / sizeof ids[0]);
	return c;
}
