/* The official JSON Schema Test Suite (json-schema-org/JSON-Schema-Test-Suite, MIT), read from
 * GATEWAY_TEST_DATA: every case by the program and by the explaining interpreter, which must agree. */
#include <check.h>
#include <sys/stat.h>

#include "lib/base/buf.h"
#include "lib/json/equal.h"
#include "lib/schema/interpret.h"
#include "lib/schema/schema.h"
#include "test/schema/testdata.h"

#define REMOTES_MAX 128

TCase *make_suite_case(void);

/* Test cases that are not met, each with its reason; printed when they occur. */
static const struct {
	const char *file, *test, *reason;
} exceptions[] = {
#define CONTENT "contentEncoding and contentMediaType are annotations here, as draft 7 allows and later drafts demand"
	{ "draft7/optional/content.json", "an invalid JSON document", CONTENT },
	{ "draft7/optional/content.json", "an invalid base64 string (% is not a valid character)", CONTENT },
	{ "draft7/optional/content.json", "a validly-encoded invalid JSON document", CONTENT },
	{ "draft7/optional/content.json", "an invalid base64 string that is valid JSON", CONTENT },
	{ NULL, NULL, NULL },
};

struct suite {
	char root[DATA_PATH];
	enum schema_draft draft;
	bool formats;
	unsigned passed, total;
	struct tape_parser *cases, *instance;
	struct schema_run *run;
	struct {
		char uri[DATA_PATH];
		char *text;
		size_t n;
	} remotes[REMOTES_MAX];
	size_t n_remotes;
};

static void add_remote(void *arg, const char *path)
{
	struct suite *s = arg;
	char folder[DATA_PATH + 16];
	size_t n;

	snprintf(folder, sizeof folder, "%s/remotes/", s->root);
	ck_assert_uint_lt(s->n_remotes, REMOTES_MAX);
	char *text = read_file(path, &n);
	ck_assert_ptr_nonnull(text);
	ck_assert_int_lt(
	        snprintf(s->remotes[s->n_remotes].uri, DATA_PATH, "http://localhost:1234/%s", path + strlen(folder)),
	        DATA_PATH);
	s->remotes[s->n_remotes].text = text;
	s->remotes[s->n_remotes++].n = n;
}

static bool suite_open(struct suite *s, enum schema_draft draft, bool formats)
{
	char path[DATA_PATH + 16];
	struct stat st;

	memset(s, 0, sizeof *s);
	s->draft = draft;
	s->formats = formats;
	if (!data_folder())
		return false;
	snprintf(s->root, sizeof s->root, "%s/json-schema-test-suite", data_folder());
	snprintf(path, sizeof path, "%s/remotes", s->root);
	if (stat(path, &st) != 0)
		return false;
	each_file(path, true, add_remote, s);
	s->cases = tape_parser_new(&tape_document_limits);
	s->instance = tape_parser_new(&tape_document_limits);
	s->run = schema_run_new();
	ck_assert(s->cases && s->instance && s->run);
	return true;
}

static void suite_close(struct suite *s)
{
	for (size_t i = 0; i < s->n_remotes; i++)
		free(s->remotes[i].text);
	tape_parser_free(s->cases);
	tape_parser_free(s->instance);
	schema_run_free(s->run);
}

static struct schema *compile_case(const struct suite *s, struct view text, struct error *e)
{
	struct schema_options o = { .draft = s->draft, .formats = s->formats };
	struct schema_set *set = schema_set_new();
	struct schema *schema = NULL;
	bool ok = set != NULL;

	for (size_t i = 0; ok && i < s->n_remotes; i++)
		ok = schema_set_add(set, view_of(s->remotes[i].uri), view_make(s->remotes[i].text, s->remotes[i].n), e);
	if (ok && schema_set_add(set, VIEW("http://test.example/case.json"), text, e))
		schema = schema_compile(set, VIEW("http://test.example/case.json"), &o, e);
	schema_set_free(set);
	return schema;
}

