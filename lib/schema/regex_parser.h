/* The parser of patterns at work, shared by regex_parse.c (groups, terms, quantifiers) and regex_class.c (characters:
 * escapes and classes). Private to the two; one thread at a time. */
#ifndef GATEWAY_SCHEMA_REGEX_PARSER_H
#define GATEWAY_SCHEMA_REGEX_PARSER_H

#include "lib/schema/regex_ast.h"

struct regex_parser {
	struct arena *a;
	struct view text;
	size_t at;
	uint32_t depth;
	struct regex_ast *out;
	struct view *names; /* of capturing groups, by number; p NULL: none */
	uint32_t n_names;   /* groups that the whole pattern has */
	struct error *e;
};

static inline bool more(const struct regex_parser *p)
{
	return p->at < p->text.n;
}

/* The byte `ahead` bytes on, or 0 past the end. */
static inline char peek(const struct regex_parser *p, size_t ahead)
{
	return p->at + ahead < p->text.n ? p->text.p[p->at + ahead] : 0;
}

static inline bool take(struct regex_parser *p, char c)
{
	if (!more(p) || p->text.p[p->at] != c)
		return false;
	p->at++;
	return true;
}

/* regex_parse.c. Both always return NULL: the pattern is wrong at this column, or too large. */
void *regex_fail(struct regex_parser *p, const char *what);
void *regex_no_memory(struct regex_parser *p);
/* NULL after an error. */
struct regex_node *regex_set_new(struct regex_parser *p) MUST_USE;

/* regex_class.c. One code point of the pattern, which is valid UTF-8. */
uint32_t regex_take_code_point(struct regex_parser *p);
/* A character escape (the backslash is read); false when it is none, and no error is set. */
bool regex_take_escape(struct regex_parser *p, uint32_t *out) MUST_USE;
/* Class escapes \d \D \s \S \w \W \p{..} \P{..} (the backslash is read). 1: taken; 0: not one; -1: error. */
int regex_take_class_escape(struct regex_parser *p, struct code_set *s) MUST_USE;
/* A class after its `[`; NULL after an error. */
struct regex_node *regex_parse_class(struct regex_parser *p) MUST_USE;
struct regex_node *regex_one_code_point(struct regex_parser *p, uint32_t cp) MUST_USE;

#endif
