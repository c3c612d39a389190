/* gatewayctl schema: checks files against a JSON Schema, and runs files in the official suite's form.
 * Instances are read in pieces, so that a file of any number of lines takes the memory of one. */
#include <errno.h>
#include <getopt.h>

#include "gatewayd/ctl/schema_load.h"
#include "lib/schema/output.h"

static int schema_validate(const struct ctl *c, int argc, char **argv);

const struct ctl_command ctl_schema_commands[] = {
	{ "schema", "validate",
	  "[--format] [--strict] [--ignore KEYWORD]… [--draft D] [--ref FILE]… [--remotes DIR] [--output list|basic] SCHEMA[#FRAGMENT] FILE…",
	  "check files, or the lines of .ndjson files, against a JSON Schema", schema_validate },
	{ "schema", "test", "[--format] [--draft D] [--remotes DIR] FILE…",
	  "run files in the form of the official JSON Schema Test Suite", schema_test },
	{ 0 }
};

struct checker {
	bool json;
	const char *output;
	const struct schema *schema;
	struct schema_run *run;
	struct tape_parser *parser;
	struct buf line; /* what is printed for one instance */
	const char *file;
	uint32_t first_line;     /* of the instance in its file */
	bool by_line;            /* .ndjson */
	const struct tape *tape; /* for listing faults */
	size_t faults;
	unsigned long valid, invalid;
};

static void print_error(struct checker *k, uint32_t line, uint32_t column, struct view pointer, struct view message,
                        const struct schema_fault *f)
{
	line += k->first_line - 1;
	if (!k->json) {
		buf_addf(&k->line, "%s:%u:%u: ", k->file, (unsigned)line, (unsigned)column);
		buf_add(&k->line, pointer);
		buf_addf(&k->line, "%s%.*s\n", pointer.n ? ": " : "", VIEW_ARG(message));
		return;
	}
	buf_addf(&k->line, "%s{\"line\":%u,\"column\":%u,\"pointer\":", k->faults++ ? "," : "", (unsigned)line,
	         (unsigned)column);
	buf_add_json_string(&k->line, pointer);
	if (f) {
		buf_adds(&k->line, ",\"keyword\":");
		buf_add_json_string(&k->line, f->keyword);
		buf_adds(&k->line, ",\"location\":");
		buf_add_json_string(&k->line, f->location);
	}
	buf_adds(&k->line, ",\"message\":");
	buf_add_json_string(&k->line, message);
	buf_addc(&k->line, '}');
}

static bool print_fault(void *arg, const struct schema_fault *f)
{
	struct checker *k = arg;
	uint32_t line, column;

	tape_place(k->tape, k->tape->nodes[f->node].off, &line, &column);
	print_error(k, line, column, f->pointer, f->message, f);
	return true;
}

static void print_head(struct checker *k, const char *verdict)
{
	if (k->json) {
		buf_adds(&k->line, "{\"file\":");
		buf_add_json_string(&k->line, view_of(k->file));
		if (k->by_line)
			buf_addf(&k->line, ",\"line\":%u", (unsigned)k->first_line);
		buf_addf(&k->line, ",\"valid\":%s", strcmp(verdict, "valid") == 0 ? "true" : "false");
	} else {
		buf_adds(&k->line, k->file);
		if (k->by_line)
			buf_addf(&k->line, ":%u", (unsigned)k->first_line);
		buf_addf(&k->line, ": %s\n", verdict);
	}
}

/* The shapes of the specification, one JSON text a line. What could not be checked has no keyword: its
 * error stands at the root. */
static bool print_output(struct checker *k, const struct tape *t, const char *unchecked)
{
	bool basic = strcmp(k->output, "basic") == 0;
	enum schema_verdict v =
	        t ? schema_output(k->schema, k->run, t, 0, basic ? OUTPUT_BASIC : OUTPUT_LIST, &k->line) : SCHEMA_LIMIT;

	if (v == SCHEMA_LIMIT) {
		buf_adds(
		        &k->line,
		        basic ? "{\"valid\":false,\"errors\":[{\"keywordLocation\":\"\",\"instanceLocation\":\"\","
		                "\"error\":"
		              : "{\"valid\":false,\"details\":[{\"valid\":false,\"evaluationPath\":\"\",\"schemaLocation\""
		                ":\"\",\"instanceLocation\":\"\",\"errors\":{\"\":");
		buf_add_json_string(&k->line, view_of(unchecked));
		buf_adds(&k->line, basic ? "}]}" : "}}]}");
	}
	buf_addc(&k->line, '\n');
	return v == SCHEMA_VALID;
}

/* Prints the verdict of one instance; `t` NULL: it is no JSON, as `e` says. */
static bool print_verdict(struct checker *k, const struct tape *t, const struct error *e)
{
	enum schema_verdict v = t ? schema_check(k->schema, k->run, t, 0) : SCHEMA_INVALID;
	struct error limit = { .text = "a limit of steps, memory or pattern matching was reached" };

	k->tape = t;
	k->faults = 0;
	if (k->output)
		return print_output(k, t, t ? limit.text : e->text);
	/* JSON names the verdict before the errors, text after them. */
	if (k->json)
		print_head(k, v == SCHEMA_VALID ? "valid" : "invalid");
	if (k->json && v != SCHEMA_VALID)
		buf_adds(&k->line, ",\"errors\":[");
	if (v == SCHEMA_LIMIT || !t)
		print_error(k, t ? 1 : e->line, t ? 1 : e->column, VIEW(""), view_of(t ? limit.text : e->text), NULL);
	else if (v == SCHEMA_INVALID)
		schema_explain(k->schema, k->run, t, 0, print_fault, k);
	if (k->json)
		buf_adds(&k->line, v == SCHEMA_VALID ? "}\n" : "]}\n");
	else
		print_head(k, v == SCHEMA_VALID ? "valid" : "invalid");
	return v == SCHEMA_VALID;
}

