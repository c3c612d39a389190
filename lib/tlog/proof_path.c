/* See proof_path.h. RFC 9162 sections 2.1.3.1 and 2.1.3.2. */
#include "lib/tlog/proof_path.h"

/* The largest power of two below `n`; n > 1. */
static uint64_t split(uint64_t n)
{
	return UINT64_C(1) << (63 - (unsigned)__builtin_clzll(n - 1));
}

/* --- proving, from the root down --- */

/* What is beside, where the tree of `left` leaves from `start` on is cut behind `k` of them. */
static bool read_beside(uint64_t start, uint64_t k, uint64_t left, bool low, tlog_read_fn *read, void *arg,
                        struct digest *out)
{
	if (low)
		return tlog_range_hash(start + k, left - k, read, arg, out);
	unsigned level = (unsigned)__builtin_ctzll(k);
	return read(arg, level, start >> level, out);
}

bool tlog_path_prove(struct tlog_path *known, uint64_t index, uint64_t size, tlog_read_fn *read, void *arg,
                     struct digest *proof, unsigned *n)
{
	struct digest down[TLOG_PROOF_MAX];
	uint64_t start = 0, left = size;
	bool alike = known->size == size;
	unsigned found = 0;

	if (index >= size)
		return false;
	while (left > 1) {
		uint64_t k = split(left);
		bool low = index - start < k;

		/* Both are on this side: beside them is the same. */
		alike = alike && (known->index - start < k) == low;
		if (alike)
			down[found] = known->steps[known->n - 1 - found].beside;
		else if (!read_beside(start, k, left, low, read, arg, &down[found]))
			return false;
		found++;
		start += low ? 0 : k;
		left = low ? k : left - k;
	}
	known->size = size;
	known->index = index;
	known->n = *n = found;
	for (unsigned i = 0; i < found; i++)
		proof[i] = known->steps[i].beside = down[found - 1 - i];
	return true;
}

/* --- checking, from the leaf up --- */

/* The number of the known step whose node is what `now` has beside it, and the other way round, with all the same above; its n:
 * there is none. */
static unsigned meet(const struct tlog_path *known, const struct tlog_step *now, const struct digest *proof, unsigned n)
{
	for (unsigned i = 0; i < known->n; i++) {
		const struct tlog_step *k = &known->steps[i];

		if (k->level < now->level)
			continue;
		if (k->level > now->level || k->at != (now->at ^ 1) || known->n - i != n ||
		    !digest_eq(&k->beside, &now->node) || !digest_eq(&k->node, &now->beside))
			break;
		for (unsigned above = 1; above < n; above++)
			if (!digest_eq(&known->steps[i + above].beside, &proof[above]))
				return known->n;
		return i;
	}
	return known->n;
}

/* The path is `now` up to its last step, and from there on what is known. */
static void keep(struct tlog_path *known, const struct tlog_path *now, unsigned met)
{
	unsigned above = known->n > met ? known->n - met - 1 : 0;

	memmove(&known->steps[now->n], &known->steps[known->n - above], above * sizeof *known->steps);
	memcpy(known->steps, now->steps, now->n * sizeof *known->steps);
	known->n = now->n + above;
	known->size = now->size;
	known->index = now->index;
	known->root = now->root;
}

bool tlog_path_check(struct tlog_path *known, uint64_t index, uint64_t size, const struct digest *leaf,
                     const struct digest *proof, unsigned n, const struct digest *root)
{
	struct tlog_path now;
	struct digest r = *leaf;
	unsigned level = 0;

	if (index >= size || n > TLOG_PROOF_MAX)
		return false;
	now.size = size;
	now.index = index;
	now.root = *root;
	now.n = 0;
	bool alike = known->size == size && digest_eq(&known->root, root);
	uint64_t fn = index, sn = size - 1;
	for (unsigned i = 0; i < n; i++, level++) {
		if (sn == 0)
			return false;
		/* The last of its row goes up until there is one before it. */
		for (; fn == sn && !(fn & 1); level++) {
			fn >>= 1;
			sn >>= 1;
		}
		struct tlog_step *step = &now.steps[now.n++];
		*step = (struct tlog_step){ .level = level, .at = fn, .node = r, .beside = proof[i] };
		unsigned met = alike ? meet(known, step, &proof[i], n - i) : known->n;
		if (met < known->n) {
			keep(known, &now, met);
			return true;
		}
		if (fn & 1)
			tlog_node_hash(&proof[i], &r, &r);
		else
			tlog_node_hash(&r, &proof[i], &r);
		fn >>= 1;
		sn >>= 1;
	}
	if (sn != 0 || !digest_eq(&r, root))
		return false;
	known->n = 0;
	keep(known, &now, 0);
	return true;
}
