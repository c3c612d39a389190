/* See surrogates.h. */
#include "gatewayd/core/exchange/surrogates.h"

#include <pthread.h>
#include <uthash.h>

#include "gatewayd/core/store/surrogate.h"
#include "lib/crypto/crypto.h"

/* One that may not be in the store yet. */
struct surrogate {
	UT_hash_handle hh;
	struct digest key; /* of agreement, purpose, domain and epoch as well */
	uint32_t epoch;
	int64_t until_ms;
	uint8_t value[SURROGATE_BYTES];
	unsigned uses;
	size_t n;
	char agreement[];
};

struct surrogates {
	pthread_mutex_t lock;
	struct surrogate *table;
};

struct surrogates *surrogates_new(void)
{
	struct surrogates *s = calloc(1, sizeof *s);

	if (s)
		pthread_mutex_init(&s->lock, NULL);
	return s;
}

void surrogates_free(struct surrogates *s)
{
	struct surrogate *x, *next;

	if (!s)
		return;
	HASH_ITER(hh, s->table, x, next)
	{
		HASH_DEL(s->table, x);
		free(x);
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Room for one more in the use. */
static bool use_grow(struct surrogate_use *u, struct error *e)
{
	if (u->n < u->cap)
		return true;
	size_t cap = u->cap ? 2 * u->cap : 8;
	struct surrogate **held = realloc(u->held, cap * sizeof *held);
	if (!held)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	u->held = held;
	u->cap = cap;
	return true;
}

static struct surrogate *draw(const struct agreement *a, const struct surrogate_key *key, struct error *e)
{
	struct view id = agreement_id(a);
	struct surrogate *x = calloc(1, sizeof *x + id.n);

	if (!x || !random_bytes(x->value, sizeof x->value)) {
		error_set(e, x ? REASON_CRYPTO : REASON_NO_MEMORY, x ? "no random bytes" : "memory ran out");
		free(x);
		return NULL;
	}
	x->key = key->digest;
	x->epoch = key->epoch;
	x->until_ms = agreement_epoch_end_ms(a, key->epoch);
	x->n = id.n;
	memcpy(x->agreement, id.p, id.n);
	return x;
}

/* Under the lock. The store is read under it as well: what is neither here nor there is new. */
static bool find(const struct surrogate_search *f, const struct surrogate_key *key, uint8_t out[SURROGATE_BYTES],
                 struct error *e)
{
	struct surrogates *s = f->surrogates;
	struct error missing = { .reason = REASON_NONE };
	struct surrogate *x;

	HASH_FIND(hh, s->table, &key->digest, sizeof key->digest, x);
	if (!x) {
		if (store_get_surrogate(f->reader, agreement_id(f->agreement), key->epoch, &key->digest, out, &missing))
			return true;
		if (missing.reason != REASON_NOT_FOUND) {
			*e = missing;
			return false;
		}
		x = use_grow(f->use, e) ? draw(f->agreement, key, e) : NULL;
		if (!x)
			return false;
		HASH_ADD(hh, s->table, key, sizeof x->key, x);
	}
	memcpy(out, x->value, SURROGATE_BYTES);
	for (size_t i = 0; i < f->use->n; i++)
		if (f->use->held[i] == x)
			return true;
	if (!use_grow(f->use, e))
		return false;
	f->use->of = s;
	f->use->held[f->use->n++] = x;
	x->uses++;
	return true;
}

bool surrogates_find(void *arg, const struct surrogate_key *key, uint8_t out[SURROGATE_BYTES], struct error *e)
{
	const struct surrogate_search *f = arg;

	pthread_mutex_lock(&f->surrogates->lock);
	bool ok = find(f, key, out, e);
	pthread_mutex_unlock(&f->surrogates->lock);
	return ok;
}

bool surrogates_write(const struct surrogate_use *u, struct store *s, struct error *e)
{
	/* What is in use neither changes nor goes. */
	for (size_t i = 0; i < u->n; i++) {
		struct store_surrogate row = { .agreement = view_make(u->held[i]->agreement, u->held[i]->n),
			                       .epoch = u->held[i]->epoch,
			                       .key = u->held[i]->key,
			                       .until_ms = u->held[i]->until_ms };
		memcpy(row.value, u->held[i]->value, sizeof row.value);
		if (!store_put_surrogate(s, &row, e))
			return false;
	}
	return true;
}

void surrogates_settle(struct surrogate_use *u)
{
	struct surrogates *s = u->of;

	if (s) {
		pthread_mutex_lock(&s->lock);
		for (size_t i = 0; i < u->n; i++) {
			struct surrogate *x = u->held[i];
			if (--x->uses > 0)
				continue;
			HASH_DEL(s->table, x);
			free(x);
		}
		pthread_mutex_unlock(&s->lock);
	}
	free(u->held);
	*u = (struct surrogate_use){ .of = NULL };
}

size_t surrogates_held(struct surrogates *s)
{
	pthread_mutex_lock(&s->lock);
	size_t n = HASH_COUNT(s->table);
	pthread_mutex_unlock(&s->lock);
	return n;
}
