/* Real schemas with real records from GATEWAY_TEST_DATA: FHIR R4 (draft 6, 3.4 MB), the Beneficial
 * Ownership Data Standard 0.4 and STIX 2.1 (2020-12). What they are and how many must pass is told in the
 * README beside them. */
#include <check.h>
#include <time.h>

#include "lib/schema/schema.h"
#include "test/schema/testdata.h"

TCase *make_data_case(void);

struct data {
	char root[DATA_PATH];
	struct schema_set *set;
	struct schema *schema;
	struct schema_run *run;
	struct tape_parser *parser;
	unsigned valid, invalid, limit, shown;
};

static bool data_open(struct data *d, const char *folder)
{
	struct stat st;

	memset(d, 0, sizeof *d);
	if (data_folder())
		snprintf(d->root, sizeof d->root, "%s/%s", data_folder(), folder);
	if (!data_folder() || stat(d->root, &st) != 0) {
		printf("SKIP %s schemas and records: GATEWAY_TEST_DATA not found\n", folder);
		return false;
	}
	d->set = schema_set_new();
	d->run = schema_run_new();
	d->parser = tape_parser_new(&tape_document_limits);
	ck_assert(d->set && d->run && d->parser);
	return true;
}

static void data_close(struct data *d)
{
	schema_set_free(d->set);
	schema_run_free(d->run);
	schema_unref(d->schema);
	tape_parser_free(d->parser);
	fflush(stdout);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool print_fault(void *arg, const struct schema_fault *f)
{
	(void)arg;
	printf("    %.*s: %.*s (%.*s)\n", VIEW_ARG(f->pointer), VIEW_ARG(f->message), VIEW_ARG(f->location));
	return true;
}

static enum schema_verdict check_text(struct data *d, const struct schema *s, struct view text)
{
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	ck_assert_msg(tape_parse(d->parser, text, &t, &e), "%s", e.text);
	enum schema_verdict v = schema_check(s, d->run, &t, 0);
	d->valid += v == SCHEMA_VALID;
	d->invalid += v == SCHEMA_INVALID;
	d->limit += v == SCHEMA_LIMIT;
	if (v == SCHEMA_INVALID && d->shown > 0) {
		d->shown--;
		ck_assert_uint_gt(schema_explain(s, d->run, &t, 0, print_fault, NULL), 0);
	}
	return v;
}

/* --- FHIR -------------------------------------------------------------------------------------- */

static void compile_fhir(struct data *d, bool strict)
{
	static const struct view ignored[] = { { "discriminator", 13 } };
	struct schema_options o = {
		.draft = DRAFT_6, .strict = strict, .ignored = ignored, .n_ignored = 1, .formats = true
	};
	struct error e = { .reason = REASON_NONE };
	char path[DATA_PATH + 40];
	size_t n = 0;

	snprintf(path, sizeof path, "%s/fhir.schema.json", d->root);
	char *text = read_file(path, &n);
	ck_assert_ptr_nonnull(text);
	double start = seconds();
	ck_assert_msg(schema_set_add(d->set, VIEW("fhir.schema.json"), view_make(text, n), &e), "%s", e.text);
	d->schema = schema_compile(d->set, VIEW("fhir.schema.json#/definitions/Patient"), &o, &e);
	ck_assert_msg(d->schema, "%s: %s", e.where, e.text);
	printf("fhir: schema of %zu bytes read and compiled in %.3f s\n", n, seconds() - start);
	free(text);
}

START_TEST(fhir_patients)
{
	struct data d;
	char path[DATA_PATH + 40];
	size_t n = 0;

	if (!data_open(&d, "fhir"))
		return;
	compile_fhir(&d, true);
	snprintf(path, sizeof path, "%s/patients.ndjson", d.root);
	char *text = read_file(path, &n);
	ck_assert_ptr_nonnull(text);
	d.shown = 3;
	for (struct view rest = { text, n }, line; rest.p && rest.n;) {
		line = view_cut(&rest, '\n');
		if (line.n)
			check_text(&d, d.schema, line);
	}
	printf("fhir: %u/%u patients valid\n", d.valid, d.valid + d.invalid + d.limit);
	ck_assert_uint_eq(d.valid, 615);
	ck_assert_uint_eq(d.invalid + d.limit, 0);
	free(text);
	data_close(&d);
}
END_TEST

/* A schema that accepts everything would pass the test above. */
START_TEST(fhir_refuses)
{
	static const char *const wrong[] = {
		"{\"resourceType\":\"Patient\",\"gender\":\"none of these\"}",
		"{\"resourceType\":\"Patient\",\"unknown\":1}",
		"{\"resourceType\":\"Patient\",\"birthDate\":\"1999-13-01\"}",
		"{\"resourceType\":\"Patient\",\"name\":{\"family\":\"Muster\"}}",
		"{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Patient\",\"active\":\"yes\"}]}",
		"{\"resourceType\":\"Person\"}",
		"{}",
	};
	struct data d;

	if (!data_open(&d, "fhir"))
		return;
	compile_fhir(&d, true);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ck_assert_int_eq(check_text(&d, d.schema, view_of(wrong[i])), SCHEMA_INVALID);
	data_close(&d);
}
END_TEST

/* --- BODS -------------------------------------------------------------------------------------- */

static void add_schema(void *arg, const char *path)
{
	struct data *d = arg;
	struct error e = { .reason = REASON_NONE };
	size_t n = 0;
	char *text = read_file(path, &n), uri[DATA_PATH + 20];

	ck_assert_ptr_nonnull(text);
	snprintf(uri, sizeof uri, "test:%s", path + strlen(d->root));
	ck_assert_msg(schema_set_add(d->set, view_of(uri), view_make(text, n), &e), "%s: %s", path, e.text);
	free(text);
}

static void check_valid(void *arg, const char *path)
{
	struct data *d = arg;
	size_t n = 0;
	char *text = read_file(path, &n);

	if (check_text(d, d->schema, view_make(text, n)) != SCHEMA_VALID)
		printf("    %s is refused\n", strrchr(path, '/') + 1);
	free(text);
}

static void check_invalid(void *arg, const char *path)
{
	struct data *d = arg;
	size_t n = 0;
	char *text = read_file(path, &n);

	if (check_text(d, d->schema, view_make(text, n)) == SCHEMA_VALID)
		printf("    accepted: %s: the schema does not state what it breaks\n", strrchr(path, '/') + 1);
	free(text);
}

START_TEST(bods_statements)
{
	struct schema_options o = { .draft = DRAFT_2020_12, .formats = true };
	struct error e = { .reason = REASON_NONE };
	struct data d;
	char path[DATA_PATH + 60];

	if (!data_open(&d, "bods"))
		return;
	snprintf(path, sizeof path, "%s/schema", d.root);
	each_file(path, false, add_schema, &d);
	d.schema = schema_compile(d.set, VIEW("urn:statement"), &o, &e);
	ck_assert_msg(d.schema, "%s: %s", e.where, e.text);
	d.shown = 3;
	snprintf(path, sizeof path, "%s/tests/data/valid-statements", d.root);
	each_file(path, false, check_valid, &d);
	snprintf(path, sizeof path, "%s/examples", d.root);
	unsigned valid = d.valid;
	each_file(path, false, check_valid, &d);
	printf("bods: %u/%u valid statements accepted, %u/%u examples\n", valid, valid + d.invalid + d.limit,
	       d.valid - valid, d.valid - valid);
	ck_assert_uint_eq(d.invalid + d.limit, 0);
	ck_assert_uint_ge(valid, 111);
	d.valid = d.shown = 0;
	snprintf(path, sizeof path, "%s/tests/data/invalid-statements", d.root);
	each_file(path, false, check_invalid, &d);
	printf("bods: %u/%u invalid statements refused\n", d.invalid, d.valid + d.invalid);
	ck_assert_uint_ge(d.invalid, 182);
	ck_assert_uint_eq(d.limit, 0);
	data_close(&d);
}
END_TEST

/* --- STIX -------------------------------------------------------------------------------------- */

#define STIX_TYPES 64
struct stix_type {
	char name[80];
	struct schema *schema; /* NULL: no schema of that name */
};

static const struct schema *stix_schema(struct data *d, struct stix_type *types, size_t *n, struct view name)
{
	static const char *const folders[] = { "sdos", "sros", "common", "observables" };
	struct schema_options o = { .draft = DRAFT_2020_12 };

	for (size_t i = 0; i < *n; i++)
		if (view_is(name, types[i].name))
			return types[i].schema;
	ck_assert_uint_lt(*n, STIX_TYPES);
	struct stix_type *t = &types[(*n)++];
	snprintf(t->name, sizeof t->name, "%.*s", VIEW_ARG(name));
	for (size_t i = 0; i < 4 && !t->schema; i++) {
		struct error e = { .reason = REASON_NONE };
		char uri[200];

		snprintf(uri, sizeof uri, "test:/schemas/%s/%s.json", folders[i], t->name);
		t->schema = schema_compile(d->set, view_of(uri), &o, &e);
	}
	return t->schema;
}

START_TEST(stix_objects)
{
	static struct stix_type types[STIX_TYPES];
	struct error e = { .reason = REASON_NONE };
	struct data d;
	struct tape t;
	char path[DATA_PATH + 60];
	size_t n = 0, n_types = 0;
	unsigned without = 0;

	if (!data_open(&d, "stix"))
		return;
	snprintf(path, sizeof path, "%s/schemas", d.root);
	each_file(path, true, add_schema, &d);
	snprintf(path, sizeof path, "%s/ics-attack.json", d.root);
	char *text = read_file(path, &n);
	ck_assert_msg(tape_parse(d.parser, view_make(text, n), &t, &e), "%s", e.text);
	uint32_t list = tape_member(&t, 0, VIEW("objects"));
	for (uint32_t i = list + 1; i < t.nodes[list].next; i = t.nodes[i].next) {
		struct view type = tape_string(&t, tape_member(&t, i, VIEW("type")));
		const struct schema *s = stix_schema(&d, types, &n_types, type);

		if (!s) {
			without++;
			continue;
		}
		enum schema_verdict v = schema_check(s, d.run, &t, i);
		d.valid += v == SCHEMA_VALID;
		if (v != SCHEMA_VALID && ++d.invalid <= 3)
			schema_explain(s, d.run, &t, i, print_fault, NULL);
	}
	printf("stix: %u/%u objects valid, %u of types without a schema\n", d.valid, d.valid + d.invalid, without);
	ck_assert_uint_eq(d.valid, 1576);
	ck_assert_uint_eq(d.invalid, 0);
	ck_assert_uint_eq(without, 250);
	for (size_t i = 0; i < n_types; i++)
		schema_unref(types[i].schema);
	free(text);
	data_close(&d);
}
END_TEST

TCase *make_data_case(void)
{
	TCase *c = tcase_create("data");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, fhir_patients);
	tcase_add_test(c, fhir_refuses);
	tcase_add_test(c, bods_statements);
	tcase_add_test(c, stix_objects);
	return c;
}
