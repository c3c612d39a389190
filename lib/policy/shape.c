/* See shape.h. Places are interned as a tree of tokens, lines as what was done at a place; a record then is a count a line, and
 * its shape is found by the set of lines that it has. Equal hashes prove nothing: names are compared, and sets line by
 * line. */
#include "lib/policy/shape.h"

#include <stdlib.h>

#include <uthash.h>

#include "lib/base/arena.h"
#include "lib/policy/internal.h"

#define PLACE_MAX  1024  /* bytes: a longer place is cut to its last whole token */
#define PLACES_MAX 20000 /* of one ruling: beyond them it begins anew, before a record */
#define SHAPES_MAX 1024  /* the same */
#define TEXT_MAX   (16u << 20)
#define NOTHING    UINT32_MAX

struct place {
	struct view token; /* unescaped */
	uint32_t parent, hash;
	uint32_t length; /* bytes of its pointer */
	uint32_t next;   /* in its slot */
	uint32_t line;   /* the first that stands here */
};

struct line {
	uint32_t place, rule, epoch;
	enum action action;
	uint32_t next;  /* at the same place */
	uint32_t count; /* of the record that is looked at */
	uint64_t mark;  /* a number of its own: those of a set are added up */
};

struct known {
	struct shape *shape;
	uint64_t marks; /* the sum over its lines */
	uint32_t n;     /* lines of the table, each once: two that look alike are one of the shape */
	uint32_t *at;   /* by line of the table, in the order of `lines`: place in the shape */
	uint32_t *lines;
	uint32_t next;
};

/* What was met under one ruling. */
struct kind {
	UT_hash_handle hh;
	struct agreement *agreement; /* held */
	const struct ruling *ruling;
	struct arena mem; /* tokens, and the lists of `known` */
	struct place *places;
	struct line *lines;
	struct known *known;
	uint32_t n_places, cap_places, n_lines, cap_lines, n_known, cap_known;
	uint32_t place_slots[256], known_slots[64];
};

struct shapes {
	struct kind *kinds; /* by ruling; the one that was not used for longest first */
	struct kind *current;
	unsigned most;
	uint32_t *touched; /* lines that the record has */
	uint32_t n_touched, cap_touched;
	uint32_t *counts;
	size_t cap_counts;
};

/* --- shapes --- */

