/* Micro-benchmark of transforms and of the cryptography under them: a record of 2 KB with 6 pseudonyms and 10
 * drops, as a system sends it and with its members in order, through program_run() and program_check_output(), then
 * one primitive at a time. Prints a line each,
 * CPU time of the thread, medians of rounds, so that a busy machine disturbs little. */
#include <stdio.h>

#include "lib/json/splice.h"
#include "lib/transform/program.h"

#define ROUNDS 31

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Microseconds a call, the median of rounds. */
static double measure(void (*call)(void *arg), void *arg, unsigned times)
{
	double rounds[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		double start = now_us();

		for (unsigned i = 0; i < times; i++)
			call(arg);
		rounds[r] = (now_us() - start) / times;
	}
	qsort(rounds, ROUNDS, sizeof rounds[0], double_cmp);
	return rounds[ROUNDS / 2];
}

struct job {
	struct program *program;
	struct transform_run *run;
	struct tape_parser *parser;
	struct tape tape, output;
	struct tape_parser *output_parser;
	struct buf record, out;
	struct error e;
};

static void fail(const char *what)
{
	fprintf(stderr, "bench_transform: %s\n", what);
	exit(1);
}

/* Six identifying members, ten that go, the rest kept or made coarser, filled to 2 KB. */
static void make_record(struct job *j)
{
	j->record = BUF_INIT(1u << 16);
	buf_adds(&j->record, "{\"pnr\":{\"locator\":\"QX7TLM\",\"booked\":\"2026-03-02\",\"passengers\":[");
	for (int i = 0; i < 2; i++)
		buf_addf(
		        &j->record,
		        "%s{\"family\":\"M\xc3\xbcller-Beispiel\",\"given\":\"Erika Anna\",\"document\":\"L898902C%d\","
		        "\"born\":\"1984-03-17\",\"nationality\":\"UTO\",\"seat\":\"12A\",\"bags\":2,\"fare\":419.99,"
		        "\"email\":\"erika%d@mail.example\",\"phone\":\"+49 30 1234567\",\"meal\":\"VGML\"}",
		        i ? "," : "", i, i);
	buf_adds(
	        &j->record,
	        "],\"agency\":\"Beispielreisen\",\"payment\":\"4111111111111111\",\"remarks\":\"none\",\"segments\":[");
	for (int i = 0; j->record.n < 1950; i++)
		buf_addf(
		        &j->record,
		        "%s{\"from\":\"UTA\",\"to\":\"UTB\",\"flight\":\"UT%d\",\"departure\":\"2026-04-01T10:%02d:00Z\"}",
		        i ? "," : "", 100 + i, i);
	buf_adds(&j->record, "]}}");
}

static void make_program(struct job *j)
{
	json_t *name = json_pack("{s:s,s:s}", "domain", "person", "normalise", "name");
	json_t *document = json_pack("{s:s,s:s}", "domain", "document", "normalise", "document");
	json_t *year = json_pack("{s:s}", "to", "year"), *whole = json_pack("{s:i}", "digits", 0);
	const struct field_rule rules[] = {
		{ .id = "family", .pointer = "/pnr/passengers/*/family", .action = ACTION_PSEUDONYM, .params = name },
		{ .id = "given", .pointer = "/pnr/passengers/*/given", .action = ACTION_PSEUDONYM, .params = name },
		{ .id = "document",
		  .pointer = "/pnr/passengers/*/document",
		  .action = ACTION_PSEUDONYM,
		  .params = document },
		{ .id = "born", .pointer = "/pnr/passengers/*/born", .action = ACTION_DATE_TRUNC, .params = year },
		{ .id = "nationality", .pointer = "/pnr/passengers/*/nationality", .action = ACTION_KEEP },
		{ .id = "bags", .pointer = "/pnr/passengers/*/bags", .action = ACTION_KEEP },
		{ .id = "fare", .pointer = "/pnr/passengers/*/fare", .action = ACTION_ROUND, .params = whole },
		{ .id = "email", .pointer = "/pnr/passengers/*/email", .action = ACTION_DROP },
		{ .id = "phone", .pointer = "/pnr/passengers/*/phone", .action = ACTION_DROP },
		{ .id = "payment", .pointer = "/pnr/payment", .action = ACTION_DROP },
		{ .id = "segments", .pointer = "/pnr/segments/*/*", .action = ACTION_KEEP },
		{ .id = "locator", .pointer = "/pnr/locator", .action = ACTION_KEEP },
	};
	struct key_context keys = { .agreement = VIEW("bench"), .purpose = VIEW("border-check"), .epoch = 1 };
	struct error_list errors = { .n = 0 };

	keys.secret.n = 32;
	j->program = program_compile(rules, sizeof rules / sizeof *rules, &keys, &errors);
	if (!j->program)
		fail(errors.n ? errors.items[0].text : "the rules do not compile");
	json_decref(name);
	json_decref(document);
	json_decref(year);
	json_decref(whole);
}

