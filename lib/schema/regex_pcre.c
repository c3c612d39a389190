/* Patterns in PCRE2: the parsed pattern is written anew in constructs that mean the same in both
 * worlds, so that no option and no default of PCRE2 can change it: sets as explicit ranges, `^` as \A,
 * `$` as \z, groups as non-capturing.
 *
 * pcre2_dfa_match does not backtrack. It tries each start of a match in turn, which is quadratic, so
 * a pattern that is not anchored gets a lazy `any*?` before it and is matched at the first byte only.
 * What is left is bounded: a step costs at most the square of the simultaneous states, and the
 * workspace that is handed in shrinks with the length of the text; so does the number of lookarounds.
 * Only a back reference needs pcre2_match, which backtracks under a match limit that shrinks likewise
 * (a text past some 14,000 bytes reaches it). One difference to ECMA-262 stays there: a group keeps its
 * capture from an earlier round of a repeat. */
#include "lib/schema/regex_ast.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define STATES_MIN      32u
#define STATES_MAX      1000u
#define INTS_PER_STATE  6u         /* three in each of two lists */
#define STEPS_MAX       100000000u /* comparisons of states in one match, about */
#define LOOK_MAX        20000000u  /* bytes that lookarounds look at in one match, about */
#define BACKTRACK_MAX   200000000u /* bytes that backtracking looks at in one match, about */
#define TRANSLATION_MAX (1u << 20)

struct regex_pcre {
	pcre2_code *code;
	bool backtracks;
	struct buf text;
};

struct regex_run {
	pcre2_match_data *data;
	pcre2_match_context *context;
	int workspace[STATES_MAX * INTS_PER_STATE + 2];
};

static void write_code_point(struct buf *out, uint32_t cp)
{
	buf_addf(out, "\\x{%x}", (unsigned)cp);
}

static void write_set(struct buf *out, const struct code_set *s)
{
	bool empty = !s->properties;

	buf_adds(out, s->negated && s->properties ? "[^" : "[");
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t lo = s->ranges[i].lo, hi = s->ranges[i].hi;
		/* Complements may touch the surrogates, which PCRE2 does not take as an end. */
		if (lo >= 0xd800 && lo <= 0xdfff)
			lo = 0xe000;
		if (hi >= 0xd800 && hi <= 0xdfff)
			hi = 0xd7ff;
		if (lo > hi)
			continue;
		empty = false;
		write_code_point(out, lo);
		if (hi > lo) {
			buf_addc(out, '-');
			write_code_point(out, hi);
		}
	}
	for (const struct code_property *p = s->properties; p; p = p->next)
		buf_addf(out, "\\%c{%.*s}", p->negated ? 'P' : 'p', VIEW_ARG(p->name));
	/* PCRE2 makes [] a (*FAIL), and ignores the quantifier after one. */
	buf_adds(out, empty ? "^\\x{0}-\\x{10ffff}]" : "]");
}

static void write_node(struct buf *out, const struct regex_node *n, bool captures);

static void write_children(struct buf *out, const struct regex_node *n, const char *between, bool captures)
{
	for (const struct regex_node *c = n->child; c; c = c->next) {
		if (c != n->child)
			buf_adds(out, between);
		write_node(out, c, captures);
	}
}

static void write_group(struct buf *out, const char *open, const struct regex_node *n, const char *between,
                        bool captures)
{
	buf_adds(out, open);
	write_children(out, n, between, captures);
	buf_addc(out, ')');
}

static void write_node(struct buf *out, const struct regex_node *n, bool captures)
{
	switch (n->type) {
	case NODE_EMPTY: break;
	case NODE_SET:
		if (n->set->n == 1 && !n->set->properties && n->set->ranges[0].lo == n->set->ranges[0].hi)
			write_code_point(out, n->set->ranges[0].lo);
		else
			write_set(out, n->set);
		break;
	case NODE_SEQUENCE: write_group(out, "(?:", n, "", captures); break;
	case NODE_CHOICE: write_group(out, "(?:", n, "|", captures); break;
	case NODE_GROUP: write_group(out, captures ? "(" : "(?:", n, "", captures); break;
	case NODE_REPEAT:
		if (n->child->type == NODE_SET) /* a group would be copied for each round */
			write_node(out, n->child, captures);
		else
			write_group(out, "(?:", n, "", captures);
		if (n->max == REGEX_INFINITE)
			buf_addf(out, "{%u,}", (unsigned)n->min);
		else
			buf_addf(out, "{%u,%u}", (unsigned)n->min, (unsigned)n->max);
		break;
	case NODE_START: buf_adds(out, "\\A"); break;
	case NODE_END: buf_adds(out, "\\z"); break;
	case NODE_WORD_BOUNDARY: buf_adds(out, n->negated ? "\\B" : "\\b"); break;
	case NODE_LOOK_AHEAD: write_group(out, n->negated ? "(?!" : "(?=", n, "", captures); break;
	case NODE_LOOK_BEHIND: write_group(out, n->negated ? "(?<!" : "(?<=", n, "", captures); break;
	case NODE_BACK_REFERENCE: buf_addf(out, "\\g{%u}", (unsigned)n->index); break;
	}
}