struct shape *shape_ref(struct shape *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void shape_unref(struct shape *s)
{
	if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		free(s);
}

static struct shape *shape_new(struct view text, size_t n, size_t n_dropped)
{
	struct shape *s = malloc(sizeof *s + text.n);

	if (!s)
		return NULL;
	memcpy(s + 1, text.p, text.n);
	atomic_init(&s->refs, 1);
	atomic_init(&s->kept, false);
	s->text = view_make((const char *)(s + 1), text.n);
	s->n = n;
	s->n_dropped = n_dropped;
	sha256(s->text, &s->digest);
	return s;
}

/* --- the table --- */

/* A larger array in the place of `*array` where it is full. */
static bool room(void *array, uint32_t n, uint32_t *cap, size_t size)
{
	void *old, *larger;
	uint32_t more = *cap ? *cap * 2 : 64;

	if (n < *cap)
		return true;
	memcpy(&old, array, sizeof old);
	larger = realloc(old, more * size);
	if (!larger)
		return false;
	memcpy(array, &larger, sizeof larger);
	*cap = more;
	return true;
}

static void forget_kind(struct shapes *s, struct kind *k)
{
	if (s->current == k)
		s->current = NULL;
	HASH_DEL(s->kinds, k);
	for (uint32_t i = 0; i < k->n_known; i++)
		shape_unref(k->known[i].shape);
	agreement_unref(k->agreement);
	arena_free(&k->mem);
	free(k->places);
	free(k->lines);
	free(k->known);
	free(k);
}

struct shapes *shapes_new(unsigned most)
{
	struct shapes *s = calloc(1, sizeof *s);

	if (s)
		s->most = most;
	return s;
}

void shapes_forget(struct shapes *s)
{
	while (s->kinds)
		forget_kind(s, s->kinds);
}

void shapes_free(struct shapes *s)
{
	if (!s)
		return;
	shapes_forget(s);
	free(s->touched);
	free(s->counts);
	free(s);
}

static struct kind *begin_kind(struct shapes *s, const struct agreement *a, const struct ruling *ruling)
{
	struct kind *k = calloc(1, sizeof *k);

	if (!k || !room(&k->places, 0, &k->cap_places, sizeof *k->places)) {
		free(k);
		return NULL;
	}
	k->agreement = agreement_ref((struct agreement *)(uintptr_t)a);
	k->ruling = ruling;
	k->places[k->n_places++] = (struct place){ .parent = NOTHING, .next = NOTHING, .line = NOTHING };
	memset(k->place_slots, 0xff, sizeof k->place_slots);
	memset(k->known_slots, 0xff, sizeof k->known_slots);
	HASH_ADD_PTR(s->kinds, ruling, k);
	return k;
}

/* The one of this ruling; where there are too many, the one that was not used for longest goes. NULL: no memory. */
static struct kind *kind_of(struct shapes *s, const struct agreement *a, const struct ruling *ruling)
{
	struct kind *k = s->current;

	if (!k || k->ruling != ruling) {
		HASH_FIND_PTR(s->kinds, &ruling, k);
		if (k) { /* to the end: the table keeps the order in which they were added */
			HASH_DEL(s->kinds, k);
			HASH_ADD_PTR(s->kinds, ruling, k);
		}
	}
	if (k && (k->n_places > PLACES_MAX || k->n_known > SHAPES_MAX)) {
		forget_kind(s, k);
		k = NULL;
	}
	if (!k) {
		if (HASH_COUNT(s->kinds) == s->most)
			forget_kind(s, s->kinds);
		k = begin_kind(s, a, ruling);
	}
	s->current = k;
	return k;
}

/* --- one record --- */

struct walk {
	struct shapes *s;
	struct kind *k;
	const struct tape *t;
	const struct trace_step *steps;
	size_t n, at;
	bool failed;
};

static uint32_t escaped(struct view token)
{
	uint32_t n = (uint32_t)token.n + 1;

	for (size_t i = 0; i < token.n; i++)
		n += token.p[i] == '~' || token.p[i] == '/';
	return n;
}

static uint32_t add_place(struct walk *w, uint32_t parent, struct view token, uint32_t hash, uint32_t slot)
{
	struct kind *k = w->k;
	uint32_t length = k->places[parent].length + escaped(token), id = k->n_places;

	if (length > PLACE_MAX)
		return NOTHING;
	struct view copy = arena_copy(&k->mem, token);
	if (!copy.p || !room(&k->places, id, &k->cap_places, sizeof *k->places)) {
		w->failed = true;
		return NOTHING;
	}
	k->places[id] = (struct place){ .token = copy,
		                        .parent = parent,
		                        .hash = hash,
		                        .length = length,
		                        .next = k->place_slots[slot],
		                        .line = NOTHING };
	k->n_places++;
	k->place_slots[slot] = id;
	return id;
}

static uint32_t place_find(const struct kind *k, uint32_t parent, struct view token, uint32_t hash, uint32_t *slot)
{
	*slot = (hash ^ parent * 0x9e3779b1u) % (sizeof k->place_slots / sizeof *k->place_slots);
	for (uint32_t p = k->place_slots[*slot]; p != NOTHING; p = k->places[p].next)
		if (k->places[p].parent == parent && k->places[p].hash == hash && view_eq(k->places[p].token, token))
			return p;
	return NOTHING;
}

/* The place under `parent`; NOTHING: it would be too long. */
static uint32_t any_place(struct walk *w, uint32_t parent)
{
	uint32_t slot, p = place_find(w->k, parent, VIEW("*"), 0, &slot);

	return p != NOTHING ? p : add_place(w, parent, VIEW("*"), 0, slot);
}

static uint32_t member_place(struct walk *w, uint32_t parent, uint32_t key)
{
	struct view name = tape_string(w->t, key);
	uint32_t slot, hash = w->t->nodes[key].hash | 1, p = place_find(w->k, parent, name, hash, &slot);

	if (p != NOTHING)
		return p;
	return schema_knows(w->k->ruling->input, name) && !view_is(name, "*") ? add_place(w, parent, name, hash, slot)
	                                                                      : any_place(w, parent);
}

/* Spread over 64 bits (the finaliser of MurmurHash3). */
static uint64_t mark_of(uint32_t line)
{
	uint64_t h = line + UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static uint32_t line_at(struct walk *w, uint32_t place, const struct trace_step *s)
{
	struct kind *k = w->k;

	for (uint32_t l = k->places[place].line; l != NOTHING; l = k->lines[l].next)
		if (k->lines[l].rule == s->rule && k->lines[l].action == s->action && k->lines[l].epoch == s->epoch)
			return l;
	if (!room(&k->lines, k->n_lines, &k->cap_lines, sizeof *k->lines)) {
		w->failed = true;
		return NOTHING;
	}
	k->lines[k->n_lines] = (struct line){ .place = place,
		                              .rule = s->rule,
		                              .epoch = s->epoch,
		                              .action = s->action,
		                              .next = k->places[place].line,
		                              .mark = mark_of(k->n_lines) };
	return k->places[place].line = k->n_lines++;
}

static void count(struct walk *w, uint32_t place, const struct trace_step *step)
{
	struct shapes *s = w->s;
	uint32_t line = line_at(w, place, step);

	if (line == NOTHING || w->k->lines[line].count++ > 0)
		return;
	if (room(&s->touched, s->n_touched, &s->cap_touched, sizeof *s->touched))
		s->touched[s->n_touched++] = line;
	else
		w->failed = true;
}

/* The trace is in the order of the tape, and no step stands before `node`. Depth is bounded by the reader. Beneath a place
 * that is too long all stands for that one (`cut`). */
static void walk_node(struct walk *w, uint32_t node, uint32_t place, bool cut)
{
	const struct tape_node *n = &w->t->nodes[node];

	for (; w->at < w->n && w->steps[w->at].node == node; w->at++)
		count(w, place, &w->steps[w->at]);
	if (w->at == w->n || w->steps[w->at].node >= n->next || w->failed)
		return;
	bool object = n->type == TAPE_OBJECT;
	uint32_t items = cut || object ? NOTHING : any_place(w, place);
	for (uint32_t v = node + 1; v < n->next && w->at < w->n; v = w->t->nodes[v].next) {
		uint32_t to = items;
		if (object) {
			if (!cut && w->steps[w->at].node < w->t->nodes[v + 1].next)
				to = member_place(w, place, v);
			v++;
		}
		walk_node(w, v, to == NOTHING ? place : to, to == NOTHING);
	}
}

/* --- a shape that is new --- */

static size_t pointer_of(const struct kind *k, uint32_t place, char out[PLACE_MAX])
{
	size_t at = k->places[place].length, n = at;

	for (uint32_t p = place; k->places[p].parent != NOTHING; p = k->places[p].parent) {
		struct view token = k->places[p].token;
		for (size_t i = token.n; i-- > 0;) {
			bool tilde = token.p[i] == '~', slash = token.p[i] == '/';
			out[--at] = tilde ? '0' : slash ? '1' : token.p[i];
			if (tilde || slash)
				out[--at] = '~';
		}
		out[--at] = '/';
	}
	return n;
}

/* A line as it is sorted and printed. */
struct row {
	struct view pointer;
	const char *rule; /* "": none */
	const struct line *line;
	uint32_t id;
};

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	bool x_left = x->line->action != ACTION_DROP, y_left = y->line->action != ACTION_DROP;

	if (x_left != y_left)
		return x_left ? 1 : -1;
	size_t n = x->pointer.n < y->pointer.n ? x->pointer.n : y->pointer.n;
	int c = n ? memcmp(x->pointer.p, y->pointer.p, n) : 0;
	if (c == 0)
		c = (x->pointer.n > y->pointer.n) - (x->pointer.n < y->pointer.n);
	if (c == 0)
		c = strcmp(action_name(x->line->action), action_name(y->line->action));
	if (c == 0)
		c = (x->line->epoch > y->line->epoch) - (x->line->epoch < y->line->epoch);
	return c ? c : strcmp(x->rule, y->rule);
}

static void print_row(const struct row *r, bool first, struct buf *out)
{
	buf_adds(out, first ? "{\"action\":\"" : ",{\"action\":\"");
	buf_adds(out, action_name(r->line->action));
	buf_addc(out, '"');
	if (r->line->epoch) {
		buf_adds(out, ",\"epoch\":");
		buf_addu(out, r->line->epoch);
	}
	buf_adds(out, ",\"pointer\":");
	shape_add_ascii(out, r->pointer);
	if (r->rule[0]) {
		buf_adds(out, ",\"rule\":");
		shape_add_ascii(out, view_of(r->rule));
	}
	buf_addc(out, '}');
}

/* Prints sorted rows, of which those that are alike are one line; `at[i]` gets the line of row i. */
static struct shape *print_shape(const struct row *rows, uint32_t n, uint32_t *at)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	size_t lines = 0, dropped = 0;
	bool first = true, in_dropped = true;

	buf_adds(&text, "{\"dropped\":[");
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0 && compare_rows(&rows[i - 1], &rows[i]) == 0) {
			at[i] = (uint32_t)lines - 1;
			continue;
		}
		if (in_dropped && rows[i].line->action != ACTION_DROP) {
			buf_adds(&text, "],\"released\":[");
			in_dropped = false;
			first = true;
		}
		print_row(&rows[i], first, &text);
		first = false;
		at[i] = (uint32_t)lines++;
		dropped += in_dropped;
	}
	buf_adds(&text, in_dropped ? "],\"released\":[]}" : "]}");
	struct shape *s = text.failed ? NULL : shape_new(buf_view(&text), lines, dropped);
	buf_free(&text);
	return s;
}