static void run_once(void *arg)
{
	struct job *j = arg;
	struct transform_input in = { .tape = &j->tape };

	buf_reset(&j->out);
	if (!program_run(j->program, j->run, &in, &j->out, &j->e))
		fail(j->e.text);
}

static void check_once(void *arg)
{
	struct job *j = arg;

	if (!program_check_output(j->program, &j->output, 0, &j->e))
		fail(j->e.text);
}

static void parse_once(void *arg)
{
	struct job *j = arg;

	if (!tape_parse(j->parser, buf_view(&j->record), &j->tape, &j->e))
		fail(j->e.text);
}

/* A remark of 2 KB in plain words, with an identifier in every fourth sentence, through each recogniser. */
static void make_text(struct job *j)
{
	json_t *all = json_pack("{s:[s,s,s,s,s]}", "recognisers", "iban", "card", "mrz", "email", "phone");
	const struct field_rule rule = {
		.id = "remark", .pointer = "/remark", .action = ACTION_REDACT_TEXT, .params = all
	};
	struct key_context keys = { .agreement = VIEW("bench"), .purpose = VIEW("border-check"), .epoch = 1 };
	struct error_list errors = { .n = 0 };

	j->record = BUF_INIT(1u << 16);
	buf_adds(&j->record, "{\"remark\":\"");
	for (int i = 0; j->record.n < 1900; i++)
		buf_adds(&j->record, i % 4 == 1   ? "Please call +49 30 1234567 before noon. "
		                     : i % 4 == 3 ? "The refund of 419.99 goes to DE89 3704 0044 0532 0130 00. "
		                                  : "The family asks for seats beside each other on 1 April 2026. ");
	buf_adds(&j->record, "\"}");
	j->program = program_compile(&rule, 1, &keys, &errors);
	if (!j->program)
		fail(errors.n ? errors.items[0].text : "the rule does not compile");
	json_decref(all);
}

static void bench_text(void)
{
	struct job j = { .out = BUF_INIT(1u << 16), .run = transform_run_new(), .parser = tape_parser_new(NULL) };

	make_text(&j);
	parse_once(&j);
	printf("redact-text, %zu bytes  %8.2f us\n", j.record.n, measure(run_once, &j, 500));
	program_free(j.program);
	transform_run_free(j.run);
	tape_parser_free(j.parser);
	buf_free(&j.record);
	buf_free(&j.out);
}

/* The same record in the form in which it would leave whole. */
static void sort_record(struct job *j)
{
	struct member_order order = { .keys = NULL };
	struct buf sorted = BUF_INIT(1u << 16);
	struct splice s;

	splice_start(&s, &sorted, &order);
	splice_copy(&s, &j->tape, 0);
	member_order_free(&order);
	buf_free(&j->record);
	j->record = sorted;
	parse_once(j);
}

/* An agreement of 500 rules, each with a key of its own. */
static void compile_once(void *arg)
{
	static struct field_rule rules[500];
	static char ids[500][8], pointers[500][32];
	struct key_context keys = { .agreement = VIEW("bench"), .purpose = VIEW("border-check"), .epoch = 1 };
	struct error_list errors = { .n = 0 };

	keys.secret.n = 32;
	for (int i = 0; i < 500; i++) {
		snprintf(ids[i], sizeof ids[i], "r%d", i);
		snprintf(pointers[i], sizeof pointers[i], "/a/*/f%d/*/g%d", i % 40, i);
		rules[i] = (struct field_rule){
			.id = ids[i], .pointer = pointers[i], .action = ACTION_PSEUDONYM, .params = arg
		};
	}
	struct program *p = program_compile(rules, 500, &keys, &errors);
	if (!p)
		fail(errors.n ? errors.items[0].text : "the rules do not compile");
	program_free(p);
}

