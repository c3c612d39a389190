/* What places a schema has: every way in which JSON Schema leads down a record. */
#include "lib/policy/reach.h"
#include "test/policy/support.h"

TCase *make_reach_case(void);

#define S(text) "{\"$id\":\"https://one.example/a/root.json\"," text "}"

static const struct {
	const char *schema, *pointer;
	bool there;
} table[] = {
	{ S("\"properties\":{\"a\":{\"properties\":{\"b\":{\"type\":\"string\"}}}}"), "/a/b", true },
	{ S("\"properties\":{\"a\":{\"properties\":{\"b\":{\"type\":\"string\"}}}}"), "/*/b", true },
	{ S("\"properties\":{\"a\":{\"properties\":{\"b\":{\"type\":\"string\"}}}}"), "/a/c", false },
	{ S("\"properties\":{\"a\":{\"properties\":{\"b\":{\"type\":\"string\"}}}}"), "/a/b/c", false },
	{ S("\"properties\":{\"a\":{\"type\":\"string\"}}"), "/a/0", false },
	{ S("\"properties\":{\"a\":false}"), "/a", false },
	{ S("\"properties\":{\"a\":{}}"), "/a/any/thing", true },
	{ S("\"properties\":{\"a\":{\"type\":[\"object\",\"null\"]}}"), "/a/any", true },
	{ S("\"properties\":{\"a\":{\"type\":[\"string\",\"null\"]}}"), "/a/any", false },
	{ S("\"properties\":{\"a/b\":{\"properties\":{\"~\":true}}}"), "/a~1b/~0", true },
	{ S("\"items\":{\"properties\":{\"b\":true}}"), "/*/b", true },
	{ S("\"items\":{\"properties\":{\"b\":true}}"), "/3/b", false },
	{ S("\"items\":{\"properties\":{\"b\":true}}"), "/x/b", false },
	{ S("\"items\":false,\"prefixItems\":[{\"type\":\"string\"},{\"properties\":{\"b\":true}}]"), "/*/b", true },
	{ S("\"items\":false,\"prefixItems\":[true,{\"properties\":{\"b\":true}}]"), "/1/b", false },
	{ S("\"items\":false,\"prefixItems\":[{\"type\":\"string\"},{\"properties\":{\"b\":true}}]"), "/0/b", false },
	{ S("\"items\":[{\"type\":\"string\"}],\"additionalItems\":{\"properties\":{\"b\":true}}"), "/*/b", true },
	{ S("\"patternProperties\":{\"^x\":{\"properties\":{\"b\":true}}}"), "/x1/b", true },
	{ S("\"additionalProperties\":{\"properties\":{\"b\":true}}"), "/any/b", true },
	{ S("\"additionalProperties\":false,\"properties\":{\"a\":true}"), "/b", false },
	{ S("\"unevaluatedProperties\":{\"type\":\"string\"}"), "/any", true },
	{ S("\"allOf\":[{\"properties\":{\"a\":true}},{\"minProperties\":1}]"), "/a", true },
	{ S("\"allOf\":[{\"properties\":{\"a\":true}},{\"minProperties\":1}]"), "/b", false },
	{ S("\"oneOf\":[{\"properties\":{\"a\":true}},{\"properties\":{\"b\":true}}]"), "/b", true },
	{ S("\"anyOf\":[{\"properties\":{\"a\":true}}]"), "/a", true },
	{ S("\"if\":{\"properties\":{\"k\":true}},\"then\":{\"properties\":{\"a\":true}},\"else\":{\"properties\":{\"b\":true}}"),
	  "/b", true },
	{ S("\"dependentSchemas\":{\"k\":{\"properties\":{\"a\":true}}}"), "/a", true },
	{ S("\"$ref\":\"#/$defs/x\",\"$defs\":{\"x\":{\"properties\":{\"a\":true}}}"), "/a", true },
	{ S("\"$ref\":\"#/$defs/none\""), "/a", false },
	{ S("\"$ref\":\"#/allOf/0\",\"allOf\":[{\"properties\":{\"a\":true}}]"), "/a", true },
	{ S("\"$ref\":\"#here\",\"$defs\":{\"x\":{\"$anchor\":\"here\",\"properties\":{\"a\":true}}}"), "/a", true },
	{ S("\"$dynamicRef\":\"#here\",\"$defs\":{\"x\":[{\"$dynamicAnchor\":\"here\",\"properties\":{\"a\":true}}]}"),
	  "/a", true },
	{ S("\"$ref\":\"#nowhere\""), "/a", false },
	{ S("\"$ref\":\"#\""), "/a", false },
	{ S("\"properties\":{\"a\":{\"$ref\":\"other.json\"}}"), "/a/o", true },
	{ S("\"properties\":{\"a\":{\"$ref\":\"./other.json#/$defs/p\"}}"), "/a/p", true },
	{ S("\"properties\":{\"a\":{\"$ref\":\"../a/other.json\"}}"), "/a/o", true },
	{ S("\"properties\":{\"a\":{\"$ref\":\"/a/other.json\"}}"), "/a/o", true },
	{ S("\"properties\":{\"a\":{\"$ref\":\"https://one.example/a/other.json\"}}"), "/a/o", true },
	{ S("\"properties\":{\"a\":{\"$ref\":\"urn:third\"}}"), "/a/t", true },
	{ S("\"properties\":{\"a\":{\"$ref\":\"https://two.example/other.json\"}}"), "/a/o", false },
	{ S("\"properties\":{\"child\":{\"$ref\":\"#\"},\"name\":true}"), "/child/child/child/name", true },
	{ S("\"properties\":{\"a\":{\"$ref\":\"other.json#o\"}}"), "/a/o", false },
	{ S("\"properties\":{\"a\":{\"$ref\":\"#/prefixItems/9\"}},\"prefixItems\":[true]"), "/a/b", false },
	{ S("\"properties\":{\"a\":{\"$ref\":\"#/prefixItems/x\"}},\"prefixItems\":[true]"), "/a/b", false },
	{ S("\"$ref\":\"#here\",\"$defs\":{\"n\":7,\"x\":[[{\"$anchor\":\"there\"}],{\"$anchor\":\"here\",\"properties\":{\"a\":true}}]}"),
	  "/a", true },
	{ S("\"dependentSchemas\":{\"k\":{\"properties\":{\"a\":true}},\"l\":{\"properties\":{\"b\":true}}}"), "/b",
	  true },
	{ S("\"if\":{\"minProperties\":1},\"then\":{\"minProperties\":2},\"properties\":{\"a\":true}"), "/a", true },
	{ S("\"items\":false"), "/*", false },
	{ S("\"unevaluatedItems\":{\"properties\":{\"b\":true}}"), "/*/b", true },
	{ S("\"unevaluatedItems\":false,\"properties\":{\"a\":{\"type\":\"string\"}}"), "/*/b", false },
	{ S("\"patternProperties\":{\"^x\":{\"type\":\"string\"}}"), "/x1/b", false },
	{ S("\"additionalProperties\":{\"type\":\"string\"}"), "/any/b", false },
	{ S("\"items\":[{\"type\":\"string\"}],\"additionalItems\":false"), "/*/b", false },
	{ S("\"type\":\"object\""), "/any", true },
	{ S("\"type\":\"array\""), "/*", true },
	{ S("\"type\":\"string\""), "/any", false },
	{ S("\"properties\":{\"a\":{\"properties\":{\"b\":true}}}"), "/*/x", false },
	{ S("\"properties\":{\"a\":{\"properties\":{\"b\":true}}}"), "/a/~2", false },
	{ "{\"$id\":\"https://one.example\",\"properties\":{\"a\":{\"$ref\":\"/a/other.json\"}}}", "/a/o", true },
	{ "{\"$id\":\"root.json\",\"properties\":{\"a\":{\"$ref\":\"other.json\"}}}", "/a/o", false },
	{ S("\"properties\":{\"a\":{\"$ref\":\"../../../../../../other.json\"}}"), "/a/o", false },
	{ S("\"properties\":{\"a\":{\"$ref\":\"fourth.json\"}}"), "/a/f", true },
	{ S("\"$ref\":\"#here\",\"$defs\":{\"x\":[{\"$anchor\":\"here\",\"properties\":{\"a\":true}},{\"$anchor\":\"b\"}],\"y\":{\"$anchor\":\"c\"}}"),
	  "/a", true },
	{ S("\"$ref\":\"#/$defs/~2\",\"$defs\":{\"~2\":{\"properties\":{\"a\":true}}}"), "/a", false },
	{ S("\"allOf\":[false,{\"properties\":{\"a\":true}}]"), "/a", true },
	{ S("\"anyOf\":[false],\"properties\":{\"b\":true}"), "/a", false },
	{ S("\"dependentSchemas\":{\"k\":{\"properties\":{\"a\":true}},\"l\":{\"properties\":{\"b\":true}}}"), "/a",
	  true },
	{ S("\"prefixItems\":[{\"properties\":{\"b\":true}}],\"unevaluatedItems\":{\"type\":\"string\"}"), "/*/c",
	  false },
};

