/* What bench_json.c and bench_schema.c share: records one a call, from GATEWAY_TEST_DATA or made up, and the median rate of
 * reading them. One thread; whatever goes wrong ends the program. */
#ifndef TEST_BENCH_BENCH_H
#define TEST_BENCH_BENCH_H

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/buf.h"
#include "lib/json/splice.h"
#include "lib/json/tape.h"

#define ROUNDS      5
#define RECORDS_MAX 2048
#define TEXT_MAX    (1u << 26)

struct records {
	struct view items[RECORDS_MAX]; /* of text */
	size_t n, bytes;
	struct buf text;
	struct tape_parser *parser;
};

/* CPU seconds of this process. */
static inline double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	exit(EXIT_FAILURE);
}

static inline void records_open(struct records *r)
{
	*r = (struct records){ .text = BUF_INIT(TEXT_MAX), .parser = tape_parser_new(NULL) };
	must(r->parser, "memory ran out");
}

static inline void records_close(struct records *r)
{
	tape_parser_free(r->parser);
	buf_free(&r->text);
}

static inline bool read_file(const char *path, struct buf *out)
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

/* Takes the records that lie one after another in r->text, each ended by a newline. */
static inline void records_take_lines(struct records *r)
{
	struct view rest = buf_view(&r->text);

	must(!r->text.failed, "memory ran out");
	while (rest.p && rest.n > 0) {
		struct view line = view_cut(&rest, '\n');
		if (line.n == 0)
			continue;
		must(r->n < RECORDS_MAX, "too many records");
		r->items[r->n++] = line;
		r->bytes += line.n;
	}
}

/* FHIR patients. False: no such data. */
static inline bool records_read_fhir(struct records *r, const char *data)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/fhir/patients.ndjson", data);
	if (!read_file(path, &r->text))
		return false;
	records_take_lines(r);
	return true;
}

/* Each BODS statement of the example packages, as the splice writer copies it. False: no such data. */
static inline bool records_read_bods(struct records *r, const char *data)
{
	static const char *const files[] = {
		"bods-package",
		"bods-package-fi-soe",
		"fermcat",
		"full-pep-declaration",
		"indirect-ownership",
		"joint-ownership",
		"levent",
		"mixed-direct-and-indirect-ownership",
		"nomination",
		"tecido",
	};
	struct tape_parser *p = tape_parser_new(&tape_document_limits);
	struct buf file = BUF_INIT(1u << 24);
	struct member_order order = { .keys = NULL };
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
			splice_start(&s, &r->text, &order);
			splice_copy(&s, &t, v);
			buf_addc(&r->text, '\n');
		}
	}
	buf_free(&file);
	member_order_free(&order);
	tape_parser_free(p);
	records_take_lines(r);
	return true;
}

static inline void run_tape(void *arg)
{
	const struct records *r = arg;
	struct tape t;

	for (size_t i = 0; i < r->n; i++)
		must(tape_parse(r->parser, r->items[i], &t, NULL), "the tape refuses a record");
}

static inline void run_jansson(void *arg)
{
	const struct records *r = arg;

	for (size_t i = 0; i < r->n; i++) {
		json_t *j = json_loadb(r->items[i].p, r->items[i].n, 0, NULL);
		must(j, "jansson refuses a record");
		json_decref(j);
	}
}

static inline int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* MB/s of `run`, which goes once through the records; the median of the rounds. */
static inline double measure(const struct records *r, void (*run)(void *arg), void *arg, double seconds)
{
	double rate[ROUNDS];

	run(arg);
	for (int i = 0; i < ROUNDS; i++) {
		double start = now_s(), took;
		size_t turns = 0;
		do {
			run(arg);
			turns++;
			took = now_s() - start;
		} while (took < seconds);
		rate[i] = (double)turns * (double)r->bytes / took / 1e6;
	}
	qsort(rate, ROUNDS, sizeof *rate, by_value);
	return rate[ROUNDS / 2];
}

#endif
