/* Full verification of a log in one pass. */
#include "lib/tlog/entry.h"
#include "lib/tlog/verify.h"

#define LEVELS 8
#define ROUNDS 8 /* of following a log that grows */

/* The tile that is being rebuilt at a level. */
struct building {
	uint64_t index;
	unsigned n;
	struct digest hash[TLOG_TILE_WIDTH];
};

struct run {
	const struct checkpoint *c;
	const struct verify_source *s;
	struct verify_report *r;
	struct erasures *erasures;
	struct checkpoint newer;
	struct building level[LEVELS];
	struct digest leaves[TLOG_TILE_WIDTH]; /* of the tile that is read, where there are no entries */
};

/* A source's error is tampering when it says that something is missing or malformed. */
static bool source_error(const struct error *inner, struct error *e)
{
	enum reason reason = inner->reason == REASON_NOT_FOUND ? REASON_TAMPERED : inner->reason;

	return error_at(e, reason, inner->where, inner->line, inner->column, "%s", inner->text);
}

/* The root over `n` hashes, a power of two. */
static void fold(const struct digest *hashes, unsigned n, struct digest *out)
{
	struct digest h[TLOG_TILE_WIDTH];

	memcpy(h, hashes, n * sizeof h[0]);
	for (; n > 1; n /= 2)
		for (unsigned i = 0; i < n / 2; i++)
			tlog_node_hash(&h[2 * i], &h[2 * i + 1], &h[i]);
	*out = h[0];
}

/* The root of what was read so far: the full subtrees of each level's tile, largest first. */
static void rebuilt_root(const struct run *v, struct digest *out)
{
	struct tlog_edge edge = { 0 };

	for (unsigned level = LEVELS; level-- > 0;) {
		const struct building *b = &v->level[level];
		unsigned at = 0;

		for (unsigned row = 8; row-- > 0;) {
			if (!(b->n >> row & 1))
				continue;
			fold(&b->hash[at], 1U << row, &edge.stack[edge.n++]);
			at += 1U << row;
		}
	}
	tlog_edge_root(&edge, out);
}

static bool blame_tile(struct run *v, unsigned level, uint64_t hash, struct error *e)
{
	struct verify_report *r = v->r;

	r->place = VERIFY_TILE;
	r->level = level;
	r->index = hash / TLOG_TILE_WIDTH;
	r->hash = hash % TLOG_TILE_WIDTH;
	return error_set(e, REASON_TAMPERED,
	                 "hash %u of tile %u/%llu was altered: the entries below it are the signed ones", r->hash,
	                 level, (unsigned long long)r->index);
}

static bool blame_entries(struct run *v, unsigned level, uint64_t hash, bool sure, struct error *e)
{
	struct verify_report *r = v->r;

	r->place = VERIFY_ENTRY;
	r->count = UINT64_C(1) << (8 * level);
	r->index = hash * r->count;
	if (!v->s->entry)
		return error_set(e, REASON_TAMPERED, "a hash of the tiles below, of entries %llu to %llu, was altered",
		                 (unsigned long long)r->index, (unsigned long long)(r->index + r->count - 1));
	if (level > 0)
		return error_set(e, REASON_TAMPERED, "an entry from %llu to %llu was altered together with its tiles",
		                 (unsigned long long)r->index, (unsigned long long)(r->index + r->count - 1));
	return error_set(e, REASON_TAMPERED,
	                 sure ? "entry %llu was altered" : "entry %llu, or its hash in its tile, was altered",
	                 (unsigned long long)r->index);
}

static bool read_stored(void *arg, unsigned level, uint64_t index, struct digest *out)
{
	struct run *v = arg;

	return tiles_read_stored(v->s->tile, v->s->arg, level, index, out, NULL);
}

/* The root that follows from `node` as the hash of the subtree at (level, index) and the stored tiles for
 * everything beside it. */
