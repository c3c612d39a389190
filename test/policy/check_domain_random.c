/* Whatever a schema lets pass lies in the domain of its place: random schemas and values, judged by the schema engine. A
 * domain that is too narrow would call a rule veiled that leaves values in clear. */
#include "lib/policy/domain.h"
#include "lib/json/tape.h"
#include "lib/schema/schema.h"
#include "test/policy/support.h"

TCase *make_domain_random_case(void);

#define SCHEMAS 3000
#define VALUES  40

static uint64_t state;

static unsigned pick(unsigned n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(state >> 33) % n;
}

static bool refers; /* not within what is referred to, which would hold itself */

static const char *const names[] = { "a", "b", "xa" };

static void add_scalar(struct buf *b)
{
	static const char *const schemas[] = { "{\"type\":\"string\"}",
		                               "{\"type\":\"integer\"}",
		                               "{\"type\":\"string\",\"maxLength\":2}",
		                               "{\"type\":\"integer\",\"minimum\":2}",
		                               "{\"type\":\"null\"}",
		                               "{\"enum\":[\"u\",7]}",
		                               "{\"const\":\"vvv\"}",
		                               "true",
		                               "false",
		                               "{\"type\":\"boolean\"}" };

	buf_adds(b, schemas[pick(sizeof schemas / sizeof *schemas)]);
}

static void add_schema(struct buf *b, unsigned depth);

static void add_members(struct buf *b, const char *keyword, const char *const *of, unsigned n, unsigned depth)
{
	bool comma = false;

	buf_addf(b, ",\"%s\":{", keyword);
	for (unsigned i = 0; i < n; i++)
		if (pick(2)) {
			buf_addf(b, "%s\"%s\":", comma ? "," : "", of[i]);
			comma = true;
			if (depth > 0 && pick(3) == 0)
				add_schema(b, depth - 1);
			else
				add_scalar(b);
		}
	buf_addc(b, '}');
}

static void add_list(struct buf *b, const char *keyword, unsigned depth)
{
	buf_addf(b, ",\"%s\":[", keyword);
	add_schema(b, depth - 1);
	if (pick(2)) {
		buf_addc(b, ',');
		add_schema(b, depth - 1);
	}
	buf_addc(b, ']');
}

static void add_keyword(struct buf *b, const char *keyword, unsigned depth)
{
	buf_addf(b, ",\"%s\":", keyword);
	if (depth > 0 && pick(2))
		add_schema(b, depth - 1);
	else
		add_scalar(b);
}

/* Of objects, arrays, or both, with keywords that look at each other's parts. */
static void add_schema(struct buf *b, unsigned depth)
{
	static const char *const patterns[] = { "^x", "a$" };
	static const char *const of_members[] = { "additionalProperties", "unevaluatedProperties", "not" };
	static const char *const of_items[] = { "items", "contains", "unevaluatedItems" };
	static const char *const lists[] = { "allOf", "anyOf", "oneOf" };

	buf_adds(b, "{\"$comment\":\"\"");
	if (pick(2))
		add_members(b, "properties", names, 3, depth);
	if (pick(2))
		add_members(b, "patternProperties", patterns, 2, depth);
	for (unsigned i = 0; i < 3; i++) {
		if (pick(4) == 0)
			add_keyword(b, of_members[i], depth);
		if (pick(4) == 0)
			add_keyword(b, of_items[i], depth);
		if (depth > 0 && pick(4) == 0)
			add_list(b, lists[i], depth);
	}
	if (pick(5) == 0) {
		buf_adds(b, ",\"prefixItems\":[");
		add_scalar(b);
		buf_addc(b, ']');
	}
	if (depth > 0 && pick(4) == 0) {
		add_keyword(b, "if", depth);
		if (pick(3))
			add_keyword(b, "then", depth);
		if (pick(3))
			add_keyword(b, "else", depth);
	}
	if (depth > 0 && pick(6) == 0)
		add_members(b, "dependentSchemas", names, 2, depth);
	if (refers && pick(6) == 0)
		buf_addf(b, ",\"$ref\":\"#/$defs/%s\"", pick(2) ? "p" : "q");
	buf_addc(b, '}');
}

static void add_value(struct buf *b, unsigned depth)
{
	static const char *const scalars[] = {
		"\"u\"", "\"vvv\"", "\"long one\"", "7", "1", "1.5", "null", "true", "-3"
	};

	if (depth == 0 || pick(3)) {
		buf_adds(b, scalars[pick(sizeof scalars / sizeof *scalars)]);
		return;
	}
	bool object = pick(3) > 0, comma = false;
	buf_addc(b, object ? '{' : '[');
	for (unsigned i = 0; i < 3; i++)
		if (pick(2)) {
			buf_adds(b, comma ? "," : "");
			comma = true;
			if (object)
				buf_addf(b, "\"%s\":", names[i]);
			add_value(b, depth - 1);
		}
	buf_addc(b, object ? '}' : ']');
}