static struct known *learn(struct walk *w, uint64_t marks, uint32_t slot)
{
	struct kind *k = w->k;
	uint32_t n = w->s->n_touched;
	struct row *rows = calloc(n + 1, sizeof *rows);
	char *pointers = malloc((size_t)(n + 1) * PLACE_MAX);
	uint32_t *at = arena_alloc(&k->mem, (n + 1) * sizeof *at), *lines = arena_alloc(&k->mem, (n + 1) * sizeof *at);
	struct known *found = NULL;

	if (!rows || !pointers || !at || !lines || !room(&k->known, k->n_known, &k->cap_known, sizeof *k->known))
		goto out;
	for (uint32_t i = 0; i < n; i++) {
		const struct line *l = &k->lines[w->s->touched[i]];
		char *pointer = pointers + (size_t)i * PLACE_MAX;
		rows[i] =
		        (struct row){ .pointer = view_make(pointer, pointer_of(k, l->place, pointer)),
			              .rule = l->rule == RULE_NONE ? "" : program_rule_id(k->ruling->program, l->rule),
			              .line = l,
			              .id = w->s->touched[i] };
	}
	qsort(rows, n, sizeof *rows, compare_rows);
	struct shape *shape = print_shape(rows, n, at);
	if (!shape)
		goto out;
	for (uint32_t i = 0; i < n; i++)
		lines[i] = rows[i].id;
	found = &k->known[k->n_known];
	*found = (struct known){
		.shape = shape, .marks = marks, .n = n, .at = at, .lines = lines, .next = k->known_slots[slot]
	};
	k->known_slots[slot] = k->n_known++;
out:
	free(rows);
	free(pointers);
	return found;
}