/* Can a match begin at the start of the text only? */
static bool is_anchored(const struct regex_node *n)
{
	switch (n->type) {
	case NODE_START: return true;
	case NODE_SEQUENCE:
	case NODE_GROUP: return n->child && is_anchored(n->child);
	case NODE_CHOICE:
		for (const struct regex_node *c = n->child; c; c = c->next)
			if (!is_anchored(c))
				return false;
		return true;
	case NODE_REPEAT: return n->min > 0 && is_anchored(n->child);
	case NODE_EMPTY:
	case NODE_SET:
	case NODE_END:
	case NODE_WORD_BOUNDARY:
	case NODE_LOOK_AHEAD:
	case NODE_LOOK_BEHIND:
	case NODE_BACK_REFERENCE: break;
	}
	return false;
}

struct regex_pcre *regex_pcre_new(const struct regex_ast *ast, struct error *e)
{
	struct regex_pcre *p = calloc(1, sizeof *p);
	int code = 0;
	PCRE2_SIZE at = 0;

	if (!p) {
		error_set(e, REASON_NO_MEMORY, "pattern: memory ran out");
		return NULL;
	}
	p->text = BUF_INIT(TRANSLATION_MAX);
	p->backtracks = ast->uses & REGEX_USES_BACK_REFERENCE;
	if (!is_anchored(ast->root))
		buf_adds(&p->text, "[\\x{0}-\\x{10ffff}]*?");
	write_node(&p->text, ast->root, p->backtracks);
	if (p->text.failed) {
		error_set(e, REASON_LIMIT, "pattern: too large to compile");
		goto fail;
	}
	p->code = pcre2_compile((PCRE2_SPTR)p->text.p, p->text.n,
	                        PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF |
	                                PCRE2_ALLOW_EMPTY_CLASS | PCRE2_NEVER_BACKSLASH_C | PCRE2_ANCHORED,
	                        &code, &at, NULL);
	if (p->code)
		return p;
	PCRE2_UCHAR why[160] = "";
	pcre2_get_error_message(code, why, sizeof why);
	error_set(e, code == PCRE2_ERROR_PATTERN_TOO_LARGE ? REASON_LIMIT : REASON_SCHEMA_ERROR, "pattern: %s",
	          (const char *)why);
fail:
	regex_pcre_free(p);
	return NULL;
}

void regex_pcre_free(struct regex_pcre *p)
{
	if (!p)
		return;
	pcre2_code_free(p->code);
	buf_free(&p->text);
	free(p);
}

struct regex_run *regex_run_new(void)
{
	struct regex_run *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->data = pcre2_match_data_create(1, NULL);
	r->context = pcre2_match_context_create(NULL);
	if (!r->data || !r->context) {
		regex_run_free(r);
		return NULL;
	}
	pcre2_set_heap_limit(r->context, 4096);
	return r;
}

void regex_run_free(struct regex_run *r)
{
	if (!r)
		return;
	pcre2_match_data_free(r->data);
	pcre2_match_context_free(r->context);
	free(r);
}

/* How many states a step may have, so that steps times their square stays below STEPS_MAX. */
static size_t states_for(size_t n)
{
	size_t states = STATES_MAX;

	while (states > STATES_MIN && states * states > STEPS_MAX / (n + 1))
		states -= states / 8;
	return states > STATES_MIN ? states : STATES_MIN;
}

enum regex_verdict regex_pcre_match(const struct regex_pcre *p, struct regex_run *run, struct view text)
{
	PCRE2_SPTR subject = (PCRE2_SPTR)text.p;
	int rc;

	pcre2_set_match_limit(run->context, (p->backtracks ? BACKTRACK_MAX : LOOK_MAX) / ((uint32_t)text.n + 20) + 10);
	if (p->backtracks)
		rc = pcre2_match(p->code, subject, text.n, 0, PCRE2_NO_UTF_CHECK, run->data, run->context);
	else
		rc = pcre2_dfa_match(p->code, subject, text.n, 0, PCRE2_NO_UTF_CHECK | PCRE2_DFA_SHORTEST, run->data,
		                     run->context, run->workspace, states_for(text.n) * INTS_PER_STATE + 2);
	if (rc >= 0)
		return REGEX_MATCH;
	return rc == PCRE2_ERROR_NOMATCH ? REGEX_NO_MATCH : REGEX_LIMIT;
}
