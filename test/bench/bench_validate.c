/* Parse + validate of the lines of one file, for comparisons from outside: test/bench/ajv.mjs runs it on
 * the very bytes that it gives to Ajv.
 *   bench-validate DRAFT URI RECORDS.ndjson SCHEMA.json…
 * (a schema is known as file:///schema/NAME and by its $id)
 * prints `N of M valid, X MB/s`: the best pass of at least a second's passes, after one to warm up. Formats
 * are asserted. One thread. */
#include "lib/base/buf.h"
#include "lib/schema/schema.h"

static bool read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");
	char piece[65536];
	size_t n;

	if (!f)
		return false;
	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		buf_add(out, view_make(piece, n));
	fclose(f);
	return !out->failed;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fail(const struct error *e)
{
	char text[700];

	fprintf(stderr, "bench-validate: %s\n", error_print(e, text, sizeof text));
	return EXIT_FAILURE;
}

/* One pass over all lines; returns how many are valid, and their number and bytes. */
static unsigned pass(const struct schema *s, struct schema_run *run, struct tape_parser *parser, struct view lines,
                     unsigned *n, size_t *bytes)
{
	unsigned valid = 0;
	struct tape t;

	*n = 0;
	*bytes = 0;
	while (lines.n) {
		struct view line = view_cut(&lines, '\n');
		if (!line.n)
			continue;
		++*n;
		*bytes += line.n;
		if (tape_parse(parser, line, &t, NULL))
			valid += schema_check(s, run, &t, 0) == SCHEMA_VALID;
	}
	return valid;
}

int main(int argc, char **argv)
{
	static const char *const drafts[] = { "6", "7", "2019-09", "2020-12" };
	struct schema_options o = { .draft = DRAFT_2020_12, .formats = true };
	struct error e = { .reason = REASON_NONE };
	struct buf records = BUF_INIT(1u << 30);
	struct schema_set *set = schema_set_new();

	if (argc < 5 || !set) {
		fputs("usage: bench-validate DRAFT URI RECORDS.ndjson SCHEMA.json…\n", stderr);
		return EXIT_FAILURE;
	}
	for (int d = 0; d < 4; d++)
		if (strcmp(argv[1], drafts[d]) == 0)
			o.draft = (enum schema_draft)d;
	for (int i = 4; i < argc; i++) {
		struct buf text = BUF_INIT(64u << 20), uri = BUF_INIT(4096);
		const char *slash = strrchr(argv[i], '/');
		buf_addf(&uri, "file:///schema/%s", slash ? slash + 1 : argv[i]);
		if (!read_file(argv[i], &text) || !schema_set_add(set, buf_view(&uri), buf_view(&text), &e)) {
			error_set(&e, REASON_IO, "%s: cannot be read", argv[i]);
			return fail(&e);
		}
		buf_free(&text);
		buf_free(&uri);
	}
	double start = seconds();
	struct schema *schema = schema_compile(set, view_of(argv[2]), &o, &e);
	double compiled = seconds() - start;
	struct schema_run *run = schema_run_new();
	struct tape_parser *parser = tape_parser_new(NULL);
	if (!schema || !run || !parser || !read_file(argv[3], &records)) {
		error_set(&e, REASON_IO, "%s: cannot be read", argv[3]);
		return fail(&e);
	}
	unsigned n, valid = pass(schema, run, parser, buf_view(&records), &n, &(size_t){ 0 });
	double best = 1e9, until = seconds() + 1.5;
	size_t bytes = 0;
	do {
		start = seconds();
		pass(schema, run, parser, buf_view(&records), &n, &bytes);
		double took = seconds() - start;
		best = took < best ? took : best;
	} while (seconds() < until);
	printf("%u of %u valid, %.1f MB/s, compiled in %.1f ms\n", valid, n, (double)bytes / best / 1e6,
	       compiled * 1e3);
	schema_unref(schema);
	schema_run_free(run);
	tape_parser_free(parser);
	schema_set_free(set);
	buf_free(&records);
	return EXIT_SUCCESS;
}
