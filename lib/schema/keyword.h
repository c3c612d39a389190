/* The keywords of the four drafts: which draft and vocabulary has them, and what their values must
 * look like. Internal to lib/schema. Any thread, no state. */
#ifndef GATEWAY_SCHEMA_KEYWORD_H
#define GATEWAY_SCHEMA_KEYWORD_H

#include "lib/json/tape.h"
#include "lib/schema/schema.h"

#define D6      (1u << DRAFT_6)
#define D7      (1u << DRAFT_7)
#define D19     (1u << DRAFT_2019_09)
#define D20     (1u << DRAFT_2020_12)
#define FROM7   (D7 | D19 | D20)
#define FROM19  (D19 | D20)
#define UP_TO19 (D6 | D7 | D19)
#define ALL     (D6 | FROM7)

/* Vocabularies as bits (2020-12 core, section 8.1.2). Drafts 6 and 7 have all but format assertion. */
enum vocabulary {
	VOCAB_CORE = 1,
	VOCAB_APPLICATOR = 2,
	VOCAB_UNEVALUATED = 4,
	VOCAB_VALIDATION = 8,
	VOCAB_META = 16,
	VOCAB_FORMAT = 32,
	VOCAB_CONTENT = 64,
	VOCAB_FORMAT_ASSERTION = 128
};
#define VOCAB_DEFAULT (127u)

/* What a keyword's value must be. */
enum keyword_shape {
	SHAPE_ANY,
	SHAPE_STRING,
	SHAPE_BOOLEAN,
	SHAPE_OBJECT,
	SHAPE_ARRAY,
	SHAPE_SCHEMA,       /* one schema */
	SHAPE_SCHEMAS,      /* a non-empty array of schemas */
	SHAPE_SCHEMA_MAP,   /* an object of schemas */
	SHAPE_ITEMS,        /* a schema or an array of schemas */
	SHAPE_DEPENDENCIES, /* an object of schemas and arrays of names */
	SHAPE_NUMBER,
	SHAPE_POSITIVE,
	SHAPE_COUNT,
	SHAPE_NAMES,     /* an array of distinct strings */
	SHAPE_NAMES_MAP, /* an object of those */
	SHAPE_TYPE
};