static bool lies_within(const struct domain *d, const struct tape *t, uint32_t node)
{
	double number;

	switch ((enum tape_type)t->nodes[node].type) {
	case TAPE_NULL: return d->kinds & DOMAIN_NULL;
	case TAPE_TRUE:
	case TAPE_FALSE: return d->kinds & DOMAIN_BOOLEAN;
	case TAPE_NUMBER:
		number = strtod(tape_token(t, node).p, NULL);
		return d->kinds & (t->nodes[node].flags & TAPE_INTEGER ? DOMAIN_INTEGER : DOMAIN_FRACTION) &&
		       number >= d->min && number <= d->max;
	case TAPE_STRING:
		return d->kinds & DOMAIN_STRING && tape_string(t, node).n >= d->min_length &&
		       tape_string(t, node).n <= d->max_length;
	case TAPE_OBJECT: return d->kinds & DOMAIN_OBJECT;
	case TAPE_ARRAY: return d->kinds & DOMAIN_ARRAY;
	case TAPE_KEY: break;
	}
	return false;
}

struct check {
	const struct reach *reach;
	const struct tape *tape;
	const char *schema;
	unsigned places;
};

/* Each place by its name and by `*`. */
static void check_place(struct check *c, uint32_t node, const char *pattern)
{
	const struct tape_node *nodes = c->tape->nodes;
	struct domain d = domain_at(c->reach, false, false, pattern);
	char below[200];

	ck_assert_msg(lies_within(&d, c->tape, node), "%s: what is at %s of %.*s is said not to pass", c->schema,
	              pattern, (int)c->tape->text_len, c->tape->text);
	c->places++;
	if (nodes[node].type == TAPE_OBJECT)
		for (uint32_t k = node + 1; k < nodes[node].next; k = nodes[k + 1].next)
			for (int star = 0; star < 2; star++) {
				snprintf(below, sizeof below, "%s/%.*s", pattern,
				         star ? 1 : (int)tape_string(c->tape, k).n,
				         star ? "*" : tape_string(c->tape, k).p);
				check_place(c, k + 1, below);
			}
	if (nodes[node].type == TAPE_ARRAY)
		for (uint32_t v = node + 1; v < nodes[node].next; v = nodes[v].next) {
			snprintf(below, sizeof below, "%s/*", pattern);
			check_place(c, v, below);
		}
}

START_TEST(what_passes_lies_in_the_domain)
{
	struct schema_options options = { 0 };
	struct tape_parser *parser = tape_parser_new(NULL);
	struct schema_run *run = schema_run_new();
	struct buf text = BUF_INIT(1 << 20), value = BUF_INIT(1 << 16);
	unsigned passed = 0, places = 0;

	state = 11;
	for (int i = 0; i < SCHEMAS; i++) {
		struct schema_set *set = schema_set_new();
		struct error e = { .reason = REASON_NONE };

		buf_reset(&text);
		refers = false;
		buf_adds(&text, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$defs\":{\"p\":");
		add_schema(&text, 0);
		buf_adds(&text, ",\"q\":");
		add_scalar(&text);
		buf_adds(&text, "},\"allOf\":[");
		refers = true;
		add_schema(&text, 2);
		/* All of it stands beside what closes it, too. */
		buf_addf(&text, "]%s}", pick(2) ? ",\"unevaluatedProperties\":false,\"unevaluatedItems\":false" : "");
		buf_addc(&text, '\0');
		ck_assert(schema_set_add(set, VIEW("urn:random"), view_of(text.p), &e));
		struct schema *schema = schema_compile(set, VIEW("urn:random"), &options, &e);
		ck_assert_msg(schema != NULL, "%s: %s", text.p, e.text);
		json_t *root = json_loads(text.p, 0, NULL);
		struct reach_document document = { .root = root };
		struct reach reach = { .documents = &document, .n = 1 };
		for (int k = 0; k < VALUES; k++) {
			struct tape t;
			buf_reset(&value);
			add_value(&value, 3);
			ck_assert(tape_parse(parser, buf_view(&value), &t, &e));
			if (schema_check(schema, run, &t, 0) != SCHEMA_VALID)
				continue;
			struct check c = { &reach, &t, text.p, 0 };
			check_place(&c, 0, "");
			passed++;
			places += c.places;
		}
		json_decref(root);
		schema_unref(schema);
		schema_set_free(set);
	}
	printf("domains: %d random schemas, %u values that pass, %u places: none outside\n", SCHEMAS, passed, places);
	ck_assert_uint_gt(passed, 5000);
	ck_assert_uint_gt(places, 4 * passed / 3);
	buf_free(&text);
	buf_free(&value);
	schema_run_free(run);
	tape_parser_free(parser);
}
END_TEST

TCase *make_domain_random_case(void)
{
	TCase *c = tcase_create("domain_random");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, what_passes_lies_in_the_domain);
	return c;
}
