/* Patterns to automaton: the rules' pointers make a trie with `*` edges; its subsets, made deterministic, are the
 * states. Where several rules reach one place the strictest is chosen here, once, and rules of which none
 * is stricter are an error of the agreement. */
#include "lib/transform/states.h"

#include "lib/json/pointer.h"

#define NO_NODE UINT32_MAX

struct trie_node {
	struct view name; /* of the edge that leads here */
	bool star;
	uint32_t rule;              /* first rule that ends here */
	uint8_t guards;             /* k-guards with a field that ends here */
	uint32_t first_child, next; /* siblings in order of arrival */
};

/* A state under construction: a set of trie nodes, and what covers them all: a subtree rule, k-guards. */
struct subset {
	uint32_t inherited; /* rule or RULE_NONE */
	uint8_t guards;     /* that cover a container around it */
	uint32_t n;
	uint32_t *nodes; /* ascending */
};

struct builder {
	struct program *program;
	struct error_list *errors;
	struct trie_node *trie;
	size_t n_trie, cap_trie;
	uint32_t *same;         /* of each rule the next one with the same pointer, or RULE_NONE */
	struct subset *subsets; /* of each state */
	size_t cap_states;
	uint32_t *table; /* hash table of states; 0 is free */
	size_t slots;
	bool ok, no_memory;
};

static bool out_of_memory(struct builder *b)
{
	b->ok = false;
	b->no_memory = true;
	return false;
}

static uint32_t trie_child(struct builder *b, uint32_t parent, struct view name)
{
	bool star = view_is(name, "*");
	uint32_t *link = &b->trie[parent].first_child;

	while (*link != NO_NODE) {
		struct trie_node *n = &b->trie[*link];

		if (n->star == star && view_eq(n->name, name))
			return *link;
		link = &n->next;
	}
	/* cap_trie counts every token of every pointer, so nothing moves. */
	uint32_t at = (uint32_t)b->n_trie++;
	b->trie[at] = (struct trie_node){
		.name = name, .star = star, .rule = RULE_NONE, .first_child = NO_NODE, .next = NO_NODE
	};
	*link = at;
	return at;
}

/* `*names` has room for the pointer; tokens are unescaped into it and stay there. */
static uint32_t trie_path(struct builder *b, const char *pointer, char **names)
{
	struct view rest = view_of(pointer), token;
	uint32_t at = 0;

	while (pointer_next(&rest, *names, &token)) {
		*names += token.n + 1;
		at = trie_child(b, at, token);
	}
	return at;
}

static void trie_add(struct builder *b, uint32_t rule, char **names)
{
	uint32_t at = trie_path(b, b->program->rules[rule].pointer, names);
	uint32_t *last = &b->trie[at].rule;
	while (*last != RULE_NONE)
		last = &b->same[*last];
	*last = rule;
}

/* The stricter of two rules; the earlier one when they are alike. */
static uint32_t stricter(struct builder *b, uint32_t a, uint32_t c)
{
	const struct rule *rules = b->program->rules;

	if (a == RULE_NONE || c == RULE_NONE)
		return a == RULE_NONE ? c : a;
	int order = rule_compare(&rules[a], &rules[c]);
	if (order == RULES_CONTRADICT) {
		error_list_addf(b->errors, REASON_CONFIG, rules[c].pointer, 0, 0,
		                "rule %s: it reaches the same fields as rule %s (%s), and neither is stricter",
		                rules[c].id, rules[a].id, rules[a].pointer);
		b->ok = false;
	}
	return order == 1 ? c : a;
}

/* Fills the rule of a new state, and what its children inherit. */
static uint32_t choose_rule(struct builder *b, struct state *s, const struct subset *set)
{
	const struct rule *rules = b->program->rules;
	uint32_t inherited = set->inherited;

	s->rule = RULE_NONE;
	s->guards = set->guards;
	for (uint32_t i = 0; i < set->n; i++) {
		s->guards |= b->trie[set->nodes[i]].guards;
		for (uint32_t r = b->trie[set->nodes[i]].rule; r != RULE_NONE; r = b->same[r]) {
			s->keep_container = s->keep_container || rules[r].action == ACTION_KEEP;
			s->rule = stricter(b, s->rule, r);
			if (rules[r].action == ACTION_DROP || (rules[r].subtree && rules[r].action == ACTION_KEEP))
				inherited = stricter(b, inherited, r);
		}
	}
	s->rule = stricter(b, s->rule, set->inherited);
	s->drop_all = s->rule != RULE_NONE && rules[s->rule].action == ACTION_DROP;
	return inherited;
}

