/* See audit_shapes.h. */
#include "gatewayd/ctl/audit_shapes.h"

#include <stdlib.h>

#include "lib/base/arena.h"

#define SLOTS 4096u

struct one {
	struct digest digest;
	struct view text;
	struct one *next;
};

struct audit_shapes {
	struct arena mem;
	struct one *slots[SLOTS];
	size_t n;
	bool failed;
};

struct audit_shapes *audit_shapes_new(void)
{
	return calloc(1, sizeof(struct audit_shapes));
}

void audit_shapes_free(struct audit_shapes *s)
{
	if (!s)
		return;
	arena_free(&s->mem);
	free(s);
}

static unsigned slot_of(const struct digest *d)
{
	return (d->b[0] | (unsigned)d->b[1] << 8) % SLOTS;
}

bool audit_shapes_find(const struct audit_shapes *s, const struct digest *d, struct view *text)
{
	for (const struct one *o = s->slots[slot_of(d)]; o; o = o->next)
		if (digest_eq(&o->digest, d)) {
			*text = o->text;
			return true;
		}
	return false;
}

bool audit_shapes_add(struct audit_shapes *s, const struct digest *d, struct view text)
{
	struct view known;

	if (audit_shapes_find(s, d, &known))
		return true;
	struct one *o = arena_alloc(&s->mem, sizeof *o);
	if (!o || !(o->text = arena_copy(&s->mem, text)).p) {
		s->failed = true;
		return false;
	}
	o->digest = *d;
	o->next = s->slots[slot_of(d)];
	s->slots[slot_of(d)] = o;
	s->n++;
	return true;
}

bool audit_shapes_failed(const struct audit_shapes *s)
{
	return s->failed;
}

static int compare(const void *a, const void *b)
{
	const struct one *const *x = a, *const *y = b;

	return memcmp((*x)->digest.b, (*y)->digest.b, sizeof(*x)->digest.b);
}

void audit_shapes_print(struct audit_shapes *s, struct buf *out)
{
	const struct one **all = calloc(s->n + 1, sizeof *all);
	size_t n = 0;

	if (!all) {
		out->failed = true;
		return;
	}
	for (unsigned i = 0; i < SLOTS; i++)
		for (const struct one *o = s->slots[i]; o; o = o->next)
			all[n++] = o;
	qsort(all, n, sizeof *all, compare);
	for (size_t i = 0; i < n; i++) {
		buf_add(out, all[i]->text);
		buf_addc(out, '\n');
	}
	free(all);
}
