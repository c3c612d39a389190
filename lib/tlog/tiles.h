/* The tiles of a growing log, as its writer holds them: in memory lie the current tile of each level and
 * the tiles that were touched since the last commit, each with its inner nodes, so that leaves of the last
 * batch are proved without reading the store; and sixteen full tiles of before, as they were read last. About 16 KiB a tile,
 * three or four tiles at ten million entries, and those. One thread at a time.
 *
 *   tiles_append() for each leaf of a batch       (tiles_rollback() to an earlier size when it fails)
 *   tiles_changed() gives the tiles to store, tiles_root() what the checkpoint signs
 *   COMMIT, then tiles_commit(); tiles_prove() for the leaves of the batch, until the next append
 */
#ifndef GATEWAY_TLOG_TILES_H
#define GATEWAY_TLOG_TILES_H

#include "lib/tlog/tlog.h"

/* Reads a stored tile: `*hashes` are its concatenated hashes as far as it is filled, valid until the next
 * call. A tile that was stored wider than it was at some earlier size serves that size too. */
typedef bool tiles_source_fn(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e);

/* The hash of a full subtree (as tlog_read_fn has it) from stored tiles: inner nodes are hashed anew from up
 * to 128 stored hashes. False when the tile is missing or too short. */
bool tiles_read_stored(tiles_source_fn *source, void *arg, unsigned level, uint64_t index, struct digest *out,
                       struct error *e) MUST_USE;

struct tiles;

/* The tiles of a log of `size` entries; the partial ones are read at once (at most eight). `source` is kept
 * for older tiles; it may be NULL when size is 0. REASON_TAMPERED when a tile is missing or too short;
 * whether the hashes are right shows when tiles_root() is compared with the signed checkpoint. NULL on
 * error. */
struct tiles *tiles_new(uint64_t size, tiles_source_fn *source, void *arg, struct error *e) MUST_USE;
void tiles_free(struct tiles *t);

uint64_t tiles_size(const struct tiles *t);
uint64_t tiles_committed(const struct tiles *t);
/* Appends a leaf hash; its index is the size before. False, and nothing changed, when memory ran out. */
bool tiles_append(struct tiles *t, const struct digest *leaf) MUST_USE;
/* Forgets every leaf from `size` on; not below the committed size (asserted). */
void tiles_rollback(struct tiles *t, uint64_t size);
/* What was appended is stored now. Nothing is dropped before the next append. */
void tiles_commit(struct tiles *t);

/* Calls `each` for every tile that changed since the last tiles_commit(), lowest level first: tile->width
 * hashes in `hashes`, from the first on. Stops with false when `each` does. */
typedef bool tiles_each_fn(void *arg, const struct tlog_tile *tile, struct view hashes, struct error *e);
bool tiles_changed(const struct tiles *t, tiles_each_fn *each, void *arg, struct error *e) MUST_USE;

/* Root at the present size. Never reads the source. */
void tiles_root(const struct tiles *t, struct digest *out);

/* A tlog_read_fn with `arg` a struct tiles: from memory, else through the source. */
bool tiles_read(void *arg, unsigned level, uint64_t index, struct digest *out);
/* Inclusion of `index` in the tree of `size` entries (at most the present size). Never reads the source for
 * entries that were appended since the last but one tiles_commit(). */
bool tiles_prove(struct tiles *t, uint64_t index, uint64_t size, struct digest *proof, unsigned *n) MUST_USE;

#endif
