/* Patterns as tables: the parsed pattern becomes a nondeterministic automaton over bytes (Thompson),
 * with the UTF-8 forms of each set spelt out, and that a deterministic one by subsets. Both are capped
 * in states and work, so that a hostile pattern costs milliseconds and then goes to PCRE2. The text is
 * valid UTF-8, hence a search may start anew at any byte: no set begins with a continuation byte. */
#include "lib/schema/regex_ast.h"

#define NODES_MAX     8192u
#define EDGES_MAX     32768u
#define TABLE_MAX     32768u     /* entries: 64 KiB */
#define POOL_MAX      (1u << 20) /* members of all subsets together */
#define WORK_MAX      2000000u   /* edges looked at */
#define SET_EDGES_MAX 512u
#define SUFFIXES      1024u
#define NO_NODE       UINT16_MAX

enum kind { EDGES, SPLIT, AT_START, AT_END, MATCHED };

struct edge {
	uint8_t lo, hi;
	uint16_t to;
};

/* EDGES: edges[a] to edges[a + b - 1]; SPLIT: nodes a and b; AT_START, AT_END: node a. */
struct nfa_node {
	enum kind kind;
	uint32_t a, b;
};

struct subset {
	uint32_t at, n; /* in the pool */
	bool accepts_end;
};

struct builder {
	struct nfa_node nodes[NODES_MAX];
	struct edge edges[EDGES_MAX];
	uint32_t n_nodes, n_edges;
	struct {
		struct edge edge;
		uint16_t node;
		bool used;
	} suffixes[SUFFIXES];
	uint32_t mark[NODES_MAX], generation;
	uint16_t stack[NODES_MAX];
	uint16_t list[NODES_MAX]; /* the subset being gathered */
	uint32_t n_list;
	bool matched; /* it accepts here and now */
	uint16_t *pool;
	uint32_t n_pool, cap_pool;
	struct subset subsets[TABLE_MAX];
	uint32_t n_subsets;
	uint32_t hash[2 * TABLE_MAX]; /* subset + 1 */
	uint8_t classes[256], first_of[256];
	uint32_t columns;       /* classes and the end of the text */
	uint16_t to[TABLE_MAX]; /* by subset and column: 0, 1, or subset + 2 */
	bool first_universal;   /* every text matches */
	uint32_t work;
	bool failed;
};

static uint16_t node_add(struct builder *b, enum kind kind, uint32_t x, uint32_t y)
{
	if (b->n_nodes == NODES_MAX - 1 || x == NO_NODE) {
		b->failed = true;
		return NO_NODE;
	}
	b->nodes[b->n_nodes] = (struct nfa_node){ kind, x, y };
	return (uint16_t)b->n_nodes++;
}

static uint16_t edges_add(struct builder *b, const struct edge *edges, uint32_t n)
{
	uint32_t at = b->n_edges;

	if (b->failed || n > EDGES_MAX - at) {
		b->failed = true;
		return NO_NODE;
	}
	if (n)
		memcpy(b->edges + at, edges, n * sizeof *edges);
	b->n_edges += n;
	return node_add(b, EDGES, at, n);
}

/* A node with one edge, shared where the same was made before. */
static uint16_t suffix_node(struct builder *b, struct edge e)
{
	uint32_t slot = (e.lo * 31u + e.hi * 7u + e.to * 131u) % SUFFIXES;

	if (b->suffixes[slot].used && !memcmp(&b->suffixes[slot].edge, &e, sizeof e))
		return b->suffixes[slot].node;
	uint16_t n = edges_add(b, &e, 1);
	b->suffixes[slot].edge = e;
	b->suffixes[slot].node = n;
	b->suffixes[slot].used = true;
	return n;
}

struct edge_list {
	struct edge edges[SET_EDGES_MAX];
	uint32_t n;
};

static int encode_utf8(uint32_t cp, uint8_t out[4])
{
	if (cp < 0x80) {
		out[0] = (uint8_t)cp;
		return 1;
	}
	int n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	for (int i = n - 1; i > 0; i--, cp >>= 6)
		out[i] = (uint8_t)(0x80 | (cp & 0x3f));
	out[0] = (uint8_t)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | cp);
	return n;
}

