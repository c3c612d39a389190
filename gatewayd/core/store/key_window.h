/* The window of idempotency keys: an in-memory hash from 32 bits of a keyed hash to the row that may hold
 * the key. A random unique index over partners' keys would halve the database's speed and get slower as it
 * grows; this costs some 13 bytes a key and is rebuilt at start from rows that lie in order. It is a hint:
 * whoever finds a row number compares the row itself, so rows that were rolled back do no harm. What
 * matters is that no key is missed: window_add() that fails must fail its transaction.
 *
 * Keys lie in buckets by time; a bucket whose newest key is older than the window is freed whole. One
 * thread at a time. */
#ifndef GATEWAYD_CORE_STORE_KEY_WINDOW_H
#define GATEWAYD_CORE_STORE_KEY_WINDOW_H

#include "lib/base/view.h"

#include <stdint.h>

#define WINDOW_BUCKETS 10

struct window_bucket {
	uint64_t *slots;  /* hash << 32 | (seq - base + 1); 0: free */
	uint32_t mask, n; /* slots - 1; used */
	uint64_t base;    /* row of the first key */
	int64_t oldest_ms, newest_ms;
};

/* A zeroed window with length_ms set is a valid empty one. */
struct window {
	int64_t length_ms;
	struct window_bucket buckets[WINDOW_BUCKETS]; /* the newest first */
	unsigned n;
};

struct window_cursor {
	unsigned bucket;
	uint32_t step;
};

/* False when memory ran out; the window is as before. */
bool window_add(struct window *w, uint32_t hash, uint64_t seq, int64_t now_ms) MUST_USE;
/* The next row that may hold the key, the newest bucket first; start with a zeroed cursor. */
bool window_next(const struct window *w, struct window_cursor *c, uint32_t hash, uint64_t *seq) MUST_USE;
/* Keys that are held; expired ones of a living bucket count. */
uint64_t window_count(const struct window *w);
void window_free(struct window *w);

/* SipHash-2-4 (Aumasson and Bernstein 2012) over several parts in a row: without its key nobody can choose
 * inputs that collide. */
uint64_t siphash24(const uint8_t key[16], const struct view *parts, size_t n);

#endif