/* K(id, name, drafts, vocabulary, shape) */
#define KEYWORD_LIST(K) \
	K(SCHEMA, "$schema", ALL, VOCAB_CORE, SHAPE_STRING) \
	K(ID, "$id", ALL, VOCAB_CORE, SHAPE_STRING) \
	K(REF, "$ref", ALL, VOCAB_CORE, SHAPE_STRING) \
	K(ANCHOR, "$anchor", FROM19, VOCAB_CORE, SHAPE_STRING) \
	K(DYNAMIC_REF, "$dynamicRef", D20, VOCAB_CORE, SHAPE_STRING) \
	K(DYNAMIC_ANCHOR, "$dynamicAnchor", D20, VOCAB_CORE, SHAPE_STRING) \
	K(RECURSIVE_REF, "$recursiveRef", D19, VOCAB_CORE, SHAPE_STRING) \
	K(RECURSIVE_ANCHOR, "$recursiveAnchor", D19, VOCAB_CORE, SHAPE_BOOLEAN) \
	K(VOCABULARY, "$vocabulary", FROM19, VOCAB_CORE, SHAPE_OBJECT) \
	K(COMMENT, "$comment", FROM7, VOCAB_CORE, SHAPE_STRING) \
	K(DEFS, "$defs", FROM19, VOCAB_CORE, SHAPE_SCHEMA_MAP) \
	K(DEFINITIONS, "definitions", ALL, VOCAB_CORE, SHAPE_SCHEMA_MAP) \
	K(PREFIX_ITEMS, "prefixItems", D20, VOCAB_APPLICATOR, SHAPE_SCHEMAS) \
	K(ITEMS, "items", D20, VOCAB_APPLICATOR, SHAPE_SCHEMA) \
	K(ITEMS_OLD, "items", UP_TO19, VOCAB_APPLICATOR, SHAPE_ITEMS) \
	K(ADDITIONAL_ITEMS, "additionalItems", UP_TO19, VOCAB_APPLICATOR, SHAPE_SCHEMA) \
	K(CONTAINS, "contains", ALL, VOCAB_APPLICATOR, SHAPE_SCHEMA) \
	K(PROPERTIES, "properties", ALL, VOCAB_APPLICATOR, SHAPE_SCHEMA_MAP) \
	K(PATTERN_PROPERTIES, "patternProperties", ALL, VOCAB_APPLICATOR, SHAPE_SCHEMA_MAP) \
	K(ADDITIONAL_PROPERTIES, "additionalProperties", ALL, VOCAB_APPLICATOR, SHAPE_SCHEMA) \
	K(PROPERTY_NAMES, "propertyNames", ALL, VOCAB_APPLICATOR, SHAPE_SCHEMA) \
	K(DEPENDENT_SCHEMAS, "dependentSchemas", FROM19, VOCAB_APPLICATOR, SHAPE_SCHEMA_MAP) \
	K(DEPENDENCIES, "dependencies", ALL, VOCAB_APPLICATOR, SHAPE_DEPENDENCIES) \
	K(IF, "if", FROM7, VOCAB_APPLICATOR, SHAPE_SCHEMA) \
	K(THEN, "then", FROM7, VOCAB_APPLICATOR, SHAPE_SCHEMA) \
	K(ELSE, "else", FROM7, VOCAB_APPLICATOR, SHAPE_SCHEMA) \
	K(ALL_OF, "allOf", ALL, VOCAB_APPLICATOR, SHAPE_SCHEMAS) \
	K(ANY_OF, "anyOf", ALL, VOCAB_APPLICATOR, SHAPE_SCHEMAS) \
	K(ONE_OF, "oneOf", ALL, VOCAB_APPLICATOR, SHAPE_SCHEMAS) \
	K(NOT, "not", ALL, VOCAB_APPLICATOR, SHAPE_SCHEMA) \
	K(UNEVALUATED_ITEMS, "unevaluatedItems", FROM19, VOCAB_UNEVALUATED, SHAPE_SCHEMA) \
	K(UNEVALUATED_PROPERTIES, "unevaluatedProperties", FROM19, VOCAB_UNEVALUATED, SHAPE_SCHEMA) \
	K(TYPE, "type", ALL, VOCAB_VALIDATION, SHAPE_TYPE) \
	K(ENUM, "enum", ALL, VOCAB_VALIDATION, SHAPE_ARRAY) \
	K(CONST, "const", ALL, VOCAB_VALIDATION, SHAPE_ANY) \
	K(MULTIPLE_OF, "multipleOf", ALL, VOCAB_VALIDATION, SHAPE_POSITIVE) \
	K(MAXIMUM, "maximum", ALL, VOCAB_VALIDATION, SHAPE_NUMBER) \
	K(EXCLUSIVE_MAXIMUM, "exclusiveMaximum", ALL, VOCAB_VALIDATION, SHAPE_NUMBER) \
	K(MINIMUM, "minimum", ALL, VOCAB_VALIDATION, SHAPE_NUMBER) \
	K(EXCLUSIVE_MINIMUM, "exclusiveMinimum", ALL, VOCAB_VALIDATION, SHAPE_NUMBER) \
	K(MAX_LENGTH, "maxLength", ALL, VOCAB_VALIDATION, SHAPE_COUNT) \
	K(MIN_LENGTH, "minLength", ALL, VOCAB_VALIDATION, SHAPE_COUNT) \
	K(PATTERN, "pattern", ALL, VOCAB_VALIDATION, SHAPE_STRING) \
	K(MAX_ITEMS, "maxItems", ALL, VOCAB_VALIDATION, SHAPE_COUNT) \
	K(MIN_ITEMS, "minItems", ALL, VOCAB_VALIDATION, SHAPE_COUNT) \
	K(UNIQUE_ITEMS, "uniqueItems", ALL, VOCAB_VALIDATION, SHAPE_BOOLEAN) \
	K(MAX_CONTAINS, "maxContains", FROM19, VOCAB_VALIDATION, SHAPE_COUNT) \
	K(MIN_CONTAINS, "minContains", FROM19, VOCAB_VALIDATION, SHAPE_COUNT) \
	K(MAX_PROPERTIES, "maxProperties", ALL, VOCAB_VALIDATION, SHAPE_COUNT) \
	K(MIN_PROPERTIES, "minProperties", ALL, VOCAB_VALIDATION, SHAPE_COUNT) \
	K(REQUIRED, "required", ALL, VOCAB_VALIDATION, SHAPE_NAMES) \
	K(DEPENDENT_REQUIRED, "dependentRequired", FROM19, VOCAB_VALIDATION, SHAPE_NAMES_MAP) \
	K(FORMAT, "format", ALL, VOCAB_FORMAT | VOCAB_FORMAT_ASSERTION, SHAPE_STRING) \
	K(CONTENT_ENCODING, "contentEncoding", FROM7, VOCAB_CONTENT, SHAPE_STRING) \
	K(CONTENT_MEDIA_TYPE, "contentMediaType", FROM7, VOCAB_CONTENT, SHAPE_STRING) \
	K(CONTENT_SCHEMA, "contentSchema", FROM19, VOCAB_CONTENT, SHAPE_SCHEMA) \
	K(TITLE, "title", ALL, VOCAB_META, SHAPE_STRING) \
	K(DESCRIPTION, "description", ALL, VOCAB_META, SHAPE_STRING) \
	K(DEFAULT, "default", ALL, VOCAB_META, SHAPE_ANY) \
	K(DEPRECATED, "deprecated", FROM19, VOCAB_META, SHAPE_BOOLEAN) \
	K(READ_ONLY, "readOnly", FROM7, VOCAB_META, SHAPE_BOOLEAN) \
	K(WRITE_ONLY, "writeOnly", FROM7, VOCAB_META, SHAPE_BOOLEAN) \
	K(EXAMPLES, "examples", ALL, VOCAB_META, SHAPE_ARRAY)