struct documents {
	json_t *roots[4];
	struct reach_document d[4];
};

static struct reach open_documents(struct documents *ds, const char *schema)
{
	static const char *const uris[] = { "", "https://one.example/a/other.json", "urn:x-elsewhere",
		                            "urn:y-elsewhere" };
	const char *texts[] = { schema, "{\"properties\":{\"o\":true},\"$defs\":{\"p\":{\"properties\":{\"p\":true}}}}",
		                "{\"$id\":\"urn:third\",\"properties\":{\"t\":true}}",
		                "{\"$id\":\"fourth.json\",\"properties\":{\"f\":true}}" };

	for (size_t i = 0; i < 4; i++) {
		ds->roots[i] = json_loads(texts[i], 0, NULL);
		ck_assert_msg(ds->roots[i] != NULL, "%s", texts[i]);
		ds->d[i] = (struct reach_document){ .uri = view_of(uris[i]), .root = ds->roots[i] };
	}
	return (struct reach){ .documents = ds->d, .n = 4 };
}

static void close_documents(struct documents *ds)
{
	for (size_t i = 0; i < 4; i++)
		json_decref(ds->roots[i]);
}

START_TEST(places)
{
	struct documents ds;
	struct reach r = open_documents(&ds, table[_i].schema);

	ck_assert_msg(reach_matches(&r, table[_i].pointer) == table[_i].there, "%s in %s", table[_i].pointer,
	              table[_i].schema);
	ck_assert(reach_matches(&r, ""));
	close_documents(&ds);
}
END_TEST

