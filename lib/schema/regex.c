/* See regex.h: the parsed pattern goes to the table where it fits, else to PCRE2. Agreements by the thousand come with the same few
 * patterns, each in the schema of what comes and in those of what leaves: who compiles one that is in use gets that. */
#include <pthread.h>

#include "lib/schema/regex_ast.h"

#define COMPILE_MEMORY_MAX (8u << 20)
#define PLACES             1024

struct regex {
	struct regex_table *table; /* either this */
	struct regex_pcre *pcre;   /* or this */
	/* Of those in use, under the lock. */
	struct regex *next;
	size_t refs; /* 0: it is no part of them */
	size_t n;
	char text[]; /* the pattern */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct regex *in_use[PLACES];

static struct regex *compile(struct view pattern, bool tables, struct error *e)
{
	struct arena a = { .max = COMPILE_MEMORY_MAX };
	struct regex *r = calloc(1, sizeof *r + pattern.n);
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
	r->n = pattern.n;
	if (pattern.n > 0)
		memcpy(r->text, pattern.p, pattern.n);
	if (r->table || r->pcre)
		return r;
	regex_free(r);
	return NULL;
}

/* Where the one of this pattern is, or its chain ends; the lock is held. */
static struct regex **find(struct view pattern)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < pattern.n; i++)
		hash = (hash ^ (unsigned char)pattern.p[i]) * 16777619u;
	struct regex **link = &in_use[hash % PLACES];
	while (*link && !view_eq(view_make((*link)->text, (*link)->n), pattern))
		link = &(*link)->next;
	return link;
}

/* The one in use, with a reference; else `r`, which is put in use and may be NULL. */
static struct regex *use(struct view pattern, struct regex *r)
{
	pthread_mutex_lock(&lock);
	struct regex **link = find(pattern);
	if (!*link)
		*link = r;
	struct regex *used = *link;
	if (used)
		used->refs++;
	pthread_mutex_unlock(&lock);
	return used;
}

struct regex *regex_compile(struct view ecma_pattern, struct error *e)
{
	struct regex *used = use(ecma_pattern, NULL), *r = used ? NULL : compile(ecma_pattern, true, e);

	if (r && (used = use(ecma_pattern, r)) != r)
		regex_free(r); /* another thread was faster */
	return used;
}

struct regex *regex_compile_pcre(struct view ecma_pattern, struct error *e)
{
	return compile(ecma_pattern, false, e);
}

/* Whether somebody still uses it. */
static bool leave(struct regex *r)
{
	pthread_mutex_lock(&lock);
	bool used = r->refs > 0 && --r->refs > 0;
	struct regex **link = used ? NULL : find(view_make(r->text, r->n));
	if (link && *link == r)
		*link = r->next;
	pthread_mutex_unlock(&lock);
	return used;
}

void regex_free(struct regex *r)
{
	if (!r || leave(r))
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
