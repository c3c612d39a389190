/* What schema_explain() and the output shapes say: places, keywords, sentences, and that no value and no
 * unknown name of the instance is in them. And documents read with their faults listed. */
#include <jansson.h>

#include "lib/schema/document.h"
#include "lib/schema/output.h"
#include "test/schema/schema_test.h"

TCase *make_explain_case(void);

struct lines {
	struct buf out;
	size_t most, n;
};

static bool add_line(void *arg, const struct schema_fault *f)
{
	struct lines *l = arg;

	buf_addf(&l->out, "%.*s|%.*s|%.*s|%.*s\n", VIEW_ARG(f->pointer), VIEW_ARG(f->keyword), VIEW_ARG(f->location),
	         VIEW_ARG(f->message));
	return ++l->n < l->most;
}

static void check_lines(const char *schema, const char *instance, size_t most, const char *expected)
{
	struct lines l = { .out = BUF_INIT(65536), .most = most };
	struct tape_parser *p = tape_parser_new(NULL);
	struct schema_run *r = schema_run_new();
	struct schema *s = compile_draft(schema, DRAFT_2020_12);
	char *copy = json_text(instance);
	struct tape t;

	ck_assert(tape_parse(p, view_of(copy), &t, NULL));
	ck_assert_int_eq(schema_check(s, r, &t, 0), SCHEMA_INVALID);
	size_t n = schema_explain(s, r, &t, 0, add_line, &l);
	ck_assert_uint_eq(n, l.n);
	ck_assert_msg(view_is(buf_view(&l.out), expected), "%s with %s gave\n%.*sbut not\n%s", schema, instance,
	              VIEW_ARG(buf_view(&l.out)), expected);
	buf_free(&l.out);
	schema_unref(s);
	schema_run_free(r);
	tape_parser_free(p);
	free(copy);
}

START_TEST(sentences)
{
	check_lines("{'type':['string','null']}", "1", 9, "|type|test:/a#/type|must be string or null\n");
	check_lines("{'required':['a','b'],'properties':{'c':{'minimum':3,'maximum':2}}}", "{'c':2.5,'b':1}", 9,
	            "|required|test:/a#/required|the member \"a\" is missing\n"
	            "/c|minimum|test:/a#/properties/c/minimum|must be 3 or more\n"
	            "/c|maximum|test:/a#/properties/c/maximum|must be 2 or less\n");
	check_lines("{'properties':{'c':{'enum':['x','y']},'d':{'const':1}}}", "{'c':'z','d':2}", 9,
	            "/c|enum|test:/a#/properties/c/enum|must be one of \"x\", \"y\"\n"
	            "/d|const|test:/a#/properties/d/const|must be 1\n");
	check_lines("{'items':{'minLength':2,'pattern':'^a'}}", "['b']", 9,
	            "/0|minLength|test:/a#/items/minLength|must have at least 2 characters\n"
	            "/0|pattern|test:/a#/items/pattern|must match the pattern \"^a\"\n");
	check_lines("{'items':{'minLength':2,'pattern':'^a'}}", "['b','c']", 1,
	            "/0|minLength|test:/a#/items/minLength|must have at least 2 characters\n");
	check_lines("{'uniqueItems':true,'maxItems':1,'contains':{'const':9}}", "[1,1]", 9,
	            "|uniqueItems|test:/a#/uniqueItems|must not have two equal items\n"
	            "|maxItems|test:/a#/maxItems|must have at most 1 items\n"
	            "|contains|test:/a#/contains|has no item that fits \"contains\"\n");
	check_lines("{'not':{}}", "1", 9, "|not|test:/a#/not|fits a schema that it must not fit\n");
	check_lines(
	        "{'dependentRequired':{'a':['b']},'propertyNames':{'maxLength':1}}", "{'a':1,'cc':1}", 9,
	        "|dependentRequired|test:/a#/dependentRequired|the member \"b\" is missing, which another one demands\n"
	        "/*|maxLength|test:/a#/propertyNames/maxLength|must have at most 1 characters\n");
	check_lines("{'$ref':'#/$defs/~1x','$defs':{'/x':{'multipleOf':2,'exclusiveMinimum':5}}}", "3", 9,
	            "|multipleOf|test:/a#/$defs/~1x/multipleOf|must be a multiple of 2\n"
	            "|exclusiveMinimum|test:/a#/$defs/~1x/exclusiveMinimum|must be more than 5\n");
	check_lines("false", "1", 9, "|false|test:/a#|is not allowed here\n");
}
END_TEST