static bool root_through(struct run *v, unsigned level, uint64_t index, const struct digest *node, struct digest *out)
{
	struct {
		struct digest hash;
		bool left;
	} beside[TLOG_LEVELS];
	uint64_t start = 0, left = v->c->size, target = index << level;
	unsigned n = 0;

	while (left > UINT64_C(1) << level) {
		unsigned split = 63 - (unsigned)__builtin_clzll(left - 1);
		uint64_t k = UINT64_C(1) << split;

		beside[n].left = target >= start + k;
		if (!tlog_range_hash(beside[n].left ? start : start + k, beside[n].left ? k : left - k, read_stored, v,
		                     &beside[n].hash))
			return false;
		if (beside[n].left)
			start += k;
		left = beside[n].left ? left - k : k;
		n++;
	}
	*out = *node;
	while (n-- > 0) {
		if (beside[n].left)
			tlog_node_hash(&beside[n].hash, out, out);
		else
			tlog_node_hash(out, &beside[n].hash, out);
	}
	return true;
}

/* Whether a rebuilt tile as a whole is the signed one, when more of the stored one was altered than a hash. */
static bool tile_is_signed(struct run *v, unsigned level)
{
	const struct building *b = &v->level[level];
	struct digest h, root;

	if (b->n == TLOG_TILE_WIDTH) {
		fold(b->hash, TLOG_TILE_WIDTH, &h);
		return root_through(v, 8 * (level + 1), b->index, &h, &root) && digest_eq(&root, &v->c->root);
	}
	if (v->r->entries < v->c->size)
		return false;
	rebuilt_root(v, &root);
	return digest_eq(&root, &v->c->root);
}

/* A rebuilt hash differs from the stored one: the signed root decides which of the two was altered. */
static bool blame(struct run *v, unsigned level, uint64_t hash, const struct digest *rebuilt,
                  const struct digest *stored, struct error *e)
{
	struct digest root;

	if (root_through(v, 8 * level, hash, rebuilt, &root) && digest_eq(&root, &v->c->root))
		return blame_tile(v, level, hash, e);
	if (root_through(v, 8 * level, hash, stored, &root) && digest_eq(&root, &v->c->root))
		return blame_entries(v, level, hash, true, e);
	if (tile_is_signed(v, level))
		return blame_tile(v, level, hash, e);
	return blame_entries(v, level, hash, false, e);
}

static bool compare_tile(struct run *v, unsigned level, struct error *e)
{
	struct building *b = &v->level[level];
	struct error inner = { 0 };
	struct view hashes;

	if (!v->s->tile(v->s->arg, level, b->index, &hashes, &inner)) {
		v->r->place = VERIFY_TILE;
		v->r->level = level;
		v->r->index = b->index;
		return source_error(&inner, e);
	}
	if (hashes.n < b->n * sizeof b->hash[0]) {
		v->r->place = VERIFY_TILE;
		v->r->level = level;
		v->r->index = b->index;
		v->r->hash = (unsigned)(hashes.n / sizeof b->hash[0]);
		return error_set(e, REASON_TAMPERED, "tile %u/%llu was cut short", level, (unsigned long long)b->index);
	}
	if (memcmp(hashes.p, b->hash, b->n * sizeof b->hash[0]) == 0)
		return true;
	for (unsigned i = 0;; i++) {
		struct digest stored;

		memcpy(stored.b, hashes.p + i * sizeof stored, sizeof stored);
		if (!digest_eq(&stored, &b->hash[i]))
			return blame(v, level, b->index * TLOG_TILE_WIDTH + i, &b->hash[i], &stored, e);
	}
}

/* Before something is blamed on an entry: the ones before it in its tile, which was not compared yet. */
static bool compare_begun(struct run *v, struct error *e)
{
	return v->level[0].n == 0 || compare_tile(v, 0, e);
}

