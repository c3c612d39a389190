/* Hostile schemas and instances end in bounded time with an error or SCHEMA_LIMIT; a warm check
 * allocates nothing; each allocation may fail; threads share a program. */
#include <pthread.h>
#include <time.h>

#include "lib/schema/document.h"
#include "lib/schema/output.h"
#include "test/memory.h"
#include "test/schema/schema_test.h"

TCase *make_limits_case(void);

#if SANITIZER_ALLOCATES
#define SLOWER 20 /* than without a sanitizer, at most */
#else
#define SLOWER 1
#endif

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void repeat(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_adds(b, s);
}

static bool count_fault(void *arg, const struct schema_fault *f)
{
	(void)f;
	++*(size_t *)arg;
	return true;
}

/* Checks and explains, both within the time. */
static enum schema_verdict timed(const char *schema, struct view instance, double most)
{
	struct schema *s = compile_draft(schema, DRAFT_2020_12);
	struct tape_parser *p = tape_parser_new(&tape_document_limits);
	struct schema_run *r = schema_run_new();
	struct error e = { .reason = REASON_NONE };
	struct tape t;
	size_t faults = 0;

	ck_assert_msg(tape_parse(p, instance, &t, &e), "%s", e.text);
	double start = seconds();
	enum schema_verdict v = schema_check(s, r, &t, 0);
	size_t n = schema_explain(s, r, &t, 0, count_fault, &faults);
	ck_assert_uint_eq(n, faults);
	ck_assert_msg(seconds() - start < most * SLOWER, "%.40s took %.2f s", schema, seconds() - start);
	schema_run_free(r);
	tape_parser_free(p);
	schema_unref(s);
	return v;
}

START_TEST(patterns)
{
	static const char *const evil[] = {
		"{'pattern':'^(a+)+$'}",
		"{'pattern':'^(a|aa)+$'}",
		"{'pattern':'(.*a){20}$'}",
		"{'pattern':'^(([a-z])+.)+[A-Z]([a-z])+$'}",
		"{'pattern':'(?=(a+))a*b\\\\1'}",
		"{'patternProperties':{'^(a*)*$':false}}",
		"{'propertyNames':{'pattern':'^(a|a)*$'}}",
	};
	struct buf text = BUF_INIT(1u << 20);

	for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++) {
		buf_reset(&text);
		if (i >= 5)
			buf_adds(&text, "{");
		buf_adds(&text, "\"");
		repeat(&text, "a", i >= 5 ? 4000 : 50000);
		buf_adds(&text, i >= 5 ? "!\":1}" : "!\"");
		ck_assert_int_ne(timed(evil[i], buf_view(&text), 3), SCHEMA_VALID + (i >= 5 ? 99 : 0));
	}
	buf_free(&text);
}
END_TEST

/* Loops that no search at load can refuse, because whether they run depends on the instance. */
START_TEST(loops)
{
	static const struct {
		const char *schema, *instance;
		enum schema_verdict v;
	} rows[] = {
		{ "{'if':true,'then':{'$ref':'#'}}", "1", SCHEMA_LIMIT },
		{ "{'if':{'type':'string'},'then':{'$ref':'#'}}", "1", SCHEMA_VALID },
		{ "{'dependentSchemas':{'a':{'$ref':'#'}}}", "{'a':1}", SCHEMA_LIMIT },
		{ "{'dependentSchemas':{'a':{'$ref':'#'}}}", "{'b':1}", SCHEMA_VALID },
		{ "{'$dynamicAnchor':'x','$dynamicRef':'#x'}", "1", SCHEMA_LIMIT },
		{ "{'not':{'dependentSchemas':{'a':{'$ref':'#'}}}}", "{'a':1}", SCHEMA_LIMIT },
		{ "{'anyOf':[{'if':true,'then':{'$ref':'#'}},true]}", "1", SCHEMA_LIMIT },
		{ "{'contains':true,'items':{'not':{'if':true,'then':{'$ref':'#/items'}}}}", "[1]", SCHEMA_LIMIT },
		{ "{'unevaluatedProperties':false,'if':true,'then':{'$ref':'#'}}", "{'a':1}", SCHEMA_LIMIT },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *copy = json_text(rows[i].instance);
		enum schema_verdict v = timed(rows[i].schema, view_of(copy), 2);

		/* An anyOf may be satisfied before it comes to the loop. */
		ck_assert_msg(v == rows[i].v || (i == 6 && v == SCHEMA_VALID), "%s gave %d", rows[i].schema, v);
		free(copy);
	}
}
END_TEST

