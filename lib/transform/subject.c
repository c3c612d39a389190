/* Whom a leaf is about: the subject that the envelope refers to, or, where the rule says so, an identifier in the
 * record itself. Its pointer shares the way of the rule's own down to where they part, so that each of several
 * persons in a record has an own subject; behind it stand plain names. */
#include "lib/transform/actions.h"

#include "lib/json/canonical.h"
#include "lib/json/pointer.h"

static bool names_take(struct subject_path *s, struct view rest, size_t room)
{
	struct view token;
	char *out = s->names = malloc(room + 1);

	if (!out)
		return false;
	while (pointer_next(&rest, out, &token)) {
		out[token.n] = 0;
		out += token.n + 1;
		s->n++;
	}
	return true;
}

const char *subject_read(struct subject_path *s, const char *rule_pointer, const char *pointer)
{
	struct view own = view_of(rule_pointer), rest = view_of(pointer), next_own, next;

	if (!pointer || !pointer_valid(rest) || rest.n == 0)
		return "must be a JSON Pointer to a field of the record";
	if (strcmp(rule_pointer, pointer) == 0)
		return "must be another field than the one that it is for";
	own = view_from(own, own.n > 0);
	view_cut(&rest, '/');
	for (;;) {
		next_own = own;
		next = rest;
		struct view a = view_cut(&next_own, '/'), b = view_cut(&next, '/');

		/* The last token of either names a leaf. `*` goes the way that the rule went. */
		if (!next_own.p || !next.p || !(view_eq(a, b) || view_is(b, "*")))
			break;
		own = next_own;
		rest = next;
		s->shared++;
	}
	for (next = rest; next.p;)
		if (view_is(view_cut(&next, '/'), "*"))
			return "must have its * where the rule's own pointer goes the same way";
	/* Back to a pointer: the slash before what is left belongs to it. */
	return names_take(s, view_make(rest.p - 1, rest.n + 1), rest.n + 1) ? NULL : "found no memory";
}

bool subject_same(const struct subject_path *a, const struct subject_path *b)
{
	const char *x = a->names, *y = b->names;

	if (a->shared != b->shared || a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++, x += strlen(x) + 1, y += strlen(y) + 1)
		if (strcmp(x, y) != 0)
			return false;
	return true;
}

/* The record's own identifier: a text that is not empty, or a whole number, by its digits. */
static struct view subject_find(const struct subject_path *s, struct transform_run *run)
{
	const struct tape *t = run->tape;
	uint32_t node = run->path[s->shared];
	const char *name = s->names;

	for (uint32_t i = 0; i < s->n; i++, name += strlen(name) + 1) {
		node = t->nodes[node].type == TAPE_OBJECT ? tape_member(t, node, view_of(name)) : 0;
		if (!node)
			return view_make(NULL, 0);
	}
	buf_reset(&run->subject_text);
	if (t->nodes[node].type == TAPE_NUMBER && canonical_whole(tape_token(t, node), &run->subject_text))
		return buf_view(&run->subject_text);
	return t->nodes[node].type == TAPE_STRING ? tape_string(t, node) : view_make(NULL, 0);
}

bool rule_subject(const struct rule *r, struct transform_run *run, struct view *out, struct error *e)
{
	*out = r->subject.n ? subject_find(&r->subject, run) : run->subject;
	return out->n > 0 || rule_fail(r, e,
	                               r->subject.n ? "the record does not name the data subject"
	                                            : "the transform needs to know the data subject");
}