static void collect(void *arg, const char *pattern)
{
	buf_addf(arg, "%s\n", pattern);
}

static const struct {
	const char *schema, *entry, *leaves;
} listings[] = {
	{ S("\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"items\":{\"properties\":{\"c/d\":true}}}}"), "",
	  "/a\n/b/*/c~1d\n" },
	{ S("\"patternProperties\":{\"x\":true},\"additionalProperties\":false"), "", "/*\n" },
	{ S("\"additionalProperties\":{\"type\":\"string\"},\"items\":[true]"), "", "/*\n/*\n" },
	{ S("\"unevaluatedProperties\":{\"properties\":{\"b\":true}},\"properties\":{\"a\":true}"), "", "/a\n/*/b\n" },
	{ S("\"prefixItems\":[true],\"unevaluatedItems\":{\"properties\":{\"b\":true}}"), "", "/*/b\n/*\n" },
	{ S("\"properties\":{\"a\":true},\"unevaluatedProperties\":false"), "", "/a\n" },
	{ S("\"properties\":{\"a\":{\"anyOf\":[{\"format\":\"date\"},{\"const\":1}]}}"), "", "/a\n" },
	{ S("\"if\":{\"properties\":{\"k\":true}},\"then\":{\"properties\":{\"a\":true}}"), "", "/a\n" },
	{ S("\"properties\":{\"child\":{\"$ref\":\"#\"},\"name\":true}"), "", "/child\n/name\n" },
	{ S("\"properties\":{\"o\":{\"$ref\":\"other.json\"}}"), "", "/o/o\n" },
	{ S("\"definitions\":{\"P\":{\"properties\":{\"q\":true}}}"), "#/definitions/P", "/q\n" },
	{ S("\"properties\":{\"never\":false,\"a\":true}"), "", "/a\n" },
	{ S("\"properties\":{\"a\":true},\"if\":{\"minProperties\":1},\"then\":{\"minProperties\":2}"), "", "/a\n" },
	{ S("\"properties\":{\"a\":{\"anyOf\":[false]},\"b\":true}"), "", "/b\n" },
	{ S("\"items\":false,\"prefixItems\":[{\"type\":\"string\"}]"), "", "/*\n" },
};