/* Each level doubles the work. */
START_TEST(doubling)
{
	struct buf schema = BUF_INIT(65536);

	buf_adds(&schema, "{'$defs':{'d0':{'type':'null'}");
	for (unsigned i = 1; i < 40; i++)
		buf_addf(&schema, ",'d%u':{'anyOf':[{'$ref':'#/$defs/d%u'},{'$ref':'#/$defs/d%u'}]}", i, i - 1, i - 1);
	buf_adds(&schema, "},'$ref':'#/$defs/d39'}");
	buf_addc(&schema, 0);
	ck_assert_int_eq(timed(schema.p, VIEW("1"), 2), SCHEMA_LIMIT);
	buf_free(&schema);
}
END_TEST

START_TEST(long_chain)
{
	struct buf schema = BUF_INIT(4u << 20);

	buf_adds(&schema, "{'$defs':{'d0':{'type':'null'}");
	for (unsigned i = 1; i < 20000; i++)
		buf_addf(&schema, ",'d%u':{'title':'t','minimum':%u,'$ref':'#/$defs/d%u'}", i, i, i - 1);
	buf_adds(&schema, "},'$ref':'#/$defs/d19999'}");
	buf_addc(&schema, 0);
	ck_assert_int_eq(timed(schema.p, VIEW("null"), 2), SCHEMA_LIMIT);
	buf_free(&schema);
}
END_TEST

/* 10 MB of alternatives compile in a time that grows with the text. */
START_TEST(large_choice)
{
	struct buf schema = BUF_INIT(16u << 20);
	struct schema_options o = { .draft = DRAFT_2020_12 };
	struct error e;

	buf_adds(&schema, "{'anyOf':[{}");
	for (unsigned i = 0; schema.n < 10u << 20; i++)
		buf_addf(&schema,
		         ",{'type':'object','required':['r%u'],'properties':{'p%u':{'type':'string','minLength':%u}}}",
		         i, i, i);
	buf_adds(&schema, "]}");
	buf_addc(&schema, 0);
	memcpy(schema.p + 10, "0 ", 2);
	double start = seconds();
	struct schema *s = try_compile(schema.p, &o, &e);
	ck_assert_ptr_null(s);
	memcpy(schema.p + 10, "{}", 2);
	s = try_compile(schema.p, &o, &e);
	ck_assert_msg(s || e.reason == REASON_LIMIT || e.reason == REASON_BAD_JSON, "%s", e.text);
	if (s)
		ck_assert_int_eq(verdict_of(s, "{'a':1}"), SCHEMA_VALID);
	schema_unref(s);
	printf("schema: %zu bytes of anyOf compiled in %.2f s%s\n", schema.n, seconds() - start, s ? "" : " (refused)");
	ck_assert(seconds() - start < 10 * SLOWER);
	buf_free(&schema);
}
END_TEST

/* A chain of anyOf that each instance walks to its end costs steps. */
START_TEST(steps)
{
	struct schema_options o = { .draft = DRAFT_2020_12, .steps = 20 };
	struct error e;
	struct schema *s = try_compile("{'items':{'anyOf':[{'const':1},{'const':2}]}}", &o, &e);

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(verdict_of(s, "[1,1]"), SCHEMA_VALID);
	ck_assert_int_eq(verdict_of(s, "[2,2,2,2,2,2,2,2,2,2,2,2,2]"), SCHEMA_LIMIT);
	schema_unref(s);
}
END_TEST

START_TEST(deep_instance)
{
	struct buf text = BUF_INIT(65536);

	repeat(&text, "[", 250);
	repeat(&text, "]", 250);
	ck_assert_int_eq(timed("{'items':{'$ref':'#'},'type':'array'}", buf_view(&text), 1), SCHEMA_VALID);
	ck_assert_int_eq(
	        timed("{'items':{'allOf':[{'anyOf':[{'oneOf':[{'anyOf':[{'oneOf':[{'$ref':'#'}]}]}]}]}]},'type':'array'}",
	              buf_view(&text), 1),
	        SCHEMA_LIMIT);
	buf_free(&text);
}
END_TEST

