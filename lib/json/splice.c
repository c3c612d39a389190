/* See splice.h. */
#include "lib/json/splice.h"

#include <assert.h>

void splice_start(struct splice *s, struct buf *out)
{
	*s = (struct splice){ .out = out };
}

/* What stands between the value before and the one to come. */
static void separate(struct splice *s)
{
	if (s->after_key) {
		s->after_key = false;
		return;
	}
	assert(s->depth > 0 || !s->comma[0]);
	if (s->comma[s->depth])
		buf_addc(s->out, ',');
	s->comma[s->depth] = true;
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

void splice_key(struct splice *s, const struct tape *t, uint32_t key)
{
	assert(t->nodes[key].type == TAPE_KEY);
	separate(s);
	buf_add(s->out, tape_token(t, key));
	end_key(s);
}

void splice_name(struct splice *s, struct view name)
{
	separate(s);
	buf_add_json_string(s->out, name);
	end_key(s);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Between the tokens of a value stand only brackets, commas, colons and white space, so each token
 * is copied as it is and what lies between two of them without its blanks. Stretches that hold no
 * blank go in one piece. */
void splice_copy(struct splice *s, const struct tape *t, uint32_t node)
{
	const struct tape_node *n = &t->nodes[node], *last = &t->nodes[n->next];
	const char *from = t->text + n->off, *end = from + n->len, *q = from;

	separate(s);
	for (; n < last; n++) {
		bool container = n->type == TAPE_ARRAY || n->type == TAPE_OBJECT;
		q = t->text + n->off + (container ? 1 : n->len);
		const char *next = n + 1 < last ? t->text + n[1].off : end;
		while (q < next) {
			if (!is_space(*q)) {
				q++;
				continue;
			}
			buf_add(s->out, view_make(from, (size_t)(q - from)));
			while (q < next && is_space(*q))
				q++;
			from = q;
		}
	}
	buf_add(s->out, view_make(from, (size_t)(end - from)));
}

void splice_string(struct splice *s, struct view value)
{
	separate(s);
	buf_add_json_string(s->out, value);
}

void splice_literal(struct splice *s, struct view token)
{
	separate(s);
	buf_add(s->out, token);
}

struct splice_mark splice_mark(const struct splice *s)
{
	return (struct splice_mark){ s->out->n, s->depth, s->after_key, s->comma[s->depth] };
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
