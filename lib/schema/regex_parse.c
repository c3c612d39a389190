/* Parser of ECMA-262 patterns (22.2.1, with the flag `u`), see regex_ast.h. One leniency beside the
 * standard: a backslash before any ASCII punctuation stands for that character, for `\-` and the like
 * outside a class are common in published schemas. Everything else that `u` refuses is refused, among
 * it what other dialects would take: \A \Z \a, (?i), (?P<n>), (?#...), possessive quantifiers, verbs. */
#include "lib/schema/regex_parser.h"

#define GROUPS_MAX 1000u

static struct regex_node *parse_choice(struct regex_parser *p);

void *regex_fail(struct regex_parser *p, const char *what)
{
	error_at(p->e, REASON_SCHEMA_ERROR, NULL, 0, (uint32_t)p->at + 1, "pattern: %s", what);
	return NULL;
}

void *regex_no_memory(struct regex_parser *p)
{
	error_set(p->e, REASON_LIMIT, "pattern: too large to compile");
	return NULL;
}

static bool take_text(struct regex_parser *p, struct view s)
{
	if (!view_starts(view_from(p->text, p->at), s))
		return false;
	p->at += s.n;
	return true;
}

static struct regex_node *regex_node_new(struct regex_parser *p, enum regex_node_type type)
{
	struct regex_node *n = arena_alloc(p->a, sizeof *n);

	if (!n)
		return regex_no_memory(p);
	n->type = type;
	return n;
}

struct regex_node *regex_set_new(struct regex_parser *p)
{
	struct regex_node *n = regex_node_new(p, NODE_SET);

	if (n && !(n->set = arena_alloc(p->a, sizeof *n->set)))
		return regex_no_memory(p);
	return n;
}

/* Reads a group name up to `>`. */
static bool take_name(struct regex_parser *p, struct view *out)
{
	size_t from = p->at;

	while (more(p) && p->text.p[p->at] != '>') {
		unsigned char c = (unsigned char)p->text.p[p->at];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '$' || c >= 0x80;
		if (!letter && !(p->at > from && c >= '0' && c <= '9'))
			return false;
		p->at++;
	}
	*out = view_make(p->text.p + from, p->at - from);
	return out->n > 0 && take(p, '>');
}

static struct regex_node *parse_back_reference(struct regex_parser *p)
{
	struct regex_node *n = regex_node_new(p, NODE_BACK_REFERENCE);
	struct view name;

	if (!n)
		return NULL;
	p->out->uses |= REGEX_USES_BACK_REFERENCE;
	if (take_text(p, VIEW("k<"))) {
		if (!take_name(p, &name))
			return regex_fail(p, "\\k needs a group name");
		for (uint32_t i = 1; i <= p->n_names; i++)
			if (p->names[i].p && view_eq(p->names[i], name))
				n->index = i;
		return n->index ? n : regex_fail(p, "no group has this name");
	}
	if (peek(p, 0) == 'k')
		return regex_fail(p, "\\k needs a group name");
	while (peek(p, 0) >= '0' && peek(p, 0) <= '9' && n->index <= GROUPS_MAX)
		n->index = 10 * n->index + (uint32_t)(p->text.p[p->at++] - '0');
	return n->index <= p->n_names ? n : regex_fail(p, "no group has this number");
}

/* After the backslash, outside a class. */
static struct regex_node *parse_escape(struct regex_parser *p)
{
	char c = peek(p, 0);
	uint32_t cp;

	if (c == 'b' || c == 'B') {
		struct regex_node *n = regex_node_new(p, NODE_WORD_BOUNDARY);
		p->at++;
		p->out->uses |= REGEX_USES_BOUNDARY;
		if (n)
			n->negated = c == 'B';
		return n;
	}
	if (c == 'k' || (c >= '1' && c <= '9'))
		return parse_back_reference(p);
	struct regex_node *set = regex_set_new(p);
	if (!set)
		return NULL;
	int taken = regex_take_class_escape(p, set->set);
	if (taken < 0)
		return NULL;
	if (taken)
		return code_set_finish(p->a, set->set) ? set : regex_no_memory(p);
	if (!regex_take_escape(p, &cp))
		return regex_fail(p, "an escape that ECMA-262 does not have");
	return regex_one_code_point(p, cp);
}