START_TEST(leaves_listed)
{
	struct documents ds;
	struct buf out = BUF_INIT(1 << 16);
	struct reach r = open_documents(&ds, listings[_i].schema);

	r.entry = view_of(listings[_i].entry);
	reach_leaves(&r, collect, &out);
	ck_assert_msg(view_is(buf_view(&out), listings[_i].leaves), "%s: %.*s", listings[_i].schema,
	              VIEW_ARG(buf_view(&out)));
	buf_free(&out);
	close_documents(&ds);
}
END_TEST

/* --- where the walk ends --- */

static void count_leaf(void *arg, const char *pattern)
{
	(void)pattern;
	++*(size_t *)arg;
}

/* A name longer than a token, beneath a member and as a fragment, names nothing. */
START_TEST(long_names)
{
	char name[600], pattern[700], schema[800];
	struct documents ds;

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	snprintf(schema, sizeof schema, S("\"properties\":{\"%s\":true}"), name);
	snprintf(pattern, sizeof pattern, "/%s", name);
	struct reach r = open_documents(&ds, schema);
	ck_assert(!reach_matches(&r, pattern) && reach_matches(&r, "/*"));
	close_documents(&ds);
	snprintf(schema, sizeof schema, S("\"$ref\":\"#/%s\""), name);
	r = open_documents(&ds, schema);
	ck_assert(!reach_matches(&r, "/*"));
	close_documents(&ds);
}
END_TEST

/* `before`, `middle` and `after`, the outer two `n` times. */
static struct reach open_nested(struct documents *ds, const char *head, const char *before, const char *middle,
                                const char *after, size_t n)
{
	struct buf schema = BUF_INIT(1 << 16);

	buf_adds(&schema, head);
	for (size_t i = 0; i < n; i++)
		buf_adds(&schema, before);
	buf_adds(&schema, middle);
	for (size_t i = 0; i < n; i++)
		buf_adds(&schema, after);
	buf_adds(&schema, strstr(head, "properties") ? "}}" : "}");
	buf_addc(&schema, '\0');
	struct reach r = open_documents(ds, schema.p);
	buf_free(&schema);
	return r;
}

START_TEST(deep_schemas)
{
	static const struct {
		const char *head, *before, *middle, *after;
		size_t near, far;
	} nests[] = {
		{ "{\"allOf\":", "[{\"allOf\":", "[{\"$anchor\":\"deep\",\"properties\":{\"a\":true}}]", "}]", 20,
		  120 },
		{ "{\"$ref\":\"#deep\",\"not\":", "[", "{\"$anchor\":\"deep\",\"properties\":{\"a\":true}}", "]", 20,
		  120 },
	};
	struct documents ds;

	for (size_t i = 0; i < sizeof nests / sizeof nests[0]; i++)
		for (int far = 0; far < 2; far++) {
			size_t n = 0;
			struct reach r = open_nested(&ds, nests[i].head, nests[i].before, nests[i].middle,
			                             nests[i].after, far ? nests[i].far : nests[i].near);
			ck_assert_int_eq(reach_matches(&r, "/a"), !far);
			reach_leaves(&r, count_leaf, &n);
			ck_assert(far || n == 1);
			close_documents(&ds);
		}
}
END_TEST

/* Leaves are listed twelve names deep. */
START_TEST(deep_leaves)
{
	struct documents ds;

	for (size_t depth = 10; depth < 14; depth++) {
		size_t n = 0;
		struct reach r = open_nested(
		        &ds, "{\"properties\":{\"x\":true,\"p\":", "{\"properties\":{\"p\":", "true", "}}", depth - 1);
		reach_leaves(&r, count_leaf, &n);
		ck_assert_uint_eq(n, depth <= 12 ? 2 : 1);
		close_documents(&ds);
	}
}
END_TEST

