/* The parsed form of an ECMA-262 pattern, shared by the two back ends: the table (regex_table.c) and
 * PCRE2 (regex_pcre.c). Private to lib/schema/regex*.c. Everything lives in one arena, that of the
 * compile, and goes with it; one thread at a time. */
#ifndef GATEWAY_SCHEMA_REGEX_AST_H
#define GATEWAY_SCHEMA_REGEX_AST_H

#include "lib/base/arena.h"
#include "lib/base/encode.h"
#include "lib/schema/regex.h"

#define REGEX_PATTERN_MAX (16u * 1024) /* bytes of a pattern */
#define REGEX_DEPTH_MAX   128u         /* groups in groups */
#define REGEX_REPEAT_MAX  65535u       /* the largest {n}, as in PCRE2 */
#define REGEX_INFINITE    UINT32_MAX
#define CODE_POINT_MAX    0x10ffffu

struct code_range {
	uint32_t lo, hi;
};

/* A Unicode property as PCRE2 spells it: \p{name}, or \P{name}. */
struct code_property {
	struct view name;
	bool negated;
	struct code_property *next;
};

/* A set of code points: ranges (sorted and apart after code_set_finish) and properties. When there are
 * properties, `negated` applies to the union of both; without, the ranges are complemented. */
struct code_set {
	struct code_range *ranges;
	uint32_t n, cap;
	struct code_property *properties;
	bool negated;
};

enum regex_node_type {
	NODE_EMPTY,
	NODE_SET,           /* one code point of `set` */
	NODE_SEQUENCE,      /* children, one after another */
	NODE_CHOICE,        /* one of the children */
	NODE_REPEAT,        /* the child, min to max times */
	NODE_GROUP,         /* the child; captures as number `index` */
	NODE_START,         /* ^ */
	NODE_END,           /* $ */
	NODE_WORD_BOUNDARY, /* \b, or \B when negated */
	NODE_LOOK_AHEAD,    /* (?=child), or (?!child) when negated */
	NODE_LOOK_BEHIND,
	NODE_BACK_REFERENCE /* to group `index` */
};

struct regex_node {
	enum regex_node_type type;
	bool negated;
	uint32_t min, max;
	uint32_t index;
	struct code_set *set;
	struct regex_node *child, *last; /* first and last child */
	struct regex_node *next, *prev;  /* of the same parent */
};

/* What a pattern needs besides sets, sequences, choices, repeats and anchors. */
#define REGEX_USES_PROPERTY       1u
#define REGEX_USES_BOUNDARY       2u
#define REGEX_USES_LOOK           4u
#define REGEX_USES_BACK_REFERENCE 8u

struct regex_ast {
	struct arena *arena;
	struct regex_node *root;
	uint32_t groups; /* capturing ones */
	unsigned uses;
};

/* Reads a pattern. False with REASON_SCHEMA_ERROR and the column, REASON_LIMIT or REASON_NO_MEMORY. */
bool regex_parse(struct arena *a, struct view pattern, struct regex_ast *out, struct error *e) MUST_USE;

/* Sets. Adding returns false when the arena is full. */
bool code_set_add(struct arena *a, struct code_set *s, uint32_t lo, uint32_t hi) MUST_USE;
/* Adds \d, \s or \w by its letter, or their complements by the capital (ECMA-262 22.2.2.9). */
bool code_set_add_class(struct arena *a, struct code_set *s, char letter) MUST_USE;
/* Adds what \p{text} names (ECMA-262 22.2.1.8 and tables 65 to 67). False: no such property. */
bool code_set_add_property(struct arena *a, struct code_set *s, struct view text, bool negated) MUST_USE;
/* Sorts, merges and, without properties, complements. False when the arena is full. */
bool code_set_finish(struct arena *a, struct code_set *s) MUST_USE;

/* The table: a deterministic automaton over bytes. State 0 accepts, state 1 refuses; a state's row
 * starts at its own number; its last column is the end of the text. */
struct regex_table {
	uint8_t classes[256]; /* column of each byte */
	uint32_t start;
	uint32_t end; /* column of the end of the text */
	uint32_t n;   /* entries */
	uint16_t next[];
};
#define TABLE_ACCEPT 0u
#define TABLE_REFUSE 1u

/* NULL without an error when the pattern is not of the kind, or larger than the caps: then PCRE2 has
 * it. Owned by the caller, free() it. */
struct regex_table *regex_table_new(const struct regex_ast *ast) MUST_USE;
bool regex_table_match(const struct regex_table *t, struct view text) MUST_USE;

/* PCRE2. */
struct regex_pcre;
struct regex_pcre *regex_pcre_new(const struct regex_ast *ast, struct error *e) MUST_USE;
void regex_pcre_free(struct regex_pcre *p);
/* The translation, for tests. */
enum regex_verdict regex_pcre_match(const struct regex_pcre *p, struct regex_run *run, struct view text) MUST_USE;

/* The same as regex_compile, but always with PCRE2: the two are compared in tests. */
struct regex *regex_compile_pcre(struct view ecma_pattern, struct error *e) MUST_USE;
/* Did the pattern become a table? */
bool regex_is_table(const struct regex *r);
/* Bytes of the table, 0 when there is none. */
size_t regex_table_bytes(const struct regex *r);

#endif
