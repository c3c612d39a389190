/* Every keyword, by hand: what it accepts and what it refuses, where drafts differ, and that program and
 * interpreter say the same. */
#include "lib/schema/interpret.h"
#include "test/schema/schema_test.h"

TCase *make_keywords_case(void);

#define D6_  DRAFT_6
#define D7_  DRAFT_7
#define D19_ DRAFT_2019_09
#define D20_ DRAFT_2020_12

struct row {
	enum schema_draft draft;
	const char *schema;
	const char *valid[6], *invalid[6];
};

static void check_one(const struct row *row, const struct schema *s, const char *instance, bool valid)
{
	struct tape_parser *p = tape_parser_new(&tape_document_limits);
	struct schema_run *r = schema_run_new();
	struct interpretation in;
	char *copy = json_text(instance);
	struct tape t;

	ck_assert(p && r && tape_parse(p, view_of(copy), &t, NULL));
	ck_assert_msg(schema_check(s, r, &t, 0) == (valid ? SCHEMA_VALID : SCHEMA_INVALID), "%s: %s should be %s",
	              row->schema, instance, valid ? "valid" : "invalid");
	interpret(&in, s, r, &t, 0, true, true);
	ck_assert_msg(in.valid == valid && !in.limit, "%s: %s: the interpreter does not agree", row->schema, instance);
	interpretation_free(&in);
	schema_run_free(r);
	tape_parser_free(p);
	free(copy);
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct schema *s = compile_draft(rows[i].schema, rows[i].draft);

		for (size_t k = 0; k < 6 && rows[i].valid[k]; k++)
			check_one(&rows[i], s, rows[i].valid[k], true);
		for (size_t k = 0; k < 6 && rows[i].invalid[k]; k++)
			check_one(&rows[i], s, rows[i].invalid[k], false);
		schema_unref(s);
	}
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])

START_TEST(scalars)
{
	static const struct row rows[] = {
		{ D20_, "true", { "1", "{}" }, { NULL } },
		{ D20_, "false", { NULL }, { "1", "null" } },
		{ D20_, "{'type':'integer'}", { "1", "1.0", "1e3", "-0" }, { "1.5", "'1'", "true", "null" } },
		{ D20_, "{'type':['string','null']}", { "'a'", "null" }, { "0", "[]", "{}", "false" } },
		{ D20_, "{'type':'number'}", { "1", "1.5" }, { "'1'" } },
		{ D20_, "{'type':'boolean'}", { "true", "false" }, { "0", "null" } },
		{ D20_, "{'const':'a\\u0062'}", { "'ab'", "'\\u0061b'" }, { "'a'", "['ab']" } },
		{ D20_, "{'const':{'a':1,'b':[2]}}", { "{'b':[2.0],'a':1e0}" }, { "{'a':1}", "{'a':1,'b':[3]}" } },
		{ D20_, "{'const':false}", { "false" }, { "0", "null", "''" } },
		{ D20_, "{'enum':['a','b','a']}", { "'a'", "'b'" }, { "'c'", "1" } },
		{ D20_, "{'enum':['a',1,null,[1]]}", { "'a'", "1.0", "null", "[1]" }, { "'b'", "2", "[]" } },
		{ D20_, "{'enum':[]}", { NULL }, { "1", "'a'" } },
		{ D20_,
		  "{'minimum':1,'maximum':3}",
		  { "1", "3.0", "2.5", "'x'" },
		  { "0", "3.0000000000000000001", "0.99" } },
		{ D20_,
		  "{'exclusiveMinimum':1,'exclusiveMaximum':3}",
		  { "1.0000000000000000001", "2" },
		  { "1", "3", "1.0" } },
		{ D20_, "{'minimum':0.1}", { "0.1", "1e999999" }, { "0.09999999999999999999", "-1e999999" } },
		{ D20_, "{'multipleOf':0.01}", { "19.99", "0", "1e2", "'a'" }, { "19.999", "0.001" } },
		{ D20_, "{'multipleOf':7}", { "21", "-7", "7.0" }, { "22", "0.7" } },
		{ D20_,
		  "{'maximum':18446744073709551616}",
		  { "18446744073709551616", "18446744073709551615.5" },
		  { "18446744073709551617" } },
		{ D20_,
		  "{'minLength':2,'maxLength':3.0}",
		  { "'äö'", "'abc'", "'\\ud83d\\ude00a'", "1" },
		  { "'a'", "'abcd'", "'ä'", "'\\ud83d\\ude00'" } },
		{ D20_, "{'maxLength':1e30}", { "'a'" }, { NULL } },
		{ D20_, "{'minLength':1e30}", { "1" }, { "'a'" } },
		{ D20_, "{'pattern':'^[a-z]+$'}", { "'abc'", "1" }, { "'aBc'", "''" } },
		{ D20_, "{'format':'date'}", { "'no date'", "'2026-01-02'" }, { NULL } },
	};

	CHECK_ROWS(rows);
}
END_TEST