static bool add_hash(struct run *v, const struct digest *leaf, struct error *e)
{
	struct digest h = *leaf;

	for (unsigned level = 0; level < LEVELS; level++) {
		struct building *b = &v->level[level];

		b->hash[b->n++] = h;
		if (b->n < TLOG_TILE_WIDTH)
			return true;
		if (!compare_tile(v, level, e))
			return false;
		fold(b->hash, TLOG_TILE_WIDTH, &h);
		b->index++;
		b->n = 0;
	}
	return true;
}

/* Whether the disclosures are those of the leaf, or are not there, and what it says of those of others. */
static bool check_disclosures(struct run *v, uint64_t index, struct view leaf, struct view packed, struct error *e)
{
	unsigned digests;
	bool missing = false;

	if (v->s->disclosures) {
		if (!disclosures_verify(leaf, packed, e))
			return false;
		if (packed.n > 0 && v->s->named && !v->s->named(v->s->arg, index, packed, e))
			return false;
		if (packed.n > 0)
			v->r->disclosed++;
		else
			missing = disclosures_count(leaf, &digests) && digests > 0;
	}
	return erasures_take(v->erasures, index, leaf, missing, e);
}

/* An altered entry has another list of digests too: it is looked at first. */
static bool blame_disclosures(struct run *v, uint64_t index, const struct digest *leaf, const char *text,
                              struct error *e)
{
	struct digest stored;

	if (!compare_begun(v, e))
		return false;
	if (read_stored(v, 0, index, &stored) && !digest_eq(&stored, leaf))
		return blame(v, 0, index, leaf, &stored, e);
	v->r->place = VERIFY_DISCLOSURES;
	v->r->index = index;
	return error_set(e, REASON_TAMPERED, "entry %llu: %s", (unsigned long long)index, text);
}

static bool take_entry(struct run *v, uint64_t index, struct error *e)
{
	struct view leaf, packed = view_make(NULL, 0);
	struct error inner = { 0 };
	struct digest h;

	if (!v->s->entry(v->s->arg, index, &leaf, &packed, &inner)) {
		if (!compare_begun(v, e))
			return false;
		v->r->place = VERIFY_ENTRY;
		v->r->index = index;
		v->r->count = 1;
		return source_error(&inner, e);
	}
	tlog_leaf_hash(leaf, &h);
	if (!check_disclosures(v, index, leaf, packed, &inner))
		return inner.reason == REASON_TAMPERED ? blame_disclosures(v, index, &h, inner.text, e)
		                                       : error_set(e, inner.reason, "%s", inner.text);
	v->r->entries++;
	return add_hash(v, &h, e);
}

/* The hashes of a whole tile at once: asking for each would read the tile as often. */
static bool take_leaf(struct run *v, uint64_t index, struct error *e)
{
	unsigned at = index % TLOG_TILE_WIDTH, width = tlog_tile_width(0, index / TLOG_TILE_WIDTH, v->c->size);
	struct error inner = { 0 };
	struct view hashes;

	if (at == 0 || (v->s->verified && index == v->s->verified->size)) {
		bool read = v->s->tile(v->s->arg, 0, index / TLOG_TILE_WIDTH, &hashes, &inner);
		if (!read || hashes.n < width * sizeof v->leaves[0]) {
			v->r->place = VERIFY_TILE;
			v->r->index = index / TLOG_TILE_WIDTH;
			return read ? error_set(e, REASON_TAMPERED, "tile 0/%llu was cut short",
			                        (unsigned long long)v->r->index)
			            : source_error(&inner, e);
		}
		memcpy(v->leaves, hashes.p, width * sizeof v->leaves[0]);
	}
	v->r->entries++;
	return add_hash(v, &v->leaves[at], e);
}

static bool matches(struct run *v, const struct checkpoint *earlier, struct error *e)
{
	struct digest root;

	rebuilt_root(v, &root);
	if (digest_eq(&root, &earlier->root))
		return true;
	v->r->place = VERIFY_HISTORY;
	v->r->index = earlier->size;
	return error_set(e, REASON_TAMPERED, "the first %llu entries are not those of the earlier checkpoint",
	                 (unsigned long long)earlier->size);
}