/* A name that the schema does not know could be a value in disguise. */
START_TEST(unknown_names)
{
	check_lines("{'properties':{'a':true},'additionalProperties':false}", "{'Maria Muster':1,'a':2}", 9,
	            "/*|additionalProperties|test:/a#/additionalProperties|the schema knows no such member here\n");
	check_lines("{'additionalProperties':{'items':{'properties':{'a':{'type':'null'}}}}}", "{'Maria':[{'a':1}]}", 9,
	            "/*/0/a|type|test:/a#/additionalProperties/items/properties/a/type|must be null\n");
	check_lines("{'unevaluatedProperties':false}", "{'Maria':1}", 9,
	            "/*|unevaluatedProperties|test:/a#/unevaluatedProperties|the schema knows no such member here\n");
}
END_TEST

/* Of the alternatives only the one that was meant is explained. */
START_TEST(alternatives)
{
	check_lines("{'oneOf':[{'properties':{'k':{'const':'a'},'n':{'type':'integer'}}},"
	            "{'properties':{'k':{'const':'b'},'n':{'minimum':7}}}]}",
	            "{'k':'b','n':3}", 9,
	            "/n|minimum|test:/a#/oneOf/1/properties/n/minimum|must be 7 or more\n"
	            "|oneOf|test:/a#/oneOf|fits none of the 2 alternatives\n");
	check_lines("{'anyOf':[{'type':'string'},{'type':'null'}]}", "1", 9,
	            "|anyOf|test:/a#/anyOf|fits none of the 2 alternatives\n");
	check_lines("{'oneOf':[true,true]}", "1", 9,
	            "|oneOf|test:/a#/oneOf|fits more than one of the 2 alternatives, but must fit exactly one\n");
	check_lines("{'if':{'type':'integer'},'then':{'minimum':2}}", "1", 9,
	            "|minimum|test:/a#/then/minimum|must be 2 or more\n");
}
END_TEST

static void check_output(const char *schema, const char *instance, enum output_shape shape, const char *expected)
{
	struct buf out = BUF_INIT(65536);
	struct tape_parser *p = tape_parser_new(NULL);
	struct schema_run *r = schema_run_new();
	struct schema *s = compile_draft(schema, DRAFT_2020_12);
	char *copy = json_text(instance), *text = json_text(expected);
	struct tape t;
	json_error_t wrong;

	ck_assert(tape_parse(p, view_of(copy), &t, NULL));
	enum schema_verdict v = schema_output(s, r, &t, 0, shape, &out);
	ck_assert_int_eq(v, schema_check(s, r, &t, 0));
	ck_assert(!out.failed);
	json_t *got = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, &wrong), *wanted = json_loads(text, 0, &wrong);
	ck_assert_ptr_nonnull(wanted);
	char *a = got ? json_dumps(got, JSON_SORT_KEYS) : NULL, *b = json_dumps(wanted, JSON_SORT_KEYS);
	ck_assert_msg(a && strcmp(a, b) == 0, "%s with %s gave\n%.*s", schema, instance, VIEW_ARG(buf_view(&out)));
	free(a);
	free(b);
	json_decref(got);
	json_decref(wanted);
	buf_free(&out);
	schema_unref(s);
	schema_run_free(r);
	tape_parser_free(p);
	free(copy);
	free(text);
}