/* Combinators that double with each step come to an end. */
START_TEST(steps_are_bounded)
{
	struct buf schema = BUF_INIT(1 << 16);
	struct documents ds;
	size_t n = 0;

	buf_adds(&schema, "{\"$ref\":\"#/$defs/0\",\"$defs\":{");
	for (unsigned i = 0; i < 22; i++)
		buf_addf(&schema, "\"%u\":{\"allOf\":[{\"$ref\":\"#/$defs/%u\"},{\"$ref\":\"#/$defs/%u\"}]},", i, i + 1,
		         i + 1);
	buf_adds(&schema, "\"22\":{\"properties\":{\"a\":{\"type\":\"string\"}}}}}");
	buf_addc(&schema, '\0');
	struct reach r = open_documents(&ds, schema.p);
	ck_assert(reach_matches(&r, "/a") && !reach_matches(&r, "/b"));
	reach_leaves(&r, count_leaf, &n);
	ck_assert(n > 1000 && n < 400000);
	close_documents(&ds);
	buf_free(&schema);
}
END_TEST

/* An agreement whose record schema lies in two documents, begins within the first and has an output schema
 * of its own: loaded, and the output schema decides. */
static char *texts[3];

static bool by_digest(void *arg, const struct digest *digest, struct view *text)
{
	(void)arg;
	for (size_t i = 0; i < 3; i++) {
		struct digest d;
		sha256(view_of(texts[i]), &d);
		if (digest_eq(&d, digest)) {
			*text = view_of(texts[i]);
			return true;
		}
	}
	return false;
}

static struct agreement *load_bundle(const char *dialect, struct error_list *errors)
{
	struct agreement_sources from = {
		.schema = by_digest, .self = VIEW("north"), .unsigned_ok = true, .now_ms = NOW
	};
	struct buf schemas = BUF_INIT(10000);
	struct digest d[3];
	json_t *doc = preset("pnr");

	for (size_t i = 0; i < 3; i++)
		sha256(view_of(texts[i]), &d[i]);
	buf_adds(
	        &schemas,
	        "[{\"name\":\"passenger\",\"entry\":\"#/definitions/P\",\"formats\":false,\"ignored_keywords\":[\"discriminator\"],");
	buf_addf(&schemas, "\"dialect\":\"%s\",\"uri\":\"https://one.example/root.json\",\"input\":\"", dialect);
	digest_print(&schemas, &d[0]);
	buf_adds(&schemas, "\",\"output\":\"");
	digest_print(&schemas, &d[1]);
	buf_adds(&schemas, "\",\"references\":[{\"uri\":\"https://one.example/parts.json\",\"digest\":\"");
	digest_print(&schemas, &d[2]);
	buf_adds(&schemas, "\"}]}]");
	json_object_set_new(doc, "schemas", json_loadb(schemas.p, schemas.n, 0, NULL));
	json_object_set_new(
	        doc, "rules",
	        json_loads("[{\"id\":\"q\",\"pointer\":\"/part/q\",\"category\":\"operational\",\"action\":\"keep\"}]",
	                   0, NULL));
	struct agreement *a = load_doc(doc, &from, errors);
	json_decref(doc);
	buf_free(&schemas);
	return a;
}

#define DEEP "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
#define PEED "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"

