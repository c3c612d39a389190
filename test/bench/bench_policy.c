/* What one record costs in the pure part: envelope, authorise, input schema, rules, conclusion, output
 * schema, and the decision as JSON, with the passenger preset. One core; prints microseconds. */
#include <check.h>
#include <time.h>

/* The helpers assert; outside a test runner that must simply end the program. */
#undef ck_assert_msg
#define ck_assert_msg(expr, ...) ((expr) ? (void)0 : abort())

#include "test/policy/support.h"

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(void)
{
	struct schema_files files;
	struct error_list errors = { .max = 20 };
	struct error e = { .reason = REASON_NONE };
	struct bench b;
	struct buf json = BUF_INIT(1 << 20);
	enum { ROUNDS = 20000 };

	schema_files_read(&files);
	struct agreement_sources from = draft_sources(&files);
	json_t *doc = preset("pnr");
	struct agreement *a = load_doc(doc, &from, &errors);
	print_errors(&errors);
	bench_open(&b);
	struct facts facts = plain_facts();
	json_t *envelope = json_load_file("conf/records/pnr/released.json", 0, NULL);
	char *text = json_dumps(envelope, JSON_COMPACT);
	if (!a || bench_run(&b, a, &facts, view_of(text)) != OUTCOME_TRANSFORMED)
		return EXIT_FAILURE;
	double steps[7] = { 0 };
	for (int i = 0; i < ROUNDS; i++) {
		struct tape out;
		double t[8];
		buf_reset(&b.scratch);
		buf_reset(&b.record);
		buf_reset(&json);
		t[0] = cpu_us();
		bool ok = tape_parse(b.in, view_of(text), &b.tape, &e) &&
			envelope_read(b.envelope_schema, b.run, &b.tape, &b.scratch, &b.envelope, &e);
		t[1] = cpu_us();
		ok = ok && decision_authorise(&b.decision, a, &facts, &b.envelope, &b.tape);
		t[2] = cpu_us();
		ok = ok && schema_check(b.decision.ruling->input, b.run, &b.tape, b.envelope.record) == SCHEMA_VALID;
		t[3] = cpu_us();
		struct transform_input in = { .tape = &b.tape, .record = b.envelope.record };
		ok = ok && program_run(b.decision.ruling->program, b.transform, &in, &b.record, &e);
		t[4] = cpu_us();
		ok = ok && decision_conclude(&b.decision, &b.envelope, &b.tape, b.transform);
		t[5] = cpu_us();
		ok = ok && tape_parse(b.out, buf_view(&b.record), &out, &e) &&
			schema_check(b.decision.ruling->output, b.run, &out, 0) == SCHEMA_VALID;
		t[6] = cpu_us();
		decision_json(&b.decision, &b.tape, b.envelope.record, b.transform, &json);
		t[7] = cpu_us();
		if (!ok)
			return EXIT_FAILURE;
		for (int k = 0; k < 7; k++)
			steps[k] += t[k + 1] - t[k];
	}
	static const char *const names[] = { "read envelope", "authorise", "input schema", "rules", "conclude", "output schema", "decision JSON" };
	double sum = 0;
	printf("record of %zu bytes, envelope of %zu; %u leaves released, %u transformed, %u dropped\n",
	       (size_t)b.tape.nodes[b.envelope.record].len, strlen(text), b.decision.released, b.decision.transformed, b.decision.dropped);
	for (int k = 0; k < 7; k++) {
		printf("%-14s %7.2f us\n", names[k], steps[k] / ROUNDS);
		sum += k >= 1 && k <= 5 ? steps[k] / ROUNDS : 0;
	}
	printf("authorise + validate + transform + output validation: %.2f us\n", sum);
	bench_close(&b);
	agreement_unref(a);
	json_decref(doc);
	json_decref(envelope);
	free(text);
	buf_free(&json);
	schema_files_free(&files);
	error_list_free(&errors);
	return EXIT_SUCCESS;
}