static const char *exception_of(const char *path, struct view test)
{
	for (size_t i = 0; exceptions[i].file; i++)
		if (strstr(path, exceptions[i].file) && view_is(test, exceptions[i].test))
			return exceptions[i].reason;
	return NULL;
}

/* One test: what the program says, and that the interpreter says the same. */
static bool run_test(struct suite *s, const struct schema *schema, struct view data, bool valid)
{
	struct interpretation in;
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	if (!tape_parse(s->instance, data, &t, &e))
		return false;
	enum schema_verdict v = schema_check(schema, s->run, &t, 0);
	interpret(&in, schema, s->run, &t, 0, true, true);
	bool agree = in.valid == (v == SCHEMA_VALID) && !in.limit;
	size_t faults = 0;
	for (size_t i = 0; i < in.n; i++)
		faults += in.units[i].fault;
	agree = agree && (faults == 0) == in.valid;
	interpretation_free(&in);
	if (!agree)
		printf("    program and interpreter do not agree\n");
	return agree && v == (valid ? SCHEMA_VALID : SCHEMA_INVALID);
}

static void run_case(struct suite *s, const char *path, const struct tape *t, uint32_t node)
{
	struct error e = { .reason = REASON_NONE };
	uint32_t tests = tape_member(t, node, VIEW("tests")), schema_node = tape_member(t, node, VIEW("schema"));
	struct view name = tape_string(t, tape_member(t, node, VIEW("description")));
	struct schema *schema = compile_case(s, tape_token(t, schema_node), &e);
	char text[700];

	if (!schema)
		printf("    %s: %.*s: does not compile: %s\n", strrchr(path, '/') + 1, VIEW_ARG(name),
		       error_print(&e, text, sizeof text));
	for (uint32_t i = tests + 1; i < t->nodes[tests].next; i = t->nodes[i].next) {
		struct view test = tape_string(t, tape_member(t, i, VIEW("description")));
		struct view data = tape_token(t, tape_member(t, i, VIEW("data")));
		bool valid = t->nodes[tape_member(t, i, VIEW("valid"))].type == TAPE_TRUE;

		s->total++;
		if (schema && run_test(s, schema, data, valid)) {
			s->passed++;
			continue;
		}
		const char *why = exception_of(path, test);
		printf("    exception: %s: %.*s: %.*s: %s\n", strrchr(path, '/') + 1, VIEW_ARG(name), VIEW_ARG(test),
		       why ? why : "not expected");
	}
	schema_unref(schema);
}

static void run_file(void *arg, const char *path)
{
	struct suite *s = arg;
	struct error e = { .reason = REASON_NONE };
	struct tape t;
	size_t n = 0;
	char *text = read_file(path, &n);

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(tape_parse(s->cases, view_make(text, n), &t, &e), "%s: %s", path, e.text);
	for (uint32_t i = 1; i < t.nodes[0].next; i = t.nodes[i].next)
		run_case(s, path, &t, i);
	free(text);
}

static void check_folder(enum schema_draft draft, const char *folder, bool formats, unsigned least, unsigned all)
{
	static struct suite s;
	char path[DATA_PATH + 80];

	if (!suite_open(&s, draft, formats)) {
		printf("SKIP JSON Schema Test Suite %s: GATEWAY_TEST_DATA not found\n", folder);
		return;
	}
	snprintf(path, sizeof path, "%s/tests/%s", s.root, folder);
	each_file(path, false, run_file, &s);
	printf("json-schema-test-suite %s: %u/%u passed\n", folder, s.passed, s.total);
	fflush(stdout);
	suite_close(&s);
	ck_assert_uint_eq(s.total, all);
	ck_assert_uint_ge(s.passed, least);
}

START_TEST(required_2020_12)
{
	check_folder(DRAFT_2020_12, "draft2020-12", false, 1299, 1299);
}
END_TEST

