/* What one record costs in the pure part, with the passenger preset: envelope, authorise, input schema, rules,
 * conclusion, output schema, and the decision as JSON. Two records: the preset's own example, and one of 2 KB of
 * which 6 leaves become pseudonyms and 10 go. Then what an agreement of 500 rules costs to compile. Prints CPU
 * time of the thread, medians of rounds, and how often a warm exchange allocates.
 * With two arguments, CASE (0: the example, 1: 2 KB) and TURNS, that case alone and each step so many times: what
 * instructions.py has counted. */
#include <check.h>
#include <time.h>

/* The helpers assert; outside a test runner that must simply end the program. */
#undef ck_assert_msg
#define ck_assert_msg(expr, ...) ((expr) ? (void)0 : abort())

#include "test/memory.h"
#include "test/policy/support.h"

#define ROUNDS 31
#define TURNS  500

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct job {
	struct bench b;
	struct facts facts;
	const struct agreement *agreement;
	struct tape out;
	struct buf text, json;
	struct error e;
};

static bool read_envelope(struct job *j)
{
	buf_reset(&j->b.scratch);
	return tape_parse(j->b.in, buf_view(&j->text), &j->b.tape, &j->e) &&
	       envelope_read(j->b.envelope_schema, j->b.run, &j->b.tape, &j->b.scratch, &j->b.envelope, &j->e);
}

static bool authorise(struct job *j)
{
	return decision_authorise(&j->b.decision, j->agreement, &j->facts, &j->b.envelope, &j->b.tape);
}

static bool check_input(struct job *j)
{
	return schema_check(j->b.decision.ruling->input, j->b.run, &j->b.tape, j->b.envelope.record) == SCHEMA_VALID;
}

static bool transform(struct job *j)
{
	struct transform_input in = { .tape = &j->b.tape, .record = j->b.envelope.record };

	buf_reset(&j->b.record);
	return program_run(j->b.decision.ruling->program, j->b.transform, &in, &j->b.record, &j->e);
}

static bool conclude(struct job *j)
{
	return decision_conclude(&j->b.decision, &j->b.envelope, &j->b.tape, j->b.transform);
}

static bool check_output(struct job *j)
{
	return tape_parse(j->b.out, buf_view(&j->b.record), &j->out, &j->e) &&
	       schema_check(j->b.decision.ruling->output, j->b.run, &j->out, 0) == SCHEMA_VALID;
}

static bool write_decision(struct job *j)
{
	buf_reset(&j->json);
	decision_json(&j->b.decision, &j->b.tape, j->b.envelope.record, j->b.transform, &j->json);
	return !j->json.failed;
}

/* The part that the sum is of. */
static bool judge(struct job *j)
{
	return authorise(j) && check_input(j) && transform(j) && conclude(j) && check_output(j);
}

static const struct step {
	const char *name;
	bool (*call)(struct job *j);
} steps[] = {
	{ "read envelope", read_envelope },
	{ "authorise", authorise },
	{ "input schema", check_input },
	{ "rules", transform },
	{ "conclude", conclude },
	{ "output schema", check_output },
	{ "decision JSON", write_decision },
};
#define STEPS (sizeof steps / sizeof steps[0])

static void must(bool ok, const struct job *j)
{
	if (ok)
		return;
	fprintf(stderr, "bench_policy: %s %s\n", j->e.where, j->e.text);
	exit(EXIT_FAILURE);
}

/* Microseconds a call, the median of rounds. */
static double measure(struct job *j, bool (*call)(struct job *j))
{
	double rounds[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		double start = cpu_us();
		bool ok = true;

		for (int i = 0; i < TURNS; i++)
			ok = call(j) && ok;
		rounds[r] = (cpu_us() - start) / TURNS;
		must(ok, j);
	}
	qsort(rounds, ROUNDS, sizeof rounds[0], by_value);
	return rounds[ROUNDS / 2];
}

/* What left as a pseudonym, and what went. */
static size_t count(const struct job *j, enum action action)
{
	size_t n, found = 0;
	const struct trace_step *trace = transform_trace(j->b.transform, &n);

	for (size_t i = 0; i < n; i++)
		found += trace[i].action == action;
	return found;
}

