/* Keys that were synced before anybody needs one. See keystore.h.
 *
 * Whoever seals takes a key and its slot; the transaction then names the slot, and has nothing to write or sync for it. What is
 * given out is in nobody's list any more: it is named by a row, given back, or, when the process ends before either, found by
 * the next start, whose sweep overwrites it. What is given back was seen by somebody: it is overwritten with another key and
 * synced before it is ready again. */
#include <stdlib.h>

#include "gatewayd/core/keys/keystore_private.h"

bool key_pool_reserve(struct key_pool *p, uint32_t slots, struct error *e)
{
	pthread_mutex_lock(&p->lock);
	uint32_t *more = realloc(p->returned, slots * sizeof *more);
	if (more)
		p->returned = more;
	pthread_mutex_unlock(&p->lock);
	return more || keystore_no_memory(e);
}

void key_pool_close(struct key_pool *p)
{
	pthread_mutex_destroy(&p->lock);
	free(p->returned);
}

/* The lock is held. */
static void take_first(struct key_pool *p, struct key_grant *out)
{
	struct key_grant *first = &p->ready[p->first];

	*out = *first;
	wipe(first, sizeof *first);
	p->first = (p->first + 1) % KEYSTORE_POOL;
	p->n--;
}

bool keystore_take(struct keystore *k, struct key_grant *out)
{
	struct key_pool *p = &k->pool;

	pthread_mutex_lock(&p->lock);
	bool any = p->n > 0;
	if (any)
		take_first(p, out);
	pthread_mutex_unlock(&p->lock);
	return any;
}

void keystore_give_back(struct keystore *k, uint32_t slot)
{
	struct key_pool *p = &k->pool;

	pthread_mutex_lock(&p->lock);
	p->returned[p->n_returned++] = slot;
	pthread_mutex_unlock(&p->lock);
}

void key_pool_drain(struct key_pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->n > 0) {
		struct key_grant gone;

		take_first(p, &gone);
		p->returned[p->n_returned++] = gone.slot;
		wipe(&gone, sizeof gone);
	}
	pthread_mutex_unlock(&p->lock);
}

uint32_t keystore_ready(struct keystore *k)
{
	pthread_mutex_lock(&k->pool.lock);
	uint32_t n = k->pool.n;
	pthread_mutex_unlock(&k->pool.lock);
	return n;
}

/* --- filling --- */

/* One that was given back, and that no row can name. */
static bool find_returned(struct keystore *k, uint32_t *slot)
{
	struct key_pool *p = &k->pool;
	bool found = false;

	pthread_mutex_lock(&p->lock);
	while (!found && p->n_returned > 0) {
		*slot = p->returned[--p->n_returned];
		found = k->states[*slot] == SLOT_POOLED;
	}
	pthread_mutex_unlock(&p->lock);
	return found;
}

/* False: there is none, and the file cannot grow. That fails nobody who needs none: what is missing here is put, and said, by
 * the transaction that needs it. */
static bool find_slot(struct keystore *k, uint32_t *slot)
{
	struct error why = { .reason = REASON_NONE };

	if (find_returned(k, slot))
		return true;
	if (k->free.n == 0 && k->cramped)
		return false;
	k->cramped = !keystore_find_slot(k, slot, &why);
	return !k->cramped;
}

static void publish(struct keystore *k, const struct key_grant *fresh, uint32_t n)
{
	struct key_pool *p = &k->pool;

	pthread_mutex_lock(&p->lock);
	for (uint32_t i = 0; i < n; i++)
		p->ready[(p->first + p->n++) % KEYSTORE_POOL] = fresh[i];
	pthread_mutex_unlock(&p->lock);
}

/* Finds slots for keys and wraps these, in memory. Returns for how many. */
static uint32_t prepare(struct keystore *k, struct key_grant *fresh, const uint8_t (*keys)[KEY_BYTES], uint32_t n)
{
	struct error why = { .reason = REASON_NONE };
	uint32_t i = 0;

	for (; i < n && find_slot(k, &fresh[i].slot); i++) {
		uint32_t slot = fresh[i].slot;

		memcpy(fresh[i].key, keys[i], KEY_BYTES);
		/* From here on it is no more than given back. */
		k->states[slot] = SLOT_POOLED;
		if (!keystore_wrap(k, &k->file, slot, keys[i], &k->images[i], &why)) {
			keystore_give_back(k, slot);
			break;
		}
		k->image_slots[i] = slot;
	}
	return i;
}

/* At most `n` keys, one sync. *made 0: there is no slot or no memory now. False: the sync failed. */
static bool fill(struct keystore *k, uint32_t n, uint32_t *made, struct error *e)
{
	struct error why = { .reason = REASON_NONE };
	struct key_grant *fresh = malloc(FILL_SLOTS * sizeof *fresh);
	uint8_t(*keys)[KEY_BYTES] = malloc(FILL_SLOTS * sizeof *keys);
	bool ok = true;

	*made = 0;
	if (fresh && keys && keystore_reserve(k, n, &why) && random_secret(keys, n * sizeof *keys))
		*made = prepare(k, fresh, (const uint8_t(*)[KEY_BYTES])keys, n);
	if (*made > 0) {
		k->n_images = *made;
		ok = keystore_write_images(k, e);
		if (ok)
			publish(k, fresh, *made);
	}
	if (fresh)
		wipe(fresh, FILL_SLOTS * sizeof *fresh);
	if (keys)
		wipe(keys, FILL_SLOTS * sizeof *keys);
	free(fresh);
	free(keys);
	return ok;
}

bool keystore_fill(struct keystore *k, uint32_t size, struct error *e)
{
	uint32_t want = size < KEYSTORE_POOL ? size : KEYSTORE_POOL, ready = keystore_ready(k), made = 1;

	if (!k->swept || ready > want - want / 4 || ready == want)
		return true;
	/* Meanwhile others take: what is added here is what was missing at first. */
	for (uint32_t missing = want - ready; missing > 0 && made > 0; missing -= made)
		if (!fill(k, missing < FILL_SLOTS ? missing : FILL_SLOTS, &made, e))
			return false;
	return true;
}

/* --- naming --- */

bool keystore_use(struct keystore *k, uint32_t slot, struct error *e)
{
	if (slot >= k->n || k->states[slot] != SLOT_POOLED)
		return error_set(e, REASON_INTERNAL, "a key slot that was not given out was to be named");
	if (!keystore_reserve(k, 1, e))
		return false;
	k->states[slot] = SLOT_NAMED;
	k->changed[k->n_changed++] = slot;
	k->taken++;
	return true;
}
