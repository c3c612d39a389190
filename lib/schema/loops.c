/* Refuses schemas that apply themselves to the same instance without end. Loops that only some instances
 * enter (through then, else, dependentSchemas, $dynamicRef) are bounded when a program runs. See graph.h. */
#include "lib/schema/graph.h"

/* Keywords whose schema applies to the same instance whatever that is. */
static bool applies_in_place(enum keyword k)
{
	return k == KEYWORD_REF || k == KEYWORD_ALL_OF || k == KEYWORD_ANY_OF || k == KEYWORD_ONE_OF ||
	       k == KEYWORD_NOT || k == KEYWORD_IF;
}

struct visit {
	uint32_t snode, use, link;
};

/* A depth-first search by hand: chains of references may be as long as the schema. */
static bool check_loops_from(struct graph *g, uint32_t start, uint8_t *state, struct visit **stack, size_t *cap)
{
	size_t depth = 1;

	(*stack)[0] = (struct visit){ start, 0, 0 };
	state[start] = 1;
	while (depth > 0) {
		struct visit *v = &(*stack)[depth - 1];
		const struct snode *s = &g->snodes[v->snode];

		if (v->use == s->n) {
			state[v->snode] = 2;
			depth--;
			continue;
		}
		const struct keyword_use *u = &g->uses[s->use + v->use];
		if (!applies_in_place((enum keyword)u->keyword) || v->link == u->n) {
			v->use++;
			v->link = 0;
			continue;
		}
		uint32_t target = g->links[u->link + v->link++].target;
		if (state[target] == 1)
			return graph_fail(g, s->doc, u->key, "the schema refers to itself without end");
		if (state[target])
			continue;
		if (!graph_grow(g, stack, cap, depth, sizeof **stack))
			return false;
		state[target] = 1;
		(*stack)[depth++] = (struct visit){ target, 0, 0 };
	}
	return true;
}

bool graph_check_loops(struct graph *g)
{
	uint8_t *state = calloc(g->n_snodes + 1u, 1);
	struct visit *stack = NULL;
	size_t cap = 0;
	bool ok = state && graph_grow(g, &stack, &cap, 0, sizeof *stack);

	for (uint32_t i = 0; ok && i < g->n_snodes; i++)
		if (!state[i])
			ok = check_loops_from(g, i, state, &stack, &cap);
	if (!state)
		graph_no_memory(g);
	free(state);
	free(stack);
	return ok;
}