START_TEST(objects)
{
	static const struct row rows[] = {
		{ D20_,
		  "{'properties':{'a':{'type':'string'},'b':false}}",
		  { "{}", "{'a':'x'}", "[]", "{'c':1}" },
		  { "{'a':1}", "{'b':1}" } },
		{ D20_, "{'required':['a','b']}", { "{'a':1,'b':2}", "1" }, { "{'a':1}", "{}" } },
		{ D20_, "{'properties':{'a':true},'additionalProperties':false}", { "{'a':1}", "{}" }, { "{'b':1}" } },
		{ D20_,
		  "{'properties':{'a':true},'patternProperties':{'^x-':{'type':'integer'},'z$':{'minimum':5}},"
		  "'additionalProperties':{'type':'null'}}",
		  { "{'a':'s','x-1':1,'q':null,'x-z':5,'z':7}" },
		  { "{'x-1':'s'}", "{'q':1}", "{'x-z':4}", "{'z':1}" } },
		{ D20_, "{'patternProperties':{'':{'type':'string'}}}", { "{'a':'b'}" }, { "{'a':1}" } },
		{ D20_,
		  "{'properties':{'abc':{'minimum':1}},'patternProperties':{'^a':{'maximum':3}}}",
		  { "{'abc':2}" },
		  { "{'abc':0}", "{'abc':4}" } },
		{ D20_,
		  "{'propertyNames':{'maxLength':2,'pattern':'^a'}}",
		  { "{'ab':1}", "{}", "'x'" },
		  { "{'abc':1}", "{'b':1}" } },
		{ D20_, "{'propertyNames':{'enum':['a']}}", { "{'a':1}" }, { "{'b':1}" } },
		{ D20_, "{'propertyNames':{'const':'a'}}", { "{'a':1}" }, { "{'b':1}" } },
		{ D20_, "{'propertyNames':{'enum':['a',1]}}", { "{'a':1}" }, { "{'b':1}" } },
		{ D20_, "{'propertyNames':{'type':'string'}}", { "{'a':1}" }, { NULL } },
		{ D20_, "{'propertyNames':{'type':'object'}}", { "{}" }, { "{'a':1}" } },
		{ D20_, "{'propertyNames':false}", { "{}" }, { "{'a':1}" } },
		{ D20_,
		  "{'minProperties':1,'maxProperties':2}",
		  { "{'a':1}", "{'a':1,'b':2}", "[]" },
		  { "{}", "{'a':1,'b':1,'c':1}" } },
		{ D20_,
		  "{'dependentRequired':{'a':['b','c'],'d':[]}}",
		  { "{}", "{'a':1,'b':1,'c':1}", "{'d':1}" },
		  { "{'a':1}", "{'a':1,'b':1}" } },
		{ D20_,
		  "{'dependentSchemas':{'a':{'required':['b']}}}",
		  { "{'b':1}", "{'a':1,'b':1}" },
		  { "{'a':1}" } },
		{ D7_,
		  "{'dependencies':{'a':['b'],'c':{'required':['d']},'e':false}}",
		  { "{}", "{'a':1,'b':1}", "{'c':1,'d':1}" },
		  { "{'a':1}", "{'c':1}", "{'e':1}" } },
		{ D20_, "{'dependencies':{'a':['b']}}", { "{'a':1,'b':1}" }, { "{'a':1}" } },
		{ D7_, "{'dependentRequired':{'a':['b']}}", { "{'a':1}" }, { NULL } },
		{ D20_,
		  "{'properties':{'a\\u0000b':false,'':{'type':'null'}}}",
		  { "{'':null}", "{'a':1}" },
		  { "{'a\\u0000b':1}", "{'':1}" } },
	};

	CHECK_ROWS(rows);
}
END_TEST

