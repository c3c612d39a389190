/* See keyword.h. Shapes after 2020-12 validation section 6 and core sections 8 to 10, and the metaschemas
 * of the older drafts. */
#include "lib/schema/keyword.h"

#include "lib/json/decimal.h"

static const struct {
	const char *name;
	uint8_t drafts, vocabulary;
	uint8_t shape;
} keywords[KEYWORD_COUNT] = { { "", 0, 0, SHAPE_ANY },
#define K(id, name, drafts, vocabulary, shape) { name, drafts, vocabulary, shape },
	                      KEYWORD_LIST(K)
#undef K
};

void keyword_index_make(struct keyword_index *x)
{
	memset(x, 0, sizeof *x);
	for (unsigned k = 1; k < KEYWORD_COUNT; k++) {
		uint32_t h = tape_hash(view_of(keywords[k].name));
		uint32_t i = h % KEYWORD_SLOTS;

		while (x->slot[i])
			i = (i + 1) % KEYWORD_SLOTS;
		x->slot[i] = (uint8_t)k;
		x->hash[k] = h;
	}
}

enum keyword keyword_find(const struct keyword_index *x, struct view name, uint32_t hash, enum schema_draft draft,
                          unsigned vocabularies)
{
	for (uint32_t i = hash % KEYWORD_SLOTS; x->slot[i]; i = (i + 1) % KEYWORD_SLOTS) {
		unsigned k = x->slot[i];

		if (x->hash[k] == hash && (keywords[k].drafts & 1u << draft) &&
		    (keywords[k].vocabulary & vocabularies) && view_is(name, keywords[k].name))
			return (enum keyword)k;
	}
	return KEYWORD_UNKNOWN;
}

const char *keyword_name(enum keyword k)
{
	return keywords[k].name;
}

enum keyword_shape keyword_shape(enum keyword k)
{
	return (enum keyword_shape)keywords[k].shape;
}

bool keyword_has_effect(enum keyword k)
{
	if (keywords[k].vocabulary == VOCAB_CORE)
		return k == KEYWORD_REF || k == KEYWORD_DYNAMIC_REF || k == KEYWORD_RECURSIVE_REF;
	return keywords[k].vocabulary & ~(VOCAB_META | VOCAB_CONTENT);
}

bool keyword_is_annotation(struct view name)
{
	static const char *const names[] = {
		"title",         "description",         "default",  "examples", "example",         "deprecated",
		"readOnly",      "writeOnly",           "$comment", "id",       "contentEncoding", "contentMediaType",
		"contentSchema", "markdownDescription",
	};

	if (view_starts(name, VIEW("x-")))
		return true;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (view_is(name, names[i]))
			return true;
	return false;
}

unsigned type_bit_of(struct view name)
{
	static const struct {
		const char *name;
		unsigned bit;
	} types[] = {
		{ "null", TYPE_NULL },       { "boolean", TYPE_BOOLEAN }, { "number", TYPE_NUMBER | TYPE_INTEGER },
		{ "integer", TYPE_INTEGER }, { "string", TYPE_STRING },   { "array", TYPE_ARRAY },
		{ "object", TYPE_OBJECT },
	};

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (view_is(name, types[i].name))
			return types[i].bit;
	return 0;
}

static bool is_schema(const struct tape *t, uint32_t v)
{
	unsigned type = t->nodes[v].type;

	return type == TAPE_OBJECT || type == TAPE_TRUE || type == TAPE_FALSE;
}

static bool is_type_name(const struct tape *t, uint32_t v)
{
	return t->nodes[v].type == TAPE_STRING && type_bit_of(tape_string(t, v)) != 0;
}

/* Every item a string and no two alike. Lists of names in schemas are short; the few that are long are
 * compared by hash first. */
