/* libFuzzer target: any bytes as a schema, loaded by the specification and strictly in each draft, then run
 * on a small record. The first byte chooses draft and options. Whatever compiles must give the same verdict
 * by the program and by the explaining interpreter, unless one of them hits a limit. */
#include "lib/schema/interpret.h"
#include "lib/schema/schema.h"
#include "test/fuzz/target.h"

static const char record[] =
        "{\"a\":[1,2.5,\"x\",null,{\"a\":{}}],\"b\":\"2026-01-02\",\"c\":-1e3,\"foo\":true,\"bar\":[[],[]]}";

static void run(const struct schema *s)
{
	struct tape_parser *p = tape_parser_new(NULL);
	struct schema_run *r = schema_run_new();
	struct interpretation in;
	struct tape t;

	if (!p || !r || !tape_parse(p, view_of(record), &t, NULL))
		abort();
	enum schema_verdict v = schema_check(s, r, &t, 0);
	interpret(&in, s, r, &t, 0, true, true);
	if (v != SCHEMA_LIMIT && !in.limit && in.valid != (v == SCHEMA_VALID))
		abort();
	interpretation_free(&in);
	schema_run_free(r);
	tape_parser_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct schema_options o = { .draft = (enum schema_draft)(data[0] & 3),
		                    .strict = data[0] & 4,
		                    .formats = data[0] & 8 };
	struct error e = { .reason = REASON_NONE };
	struct schema_set *set = schema_set_new();
	struct schema *s = NULL;

	if (!set)
		return 0;
	if (schema_set_add(set, VIEW("test:/a"), view_make(data + 1, size - 1), &e))
		s = schema_compile(set, VIEW("test:/a"), &o, &e);
	if ((s == NULL) != (e.reason != REASON_NONE))
		abort();
	if (s)
		run(s);
	schema_unref(s);
	schema_set_free(set);
	return 0;
}