/* More names than an object shape has bits for. */
START_TEST(many_required)
{
	struct buf schema = BUF_INIT(65536), instance = BUF_INIT(65536);

	buf_adds(&schema, "{'required':[");
	buf_addc(&instance, '{');
	for (unsigned i = 0; i < 200; i++) {
		buf_addf(&schema, "%s'n%u'", i ? "," : "", i);
		buf_addf(&instance, "%s'n%u':1", i ? "," : "", i);
	}
	buf_adds(&schema, "]}");
	buf_adds(&instance, "}");
	buf_addc(&schema, 0);
	buf_addc(&instance, 0);
	struct schema *s = compile_draft(schema.p, DRAFT_2020_12);
	ck_assert_int_eq(verdict_of(s, instance.p), SCHEMA_VALID);
	instance.p[2] = 'm';
	ck_assert_int_eq(verdict_of(s, instance.p), SCHEMA_INVALID);
	schema_unref(s);
	buf_free(&schema);
	buf_free(&instance);
}
END_TEST

START_TEST(arrays)
{
	static const struct row rows[] = {
		{ D20_, "{'items':{'type':'integer'}}", { "[]", "[1,2]", "{}" }, { "[1,'a']" } },
		{ D20_,
		  "{'prefixItems':[{'type':'string'},true],'items':false}",
		  { "[]", "['a']", "['a',1]" },
		  { "[1]", "['a',1,2]" } },
		{ D20_, "{'prefixItems':[{'type':'string'}]}", { "['a',1]" }, { "[1]" } },
		{ D19_,
		  "{'items':[{'type':'string'}],'additionalItems':{'type':'null'}}",
		  { "['a',null]" },
		  { "['a',1]", "[1]" } },
		{ D19_, "{'additionalItems':false}", { "[1]" }, { NULL } },
		{ D19_, "{'items':{'type':'null'},'additionalItems':false}", { "[null,null]" }, { "[1]" } },
		{ D20_, "{'minItems':1,'maxItems':2}", { "[1]", "[1,2]", "'a'" }, { "[]", "[1,2,3]" } },
		{ D20_, "{'contains':{'type':'string'}}", { "[1,'a']", "{}" }, { "[]", "[1]" } },
		{ D20_,
		  "{'contains':{'type':'string'},'minContains':2,'maxContains':3}",
		  { "['a',1,'b']", "['a','b','c']" },
		  { "['a']", "['a','b','c','d']" } },
		{ D20_, "{'contains':{'type':'string'},'minContains':0}", { "[]", "[1]" }, { NULL } },
		{ D7_, "{'contains':{'type':'string'},'minContains':0}", { "['a']" }, { "[1]" } },
		{ D20_, "{'minContains':2}", { "[]" }, { NULL } },
		{ D20_,
		  "{'uniqueItems':true}",
		  { "[1,2,'1',[1],{'a':1}]", "[]", "[1,true]", "[0,false]", "[[1,2],[2,1]]" },
		  { "[1,1.0]", "[{'a':1,'b':2},{'b':2,'a':1}]", "['a','\\u0061']", "[[1],[1]]", "[null,null]" } },
		{ D20_,
		  "{'uniqueItems':true}",
		  { "[1,2,3,4,5,6,7,8,9,10,11,12]" },
		  { "[1,2,3,4,5,6,7,8,9,10,11,1e0]", "[[1],2,3,4,5,6,7,8,9,10,{'a':1},{'a':1.0}]" } },
		{ D20_, "{'uniqueItems':false}", { "[1,1]" }, { NULL } },
	};

	CHECK_ROWS(rows);
}
END_TEST

