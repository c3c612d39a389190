/* How fast a record is read and checked against its schema, beside jansson reading it only, in the same
 * run: BODS statements and FHIR patients of GATEWAY_TEST_DATA, one record a call, and made-up passenger
 * records with the project's own schema. Formats are asserted for the latter. Prints MB/s (10^6 bytes) and
 * ratios, the median of several rounds. Takes seconds a round as its argument (default 0.3). */
#include "lib/schema/document.h"
#include "lib/schema/schema.h"
#include "test/bench/bench.h"

struct corpus {
	struct records records;
	struct schema *schema;
	struct schema_run *run;
	double compiled; /* seconds */
};

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
	if (!records_read_fhir(&c->records, data)) {
		schema_set_free(set);
		return false;
	}
	snprintf(path, sizeof path, "%s/fhir/fhir.schema.json", data);
	must(read_file(path, &file), "the schema of FHIR is not there");
	double start = now_s();
	must(schema_set_add(set, VIEW("fhir"), buf_view(&file), NULL), "the schema of FHIR is not JSON");
	compile(c, set, "fhir#/definitions/Patient", DRAFT_6);
	c->compiled = now_s() - start;
	buf_free(&file);
	return true;
}

static bool load_bods(struct corpus *c, const char *data)
{
	static const char *const files[] = {
		"statement", "components", "codelist-schema", "entity-record", "person-record", "relationship-record",
	};
	struct schema_set *set = schema_set_new();
	struct buf file = BUF_INIT(1u << 24);
	char path[4096];

	must(set, "memory ran out");
	if (!records_read_bods(&c->records, data)) {
		schema_set_free(set);
		return false;
	}
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
	return true;
}

/* About 1 KB each, everything in them made up. */
static bool make_passengers(struct corpus *c, const char *data)
{
	struct error e = { .reason = REASON_NONE };

	(void)data;
	for (unsigned i = 0; i < 500; i++)
		buf_addf(
		        &c->records.text,
		        "{\"locator\":\"EX%04u\",\"carrier\":\"XX\",\"reserved_on\":\"2026-01-%02u\",\"travel_dates\":[\"2026-03-%02u\","
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
		        i, i % 28 + 1, i % 28 + 1, i % 28 + 3, i, i % 40 + 1, i % 30, i * 31, i * 37, i * 977, i % 100,
		        i % 9 + 1, i % 10, i, i * 17 % 100000, i * 13, i, i * 7919, i * 3, i % 100, i % 999 + 1, i % 60,
		        i % 60, i % 99 + 1, i * 211, i % 10);
	records_take_lines(&c->records);
	double start = now_s();
	c->schema = document_schema(VIEW("records/passenger"), &e);
	c->compiled = now_s() - start;
	must(c->schema, e.text);
	return true;
}

static void run_schema(void *arg)
{
	const struct corpus *c = arg;
	struct tape t;

	for (size_t i = 0; i < c->records.n; i++) {
		must(tape_parse(c->records.parser, c->records.items[i], &t, NULL), "the tape refuses a record");
		must(schema_check(c->schema, c->run, &t, 0) == SCHEMA_VALID, "a record is not valid");
	}
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
	const struct records *r = &c.records;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		c = (struct corpus){ .run = schema_run_new() };
		must(c.run, "memory ran out");
		records_open(&c.records);
		if (kinds[i].load(&c, data ? data : "")) {
			double jansson = measure(r, run_jansson, &c.records, seconds),
			       tape = measure(r, run_tape, &c.records, seconds),
			       both = measure(r, run_schema, &c, seconds);
			printf("schema, %s (%zu, %zu bytes on average): read and check %.1f MB/s (%.2f us a record, %.2f of it checking), "
			       "jansson's reading alone %.1f MB/s, ratio %.1f (goal %.0f); schema compiled in %.1f ms\n",
			       kinds[i].name, r->n, r->bytes / r->n, both, (double)r->bytes / (double)r->n / both,
			       (double)r->bytes / (double)r->n * (1 / both - 1 / tape), jansson, both / jansson,
			       kinds[i].goal, c.compiled * 1e3);
			fflush(stdout);
		} else {
			printf("SKIP schema, %s: GATEWAY_TEST_DATA not found\n", kinds[i].name);
		}
		schema_unref(c.schema);
		schema_run_free(c.run);
		records_close(&c.records);
	}
	return EXIT_SUCCESS;
}