static void run_case(struct job *j, const char *title)
{
	unsigned long before;
	double sum = 0;

	for (size_t k = 0; k < STEPS; k++)
		must(steps[k].call(j), j);
	printf("%s: record of %zu bytes, envelope of %zu; %u leaves released, %u transformed, %zu of them pseudonyms; %zu dropped\n",
	       title, (size_t)j->b.tape.nodes[j->b.envelope.record].len, j->text.n, j->b.decision.released,
	       j->b.decision.transformed, count(j, ACTION_PSEUDONYM), count(j, ACTION_DROP));
	before = allocations;
	for (int i = 0; i < 100; i++)
		for (size_t k = 0; k < STEPS; k++)
			must(steps[k].call(j), j);
	before = allocations - before;
	for (size_t k = 0; k < STEPS; k++) {
		double us = measure(j, steps[k].call);

		printf("  %-14s %7.2f us\n", steps[k].name, us);
		sum += steps[k].call == read_envelope || steps[k].call == write_decision ? 0 : us;
	}
	printf("  authorise + validate + transform + output validation: %.2f us step by step, %.2f us in one go\n", sum,
	       measure(j, judge));
	if (SANITIZER_ALLOCATES)
		printf("  allocations: the sanitizer's own, not counted\n");
	else
		printf("  allocations: %lu in 100 warm records\n", before);
}

/* The preset's own example. */
static void take_example(struct job *j)
{
	json_t *envelope = json_load_file("conf/records/pnr/released.json", 0, NULL);
	char *text = json_dumps(envelope, JSON_COMPACT);

	must(text != NULL, j);
	buf_reset(&j->text);
	buf_adds(&j->text, text);
	free(text);
	json_decref(envelope);
}

/* One traveller: 6 identifiers become pseudonyms, 10 leaves go; flights up to 2 KB. */
static void make_record(struct job *j)
{
	size_t start;

	buf_reset(&j->text);
	buf_adds(
	        &j->text,
	        "{\"purpose\":\"serious-crime\",\"legal_basis\":\"pnr-law\",\"tier\":\"T1\",\"subject_category\":\"suspect\","
	        "\"case\":\"XN-2026-0815\",\"schema\":\"passenger\",\"necessity\":{\"criterion\":\"serious-crime\",\"likelihood\":\"likely\","
	        "\"alternative\":\"A check by name alone would return too many others.\","
	        "\"explanation\":\"The record concerns the person under investigation in this case.\"},\"record\":");
	start = j->text.n;
	buf_adds(
	        &j->text,
	        "{\"locator\":\"1DEGZD\",\"carrier\":\"XZ\",\"reserved_on\":\"2026-01-17\",\"ticketed_on\":\"2026-01-07\","
	        "\"travel_dates\":[\"2026-03-02\"],\"travellers\":[{\"family\":\"Testovi\xc4\x87\",\"given\":\"Golf\",\"seat\":\"27A\","
	        "\"baggage\":{\"pieces\":1,\"weight_kg\":4.2,\"tags\":[\"0999091390\"]},\"api\":{\"document_type\":\"passport\","
	        "\"document_number\":\"X9960308\",\"issuing_country\":\"XN\",\"expires\":\"2031-07-05\",\"nationality\":\"XQ\",\"sex\":\"F\","
	        "\"born\":\"1986-05-18\"}}],\"party_size\":1,\"contact\":{\"address\":{\"street\":\"54 Nowhere Lane\",\"postcode\":\"25276\","
	        "\"city\":\"Exampletown\",\"country\":\"XN\"},\"phone\":\"+99918955597\",\"email\":\"person1@mail.example\"},"
	        "\"payment\":{\"form\":\"card\",\"card\":\"9711471049746500\",\"holder\":\"Hotel Dummyvich\",\"amount\":377.69,"
	        "\"currency\":\"XTS\",\"billing_address\":\"15 Nowhere Lane, Exampletown\"},\"agency\":{\"iata\":\"84656321\","
	        "\"name\":\"Sample Travel\",\"agent\":\"Charlie Dummyvich\"},\"status\":\"booked\",\"ticket\":{\"one_way\":false},"
	        "\"itinerary\":[");
	for (int i = 0; j->text.n - start < 2000; i++)
		buf_addf(
		        &j->text,
		        "%s{\"flight\":\"XZ%d\",\"operated_by\":\"XY\",\"from\":\"XNB\",\"to\":\"XSA\","
		        "\"departs\":\"2026-03-%02dT07:25:00Z\",\"arrives\":\"2026-03-%02dT12:58:00Z\",\"cabin\":\"business\"}",
		        i ? "," : "", 160 + i, i + 1, i + 1);
	buf_adds(&j->text, "]}}");
}