/* Adds the byte sequences of lo to hi: cut until both ends differ only in whole trailing bytes. */
static void add_code_points(struct builder *b, struct edge_list *l, uint32_t lo, uint32_t hi, uint16_t to)
{
	static const uint32_t longest[] = { 0x7f, 0x7ff, 0xffff };
	uint8_t first[4], last[4];

	for (int i = 0; i < 3; i++)
		if (lo <= longest[i] && hi > longest[i]) {
			add_code_points(b, l, lo, longest[i], to);
			add_code_points(b, l, longest[i] + 1, hi, to);
			return;
		}
	for (int i = 1; hi > 0x7f && i < 4; i++) {
		uint32_t m = (1u << 6 * i) - 1;
		if ((lo & ~m) == (hi & ~m))
			break;
		if (lo & m) {
			add_code_points(b, l, lo, lo | m, to);
			add_code_points(b, l, (lo | m) + 1, hi, to);
			return;
		}
		if ((hi & m) != m) {
			add_code_points(b, l, lo, (hi & ~m) - 1, to);
			add_code_points(b, l, hi & ~m, hi, to);
			return;
		}
	}
	int n = encode_utf8(lo, first);
	encode_utf8(hi, last);
	for (int i = n - 1; i > 0; i--)
		to = suffix_node(b, (struct edge){ first[i], last[i], to });
	if (l->n == SET_EDGES_MAX) {
		b->failed = true;
		return;
	}
	l->edges[l->n++] = (struct edge){ first[0], last[0], to };
}

static uint16_t set_node(struct builder *b, const struct code_set *s, uint16_t to)
{
	struct edge_list l = { .n = 0 };

	for (uint32_t i = 0; i < s->n && !b->failed; i++)
		add_code_points(b, &l, s->ranges[i].lo, s->ranges[i].hi, to);
	return edges_add(b, l.edges, l.n);
}

static bool is_any(const struct regex_node *n)
{
	return n->type == NODE_SET && n->set->n == 1 && n->set->ranges[0].lo == 0 &&
	       n->set->ranges[0].hi == CODE_POINT_MAX;
}

static uint16_t build(struct builder *b, const struct regex_node *n, uint16_t to);

static uint16_t build_repeat(struct builder *b, const struct regex_node *n, uint16_t to)
{
	uint32_t copies = n->min;

	if (n->max == REGEX_INFINITE) {
		uint16_t loop = node_add(b, SPLIT, 0, to);
		if (loop == NO_NODE)
			return NO_NODE;
		/* In valid text, any code points and any bytes are the same. */
		struct edge byte = { 0, 255, loop };
		uint16_t body = is_any(n->child) ? edges_add(b, &byte, 1) : build(b, n->child, loop);
		b->nodes[loop].a = body;
		to = loop;
	} else {
		uint16_t end = to;
		for (uint32_t i = n->min; i < n->max && !b->failed; i++)
			to = node_add(b, SPLIT, build(b, n->child, to), end);
	}
	while (copies-- > 0 && !b->failed)
		to = build(b, n->child, to);
	return to;
}

/* Adds what matches `n` and goes on to node `to`; returns where it starts. */
static uint16_t build(struct builder *b, const struct regex_node *n, uint16_t to)
{
	if (++b->work > WORK_MAX) /* repeats of what is empty add no node */
		b->failed = true;
	if (b->failed)
		return NO_NODE;
	switch (n->type) {
	case NODE_EMPTY: return to;
	case NODE_SET: return set_node(b, n->set, to);
	case NODE_SEQUENCE:
		for (const struct regex_node *c = n->last; c && !b->failed; c = c->prev)
			to = build(b, c, to);
		return to;
	case NODE_GROUP: return build(b, n->child, to);
	case NODE_CHOICE: {
		uint16_t all = build(b, n->child, to);
		for (const struct regex_node *c = n->child->next; c && !b->failed; c = c->next)
			all = node_add(b, SPLIT, all, build(b, c, to));
		return all;
	}
	case NODE_REPEAT: return build_repeat(b, n, to);
	case NODE_START: return node_add(b, AT_START, to, 0);
	case NODE_END: return node_add(b, AT_END, to, 0);
	case NODE_WORD_BOUNDARY:
	case NODE_LOOK_AHEAD:
	case NODE_LOOK_BEHIND:
	case NODE_BACK_REFERENCE: break;
	}
	b->failed = true;
	return NO_NODE;
}

static void gather_start(struct builder *b)
{
	b->generation++;
	b->n_list = 0;
	b->matched = false;
}

/* Adds what can be reached from `from` without a byte. `end`: the text is over, so that only
 * `matched` is of interest. */