START_TEST(shapes)
{
	static const char schema[] =
	        "{'title':'T','allOf':[{'$ref':'#/$defs/x'}],'required':['p','q'],'properties':{'b':false},"
	        "'$defs':{'x':{'default':{'d':[1,2.50]},'properties':{'a':{'type':'null'}}}}}";

	check_output(
	        schema, "{'a':1,'b':1}", OUTPUT_BASIC,
	        "{'valid':false,'errors':["
	        "{'keywordLocation':'/allOf/0/$ref/properties/a/type','absoluteKeywordLocation':'test:/a#/$defs/x/properties/a/type',"
	        "'instanceLocation':'/a','error':'must be null'},"
	        "{'keywordLocation':'/required','absoluteKeywordLocation':'test:/a#/required','instanceLocation':'','error':'the member \\'p\\' is missing'},"
	        "{'keywordLocation':'/required','absoluteKeywordLocation':'test:/a#/required','instanceLocation':'','error':'the member \\'q\\' is missing'},"
	        "{'keywordLocation':'/properties/b','absoluteKeywordLocation':'test:/a#/properties/b','instanceLocation':'/b','error':'is not allowed here'}"
	        "]}");
	check_output(
	        schema, "{'a':1,'b':1}", OUTPUT_LIST,
	        "{'valid':false,'details':["
	        "{'valid':false,'evaluationPath':'/allOf/0/$ref/properties/a','schemaLocation':'test:/a#/$defs/x/properties/a',"
	        "'instanceLocation':'/a','errors':{'type':'must be null'}},"
	        "{'valid':false,'evaluationPath':'','schemaLocation':'test:/a#','instanceLocation':'',"
	        "'errors':{'required':'the member \\'p\\' is missing; the member \\'q\\' is missing'}},"
	        "{'valid':false,'evaluationPath':'/properties/b','schemaLocation':'test:/a#/properties/b','instanceLocation':'/b',"
	        "'errors':{'':'is not allowed here'}}"
	        "]}");
	check_output(
	        schema, "{'p':1,'q':1}", OUTPUT_BASIC,
	        "{'valid':true,'annotations':["
	        "{'keywordLocation':'/title','absoluteKeywordLocation':'test:/a#/title','instanceLocation':'','annotation':'T'},"
	        "{'keywordLocation':'/allOf/0/$ref/default','absoluteKeywordLocation':'test:/a#/$defs/x/default','instanceLocation':'',"
	        "'annotation':{'d':[1,2.5]}}]}");
	check_output(
	        schema, "{'p':1,'q':1}", OUTPUT_LIST,
	        "{'valid':true,'details':["
	        "{'valid':true,'evaluationPath':'','schemaLocation':'test:/a#','instanceLocation':'','annotations':{'title':'T'}},"
	        "{'valid':true,'evaluationPath':'/allOf/0/$ref','schemaLocation':'test:/a#/$defs/x','instanceLocation':'',"
	        "'annotations':{'default':{'d':[1,2.5]}}}]}");
	check_output(
	        "{'properties':{'a':{'not':{'title':'no'}}}}", "{'a':1}", OUTPUT_LIST,
	        "{'valid':false,'details':[{'valid':false,'evaluationPath':'/properties/a','schemaLocation':'test:/a#/properties/a',"
	        "'instanceLocation':'/a','errors':{'not':'fits a schema that it must not fit'}}]}");
}
END_TEST

/* --- documents --------------------------------------------------------------------------------- */

START_TEST(documents)
{
	struct schema *s = compile_draft(
	        "{'type':'object','properties':{'a':{'type':'integer'},'b':{'minLength':2}},'required':['c']}",
	        DRAFT_2020_12);
	struct error_list errors = { .n = 0 };
	char text[700];

	ck_assert_ptr_null(document_read(s, "x.json", VIEW("{\n  \"a\": \"no\",\n  \"b\": \"z\"}\n"), &errors));
	ck_assert_uint_eq(errors.n, 3);
	ck_assert_str_eq(error_print(&errors.items[0], text, sizeof text), "x.json:2:8: /a: must be integer");
	ck_assert_str_eq(error_print(&errors.items[1], text, sizeof text),
	                 "x.json:3:8: /b: must have at least 2 characters");
	ck_assert_str_eq(error_print(&errors.items[2], text, sizeof text), "x.json:1:1: : the member \"c\" is missing");
	error_list_free(&errors);
	ck_assert_ptr_null(document_read(s, "x.json", VIEW("{\"a\":1,\n\"a\":2}"), &errors));
	ck_assert_uint_eq(errors.n, 1);
	ck_assert_uint_eq(errors.items[0].line, 2);
	error_list_free(&errors);
	ck_assert_ptr_null(document_read(s, "x.json", VIEW("{\"c\":1e999}"), &errors));
	ck_assert_uint_eq(errors.n, 1);
	error_list_free(&errors);
	json_t *j = document_read(s, "x.json", VIEW("{\"a\":7,\"c\":[]}"), &errors);
	ck_assert_ptr_nonnull(j);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "a")), 7);
	ck_assert_uint_eq(errors.n, 0);
	json_decref(j);
	error_list_free(&errors);
	schema_unref(s);
}
END_TEST