/* What can be told before any entry is read. */
static bool continues(struct run *v, const struct checkpoint *earlier, struct error *e)
{
	if (!view_eq(earlier->origin, v->c->origin))
		return error_set(e, REASON_CONFIG, "the earlier checkpoint is of another log");
	if (earlier->size <= v->c->size)
		return true;
	v->r->place = VERIFY_HISTORY;
	v->r->index = v->c->size;
	return error_set(e, REASON_TAMPERED, "the log was rolled back: it had %llu entries and has %llu",
	                 (unsigned long long)earlier->size, (unsigned long long)v->c->size);
}

/* The tiles that are not full at the end of what was verified, which must give its root. */
static bool take_edge(struct run *v, const struct checkpoint *from, struct error *e)
{
	struct digest root;

	for (unsigned level = 0; level < LEVELS; level++) {
		struct building *b = &v->level[level];
		uint64_t hashes = from->size >> (8 * level);
		struct error inner = { 0 };
		struct view stored;

		b->index = hashes / TLOG_TILE_WIDTH;
		b->n = hashes % TLOG_TILE_WIDTH;
		if (b->n == 0)
			continue;
		bool read = v->s->tile(v->s->arg, level, b->index, &stored, &inner);
		if (!read || stored.n < b->n * sizeof b->hash[0]) {
			v->r->place = VERIFY_TILE;
			v->r->level = level;
			v->r->index = b->index;
			return read ? error_set(e, REASON_TAMPERED, "tile %u/%llu was cut short", level,
			                        (unsigned long long)b->index)
			            : source_error(&inner, e);
		}
		memcpy(b->hash, stored.p, b->n * sizeof b->hash[0]);
	}
	rebuilt_root(v, &root);
	if (digest_eq(&root, &from->root))
		return true;
	v->r->place = VERIFY_HISTORY;
	v->r->index = from->size;
	return error_set(
	        e, REASON_TAMPERED,
	        "the first %llu entries are not those that were verified before: their tiles give another root",
	        (unsigned long long)from->size);
}

/* Those at the edge lie in a bundle that is new where others came since: the tile at the edge says what they are. */
static bool take_edge_entries(struct run *v, const struct checkpoint *from, struct error *e)
{
	const struct building *b = &v->level[0];
	uint64_t first = from->size - b->n;

	for (unsigned i = 0; v->s->entry && i < b->n; i++) {
		struct view leaf, packed;
		struct error inner = { 0 };
		struct digest h;

		uint64_t index = first + i;

		v->r->place = VERIFY_ENTRY;
		v->r->index = index;
		v->r->count = 1;
		if (!v->s->entry(v->s->arg, index, &leaf, &packed, &inner))
			return source_error(&inner, e);
		tlog_leaf_hash(leaf, &h);
		if (!digest_eq(&h, &b->hash[i]))
			return error_set(e, REASON_TAMPERED, "entry %llu was altered", (unsigned long long)index);
	}
	v->r->place = VERIFY_INTACT;
	v->r->index = v->r->count = 0;
	return true;
}

/* From what was verified before. `earlier` may lie within it. */
static bool resume(struct run *v, const struct checkpoint *earlier, struct error *e)
{
	const struct checkpoint *from = v->s->verified;

	if (v->s->disclosures)
		return error_set(e, REASON_CONFIG, "withheld fields can only be accounted for from the first entry on");
	if (!continues(v, from, e) || !take_edge(v, from, e) || !take_edge_entries(v, from, e))
		return false;
	v->r->entries = from->size;
	if (!earlier || earlier->size >= from->size || verify_continues(earlier, from, v->s))
		return true;
	v->r->place = VERIFY_HISTORY;
	v->r->index = earlier->size;
	return error_set(e, REASON_TAMPERED, "the first %llu entries are not those of the earlier checkpoint",
	                 (unsigned long long)earlier->size);
}

