/* Merkle tree of RFC 9162 section 2.1 (the tree of RFC 6962): hashes, right edge, proofs and their check. */
#include <assert.h>

#include "lib/crypto/crypto.h"
#include "lib/tlog/tlog.h"

void tlog_leaf_hash(struct view entry, struct digest *out)
{
	struct view parts[2] = { view_make("\0", 1), entry };

	sha256_parts(parts, 2, out);
}

void tlog_node_hash(const struct digest *l, const struct digest *r, struct digest *out)
{
	uint8_t in[65];

	in[0] = 1;
	memcpy(in + 1, l->b, 32);
	memcpy(in + 33, r->b, 32);
	sha256(view_make(in, sizeof in), out);
}

void tlog_edge_append(struct tlog_edge *edge, const struct digest *leaf)
{
	struct digest h = *leaf;

	/* Each trailing one bit of the old size is a full subtree that the new leaf completes. */
	for (uint64_t s = edge->size; s & 1; s >>= 1)
		tlog_node_hash(&edge->stack[--edge->n], &h, &h);
	assert(edge->n < TLOG_LEVELS);
	edge->stack[edge->n++] = h;
	edge->size++;
}

void tlog_edge_root(const struct tlog_edge *edge, struct digest *out)
{
	if (edge->n == 0) {
		sha256(VIEW(""), out);
		return;
	}
	*out = edge->stack[edge->n - 1];
	for (unsigned i = edge->n - 1; i > 0; i--)
		tlog_node_hash(&edge->stack[i - 1], out, out);
}

/* The largest power of two below `n`, as its exponent; n > 1. */
static unsigned split_level(uint64_t n)
{
	return 63 - (unsigned)__builtin_clzll(n - 1);
}

bool tlog_range_hash(uint64_t start, uint64_t n, tlog_read_fn *read, void *arg, struct digest *out)
{
	struct digest part[TLOG_LEVELS];
	unsigned parts = 0;

	if (n == 0) {
		sha256(VIEW(""), out);
		return true;
	}
	while (n > 0) {
		unsigned level = 63 - (unsigned)__builtin_clzll(n);

		if (!read(arg, level, start >> level, &part[parts]))
			return false;
		parts++;
		start += UINT64_C(1) << level;
		n -= UINT64_C(1) << level;
	}
	*out = part[parts - 1];
	for (unsigned i = parts - 1; i > 0; i--)
		tlog_node_hash(&part[i - 1], out, out);
	return true;
}

/* Proofs are found from the root down and told from the leaf up. */
static void reverse(struct digest *d, unsigned n)
{
	for (unsigned i = 0; i < n / 2; i++) {
		struct digest t = d[i];

		d[i] = d[n - 1 - i];
		d[n - 1 - i] = t;
	}
}

bool tlog_prove_inclusion(uint64_t index, uint64_t size, tlog_read_fn *read, void *arg, struct digest *proof,
                          unsigned *n)
{
	uint64_t start = 0, left = size;
	unsigned found = 0;

	if (index >= size)
		return false;
	while (left > 1) {
		unsigned level = split_level(left);
		uint64_t k = UINT64_C(1) << level;

		if (index - start < k) {
			if (!tlog_range_hash(start + k, left - k, read, arg, &proof[found++]))
				return false;
			left = k;
		} else {
			if (!read(arg, level, start >> level, &proof[found++]))
				return false;
			start += k;
			left -= k;
		}
	}
	reverse(proof, found);
	*n = found;
	return true;
}

bool tlog_prove_consistency(uint64_t from, uint64_t to, tlog_read_fn *read, void *arg, struct digest *proof,
                            unsigned *n)
{
	uint64_t start = 0, left = to, old = from;
	unsigned found = 0;

	if (from > to)
		return false;
	if (from == 0 || from == to) {
		*n = 0;
		return true;
	}
	while (old != left) {
		unsigned level = split_level(left);
		uint64_t k = UINT64_C(1) << level;

		if (old <= k) {
			if (!tlog_range_hash(start + k, left - k, read, arg, &proof[found++]))
				return false;
			left = k;
		} else {
			if (!read(arg, level, start >> level, &proof[found++]))
				return false;
			start += k;
			left -= k;
			old -= k;
		}
	}
	/* At start 0 the old root itself is this subtree, which the checker has. */
	if (start != 0 && !tlog_range_hash(start, left, read, arg, &proof[found++]))
		return false;
	reverse(proof, found);
	*n = found;
	return true;
}

/* RFC 9162 section 2.1.3.2. */
bool tlog_check_inclusion(uint64_t index, uint64_t size, const struct digest *leaf, const struct digest *proof,
                          unsigned n, const struct digest *root)
{
	struct digest r = *leaf;

	if (index >= size)
		return false;
	uint64_t fn = index, sn = size - 1;
	for (unsigned i = 0; i < n; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn) {
			tlog_node_hash(&proof[i], &r, &r);
			while (!(fn & 1) && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			tlog_node_hash(&r, &proof[i], &r);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && digest_eq(&r, root);
}

/* RFC 9162 section 2.1.4.2. */
bool tlog_check_consistency(uint64_t from, uint64_t to, const struct digest *from_root, const struct digest *to_root,
                            const struct digest *proof, unsigned n)
{
	unsigned i = 0;

	if (from == 0 || from > to)
		return false;
	if (from == to)
		return n == 0 && digest_eq(from_root, to_root);
	uint64_t fn = from - 1, sn = to - 1;
	while (fn & 1) {
		fn >>= 1;
		sn >>= 1;
	}
	struct digest fr, sr;
	if ((from & (from - 1)) == 0) {
		/* A full tree: the old root is the first hash and is not sent. */
		fr = *from_root;
	} else {
		if (n == 0)
			return false;
		fr = proof[i++];
	}
	sr = fr;
	for (; i < n; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) || fn == sn) {
			tlog_node_hash(&proof[i], &fr, &fr);
			tlog_node_hash(&proof[i], &sr, &sr);
			while (!(fn & 1) && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			tlog_node_hash(&sr, &proof[i], &sr);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && digest_eq(&fr, from_root) && digest_eq(&sr, to_root);
}
