/* The tiles of a growing log in memory. A tile keeps its inner nodes too: rows of 256, 128, … 1 hashes, row r
 * at offset 512 - (512 >> r), so that any hash of a touched tile is one look-up. The last row is the tile's
 * root, which is the next level's hash. */
#include <assert.h>

#include "lib/tlog/proof_path.h"
#include "lib/tlog/tiles.h"

#define TILE_LEVELS 8
#define TILE_ROWS   9
#define TILE_NODES  511
#define OLDER       16 /* full tiles of before that are kept, with their inner nodes */

struct tile {
	uint64_t index;
	unsigned n; /* hashes in row 0 */
	struct digest node[TILE_NODES];
};

/* Consecutive tiles; the last is the one that grows, those before it were touched since the last commit. */
struct level {
	struct tile **tiles;
	unsigned n, cap;
};

/* A full tile that was read from the source; it never changes any more. */
struct older {
	unsigned level;
	struct tile *tile; /* NULL: a free place */
};

struct tiles {
	uint64_t size, committed;
	tiles_source_fn *source;
	void *arg;
	struct level levels[TILE_LEVELS];
	struct older older[OLDER];
	unsigned next;           /* of `older`: the one that was read first */
	struct tlog_path proved; /* last */
};

static unsigned row_offset(unsigned row)
{
	return 512 - (512U >> row);
}

static struct tile *last_tile(const struct level *l)
{
	return l->n ? l->tiles[l->n - 1] : NULL;
}

/* Adds a hash and the inner nodes that it completes. */
static void tile_add(struct tile *t, const struct digest *h)
{
	unsigned at = t->n++;

	t->node[at] = *h;
	for (unsigned row = 1; (at & 1) && row < TILE_ROWS; row++) {
		const struct digest *below = &t->node[row_offset(row - 1)];

		tlog_node_hash(&below[at - 1], &below[at], &t->node[row_offset(row) + at / 2]);
		at /= 2;
	}
}

static struct tile *level_push(struct level *l, uint64_t index)
{
	if (l->n == l->cap) {
		unsigned cap = l->cap ? 2 * l->cap : 4;
		struct tile **grown = realloc(l->tiles, cap * sizeof *grown);

		if (!grown)
			return NULL;
		l->tiles = grown;
		l->cap = cap;
	}
	struct tile *t = malloc(sizeof *t);
	if (!t)
		return NULL;
	t->index = index;
	t->n = 0;
	l->tiles[l->n++] = t;
	return t;
}

static void tile_fill(struct tile *t, struct view hashes, unsigned width)
{
	for (unsigned i = 0; i < width; i++) {
		struct digest h;

		memcpy(h.b, hashes.p + i * sizeof h, sizeof h);
		tile_add(t, &h);
	}
}

static bool load_level(struct tiles *t, unsigned level, unsigned width, struct error *e)
{
	uint64_t index = t->size >> (8 * level) >> 8;
	struct view hashes;

	if (!t->source(t->arg, level, index, &hashes, e))
		return error_set(e, REASON_TAMPERED, "tile %u/%llu is missing", level, (unsigned long long)index);
	if (hashes.n < width * sizeof(struct digest))
		return error_set(e, REASON_TAMPERED, "tile %u/%llu is shorter than the tree's size demands", level,
		                 (unsigned long long)index);
	struct tile *tile = level_push(&t->levels[level], index);
	if (!tile)
		return error_set(e, REASON_NO_MEMORY, "no memory for a tile");
	tile_fill(tile, hashes, width);
	return true;
}

struct tiles *tiles_new(uint64_t size, tiles_source_fn *source, void *arg, struct error *e)
{
	struct tiles *t = calloc(1, sizeof *t);

	if (!t) {
		error_set(e, REASON_NO_MEMORY, "no memory for the tiles");
		return NULL;
	}
	t->size = t->committed = size;
	t->source = source;
	t->arg = arg;
	for (unsigned level = 0; level < TILE_LEVELS; level++) {
		unsigned width = (size >> (8 * level)) & 255;

		if (width > 0 && !load_level(t, level, width, e)) {
			tiles_free(t);
			return NULL;
		}
	}
	return t;
}