static void gather(struct builder *b, uint16_t from, bool start, bool end)
{
	uint32_t depth = 0;

	if (b->mark[from] == b->generation)
		return;
	b->mark[from] = b->generation;
	b->stack[depth++] = from;
	while (depth) {
		uint16_t i = b->stack[--depth];
		const struct nfa_node *n = &b->nodes[i];
		uint32_t next[2] = { NO_NODE, NO_NODE };
		b->work++;
		switch (n->kind) {
		case EDGES: b->list[b->n_list++] = i; break;
		case AT_END:
			if (end)
				next[0] = n->a;
			else
				b->list[b->n_list++] = i;
			break;
		case AT_START:
			if (start)
				next[0] = n->a;
			break;
		case SPLIT:
			next[0] = n->a;
			next[1] = n->b;
			break;
		case MATCHED: b->matched = true; break;
		}
		for (int k = 0; k < 2; k++)
			if (next[k] != NO_NODE && b->mark[next[k]] != b->generation) {
				b->mark[next[k]] = b->generation;
				b->stack[depth++] = (uint16_t)next[k];
			}
	}
}

static int compare_nodes(const void *x, const void *y)
{
	return *(const uint16_t *)x - *(const uint16_t *)y;
}

static void sort_list(struct builder *b)
{
	if (b->n_list > 24) {
		qsort(b->list, b->n_list, sizeof *b->list, compare_nodes);
		return;
	}
	for (uint32_t i = 1; i < b->n_list; i++)
		for (uint32_t j = i; j && b->list[j - 1] > b->list[j]; j--) {
			uint16_t t = b->list[j];
			b->list[j] = b->list[j - 1];
			b->list[j - 1] = t;
		}
}

static bool pool_room(struct builder *b)
{
	if (b->n_pool + b->n_list <= b->cap_pool)
		return true;
	uint32_t cap = b->cap_pool ? b->cap_pool : 4096;
	while (cap < b->n_pool + b->n_list)
		cap *= 2;
	uint16_t *pool = cap > POOL_MAX ? NULL : realloc(b->pool, cap * sizeof *pool);
	if (!pool)
		return false;
	b->pool = pool;
	b->cap_pool = cap;
	return true;
}

/* Does the subset in `list` accept when the text ends here? */
static bool accepts_end(struct builder *b, const struct subset *s, bool start)
{
	gather_start(b);
	for (uint32_t i = 0; i < s->n && !b->matched; i++) {
		const struct nfa_node *n = &b->nodes[b->pool[s->at + i]];
		if (n->kind == AT_END)
			gather(b, (uint16_t)n->a, start, true);
	}
	return b->matched;
}

/* The gathered list as a target: 0, 1, or the number of its subset + 2. */
static uint16_t subset_find(struct builder *b, bool start)
{
	if (b->matched)
		return TABLE_ACCEPT;
	if (!b->n_list)
		return TABLE_REFUSE;
	sort_list(b);
	uint32_t h = 2166136261u, slot;
	for (uint32_t i = 0; i < b->n_list; i++)
		h = (h ^ b->list[i]) * 16777619u;
	for (slot = h % (2 * TABLE_MAX); !start && b->hash[slot]; slot = (slot + 1) % (2 * TABLE_MAX)) {
		const struct subset *s = &b->subsets[b->hash[slot] - 1];
		if (s->n == b->n_list && !memcmp(b->pool + s->at, b->list, s->n * sizeof *b->list))
			return (uint16_t)(b->hash[slot] + 1);
	}
	if ((b->n_subsets + 1) * b->columns + 2 > TABLE_MAX || !pool_room(b)) {
		b->failed = true;
		return TABLE_REFUSE;
	}
	struct subset *s = &b->subsets[b->n_subsets++];
	*s = (struct subset){ b->n_pool, b->n_list, false };
	memcpy(b->pool + b->n_pool, b->list, b->n_list * sizeof *b->list);
	b->n_pool += b->n_list;
	/* The first subset knows that it stands at the start of the text; no other is taken for it. */
	if (!start)
		b->hash[slot] = b->n_subsets;
	uint16_t found = (uint16_t)(b->n_subsets + 1);
	s->accepts_end = accepts_end(b, s, start);
	return found;
}

/* Bytes that no edge tells apart share a column. */
static void find_classes(struct builder *b)
{
	bool cut[257] = { true };

	for (uint32_t i = 0; i < b->n_edges; i++)
		cut[b->edges[i].lo] = cut[b->edges[i].hi + 1] = true;
	uint32_t n = 0;
	for (int i = 0; i < 256; i++) {
		if (cut[i])
			b->first_of[n++] = (uint8_t)i;
		b->classes[i] = (uint8_t)(n - 1);
	}
	b->columns = n + 1;
}