struct primitives {
	struct hmac_key *hmac;
	struct siv_key *siv;
	struct ff1_key *ff1;
	struct gcm *gcm;
	struct ed25519_key *sign;
	uint8_t key[64], out[2048], text[1024];
};

static void do_hmac(void *arg)
{
	struct primitives *p = arg;
	struct view v = view_make(p->text, 24);
	struct digest d;

	hmac_parts(p->hmac, &v, 1, &d);
	p->text[0] = d.b[0];
}

static void do_siv(void *arg)
{
	struct primitives *p = arg;
	struct view context[] = { VIEW("north-south-1"), VIEW("border-check"), VIEW("person") };

	if (!siv_seal(p->siv, context, 3, view_make(p->text, 32), p->out))
		fail("SIV");
}

static void do_gcm(void *arg)
{
	struct primitives *p = arg;

	if (!gcm_seal(p->gcm, p->key, p->key + 32, VIEW("aad"), view_make(p->text, 1024), p->out))
		fail("GCM");
}

static void do_sha256(void *arg)
{
	struct primitives *p = arg;
	struct digest d;

	sha256(view_make(p->text, 1024), &d);
	p->text[0] = d.b[0];
}

static void do_ff1(void *arg)
{
	struct primitives *p = arg;
	const uint8_t digits[16] = { 4, 1, 1, 1 };

	if (!ff1_crypt(p->ff1, false, VIEW(""), digits, 16, p->out))
		fail("FF1");
}

static void do_sign(void *arg)
{
	struct primitives *p = arg;

	if (!ed25519_sign(p->sign, view_make(p->text, 200), p->out))
		fail("Ed25519");
}

int main(void)
{
	struct job j = { .out = BUF_INIT(1u << 16),
		         .run = transform_run_new(),
		         .parser = tape_parser_new(NULL),
		         .output_parser = tape_parser_new(NULL) };
	struct primitives p = { .gcm = gcm_new() };

	make_record(&j);
	make_program(&j);
	parse_once(&j);
	run_once(&j);
	if (!tape_parse(j.output_parser, buf_view(&j.out), &j.output, &j.e))
		fail(j.e.text);
	size_t steps, pseudonyms = 0, dropped = 0;
	const struct trace_step *s = transform_trace(j.run, &steps);
	for (size_t i = 0; i < steps; i++) {
		pseudonyms += s[i].action == ACTION_PSEUDONYM;
		dropped += s[i].action == ACTION_DROP;
	}
	printf("record of %zu bytes, %zu leaves: %zu pseudonyms, %zu drops; %zu bytes leave\n", j.record.n, steps,
	       pseudonyms, dropped, j.out.n);
	printf("  read into tape         %8.2f us\n", measure(parse_once, &j, 2000));
	printf("  program_run            %8.2f us\n", measure(run_once, &j, 2000));
	printf("  program_check_output   %8.2f us\n", measure(check_once, &j, 2000));
	sort_record(&j);
	printf("  program_run, sorted    %8.2f us\n", measure(run_once, &j, 2000));

	bench_text();
	json_t *params = json_pack("{s:s,s:s}", "domain", "person", "normalise", "name");
	printf("compile 500 rules        %8.2f ms\n", measure(compile_once, params, 2) / 1e3);
	json_decref(params);
	p.hmac = hmac_key_new(view_make(p.key, 32));
	p.siv = siv_key_new(p.key);
	p.ff1 = ff1_key_new(view_make(p.key, 32), 10);
	p.sign = ed25519_from_seed(p.key);
	printf("HMAC-SHA-256, 24 bytes   %8.0f ns\n", measure(do_hmac, &p, 20000) * 1e3);
	printf("AES-256-SIV, 32 bytes    %8.0f ns\n", measure(do_siv, &p, 5000) * 1e3);
	printf("AES-256-GCM, 1 KB        %8.0f ns\n", measure(do_gcm, &p, 10000) * 1e3);
	printf("SHA-256, 1 KB            %8.0f ns\n", measure(do_sha256, &p, 10000) * 1e3);
	printf("FF1, 16 digits           %8.0f ns\n", measure(do_ff1, &p, 2000) * 1e3);
	printf("Ed25519 signature        %8.0f ns\n", measure(do_sign, &p, 200) * 1e3);
	return 0;
}
