/* Patterns to automaton: the rules' pointers make a trie with `*` edges; its subsets, made deterministic, are the
 * states. Where several rules reach one place the strictest is chosen here, once, and rules of which none
 * is stricter are an error of their document.
 *
 * What a container's own rules say beneath it is inherited as one rule, the strictest of those with a subtree, and one
 * alike with it that names an exception; so a rule on the way down can be beaten by a stricter one only. Two documents
 * are inherited apart, the agreement's rules and those that narrow, and meet at each place anew.
 */
#include "lib/transform/states.h"

#include "lib/json/pointer.h"

#define NO_NODE UINT32_MAX

struct trie_node {
	struct view name; /* of the edge that leads here */
	bool star;
	uint32_t rule;              /* first rule that ends here, in the order of ids */
	uint8_t guards;             /* k-guards with a field that ends here */
	uint32_t first_child, next; /* siblings in order of arrival */
};

enum document { SHARED, NARROWING, DOCUMENTS };

/* What covers a place from the containers around it. */
struct cover {
	uint32_t rule[DOCUMENTS]; /* with a subtree, or RULE_NONE */
	uint32_t waived;          /* the shared one or one alike, under an exception; or RULE_NONE */
	uint8_t categories;       /* of the shared document's rules that reach beneath */
	uint8_t guards;
};

/* A state under construction: a set of trie nodes, and what covers them all. */
struct subset {
	struct cover cover;
	uint32_t n;
	uint32_t *nodes; /* by their parents, then in order of arrival: the same set is the same list */
};

struct builder {
	struct program *program;
	struct error_list *errors;
	struct trie_node *trie;
	size_t n_trie, cap_trie;
	uint32_t *same;         /* of each rule the next one with the same pointer, or RULE_NONE */
	uint32_t *reaching;     /* rules that reach the place at hand; one of them may be there twice */
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
	uint32_t *link = &b->trie[parent].first_child;