START_TEST(unique)
{
	struct buf text = BUF_INIT(8u << 20);

	buf_addc(&text, '[');
	for (unsigned i = 0; i < 90000; i++)
		buf_addf(&text, "%s%u", i ? "," : "", i);
	buf_addc(&text, ']');
	ck_assert_int_eq(timed("{'uniqueItems':true}", buf_view(&text), 2), SCHEMA_VALID);
	/* One value written in many ways: the second is found at once. */
	buf_reset(&text);
	buf_adds(&text, "[[1]");
	for (unsigned i = 0; i < 20000; i++)
		buf_addf(&text, ",{\"a\":%u,\"b\":[%u]}", i, i);
	buf_adds(&text, ",[1.0]]");
	ck_assert_int_eq(timed("{'uniqueItems':true}", buf_view(&text), 2), SCHEMA_INVALID);
	buf_free(&text);
}
END_TEST

/* --- threads ----------------------------------------------------------------------------------- */

struct job {
	struct schema *s;
	unsigned valid, invalid;
};

static void *check_many(void *arg)
{
	struct job *j = arg;
	struct schema *s = schema_ref(j->s);
	struct tape_parser *p = tape_parser_new(NULL);
	struct schema_run *r = schema_run_new();
	char text[100];
	struct tape t;

	for (unsigned i = 0; p && r && i < 20000; i++) {
		int n = snprintf(text, sizeof text, "{\"id\":\"p%u\",\"n\":%u,\"l\":[\"a\",\"b\"]}", i, i % 100);

		if (!tape_parse(p, view_make(text, (size_t)n), &t, NULL))
			break;
		if (schema_check(s, r, &t, 0) == SCHEMA_VALID)
			j->valid++;
		else
			j->invalid++;
	}
	schema_run_free(r);
	tape_parser_free(p);
	schema_unref(s);
	return NULL;
}

START_TEST(two_threads)
{
	struct schema *s = compile_draft(
	        "{'properties':{'id':{'pattern':'^p[0-9]+$'},'n':{'maximum':49},'l':{'uniqueItems':true}},"
	        "'anyOf':[{'required':['id']},false],'unevaluatedProperties':false}",
	        DRAFT_2020_12);
	struct job jobs[2] = { { .s = s }, { .s = s } };
	pthread_t ids[2];

	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, check_many, &jobs[i]), 0);
	for (size_t i = 0; i < 2; i++) {
		pthread_join(ids[i], NULL);
		ck_assert_uint_eq(jobs[i].valid, 10000);
		ck_assert_uint_eq(jobs[i].invalid, 10000);
	}
	schema_unref(s);
}
END_TEST

/* --- memory ------------------------------------------------------------------------------------ */

#if SANITIZER_ALLOCATES
START_TEST(left_out)
{
	printf("SKIP schema allocations: the sanitizer replaces malloc itself\n");
}
END_TEST
#else

static const char rich[] =
        "{'$id':'http://e.example/r','type':'object','properties':{'id':{'type':'string','pattern':'^p[0-9]+$','maxLength':20},"
        "'n':{'type':'number','minimum':0.5,'multipleOf':0.25},'when':{'format':'date-time'},'kind':{'enum':['a','b','c']},"
        "'list':{'type':'array','items':{'$ref':'#/$defs/item'},'uniqueItems':true,'contains':{'const':3}},"
        "'look':{'pattern':'^(?=a)\\\\p{L}+$'}},'patternProperties':{'^x-':{'type':'integer'},'[0-9]$':true},"
        "'allOf':[{'if':{'required':['n']},'then':{'required':['id']}},{'oneOf':[{'required':['kind']},{'required':['q']}]}],"
        "'dependentRequired':{'a':['b']},'unevaluatedProperties':false,'$dynamicAnchor':'m',"
        "'$defs':{'item':{'anyOf':[{'type':'integer'},{'$dynamicRef':'#m'}]},'o':{'$id':'o','$dynamicAnchor':'m','$ref':'r'}}}";