START_TEST(combinators)
{
	static const struct row rows[] = {
		{ D20_, "{'allOf':[{'minimum':1},{'maximum':2}]}", { "1" }, { "0", "3" } },
		{ D20_, "{'anyOf':[{'type':'string'},{'minimum':5}]}", { "'a'", "6" }, { "1" } },
		{ D20_, "{'anyOf':[{'type':'string'},true]}", { "1" }, { NULL } },
		{ D20_, "{'anyOf':[false,{'type':'null'}]}", { "null" }, { "1" } },
		{ D20_, "{'oneOf':[{'minimum':1},{'maximum':5}]}", { "0", "6" }, { "3" } },
		{ D20_, "{'oneOf':[true,true]}", { NULL }, { "1" } },
		{ D20_,
		  "{'oneOf':[{'required':['a']},{'required':['b']}]}",
		  { "{'a':1}", "{'b':1}" },
		  { "{}", "{'a':1,'b':1}" } },
		{ D20_,
		  "{'oneOf':[{'properties':{'k':{'const':'a'},'n':{'type':'integer'}},'required':['k']},"
		  "{'properties':{'n':{'type':'string'},'k':{'enum':['b']}},'required':['k']},"
		  "{'allOf':[{'required':['m']},{'properties':{'k':{'type':'string','const':'c'}}}]}]}",
		  { "{'n':1,'k':'a'}", "{'n':'x','k':'b'}", "{'m':1}", "{'k':'\\u0063','m':1}" },
		  { "{'n':'x','k':'a'}", "{'k':'c'}", "{'k':'d','n':1}", "{}", "{'k':7,'m':1}", "{'k':'a','n':1.5}" } },
		{ D20_,
		  "{'anyOf':[{'properties':{'k':{'const':'a'}}},{'properties':{'k':{'const':'b'}}},{'required':['z']}],"
		  "'unevaluatedProperties':false}",
		  { "{'k':'a'}", "{'k':'b'}", "{}", "1" },
		  { "{'k':'c'}", "{'k':'c','z':1}", "{'k':'a','z':1}" } },
		{ D20_, "{'not':{'type':'string'}}", { "1" }, { "'a'" } },
		{ D20_, "{'not':{}}", { NULL }, { "1" } },
		{ D20_, "{'not':false}", { "1" }, { NULL } },
		{ D20_,
		  "{'if':{'type':'string'},'then':{'minLength':2},'else':{'minimum':2}}",
		  { "'ab'", "2", "null" },
		  { "'a'", "1" } },
		{ D20_, "{'then':false}", { "1" }, { NULL } },
		{ D20_, "{'if':false,'else':{'const':1}}", { "1" }, { "2" } },
		{ D6_, "{'if':true,'then':false}", { "1" }, { NULL } },
	};

	CHECK_ROWS(rows);
}
END_TEST

START_TEST(references)
{
	static const struct row rows[] = {
		{ D20_, "{'$ref':'#/$defs/a~1b%25','$defs':{'a/b%':{'type':'string'}}}", { "'a'" }, { "1" } },
		{ D20_, "{'$ref':'#x','minimum':3,'$defs':{'q':{'$anchor':'x','maximum':5}}}", { "4" }, { "2", "6" } },
		{ D7_, "{'$ref':'#/definitions/a','minimum':3,'definitions':{'a':{'maximum':5}}}", { "1" }, { "6" } },
		{ D7_, "{'allOf':[{'$ref':'#x'}],'definitions':{'a':{'$id':'#x','maximum':5}}}", { "1" }, { "6" } },
		{ D20_,
		  "{'$id':'http://e.example/a/b','$ref':'c','$defs':{'c':{'$id':'../a/c','$ref':'#/$defs/d',"
		  "'$defs':{'d':{'type':'null'}}}}}",
		  { "null" },
		  { "1" } },
		{ D20_,
		  "{'properties':{'next':{'$ref':'#'},'v':{'type':'integer'}}}",
		  { "{'v':1,'next':{'v':2}}" },
		  { "{'next':{'next':{'v':'x'}}}" } },
		{ D20_,
		  "{'$ref':'https://json-schema.org/draft/2020-12/schema'}",
		  { "{'type':'object'}", "true", "{'items':{'minLength':2}}" },
		  { "{'type':'any'}", "{'minLength':-1}", "{'items':{'minLength':'2'}}",
		    "{'$defs':{'a':{'required':['b','b']}}}" } },
		{ D19_,
		  "{'$ref':'https://json-schema.org/draft/2019-09/schema'}",
		  { "{'type':'object'}", "{'items':[{},true]}" },
		  { "{'type':'any'}", "{'allOf':[]}", "{'not':{'enum':1}}" } },
		{ D7_,
		  "{'$ref':'http://json-schema.org/draft-07/schema#'}",
		  { "{'if':{}}" },
		  { "{'if':1}", "{'properties':{'a':[]}}" } },
		{ D6_,
		  "{'$ref':'http://json-schema.org/draft-06/schema#'}",
		  { "{'examples':[1]}" },
		  { "{'required':'a'}", "{'enum':[]}" } },
		{ D20_,
		  "{'$id':'http://e.example/tree','$dynamicAnchor':'n','properties':{'c':{'items':{'$dynamicRef':'#n'}}},"
		  "'$defs':{'s':{'$id':'strict','$dynamicAnchor':'n','$ref':'tree','unevaluatedProperties':false}}}",
		  { "{'c':[{'d':1}]}" },
		  { NULL } },
		{ D20_,
		  "{'$ref':'strict','$id':'http://e.example/x','$defs':{'t':{'$id':'tree','$dynamicAnchor':'n',"
		  "'properties':{'c':{'items':{'$dynamicRef':'#n'}}}},'s':{'$id':'strict','$dynamicAnchor':'n',"
		  "'$ref':'tree','unevaluatedProperties':false}}}",
		  { "{'c':[{'c':[]}]}" },
		  { "{'c':[{'d':1}]}", "{'d':1}" } },
		{ D19_,
		  "{'$ref':'strict','$id':'http://e.example/x','$defs':{'t':{'$id':'tree','$recursiveAnchor':true,"
		  "'properties':{'c':{'items':{'$recursiveRef':'#'}}}},'s':{'$id':'strict','$recursiveAnchor':true,"
		  "'$ref':'tree','unevaluatedProperties':false}}}",
		  { "{'c':[{'c':[]}]}" },
		  { "{'c':[{'d':1}]}", "{'d':1}" } },
		{ D20_, "{'const':{'$ref':'#/nowhere'}}", { "{'$ref':'#/nowhere'}" }, { "1" } },
		{ D20_, "{'$ref':'#/unknown/a','unknown':{'a':{'type':'null'}}}", { "null" }, { "1" } },
		{ D20_,
		  "{'$defs':{'a':{'$schema':'http://json-schema.org/draft-07/schema#','$id':'http://e.example/7','definitions':"
		  "{'b':{'minimum':1}},'allOf':[{'$ref':'#/definitions/b','maximum':1}]}},'$ref':'#/$defs/a'}",
		  { "5" },
		  { "0" } },
	};

	CHECK_ROWS(rows);
}
END_TEST

