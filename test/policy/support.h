/* What the tests of lib/policy share: files, the record schemas by digest, agreements made from a preset
 * with members exchanged. */
#ifndef TEST_POLICY_SUPPORT_H
#define TEST_POLICY_SUPPORT_H

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/policy/beside.h"
#include "lib/policy/decision.h"
#include "lib/schema/document.h"

static inline struct view read_whole(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t cap = 1 << 20, n;
	char *text = malloc(cap);

	ck_assert_msg(f != NULL, "cannot open %s", path);
	n = fread(text, 1, cap, f);
	ck_assert(n < cap);
	fclose(f);
	return view_make(text, n);
}

struct schema_files {
	struct view text[16];
	size_t n;
};

static inline void schema_files_read(struct schema_files *s)
{
	static const char *const names[] = { "passenger", "poi-notice", "fin-report", "stix-indicator",
		                             "tracing-request" };

	s->n = 0;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		char path[200];
		snprintf(path, sizeof path, "schema/records/%s.schema.json", names[i]);
		s->text[s->n++] = read_whole(path);
	}
}

static inline void schema_files_free(struct schema_files *s)
{
	for (size_t i = 0; i < s->n; i++)
		free((void *)(uintptr_t)s->text[i].p);
}

static inline bool schema_by_digest(void *arg, const struct digest *digest, struct view *text)
{
	const struct schema_files *s = arg;

	for (size_t i = 0; i < s->n; i++) {
		struct digest have;
		sha256(s->text[i], &have);
		if (digest_eq(&have, digest)) {
			*text = s->text[i];
			return true;
		}
	}
	return false;
}

#define NOW INT64_C(1780272000000) /* 2026-06-01T00:00:00Z */

static inline struct agreement_sources draft_sources(struct schema_files *s)
{
	return (struct agreement_sources){ .arg = s,
		                           .schema = schema_by_digest,
		                           .self = VIEW("north"),
		                           .unsigned_ok = true,
		                           .now_ms = NOW,
		                           .pseudonym_secret = { .b = "a secret for tests, 32 bytes long", .n = 32 } };
}

static inline void print_errors(const struct error_list *l)
{
	char line[800];

	for (size_t i = 0; i < l->n; i++)
		fprintf(stderr, "%s\n", error_print(&l->items[i], line, sizeof line));
}

/* Loads `doc`; on failure the errors are in `errors` for the test to look at. */
static inline struct agreement *load_doc(const json_t *doc, const struct agreement_sources *from,
                                         struct error_list *errors)
{
	char *text = json_dumps(doc, JSON_INDENT(1));
	struct agreement *a = agreement_load("test.json", view_of(text), VIEW(""), from, errors);

	free(text);
	return a;
}

static inline json_t *preset(const char *id)
{
	char path[200];
	json_error_t e;

	snprintf(path, sizeof path, "conf/agreements/%s.json", id);
	json_t *doc = json_load_file(path, 0, &e);
	ck_assert_msg(doc != NULL, "%s: %s", path, e.text);
	return doc;
}

/* Puts `value` (JSON text; NULL: takes the member away) at a pointer; the parent must be there. An index
 * past the end appends. */
static inline void put(json_t *doc, const char *pointer, const char *value)
{
	char token[200];
	json_t *at = doc, *v = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;

	ck_assert_msg(!value || v, "not JSON: %s", value);
	for (;;) {
		const char *end = strchr(pointer + 1, '/');
		size_t n = end ? (size_t)(end - pointer - 1) : strlen(pointer + 1);
		memcpy(token, pointer + 1, n);
		token[n] = '\0';
		if (!end)
			break;
		at = json_is_array(at) ? json_array_get(at, strtoul(token, NULL, 10)) : json_object_get(at, token);
		ck_assert_msg(at != NULL, "no %s", token);
		pointer = end;
	}
	if (json_is_array(at)) {
		size_t i = strtoul(token, NULL, 10);
		if (!v)
			json_array_remove(at, i);
		else if (i >= json_array_size(at))
			json_array_append_new(at, v);
		else
			json_array_set_new(at, i, v);
	} else if (v) {
		json_object_set_new(at, token, v);
	} else {
		json_object_del(at, token);
	}
}

/* Is there an error of the agreement with that place and those words, and a line and column? */
static inline bool says(const struct error_list *l, const char *place, const char *what)
{
	for (size_t i = 0; i < l->n; i++)
		if (strstr(l->items[i].text, place) && strstr(l->items[i].text, what) &&
		    strcmp(l->items[i].where, "test.json") == 0 && l->items[i].line > 0 && l->items[i].column > 0)
			return true;
	return false;
}

/* What one exchange needs, once. */
struct bench {
	struct schema *envelope_schema;
	struct schema_run *run;
	struct tape_parser *in, *out;
	struct transform_run *transform;
	struct buf scratch, record, text, delivery;
	struct member_order order;
	struct tape tape;
	struct envelope envelope;
	struct decision decision;
	struct beside beside; /* what leaves beside the record */
};