START_TEST(bundles)
{
	static const char *const dialects[] = { "2020-12", "2019-09", "draft-07", "draft-06" };
	struct error_list errors = { .max = 10 };
	struct digest d;

	texts[0] = strdup(
	        "{\"discriminator\":{},\"definitions\":{\"P\":{\"type\":\"object\",\"properties\":{\"part\":{\"$ref\":\"parts.json\"}}}}}");
	texts[1] = strdup("{\"type\":\"object\",\"required\":[\"part\"]}");
	texts[2] = strdup("{\"type\":\"object\",\"properties\":{\"q\":{\"type\":\"string\",\"format\":\"date\"}}}");
	struct agreement *a = load_bundle(dialects[_i], &errors);
	print_errors(&errors);
	ck_assert(a != NULL);
	for (size_t k = 0; k < 3; k++)
		ck_assert(agreement_schema(a, k, &d));
	ck_assert(!agreement_schema(a, 3, &d));
	const struct ruling *r = agreement_ruling(a, VIEW("serious-crime"), TIER_T1, SUBJECT_SUSPECT, true);
	ck_assert(r != NULL && r->output != NULL);
	struct schema_run *run = schema_run_new();
	struct tape_parser *parser = tape_parser_new(NULL);
	struct tape t;
	struct error e = { .reason = REASON_NONE };
	ck_assert(tape_parse(parser, VIEW("{\"part\":{\"q\":\"no date\"}}"), &t, &e));
	ck_assert_int_eq(schema_check(r->input, run, &t, 0), SCHEMA_VALID); /* formats do not assert here */
	ck_assert_int_eq(schema_check(r->output, run, &t, 0), SCHEMA_VALID);
	ck_assert(tape_parse(parser, VIEW("{}"), &t, &e));
	ck_assert_int_eq(schema_check(r->output, run, &t, 0), SCHEMA_INVALID);
	agreement_unref(a);
	/* What is not JSON, not a schema, or not there is said with its place. */
	static const struct {
		size_t text;
		const char *instead, *place;
	} broken[] = {
		{ 0, "{", "/schemas/0/input: the schema is not JSON" },
		{ 0, "{\"definitions\":{\"P\":{\"type\":\"thing\"}}}", "/schemas/0/input" },
		{ 0, "{\"definitions\":{\"P\":{\"colour\":1}}}", "/schemas/0/input" },
		{ 0, "{}", "/schemas/0/input" },
		{ 1, "{\"type\":7}", "/schemas/0/output" },
		{ 1, "{", "/schemas/0/output" },
		{ 2, "[", "/schemas/0/references/0/digest: the schema is not JSON" },
		/* JSON, but with an anchor twice; and deeper than the engine reads. */
		{ 2, "{\"$defs\":{\"a\":{\"$anchor\":\"x\"},\"b\":{\"$anchor\":\"x\"}}}", "/schemas/0/" },
		{ 2,
		  "{\"default\":" DEEP DEEP DEEP DEEP DEEP DEEP DEEP DEEP "1" PEED PEED PEED PEED PEED PEED PEED PEED
		  "}",
		  "/schemas/0/references/0/digest: https://one.example/parts.json" },
	};
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		char *before = texts[broken[i].text], *now = strdup(broken[i].instead);
		texts[broken[i].text] = now;
		error_list_free(&errors);
		errors = (struct error_list){ .max = 10 };
		ck_assert_msg(load_bundle("2020-12", &errors) == NULL, "%s", broken[i].instead);
		ck_assert_int_eq(errors.items[0].reason, REASON_SCHEMA_ERROR);
		ck_assert_msg(strstr(errors.items[0].text, broken[i].place) != NULL, "%s", errors.items[0].text);
		texts[broken[i].text] = before;
		free(now);
	}
	for (size_t i = 0; i < 3; i++)
		free(texts[i]);
	schema_run_free(run);
	tape_parser_free(parser);
	error_list_free(&errors);
}
END_TEST

/* What a source hands over under a digest is hashed before it is believed. */
static bool another_text(void *arg, const struct digest *digest, struct view *text)
{
	(void)arg;
	(void)digest;
	*text = VIEW("{}");
	return true;
}

START_TEST(sources)
{
	struct schema_files files;
	json_t *doc = preset("pnr"), *list = json_object_get(doc, "schemas");
	struct agreement_sources from;

	schema_files_read(&files);
	for (int i = 0; i < 3; i++) {
		struct error_list errors = { .max = 10 };
		from = draft_sources(&files);
		if (i == 0)
			from.schema = another_text;
		else if (i == 1)
			from.schema = NULL;
		else
			json_array_append_new(list, json_deep_copy(json_array_get(list, 0)));
		ck_assert(load_doc(doc, &from, &errors) == NULL);
		ck_assert(says(&errors, i < 2 ? "/schemas/0/input" : "/schemas/1/name",
		               i == 0   ? "has another one"
		               : i == 1 ? "no schema with this digest"
		                        : "same as in /schemas/0"));
		error_list_free(&errors);
	}
	json_decref(doc);
	schema_files_free(&files);
}
END_TEST

TCase *make_reach_case(void)
{
	TCase *c = tcase_create("reach");

	tcase_add_loop_test(c, places, 0, sizeof table / sizeof table[0]);
	tcase_add_loop_test(c, leaves_listed, 0, sizeof listings / sizeof listings[0]);
	tcase_add_test(c, long_names);
	tcase_add_test(c, deep_schemas);
	tcase_add_test(c, deep_leaves);
	tcase_add_test(c, steps_are_bounded);
	tcase_add_loop_test(c, bundles, 0, 4);
	tcase_add_test(c, sources);
	return c;
}