/* After `(`. */
static struct regex_node *parse_group(struct regex_parser *p)
{
	enum regex_node_type type = NODE_GROUP;
	bool negated = false, captures = false;
	struct view name;

	if (take_text(p, VIEW("?:"))) {
		type = NODE_SEQUENCE;
	} else if (take_text(p, VIEW("?=")) || take_text(p, VIEW("?!"))) {
		type = NODE_LOOK_AHEAD;
		negated = p->text.p[p->at - 1] == '!';
	} else if (take_text(p, VIEW("?<=")) || take_text(p, VIEW("?<!"))) {
		type = NODE_LOOK_BEHIND;
		negated = p->text.p[p->at - 1] == '!';
	} else if (take_text(p, VIEW("?<"))) {
		if (!take_name(p, &name))
			return regex_fail(p, "a group name is not one of ECMA-262");
		captures = true;
	} else if (peek(p, 0) == '?') {
		return regex_fail(p, "a group of a kind that ECMA-262 does not have");
	} else {
		captures = true;
	}
	struct regex_node *n = regex_node_new(p, type);
	if (!n)
		return NULL;
	n->negated = negated;
	if (captures)
		n->index = ++p->out->groups;
	if (type == NODE_LOOK_AHEAD || type == NODE_LOOK_BEHIND)
		p->out->uses |= REGEX_USES_LOOK;
	n->child = parse_choice(p);
	if (!n->child)
		return NULL;
	n->last = n->child;
	return take(p, ')') ? n : regex_fail(p, "a group is not closed");
}

static struct regex_node *parse_atom(struct regex_parser *p)
{
	char c = p->text.p[p->at];

	if (c == '^' || c == '$') {
		p->at++;
		return regex_node_new(p, c == '^' ? NODE_START : NODE_END);
	}
	if (take(p, '('))
		return parse_group(p);
	if (take(p, '['))
		return regex_parse_class(p);
	if (take(p, '\\'))
		return parse_escape(p);
	if (take(p, '.')) {
		struct regex_node *n = regex_set_new(p);
		if (!n)
			return NULL;
		n->set->negated = true;
		if (!code_set_add(p->a, n->set, '\n', '\n') || !code_set_add(p->a, n->set, '\r', '\r') ||
		    !code_set_add(p->a, n->set, 0x2028, 0x2029) || !code_set_finish(p->a, n->set))
			return regex_no_memory(p);
		return n;
	}
	if (strchr("*+?{", c) && c)
		return regex_fail(p, "a quantifier has nothing to repeat; write a backslash before the character");
	if (c == '}' || c == ']')
		return regex_fail(p, "a closing bracket without an opening one; write a backslash before it");
	return regex_one_code_point(p, regex_take_code_point(p));
}

static bool take_count(struct regex_parser *p, uint32_t *out)
{
	uint32_t v = 0;
	size_t from = p->at;

	for (; peek(p, 0) >= '0' && peek(p, 0) <= '9'; p->at++)
		if (v <= REGEX_REPEAT_MAX)
			v = 10 * v + (uint32_t)(peek(p, 0) - '0');
	*out = v;
	return p->at > from;
}

/* Reads a quantifier if one stands here. False on error. */
static bool take_quantifier(struct regex_parser *p, bool *is, uint32_t *min, uint32_t *max)
{
	*is = true;
	*min = 0;
	*max = REGEX_INFINITE;
	if (take(p, '*')) {
		;
	} else if (take(p, '+')) {
		*min = 1;
	} else if (take(p, '?')) {
		*max = 1;
	} else if (take(p, '{')) {
		bool ok = take_count(p, min);
		*max = *min;
		if (ok && take(p, ',') && !take_count(p, max))
			*max = REGEX_INFINITE;
		if (!ok || !take(p, '}') || *max < *min)
			return regex_fail(p, "a quantifier in braces is not {n}, {n,} or {n,m} with n <= m"), false;
		if (*min > REGEX_REPEAT_MAX || (*max != REGEX_INFINITE && *max > REGEX_REPEAT_MAX))
			return error_at(p->e, REASON_LIMIT, NULL, 0, (uint32_t)p->at,
			                "pattern: repeats more than %u times", REGEX_REPEAT_MAX);
	} else {
		*is = false;
		return true;
	}
	take(p, '?'); /* lazy: the same texts match */
	return true;
}

static struct regex_node *parse_term(struct regex_parser *p)
{
	struct regex_node *n = parse_atom(p);
	uint32_t min, max;
	bool repeats;