static bool are_names(const struct tape *t, uint32_t v, uint32_t *at)
{
	if (t->nodes[v].type != TAPE_ARRAY)
		return false;
	for (uint32_t i = v + 1; i < t->nodes[v].next; i = t->nodes[i].next) {
		*at = i;
		if (t->nodes[i].type != TAPE_STRING)
			return false;
	}
	if (t->nodes[v].count > 4096)
		return true;
	for (uint32_t i = v + 1; i < t->nodes[v].next; i = t->nodes[i].next)
		for (uint32_t j = v + 1; j < i; j = t->nodes[j].next)
			if (t->nodes[i].hash == t->nodes[j].hash && view_eq(tape_string(t, i), tape_string(t, j))) {
				*at = i;
				return false;
			}
	*at = v;
	return true;
}

static bool check_members(const struct tape *t, uint32_t v, uint32_t *at, bool (*one)(const struct tape *t, uint32_t v))
{
	if (t->nodes[v].type != TAPE_OBJECT)
		return false;
	for (uint32_t k = v + 1; k < t->nodes[v].next; k = t->nodes[k + 1].next) {
		*at = k + 1;
		if (!one(t, k + 1))
			return false;
	}
	return true;
}

static bool check_items(const struct tape *t, uint32_t v, uint32_t *at, bool (*one)(const struct tape *t, uint32_t v))
{
	if (t->nodes[v].type != TAPE_ARRAY || t->nodes[v].count == 0)
		return false;
	for (uint32_t i = v + 1; i < t->nodes[v].next; i = t->nodes[i].next) {
		*at = i;
		if (!one(t, i))
			return false;
	}
	return true;
}

static bool is_dependency(const struct tape *t, uint32_t v)
{
	uint32_t at;

	return is_schema(t, v) || are_names(t, v, &at);
}

static bool is_names(const struct tape *t, uint32_t v)
{
	uint32_t at;

	return are_names(t, v, &at);
}

const char *keyword_check_shape(enum keyword k, const struct tape *t, uint32_t v, uint32_t *at)
{
	unsigned type = t->nodes[v].type;
	struct view token = tape_token(t, v);
	bool fits = true;

	*at = v;
	switch (keyword_shape(k)) {
	case SHAPE_ANY: return NULL;
	case SHAPE_STRING: return type == TAPE_STRING ? NULL : "a string";
	case SHAPE_BOOLEAN: return type == TAPE_TRUE || type == TAPE_FALSE ? NULL : "true or false";
	case SHAPE_OBJECT: return type == TAPE_OBJECT ? NULL : "an object";
	case SHAPE_ARRAY: return type == TAPE_ARRAY ? NULL : "an array";
	case SHAPE_SCHEMA: return is_schema(t, v) ? NULL : "a schema: an object, true or false";
	case SHAPE_SCHEMAS: return check_items(t, v, at, is_schema) ? NULL : "a non-empty array of schemas";
	case SHAPE_SCHEMA_MAP: return check_members(t, v, at, is_schema) ? NULL : "an object whose members are schemas";
	case SHAPE_ITEMS:
		fits = is_schema(t, v) || (type == TAPE_ARRAY && t->nodes[v].count == 0) ||
		       check_items(t, v, at, is_schema);
		return fits ? NULL : "a schema or an array of schemas";
	case SHAPE_DEPENDENCIES:
		fits = check_members(t, v, at, is_dependency);
		return fits ? NULL : "an object whose members are schemas or arrays of distinct strings";
	case SHAPE_NUMBER: return type == TAPE_NUMBER ? NULL : "a number";
	case SHAPE_POSITIVE:
		return type == TAPE_NUMBER && decimal_cmp(token, VIEW("0")) > 0 ? NULL : "a number greater than 0";
	case SHAPE_COUNT:
		fits = type == TAPE_NUMBER && decimal_is_integer(token) && decimal_cmp(token, VIEW("0")) >= 0;
		return fits ? NULL : "a whole number from 0 on";
	case SHAPE_NAMES: return are_names(t, v, at) ? NULL : "an array of distinct strings";
	case SHAPE_NAMES_MAP:
		return check_members(t, v, at, is_names) ? NULL : "an object of arrays of distinct strings";
	case SHAPE_TYPE:
		fits = is_type_name(t, v) || check_items(t, v, at, is_type_name);
		return fits ? NULL : "a type name or a non-empty array of them";
	}
	return NULL;
}
