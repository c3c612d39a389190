/* Assertions of the explaining interpreter that look at one value, and the sentences for what is wrong.
 * See interpret.h. */
#include "lib/json/equal.h"
#include "lib/json/pointer.h"
#include "lib/schema/interpret.h"

static bool is_string(const struct tape *t, uint32_t node)
{
	return t->nodes[node].type == TAPE_STRING || t->nodes[node].type == TAPE_KEY;
}

static bool has_type(const struct tape *t, uint32_t node, struct view name)
{
	unsigned bits = type_bit_of(name);

	switch ((enum tape_type)t->nodes[node].type) {
	case TAPE_NULL: return bits & TYPE_NULL;
	case TAPE_FALSE:
	case TAPE_TRUE: return bits & TYPE_BOOLEAN;
	case TAPE_NUMBER:
		return (bits & TYPE_NUMBER) || ((bits & TYPE_INTEGER) && decimal_is_integer(tape_token(t, node)));
	case TAPE_STRING:
	case TAPE_KEY: return bits & TYPE_STRING;
	case TAPE_ARRAY: return bits & TYPE_ARRAY;
	case TAPE_OBJECT: return bits & TYPE_OBJECT;
	}
	return false;
}

static bool has_one_type(const struct tape *schema, uint32_t value, const struct tape *t, uint32_t node)
{
	if (schema->nodes[value].type == TAPE_STRING)
		return has_type(t, node, tape_string(schema, value));
	for (uint32_t i = value + 1; i < schema->nodes[value].next; i = schema->nodes[i].next)
		if (has_type(t, node, tape_string(schema, i)))
			return true;
	return false;
}

static bool equal(const struct tape *schema, uint32_t value, const struct tape *t, uint32_t node)
{
	if (t->nodes[node].type == TAPE_KEY)
		return schema->nodes[value].type == TAPE_STRING &&
		       view_eq(tape_string(schema, value), tape_string(t, node));
	return tape_equal(schema, value, t, node);
}

static size_t code_points(struct view v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++)
		n += ((unsigned char)v.p[i] & 0xc0) != 0x80;
	return n;
}

/* -1, 0, 1: a count against a number of the schema. */
static int compare_count(size_t n, struct view bound)
{
	char text[24];
	int length = snprintf(text, sizeof text, "%zu", n);

	return decimal_cmp(view_make(text, (size_t)length), bound);
}

bool interpret_pattern(struct interpretation *in, struct view pattern, struct view text)
{
	const struct regex *known = schema_regex(in->s, pattern);
	struct regex *own = known ? NULL : regex_compile(pattern, NULL);
	enum regex_verdict v = REGEX_LIMIT;

	if (known || own)
		v = regex_match(known ? known : own, schema_regex_run(in->run), text);
	regex_free(own);
	if (v == REGEX_LIMIT)
		in->limit = true;
	return v == REGEX_MATCH;
}

static bool check_number(enum keyword k, struct view number, struct view bound)
{
	switch (k) {
	case KEYWORD_MINIMUM: return decimal_cmp(number, bound) >= 0;
	case KEYWORD_MAXIMUM: return decimal_cmp(number, bound) <= 0;
	case KEYWORD_EXCLUSIVE_MINIMUM: return decimal_cmp(number, bound) > 0;
	case KEYWORD_EXCLUSIVE_MAXIMUM: return decimal_cmp(number, bound) < 0;
	default: return decimal_multiple_of(number, bound);
	}
}