static uint32_t subset_hash(const struct subset *s)
{
	uint32_t h = 2166136261u ^ s->inherited ^ (uint32_t)s->guards << 24;

	for (uint32_t i = 0; i < s->n; i++)
		h = (h ^ s->nodes[i]) * 16777619u;
	return h;
}

static bool grow_table(struct builder *b)
{
	size_t slots = b->slots ? b->slots * 2 : 64;
	uint32_t *table = calloc(slots, sizeof *table);

	if (!table)
		return out_of_memory(b);
	for (uint32_t s = 1; s < b->program->n_states; s++) {
		size_t i = subset_hash(&b->subsets[s]) & (slots - 1);

		while (table[i])
			i = (i + 1) & (slots - 1);
		table[i] = s;
	}
	free(b->table);
	b->table = table;
	b->slots = slots;
	return true;
}

static bool grow_states(struct builder *b)
{
	size_t cap = b->cap_states ? b->cap_states * 2 : 32;
	struct state *states = realloc(b->program->states, cap * sizeof *states);

	if (!states)
		return out_of_memory(b);
	b->program->states = states;
	struct subset *subsets = realloc(b->subsets, cap * sizeof *subsets);
	if (!subsets)
		return out_of_memory(b);
	b->subsets = subsets;
	b->cap_states = cap;
	return true;
}

/* The state of a set of trie nodes, made when it is new. Takes over set->nodes. */
static uint32_t state_of(struct builder *b, struct subset *set)
{
	struct program *p = b->program;

	if (set->n == 0 && set->inherited == RULE_NONE) {
		free(set->nodes);
		return STATE_NOTHING;
	}
	if (p->n_states * 2 >= b->slots && !grow_table(b))
		goto fail;
	size_t i = subset_hash(set) & (b->slots - 1);
	for (; b->table[i]; i = (i + 1) & (b->slots - 1)) {
		const struct subset *known = &b->subsets[b->table[i]];

		if (known->inherited == set->inherited && known->guards == set->guards && known->n == set->n &&
		    memcmp(known->nodes, set->nodes, set->n * sizeof *set->nodes) == 0) {
			free(set->nodes);
			return b->table[i];
		}
	}
	if (p->n_states >= STATES_MAX) {
		error_list_addf(b->errors, REASON_LIMIT, NULL, 0, 0, "the rules' patterns overlap in too many ways");
		b->ok = false;
		goto fail;
	}
	if (p->n_states == b->cap_states && !grow_states(b))
		goto fail;
	b->table[i] = (uint32_t)p->n_states;
	b->subsets[p->n_states] = *set;
	p->states[p->n_states] = (struct state){ .rule = RULE_NONE };
	return (uint32_t)p->n_states++;
fail:
	free(set->nodes);
	return STATE_NOTHING;
}

static int node_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The state behind an edge: children by `name` (NULL: none) and by star of all nodes of `from`. */
static uint32_t follow(struct builder *b, const struct subset *from, const struct view *name, uint32_t inherited,
                       uint8_t guards)
{
	struct subset to = { .inherited = inherited, .guards = guards };
	size_t cap = (size_t)from->n * 2 + 1;

	to.nodes = malloc(cap * sizeof *to.nodes);
	if (!to.nodes) {
		out_of_memory(b);
		return STATE_NOTHING;
	}
	for (uint32_t i = 0; i < from->n; i++)
		for (uint32_t c = b->trie[from->nodes[i]].first_child; c != NO_NODE; c = b->trie[c].next)
			if (b->trie[c].star || (name && view_eq(b->trie[c].name, *name)))
				to.nodes[to.n++] = c;
	qsort(to.nodes, to.n, sizeof *to.nodes, node_cmp);
	return state_of(b, &to);
}

static bool add_name(struct state *s, struct view name, uint32_t to)
{
	uint32_t hash = tape_hash(name), i = hash & (s->slots - 1);

	for (; s->names[i].name.p; i = (i + 1) & (s->slots - 1))
		if (s->names[i].hash == hash && view_eq(s->names[i].name, name))
			return false;
	s->names[i] = (struct state_name){ .name = name, .hash = hash, .to = to };
	s->n_names++;
	return true;
}

