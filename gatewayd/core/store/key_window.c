/* See key_window.h. */
#include "gatewayd/core/store/key_window.h"

#include <stdlib.h>

#define FIRST_SLOTS 1024u
#define LAST_SLOTS  (1u << 30)
/* Row numbers of a transaction that was rolled back are used again: the next may lie before the first. */
#define BASE_SLACK 65536u

static void bucket_place(uint64_t *slots, uint32_t mask, uint64_t entry)
{
	uint32_t at = (uint32_t)(entry >> 32) & mask;

	while (slots[at] != 0)
		at = (at + 1) & mask;
	slots[at] = entry;
}

static bool bucket_grow(struct window_bucket *b)
{
	uint32_t size = b->slots ? (b->mask + 1) * 2 : FIRST_SLOTS;
	uint64_t *slots = size > LAST_SLOTS ? NULL : calloc(size, sizeof *slots);

	if (!slots)
		return false;
	for (uint32_t i = 0; b->slots && i <= b->mask; i++)
		if (b->slots[i] != 0)
			bucket_place(slots, size - 1, b->slots[i]);
	free(b->slots);
	b->slots = slots;
	b->mask = size - 1;
	return true;
}

static void drop_expired(struct window *w, int64_t now_ms)
{
	while (w->n > 1 && now_ms - w->buckets[w->n - 1].newest_ms > w->length_ms) {
		free(w->buckets[w->n - 1].slots);
		w->buckets[--w->n] = (struct window_bucket){ 0 };
	}
}

/* A new bucket for each sixth of the window, so that at most seven are live. When clocks jump about the
 * rest of the array is used up and the newest bucket simply goes on. */
static bool wants_bucket(const struct window *w, uint64_t seq, int64_t now_ms)
{
	if (w->n == 0)
		return true;
	const struct window_bucket *b = &w->buckets[0];
	if (seq < b->base || seq - b->base >= UINT32_MAX - 1)
		return true;
	return w->n < WINDOW_BUCKETS && now_ms - b->oldest_ms > w->length_ms / 6;
}

bool window_add(struct window *w, uint32_t hash, uint64_t seq, int64_t now_ms)
{
	drop_expired(w, now_ms);
	if (wants_bucket(w, seq, now_ms)) {
		struct window_bucket fresh = { .base = seq > BASE_SLACK ? seq - BASE_SLACK : 0,
			                       .oldest_ms = now_ms,
			                       .newest_ms = now_ms };

		if (w->n == WINDOW_BUCKETS || !bucket_grow(&fresh))
			return false;
		memmove(&w->buckets[1], &w->buckets[0], w->n * sizeof w->buckets[0]);
		w->buckets[0] = fresh;
		w->n++;
	}
	struct window_bucket *b = &w->buckets[0];
	if (b->n >= b->mask / 4 * 3 && !bucket_grow(b))
		return false;
	bucket_place(b->slots, b->mask, (uint64_t)hash << 32 | (uint32_t)(seq - b->base + 1));
	b->n++;
	if (now_ms > b->newest_ms)
		b->newest_ms = now_ms;
	return true;
}

bool window_next(const struct window *w, struct window_cursor *c, uint32_t hash, uint64_t *seq)
{
	for (; c->bucket < w->n; c->bucket++, c->step = 0) {
		const struct window_bucket *b = &w->buckets[c->bucket];

		for (;;) {
			uint64_t entry = b->slots[(hash + c->step) & b->mask];
			if (entry == 0)
				break;
			c->step++;
			if ((uint32_t)(entry >> 32) == hash) {
				*seq = b->base + (uint32_t)entry - 1;
				return true;
			}
		}
	}
	return false;
}

uint64_t window_count(const struct window *w)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < w->n; i++)
		n += w->buckets[i].n;
	return n;
}

void window_free(struct window *w)
{
	for (unsigned i = 0; i < w->n; i++)
		free(w->buckets[i].slots);
	*w = (struct window){ .length_ms = w->length_ms };
}

struct sip {
	uint64_t v[4];
	uint64_t word; /* bytes that do not yet fill a word */
	uint64_t length;
};

static uint64_t rotl(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13);
	v[1] ^= v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16);
	v[3] ^= v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21);
	v[3] ^= v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17);
	v[1] ^= v[2];
	v[2] = rotl(v[2], 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->v[3] ^= word;
	sip_round(s->v);
	sip_round(s->v);
	s->v[0] ^= word;
}

static void sip_bytes(struct sip *s, struct view in)
{
	for (size_t i = 0; i < in.n; i++) {
		s->word |= (uint64_t)(uint8_t)in.p[i] << (s->length % 8 * 8);
		if (++s->length % 8 == 0) {
			sip_word(s, s->word);
			s->word = 0;
		}
	}
}

static uint64_t little_endian(const uint8_t *p)
{
	uint64_t word = 0;

	for (unsigned i = 0; i < 8; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

uint64_t siphash24(const uint8_t key[16], const struct view *parts, size_t n)
{
	uint64_t k0 = little_endian(key), k1 = little_endian(key + 8);
	struct sip s = { .v = { k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
		                k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573) } };

	for (size_t i = 0; i < n; i++)
		sip_bytes(&s, parts[i]);
	sip_word(&s, s.word | s.length << 56);
	s.v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		sip_round(s.v);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}