/* An agreement of 500 rules, each fourth with a key, over a schema of as many members. */
static void compile_rules(struct schema_files *files, const struct agreement_sources *from)
{
	struct buf schema = BUF_INIT(1 << 20), rules = BUF_INIT(1 << 20), hex = BUF_INIT(100);
	struct error_list errors = { .max = 20 };
	json_t *doc = preset("pnr");
	double rounds[ROUNDS];
	struct digest d;

	buf_adds(&schema, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
	                  "\"additionalProperties\":false,\"properties\":{\"f\":{\"type\":\"string\"}");
	buf_adds(&rules, "[");
	for (unsigned i = 0; i < 500; i++) {
		buf_addf(&schema, ",\"f%u\":{\"type\":\"string\"}", i);
		buf_addf(&rules,
		         "%s{\"id\":\"r%u\",\"pointer\":\"/f%u\",\"category\":\"quasi-identifier\",\"action\":%s",
		         i ? "," : "", i, i,
		         i % 4 ? "\"keep\"}"
		               : "\"pseudonym\",\"params\":{\"domain\":\"document\",\"normalise\":\"exact\"}}");
	}
	buf_adds(&schema, "}}");
	buf_adds(&rules, "]");
	buf_addc(&rules, '\0');
	sha256(buf_view(&schema), &d);
	digest_print(&hex, &d);
	buf_addc(&hex, '\0');
	files->text[files->n++] = buf_view(&schema);
	json_object_set_new(doc, "rules", json_loads(rules.p, 0, NULL));
	json_object_set_new(json_array_get(json_object_get(doc, "schemas"), 0), "input", json_string(hex.p));
	char *text = json_dumps(doc, JSON_INDENT(1));
	for (int r = 0; r < ROUNDS; r++) {
		double start = cpu_us();
		struct agreement *a = agreement_load("bench.json", view_of(text), VIEW(""), from, &errors);

		rounds[r] = cpu_us() - start;
		print_errors(&errors);
		if (!a)
			exit(EXIT_FAILURE);
		agreement_unref(a);
	}
	qsort(rounds, ROUNDS, sizeof rounds[0], by_value);
	printf("agreement of 500 rules (%zu bytes): read, checked and compiled in %.2f ms\n", strlen(text),
	       rounds[ROUNDS / 2] / 1e3);
	files->n--;
	free(text);
	json_decref(doc);
	buf_free(&schema);
	buf_free(&rules);
	buf_free(&hex);
	error_list_free(&errors);
}

/* Each step, and all that the sum is of in one go, so many times. */
static void only(struct job *j, unsigned turns)
{
	for (unsigned i = 0; i < turns; i++) {
		for (size_t k = 0; k < STEPS; k++)
			must(steps[k].call(j), j);
		must(judge(j), j);
	}
}

int main(int argc, char **argv)
{
	struct schema_files files;
	struct error_list errors = { .max = 20 };
	struct job j = { .text = BUF_INIT(1 << 20), .json = BUF_INIT(1 << 20), .facts = plain_facts() };

	schema_files_read(&files);
	struct agreement_sources from = draft_sources(&files);
	json_t *doc = preset("pnr");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	if (!a)
		return EXIT_FAILURE;
	j.agreement = a;
	bench_open(&j.b);
	if (argc == 3) {
		(argv[1][0] == '0' ? take_example : make_record)(&j);
		only(&j, (unsigned)strtoul(argv[2], NULL, 10));
	} else {
		take_example(&j);
		run_case(&j, "the preset's example");
		make_record(&j);
		run_case(&j, "2 KB");
		compile_rules(&files, &from);
	}
	bench_close(&j.b);
	agreement_unref(a);
	json_decref(doc);
	buf_free(&j.text);
	buf_free(&j.json);
	schema_files_free(&files);
	error_list_free(&errors);
	return EXIT_SUCCESS;
}