/* Makes the edges of one state. States may move while others are made. */
static void expand(struct builder *b, uint32_t at)
{
	struct subset set = b->subsets[at];
	struct state s = b->program->states[at];
	uint32_t inherited = choose_rule(b, &s, &set), names = 0;

	if (s.drop_all) {
		b->program->states[at] = s;
		return;
	}
	s.star = follow(b, &set, NULL, inherited, s.guards);
	for (uint32_t i = 0; i < set.n; i++)
		for (uint32_t c = b->trie[set.nodes[i]].first_child; c != NO_NODE; c = b->trie[c].next)
			names += !b->trie[c].star;
	if (names > 0) {
		for (s.slots = 2; s.slots < names * 2;)
			s.slots *= 2;
		s.names = calloc(s.slots, sizeof *s.names);
		if (!s.names)
			out_of_memory(b);
	}
	for (uint32_t i = 0; b->ok && names > 0 && i < set.n; i++)
		for (uint32_t c = b->trie[set.nodes[i]].first_child; b->ok && c != NO_NODE; c = b->trie[c].next)
			if (!b->trie[c].star)
				add_name(&s, b->trie[c].name, follow(b, &set, &b->trie[c].name, inherited, s.guards));
	/* A set that is empty but for what it inherits has nothing stricter beneath it. */
	s.keep_all = s.rule != RULE_NONE && b->program->rules[s.rule].action == ACTION_KEEP && s.slots == 0 &&
	             s.star != STATE_NOTHING && b->subsets[s.star].n == 0;
	b->program->states[at] = s;
}

static bool build(struct builder *b, char *names)
{
	struct program *p = b->program;
	struct subset root = { .inherited = RULE_NONE, .n = 1 };

	b->trie[b->n_trie++] = (struct trie_node){ .rule = RULE_NONE, .first_child = NO_NODE, .next = NO_NODE };
	for (uint32_t r = 0; r < p->n_rules; r++) {
		b->same[r] = RULE_NONE;
		if (p->rules[r].action != ACTION_K_GUARD)
			trie_add(b, r, &names);
	}
	for (size_t g = 0; g < p->n_guards; g++) {
		const struct guard_params *of = p->rules[p->guards[g]].p.guard;

		for (uint32_t i = 0; i < of->n; i++)
			b->trie[trie_path(b, of->fields[i], &names)].guards |= (uint8_t)(1u << g);
	}
	if (!grow_states(b))
		return false;
	p->states[0] = (struct state){ .rule = RULE_NONE };
	b->subsets[0] = (struct subset){ .inherited = RULE_NONE };
	p->n_states = 1;
	root.nodes = calloc(1, sizeof *root.nodes);
	if (!root.nodes)
		return out_of_memory(b);
	state_of(b, &root);
	for (uint32_t s = STATE_ROOT; b->ok && s < p->n_states; s++)
		expand(b, s);
	return b->ok;
}

/* What a pointer adds to the trie at most, in nodes and in bytes of names. */
static void count_tokens(const char *pointer, size_t *nodes, size_t *bytes)
{
	*bytes += strlen(pointer) + 1;
	for (; *pointer; pointer++)
		*nodes += *pointer == '/';
}

bool states_build(struct program *p, struct error_list *errors)
{
	struct builder b = { .program = p, .errors = errors, .ok = true };
	size_t bytes = 1;

	b.cap_trie = 1;
	for (size_t r = 0; r < p->n_rules; r++)
		count_tokens(p->rules[r].pointer, &b.cap_trie, &bytes);
	for (size_t g = 0; g < p->n_guards; g++) {
		const struct guard_params *of = p->rules[p->guards[g]].p.guard;

		for (uint32_t i = 0; i < of->n; i++)
			count_tokens(of->fields[i], &b.cap_trie, &bytes);
	}
	b.trie = calloc(b.cap_trie, sizeof *b.trie);
	b.same = calloc(p->n_rules + 1, sizeof *b.same);
	p->names = calloc(bytes, 1);
	bool ok = b.trie && b.same && p->names && build(&b, p->names);
	if (!ok && (b.no_memory || !b.trie || !b.same || !p->names))
		error_list_addf(errors, REASON_NO_MEMORY, NULL, 0, 0, "no memory to compile the rules");
	for (size_t s = 0; b.subsets && s < p->n_states; s++)
		free(b.subsets[s].nodes);
	free(b.subsets);
	free(b.table);
	free(b.trie);
	free(b.same);
	return ok;
}
