/* A program with the schema that is derived from it: both judge what arrives. */
#ifndef TEST_TRANSFORM_DERIVED_H
#define TEST_TRANSFORM_DERIVED_H

#include "test/transform/transform_test.h"

struct derived {
	struct program *program;
	struct schema *schema;
	struct schema_run *run;
	struct tape_parser *parser;
	const char *rules;
};

static inline struct derived derive(const char *rules)
{
	struct derived d = {
		.program = compile_ok(rules), .run = schema_run_new(), .parser = tape_parser_new(NULL), .rules = rules
	};
	struct schema_options o = { .draft = DRAFT_2020_12, .strict = true, .formats = true };
	struct schema_set *set = schema_set_new();
	struct error e = { .reason = REASON_NONE };
	struct buf text = BUF_INIT(1u << 22);

	ck_assert_msg(program_output_schema(d.program, &text, &e), "%s", e.text);
	ck_assert_msg(schema_set_add(set, VIEW("urn:out"), buf_view(&text), &e), "%s in %.*s", e.text,
	              VIEW_ARG(buf_view(&text)));
	d.schema = schema_compile(set, VIEW("urn:out"), &o, &e);
	ck_assert_msg(d.schema != NULL, "%s in %.*s", e.text, VIEW_ARG(buf_view(&text)));
	schema_set_free(set);
	buf_free(&text);
	return d;
}

static inline void derived_free(struct derived *d)
{
	program_free(d->program);
	schema_unref(d->schema);
	schema_run_free(d->run);
	tape_parser_free(d->parser);
}

static inline bool fits_schema(struct derived *d, const char *record)
{
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	ck_assert(tape_parse(d->parser, view_of(record), &t, &e));
	return schema_check(d->schema, d->run, &t, 0) == SCHEMA_VALID;
}

static inline void assert_arrives(struct derived *d, const char *record)
{
	struct error e = { .reason = REASON_NONE };

	ck_assert_msg(check_arrival(d->program, record, &e), "%s: %s", record, e.text);
	ck_assert_msg(fits_schema(d, record), "the schema of %s refuses %s", d->rules, record);
}

#endif
