/* How fast a record is read and checked against its schema, beside jansson reading it only, in the same
 * run: BODS statements and FHIR patients of GATEWAY_TEST_DATA, one record a call, and made-up passenger
 * records with the project's own schema. Formats are asserted for the latter. Prints MB/s (10^6 bytes) and
 * ratios, the median of several rounds. Takes seconds a round as its argument (default 0.3). */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/json/splice.h"
#include "lib/schema/document.h"
#include "lib/schema/schema.h"

#define ROUNDS 5
#define RECORDS_MAX 2048

struct corpus {
	struct view records[RECORDS_MAX];
	size_t n, bytes;
	struct buf text;
	struct schema *schema;
	struct tape_parser *parser;
	struct schema_run *run;
	double compiled;                /* seconds */
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench_schema: %s\n", what);
	exit(EXIT_FAILURE);
}

static bool read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		return false;
	do {
		char *room = buf_room(out, 65536);
		must(room, "memory ran out");
		n = fread(room, 1, 65536, f);
		out->n += n;
	} while (n > 0);
	fclose(f);
	return true;
}

/* Records that lie one after another in c->text, each ended by a newline. */
static void add_lines(struct corpus *c)
{
	struct view rest = buf_view(&c->text);

	while (rest.p && rest.n > 0) {
		struct view line = view_cut(&rest, '\n');
		if (line.n == 0)
			continue;
		must(c->n < RECORDS_MAX, "too many records");
		c->records[c->n++] = line;
		c->bytes += line.n;
	}
}

static void compile(struct corpus *c, struct schema_set *set, const char *uri, enum schema_draft draft)
{
	struct schema_options o = { .draft = draft };
	struct error e = { .reason = REASON_NONE };

	c->schema = schema_compile(set, view_of(uri), &o, &e);
	must(c->schema, e.text);
	schema_set_free(set);
}

static bool load_fhir(struct corpus *c, const char *data)
{
	struct schema_set *set = schema_set_new();
	struct buf file = BUF_INIT(1u << 24);
	char path[4096];

	must(set, "memory ran out");
	snprintf(path, sizeof path, "%s/fhir/patients.ndjson", data);
	if (!read_file(path, &c->text)) {
		schema_set_free(set);
		return false;
	}
	add_lines(c);
	snprintf(path, sizeof path, "%s/fhir/fhir.schema.json", data);
	must(read_file(path, &file), "the schema of FHIR is not there");
	double start = now_s();
	must(schema_set_add(set, VIEW("fhir"), buf_view(&file), NULL), "the schema of FHIR is not JSON");
	compile(c, set, "fhir#/definitions/Patient", DRAFT_6);
	c->compiled = now_s() - start;
	buf_free(&file);
	return true;
}

static void load_bods_schema(struct corpus *c, const char *data)
{
	static const char *const files[] = {
		"statement", "components", "codelist-schema", "entity-record", "person-record", "relationship-record",
	};
	struct schema_set *set = schema_set_new();
	struct buf file = BUF_INIT(1u << 24);
	char path[4096];

	must(set, "memory ran out");
	double start = now_s();
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/bods/schema/%s.json", data, files[i]);
		buf_reset(&file);
		must(read_file(path, &file), "a schema of BODS is not there");
		must(schema_set_add(set, view_of(files[i]), buf_view(&file), NULL), "a schema of BODS is not JSON");
	}
	compile(c, set, "urn:statement#/$defs/Statement", DRAFT_2020_12);
	c->compiled = now_s() - start;
	buf_free(&file);
}

/* Each statement of a package, as the splice writer copies it. */
static bool load_bods(struct corpus *c, const char *data)
{
	static const char *const files[] = {
		"bods-package", "bods-package-fi-soe", "fermcat", "full-pep-declaration", "indirect-ownership",
		"joint-ownership", "levent", "mixed-direct-and-indirect-ownership", "nomination", "tecido",
	};
	struct tape_parser *p = tape_parser_new(&tape_document_limits);
	struct buf file = BUF_INIT(1u << 24);
	struct splice s;
	struct tape t;
	char path[4096];

	must(p, "memory ran out");
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/bods/examples/%s.json", data, files[i]);
		buf_reset(&file);
		if (!read_file(path, &file)) {
			tape_parser_free(p);
			return false;
		}
		must(tape_parse(p, buf_view(&file), &t, NULL), "an example of BODS is not JSON");
		for (uint32_t v = 1; v < t.n; v = t.nodes[v].next) {
			splice_start(&s, &c->text);
			splice_copy(&s, &t, v);
			buf_addc(&c->text, '\n');
		}
	}
	must(!c->text.failed, "memory ran out");
	buf_free(&file);
	tape_parser_free(p);
	add_lines(c);
	load_bods_schema(c, data);
	return true;
}

