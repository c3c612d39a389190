/* libFuzzer target: any bytes as a record, checked against schemas that use every kind of keyword. Program
 * and explaining interpreter must agree, unless one hits a limit; what is invalid must be explained. */
#include "lib/schema/interpret.h"
#include "lib/schema/output.h"
#include "test/fuzz/target.h"

static const char *const schemas[] = {
	("{\"type\":\"object\",\"properties\":{\"a\":{\"items\":{\"type\":[\"integer\",\"string\"],\"minimum\":0.5,\"multipleOf\":0.25},"
	 "\"uniqueItems\":true,\"contains\":{\"const\":1.0}},\"b\":{\"pattern\":\"^(a|b)+$\",\"maxLength\":9},\"c\":{\"format\":\"date-time\"}},"
	 "\"patternProperties\":{\"^x\":{\"enum\":[1,\"y\",null,[1],{\"k\":1e2}]}},\"required\":[\"a\"],\"additionalProperties\":{\"$ref\":\"#\"}}"),
	("{\"anyOf\":[{\"properties\":{\"a\":true,\"b\":{\"type\":\"null\"}},\"required\":[\"b\"]},{\"prefixItems\":[{\"type\":\"string\"}],"
	 "\"contains\":{\"type\":\"number\"}}],\"dependentSchemas\":{\"q\":{\"properties\":{\"r\":{\"$ref\":\"#\"}}}},"
	 "\"if\":{\"minProperties\":2},\"then\":{\"propertyNames\":{\"maxLength\":3}},\"unevaluatedProperties\":{\"type\":\"boolean\"},"
	 "\"unevaluatedItems\":{\"oneOf\":[{\"maximum\":3},{\"minimum\":2}]}}"),
	"{\"$ref\":\"https://json-schema.org/draft/2020-12/schema\"}",
	("{\"$schema\":\"https://json-schema.org/draft/2019-09/schema\",\"$recursiveAnchor\":true,\"items\":[{\"type\":\"object\"}],"
	 "\"additionalItems\":{\"$recursiveRef\":\"#\"},\"unevaluatedItems\":false,\"additionalProperties\":{\"$recursiveRef\":\"#\"}}"),
};
#define SCHEMAS (sizeof schemas / sizeof schemas[0])

static struct schema *compiled(size_t i)
{
	struct schema_options o = { .draft = DRAFT_2020_12, .formats = true };
	struct schema_set *set = schema_set_new();
	struct schema *s = NULL;

	if (set && schema_set_add(set, VIEW("test:/a"), view_of(schemas[i]), NULL))
		s = schema_compile(set, VIEW("test:/a"), &o, NULL);
	schema_set_free(set);
	return s;
}

static bool count(void *arg, const struct schema_fault *f)
{
	++*(size_t *)arg;
	return f->message.n > 0;
}

static void check(const struct schema *s, struct schema_run *r, const struct tape *t)
{
	enum schema_verdict v = schema_check(s, r, t, 0);
	struct interpretation in;
	struct buf out = BUF_INIT(1u << 24);
	size_t faults = 0;

	interpret(&in, s, r, t, 0, true, true);
	if (v != SCHEMA_LIMIT && !in.limit && in.valid != (v == SCHEMA_VALID))
		abort();
	if (v == SCHEMA_INVALID && !in.limit && schema_explain(s, r, t, 0, count, &faults) == 0)
		abort();
	if (v != SCHEMA_LIMIT && !in.limit && schema_output(s, r, t, 0, OUTPUT_LIST, &out) != v)
		abort();
	buf_free(&out);
	interpretation_free(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct schema *s[SCHEMAS];
	static struct schema_run *r;
	static struct tape_parser *p;
	struct tape t;

	if (!p) {
		p = tape_parser_new(NULL);
		r = schema_run_new();
		for (size_t i = 0; i < SCHEMAS; i++)
			s[i] = compiled(i);
	}
	if (!p || !r || !tape_parse(p, view_make(data, size), &t, NULL))
		return 0;
	for (size_t i = 0; i < SCHEMAS; i++) {
		if (!s[i])
			abort();
		check(s[i], r, &t);
	}
	return 0;
}