void tiles_free(struct tiles *t)
{
	if (!t)
		return;
	for (unsigned level = 0; level < TILE_LEVELS; level++) {
		for (unsigned i = 0; i < t->levels[level].n; i++)
			free(t->levels[level].tiles[i]);
		free(t->levels[level].tiles);
	}
	for (unsigned i = 0; i < OLDER; i++)
		free(t->older[i].tile);
	free(t);
}

uint64_t tiles_size(const struct tiles *t)
{
	return t->size;
}

uint64_t tiles_committed(const struct tiles *t)
{
	return t->committed;
}

/* The first append after a commit lets go what only the last batch's proofs needed. */
static void trim(struct tiles *t)
{
	for (unsigned level = 0; level < TILE_LEVELS; level++) {
		struct level *l = &t->levels[level];

		if (l->n < 2)
			continue;
		for (unsigned i = 0; i + 1 < l->n; i++)
			free(l->tiles[i]);
		l->tiles[0] = l->tiles[l->n - 1];
		l->n = 1;
	}
}

/* The tile that takes the next hash of a level; *made is set when it is new. */
static struct tile *growing(struct tiles *t, unsigned level, bool *made)
{
	struct level *l = &t->levels[level];
	struct tile *last = last_tile(l);

	*made = false;
	if (last && last->n < TLOG_TILE_WIDTH)
		return last;
	*made = true;
	return level_push(l, t->size >> (8 * level) >> 8);
}

bool tiles_append(struct tiles *t, const struct digest *leaf)
{
	struct tile *tile[TILE_LEVELS];
	bool made[TILE_LEVELS];
	unsigned levels = 0;

	if (t->size == t->committed)
		trim(t);
	/* All memory first, so that a failure leaves nothing half appended: as many levels as the new leaf
	 * completes tiles, and the one above them. */
	do {
		tile[levels] = growing(t, levels, &made[levels]);
		if (!tile[levels]) {
			while (levels-- > 0)
				if (made[levels])
					free(t->levels[levels].tiles[--t->levels[levels].n]);
			return false;
		}
	} while (tile[levels++]->n == TLOG_TILE_WIDTH - 1 && levels < TILE_LEVELS);
	for (unsigned level = 0; level < levels; level++)
		tile_add(tile[level], level == 0 ? leaf : &tile[level - 1]->node[TILE_NODES - 1]);
	t->size++;
	return true;
}

void tiles_rollback(struct tiles *t, uint64_t size)
{
	assert(size >= t->committed && size <= t->size);
	for (unsigned level = 0; level < TILE_LEVELS; level++) {
		struct level *l = &t->levels[level];
		uint64_t hashes = size >> (8 * level);

		while (l->n > 0 && last_tile(l)->index * TLOG_TILE_WIDTH >= hashes)
			free(l->tiles[--l->n]);
		struct tile *last = last_tile(l);
		if (last && hashes - last->index * TLOG_TILE_WIDTH < last->n)
			last->n = (unsigned)(hashes - last->index * TLOG_TILE_WIDTH);
	}
	t->size = size;
	t->proved.size = 0;
}

void tiles_commit(struct tiles *t)
{
	t->committed = t->size;
}

bool tiles_changed(const struct tiles *t, tiles_each_fn *each, void *arg, struct error *e)
{
	for (unsigned level = 0; level < TILE_LEVELS; level++) {
		const struct level *l = &t->levels[level];
		uint64_t before = t->committed >> (8 * level);

		for (unsigned i = 0; i < l->n; i++) {
			const struct tile *tile = l->tiles[i];
			struct tlog_tile name = { .level = level, .index = tile->index, .width = tile->n };

			if (tile->index * TLOG_TILE_WIDTH + tile->n <= before)
				continue;
			if (!each(arg, &name, view_make(tile->node, tile->n * sizeof tile->node[0]), e))
				return false;
		}
	}
	return true;
}

/* A hash of row `row` from stored hashes of row 0. */
static void fold(const uint8_t *hashes, unsigned row, struct digest *out)
{
	struct digest h[TLOG_TILE_WIDTH / 2];
	unsigned n = 1U << row;

	memcpy(h, hashes, n * sizeof h[0]);
	for (; n > 1; n /= 2)
		for (unsigned i = 0; i < n / 2; i++)
			tlog_node_hash(&h[2 * i], &h[2 * i + 1], &h[i]);
	*out = h[0];
}

