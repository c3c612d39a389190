/* Memory that is freed all at once. arena_reset() keeps the blocks, so a worker that runs one
 * exchange after another allocates nothing once it is warm. One thread at a time. */
#ifndef GATEWAY_BASE_ARENA_H
#define GATEWAY_BASE_ARENA_H

#include <stdint.h>

#include "lib/base/view.h"

struct arena_block;
struct arena {
	struct arena_block *first, *current;
	size_t used;  /* of the current block */
	size_t max;   /* ceiling over all blocks, bytes; 0 means none */
	size_t total; /* bytes of all blocks */
	bool failed;  /* something found no memory, or no room, since the start or arena_free() */
};

/* Aligned for any type, zeroed. NULL when memory or the ceiling is reached. */
void *arena_alloc(struct arena *a, size_t n);
/* A NUL-terminated copy. */
char *arena_str(struct arena *a, struct view v);
struct view arena_copy(struct arena *a, struct view v);
void arena_reset(struct arena *a);
void arena_wipe(struct arena *a); /* overwrites what was used, then resets */
void arena_free(struct arena *a);

#endif