/* About 1 KB each, everything in them made up. */
static bool make_passengers(struct corpus *c, const char *data)
{
	struct error e = { .reason = REASON_NONE };

	(void)data;
	for (unsigned i = 0; i < 500; i++)
		buf_addf(&c->text, "{\"locator\":\"EX%04u\",\"carrier\":\"XX\",\"reserved_on\":\"2026-01-%02u\",\"travel_dates\":[\"2026-03-%02u\","
			"\"2026-03-%02u\"],\"travellers\":[{\"family\":\"Example-%u\",\"given\":\"Ada\",\"seat\":\"%uC\",\"baggage\":{\"pieces\":2,"
			"\"weight_kg\":%u.5,\"tags\":[\"%010u\",\"%010u\"]},\"api\":{\"document_type\":\"passport\",\"document_number\":\"X%08u\","
			"\"issuing_country\":\"UTO\",\"expires\":\"2031-01-31\",\"nationality\":\"UTO\",\"sex\":\"F\",\"born\":\"19%02u-0%u-1%u\"}},"
			"{\"family\":\"Muster\",\"given\":\"Zo\xc3\xab\"}],\"party_size\":2,\"contact\":{\"address\":{\"street\":\"Sample Street %u\","
			"\"postcode\":\"%05u\",\"city\":\"Sampletown\",\"country\":\"UTO\"},\"phone\":\"+99955501%05u\",\"email\":\"ada%u@mail.example\"},"
			"\"payment\":{\"form\":\"card\",\"card\":\"4000%012u\",\"holder\":\"Ada Example\",\"amount\":%u.%02u,\"currency\":\"XTS\"},"
			"\"itinerary\":[{\"flight\":\"XX%u\",\"from\":\"AAA\",\"to\":\"BBB\",\"departs\":\"2026-03-01T10:%02u:00Z\",\"arrives\":"
			"\"2026-03-01T12:%02u:00+01:00\",\"cabin\":\"economy\"},{\"flight\":\"XX%u\",\"from\":\"BBB\",\"to\":\"AAA\",\"departs\":"
			"\"2026-03-10T10:00:00Z\",\"cabin\":\"business\"}],\"status\":\"confirmed\",\"remarks\":[\"Window seat asked for.\","
			"\"He said \\\"no\\\".\"],\"ticket\":{\"number\":\"%013u\",\"one_way\":false,\"fare_basis\":\"YEX%u\"}}\n",
			i, i % 28 + 1, i % 28 + 1, i % 28 + 3, i, i % 40 + 1, i % 30, i * 31, i * 37, i * 977, i % 100, i % 9 + 1, i % 10,
			i, i * 17 % 100000, i * 13, i, i * 7919, i * 3, i % 100, i % 999 + 1, i % 60, i % 60, i % 99 + 1, i * 211, i % 10);
	must(!c->text.failed, "memory ran out");
	add_lines(c);
	double start = now_s();
	c->schema = document_schema(VIEW("records/passenger"), &e);
	c->compiled = now_s() - start;
	must(c->schema, e.text);
	return true;
}

/* --- measuring --------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run_tape(struct corpus *c)
{
	struct tape t;

	for (size_t i = 0; i < c->n; i++)
		must(tape_parse(c->parser, c->records[i], &t, NULL), "the tape refuses a record");
}

static void run_schema(struct corpus *c)
{
	struct tape t;

	for (size_t i = 0; i < c->n; i++) {
		must(tape_parse(c->parser, c->records[i], &t, NULL), "the tape refuses a record");
		must(schema_check(c->schema, c->run, &t, 0) == SCHEMA_VALID, "a record is not valid");
	}
}

static void run_jansson(struct corpus *c)
{
	for (size_t i = 0; i < c->n; i++) {
		json_t *j = json_loadb(c->records[i].p, c->records[i].n, 0, NULL);
		must(j, "jansson refuses a record");
		json_decref(j);
	}
}

/* MB/s of `run`, the median of the rounds. */
static double measure(struct corpus *c, void (*run)(struct corpus *), double seconds)
{
	double rate[ROUNDS];

	run(c);
	for (int r = 0; r < ROUNDS; r++) {
		double start = now_s(), took;
		size_t turns = 0;
		do {
			run(c);
			turns++;
			took = now_s() - start;
		} while (took < seconds);
		rate[r] = (double)turns * (double)c->bytes / took / 1e6;
	}
	qsort(rate, ROUNDS, sizeof *rate, by_value);
	return rate[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool (*load)(struct corpus *c, const char *data);
		double goal;
	} kinds[] = {
		{ "BODS statements", load_bods, 5 },
		{ "FHIR patients", load_fhir, 3 },
		{ "passenger records", make_passengers, 5 },
	};
	const char *data = getenv("GATEWAY_TEST_DATA");
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.3;
	static struct corpus c;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		c = (struct corpus){ .text = BUF_INIT(1u << 26), .parser = tape_parser_new(NULL), .run = schema_run_new() };
		must(c.parser && c.run, "memory ran out");
		if (kinds[i].load(&c, data ? data : "")) {
			double jansson = measure(&c, run_jansson, seconds), tape = measure(&c, run_tape, seconds),
			       both = measure(&c, run_schema, seconds);
			printf("schema, %s (%zu, %zu bytes on average): read and check %.1f MB/s (%.2f us a record, %.2f of it checking), "
			       "jansson's reading alone %.1f MB/s, ratio %.1f (goal %.0f); schema compiled in %.1f ms\n",
			       kinds[i].name, c.n, c.bytes / c.n, both, (double)c.bytes / (double)c.n / both,
			       (double)c.bytes / (double)c.n * (1 / both - 1 / tape), jansson, both / jansson, kinds[i].goal,
			       c.compiled * 1e3);
			fflush(stdout);
		} else {
			printf("SKIP schema, %s: GATEWAY_TEST_DATA not found\n", kinds[i].name);
		}
		schema_unref(c.schema);
		schema_run_free(c.run);
		tape_parser_free(c.parser);
		buf_free(&c.text);
	}
	return EXIT_SUCCESS;
}