bool interpret_assertion(struct interpretation *in, const struct snode *s, enum keyword k, uint32_t value,
                         uint32_t node)
{
	const struct tape *schema = snode_tape(&in->s->g, s), *t = in->t;
	unsigned type = t->nodes[node].type;
	struct view bound = tape_token(schema, value);

	switch (k) {
	case KEYWORD_TYPE: return has_one_type(schema, value, t, node);
	case KEYWORD_CONST: return equal(schema, value, t, node);
	case KEYWORD_ENUM:
		for (uint32_t i = value + 1; i < schema->nodes[value].next; i = schema->nodes[i].next)
			if (equal(schema, i, t, node))
				return true;
		return false;
	case KEYWORD_MINIMUM:
	case KEYWORD_MAXIMUM:
	case KEYWORD_EXCLUSIVE_MINIMUM:
	case KEYWORD_EXCLUSIVE_MAXIMUM:
	case KEYWORD_MULTIPLE_OF: return type != TAPE_NUMBER || check_number(k, tape_token(t, node), bound);
	case KEYWORD_MIN_LENGTH:
		return !is_string(t, node) || compare_count(code_points(tape_string(t, node)), bound) >= 0;
	case KEYWORD_MAX_LENGTH:
		return !is_string(t, node) || compare_count(code_points(tape_string(t, node)), bound) <= 0;
	case KEYWORD_PATTERN:
		return !is_string(t, node) || interpret_pattern(in, tape_string(schema, value), tape_string(t, node));
	case KEYWORD_FORMAT:
		return !is_string(t, node) || !graph_asserts_format(&in->s->g, s->resource) ||
		       format_check(format_find(tape_string(schema, value)), tape_string(t, node));
	case KEYWORD_MIN_ITEMS: return type != TAPE_ARRAY || compare_count(t->nodes[node].count, bound) >= 0;
	case KEYWORD_MAX_ITEMS: return type != TAPE_ARRAY || compare_count(t->nodes[node].count, bound) <= 0;
	case KEYWORD_UNIQUE_ITEMS:
		if (type != TAPE_ARRAY || schema->nodes[value].type != TAPE_TRUE)
			return true;
		bool unique = schema_unique(in->run, t, node, &in->steps);
		in->limit |= in->steps == 0;
		return unique;
	case KEYWORD_MIN_PROPERTIES: return type != TAPE_OBJECT || compare_count(t->nodes[node].count, bound) >= 0;
	case KEYWORD_MAX_PROPERTIES: return type != TAPE_OBJECT || compare_count(t->nodes[node].count, bound) <= 0;
	default: return true;
	}
}

/* --- sentences --------------------------------------------------------------------------------- */

static void add_types(const struct tape *t, uint32_t value, struct buf *out)
{
	const char *between = "";

	if (t->nodes[value].type == TAPE_STRING) {
		buf_add(out, tape_string(t, value));
		return;
	}
	for (uint32_t i = value + 1; i < t->nodes[value].next; i = t->nodes[i].next) {
		buf_adds(out, between);
		buf_add(out, tape_string(t, i));
		between = " or ";
	}
}

/* The allowed values, when they are short: they are the schema's own. */
static void add_choices(const struct tape *t, uint32_t value, struct buf *out)
{
	const char *between = "";

	if (t->nodes[value].len > 160) {
		buf_addf(out, "must be one of the %u values that the schema lists", t->nodes[value].count);
		return;
	}
	buf_adds(out, "must be one of ");
	for (uint32_t i = value + 1; i < t->nodes[value].next; i = t->nodes[i].next) {
		buf_adds(out, between);
		buf_add(out, tape_token(t, i));
		between = ", ";
	}
}

static void add_const(const struct tape *t, uint32_t value, struct buf *out)
{
	if (t->nodes[value].len > 160) {
		buf_adds(out, "must be the value that the schema gives");
		return;
	}
	buf_adds(out, "must be ");
	buf_add(out, tape_token(t, value));
}

static void add_bound(struct buf *out, const char *before, struct view bound, const char *after)
{
	buf_adds(out, before);
	buf_add(out, view_make(bound.p, bound.n > 60 ? 60 : bound.n));
	buf_adds(out, after);
}

static void add_quoted(struct buf *out, const char *before, struct view text, const char *after)
{
	buf_adds(out, before);
	buf_addc(out, '"');
	buf_add(out, text.n > 160 ? VIEW("…") : text);
	buf_addc(out, '"');
	buf_adds(out, after);
}

