/* Parser of ECMA-262 patterns (22.2.1, with the flag `u`), see regex_ast.h. One leniency beside the
 * standard: a backslash before any ASCII punctuation stands for that character, for `\-` and the like
 * outside a class are common in published schemas. Everything else that `u` refuses is refused, among
 * it what other dialects would take: \A \Z \a, (?i), (?P<n>), (?#...), possessive quantifiers, verbs. */
#include "lib/schema/regex_ast.h"

#define GROUPS_MAX 1000u

struct parser {
	struct arena *a;
	struct view text;
	size_t at;
	uint32_t depth;
	struct regex_ast *out;
	struct view *names;             /* of capturing groups, by number; p NULL: none */
	uint32_t n_names;               /* groups that the whole pattern has */
	struct error *e;
};

static struct regex_node *parse_choice(struct parser *p);

/* Always NULL. */
static void *fail(struct parser *p, const char *what)
{
	error_at(p->e, REASON_SCHEMA_ERROR, NULL, 0, (uint32_t)p->at + 1, "pattern: %s", what);
	return NULL;
}

static void *no_memory(struct parser *p)
{
	error_set(p->e, REASON_LIMIT, "pattern: too large to compile");
	return NULL;
}

static bool more(const struct parser *p)
{
	return p->at < p->text.n;
}

/* The byte `ahead` bytes on, or 0 past the end. */
static char peek(const struct parser *p, size_t ahead)
{
	return p->at + ahead < p->text.n ? p->text.p[p->at + ahead] : 0;
}

static bool take(struct parser *p, char c)
{
	if (!more(p) || p->text.p[p->at] != c)
		return false;
	p->at++;
	return true;
}

static bool take_text(struct parser *p, struct view s)
{
	if (!view_starts(view_from(p->text, p->at), s))
		return false;
	p->at += s.n;
	return true;
}

/* One code point of the pattern, which is valid UTF-8. */
static uint32_t take_code_point(struct parser *p)
{
	unsigned char c = (unsigned char)p->text.p[p->at++];
	int more_bytes = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	uint32_t cp = c < 0x80 ? c : c & (0x3fu >> more_bytes);

	while (more_bytes-- > 0)
		cp = cp << 6 | ((unsigned char)p->text.p[p->at++] & 0x3f);
	return cp;
}

static struct regex_node *node_new(struct parser *p, enum regex_node_type type)
{
	struct regex_node *n = arena_alloc(p->a, sizeof *n);

	if (!n)
		return no_memory(p);
	n->type = type;
	return n;
}

static struct regex_node *set_new(struct parser *p)
{
	struct regex_node *n = node_new(p, NODE_SET);