START_TEST(unevaluated)
{
	static const struct row rows[] = {
		{ D20_, "{'properties':{'a':true},'unevaluatedProperties':false}", { "{'a':1}" }, { "{'b':1}" } },
		{ D20_,
		  "{'allOf':[{'properties':{'a':true}}],'properties':{'b':true},'unevaluatedProperties':false}",
		  { "{'a':1,'b':2}" },
		  { "{'a':1,'c':1}" } },
		{ D20_,
		  "{'anyOf':[{'properties':{'a':{'const':1}},'required':['a']},{'properties':{'b':{'const':1}},'required':['b']}],"
		  "'unevaluatedProperties':false}",
		  { "{'a':1}", "{'b':1}", "{'a':1,'b':1}" },
		  { "{'a':1,'b':2}", "{'a':1,'c':1}" } },
		{ D20_,
		  "{'oneOf':[{'properties':{'a':{'const':1}},'required':['a']},{'properties':{'b':true},'required':['b']}],"
		  "'unevaluatedProperties':{'type':'null'}}",
		  { "{'a':1}", "{'b':1,'c':null}", "{'a':null,'b':1}" },
		  { "{'a':2,'b':1}", "{'b':1,'c':1}" } },
		{ D20_,
		  "{'if':{'properties':{'k':{'const':'x'}},'required':['k']},'then':{'properties':{'x':true}},"
		  "'else':{'properties':{'y':true,'k':true}},'unevaluatedProperties':false}",
		  { "{'k':'x','x':1}", "{'k':'q','y':1}" },
		  { "{'k':'x','y':1}", "{'k':'q','x':1}" } },
		{ D20_,
		  "{'not':{'properties':{'a':false}},'unevaluatedProperties':false}",
		  { NULL },
		  { "{'a':1}", "{}" } },
		{ D20_,
		  "{'dependentSchemas':{'a':{'properties':{'b':true}}},'properties':{'a':true},'unevaluatedProperties':false}",
		  { "{'a':1,'b':1}", "{'a':1}" },
		  { "{'b':1}" } },
		{ D20_,
		  "{'$ref':'#/$defs/p','unevaluatedProperties':false,'$defs':{'p':{'patternProperties':{'^a':true}}}}",
		  { "{'ab':1}" },
		  { "{'b':1}" } },
		{ D20_,
		  "{'allOf':[{'additionalProperties':{'type':'integer'}}],'unevaluatedProperties':false}",
		  { "{'a':1}" },
		  { "{'a':'x'}" } },
		{ D20_,
		  "{'allOf':[{'unevaluatedProperties':{'type':'integer'}}],'unevaluatedProperties':false}",
		  { "{'a':1}" },
		  { "{'a':'x'}" } },
		{ D20_,
		  "{'allOf':[{'properties':{'a':true},'unevaluatedProperties':false},{'properties':{'b':true}}]}",
		  { "{'a':1}" },
		  { "{'b':1}" } },
		{ D20_,
		  "{'properties':{'a':{'properties':{'b':true}}},'unevaluatedProperties':false}",
		  { "{'a':{'c':1}}" },
		  { "{'b':1}" } },
		{ D20_, "{'prefixItems':[true],'unevaluatedItems':false}", { "[1]" }, { "[1,2]" } },
		{ D20_,
		  "{'allOf':[{'prefixItems':[true,{'type':'null'}]}],'prefixItems':[true],'unevaluatedItems':{'type':'string'}}",
		  { "[1,null,'a']" },
		  { "[1,null,1]", "[1,1]" } },
		{ D20_,
		  "{'contains':{'type':'string'},'unevaluatedItems':{'type':'null'}}",
		  { "['a',null,'b']" },
		  { "['a',1]", "[null]" } },
		{ D19_,
		  "{'contains':{'type':'string'},'unevaluatedItems':{'type':'null'}}",
		  { NULL },
		  { "['a',null]" } },
		{ D19_, "{'items':[true],'unevaluatedItems':false}", { "[1]" }, { "[1,2]" } },
		{ D19_, "{'unevaluatedItems':{'type':'null'}}", { "[null]", "[]" }, { "[1]" } },
		{ D19_, "{'items':{'type':'integer'},'unevaluatedItems':false}", { "[1,2]" }, { "['a']" } },
		{ D20_,
		  "{'anyOf':[{'items':{'type':'integer'}},{'prefixItems':[true]}],'unevaluatedItems':false}",
		  { "[1,2]", "['a']" },
		  { "['a',1]" } },
		{ D20_,
		  "{'unevaluatedProperties':false,'unevaluatedItems':false}",
		  { "{}", "[]", "1" },
		  { "{'a':1}", "[1]" } },
	};

	CHECK_ROWS(rows);
}
END_TEST