/* Ends an instance, of which `failed` tells whether the reader refused a piece. */
static bool finish_instance(struct checker *k, bool failed, struct error *e)
{
	struct tape t;
	bool is_json = !failed && tape_finish(k->parser, &t, e);
	bool valid = print_verdict(k, is_json ? &t : NULL, e);

	*(valid ? &k->valid : &k->invalid) += 1;
	bool ok = !k->line.failed && fwrite(k->line.p, 1, k->line.n, stdout) == k->line.n;
	buf_reset(&k->line);
	tape_parser_reset(k->parser);
	return ok;
}

static bool is_blank(struct view v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] != ' ' && v.p[i] != '\t' && v.p[i] != '\r' && v.p[i] != '\n')
			return false;
	return true;
}

/* Feeds a file in pieces. With `by_line` each line that is not blank is an instance. */
static bool check_stream(struct checker *k, FILE *in, struct error *e)
{
	struct error bad = { .reason = REASON_NONE };
	bool failed = false, blank = true, ok = true;
	char piece[65536];
	size_t n;

	tape_parser_reset(k->parser);
	k->first_line = 1;
	while (ok && (n = fread(piece, 1, sizeof piece, in)) > 0) {
		for (struct view rest = view_make(piece, n); ok && rest.n;) {
			const char *end = k->by_line ? memchr(rest.p, '\n', rest.n) : NULL;
			struct view part = view_make(rest.p, end ? (size_t)(end - rest.p) : rest.n);
			blank = blank && is_blank(part);
			failed = failed || !tape_feed(k->parser, part, &bad);
			rest = view_from(rest, part.n + (end != NULL));
			if (!end)
				break;
			if (!blank)
				ok = finish_instance(k, failed, &bad);
			else
				tape_parser_reset(k->parser);
			bad = (struct error){ .reason = REASON_NONE };
			failed = false;
			blank = true;
			k->first_line++;
		}
	}
	if (ferror(in))
		return error_at(e, REASON_IO, k->file, 0, 0, "%s", strerror(errno));
	if (ok && (!blank || !k->by_line))
		ok = finish_instance(k, failed, &bad);
	return ok || error_set(e, REASON_IO, "standard output: cannot be written");
}

static bool check_file(struct checker *k, const char *path, struct error *e)
{
	size_t n = strlen(path);
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");

	if (!in)
		return error_at(e, REASON_IO, path, 0, 0, "%s", strerror(errno));
	k->file = path;
	k->by_line = (n > 7 && strcmp(path + n - 7, ".ndjson") == 0) || (n > 6 && strcmp(path + n - 6, ".jsonl") == 0);
	bool ok = check_stream(k, in, e);
	if (in != stdin)
		fclose(in);
	return ok;
}

/* Reads and compiles SCHEMA[#FRAGMENT]. */
static struct schema *load_schema(const struct schema_setup *s, const char *argument, struct error *e)
{
	const char *hash = strchr(argument, '#');
	char *path = hash ? strndup(argument, (size_t)(hash - argument)) : strdup(argument);
	char *uri = path ? schema_file_uri(path) : NULL, *text = NULL;
	struct schema *schema = NULL;
	size_t n = 0;

	if (!uri)
		error_at(e, REASON_IO, argument, 0, 0, "cannot be read");
	else if (ctl_read_file(path, SCHEMA_FILE_MAX, &text, &n, e))
		schema = schema_setup_compile(s, uri, view_make(text, n), hash ? hash : "", e);
	free(text);
	free(uri);
	free(path);
	return schema;
}

static int schema_validate(const struct ctl *c, int argc, char **argv)
{
	struct schema_setup s;
	struct error e = { .reason = REASON_NONE };
	int status = schema_setup_read(&s, argc, argv, true);
	struct schema *schema = NULL;
	struct checker k = { .json = c->json, .output = s.output, .line = BUF_INIT(256u << 20) };

	if (status != CTL_OK)
		goto out;
	schema = load_schema(&s, argv[optind], &e);
	k.schema = schema;
	k.run = schema_run_new();
	k.parser = tape_parser_new(&tape_document_limits);
	if (!schema || !k.run || !k.parser) {
		error_set(&e, REASON_NO_MEMORY, "memory ran out");
		status = ctl_fail(CTL_FAILED, &e);
		goto out;
	}
	for (int i = optind + 1; i < argc; i++) {
		e = (struct error){ .reason = REASON_NONE };
		if (!check_file(&k, argv[i], &e))
			status = ctl_fail(CTL_FAILED, &e);
	}
	if (!c->json && !k.output && k.valid + k.invalid > 1)
		printf("%lu valid, %lu invalid\n", k.valid, k.invalid);
	if (status == CTL_OK && k.invalid)
		status = CTL_CHECK_FAILED;
out:
	schema_unref(schema);
	schema_run_free(k.run);
	tape_parser_free(k.parser);
	buf_free(&k.line);
	schema_setup_free(&s);
	return status;
}