static inline void bench_open(struct bench *b)
{
	struct error e = { .reason = REASON_NONE };

	*b = (struct bench){ .scratch = BUF_INIT(1 << 20),
		             .record = BUF_INIT(1 << 20),
		             .text = BUF_INIT(1 << 20),
		             .delivery = BUF_INIT(1 << 20) };
	b->envelope_schema = document_schema(VIEW("envelope"), &e);
	ck_assert_msg(b->envelope_schema != NULL, "%s: %s", e.where, e.text);
	b->run = schema_run_new();
	b->in = tape_parser_new(NULL);
	b->out = tape_parser_new(NULL);
	b->transform = transform_run_new();
	ck_assert(b->run && b->in && b->out && b->transform);
}

static inline void bench_close(struct bench *b)
{
	schema_unref(b->envelope_schema);
	schema_run_free(b->run);
	tape_parser_free(b->in);
	tape_parser_free(b->out);
	transform_run_free(b->transform);
	buf_free(&b->scratch);
	buf_free(&b->record);
	buf_free(&b->text);
	buf_free(&b->delivery);
	member_order_free(&b->order);
}

static inline struct facts plain_facts(void)
{
	return (struct facts){ .now_ms = NOW, .self = VIEW("north"), .agency = VIEW("north") };
}

static inline bool bench_beside(struct bench *b)
{
	const struct beside_tools tools = {
		.parser = b->out, .run = b->run, .transform = b->transform, .order = &b->order, .text = &b->text
	};

	return beside_take(&b->decision, &b->envelope, &b->tape, &tools, &b->beside);
}

/* The steps of one exchange: read, authorise, fit, transform, conclude, fit again. The outcome is in
 * b->decision, the record that would leave in b->record. */
static inline enum outcome bench_run(struct bench *b, const struct agreement *a, const struct facts *f,
                                     struct view text)
{
	struct error e = { .reason = REASON_NONE };
	struct decision *d = &b->decision;
	struct tape out;

	buf_reset(&b->scratch);
	buf_reset(&b->record);
	*d = (struct decision){ .outcome = OUTCOME_REFUSED, .agreement = a };
	ck_assert_msg(tape_parse(b->in, text, &b->tape, &e), "%s", e.text);
	if (!envelope_read(b->envelope_schema, b->run, &b->tape, &b->scratch, &b->envelope, &e)) {
		decision_fail(d, e.reason, e.text, e.where);
		return d->outcome;
	}
	if (!decision_authorise(d, a, f, &b->envelope, &b->tape))
		return d->outcome;
	const struct schema *first = f->gateway ? d->ruling->output : d->ruling->input;
	if (schema_check(first, b->run, &b->tape, b->envelope.record) != SCHEMA_VALID) {
		decision_fail(d, f->gateway ? REASON_OUTPUT_VIOLATION : REASON_SCHEMA_VIOLATION, "", "");
		return d->outcome;
	}
	if (f->gateway && !program_check_output(d->ruling->shared, &b->tape, b->envelope.record, &e)) {
		decision_fail(d, REASON_OUTPUT_VIOLATION, e.text, e.where);
		return d->outcome;
	}
	if (!bench_beside(b))
		return d->outcome;
	struct transform_input in = { .tape = &b->tape, .record = b->envelope.record, .subject = VIEW("subject") };
	if (!program_run(d->ruling->program, b->transform, &in, &b->record, &e)) {
		decision_fail(d, e.reason, e.text, e.where);
		return d->outcome;
	}
	if (!decision_conclude(d, &b->envelope, &b->tape, b->transform))
		return d->outcome;
	ck_assert_msg(tape_parse(b->out, buf_view(&b->record), &out, &e), "%s", e.text);
	if (!f->gateway) {
		ck_assert_int_eq(schema_check(d->ruling->output, b->run, &out, 0), SCHEMA_VALID);
		ck_assert_msg(program_check_output(d->ruling->shared, &out, 0, &e), "%s %s", e.where, e.text);
	}
	return d->outcome;
}

/* The envelope in which what has just been released goes to the recipient's gateway. */
static inline json_t *bench_delivery(struct bench *b)
{
	static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

	buf_reset(&b->delivery);
	beside_delivery(&b->decision, &b->envelope, &b->beside, &b->order, &b->delivery);
	json_t *doc = json_loadb(b->delivery.p, b->delivery.n, 0, NULL);
	ck_assert_ptr_nonnull(doc);
	json_object_set_new(doc, "record", json_loadb(b->record.p, b->record.n, 0, NULL));
	json_object_set_new(doc, "origin",
	                    json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "exchange",
	                              "01890a5d-ac96-774b-bcce-b302099a8057", "agency", "north", "node", "gw1",
	                              "agreement_digest", zeros, "entry", "e30=", "proof", "c2sp", "salt",
	                              "000102030405060708090a0b0c0d0e0f"));
	return doc;
}

static inline bool failed_with(const struct decision *d, enum reason reason)
{
	for (size_t i = 0; i < d->n_failed; i++)
		if (d->failed[i].reason == reason)
			return true;
	return false;
}

#endif