	if (n && !(n->set = arena_alloc(p->a, sizeof *n->set)))
		return no_memory(p);
	return n;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool take_hex(struct parser *p, int digits, uint32_t *out)
{
	uint32_t v = 0;

	for (int i = 0; i < digits; i++) {
		int h = hex_value(peek(p, (size_t)i));
		if (h < 0)
			return false;
		v = v << 4 | (uint32_t)h;
	}
	p->at += (size_t)digits;
	*out = v;
	return true;
}

/* After `\u`: four digits, a surrogate pair of two such escapes, or {digits}. */
static bool take_unicode_escape(struct parser *p, uint32_t *out)
{
	uint32_t high, low;

	if (take(p, '{')) {
		uint32_t v = 0;
		size_t digits = 0;
		for (int h; (h = hex_value(peek(p, 0))) >= 0; digits++, p->at++) {
			v = v << 4 | (uint32_t)h;
			if (v > CODE_POINT_MAX)
				return false;
		}
		*out = v;
		return digits > 0 && take(p, '}');
	}
	if (!take_hex(p, 4, &high))
		return false;
	*out = high;
	if (high < 0xd800 || high > 0xdbff || peek(p, 0) != '\\' || peek(p, 1) != 'u')
		return true;
	size_t before = p->at;
	p->at += 2;
	if (take_hex(p, 4, &low) && low >= 0xdc00 && low <= 0xdfff)
		*out = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	else
		p->at = before;
	return true;
}

/* A character escape (the backslash is read). */
static bool take_escape(struct parser *p, uint32_t *out)
{
	char c = peek(p, 0);
	static const char controls[] = "t\tn\nv\vf\fr\r";

	for (size_t i = 0; i + 1 < sizeof controls; i += 2)
		if (c == controls[i]) {
			p->at++;
			*out = (uint32_t)controls[i + 1];
			return true;
		}
	if (c == '0') {
		p->at++;
		*out = 0;
		return !(peek(p, 0) >= '0' && peek(p, 0) <= '9');
	}
	if (c == 'c') {
		char letter = peek(p, 1);
		if (!((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')))
			return false;
		p->at += 2;
		*out = (uint32_t)letter & 0x1f;
		return true;
	}
	if (take(p, 'x'))
		return take_hex(p, 2, out);
	if (take(p, 'u'))
		return take_unicode_escape(p, out);
	bool punctuation = c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
	                   !(c >= 'a' && c <= 'z');
	if (!punctuation && c != ' ')
		return false;
	p->at++;
	*out = (uint32_t)(unsigned char)c;
	return true;
}

/* Class escapes \d \D \s \S \w \W \p{..} \P{..} (the backslash is read). 1: taken; 0: not one; -1: error. */
static int take_class_escape(struct parser *p, struct code_set *s)
{
	char c = peek(p, 0);

	if (c && strchr("dDsSwW", c)) {
		p->at++;
		if (!code_set_add_class(p->a, s, c)) {
			no_memory(p);
			return -1;
		}
		return 1;
	}
	if (c != 'p' && c != 'P')
		return 0;
	const char *end = peek(p, 1) == '{' ? memchr(p->text.p + p->at, '}', p->text.n - p->at) : NULL;
	if (!end) {
		fail(p, "\\p and \\P need a property name in braces");
		return -1;
	}
	struct view name = view_make(p->text.p + p->at + 2, (size_t)(end - p->text.p) - p->at - 2);
	if (!code_set_add_property(p->a, s, name, c == 'P')) {
		fail(p, "no such Unicode property");
		return -1;
	}
	p->at += name.n + 3;
	p->out->uses |= REGEX_USES_PROPERTY;
	return 1;
}

/* One atom of a class: a code point (1), a class escape added to `s` (2), or an error (0). */
static int take_class_atom(struct parser *p, struct code_set *s, uint32_t *cp)
{
	if (!more(p)) {
		fail(p, "a class is not closed");
		return 0;
	}
	if (!take(p, '\\')) {
		*cp = take_code_point(p);
		return 1;
	}
	int taken = take_class_escape(p, s);
	if (taken)
		return taken < 0 ? 0 : 2;
	if (take(p, 'b')) {
		*cp = '\b';
		return 1;
	}
	if (take_escape(p, cp))
		return 1;
	fail(p, "an escape that ECMA-262 does not have");
	return 0;
}

/* A surrogate by itself occurs in no UTF-8 text: kept out, so that both back ends need not know it. */
static bool add_range(struct parser *p, struct code_set *s, uint32_t lo, uint32_t hi)
{
	bool ok = true;

	if (lo < 0xd800)
		ok = code_set_add(p->a, s, lo, hi < 0xd800 ? hi : 0xd7ff);
	if (ok && hi > 0xdfff)
		ok = code_set_add(p->a, s, lo > 0xdfff ? lo : 0xe000, hi);
	if (!ok)
		no_memory(p);
	return ok;
}

/* After `[`. */
static struct regex_node *parse_class(struct parser *p)
{
	struct regex_node *n = set_new(p);

	if (!n)
		return NULL;
	n->set->negated = take(p, '^');
	while (!take(p, ']')) {
		uint32_t lo = 0, hi = 0;
		int kind = take_class_atom(p, n->set, &lo), last = 1;
		if (!kind)
			return NULL;
		hi = lo;
		if (peek(p, 0) == '-' && peek(p, 1) != ']' && p->at + 1 < p->text.n) {
			p->at++;
			last = take_class_atom(p, n->set, &hi);
			if (!last)
				return NULL;
			if (kind == 2 || last == 2)
				return fail(p, "a class escape is no end of a range; write \\- for the character");
			if (lo > hi)
				return fail(p, "a range of a class is out of order");
		}
		if (kind == 1 && !add_range(p, n->set, lo, hi))
			return NULL;
	}
	if (!code_set_finish(p->a, n->set))
		return no_memory(p);
	return n;
}

static struct regex_node *one_code_point(struct parser *p, uint32_t cp)
{
	struct regex_node *n = set_new(p);

	if (!n || !add_range(p, n->set, cp, cp))
		return NULL;
	return n;
}

/* Reads a group name up to `>`. */
static bool take_name(struct parser *p, struct view *out)
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

static struct regex_node *parse_back_reference(struct parser *p)
{
	struct regex_node *n = node_new(p, NODE_BACK_REFERENCE);
	struct view name;

	if (!n)
		return NULL;
	p->out->uses |= REGEX_USES_BACK_REFERENCE;
	if (take_text(p, VIEW("k<"))) {
		if (!take_name(p, &name))
			return fail(p, "\\k needs a group name");
		for (uint32_t i = 1; i <= p->n_names; i++)
			if (p->names[i].p && view_eq(p->names[i], name))
				n->index = i;
		return n->index ? n : fail(p, "no group has this name");
	}
	if (peek(p, 0) == 'k')
		return fail(p, "\\k needs a group name");
	while (peek(p, 0) >= '0' && peek(p, 0) <= '9' && n->index <= GROUPS_MAX)
		n->index = 10 * n->index + (uint32_t)(p->text.p[p->at++] - '0');
	return n->index <= p->n_names ? n : fail(p, "no group has this number");
}

/* After the backslash, outside a class. */
static struct regex_node *parse_escape(struct parser *p)
{
	char c = peek(p, 0);
	uint32_t cp;

	if (c == 'b' || c == 'B') {
		struct regex_node *n = node_new(p, NODE_WORD_BOUNDARY);
		p->at++;
		p->out->uses |= REGEX_USES_BOUNDARY;
		if (n)
			n->negated = c == 'B';
		return n;
	}
	if (c == 'k' || (c >= '1' && c <= '9'))
		return parse_back_reference(p);
	struct regex_node *set = set_new(p);
	if (!set)
		return NULL;
	int taken = take_class_escape(p, set->set);
	if (taken < 0)
		return NULL;
	if (taken)
		return code_set_finish(p->a, set->set) ? set : no_memory(p);
	if (!take_escape(p, &cp))
		return fail(p, "an escape that ECMA-262 does not have");
	return one_code_point(p, cp);
}

/* After `(`. */
static struct regex_node *parse_group(struct parser *p)
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
			return fail(p, "a group name is not one of ECMA-262");
		captures = true;
	} else if (peek(p, 0) == '?') {
		return fail(p, "a group of a kind that ECMA-262 does not have");
	} else {
		captures = true;
	}
	struct regex_node *n = node_new(p, type);
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
	return take(p, ')') ? n : fail(p, "a group is not closed");
}

static struct regex_node *parse_atom(struct parser *p)
{
	char c = p->text.p[p->at];

	if (c == '^' || c == '$') {
		p->at++;
		return node_new(p, c == '^' ? NODE_START : NODE_END);
	}
	if (take(p, '('))
		return parse_group(p);
	if (take(p, '['))
		return parse_class(p);
	if (take(p, '\\'))
		return parse_escape(p);
	if (take(p, '.')) {
		struct regex_node *n = set_new(p);
		if (!n)
			return NULL;
		n->set->negated = true;
		if (!code_set_add(p->a, n->set, '\n', '\n') || !code_set_add(p->a, n->set, '\r', '\r') ||
		    !code_set_add(p->a, n->set, 0x2028, 0x2029) || !code_set_finish(p->a, n->set))
			return no_memory(p);
		return n;
	}
	if (strchr("*+?{", c) && c)
		return fail(p, "a quantifier has nothing to repeat; write a backslash before the character");
	if (c == '}' || c == ']')
		return fail(p, "a closing bracket without an opening one; write a backslash before it");
	return one_code_point(p, take_code_point(p));
}

static bool take_count(struct parser *p, uint32_t *out)
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
static bool take_quantifier(struct parser *p, bool *is, uint32_t *min, uint32_t *max)
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
			return fail(p, "a quantifier in braces is not {n}, {n,} or {n,m} with n <= m"), false;
		if (*min > REGEX_REPEAT_MAX || (*max != REGEX_INFINITE && *max > REGEX_REPEAT_MAX))
			return error_at(p->e, REASON_LIMIT, NULL, 0, (uint32_t)p->at,
			                "pattern: repeats more than %u times", REGEX_REPEAT_MAX);
	} else {
		*is = false;
		return true;
	}
	take(p, '?');           /* lazy: the same texts match */
	return true;
}