static void compile_builtin(void *arg, struct view name, struct view text)
{
	unsigned *n = arg;
	struct error e = { .reason = REASON_NONE };

	ck_assert_uint_gt(text.n, 0);
	json_t *j = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(j);
	bool schema = json_object_get(j, "$schema"); /* other documents may lie there, too */
	json_decref(j);
	if (!schema || view_starts(name, VIEW("meta/")))
		return;
	struct schema *s = document_schema(name, &e);
	ck_assert_msg(s, "%.*s: %s:%u:%u: %s", VIEW_ARG(name), e.where, e.line, e.column, e.text);
	schema_unref(s);
	++*n;
}

/* Every schema of the project loads strictly, and is valid against the metaschema. */
START_TEST(builtin_schemas)
{
	unsigned n = 0;
	struct error e = { .reason = REASON_NONE };

	document_each_builtin(compile_builtin, &n);
	printf("schema: %u built-in schemas compile strictly\n", n);
	ck_assert_uint_ge(n, 5);
	ck_assert_ptr_null(document_builtin_schema(VIEW("no such")).p);
	ck_assert_ptr_null(document_schema(VIEW("no such"), &e));
}
END_TEST

static void check_meta(void *arg, struct view name, struct view text)
{
	struct schema **meta = arg;
	struct error_list errors = { .n = 0 };
	char file[100];

	if (view_is(name, "openapi"))
		return;
	snprintf(file, sizeof file, "%.*s", VIEW_ARG(name));
	struct schema *s = view_starts(name, VIEW("meta/draft-06"))   ? meta[DRAFT_6]
	                   : view_starts(name, VIEW("meta/draft-07")) ? meta[DRAFT_7]
	                   : view_starts(name, VIEW("meta/2019-09"))  ? meta[DRAFT_2019_09]
	                                                              : meta[DRAFT_2020_12];
	json_t *j = document_read(s, file, text, &errors);
	ck_assert_msg(j, "%s: %s", file, errors.n ? errors.items[0].text : "");
	json_decref(j);
	error_list_free(&errors);
}

START_TEST(metaschemas)
{
	static const char *const uris[] = {
		"http://json-schema.org/draft-06/schema",
		"http://json-schema.org/draft-07/schema",
		"https://json-schema.org/draft/2019-09/schema",
		"https://json-schema.org/draft/2020-12/schema",
	};
	struct schema_options o = { .draft = DRAFT_2020_12, .formats = true };
	struct schema *meta[4];

	for (size_t i = 0; i < 4; i++) {
		struct schema_set *set = schema_set_new();
		struct error e = { .reason = REASON_NONE };

		meta[i] = schema_compile(set, view_of(uris[i]), &o, &e);
		ck_assert_msg(meta[i], "%s: %s", uris[i], e.text);
		schema_set_free(set);
	}
	document_each_builtin(check_meta, meta);
	for (size_t i = 0; i < 4; i++)
		schema_unref(meta[i]);
}
END_TEST

TCase *make_explain_case(void)
{
	TCase *c = tcase_create("explain");

	tcase_add_test(c, sentences);
	tcase_add_test(c, unknown_names);
	tcase_add_test(c, alternatives);
	tcase_add_test(c, shapes);
	tcase_add_test(c, documents);
	tcase_add_test(c, builtin_schemas);
	tcase_add_test(c, metaschemas);
	return c;
}
