/* See caveats.h. */
#include "lib/policy/caveats.h"

static int compare(const struct caveat *a, const struct caveat *b)
{
	if (a->scale != b->scale)
		return a->scale < b->scale ? -1 : 1;
	if (a->place != b->place)
		return a->place < b->place ? -1 : 1;
	return view_cmp(a->text, b->text);
}

/* Whoever obeys `y` obeys `x`. Of H1, H2 and H3 none stands for another; H0, use within the mandate, is in each. */
static bool implied(const struct caveat *x, const struct caveat *y)
{
	if (x->scale != y->scale || x->place > y->place || (x->text.n && !view_eq(x->text, y->text)))
		return false;
	return x->place == y->place || x->scale != SCALE_EUROPOL_HANDLING || x->place == 0;
}

bool caveats_say(const struct caveats *c, const struct caveat *x)
{
	for (size_t i = 0; i < c->n; i++)
		if (implied(x, &c->list[i]))
			return true;
	return false;
}

bool caveats_say_all(const struct caveats *c, const struct caveats *other)
{
	for (size_t i = 0; i < other->n; i++)
		if (!caveats_say(c, &other->list[i]))
			return false;
	return true;
}

bool caveats_add(struct caveats *c, const struct caveat *x)
{
	size_t kept = 0, at = 0;

	if (caveats_say(c, x))
		return true;
	for (size_t i = 0; i < c->n; i++)
		if (!implied(&c->list[i], x))
			c->list[kept++] = c->list[i];
	c->n = kept;
	if (c->n == CAVEATS_MAX)
		return false;
	while (at < c->n && compare(&c->list[at], x) < 0)
		at++;
	memmove(&c->list[at + 1], &c->list[at], (c->n - at) * sizeof *c->list);
	c->list[at] = *x;
	c->n++;
	return true;
}

bool caveats_merge(struct caveats *into, const struct caveats *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (!caveats_add(into, &from->list[i]))
			return false;
	return true;
}

static bool is_words(const struct caveat *c)
{
	return c->scale == SCALE_EUROPOL_HANDLING && view_is(view_of(scale_value(c->scale, c->place)), "H3");
}

static struct view member(const struct tape *t, uint32_t object, struct view name)
{
	uint32_t node = tape_member(t, object, name);

	return node && t->nodes[node].type == TAPE_STRING ? tape_string(t, node) : VIEW("");
}

bool caveat_read(const struct tape *t, uint32_t object, struct caveat *out)
{
	/* What is no object has no member. */
	struct caveat c = { .scale = scale_find(member(t, object, VIEW("scale"))),
		            .text = member(t, object, VIEW("text")) };

	if (c.scale == SCALE_COUNT)
		return false;
	c.place = scale_strictness(c.scale, member(t, object, VIEW("value")));
	if (c.place < 0 || (is_words(&c) && c.text.n == 0))
		return false;
	*out = c;
	return true;
}

bool caveats_read(const struct tape *t, uint32_t list, struct caveats *c, struct error *e)
{
	struct caveat x;

	for (uint32_t v = list + 1; v < t->nodes[list].next; v = t->nodes[v].next) {
		if (!caveat_read(t, v, &x))
			return error_set(e, REASON_HANDLING_UNKNOWN, "a code is not on its list");
		if (!caveats_add(c, &x))
			return error_set(e, REASON_LIMIT, "there are more than %d codes", CAVEATS_MAX);
	}
	return true;
}

uint32_t caveats_scales(const struct caveats *c)
{
	uint32_t scales = 0;

	for (size_t i = 0; i < c->n; i++)
		scales |= 1u << c->list[i].scale;
	return scales;
}

void caveats_print(const struct caveats *c, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < c->n; i++) {
		const struct caveat *x = &c->list[i];

		buf_addf(out, "%s{\"scale\":\"%s\"", i ? "," : "", scale_name(x->scale));
		if (x->text.n) {
			buf_adds(out, ",\"text\":");
			buf_add_json_string(out, x->text);
		}
		buf_addf(out, ",\"value\":\"%s\"}", scale_value(x->scale, x->place));
	}
	buf_addc(out, ']');
}

static enum caveat_onward onward_of(const struct caveat *c)
{
	struct view value = view_of(scale_value(c->scale, c->place));

	switch (c->scale) {
	case SCALE_TLP: return view_is(value, "RED") || view_is(value, "AMBER+STRICT") ? CAVEAT_CLOSED : CAVEAT_OPEN;
	case SCALE_EUROPOL_HANDLING:
		if (is_words(c))
			return CAVEAT_WORDS;
		return view_is(value, "H2") ? CAVEAT_PERMITTED : CAVEAT_OPEN;
	case SCALE_3X5X2_HANDLING: return view_is(value, "C") ? CAVEAT_WORDS : CAVEAT_OPEN;
	case SCALE_EUROPOL_SOURCE:
	case SCALE_EUROPOL_INFORMATION:
	case SCALE_3X5X2_SOURCE:
	case SCALE_3X5X2_INFORMATION:
	case SCALE_ADMIRALTY_SOURCE:
	case SCALE_ADMIRALTY_INFORMATION:
	case SCALE_COUNT: break;
	}
	return CAVEAT_OPEN;
}

enum caveat_onward caveats_onward(const struct caveats *c, const struct caveat **why)
{
	enum caveat_onward says = CAVEAT_OPEN;

	*why = NULL;
	for (size_t i = 0; i < c->n; i++) {
		enum caveat_onward one = onward_of(&c->list[i]);
		if (one <= says)
			continue;
		says = one;
		*why = &c->list[i];
	}
	return says;
}