static struct regex_node *parse_term(struct parser *p)
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
		return fail(p, "an assertion cannot be repeated");
	}
	struct regex_node *r = node_new(p, NODE_REPEAT);
	if (!r)
		return NULL;
	r->child = n;
	r->min = min;
	r->max = max;
	return r;
}

static struct regex_node *parse_sequence(struct parser *p)
{
	struct regex_node *s = node_new(p, NODE_SEQUENCE);

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

static struct regex_node *parse_choice(struct parser *p)
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
		n = node_new(p, NODE_CHOICE);
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
static bool collect_names(struct parser *p)
{
	bool in_class = false;
	uint32_t n = 0;

	p->names = arena_alloc(p->a, (GROUPS_MAX + 1) * sizeof *p->names);
	if (!p->names)
		return no_memory(p), false;
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
				return fail(p, "a group name is not one of ECMA-262"), false;
			p->at--;
			for (uint32_t i = 1; i < n; i++)
				if (p->names[i].p && view_eq(p->names[i], name))
					return fail(p, "two groups have the same name"), false;
			p->names[n] = name;
		}
	}
	p->n_names = n;
	p->at = 0;
	return true;
}

bool regex_parse(struct arena *a, struct view pattern, struct regex_ast *out, struct error *e)
{
	struct parser p = { .a = a, .text = pattern, .out = out, .e = e };

	*out = (struct regex_ast){ .arena = a };
	if (pattern.n > REGEX_PATTERN_MAX)
		return error_set(e, REASON_LIMIT, "pattern: longer than %u bytes", REGEX_PATTERN_MAX);
	p.at = utf8_valid(pattern);
	if (p.at != pattern.n)
		return fail(&p, "not UTF-8"), false;
	if (!collect_names(&p))
		return false;
	out->root = parse_choice(&p);
	if (!out->root)
		return false;
	if (more(&p))
		return fail(&p, "a group is closed that was not opened"), false;
	return true;
}
