/* The transparency log's tree: RFC 6962 / RFC 9162 section 2.1 Merkle tree over SHA-256, C2SP
 * tlog-tiles. Pure: hashes come and go through callbacks and buffers. Any thread, no state but the
 * structs. */
#ifndef GATEWAY_TLOG_TLOG_H
#define GATEWAY_TLOG_TLOG_H

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"

#define TLOG_LEVELS     64
#define TLOG_TILE_WIDTH 256
#define TLOG_PROOF_MAX  64

void tlog_leaf_hash(struct view entry, struct digest *out);                              /* H(0x00 || entry) */
void tlog_node_hash(const struct digest *l, const struct digest *r, struct digest *out); /* H(0x01 || l || r) */

/* The right edge: the roots of the full subtrees of a tree of `size` leaves, largest first. */
struct tlog_edge {
	uint64_t size;
	struct digest stack[TLOG_LEVELS];
	unsigned n;
};
void tlog_edge_append(struct tlog_edge *edge, const struct digest *leaf);
void tlog_edge_root(const struct tlog_edge *edge, struct digest *out); /* empty tree: SHA-256("") */

/* Reads the hash of the full subtree of 2^level leaves that starts at leaf index * 2^level. */
typedef bool tlog_read_fn(void *arg, unsigned level, uint64_t index, struct digest *out);

/* MTH(D[start : start + n]) of RFC 9162 2.1.1, where a subtree of that range begins at `start`: with start 0
 * the root of the tree of `n` entries. At most 63 reads. */
bool tlog_range_hash(uint64_t start, uint64_t n, tlog_read_fn *read, void *arg, struct digest *out) MUST_USE;

/* RFC 9162 2.1.3 and 2.1.4. Proofs are at most TLOG_PROOF_MAX hashes; `proof` has room for as many. Proving
 * consistency from size 0, or between equal sizes, gives no hashes; checking refuses size 0, from which
 * anything is consistent. */
bool tlog_prove_inclusion(uint64_t index, uint64_t size, tlog_read_fn *read, void *arg, struct digest *proof,
                          unsigned *n) MUST_USE;
bool tlog_prove_consistency(uint64_t from, uint64_t to, tlog_read_fn *read, void *arg, struct digest *proof,
                            unsigned *n) MUST_USE;
bool tlog_check_inclusion(uint64_t index, uint64_t size, const struct digest *leaf, const struct digest *proof,
                          unsigned n, const struct digest *root) MUST_USE;
bool tlog_check_consistency(uint64_t from, uint64_t to, const struct digest *from_root, const struct digest *to_root,
                            const struct digest *proof, unsigned n) MUST_USE;

/* Tile coordinates: tile level L holds hashes of tree level 8 * L. `width` 256 is a full tile. */
struct tlog_tile {
	unsigned level;
	uint64_t index;
	unsigned width; /* 1 to 256 */
	bool entries;   /* an entry bundle instead of hashes */
};
/* "tile/0/x001/234.p/5", "tile/entries/000", without a leading slash. */
void tlog_tile_path(const struct tlog_tile *tile, struct buf *out);
bool tlog_tile_parse(struct view path, struct tlog_tile *out) MUST_USE;
/* Hashes that the tile has in a tree of `size` entries: 256 full, 0 none. */
unsigned tlog_tile_width(unsigned level, uint64_t index, uint64_t size);

#endif
