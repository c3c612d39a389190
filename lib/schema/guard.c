/* Alternatives that a member tells apart, as `{"anyOf":[{"properties":{"kind":{"const":"a"},…}},…]}`: when
 * the instance has the member, every alternative that wants another string there fails, so it need not
 * run. The member's name is op.c, the string that an alternative wants is target.guard, both constants.
 *
 * All operations of a block must hold together, so the test is sound wherever in the block it stands, and
 * whether the member is required or not: an instance without it runs every alternative. */
#include "lib/schema/compiled.h"

/* The constant that a property must equal, or NONE. */
static uint32_t wanted(const struct schema *s, const struct property *p)
{
	const struct op *op = &s->ops[p->target.pc];

	for (; p->listed && op->code != OP_END; op++)
		if (op->code == OP_CONST_STRING)
			return op->a;
	return NONE;
}

/* The first property of a block that must equal a string and has that name (`name` p NULL: any). */
static const struct property *find_guard(const struct schema *s, uint32_t pc, struct view name)
{
	for (const struct op *op = &s->ops[pc]; op->code != OP_END; op++) {
		const struct object_shape *o = op->code == OP_OBJECT ? &s->objects[op->a] : NULL;

		for (uint32_t i = 0; o && i < o->n; i++) {
			const struct property *p = &s->properties[o->property + i];

			if (wanted(s, p) != NONE && (!name.p || view_eq(name, view_make(p->p, p->n))))
				return p;
		}
	}
	return NULL;
}

static void guard_choice(struct schema *s, struct op *op)
{
	const struct property *first = NULL;

	for (uint32_t i = 0; i < op->b && !first; i++)
		first = find_guard(s, s->targets[op->a + i].pc, view_make(NULL, 0));
	if (!first)
		return;
	for (uint32_t i = 0; i < op->b; i++) {
		struct target *t = &s->targets[op->a + i];
		const struct property *p = find_guard(s, t->pc, view_make(first->p, first->n));

		if (p)
			t->guard = wanted(s, p);
	}
	op->c = first->name;
}

void schema_find_guards(struct schema *s)
{
	for (uint32_t i = 0; i < s->n_ops; i++)
		if ((s->ops[i].code == OP_ANY || s->ops[i].code == OP_ONE) && s->ops[i].b > 1)
			guard_choice(s, &s->ops[i]);
}