/* --- finding --- */

static struct known *find_known(struct walk *w)
{
	struct kind *k = w->k;
	uint64_t marks = 0;

	for (uint32_t i = 0; i < w->s->n_touched; i++)
		marks += k->lines[w->s->touched[i]].mark;
	uint32_t slot = (uint32_t)(marks % (sizeof k->known_slots / sizeof *k->known_slots));
	for (uint32_t i = k->known_slots[slot]; i != NOTHING; i = k->known[i].next) {
		struct known *f = &k->known[i];
		uint32_t same = 0;
		if (f->marks != marks || f->n != w->s->n_touched)
			continue;
		while (same < f->n && k->lines[f->lines[same]].count > 0)
			same++;
		if (same == f->n)
			return f;
	}
	return learn(w, marks, slot);
}

static bool take_counts(struct shapes *s, const struct kind *k, const struct known *f)
{
	if (f->shape->n > s->cap_counts) {
		uint32_t *larger = realloc(s->counts, f->shape->n * sizeof *larger);
		if (!larger)
			return false;
		s->counts = larger;
		s->cap_counts = f->shape->n;
	}
	if (f->shape->n)
		memset(s->counts, 0, f->shape->n * sizeof *s->counts);
	for (uint32_t i = 0; i < f->n; i++)
		s->counts[f->at[i]] += k->lines[f->lines[i]].count;
	return true;
}

bool shapes_find(struct shapes *s, const struct agreement *a, const struct ruling *ruling, const struct tape *t,
                 uint32_t record, const struct transform_run *r, struct shape_use *out)
{
	struct walk w = { .s = s, .k = kind_of(s, a, ruling), .t = t };
	struct known *found = NULL;

	if (!w.k)
		return false;
	w.steps = transform_trace(r, &w.n);
	s->n_touched = 0;
	walk_node(&w, record, 0, false);
	if (!w.failed)
		found = find_known(&w);
	bool ok = found && take_counts(s, w.k, found);
	/* A line that could not be listed keeps its count: then all of it is forgotten. */
	if (w.failed)
		forget_kind(s, w.k);
	for (uint32_t i = 0; i < s->n_touched && !w.failed; i++)
		w.k->lines[s->touched[i]].count = 0;
	if (ok)
		*out = (struct shape_use){ .shape = found->shape, .counts = s->counts };
	return ok;
}