	if (!n)
		return NULL;
	size_t at = p->at;
	if (!take_quantifier(p, &repeats, &min, &max))
		return NULL;
	if (!repeats)
		return n;
	if (n->type == NODE_START || n->type == NODE_END || n->type == NODE_WORD_BOUNDARY ||
	    n->type == NODE_LOOK_AHEAD || n->type == NODE_LOOK_BEHIND) {
		p->at = at;
		return regex_fail(p, "an assertion cannot be repeated");
	}
	struct regex_node *r = regex_node_new(p, NODE_REPEAT);
	if (!r)
		return NULL;
	r->child = n;
	r->min = min;
	r->max = max;
	return r;
}

static struct regex_node *parse_sequence(struct regex_parser *p)
{
	struct regex_node *s = regex_node_new(p, NODE_SEQUENCE);

	if (!s)
		return NULL;
	while (more(p) && p->text.p[p->at] != '|' && p->text.p[p->at] != ')') {
		struct regex_node *n = parse_term(p);
		if (!n)
			return NULL;
		n->prev = s->last;
		*(s->last ? &s->last->next : &s->child) = n;
		s->last = n;
	}
	return s;
}

static struct regex_node *parse_choice(struct regex_parser *p)
{
	if (++p->depth > REGEX_DEPTH_MAX) {
		error_at(p->e, REASON_LIMIT, NULL, 0, (uint32_t)p->at + 1, "pattern: groups nested deeper than %u",
		         REGEX_DEPTH_MAX);
		return NULL;
	}
	struct regex_node *first = parse_sequence(p);
	if (!first)
		return NULL;
	struct regex_node *n = first;
	if (peek(p, 0) == '|' && more(p)) {
		n = regex_node_new(p, NODE_CHOICE);
		if (!n)
			return NULL;
		n->child = first;
		for (struct regex_node **tail = &first->next; take(p, '|'); tail = &(*tail)->next)
			if (!(*tail = parse_sequence(p)))
				return NULL;
	}
	p->depth--;
	return n;
}

/* Groups may be referred to before they open, so their names are collected first. */
static bool collect_names(struct regex_parser *p)
{
	bool in_class = false;
	uint32_t n = 0;

	p->names = arena_alloc(p->a, (GROUPS_MAX + 1) * sizeof *p->names);
	if (!p->names)
		return regex_no_memory(p), false;
	for (p->at = 0; p->at < p->text.n; p->at++) {
		char c = peek(p, 0);
		if (c == '\\')
			p->at++;
		else if (c == '[' || c == ']')
			in_class = c == '[' || (in_class && c != ']');
		else if (c == '(' && !in_class) {
			struct view name = { 0 };
			bool named = peek(p, 1) == '?' && peek(p, 2) == '<' && peek(p, 3) != '=' && peek(p, 3) != '!';
			if (peek(p, 1) == '?' && !named)
				continue;
			if (++n > GROUPS_MAX)
				return error_set(p->e, REASON_LIMIT, "pattern: more than %u groups", GROUPS_MAX);
			if (!named)
				continue;
			p->at += 3;
			if (!take_name(p, &name))
				return regex_fail(p, "a group name is not one of ECMA-262"), false;
			p->at--;
			for (uint32_t i = 1; i < n; i++)
				if (p->names[i].p && view_eq(p->names[i], name))
					return regex_fail(p, "two groups have the same name"), false;
			p->names[n] = name;
		}
	}
	p->n_names = n;
	p->at = 0;
	return true;
}

bool regex_parse(struct arena *a, struct view pattern, struct regex_ast *out, struct error *e)
{
	struct regex_parser p = { .a = a, .text = pattern, .out = out, .e = e };

	*out = (struct regex_ast){ .arena = a };
	if (pattern.n > REGEX_PATTERN_MAX)
		return error_set(e, REASON_LIMIT, "pattern: longer than %u bytes", REGEX_PATTERN_MAX);
	p.at = utf8_valid(pattern);
	if (p.at != pattern.n)
		return regex_fail(&p, "not UTF-8"), false;
	if (!collect_names(&p))
		return false;
	out->root = parse_choice(&p);
	if (!out->root)
		return false;
	if (more(&p))
		return regex_fail(&p, "a group is closed that was not opened"), false;
	return true;
}
