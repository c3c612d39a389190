/* How fast the tape reader is, beside jansson in the same run: BODS statements and FHIR patients of
 * GATEWAY_TEST_DATA, one record a call, and made-up records of the project's own shape. Prints MB/s
 * (10^6 bytes) of both and their ratio, the median of several rounds. Takes seconds a round as its
 * argument (default 0.3). */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/json/splice.h"
#include "lib/json/tape.h"

#define ROUNDS 5
#define RECORDS_MAX 2048

struct corpus {
	const char *name;
	struct view records[RECORDS_MAX];
	size_t n, bytes;
	struct buf text;
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
	fprintf(stderr, "bench_json: %s\n", what);
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

static void add_record(struct corpus *c, struct view record)
{
	must(c->n < RECORDS_MAX, "too many records");
	c->records[c->n++] = record;
	c->bytes += record.n;
}

/* Records that lie one after another in c->text, each ended by a newline. */
static void add_lines(struct corpus *c)
{
	struct view rest = buf_view(&c->text);

	while (rest.p && rest.n > 0) {
		struct view line = view_cut(&rest, '\n');
		if (line.n > 0)
			add_record(c, line);
	}
}

static bool load_fhir(struct corpus *c, const char *data)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/fhir/patients.ndjson", data);
	if (!read_file(path, &c->text))
		return false;
	add_lines(c);
	return true;
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
	return true;
}

/* Envelopes of the project's shape, about 1 KB each, everything in them made up. */
static bool make_envelopes(struct corpus *c, const char *data)
{
	(void)data;
	for (unsigned i = 0; i < 500; i++)
		buf_addf(&c->text, "{\"purpose\":\"criminal-investigation\",\"legal_basis\":\"example-act-%u\",\"tier\":%u,"
			"\"case\":\"EX-2026-%06u\",\"necessity\":{\"why\":\"Asked for by the examining magistrate of "
			"the case named above.\",\"adequate\":true,\"less_intrusive\":false},\"record\":{\"persons\":["
			"{\"id\":\"p%u\",\"name\":{\"family\":\"Example-%u\",\"given\":[\"Ada\",\"Zo\xc3\xab\"]},"
			"\"born\":\"19%02u-0%u-1%u\",\"addresses\":[{\"street\":\"Sample Street %u\",\"town\":"
			"\"Sampletown\",\"country\":\"XX\"},{\"street\":\"Rue de l'Exemple %u\",\"town\":\"Exempleville\","
			"\"country\":\"XY\"}],\"documents\":[{\"type\":\"passport\",\"number\":\"X%08u\",\"until\":"
			"\"2031-01-31\"}],\"phone\":\"+00 555 %07u\",\"remark\":\"He said \\\"no\\\".\\nThen left.\"}],"
			"\"accounts\":[{\"iban\":\"XX00EXMP%010u\",\"balance\":%u.%02u,\"currency\":\"XTS\"},"
			"{\"iban\":\"XX00EXMP%010u\",\"balance\":-%u.5,\"currency\":\"XTS\"}],"
			"\"observed\":[[%u,%u.25,null,true],[%u,%u.75,null,false]]}}\n",
			i % 9, i % 3, i, i, i, i % 100, i % 9 + 1, i % 10, i, i * 7, i * 31, i * 977, i * 13, i * 19,
			i % 100, i * 17, i, i * 3, i % 90, i * 5, i % 45);
	must(!c->text.failed, "memory ran out");
	add_lines(c);
	return true;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run_tape(const struct corpus *c, void *arg)
{
	struct tape t;

	for (size_t i = 0; i < c->n; i++)
		must(tape_parse(arg, c->records[i], &t, NULL), "the tape refuses a record");
}

static void run_jansson(const struct corpus *c, void *arg)
{
	(void)arg;
	for (size_t i = 0; i < c->n; i++) {
		json_t *j = json_loadb(c->records[i].p, c->records[i].n, 0, NULL);
		must(j, "jansson refuses a record");
		json_decref(j);
	}
}

/* MB/s of `run`, the median of the rounds. */
static double measure(const struct corpus *c, void (*run)(const struct corpus *, void *), void *arg, double seconds)
{
	double rate[ROUNDS];

	run(c, arg);
	for (int r = 0; r < ROUNDS; r++) {
		double start = now_s(), took;
		size_t turns = 0;
		do {
			run(c, arg);
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
	} kinds[] = {
		{ "BODS statements", load_bods },
		{ "FHIR patients", load_fhir },
		{ "envelopes", make_envelopes },
	};
	const char *data = getenv("GATEWAY_TEST_DATA");
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.3;
	struct tape_parser *p = tape_parser_new(NULL);
	static struct corpus c;

	must(p, "memory ran out");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		c = (struct corpus){ .name = kinds[i].name, .text = BUF_INIT(1u << 26) };
		if (kinds[i].load(&c, data ? data : "")) {
			double jansson = measure(&c, run_jansson, NULL, seconds);
			double tape = measure(&c, run_tape, p, seconds);
			printf("json parse, %s (%zu, %zu bytes on average): tape %.1f MB/s, jansson %.1f MB/s, ratio %.1f\n",
			       c.name, c.n, c.bytes / c.n, tape, jansson, tape / jansson);
		} else {
			printf("SKIP json parse, %s: GATEWAY_TEST_DATA not found\n", c.name);
		}
		buf_free(&c.text);
	}
	tape_parser_free(p);
	return EXIT_SUCCESS;
}