static void make_record(struct buf *out, unsigned i)
{
	buf_reset(out);
	buf_addf(
	        out,
	        "{\"id\":\"p%u\",\"n\":%u.75,\"when\":\"2026-01-02T03:04:05Z\",\"kind\":\"b\",\"x-1\":%u,\"look\":\"aä\",\"list\":[3",
	        i, i, i);
	for (unsigned k = 4; k < 24; k++)
		buf_addf(out, ",%u", k * (i + 1));
	buf_adds(out, "]");
	if (i % 2)
		buf_adds(out, ",\"wrong\":1");
	buf_adds(out, "}");
}

START_TEST(nothing_when_warm)
{
	struct schema_options o = { .draft = DRAFT_2020_12, .formats = true };
	struct error e;
	struct schema *s = try_compile(rich, &o, &e);
	struct tape_parser *p = tape_parser_new(NULL);
	struct schema_run *r = schema_run_new();
	struct buf text = BUF_INIT(65536);
	unsigned long during = 0;
	struct tape t;

	ck_assert_msg(s, "%s", e.text);
	for (unsigned i = 0; i < 2000; i++) {
		make_record(&text, i % 1000);
		unsigned long before = allocations;
		bool parsed = tape_parse(p, buf_view(&text), &t, &e);
		enum schema_verdict v = parsed ? schema_check(s, r, &t, 0) : SCHEMA_LIMIT;
		if (i >= 1000)
			during += allocations - before;
		ck_assert_int_eq(v, i % 2 ? SCHEMA_INVALID : SCHEMA_VALID);
	}
	printf("schema allocations: %lu in 1000 records read and checked after warm-up\n", during);
	ck_assert_uint_eq(during, 0);
	buf_free(&text);
	tape_parser_free(p);
	schema_run_free(r);
	schema_unref(s);
}
END_TEST

/* One pass over everything; false when it told of the failure as it should. */
static bool try_everything(const char *schema, struct view instance)
{
	struct schema_options o = { .draft = DRAFT_2020_12, .formats = true };
	struct schema_set *set = schema_set_new();
	struct tape_parser *p = tape_parser_new(NULL);
	struct schema_run *r = schema_run_new();
	struct buf out = BUF_INIT(1u << 20);
	struct error e = { .reason = REASON_NONE };
	struct schema *s = NULL;
	size_t faults = 0;
	struct tape t;
	bool good = set && p && r && schema_set_add(set, VIEW("test:/a"), view_of(schema), &e);

	if (good)
		s = schema_compile(set, VIEW("test:/a"), &o, &e);
	good = s && tape_parse(p, instance, &t, &e) && schema_check(s, r, &t, 0) == SCHEMA_INVALID &&
	       schema_explain(s, r, &t, 0, count_fault, &faults) == 1 &&
	       schema_output(s, r, &t, 0, OUTPUT_LIST, &out) == SCHEMA_INVALID && !out.failed;
	buf_free(&out);
	schema_unref(s);
	schema_set_free(set);
	tape_parser_free(p);
	schema_run_free(r);
	return good;
}

START_TEST(each_may_fail)
{
	struct buf text = BUF_INIT(65536);
	char *schema = json_text(rich);
	unsigned failures = 0;
	bool good = false;

	make_record(&text, 1);
	for (long n = 0; !good; n++) {
		ck_assert_int_lt(n, 20000);
		fail_at = n;
		good = try_everything(schema, buf_view(&text));
		bool reached = fail_at == 0 && !good;
		fail_at = -1;
		failures += reached;
	}
	printf("schema allocations: each of %u failing in turn was told as an error\n", failures);
	ck_assert_uint_gt(failures, 50);
	free(schema);
	buf_free(&text);
}
END_TEST
#endif

TCase *make_limits_case(void)
{
	TCase *c = tcase_create("limits");

	tcase_set_timeout(c, 240);
	tcase_add_test(c, patterns);
	tcase_add_test(c, loops);
	tcase_add_test(c, doubling);
	tcase_add_test(c, long_chain);
	tcase_add_test(c, large_choice);
	tcase_add_test(c, steps);
	tcase_add_test(c, deep_instance);
	tcase_add_test(c, unique);
	tcase_add_test(c, two_threads);
#if SANITIZER_ALLOCATES
	tcase_add_test(c, left_out);
#else
	tcase_add_test(c, nothing_when_warm);
	tcase_add_test(c, each_may_fail);
#endif
	return c;
}