static bool run_to(struct run *v, uint64_t from, const struct checkpoint *earlier, struct error *e)
{
	for (uint64_t i = from; i < v->c->size; i++) {
		if (earlier && i == earlier->size && !matches(v, earlier, e))
			return false;
		if (!(v->s->entry ? take_entry(v, i, e) : take_leaf(v, i, e)))
			return false;
	}
	for (unsigned level = 0; level < LEVELS; level++)
		if (v->level[level].n > 0 && !compare_tile(v, level, e))
			return false;
	rebuilt_root(v, &v->r->root);
	if (!digest_eq(&v->r->root, &v->c->root)) {
		v->r->place = VERIFY_ROOT;
		return error_set(e, REASON_TAMPERED,
		                 v->s->entry ? "entries and tiles agree with each other but not with the signed root"
		                             : "the tiles agree with each other but not with the signed root");
	}
	return !earlier || earlier->size < v->c->size || matches(v, earlier, e);
}

static void settle(struct run *v)
{
	struct erasures_found found;

	erasures_settle(v->erasures, &found);
	v->r->erased = found.erased;
	v->r->unaccounted = found.unaccounted;
	v->r->missing = found.missing;
	v->r->index = found.first_missing;
}

/* Rows that went while the log was read are covered by an entry behind what was read. */
static bool follow(struct run *v, bool *grew, struct error *e)
{
	uint64_t size = v->c->size;
	struct checkpoint newer;

	*grew = false;
	if (!v->s->newer(v->s->arg, &newer, e))
		return false;
	if (newer.size <= size)
		return true;
	*grew = true;
	v->newer = newer;
	v->c = &v->newer;
	bool ok = run_to(v, size, NULL, e);
	if (ok)
		settle(v);
	return ok;
}

static bool account(struct run *v, struct error *e)
{
	bool grew = v->s->newer != NULL;

	settle(v);
	for (unsigned i = 0; v->r->missing > 0 && grew && i < ROUNDS; i++)
		if (!follow(v, &grew, e))
			return false;
	if (v->r->missing == 0)
		return true;
	v->r->place = VERIFY_MISSING;
	return error_set(
	        e, REASON_TAMPERED,
	        "the withheld fields of %llu entries, entry %llu the first, are gone, and no entry says that they "
	        "were erased",
	        (unsigned long long)v->r->missing, (unsigned long long)v->r->index);
}

static bool run_all(struct run *v, const struct checkpoint *earlier, struct error *e)
{
	const struct checkpoint *from = v->s->verified;

	return (!earlier || continues(v, earlier, e)) && (!from || resume(v, earlier, e)) &&
	       run_to(v, from ? from->size : 0, earlier, e) && account(v, e);
}

bool verify_log(const struct checkpoint *c, const struct checkpoint *earlier, const struct verify_source *s,
                struct verify_report *r, struct error *e)
{
	struct run *v = calloc(1, sizeof *v);

	*r = (struct verify_report){ 0 };
	if (v)
		v->erasures = erasures_new(c->origin, s->later);
	if (!v || !v->erasures) {
		free(v);
		return error_set(e, REASON_NO_MEMORY, "no memory for the verification");
	}
	v->c = c;
	v->s = s;
	v->r = r;
	bool ok = run_all(v, earlier, e);
	erasures_free(v->erasures);
	free(v);
	return ok;
}

static bool read_of_source(void *arg, unsigned level, uint64_t index, struct digest *out)
{
	const struct verify_source *s = arg;

	return tiles_read_stored(s->tile, s->arg, level, index, out, NULL);
}

bool verify_continues(const struct checkpoint *older, const struct checkpoint *newer, const struct verify_source *s)
{
	struct verify_source source = *s;
	struct digest proof[TLOG_PROOF_MAX];
	unsigned n;

	if (older->size == 0)
		return true;
	return older->size <= newer->size &&
	       tlog_prove_consistency(older->size, newer->size, read_of_source, &source, proof, &n) &&
	       tlog_check_consistency(older->size, newer->size, &older->root, &newer->root, proof, n);
}