bool tiles_read_stored(tiles_source_fn *source, void *arg, unsigned level, uint64_t index, struct digest *out,
                       struct error *e)
{
	unsigned tile_level = level / 8, row = level % 8;
	uint64_t first = index << row;
	unsigned at = first & 255, width = 1U << row;
	struct view hashes;

	if (tile_level >= TILE_LEVELS)
		return error_set(e, REASON_TAMPERED, "no tree has a level %u", level);
	if (!source(arg, tile_level, first >> 8, &hashes, e))
		return error_set(e, REASON_TAMPERED, "tile %u/%llu is missing", tile_level,
		                 (unsigned long long)(first >> 8));
	if (hashes.n < (at + width) * sizeof *out)
		return error_set(e, REASON_TAMPERED, "tile %u/%llu is too short", tile_level,
		                 (unsigned long long)(first >> 8));
	fold((const uint8_t *)hashes.p + at * sizeof *out, row, out);
	return true;
}

static const struct tile *find_older(const struct tiles *t, unsigned level, uint64_t index)
{
	for (unsigned i = 0; i < OLDER; i++)
		if (t->older[i].tile && t->older[i].level == level && t->older[i].tile->index == index)
			return t->older[i].tile;
	return NULL;
}

/* Reads a full tile and keeps it in the place of the one that was read first. NULL: it is not there, is not full, or memory
 * ran out. */
static const struct tile *take_older(struct tiles *t, unsigned level, uint64_t index)
{
	struct older *place = &t->older[t->next];
	struct view hashes;

	if (!t->source(t->arg, level, index, &hashes, NULL) ||
	    hashes.n != TLOG_TILE_WIDTH * sizeof place->tile->node[0])
		return NULL;
	if (!place->tile)
		place->tile = malloc(sizeof *place->tile);
	if (!place->tile)
		return NULL;
	place->level = level;
	place->tile->index = index;
	place->tile->n = 0;
	tile_fill(place->tile, hashes, TLOG_TILE_WIDTH);
	t->next = (t->next + 1) % OLDER;
	return place->tile;
}

/* The hash of a tile that is not in memory. */
static bool read_older(struct tiles *t, unsigned level, uint64_t index, struct digest *out)
{
	uint64_t first = index << level % 8;
	const struct tile *tile;

	if (!t->source)
		return false;
	tile = find_older(t, level / 8, first >> 8);
	if (!tile)
		tile = take_older(t, level / 8, first >> 8);
	if (!tile)
		return tiles_read_stored(t->source, t->arg, level, index, out, NULL);
	*out = tile->node[row_offset(level % 8) + ((first & 255) >> level % 8)];
	return true;
}

bool tiles_read(void *arg, unsigned level, uint64_t index, struct digest *out)
{
	struct tiles *t = arg;
	unsigned tile_level = level / 8, row = level % 8;
	/* Of the hashes of the tile's row 0: the first, and how many make the wanted one. */
	uint64_t first = index << row;
	unsigned at = first & 255, width = 1U << row;

	if (tile_level >= TILE_LEVELS)
		return false;
	const struct level *l = &t->levels[tile_level];
	for (unsigned i = l->n; i-- > 0;) {
		const struct tile *tile = l->tiles[i];

		if (tile->index != first >> 8)
			continue;
		if (at + width > tile->n)
			return false;
		*out = tile->node[row_offset(row) + (at >> row)];
		return true;
	}
	return read_older(t, level, index, out);
}

void tiles_root(const struct tiles *t, struct digest *out)
{
	struct tlog_edge edge = { .size = t->size };

	/* Largest subtrees first: from the highest level's tile down, its rows from the top. */
	for (unsigned level = TILE_LEVELS; level-- > 0;) {
		unsigned n = (t->size >> (8 * level)) & 255, at = 0;

		for (unsigned row = 8; row-- > 0;) {
			if (!(n >> row & 1))
				continue;
			const struct tile *tile = last_tile(&t->levels[level]);
			edge.stack[edge.n++] = tile->node[row_offset(row) + (at >> row)];
			at += 1U << row;
		}
	}
	tlog_edge_root(&edge, out);
}

bool tiles_prove(struct tiles *t, uint64_t index, uint64_t size, struct digest *proof, unsigned *n)
{
	return size <= t->size && tlog_path_prove(&t->proved, index, size, tiles_read, t, proof, n);
}