	while (*link != NO_NODE) {
		struct trie_node *n = &b->trie[*link];

		if (view_eq(n->name, name))
			return *link;
		link = &n->next;
	}
	/* cap_trie counts every token of every pointer, so nothing moves. */
	uint32_t at = (uint32_t)b->n_trie++;
	b->trie[at] = (struct trie_node){
		.name = name, .star = view_is(name, "*"), .rule = RULE_NONE, .first_child = NO_NODE, .next = NO_NODE
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

/* An error once, though many places may have it. */
static void contradict(struct builder *b, const struct rule *a, const struct rule *c, const char *what)
{
	char text[400];

	snprintf(text, sizeof text, "rule %s: it reaches the same fields as rule %s (%s), and %s", a->id, c->id,
	         c->place, what);
	b->ok = false;
	for (size_t i = 0; b->errors && i < b->errors->n; i++)
		if (strcmp(b->errors->items[i].text, text) == 0)
			return;
	error_list_addf(b->errors, REASON_CONFIG, a->place, 0, 0, "%s", text);
}

/* Of alike rules the most sensitive speaks: by its category, then without an exception before with one, then by id. */
static bool speaks_first(const struct rule *a, const struct rule *c)
{
	if (a->category != c->category)
		return a->category < c->category;
	if (!a->waiver != !c->waiver)
		return !a->waiver;
	return strcmp(a->id, c->id) < 0;
}

/* The rule that is stricter than or alike with all others; an error where there is none. If there is one, no rule beats
 * it on this walk, and it beats each that came before: so the order of the list does not matter. `*waived`: the first by
 * name of those alike with it that have an exception. */
static uint32_t strictest(struct builder *b, const uint32_t *list, size_t n, uint32_t *waived)
{
	const struct rule *rules = b->program->rules;
	uint32_t best = RULE_NONE;

	*waived = RULE_NONE;
	for (size_t i = 0; i < n; i++) {
		int order = best == RULE_NONE ? -1 : rule_compare(&rules[list[i]], &rules[best]);

		if (order == -1 || (order == 0 && speaks_first(&rules[list[i]], &rules[best])))
			best = list[i];
	}
	for (size_t i = 0; i < n; i++) {
		const struct rule *a = &rules[best], *c = &rules[list[i]];

		if (!rule_follows(a, c))
			contradict(b, a, c, "neither is stricter");
		else if (c->waiver && rule_follows(c, a) && (*waived == RULE_NONE || speaks_first(c, &rules[*waived])))
			*waived = list[i];
	}
	for (size_t i = 0; *waived != RULE_NONE && i < n; i++) {
		const struct rule *first = &rules[*waived], *c = &rules[list[i]];

		if (c->waiver && rule_follows(c, &rules[best]) && rule_follows(&rules[best], c) &&
		    strcmp(first->waiver, c->waiver) != 0)
			contradict(b, first, c, "they name different exceptions");
	}
	return best;
}

static bool reaches_beneath(const struct rule *r)
{
	return r->subtree || r->action == ACTION_DROP;
}

/* The rules of one document that reach the place, or with `beneath` what is beneath it, into b->reaching. */
static size_t collect(struct builder *b, const struct subset *set, enum document of, bool beneath)
{
	const struct rule *rules = b->program->rules;
	size_t n = 0;

	if (set->cover.rule[of] != RULE_NONE)
		b->reaching[n++] = set->cover.rule[of];
	if (of == SHARED && set->cover.waived != RULE_NONE)
		b->reaching[n++] = set->cover.waived;
	for (uint32_t i = 0; i < set->n; i++)
		for (uint32_t r = b->trie[set->nodes[i]].rule; r != RULE_NONE; r = b->same[r])
			if (rules[r].narrows == (of == NARROWING) && (!beneath || reaches_beneath(&rules[r])))
				b->reaching[n++] = r;
	return n;
}

/* What a stricter document makes of a place where `s->under` rules. */
static void narrow(struct builder *b, struct state *s, uint32_t by)
{
	const struct rule *rules = b->program->rules;
	bool under = s->under != RULE_NONE;

	if (by == RULE_NONE || (under && rule_follows(&rules[s->under], &rules[by])))
		return;
	if (!under && rules[by].action != ACTION_DROP)
		return;
	s->rule = by;
	if (rules[by].action == ACTION_DROP)
		return;
	bool stricter = rule_follows(&rules[by], &rules[s->under]);
	s->formless = stricter && !form_remains(&rules[by], &rules[s->under]);
	s->neither = !stricter || s->formless;
}

/* Marks of a state that the rules at its own place make. */
static void mark_place(struct builder *b, struct state *s, const struct subset *set, struct cover *cover)
{
	const struct rule *rules = b->program->rules;

	for (uint32_t i = 0; i < set->n; i++) {
		s->guards |= b->trie[set->nodes[i]].guards;
		for (uint32_t r = b->trie[set->nodes[i]].rule; r != RULE_NONE; r = b->same[r]) {
			bool keep = rules[r].action == ACTION_KEEP;

			s->leaf_only = s->leaf_only || (!keep && !reaches_beneath(&rules[r]) &&
			                                (!rules[r].narrows || s->rule != RULE_NONE));
			if (rules[r].narrows)
				continue;
			s->keep_container = s->keep_container || keep;
			s->categories |= (uint8_t)(1u << rules[r].category);
			if (reaches_beneath(&rules[r]))
				cover->categories |= (uint8_t)(1u << rules[r].category);
		}
	}
	cover->guards = s->guards;
}

/* Fills the rule of a new state; returns what its children are covered by. */
static struct cover choose_rule(struct builder *b, struct state *s, const struct subset *set)
{
	struct cover cover = set->cover;
	const struct rule *rules = b->program->rules;
	uint32_t none; /* what narrows names no exception */

	s->guards = cover.guards;
	s->categories = cover.categories;
	s->rule = s->under = strictest(b, b->reaching, collect(b, set, SHARED, false), &cover.waived);
	narrow(b, s, strictest(b, b->reaching, collect(b, set, NARROWING, false), &none));
	cover.rule[NARROWING] = strictest(b, b->reaching, collect(b, set, NARROWING, true), &none);
	cover.rule[SHARED] = strictest(b, b->reaching, collect(b, set, SHARED, true), &cover.waived);
	mark_place(b, s, set, &cover);
	s->drop_all = s->rule != RULE_NONE && rules[s->rule].action == ACTION_DROP;
	return cover;
}

static uint32_t subset_hash(const struct subset *s)
{
	uint32_t h =
	        2166136261u ^ (uint32_t)s->cover.categories << 16 ^ (uint32_t)s->cover.guards << 24 ^ s->cover.waived;

	for (unsigned d = 0; d < DOCUMENTS; d++)
		h = (h ^ s->cover.rule[d]) * 16777619u;
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

static bool same_cover(const struct cover *a, const struct cover *b)
{
	return a->rule[SHARED] == b->rule[SHARED] && a->rule[NARROWING] == b->rule[NARROWING] &&
	       a->waived == b->waived && a->categories == b->categories && a->guards == b->guards;
}

/* The state of a set of trie nodes, made when it is new. Takes over set->nodes. */
static uint32_t state_of(struct builder *b, struct subset *set)
{
	struct program *p = b->program;

	/* What narrows lets nothing pass by itself. */
	if (set->n == 0 && set->cover.rule[SHARED] == RULE_NONE) {
		free(set->nodes);
		return STATE_NOTHING;
	}
	if (p->n_states * 2 >= b->slots && !grow_table(b))
		goto fail;
	size_t i = subset_hash(set) & (b->slots - 1);
	for (; b->table[i]; i = (i + 1) & (b->slots - 1)) {
		const struct subset *known = &b->subsets[b->table[i]];

		if (same_cover(&known->cover, &set->cover) && known->n == set->n &&
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
	p->states[p->n_states] = (struct state){ .rule = RULE_NONE, .under = RULE_NONE };
	return (uint32_t)p->n_states++;
fail:
	free(set->nodes);
	return STATE_NOTHING;
}

/* The state behind an edge: children by `name` (NULL: none) and by star of all nodes of `from`. */
static uint32_t follow(struct builder *b, const struct subset *from, const struct view *name, const struct cover *cover)
{
	struct subset to = { .cover = *cover };
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
	return state_of(b, &to);
}

static void add_name(struct state *s, struct view name, uint32_t to)
{
	uint32_t hash = tape_hash(name), i = hash & (s->slots - 1);

	for (; s->names[i].name.p; i = (i + 1) & (s->slots - 1))
		if (view_eq(s->names[i].name, name))
			return;
	s->names[i] = (struct state_name){ .name = name, .hash = hash, .to = to };
	s->n_names++;
}

/* Is a value that the rule wins left as it is? */
static bool stays(const struct rule *r)
{
	return r->action == ACTION_KEEP || (r->arrived && r->action != ACTION_DROP);
}

/* Makes the edges of one state. States may move while others are made. */
static void expand(struct builder *b, uint32_t at)
{
	struct subset set = b->subsets[at];
	struct state s = b->program->states[at];
	struct cover cover = choose_rule(b, &s, &set);
	uint32_t names = 0;

	if (s.drop_all) {
		b->program->states[at] = s;
		return;
	}
	s.star = follow(b, &set, NULL, &cover);
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
				add_name(&s, b->trie[c].name, follow(b, &set, &b->trie[c].name, &cover));
	/* A set that is empty but for what covers it has nothing stricter beneath it. */
	s.keep_all = s.rule != RULE_NONE && stays(&b->program->rules[s.rule]) && !s.neither && !s.leaf_only &&
	             s.slots == 0 && s.star != STATE_NOTHING && b->subsets[s.star].n == 0 &&
	             cover.rule[NARROWING] == RULE_NONE;
	b->program->states[at] = s;
}

static bool build(struct builder *b, char *names)
{
	struct program *p = b->program;
	const struct cover none = { .rule = { RULE_NONE, RULE_NONE }, .waived = RULE_NONE };
	struct subset root = { .cover = none, .n = 1 };

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
	p->states[0] = (struct state){ .rule = RULE_NONE, .under = RULE_NONE };
	b->subsets[0] = (struct subset){ .cover = none };
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
	b.reaching = calloc(p->n_rules + 1, sizeof *b.reaching);
	p->names = calloc(bytes, 1);
	bool ok = b.trie && b.same && b.reaching && p->names && build(&b, p->names);
	if (!ok && (b.no_memory || !b.trie || !b.same || !b.reaching || !p->names))
		error_list_addf(errors, REASON_NO_MEMORY, NULL, 0, 0, "no memory to compile the rules");
	for (size_t s = 0; b.subsets && s < p->n_states; s++)
		free(b.subsets[s].nodes);
	free(b.subsets);
	free(b.table);
	free(b.trie);
	free(b.same);
	free(b.reaching);
	return ok;
}