enum keyword {
	KEYWORD_UNKNOWN,
#define K(id, name, drafts, vocabulary, shape) KEYWORD_##id,
	KEYWORD_LIST(K)
#undef K
	        KEYWORD_COUNT
};

/* A table to find keywords by hash; filled by keyword_index_make(), then read only. */
#define KEYWORD_SLOTS 256
struct keyword_index {
	uint8_t slot[KEYWORD_SLOTS];
	uint32_t hash[KEYWORD_COUNT];
};
void keyword_index_make(struct keyword_index *x);
/* The keyword of that name in that draft, with that vocabulary switched on, or KEYWORD_UNKNOWN. */
enum keyword keyword_find(const struct keyword_index *x, struct view name, uint32_t hash, enum schema_draft draft,
                          unsigned vocabularies);
const char *keyword_name(enum keyword k);
enum keyword_shape keyword_shape(enum keyword k);
/* The keyword can make an instance invalid, or evaluate something: it is neither unknown nor there only to identify,
 * keep or describe (`format` counts, where it asserts). */
bool keyword_has_effect(enum keyword k);
/* A name that strict loading accepts although it asserts nothing: `x-…` and names that older drafts and
 * common practice use for remarks. */
bool keyword_is_annotation(struct view name);
/* NULL when the value is as the keyword wants it, otherwise what it must be ("a string"). Schemas inside
 * are not looked at. `*at` is the node that is wrong. */
const char *keyword_check_shape(enum keyword k, const struct tape *t, uint32_t value, uint32_t *at);

/* Types of the instance as bits. */
enum type_bit {
	TYPE_NULL = 1,
	TYPE_BOOLEAN = 2,
	TYPE_NUMBER = 4,
	TYPE_INTEGER = 8,
	TYPE_STRING = 16,
	TYPE_ARRAY = 32,
	TYPE_OBJECT = 64
};
#define TYPE_ANY 127u
/* The bit of a name of `type`, 0 when it is none. */
unsigned type_bit_of(struct view name);

#endif
