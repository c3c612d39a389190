/* See regex.h: the parsed pattern goes to the table where it fits, else to PCRE2. */
#include "lib/schema/regex_ast.h"

#define COMPILE_MEMORY_MAX (8u << 20)

struct regex {
	struct regex_table *table; /* either this */
	struct regex_pcre *pcre;   /* or this */
};

static struct regex *compile(struct view pattern, bool tables, struct error *e)
{
	struct arena a = { .max = COMPILE_MEMORY_MAX };
	struct regex *r = calloc(1, sizeof *r);
	struct regex_ast ast;

	if (!r) {
		error_set(e, REASON_NO_MEMORY, "pattern: memory ran out");
		return NULL;
	}
	if (regex_parse(&a, pattern, &ast, e)) {
		r->table = tables ? regex_table_new(&ast) : NULL;
		if (!r->table)
			r->pcre = regex_pcre_new(&ast, e);
	}
	arena_free(&a);
	if (r->table || r->pcre)
		return r;
	regex_free(r);
	return NULL;
}

struct regex *regex_compile(struct view ecma_pattern, struct error *e)
{
	return compile(ecma_pattern, true, e);
}

struct regex *regex_compile_pcre(struct view ecma_pattern, struct error *e)
{
	return compile(ecma_pattern, false, e);
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	free(r->table);
	regex_pcre_free(r->pcre);
	free(r);
}

enum regex_verdict regex_match(const struct regex *r, struct regex_run *run, struct view utf8_text)
{
	if (!utf8_text.p)
		utf8_text = VIEW("");
	if (r->table)
		return regex_table_match(r->table, utf8_text) ? REGEX_MATCH : REGEX_NO_MATCH;
	return regex_pcre_match(r->pcre, run, utf8_text);
}

bool regex_is_table(const struct regex *r)
{
	return r->table != NULL;
}

size_t regex_table_bytes(const struct regex *r)
{
	return r->table ? sizeof *r->table + r->table->n * sizeof *r->table->next : 0;
}

/* Every property of a pattern must be one that PCRE2 knows as well. */
static bool properties_known(const struct regex_node *n)
{
	for (; n; n = n->next) {
		if (n->child && !properties_known(n->child))
			return false;
		if (!n->set || !n->set->properties)
			continue;
		struct regex_node alone = { .type = NODE_SET, .set = n->set };
		struct regex_ast ast = { .root = &alone };
		struct regex_pcre *p = regex_pcre_new(&ast, NULL);
		if (!p)
			return false;
		regex_pcre_free(p);
	}
	return true;
}

bool regex_is_valid(struct view ecma_pattern)
{
	struct arena a = { .max = COMPILE_MEMORY_MAX };
	struct regex_ast ast;
	bool ok = regex_parse(&a, ecma_pattern, &ast, NULL) &&
	          (!(ast.uses & REGEX_USES_PROPERTY) || properties_known(ast.root));

	arena_free(&a);
	return ok;
}
