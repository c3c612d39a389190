/* A compiled program as text, so that two can be compared: everything that a run or a decision can see of it. */
#ifndef GATEWAY_TEST_PROGRAM_DUMP_H
#define GATEWAY_TEST_PROGRAM_DUMP_H

#include "lib/transform/states.h"

static inline void program_dump(const struct program *p, struct buf *out)
{
	for (size_t i = 0; i < p->n_rules; i++)
		buf_addf(out, "rule %zu %s %s %s %d%d%d %u\n", i, p->rules[i].id, p->rules[i].pointer,
		         action_name(p->rules[i].action), p->rules[i].subtree, p->rules[i].narrows, p->rules[i].arrived,
		         (unsigned)p->rules[i].category);
	for (size_t i = 0; i < p->n_states; i++) {
		const struct state *s = &p->states[i];

		buf_addf(out, "state %zu %d %d *%u %d%d%d%d%d%d %x %x\n", i, (int)s->rule, (int)s->under,
		         (unsigned)s->star, s->drop_all, s->keep_all, s->keep_container, s->leaf_only, s->neither,
		         s->formless, (unsigned)s->categories, (unsigned)s->guards);
		for (uint32_t k = 0; k < s->slots; k++)
			if (s->names[k].name.p)
				buf_addf(out, "  %u %.*s %u\n", (unsigned)k, VIEW_ARG(s->names[k].name),
				         (unsigned)s->names[k].to);
	}
	for (size_t g = 0; g < p->n_guards; g++)
		buf_addf(out, "guard %u\n", (unsigned)p->guards[g]);
}

#endif
