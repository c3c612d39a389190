/* See known.h. Chains of places, by a keyed hash. */
#include "gatewayd/edge/known.h"

#include <event2/util.h>
#include <stdlib.h>

#define BUCKET_BITS 12
#define NONE        UINT16_MAX

struct place {
	struct address source;
	uint64_t until, added; /* `added`: a number that grows */
	uint16_t next;
};

struct known {
	uint64_t key[ADDRESS_KEY];
	uint64_t adds;
	uint32_t n;
	uint16_t first[1u << BUCKET_BITS];
	struct place place[KNOWN_MAX];
};

struct known *known_new(void)
{
	struct known *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	evutil_secure_rng_get_bytes(k->key, sizeof k->key);
	memset(k->first, 0xff, sizeof k->first);
	return k;
}

void known_free(struct known *k)
{
	free(k);
}

static size_t bucket_of(const struct known *k, const struct address *a)
{
	return address_hash(k->key, a) >> (64 - BUCKET_BITS);
}

static uint16_t find(const struct known *k, const struct address *a)
{
	uint16_t i = k->first[bucket_of(k, a)];

	while (i != NONE && memcmp(&k->place[i].source, a, sizeof *a) != 0)
		i = k->place[i].next;
	return i;
}

/* The place of whoever was added longest ago, which is on no chain any more. */
static uint16_t take_oldest(struct known *k)
{
	uint16_t oldest = 0;

	for (uint16_t i = 1; i < KNOWN_MAX; i++)
		if (k->place[i].added < k->place[oldest].added)
			oldest = i;
	uint16_t *link = &k->first[bucket_of(k, &k->place[oldest].source)];
	while (*link != oldest)
		link = &k->place[*link].next;
	*link = k->place[oldest].next;
	return oldest;
}

void known_add(struct known *k, const struct address *source, uint64_t until)
{
	uint16_t i = find(k, source);

	if (i == NONE) {
		uint16_t *first = &k->first[bucket_of(k, source)];
		i = k->n < KNOWN_MAX ? (uint16_t)k->n++ : take_oldest(k);
		k->place[i] = (struct place){ .source = *source, .next = *first };
		*first = i;
	}
	if (k->place[i].until < until)
		k->place[i].until = until;
	k->place[i].added = ++k->adds;
}

bool known_has(const struct known *k, const struct address *source, uint64_t now)
{
	uint16_t i = find(k, source);

	return i != NONE && k->place[i].until > now;
}
