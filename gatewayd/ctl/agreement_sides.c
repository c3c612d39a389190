/* See agreement_sides.h. */
#include "gatewayd/ctl/agreement_sides.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/json/pointer.h"

#define POINTER_MAX 4096

static struct view token_at(const struct tape *t, uint32_t from, struct view pointer)
{
	uint32_t node;

	return pointer_find(t, from, pointer, &node) ? tape_token(t, node) : VIEW("");
}

struct view side_before(const struct sides *s, const char *pointer)
{
	return token_at(s->before, s->record, view_of(pointer));
}

/* Whether anything at the place, or beneath it, leaves. */
static bool leaves(const struct sides *s, struct view place)
{
	const json_t *leaf;
	size_t i;

	json_array_foreach(s->released, i, leaf)
	{
		struct view at = view_of(json_string_value(json_object_get(leaf, "pointer")));
		if (view_starts(at, place) && (at.n == place.n || at.p[place.n] == '/'))
			return true;
	}
	return false;
}

/* The place that item `i` of the array at `array` has in what leaves. */
static unsigned place_of_item(const struct sides *s, struct view array, unsigned i)
{
	unsigned place = 0;

	for (unsigned k = 0; k < i; k++) {
		struct buf item = BUF_INIT(POINTER_MAX);
		buf_add(&item, array);
		buf_addf(&item, "/%u", k);
		place += !item.failed && leaves(s, buf_view(&item));
		buf_free(&item);
	}
	return place;
}

struct view side_after(const struct sides *s, const char *pointer)
{
	struct buf mapped = BUF_INIT(POINTER_MAX);
	const char *at = pointer;
	struct view found = VIEW("");
	unsigned long long i;

	if (s->after.n == 0)
		return found;
	while (*at) {
		struct view above = view_make(pointer, (size_t)(at - pointer));
		size_t n = strcspn(at + 1, "/");
		struct view token = view_make(at + 1, n);
		uint32_t node;

		if (pointer_find(s->before, s->record, above, &node) && s->before->nodes[node].type == TAPE_ARRAY &&
		    view_to_u64(token, UINT32_MAX, &i))
			buf_addf(&mapped, "/%u", place_of_item(s, above, (unsigned)i));
		else
			buf_addf(&mapped, "/%.*s", VIEW_ARG(token));
		at += 1 + n;
	}
	if (!mapped.failed)
		found = token_at(&s->after, 0, buf_view(&mapped));
	buf_free(&mapped);
	return found;
}