START_TEST(required_2019_09)
{
	check_folder(DRAFT_2019_09, "draft2019-09", false, 1259, 1259);
}
END_TEST

START_TEST(required_draft_7)
{
	check_folder(DRAFT_7, "draft7", false, 927, 927);
}
END_TEST

START_TEST(required_draft_6)
{
	check_folder(DRAFT_6, "draft6", false, 839, 839);
}
END_TEST

START_TEST(optional_2020_12)
{
	check_folder(DRAFT_2020_12, "draft2020-12/optional", false, 162, 162);
}
END_TEST

START_TEST(optional_older)
{
	check_folder(DRAFT_2019_09, "draft2019-09/optional", false, 158, 158);
	check_folder(DRAFT_7, "draft7/optional", false, 114, 118);
	check_folder(DRAFT_6, "draft6/optional", false, 106, 106);
}
END_TEST

START_TEST(formats_older)
{
	check_folder(DRAFT_2019_09, "draft2019-09/optional/format", true, 757, 757);
	check_folder(DRAFT_7, "draft7/optional/format", true, 676, 676);
	check_folder(DRAFT_6, "draft6/optional/format", true, 325, 325);
}
END_TEST

START_TEST(formats_2020_12)
{
	check_folder(DRAFT_2020_12, "draft2020-12/optional/format", true, 764, 764);
}
END_TEST

/* --- annotations ------------------------------------------------------------------------------- */

/* "7", "6,<=2019", "=2020": does the case hold for this release? */
static bool is_compatible(struct view rule, unsigned release)
{
	while (rule.p) {
		struct view part = view_cut(&rule, ',');
		unsigned long long n;
		bool most = view_starts(part, VIEW("<=")), exact = view_starts(part, VIEW("="));

		part = view_from(part, most ? 2 : exact ? 1 : 0);
		if (!view_to_u64(part, 100000, &n))
			return false;
		if (most ? release > n : exact ? release != n : release < n)
			return false;
	}
	return true;
}

/* Every expected annotation is there with its value, and no other of that keyword at that place. */
static bool check_assertion(const struct interpretation *in, const struct tape *t, uint32_t assertion)
{
	uint32_t expected = tape_member(t, assertion, VIEW("expected"));
	struct view where = tape_string(t, tape_member(t, assertion, VIEW("location")));
	struct view keyword = tape_string(t, tape_member(t, assertion, VIEW("keyword")));
	struct buf place = BUF_INIT(65536), location = BUF_INIT(65536);
	uint32_t found = 0;
	bool ok = true;

	for (size_t i = 0; i < in->n; i++) {
		const struct unit *u = &in->units[i];
		const struct tape *schema = &in->s->g.docs[u->doc].doc->tape;

		buf_reset(&place);
		buf_reset(&location);
		graph_pointer(in->t, 0, u->node, NULL, &place);
		if (u->fault || !view_eq(unit_keyword(in, u), keyword) || !view_eq(buf_view(&place), where))
			continue;
		buf_addc(&location, '#');
		struct buf pointer = BUF_INIT(65536);
		graph_pointer(schema, 0, u->schema, NULL, &pointer);
		for (size_t k = 0; k < pointer.n; k++)
			if (pointer.p[k] == '^')
				buf_adds(&location, "%5E");
			else
				buf_addc(&location, pointer.p[k]);
		buf_free(&pointer);
		uint32_t value = tape_member(t, expected, buf_view(&location));
		ok = ok && value && tape_equal(t, value, schema, u->key + 1);
		found++;
	}
	buf_free(&place);
	buf_free(&location);
	return ok && found == t->nodes[expected].count;
}

static void run_annotation_test(struct suite *s, const struct schema *schema, const struct tape *t, uint32_t test,
                                struct view name)
{
	uint32_t assertions = tape_member(t, test, VIEW("assertions"));
	struct interpretation in;
	struct tape instance;

