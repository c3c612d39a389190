/* See arena.h. */
#include "lib/base/arena.h"

#include "lib/base/ids.h"

#define BLOCK_BYTES (64u * 1024)
#define ALIGNMENT   _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t size;
	max_align_t bytes[];
};

/* The block after `from` (or the first) that holds `n` bytes; a new one when there is none. */
static struct arena_block *next_block(struct arena *a, size_t n)
{
	struct arena_block *b = a->current ? a->current->next : a->first;

	if (b && b->size >= n)
		return b;
	size_t size = n > BLOCK_BYTES ? n : BLOCK_BYTES;
	if (a->max && (a->total + size > a->max))
		return NULL;
	struct arena_block *fresh = malloc(sizeof *fresh + size);
	if (!fresh)
		return NULL;
	fresh->size = size;
	a->total += size;
	fresh->next = b;
	if (a->current)
		a->current->next = fresh;
	else
		a->first = fresh;
	return fresh;
}

void *arena_alloc(struct arena *a, size_t n)
{
	if (n > SIZE_MAX / 2) {
		a->failed = true;
		return NULL;
	}
	n = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (!a->current || a->current->size - a->used < n) {
		struct arena_block *b = next_block(a, n);
		if (!b) {
			a->failed = true;
			return NULL;
		}
		a->current = b;
		a->used = 0;
	}
	void *p = (char *)a->current->bytes + a->used;
	a->used += n;
	if (n)
		memset(p, 0, n);
	return p;
}

struct view arena_copy(struct arena *a, struct view v)
{
	char *p = arena_str(a, v);

	return view_make(p, p ? v.n : 0);
}

char *arena_str(struct arena *a, struct view v)
{
	char *p = arena_alloc(a, v.n + 1);

	if (!p)
		return NULL;
	if (v.n)
		memcpy(p, v.p, v.n);
	return p;
}

void arena_reset(struct arena *a)
{
	a->current = NULL;
	a->used = 0;
}

void arena_wipe(struct arena *a)
{
	for (struct arena_block *b = a->first; b; b = b->next) {
		wipe(b->bytes, b == a->current ? a->used : b->size);
		if (b == a->current)
			break;
	}
	arena_reset(a);
}

void arena_free(struct arena *a)
{
	struct arena_block *b = a->first;

	while (b) {
		struct arena_block *next = b->next;
		free(b);
		b = next;
	}
	*a = (struct arena){ .max = a->max };
}
