/* Duplicate names in an object, compared after unescaping. tape_hash() is public, so names of equal
 * hash cost an attacker nothing; the bound is: up to SMALL_OBJECT names each is compared with those
 * before it, beyond that the names are sorted by hash, length and bytes when the object closes, which
 * takes n log n comparisons whatever the hashes are. */
#include "lib/json/parser.h"

#define KEYS_FIRST 256

static struct view name_of(const struct tape_parser *p, uint64_t key)
{
	const struct tape t = { .nodes = p->nodes, .text = p->text, .decoded = p->decoded };

	return tape_string(&t, (uint32_t)key);
}

static bool duplicate(struct tape_parser *p, uint32_t node)
{
	return parser_fail(p, REASON_BAD_JSON, p->nodes[node].off, "a member name occurs twice in an object", 0);
}

bool parser_add_key(struct tape_parser *p, struct frame *f, uint32_t node)
{
	if (p->limits.duplicates)
		return true;
	uint32_t hash = p->nodes[node].hash;
	uint64_t key = (uint64_t)hash << 32 | node, bit = UINT64_C(1) << (hash >> 26);

	if (f->count < SMALL_OBJECT && (f->seen & bit)) {
		for (size_t i = f->keys; i < p->keys_n; i++)
			if (p->keys[i] >> 32 == hash && view_eq(name_of(p, p->keys[i]), name_of(p, key)))
				return duplicate(p, node);
	}
	f->seen |= bit;
	if (UNLIKELY(p->keys_n == p->keys_cap)) {
		uint64_t *keys = parser_grow(p->keys, &p->keys_cap, p->keys_n, p->keys_n + KEYS_FIRST, sizeof *keys);
		if (!keys)
			return parser_fail(p, REASON_NO_MEMORY, 0, "memory ran out", 0);
		p->keys = keys;
	}
	p->keys[p->keys_n++] = key;
	return true;
}

/* By hash, length and bytes; 0 for the same name. */
static int name_order(const struct tape_parser *p, uint64_t a, uint64_t b)
{
	if (a >> 32 != b >> 32)
		return a < b ? -1 : 1;
	struct view x = name_of(p, a), y = name_of(p, b);
	if (x.n != y.n)
		return x.n < y.n ? -1 : 1;
	return x.n ? memcmp(x.p, y.p, x.n) : 0;
}

/* The same, and names that are alike in the order of the text. */
static bool comes_before(const struct tape_parser *p, uint64_t a, uint64_t b)
{
	int order = name_order(p, a, b);

	return order ? order < 0 : a < b;
}

static void sift_down(const struct tape_parser *p, uint64_t *heap, size_t i, size_t n)
{
	uint64_t moved = heap[i];

	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && comes_before(p, heap[child], heap[child + 1]))
			child++;
		if (!comes_before(p, moved, heap[child]))
			break;
		heap[i] = heap[child];
	}
	heap[i] = moved;
}

/* Heap sort: in place, and n log n for every input. */
static void sort_keys(const struct tape_parser *p, uint64_t *keys, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(p, keys, i, n);
	for (size_t last = n; last-- > 1;) {
		uint64_t top = keys[0];
		keys[0] = keys[last];
		keys[last] = top;
		sift_down(p, keys, 0, last);
	}
}

bool parser_end_keys(struct tape_parser *p, struct frame *f)
{
	size_t n = p->keys_n - f->keys;
	uint32_t first = UINT32_MAX;

	p->keys_n = f->keys;
	if (n <= SMALL_OBJECT)
		return true;
	uint64_t *keys = p->keys + f->keys;
	sort_keys(p, keys, n);
	for (size_t i = 1; i < n; i++)
		if ((uint32_t)keys[i] < first && name_order(p, keys[i - 1], keys[i]) == 0)
			first = (uint32_t)keys[i];
	return first == UINT32_MAX || duplicate(p, first);
}
