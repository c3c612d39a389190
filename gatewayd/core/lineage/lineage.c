/* See lineage.h. */
#include "gatewayd/core/lineage/lineage.h"

#include <stdlib.h>

#define WALK_MAX (2 * LINEAGE_MAX)

struct walk {
	struct lineage *out;
	struct error *e;
	/* What the links of one exchange lead to; they are listed before anything else is read. */
	struct lineage found;
	bool failed;
};

uint64_t lineage_parent(struct store *s, uint64_t child, enum link_kind kind)
{
	struct error e = { .reason = REASON_NONE };
	struct store_link l;

	return store_get_link(s, child, kind, &l, &e) ? l.parent : 0;
}

bool lineage_stands_for(struct store *s, uint64_t seq, uint64_t first)
{
	for (unsigned i = 0; seq && seq != first && i < 2 * LINEAGE_MAX; i++)
		seq = lineage_parent(s, seq, LINK_CORRECTS);
	return seq == first;
}

void lineage_free(struct lineage *l)
{
	free(l->seq);
	*l = (struct lineage){ .n = 0 };
}

static bool has(const struct lineage *l, uint64_t seq)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->seq[i] == seq)
			return true;
	return false;
}

static bool add(struct lineage *l, uint64_t seq, struct error *e)
{
	if (l->n >= WALK_MAX)
		return error_set(e, REASON_LIMIT,
		                 "a record has more than %d versions and exchanges that it was passed on by", WALK_MAX);
	if (l->n == l->size) {
		size_t size = l->size ? 2 * l->size : 16;
		uint64_t *more = realloc(l->seq, size * sizeof *more);
		if (!more)
			return error_set(e, REASON_NO_MEMORY, "memory ran out");
		l->seq = more;
		l->size = size;
	}
	l->seq[l->n++] = seq;
	return true;
}

static bool note_child(void *arg, const struct store_link *l)
{
	struct walk *w = arg;

	w->failed = !add(&w->found, l->child, w->e);
	return !w->failed;
}

static bool children(struct walk *w, struct store *s, uint64_t seq, enum link_kind kind)
{
	return store_list_links(s, seq, kind, note_child, w, w->e) && !w->failed;
}

static bool parent(struct walk *w, struct store *s, uint64_t seq, enum link_kind kind)
{
	struct store_link l;

	enum sought link = sought(store_get_link(s, seq, kind, &l, w->e), w->e);
	return link == SOUGHT_NONE || (link == SOUGHT_FOUND && add(&w->found, l.parent, w->e));
}

/* The versions next to it, and what it was passed on by, or from. */
static bool neighbours(struct walk *w, struct store *s, uint64_t seq, bool down)
{
	w->found.n = 0;
	return parent(w, s, seq, LINK_CORRECTS) && children(w, s, seq, LINK_CORRECTS) &&
	       (down ? children(w, s, seq, LINK_ONWARD) : parent(w, s, seq, LINK_ONWARD));
}

static bool take_found(struct walk *w, lineage_takes *takes, void *arg)
{
	for (size_t i = 0; i < w->found.n; i++) {
		bool wanted = true;
		if (has(w->out, w->found.seq[i]))
			continue;
		if (takes && !takes(arg, w->found.seq[i], &wanted, w->e))
			return false;
		if (wanted && !add(w->out, w->found.seq[i], w->e))
			return false;
	}
	return true;
}

static bool walk(struct store *s, uint64_t seq, bool down, lineage_takes *takes, void *arg, struct lineage *out,
                 struct error *e)
{
	struct walk w = { .out = out, .e = e };

	*out = (struct lineage){ .n = 0 };
	bool ok = add(out, seq, e);
	for (size_t i = 0; ok && i < out->n; i++)
		ok = neighbours(&w, s, out->seq[i], down) && take_found(&w, takes, arg);
	lineage_free(&w.found);
	return ok;
}

bool lineage_descend(struct store *s, uint64_t seq, lineage_takes *takes, void *arg, struct lineage *out,
                     struct error *e)
{
	return walk(s, seq, true, takes, arg, out, e);
}

bool lineage_ascend(struct store *s, uint64_t seq, struct lineage *out, struct error *e)
{
	return walk(s, seq, false, NULL, NULL, out, e);
}

bool lineage_has_room(struct store *s, uint64_t seq, bool *room, struct error *e)
{
	struct lineage all;
	bool ok = walk(s, seq, true, NULL, NULL, &all, e);

	*room = ok && all.n < LINEAGE_MAX;
	lineage_free(&all);
	return ok;
}
