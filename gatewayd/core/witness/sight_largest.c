/* The largest checkpoint of a log that this node cosigned or saw, and its text where that is kept. See sight.h. */
#include "gatewayd/core/witness/sight.h"

#include "gatewayd/core/store/witness.h"

struct largest {
	struct view origin;
	struct sight_largest *out;
};

static void take_larger(struct sight_largest *l, uint64_t size, const struct digest *root, struct view note)
{
	if (size < l->size || (size == l->size && l->note.n > 0))
		return;
	l->size = size;
	l->root = *root;
	buf_reset(&l->note);
	buf_add(&l->note, note);
}

static bool take_row(void *arg, struct view origin, uint64_t size, struct view note)
{
	struct largest *l = arg;
	struct view text, signatures;
	struct checkpoint c;

	if (view_eq(origin, l->origin) && note_split(note, &text, &signatures, NULL) &&
	    checkpoint_parse(text, &c, NULL) && c.size == size)
		take_larger(l->out, size, &c.root, note);
	return true;
}

bool sight_largest(struct sights *s, struct store *reader, struct view origin, struct sight_largest *out,
                   struct error *e)
{
	struct largest l = { .origin = origin, .out = out };
	struct store_witnessed known;
	struct digest root;

	*out = (struct sight_largest){ .note = BUF_INIT(NOTE_MAX) };
	uint64_t size = sights_largest(s, origin, &root);
	if (size > 0)
		take_larger(out, size, &root, VIEW(""));
	switch (sought(store_get_witnessed(reader, origin, &known, e), e)) {
	case SOUGHT_FOUND: take_larger(out, known.size, &known.root, known.note); break;
	case SOUGHT_NONE: break;
	case SOUGHT_FAILED: return false;
	}
	return store_list_sighted(reader, take_row, &l, e) &&
	       (!out->note.failed || error_set(e, REASON_NO_MEMORY, "memory ran out"));
}