	ck_assert(tape_parse(s->instance, tape_token(t, tape_member(t, test, VIEW("instance"))), &instance, NULL));
	interpret(&in, schema, s->run, &instance, 0, true, true);
	for (uint32_t i = assertions + 1; i < t->nodes[assertions].next; i = t->nodes[i].next) {
		s->total++;
		if (check_assertion(&in, t, i))
			s->passed++;
		else
			printf("    exception: annotations: %.*s: not expected\n", VIEW_ARG(name));
	}
	interpretation_free(&in);
}

static struct schema *compile_annotated(const struct suite *s, const struct tape *t, uint32_t node)
{
	uint32_t others = tape_member(t, node, VIEW("externalSchemas"));
	struct schema_options o = { .draft = s->draft };
	struct schema_set *set = schema_set_new();
	struct error e = { .reason = REASON_NONE };

	ck_assert(schema_set_add(set, VIEW("http://test.example/case.json"),
	                         tape_token(t, tape_member(t, node, VIEW("schema"))), &e));
	for (uint32_t k = others + 1; others && k < t->nodes[others].next; k = t->nodes[k + 1].next)
		ck_assert(schema_set_add(set, tape_string(t, k), tape_token(t, k + 1), &e));
	struct schema *schema = schema_compile(set, VIEW("http://test.example/case.json"), &o, &e);
	ck_assert_msg(schema, "%s", e.text);
	schema_set_free(set);
	return schema;
}

static void run_annotation_file(void *arg, const char *path)
{
	struct suite *s = arg;
	struct error e = { .reason = REASON_NONE };
	struct tape t;
	size_t n = 0;
	char *text = read_file(path, &n);

	ck_assert_ptr_nonnull(text);
	ck_assert_msg(tape_parse(s->cases, view_make(text, n), &t, &e), "%s: %s", path, e.text);
	uint32_t list = tape_member(&t, 0, VIEW("suite"));
	for (uint32_t i = list + 1; i < t.nodes[list].next; i = t.nodes[i].next) {
		uint32_t tests = tape_member(&t, i, VIEW("tests")), rule = tape_member(&t, i, VIEW("compatibility"));
		struct view name = tape_string(&t, tape_member(&t, i, VIEW("description")));

		/* 9999 is the draft to come, whose bare names in $dynamicRef are taken as well. */
		if (rule && !is_compatible(tape_string(&t, rule), 2020) && !view_is(tape_string(&t, rule), "9999"))
			continue;
		struct schema *schema = compile_annotated(s, &t, i);
		for (uint32_t k = tests + 1; k < t.nodes[tests].next; k = t.nodes[k].next)
			run_annotation_test(s, schema, &t, k, name);
		schema_unref(schema);
	}
	free(text);
}

START_TEST(annotations_2020_12)
{
	static struct suite s;
	char path[DATA_PATH + 80];

	if (!suite_open(&s, DRAFT_2020_12, false)) {
		printf("SKIP JSON Schema Test Suite annotations: GATEWAY_TEST_DATA not found\n");
		return;
	}
	snprintf(path, sizeof path, "%s/annotations/tests", s.root);
	each_file(path, false, run_annotation_file, &s);
	printf("json-schema-test-suite annotations 2020-12: %u/%u passed\n", s.passed, s.total);
	suite_close(&s);
	ck_assert_uint_eq(s.total, 87);
	ck_assert_uint_eq(s.passed, s.total);
}
END_TEST

TCase *make_suite_case(void)
{
	TCase *c = tcase_create("suite");

	tcase_set_timeout(c, 300);
	tcase_add_test(c, required_2020_12);
	tcase_add_test(c, required_2019_09);
	tcase_add_test(c, required_draft_7);
	tcase_add_test(c, required_draft_6);
	tcase_add_test(c, optional_2020_12);
	tcase_add_test(c, formats_2020_12);
	tcase_add_test(c, optional_older);
	tcase_add_test(c, formats_older);
	tcase_add_test(c, annotations_2020_12);
	return c;
}
