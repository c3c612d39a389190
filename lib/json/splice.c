/* See splice.h. */
#include "lib/json/splice.h"

#include <assert.h>

#include "lib/json/canonical.h"
#include "lib/json/scan.h"

void splice_start(struct splice *s, struct buf *out, struct member_order *order)
{
	*s = (struct splice){ .out = out, .order = order };
}

/* Whether a comma stands before the value to come, which then stands before the next. */
static bool takes_comma(struct splice *s)
{
	bool comma = s->comma[s->depth];

	if (s->after_key) {
		s->after_key = false;
		return false;
	}
	assert(s->depth > 0 || !comma);
	s->comma[s->depth] = true;
	return comma;
}

static void separate(struct splice *s)
{
	if (takes_comma(s))
		buf_addc(s->out, ',');
}

/* A token that is in the form, as nearly all are, with the comma before it and, behind a name, the colon. */
static void put_token(struct splice *s, struct view token, bool colon)
{
	bool comma = takes_comma(s);
	char *room = buf_room(s->out, token.n + comma + colon);

	s->after_key = colon;
	if (!room)
		return;
	room[0] = ',';
	memcpy(room + comma, token.p, token.n);
	if (colon)
		room[comma + token.n] = ':';
	s->out->n += token.n + comma + colon;
}

void splice_open(struct splice *s, char bracket)
{
	separate(s);
	buf_addc(s->out, bracket);
	if (s->depth + 1 >= SPLICE_DEPTH) {
		s->out->failed = true;
		return;
	}
	s->comma[++s->depth] = false;
}

void splice_close(struct splice *s, char bracket)
{
	/* An opening beyond SPLICE_DEPTH was not counted, and a key that found no room was not rewound. */
	if (s->out->failed)
		return;
	assert(!s->after_key && s->depth > 0);
	s->depth--;
	buf_addc(s->out, bracket);
}

static void end_key(struct splice *s)
{
	buf_addc(s->out, ':');
	s->after_key = true;
}

/* A token that spells its value anew where it must: what is not escaped has no other spelling. */
static void put_string(struct buf *out, const struct tape *t, uint32_t node)
{
	if (t->nodes[node].flags & TAPE_ESCAPED)
		buf_add_json_string(out, tape_string(t, node));
	else
		buf_add(out, tape_token(t, node));
}

void splice_key(struct splice *s, const struct tape *t, uint32_t key)
{
	assert(t->nodes[key].type == TAPE_KEY && !s->after_key);
	if (!(t->nodes[key].flags & TAPE_ESCAPED)) {
		put_token(s, tape_token(t, key), true);
		return;
	}
	separate(s);
	put_string(s->out, t, key);
	end_key(s);
}

void splice_name(struct splice *s, struct view name)
{
	separate(s);
	buf_add_json_string(s->out, name);
	end_key(s);
}

/* What is copied goes in stretches: of the bytes from `from` on, all that was passed over is in the form. */
struct stretch {
	struct splice *s;
	const struct tape *t;
	const char *from;
};

static void copy_value(struct splice *s, const struct tape *t, uint32_t node);

/* Ends the stretch before a token, which is then written otherwise. */
static void end_before(struct stretch *c, uint32_t node)
{
	const struct tape_node *n = &c->t->nodes[node];
	const char *token = c->t->text + n->off;

	buf_add(c->s->out, view_make(c->from, (size_t)(token - c->from)));
	c->from = token + n->len;
}

static void copy_members(struct splice *s, const struct tape *t, uint32_t object)
{
	struct member_walk w;
	const char *before = "{";

	if (!member_walk_start(&w, s->order, t, object)) {
		s->out->failed = true;
		return;
	}
	for (uint32_t k; (k = member_walk_next(&w)); before = ",") {
		buf_adds(s->out, before);
		put_string(s->out, t, k);
		buf_addc(s->out, ':');
		copy_value(s, t, k + 1);
	}
	member_walk_end(&w);
	buf_addc(s->out, '}');
}

/* Passes over one token, or over an object that is written otherwise as a whole. Returns the node behind, and in `*q`
 * the byte behind. */
static uint32_t copy_token(struct stretch *c, uint32_t node, const char **q)
{
	const struct tape *t = c->t;
	const struct tape_node *n = &t->nodes[node];

	*q = t->text + n->off + n->len;
	switch ((enum tape_type)n->type) {
	case TAPE_NULL:
	case TAPE_FALSE:
	case TAPE_TRUE: break;
	case TAPE_NUMBER:
		if (!canonical_is_number(tape_token(t, node))) {
			end_before(c, node);
			canonical_number(tape_token(t, node), c->s->out);
		}
		break;
	case TAPE_STRING:
	case TAPE_KEY:
		if (n->flags & TAPE_ESCAPED) {
			end_before(c, node);
			put_string(c->s->out, t, node);
		}
		break;
	case TAPE_OBJECT:
		if (!members_sorted(t, node)) {
			end_before(c, node);
			copy_members(c->s, t, node);
			return n->next;
		}
		*q = t->text + n->off + 1;
		break;
	case TAPE_ARRAY: *q = t->text + n->off + 1; break;
	}
	return node + 1;
}

/* Between the tokens of a value stand only brackets, commas, colons and white space, which is left out. */
static void copy_value(struct splice *s, const struct tape *t, uint32_t node)
{
	uint32_t last = t->nodes[node].next;
	struct stretch c = { s, t, t->text + t->nodes[node].off };
	const char *end = c.from + t->nodes[node].len, *q;

	while (node < last) {
		node = copy_token(&c, node, &q);
		const char *next = node < last ? t->text + t->nodes[node].off : end;
		while (q < next) {
			if (!is_space(*q)) {
				q++;
				continue;
			}
			buf_add(s->out, view_make(c.from, (size_t)(q - c.from)));
			while (q < next && is_space(*q))
				q++;
			c.from = q;
		}
	}
	buf_add(s->out, view_make(c.from, (size_t)(end - c.from)));
}

/* A value of one token that is in the form. */
static bool is_plain(const struct tape *t, uint32_t node)
{
	switch ((enum tape_type)t->nodes[node].type) {
	case TAPE_NULL:
	case TAPE_FALSE:
	case TAPE_TRUE: return true;
	case TAPE_NUMBER: return canonical_is_number(tape_token(t, node));
	case TAPE_STRING: return !(t->nodes[node].flags & TAPE_ESCAPED);
	case TAPE_ARRAY:
	case TAPE_OBJECT:
	case TAPE_KEY: return false;
	}
	return false;
}

void splice_copy(struct splice *s, const struct tape *t, uint32_t node)
{
	if (is_plain(t, node)) {
		put_token(s, tape_token(t, node), false);
		return;
	}
	separate(s);
	copy_value(s, t, node);
}

void splice_string(struct splice *s, struct view value)
{
	separate(s);
	buf_add_json_string(s->out, value);
}

void splice_number(struct splice *s, struct view token)
{
	separate(s);
	canonical_number(token, s->out);
}

void splice_literal(struct splice *s, struct view token)
{
	separate(s);
	buf_add(s->out, token);
}

void splice_rewind(struct splice *s, struct splice_mark m)
{
	if (s->out->failed)
		return;
	assert(m.n <= s->out->n && m.depth <= s->depth);
	s->out->n = m.n;
	s->depth = m.depth;
	s->after_key = m.after_key;
	s->comma[m.depth] = m.comma;
}