/* More members than one word of marks holds. */
START_TEST(many_marks)
{
	struct buf instance = BUF_INIT(65536);
	struct schema *s = compile_draft("{'anyOf':[{'patternProperties':{'^a':{'type':'string'}}},"
	                                 "{'patternProperties':{'^[ab]':true}}],'unevaluatedProperties':false}",
	                                 DRAFT_2020_12);

	buf_addc(&instance, '{');
	for (unsigned i = 0; i < 300; i++)
		buf_addf(&instance, "%s'a%u':%u", i ? "," : "", i, i);
	buf_adds(&instance, ",'b':1}");
	buf_addc(&instance, 0);
	ck_assert_int_eq(verdict_of(s, instance.p), SCHEMA_VALID);
	*strchr(instance.p, 'b') = 'c';
	ck_assert_int_eq(verdict_of(s, instance.p), SCHEMA_INVALID);
	schema_unref(s);
	buf_free(&instance);
}
END_TEST

START_TEST(formats)
{
	struct schema_options o = { .draft = DRAFT_2020_12, .formats = true };
	struct error e;
	struct schema *s = try_compile("{'format':'date'}", &o, &e);

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(verdict_of(s, "'2026-02-29'"), SCHEMA_INVALID);
	ck_assert_int_eq(verdict_of(s, "'2024-02-29'"), SCHEMA_VALID);
	ck_assert_int_eq(verdict_of(s, "7"), SCHEMA_VALID);
	schema_unref(s);
	s = try_compile("{'format':'no such format'}", &o, &e);
	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(verdict_of(s, "'x'"), SCHEMA_VALID);
	schema_unref(s);
}
END_TEST

TCase *make_keywords_case(void)
{
	TCase *c = tcase_create("keywords");

	tcase_add_test(c, scalars);
	tcase_add_test(c, objects);
	tcase_add_test(c, many_required);
	tcase_add_test(c, arrays);
	tcase_add_test(c, combinators);
	tcase_add_test(c, references);
	tcase_add_test(c, unevaluated);
	tcase_add_test(c, many_marks);
	tcase_add_test(c, formats);
	return c;
}
