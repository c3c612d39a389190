/* Loading: what is refused and where, strict and by the specification, sets of several documents,
 * vocabularies, and URIs. */
#include "lib/schema/document.h"
#include "lib/schema/uri.h"
#include "test/schema/schema_test.h"

TCase *make_load_case(void);

/* Each is refused by the specification; the text must hold `says`, the place is `line`. */
START_TEST(refused)
{
	static const struct {
		const char *schema, *says;
		uint32_t line, column;
	} rows[] = {
		{ "1", "must be an object, true or false", 1, 1 },
		{ "{'type':'any'}", "/type: \"type\" must be a type name", 1, 9 },
		{ "{'type':[]}", "\"type\" must be", 1, 9 },
		{ "{'type':1}", "\"type\" must be", 1, 9 },
		{ "{\n 'minLength': '3'}", "\"minLength\" must be a whole number from 0 on", 2, 15 },
		{ "{'maxItems':-1}", "\"maxItems\" must be", 1, 13 },
		{ "{'minProperties':1.5}", "\"minProperties\" must be", 1, 18 },
		{ "{'multipleOf':0}", "greater than 0", 1, 15 },
		{ "{'maximum':'1'}", "\"maximum\" must be a number", 1, 12 },
		{ "{'required':['a',1]}", "/required/1: \"required\" must be an array of distinct strings", 1, 18 },
		{ "{'required':['a','a']}", "distinct", 1, 18 },
		{ "{'enum':1}", "\"enum\" must be an array", 1, 9 },
		{ "{'properties':{'a':1}}", "/properties/a: \"properties\" must be an object whose members are schemas",
		  1, 20 },
		{ "{'properties':[]}", "\"properties\" must be", 1, 15 },
		{ "{'items':[]}", "\"items\" must be a schema", 1, 10 },
		{ "{'prefixItems':[]}", "non-empty array of schemas", 1, 16 },
		{ "{'allOf':[]}", "non-empty array of schemas", 1, 10 },
		{ "{'anyOf':{}}", "non-empty array of schemas", 1, 10 },
		{ "{'oneOf':[1]}", "/oneOf/0", 1, 11 },
		{ "{'not':1}", "\"not\" must be a schema", 1, 8 },
		{ "{'uniqueItems':1}", "true or false", 1, 16 },
		{ "{'pattern':1}", "\"pattern\" must be a string", 1, 12 },
		{ "{'pattern':'('}", "not a regular expression", 1, 12 },
		{ "{'patternProperties':{'[':true}}", "not a regular expression", 1, 23 },
		{ "{'format':1}", "\"format\" must be a string", 1, 11 },
		{ "{'dependentRequired':{'a':[1]}}", "/dependentRequired/a: \"dependentRequired\" must be", 1, 27 },
		{ "{'dependentSchemas':{'a':1}}", "\"dependentSchemas\" must be", 1, 26 },
		{ "{'dependencies':{'a':1}}", "\"dependencies\" must be", 1, 22 },
		{ "{'$ref':1}", "\"$ref\" must be a string", 1, 9 },
		{ "{'$ref':'#/$defs/none'}", "/$ref: there is no schema at \"#/$defs/none\"", 1, 2 },
		{ "{'$ref':'#none'}", "there is no schema", 1, 2 },
		{ "{'$ref':'other.json'}", "there is no schema", 1, 2 },
		{ "{'$ref':'#/%zz'}", "there is no schema", 1, 2 },
		{ "{'$ref':'#/$defs/a','$defs':{'a':true,'b':{'type':1}}}", "\"type\" must be", 1, 51 },
		{ "{'$ref':'#/u','u':{'type':1}}", "\"type\" must be", 1, 27 },
		{ "{'$ref':'#/u','u':7}", "must be an object, true or false", 1, 19 },
		{ "{'$ref':'#'}", "refers to itself without end", 1, 2 },
		{ "{'allOf':[{'anyOf':[{'$ref':'#/allOf/0'}]}]}", "refers to itself without end", 1, 22 },
		{ "{'$ref':'#/$defs/a','$defs':{'a':{'not':{'$ref':'#/$defs/b'}},'b':{'if':{'$ref':'#/$defs/a'}}}}",
		  "refers to itself without end", 1, 74 },
		{ "{'$anchor':'a','$defs':{'x':{'$anchor':'a'}}}", "defined twice", 1, 29 },
		{ "{'$defs':{'a':{'$id':'b#c'}}}", "must not have a fragment", 1, 15 },
		{ "{'$id':'b#c'}", "must not have a fragment", 1, 8 },
		{ "{'$schema':'http://e.example/unknown'}",
		  "/$schema: the dialect or vocabulary is not known: http://e.example/unknown", 1, 12 },
		{ "{'$vocabulary':1}", "\"$vocabulary\" must be an object", 1, 16 },
		{ "{'if':1}", "\"if\" must be", 1, 7 },
		{ "{'contains':[]}", "\"contains\" must be", 1, 13 },
		{ "{'a':1,'a':2}", "", 1, 8 },
		{ "{", "", 1, 2 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct schema_options o = { .draft = DRAFT_2020_12 };
		struct error e;

		ck_assert_msg(!try_compile(rows[i].schema, &o, &e), "%s was not refused", rows[i].schema);
		ck_assert_msg(strstr(e.text, rows[i].says), "%s: %s", rows[i].schema, e.text);
		if (rows[i].line)
			ck_assert_msg(e.line == rows[i].line && e.column == rows[i].column, "%s: %u:%u %s",
			              rows[i].schema, e.line, e.column, e.text);
	}
}
END_TEST

START_TEST(strict)
{
	static const struct view ignored[] = { { "discriminator", 13 } };
	struct schema_options o = { .draft = DRAFT_2020_12, .strict = true, .ignored = ignored, .n_ignored = 1 };
	struct error e;
	struct schema *s;

	s = try_compile(
	        "{'title':'t','description':'d','default':1,'examples':[],'$comment':'c','x-any':1,'deprecated':true,"
	        "'readOnly':true,'writeOnly':false,'discriminator':{},'$defs':{'a':{'title':'b'}}}",
	        &o, &e);
	ck_assert_msg(s, "%s", e.text);
	schema_unref(s);
	ck_assert_ptr_null(try_compile("{\n'properties':{'a':{'minlength':1}}}", &o, &e));
	ck_assert_str_eq(e.text, "/properties/a/minlength: unknown keyword \"minlength\"");
	ck_assert_uint_eq(e.line, 2);
	ck_assert_uint_eq(e.column, 20);
	ck_assert_str_eq(e.where, "test:/a");
	/* A keyword of another draft is unknown as well, also where nothing refers to the schema. */
	ck_assert_ptr_null(try_compile("{'$defs':{'a':{'additionalItems':false}}}", &o, &e));
	ck_assert_ptr_null(try_compile("{'$recursiveRef':'#'}", &o, &e));
	/* Where formats assert, a format must be known. */
	s = try_compile("{'format':'phone'}", &o, &e);
	ck_assert_msg(s, "%s", e.text);
	schema_unref(s);
	o.formats = true;
	ck_assert_ptr_null(try_compile("{'format':'phone'}", &o, &e));
	ck_assert_str_eq(e.text, "/format: unknown format \"phone\"");
	o.strict = false;
	s = try_compile("{'minlength':1,'properties':{'a':{'maxlength':0}}}", &o, &e);
	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(verdict_of(s, "{'a':'long'}"), SCHEMA_VALID);
	schema_unref(s);
}
END_TEST

START_TEST(known_names)
{
	struct schema *s = compile_draft("{'properties':{'a':{'required':['b']}},'dependentRequired':{'c':['d']},"
	                                 "'title':'t','const':{'e':1},'allOf':[{'enum':['f',1]},{'const':'g'}]}",
	                                 DRAFT_2020_12);

	ck_assert(schema_knows(s, VIEW("a")) && schema_knows(s, VIEW("b")) && schema_knows(s, VIEW("c")) &&
	          schema_knows(s, VIEW("d")));
	ck_assert(schema_lists(s, VIEW("f")) && schema_lists(s, VIEW("g")));
	ck_assert(!schema_lists(s, VIEW("a")) && !schema_lists(s, VIEW("")));
	ck_assert(!schema_knows(s, VIEW("t")) && !schema_knows(s, VIEW("e")) && !schema_knows(s, VIEW("")));
	schema_unref(s);
}
END_TEST

static void add_pattern(void *arg, struct view pattern)
{
	buf_add(arg, pattern);
	buf_addc(arg, ' ');
}

START_TEST(patterns_listed)
{
	struct buf out = BUF_INIT(1000);
	struct schema *s =
	        compile_draft("{'pattern':'a+','patternProperties':{'^x-':true,'b$':{'pattern':'a+'}}}", DRAFT_2020_12);

	schema_each_pattern(s, add_pattern, &out);
	ck_assert_msg(view_is(buf_view(&out), "a+ b$ "), "%.*s", VIEW_ARG(buf_view(&out)));
	buf_free(&out);
	schema_unref(s);
}
END_TEST

static struct schema *compile_set(const char *const docs[][2], size_t n, const char *uri, struct error *e)
{
	struct schema_options o = { .draft = DRAFT_2020_12 };
	struct schema_set *set = schema_set_new();
	struct schema *s;

	*e = (struct error){ .reason = REASON_NONE };
	for (size_t i = 0; i < n; i++) {
		char *text = json_text(docs[i][1]);

		ck_assert_msg(schema_set_add(set, view_of(docs[i][0]), view_of(text), e), "%s", e->text);
		free(text);
	}
	s = schema_compile(set, view_of(uri), &o, e);
	schema_set_free(set);
	return s;
}

START_TEST(bundles)
{
	static const char *const docs[][2] = {
		{ "http://e.example/a.json", "{'$ref':'b.json#/$defs/x'}" },
		{ "http://e.example/b.json", "{'$defs':{'x':{'$ref':'urn:own#q'},'broken':true}}" },
		{ "file:/c",
		  "{'$id':'urn:own','$defs':{'y':{'$anchor':'q','type':'integer'},'z':{'$id':'http://e.example/in','type':'null'}}}" },
		{ "file:/broken", "{'$id':'http://e.example/broken','type':'nothing'}" },
		{ "file:/twice", "{'$defs':{'a':{'$id':'urn:t','type':'null'},'b':{'$id':'urn:t'}},'$ref':'urn:t'}" },
		{ "d", "{'$ref':'e#/$defs/x'}" },
		{ "e", "{'$defs':{'x':{'type':'null'}}}" },
	};
	const size_t n = sizeof docs / sizeof docs[0];
	struct error e;
	struct schema *s = compile_set(docs, n, "http://e.example/a.json", &e);

	ck_assert_msg(s, "%s", e.text);
	ck_assert_int_eq(verdict_of(s, "1"), SCHEMA_VALID);
	ck_assert_int_eq(verdict_of(s, "'a'"), SCHEMA_INVALID);
	schema_unref(s);
	s = compile_set(docs, n, "http://e.example/in", &e);
	ck_assert_msg(s, "%s", e.text);
	ck_assert_int_eq(verdict_of(s, "null"), SCHEMA_VALID);
	ck_assert_int_eq(verdict_of(s, "1"), SCHEMA_INVALID);
	schema_unref(s);
	s = compile_set(docs, n, "urn:own#/$defs/y", &e);
	ck_assert_msg(s, "%s", e.text);
	schema_unref(s);
	s = compile_set(docs, n, "d", &e);
	ck_assert_msg(s, "%s", e.text);
	schema_unref(s);
	ck_assert_ptr_null(compile_set(docs, n, "http://e.example/broken", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "\"type\" must be"));
	ck_assert_ptr_null(compile_set(docs, n, "http://e.example/none", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "there is no schema at"));
	ck_assert_ptr_null(compile_set(docs, n, "file:/twice", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "more than one schema has the URI"));
}
END_TEST

START_TEST(same_uri_twice)
{
	struct schema_set *set = schema_set_new();
	struct error e = { .reason = REASON_NONE };

	ck_assert(schema_set_add(set, VIEW("a"), VIEW("true"), &e));
	ck_assert(!schema_set_add(set, VIEW("a#"), VIEW("true"), &e));
	ck_assert_int_eq(e.reason, REASON_SCHEMA_ERROR);
	schema_set_free(set);
}
END_TEST

/* One document under a base URI with another: NULL for `more`: none. */
static struct schema *compiled(const char *more, const struct schema_options *o)
{
	struct error e = { .reason = REASON_NONE };
	struct schema_set *set = schema_set_new();

	ck_assert(schema_set_add(set, VIEW("urn:a"), VIEW("{\"maxLength\":3,\"$defs\":{\"b\":{}}}"), &e));
	ck_assert(!more || schema_set_add(set, VIEW("urn:b"), view_of(more), &e));
	struct schema *s = schema_compile(set, VIEW("urn:a"), o, &e);
	ck_assert_msg(s != NULL, "%s", e.text);
	schema_set_free(set);
	return s;
}

/* What is the same is compiled once as long as somebody has it; nothing else is taken for it. */
START_TEST(shared)
{
	const struct view ignored = VIEW("hint");
	const struct schema_options options[] = {
		{ .draft = DRAFT_2020_12, .strict = true },
		{ .draft = DRAFT_2019_09, .strict = true },
		{ .draft = DRAFT_2020_12 },
		{ .draft = DRAFT_2020_12, .strict = true, .formats = true },
		{ .draft = DRAFT_2020_12, .strict = true, .steps = 7 },
		{ .draft = DRAFT_2020_12, .strict = true, .ignored = &ignored, .n_ignored = 1 },
	};
	enum { N = sizeof options / sizeof *options };
	struct schema *all[N + 2];

	for (size_t i = 0; i < N; i++)
		all[i] = compiled(NULL, &options[i]);
	all[N] = compiled("{}", &options[0]);
	all[N + 1] = compiled("{\"type\":\"string\"}", &options[0]);
	for (size_t i = 0; i < N + 2; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_ptr_ne(all[i], all[k]);
	for (size_t i = 0; i < N; i++) {
		struct schema *again = compiled(NULL, &options[i]);
		ck_assert_ptr_eq(again, all[i]);
		schema_unref(all[i]);
		all[i] = again;
	}
	for (size_t i = 0; i < N + 2; i++)
		schema_unref(all[i]);
	/* Of one that nobody has any more nothing is left. */
	schema_unref(compiled(NULL, &options[0]));
}
END_TEST

START_TEST(vocabularies)
{
	static const char *const docs[][2] = {
		{ "test:/meta",
		  "{'$schema':'https://json-schema.org/draft/2020-12/schema','$id':'test:/meta',"
		  "'$vocabulary':{'https://json-schema.org/draft/2020-12/vocab/core':true,"
		  "'https://json-schema.org/draft/2020-12/vocab/applicator':true,'urn:optional':false}}" },
		{ "test:/needs", "{'$schema':'https://json-schema.org/draft/2020-12/schema',"
		                 "'$vocabulary':{'urn:needed':true}}" },
		{ "test:/asserts", "{'$schema':'https://json-schema.org/draft/2020-12/schema',"
		                   "'$vocabulary':{'https://json-schema.org/draft/2020-12/vocab/core':true,"
		                   "'https://json-schema.org/draft/2020-12/vocab/format-assertion':true}}" },
		{ "test:/a", "{'$schema':'test:/meta','properties':{'a':false},'minimum':5}" },
		{ "test:/b", "{'$schema':'test:/needs'}" },
		{ "test:/c", "{'$schema':'test:/asserts','format':'ipv4','type':'integer'}" },
	};
	struct error e;
	struct schema *s = compile_set(docs, 6, "test:/a", &e);

	ck_assert_msg(s, "%s", e.text);
	ck_assert_int_eq(verdict_of(s, "1"), SCHEMA_VALID);
	ck_assert_int_eq(verdict_of(s, "{'a':1}"), SCHEMA_INVALID);
	schema_unref(s);
	ck_assert_ptr_null(compile_set(docs, 6, "test:/b", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "urn:needed"));
	s = compile_set(docs, 6, "test:/c", &e);
	ck_assert_msg(s, "%s", e.text);
	ck_assert_int_eq(verdict_of(s, "'10.0.0.1'"), SCHEMA_VALID);
	ck_assert_int_eq(verdict_of(s, "'10.0.0.256'"), SCHEMA_INVALID);
	schema_unref(s);
}
END_TEST

/* RFC 3986 sections 5.4.1 and 5.4.2: base http://a/b/c/d;p?q. */
START_TEST(uris)
{
	static const char *const rows[][2] = {
		{ "g:h", "g:h" },
		{ "g", "http://a/b/c/g" },
		{ "./g", "http://a/b/c/g" },
		{ "g/", "http://a/b/c/g/" },
		{ "/g", "http://a/g" },
		{ "//g", "http://g" },
		{ "?y", "http://a/b/c/d;p?y" },
		{ "g?y", "http://a/b/c/g?y" },
		{ ";x", "http://a/b/c/;x" },
		{ "g;x", "http://a/b/c/g;x" },
		{ "", "http://a/b/c/d;p?q" },
		{ ".", "http://a/b/c/" },
		{ "./", "http://a/b/c/" },
		{ "..", "http://a/b/" },
		{ "../", "http://a/b/" },
		{ "../g", "http://a/b/g" },
		{ "../..", "http://a/" },
		{ "../../", "http://a/" },
		{ "../../g", "http://a/g" },
		{ "../../../g", "http://a/g" },
		{ "../../../../g", "http://a/g" },
		{ "/./g", "http://a/g" },
		{ "/../g", "http://a/g" },
		{ "g.", "http://a/b/c/g." },
		{ ".g", "http://a/b/c/.g" },
		{ "g..", "http://a/b/c/g.." },
		{ "..g", "http://a/b/c/..g" },
		{ "./../g", "http://a/b/g" },
		{ "./g/.", "http://a/b/c/g/" },
		{ "g/./h", "http://a/b/c/g/h" },
		{ "g/../h", "http://a/b/c/h" },
		{ "g;x=1/./y", "http://a/b/c/g;x=1/y" },
		{ "g;x=1/../y", "http://a/b/c/y" },
		{ "g?y/./x", "http://a/b/c/g?y/./x" },
		{ "g?y/../x", "http://a/b/c/g?y/../x" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = BUF_INIT(1000);

		uri_resolve(&out, VIEW("http://a/b/c/d;p?q"), view_of(rows[i][0]));
		ck_assert_msg(view_is(buf_view(&out), rows[i][1]), "%s gave %.*s", rows[i][0],
		              VIEW_ARG(buf_view(&out)));
		buf_free(&out);
	}
}
END_TEST

TCase *make_load_case(void)
{
	TCase *c = tcase_create("load");

	tcase_add_test(c, refused);
	tcase_add_test(c, strict);
	tcase_add_test(c, known_names);
	tcase_add_test(c, patterns_listed);
	tcase_add_test(c, bundles);
	tcase_add_test(c, same_uri_twice);
	tcase_add_test(c, shared);
	tcase_add_test(c, vocabularies);
	tcase_add_test(c, uris);
	return c;
}
