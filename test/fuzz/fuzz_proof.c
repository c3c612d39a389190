/* libFuzzer target: proofs of inclusion and consistency. Sizes and places come first, then bytes that are laid over the honest
 * proof: it holds where they are all zero, and nowhere else; and a proof of any bytes for any sizes holds nowhere. */
#include "lib/base/wire.h"
#include "lib/tlog/tlog.h"
#include "test/fuzz/target.h"

#define LEAVES 300
#define LEVELS 9 /* of whole subtrees: 2^8 leaves fit */

static struct digest leaf[LEAVES];
static struct digest node[LEVELS][LEAVES]; /* hashed once: else a run would hash the tree again and again */

static void grow(void)
{
	for (unsigned i = 0; i < LEAVES; i++) {
		tlog_leaf_hash(view_make(&i, sizeof i), &leaf[i]);
		node[0][i] = leaf[i];
	}
	for (unsigned level = 1; level < LEVELS; level++)
		for (unsigned i = 0; i < (unsigned)LEAVES >> level; i++)
			tlog_node_hash(&node[level - 1][2 * i], &node[level - 1][2 * i + 1], &node[level][i]);
}

static bool read_hash(void *arg, unsigned level, uint64_t index, struct digest *out)
{
	(void)arg;
	must(level < LEVELS && index < (unsigned)LEAVES >> level);
	*out = node[level][index];
	return true;
}

/* Lays the bytes over `n` hashes; true when they change nothing. */
static bool lay(struct view bytes, struct digest *proof, unsigned n)
{
	bool same = true;

	for (size_t i = 0; i < bytes.n && i < n * sizeof *proof; i++) {
		proof[i / sizeof *proof].b[i % sizeof *proof] ^= (uint8_t)bytes.p[i];
		same = same && bytes.p[i] == 0;
	}
	return same;
}

static void check_inclusion(uint64_t index, uint64_t size, int more, struct view bytes)
{
	struct digest proof[TLOG_PROOF_MAX + 1] = { 0 }, root;
	unsigned n;

	must(tlog_prove_inclusion(index, size, read_hash, NULL, proof, &n));
	must(tlog_range_hash(0, size, read_hash, NULL, &root));
	bool same = lay(bytes, proof, n) && more == 0;
	must(tlog_check_inclusion(index, size, &leaf[index], proof, n + (unsigned)more, &root) == same);
}

static void check_consistency(uint64_t from, uint64_t to, int more, struct view bytes)
{
	struct digest proof[TLOG_PROOF_MAX + 1] = { 0 }, before, after;
	unsigned n;

	must(tlog_prove_consistency(from, to, read_hash, NULL, proof, &n));
	must(tlog_range_hash(0, from, read_hash, NULL, &before));
	must(tlog_range_hash(0, to, read_hash, NULL, &after));
	bool same = lay(bytes, proof, n) && more == 0;
	must(tlog_check_consistency(from, to, &before, &after, proof, n + (unsigned)more) == same);
}

static void check_any(struct reader *r)
{
	uint64_t a = read_u64(r), b = read_u64(r);
	struct digest proof[TLOG_PROOF_MAX + 1], root = { .b = { 1 } };
	unsigned n = 0;

	while (n < TLOG_PROOF_MAX && r->rest.n >= sizeof proof[0])
		memcpy(&proof[n++], read_bytes(r, sizeof proof[0]).p, sizeof proof[0]);
	must(!tlog_check_inclusion(a, b, &leaf[0], proof, n, &root));
	must(!tlog_check_consistency(a, b, &leaf[0], &root, proof, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = { .rest = view_make(data, size) };

	if (!leaf[1].b[0])
		grow();
	uint8_t kind = read_u8(&r);
	if (kind & 1) {
		check_any(&r);
		return 0;
	}
	uint64_t to = read_u16(&r) % LEAVES + 1, from = read_u16(&r) % to;
	int more = kind >> 1 & 1;
	check_inclusion(from, to, more, r.rest);
	if (from > 0)
		check_consistency(from, to, more, r.rest);
	return 0;
}