void unit_message(const struct interpretation *in, const struct unit *u, struct buf *out)
{
	const struct tape *t = &in->s->g.docs[u->doc].doc->tape;
	uint32_t value = u->key == NONE ? u->schema : u->key + 1;
	struct view bound = tape_token(t, value);

	switch ((enum keyword)u->keyword) {
	case KEYWORD_TYPE:
		buf_adds(out, "must be ");
		add_types(t, value, out);
		return;
	case KEYWORD_ENUM: add_choices(t, value, out); return;
	case KEYWORD_CONST: add_const(t, value, out); return;
	case KEYWORD_MINIMUM: add_bound(out, "must be ", bound, " or more"); return;
	case KEYWORD_MAXIMUM: add_bound(out, "must be ", bound, " or less"); return;
	case KEYWORD_EXCLUSIVE_MINIMUM: add_bound(out, "must be more than ", bound, ""); return;
	case KEYWORD_EXCLUSIVE_MAXIMUM: add_bound(out, "must be less than ", bound, ""); return;
	case KEYWORD_MULTIPLE_OF: add_bound(out, "must be a multiple of ", bound, ""); return;
	case KEYWORD_MIN_LENGTH: add_bound(out, "must have at least ", bound, " characters"); return;
	case KEYWORD_MAX_LENGTH: add_bound(out, "must have at most ", bound, " characters"); return;
	case KEYWORD_PATTERN: add_quoted(out, "must match the pattern ", tape_string(t, value), ""); return;
	case KEYWORD_FORMAT: add_quoted(out, "must have the format ", tape_string(t, value), ""); return;
	case KEYWORD_MIN_ITEMS: add_bound(out, "must have at least ", bound, " items"); return;
	case KEYWORD_MAX_ITEMS: add_bound(out, "must have at most ", bound, " items"); return;
	case KEYWORD_UNIQUE_ITEMS: buf_adds(out, "must not have two equal items"); return;
	case KEYWORD_CONTAINS: buf_adds(out, "has no item that fits \"contains\""); return;
	case KEYWORD_MIN_CONTAINS: add_bound(out, "must have at least ", bound, " items that fit \"contains\""); return;
	case KEYWORD_MAX_CONTAINS: add_bound(out, "must have at most ", bound, " items that fit \"contains\""); return;
	case KEYWORD_MIN_PROPERTIES: add_bound(out, "must have at least ", bound, " members"); return;
	case KEYWORD_MAX_PROPERTIES: add_bound(out, "must have at most ", bound, " members"); return;
	case KEYWORD_REQUIRED: add_quoted(out, "the member ", tape_string(t, u->detail), " is missing"); return;
	case KEYWORD_DEPENDENT_REQUIRED:
	case KEYWORD_DEPENDENCIES:
		add_quoted(out, "the member ", tape_string(t, u->detail), " is missing, which another one demands");
		return;
	case KEYWORD_ANY_OF: buf_addf(out, "fits none of the %u alternatives", t->nodes[value].count); return;
	case KEYWORD_ONE_OF:
		buf_addf(out,
		         u->detail ? "fits more than one of the %u alternatives, but must fit exactly one"
		                   : "fits none of the %u alternatives",
		         t->nodes[value].count);
		return;
	case KEYWORD_NOT: buf_adds(out, "fits a schema that it must not fit"); return;
	case KEYWORD_ADDITIONAL_PROPERTIES:
	case KEYWORD_UNEVALUATED_PROPERTIES: buf_adds(out, "the schema knows no such member here"); return;
	case KEYWORD_ADDITIONAL_ITEMS:
	case KEYWORD_ITEMS:
	case KEYWORD_UNEVALUATED_ITEMS: buf_adds(out, "there may be no such item"); return;
	case KEYWORD_PROPERTY_NAMES: buf_adds(out, "the name of the member is not allowed"); return;
	default: buf_adds(out, "is not allowed here"); return;
	}
}

struct view unit_keyword(const struct interpretation *in, const struct unit *u)
{
	if (u->key == NONE || u->keyword != KEYWORD_UNKNOWN)
		return u->keyword == KEYWORD_UNKNOWN ? VIEW("false") : view_of(keyword_name((enum keyword)u->keyword));
	return tape_string(&in->s->g.docs[u->doc].doc->tape, u->key);
}

void unit_instance(const struct interpretation *in, const struct unit *u, struct buf *out)
{
	graph_pointer(in->t, in->root, u->node, &in->s->g.names, out);
}

void unit_location(const struct interpretation *in, const struct unit *u, struct buf *out)
{
	graph_location(&in->s->g, u->doc, u->resource, u->key == NONE ? u->schema : u->key, out);
}