static void determinise(struct builder *b)
{
	for (uint32_t q = 0; q < b->n_subsets && !b->failed; q++) {
		const struct subset s = b->subsets[q];
		for (uint32_t c = 0; c + 1 < b->columns && !b->failed; c++) {
			uint8_t byte = b->first_of[c];
			gather_start(b);
			for (uint32_t i = 0; i < s.n; i++) {
				const struct nfa_node *n = &b->nodes[b->pool[s.at + i]];
				if (n->kind != EDGES)
					continue;
				b->work += n->b;
				for (const struct edge *e = b->edges + n->a; e < b->edges + n->a + n->b; e++)
					if (byte >= e->lo && byte <= e->hi)
						gather(b, e->to, false, false);
			}
			b->to[q * b->columns + c] = subset_find(b, false);
			if (b->work > WORK_MAX)
				b->failed = true;
		}
		b->to[q * b->columns + b->columns - 1] = s.accepts_end ? TABLE_ACCEPT : TABLE_REFUSE;
	}
}

/* Subsets from which every text is accepted become the accepting state, so that the match ends there. */
static void find_universal(struct builder *b)
{
	bool changed = true;
	uint32_t rounds = 0;

	if (b->n_subsets > NODES_MAX)
		return;
	for (uint32_t q = 0; q < b->n_subsets; q++)
		b->mark[q] = b->subsets[q].accepts_end;
	while (changed) {
		changed = false;
		if (++rounds > 64)
			return;
		for (uint32_t q = 0; q < b->n_subsets; q++) {
			for (uint32_t c = 0; c + 1 < b->columns && b->mark[q]; c++) {
				uint16_t t = b->to[q * b->columns + c];
				if (t == TABLE_REFUSE || (t > TABLE_REFUSE && !b->mark[t - 2])) {
					b->mark[q] = 0;
					changed = true;
				}
			}
		}
	}
	for (uint32_t i = 0; i < b->n_subsets * b->columns; i++)
		if (b->to[i] > TABLE_REFUSE && b->mark[b->to[i] - 2])
			b->to[i] = TABLE_ACCEPT;
	b->first_universal = b->n_subsets && b->mark[0];
}

static struct regex_table *table_of(const struct builder *b, uint16_t start)
{
	uint32_t n = b->n_subsets * b->columns + 2;
	struct regex_table *t = malloc(sizeof *t + n * sizeof *t->next);

	if (!t)
		return NULL;
	memcpy(t->classes, b->classes, sizeof t->classes);
	t->n = n;
	t->end = b->columns - 1;
	t->next[TABLE_ACCEPT] = TABLE_ACCEPT;
	t->next[TABLE_REFUSE] = TABLE_REFUSE;
	for (uint32_t i = 0; i + 2 < n; i++)
		t->next[i + 2] = (uint16_t)(b->to[i] > TABLE_REFUSE ? (b->to[i] - 2) * b->columns + 2 : b->to[i]);
	t->start = start > TABLE_REFUSE ? (start - 2u) * b->columns + 2 : start;
	return t;
}

/* A search enters the pattern at every byte; where it can only begin at the start of the text, not. */
static uint16_t search_node(struct builder *b, uint16_t entry)
{
	gather_start(b);
	gather(b, entry, false, false);
	if (!b->n_list && !b->matched)
		return entry;
	uint16_t split = node_add(b, SPLIT, entry, entry);
	struct edge any = { 0, 255, split };
	uint16_t loop = edges_add(b, &any, 1);
	if (!b->failed)
		b->nodes[split].b = loop;
	return split;
}

struct regex_table *regex_table_new(const struct regex_ast *ast)
{
	struct regex_table *t = NULL;
	struct builder *b = ast->uses ? NULL : calloc(1, sizeof *b);

	if (!b)
		return NULL;
	uint16_t entry = build(b, ast->root, node_add(b, MATCHED, 0, 0));
	if (!b->failed)
		entry = search_node(b, entry);
	if (!b->failed) {
		find_classes(b);
		gather_start(b);
		gather(b, entry, true, false);
		uint16_t start = subset_find(b, true);
		determinise(b);
		if (!b->failed) {
			find_universal(b);
			t = table_of(b, b->first_universal ? TABLE_ACCEPT : start);
		}
	}
	free(b->pool);
	free(b);
	return t;
}

bool regex_table_match(const struct regex_table *t, struct view text)
{
	const unsigned char *p = (const unsigned char *)text.p, *end = p + text.n;
	uint32_t state = t->start;

	if (state <= TABLE_REFUSE)
		return state == TABLE_ACCEPT;
	for (; p < end; p++) {
		state = t->next[state + t->classes[*p]];
		if (state <= TABLE_REFUSE)
			return state == TABLE_ACCEPT;
	}
	return t->next[state + t->end] == TABLE_ACCEPT;
}
