/* gatewayctl schema test: files in the form of the official JSON Schema Test Suite, an array of groups
 * {"description", "schema", "tests": [{"description", "data", "valid"}]}. Cases run on the bytes of the
 * file, so that numbers keep every digit. */
#include <getopt.h>

#include "gatewayd/ctl/schema_load.h"

#define CASE_URI "http://test.example/case.json"

struct suite {
	const struct schema_setup *setup;
	bool json;
	const char *file;
	struct tape_parser *instance;
	struct schema_run *run;
	struct buf failures;
	unsigned long passed, failed;
};

static void add_failure(struct suite *s, struct view group, struct view test, const char *what)
{
	s->failed++;
	if (!s->json) {
		printf("%s: %.*s: %.*s: %s\n", s->file, VIEW_ARG(group), VIEW_ARG(test), what);
		return;
	}
	buf_adds(&s->failures, s->failures.n ? ",{\"file\":" : "{\"file\":");
	buf_add_json_string(&s->failures, view_of(s->file));
	buf_adds(&s->failures, ",\"group\":");
	buf_add_json_string(&s->failures, group);
	buf_adds(&s->failures, ",\"test\":");
	buf_add_json_string(&s->failures, test);
	buf_adds(&s->failures, ",\"what\":");
	buf_add_json_string(&s->failures, view_of(what));
	buf_addc(&s->failures, '}');
}

static struct view member_text(const struct tape *t, uint32_t object, struct view name)
{
	uint32_t node = tape_member(t, object, name);

	return node && t->nodes[node].type == TAPE_STRING ? tape_string(t, node) : VIEW("?");
}

/* NULL when the schema says of the data what the test says, else what is wrong. */
static const char *run_test(struct suite *s, const struct schema *schema, struct view data, bool valid)
{
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	if (!tape_parse(s->instance, data, &t, &e))
		return "the data cannot be read";
	switch (schema_check(schema, s->run, &t, 0)) {
	case SCHEMA_VALID: return valid ? NULL : "valid, but must be invalid";
	case SCHEMA_INVALID: return valid ? "invalid, but must be valid" : NULL;
	case SCHEMA_LIMIT: break;
	}
	return "a limit was reached";
}

static bool run_group(struct suite *s, const struct tape *t, uint32_t group, struct error *e)
{
	uint32_t source = tape_member(t, group, VIEW("schema")), tests = tape_member(t, group, VIEW("tests"));
	struct view name = member_text(t, group, VIEW("description"));
	struct error bad = { .reason = REASON_NONE };
	uint32_t line, column;

	tape_place(t, t->nodes[group].off, &line, &column);
	if (!source || !tests || t->nodes[tests].type != TAPE_ARRAY)
		return error_at(e, REASON_SCHEMA_ERROR, s->file, line, column,
		                "is no group of the suite: schema and tests");
	struct schema *schema = schema_setup_compile(s->setup, CASE_URI, tape_token(t, source), "", &bad);
	for (uint32_t i = tests + 1; i < t->nodes[tests].next; i = t->nodes[i].next) {
		uint32_t data = tape_member(t, i, VIEW("data")), verdict = tape_member(t, i, VIEW("valid"));
		const char *what = "has no data or verdict";
		if (!schema)
			what = bad.text;
		else if (data && verdict)
			what = run_test(s, schema, tape_token(t, data), t->nodes[verdict].type == TAPE_TRUE);
		if (what)
			add_failure(s, name, member_text(t, i, VIEW("description")), what);
		else
			s->passed++;
	}
	schema_unref(schema);
	return true;
}

static bool run_file(struct suite *s, struct tape_parser *parser, const char *path, struct error *e)
{
	char *text = NULL;
	size_t n = 0;
	struct tape t;
	bool ok = ctl_read_file(path, SCHEMA_FILE_MAX, &text, &n, e);

	s->file = path;
	if (ok && !tape_parse(parser, view_make(text, n), &t, e)) {
		if (!e->where[0])
			snprintf(e->where, sizeof e->where, "%s", path);
		ok = false;
	}
	if (ok && t.nodes[0].type != TAPE_ARRAY)
		ok = error_at(e, REASON_SCHEMA_ERROR, path, 1, 1, "is no file of the suite: an array of groups");
	for (uint32_t i = 1; ok && i < t.nodes[0].next; i = t.nodes[i].next)
		ok = run_group(s, &t, i, e);
	free(text);
	return ok;
}

int schema_test(const struct ctl *c, int argc, char **argv)
{
	struct schema_setup setup;
	struct error e = { .reason = REASON_NONE };
	int status = schema_setup_read(&setup, argc, argv, false);
	struct suite s = { .setup = &setup, .json = c->json, .failures = BUF_INIT(64u << 20) };
	struct tape_parser *parser = NULL;

	if (status != CTL_OK)
		goto out;
	parser = tape_parser_new(&tape_document_limits);
	s.instance = tape_parser_new(&tape_document_limits);
	s.run = schema_run_new();
	if (!parser || !s.instance || !s.run) {
		error_set(&e, REASON_NO_MEMORY, "memory ran out");
		status = ctl_fail(CTL_FAILED, &e);
		goto out;
	}
	for (int i = optind; i < argc; i++) {
		e = (struct error){ .reason = REASON_NONE };
		if (!run_file(&s, parser, argv[i], &e))
			status = ctl_fail(CTL_FAILED, &e);
	}
	if (c->json)
		printf("{\"passed\":%lu,\"failed\":%lu,\"failures\":[%.*s]}\n", s.passed, s.failed,
		       VIEW_ARG(buf_view(&s.failures)));
	else
		printf("%lu passed, %lu failed\n", s.passed, s.failed);
	if (status == CTL_OK && s.failed)
		status = CTL_CHECK_FAILED;
out:
	schema_run_free(s.run);
	tape_parser_free(s.instance);
	tape_parser_free(parser);
	buf_free(&s.failures);
	schema_setup_free(&setup);
	return status;
}
