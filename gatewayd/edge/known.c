/* See known.h. Chains of places, by a keyed hash. */
#include "gatewayd/edge/known.h"

#include <event2/util.h>
#include <stdlib.h>

#define BUCKET_BITS 12
#define NONE        UINT16_MAX

struct place {
	struct address source;
	uint64_t until, added; /* `added`: a number that grows */
	uint16_t next, share;
};

/* How many places a partner has; 0: nobody has this share. */
struct share {
	uint64_t partner; /* the beginning of its key's digest: two that are alike there share one */
	uint32_t n;
};

struct known {
	uint64_t key[ADDRESS_KEY];
	uint64_t adds;
	uint32_t n;
	uint16_t n_shares; /* KNOWN_MAX + 1 at most, as a place counts them */
	uint16_t first[1u << BUCKET_BITS];
	struct place place[KNOWN_MAX];
	struct share share[KNOWN_MAX + 1];
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

/* There is one more than places, so that one is always free. */
static uint16_t share_of(struct known *k, const struct digest *partner)
{
	uint16_t free_one = k->n_shares;
	uint64_t id;

	memcpy(&id, partner->b, sizeof id);
	for (uint16_t i = 0; i < k->n_shares; i++) {
		if (k->share[i].n > 0 && k->share[i].partner == id)
			return i;
		free_one = k->share[i].n == 0 ? i : free_one;
	}
	if (free_one == k->n_shares)
		k->n_shares++;
	k->share[free_one] = (struct share){ .partner = id };
	return free_one;
}

static uint16_t fullest(const struct known *k)
{
	uint16_t most = 0;

	for (uint16_t i = 1; i < k->n_shares; i++)
		if (k->share[i].n > k->share[most].n)
			most = i;
	return most;
}

/* The place that goes, which is on no chain and in no share any more. */
static uint16_t take_oldest(struct known *k)
{
	uint16_t oldest = 0, share = fullest(k);

	while (k->place[oldest].share != share) /* the fullest has one */
		oldest++;
	for (uint16_t i = oldest; i < KNOWN_MAX; i++)
		if (k->place[i].share == share && k->place[i].added < k->place[oldest].added)
			oldest = i;
	k->share[share].n--;
	uint16_t *link = &k->first[bucket_of(k, &k->place[oldest].source)];
	while (*link != oldest)
		link = &k->place[*link].next;
	*link = k->place[oldest].next;
	return oldest;
}

void known_add(struct known *k, const struct address *source, const struct digest *partner, uint64_t until)
{
	uint16_t i = find(k, source);

	if (i != NONE) {
		k->share[k->place[i].share].n--;
	} else {
		uint16_t *first = &k->first[bucket_of(k, source)];
		i = k->n < KNOWN_MAX ? (uint16_t)k->n++ : take_oldest(k);
		k->place[i] = (struct place){ .source = *source, .next = *first };
		*first = i;
	}
	if (k->place[i].until < until)
		k->place[i].until = until;
	k->place[i].added = ++k->adds;
	k->place[i].share = share_of(k, partner);
	k->share[k->place[i].share].n++;
}

bool known_has(const struct known *k, const struct address *source, uint64_t now)
{
	uint16_t i = find(k, source);

	return i != NONE && k->place[i].until > now;
}
