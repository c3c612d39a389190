/* See keystore.h. The slots' states lie in memory, a byte each; what a transaction changes is collected as
 * images of slots and written at its sync, neighbours in one write. Free slots are used in the order in
 * which they became free, so that those of one sync lie close together in the file. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "gatewayd/core/keys/keystore_private.h"

bool keystore_no_memory(struct error *e)
{
	return error_set(e, REASON_NO_MEMORY, "no memory for key slots");
}

static bool no_random(struct error *e)
{
	return error_set(e, REASON_CRYPTO, "no random bytes for a key slot");
}

/* --- free slots --- */

static bool free_list_reserve(struct free_list *f, uint32_t cap)
{
	if (cap <= f->cap)
		return true;
	uint32_t *more = malloc(cap * sizeof *more);
	if (!more)
		return false;
	for (uint32_t i = 0; i < f->n; i++)
		more[i] = f->slots[(f->first + i) % f->cap];
	free(f->slots);
	*f = (struct free_list){ .slots = more, .cap = cap, .n = f->n };
	return true;
}

/* There is always room: the list is as large as the file. */
static void free_list_add(struct keystore *k, uint32_t slot)
{
	struct free_list *f = &k->free;

	k->states[slot] = SLOT_FREE;
	f->slots[(f->first + f->n++) % f->cap] = slot;
}

static uint32_t free_list_take(struct free_list *f)
{
	uint32_t slot = f->slots[f->first];

	f->first = (f->first + 1) % f->cap;
	f->n--;
	return slot;
}

static bool make_room(struct keystore *k, uint32_t n, struct error *e)
{
	uint8_t *states = realloc(k->states, n);

	if (!states)
		return keystore_no_memory(e);
	k->states = states;
	return key_pool_reserve(&k->pool, n, e) && (free_list_reserve(&k->free, n) || keystore_no_memory(e));
}

static bool grow(struct keystore *k, struct error *e)
{
	if (k->n > UINT32_MAX - GROW_SLOTS)
		return error_set(e, REASON_LIMIT, "the key store is full");
	uint32_t n = k->n + GROW_SLOTS;
	if (!make_room(k, n, e) || !slot_file_extend(&k->file, k->n, n, e))
		return false;
	for (uint32_t slot = k->n; slot < n; slot++)
		free_list_add(k, slot);
	k->n = n;
	k->cramped = false;
	return true;
}

bool keystore_find_slot(struct keystore *k, uint32_t *slot, struct error *e)
{
	if (k->free.n == 0 && !grow(k, e))
		return false;
	*slot = free_list_take(&k->free);
	return true;
}

/* --- wrapping --- */

static void slot_context(uint32_t generation, uint32_t slot, uint8_t out[16])
{
	memcpy(out, "key slot", 8);
	for (unsigned i = 0; i < 4; i++) {
		out[8 + i] = (uint8_t)(generation >> (24 - 8 * i));
		out[12 + i] = (uint8_t)(slot >> (24 - 8 * i));
	}
}

bool keystore_wrap(struct keystore *k, const struct slot_file *f, uint32_t slot, const uint8_t key[KEY_BYTES],
                   struct image *out, struct error *e)
{
	uint8_t context[16];

	*out = (struct image){ .b = { SLOT_LIVE } };
	slot_context(f->generation, slot, context);
	if (!random_bytes(out->b + 4, NONCE_BYTES))
		return no_random(e);
	return gcm_seal(k->writer, f->master.b, out->b + 4, view_make(context, sizeof context),
	                view_make(key, KEY_BYTES), out->b + 4 + NONCE_BYTES) ||
	       error_set(e, REASON_CRYPTO, "cannot wrap a payload key");
}

bool keystore_unwrap(struct gcm *g, const struct slot_file *f, uint32_t slot, const struct image *in,
                     uint8_t key[KEY_BYTES])
{
	uint8_t context[16];

	slot_context(f->generation, slot, context);
	return gcm_open(g, f->master.b, in->b + 4, view_make(context, sizeof context),
	                view_make(in->b + 4 + NONCE_BYTES, SEALED_BYTES), key);
}

/* --- the transaction's images --- */

static size_t larger(size_t cap, size_t needed)
{
	cap = cap ? cap : 256;
	while (cap < needed)
		cap *= 2;
	return cap;
}

bool keystore_reserve(struct keystore *k, size_t n, struct error *e)
{
	/* As many images as changes: keystore_destroy() needs no memory. */
	size_t most = (k->n_images > k->n_changed ? k->n_images : k->n_changed) + n;

	if (most > k->cap_images) {
		size_t cap = larger(k->cap_images, most);
		uint32_t *slots = realloc(k->image_slots, cap * sizeof *slots);

		if (!slots)
			return keystore_no_memory(e);
		k->image_slots = slots;
		struct image *images = realloc(k->images, cap * sizeof *images);
		if (!images)
			return keystore_no_memory(e);
		k->images = images;
		k->cap_images = cap;
	}
	if (k->n_changed + n > k->cap_changed) {
		size_t cap = larger(k->cap_changed, k->n_changed + n);
		uint32_t *changed = realloc(k->changed, cap * sizeof *changed);

		if (!changed)
			return keystore_no_memory(e);
		k->changed = changed;
		k->cap_changed = cap;
	}
	return true;
}

static void add_image(struct keystore *k, uint32_t slot)
{
	k->image_slots[k->n_images++] = slot;
}

static bool noise_image(struct image *out, struct error *e)
{
	if (!random_bytes(out->b, sizeof out->b))
		return no_random(e);
	memset(out->b, 0, 4);
	return true;
}

bool keystore_put(struct keystore *k, const uint8_t key[32], uint32_t *slot, struct error *e)
{
	if (!keystore_reserve(k, 1, e) || (k->free.n == 0 && !grow(k, e)))
		return false;
	uint32_t s = k->free.slots[k->free.first];
	if (!keystore_wrap(k, &k->file, s, key, &k->images[k->n_images], e))
		return false;
	free_list_take(&k->free);
	k->states[s] = SLOT_PUT;
	k->changed[k->n_changed++] = s;
	add_image(k, s);
	k->taken++;
	*slot = s;
	return true;
}

bool keystore_erase(struct keystore *k, uint32_t slot, struct error *e)
{
	if (slot >= k->n)
		return error_set(e, REASON_NOT_FOUND, "there is no such key slot");
	enum slot_state was = (enum slot_state)k->states[slot];
	if (was != SLOT_TAKEN && was != SLOT_PUT && was != SLOT_NAMED && was != SLOT_UNSWEPT)
		return true;
	if (!keystore_reserve(k, 1, e))
		return false;
	/* A slot that this transaction put or named is in the list of changes already. */
	if (was != SLOT_PUT && was != SLOT_NAMED)
		k->changed[k->n_changed++] = slot;
	if (was != SLOT_UNSWEPT)
		k->taken--;
	k->states[slot] = was == SLOT_PUT       ? SLOT_DROPPED
	                  : was == SLOT_NAMED   ? SLOT_UNNAMED
	                  : was == SLOT_UNSWEPT ? SLOT_RELEASED
	                                        : SLOT_ERASED;
	return true;
}

bool keystore_write_images(struct keystore *k, struct error *e)
{
	for (size_t i = 0; i < k->n_images;) {
		size_t end = i + 1;

		while (end < k->n_images && k->image_slots[end] == k->image_slots[end - 1] + 1)
			end++;
		if (!slot_file_write(&k->file, k->image_slots[i], &k->images[i], (end - i) * SLOT_SIZE, e))
			return false;
		i = end;
	}
	if (!slot_file_sync(&k->file, e))
		return false;
	k->n_images = 0;
	return true;
}

bool keystore_flush(struct keystore *k, struct error *e)
{
	if (k->n_images == 0)
		return true;
	k->flushed = true;
	return keystore_write_images(k, e);
}

bool keystore_sync(struct keystore *k, struct error *e)
{
	k->doubted = true;
	return keystore_flush(k, e);
}

/* What a slot is after its transaction. Where a sync or the COMMIT may have happened, a slot that was put or named is not used
 * again: the next sweep decides. */
static void let_go(struct keystore *k, uint32_t slot, bool committed)
{
	bool named = k->states[slot] == SLOT_NAMED || k->states[slot] == SLOT_UNNAMED;

	if (!committed && (k->doubted || (!named && k->flushed)))
		k->states[slot] = SLOT_UNSWEPT;
	else if (named)
		k->states[slot] = SLOT_POOLED; /* still whose it was */
	else
		free_list_add(k, slot);
}

static void settle_slot(struct keystore *k, uint32_t slot, bool committed)
{
	switch ((enum slot_state)k->states[slot]) {
	case SLOT_PUT:
	case SLOT_NAMED:
		if (committed) {
			k->states[slot] = SLOT_TAKEN;
			return;
		}
		k->taken--;
		break;
	case SLOT_ERASED:
		if (committed) {
			k->states[slot] = SLOT_DOOMED;
			k->n_doomed++;
		} else {
			k->states[slot] = SLOT_TAKEN;
			k->taken++;
		}
		return;
	case SLOT_DROPPED:
	case SLOT_UNNAMED:
		if (!committed)
			break;
		k->states[slot] = SLOT_DOOMED;
		k->n_doomed++;
		return;
	case SLOT_RELEASED:
		if (!committed) {
			k->states[slot] = SLOT_UNSWEPT;
			return;
		}
		break;
	case SLOT_UNSWEPT:
	case SLOT_FREE:
	case SLOT_POOLED:
	case SLOT_TAKEN:
	case SLOT_DOOMED: return;
	}
	let_go(k, slot, committed);
}

void keystore_settle(struct keystore *k, bool committed)
{
	size_t doomed = 0;

	for (size_t i = 0; i < k->n_changed; i++) {
		uint32_t slot = k->changed[i];
		settle_slot(k, slot, committed);
		if (k->states[slot] == SLOT_DOOMED)
			k->changed[doomed++] = slot;
	}
	k->n_images = 0;
	k->n_changed = doomed;
	k->flushed = k->doubted = false;
}

bool keystore_destroy(struct keystore *k, struct error *e)
{
	if (k->n_doomed == 0)
		return true;
	/* Each change had room for an image reserved with it. */
	for (size_t i = 0; i < k->n_changed; i++) {
		if (!noise_image(&k->images[k->n_images], e))
			return false;
		add_image(k, k->changed[i]);
	}
	if (!keystore_write_images(k, e))
		return false;
	for (size_t i = 0; i < k->n_changed; i++)
		free_list_add(k, k->changed[i]);
	k->n_changed = 0;
	k->n_doomed = 0;
	return true;
}

/* --- reading --- */

bool keystore_get(struct keystore *k, uint32_t slot, uint8_t key[32], struct error *e)
{
	struct image in;
	bool opened = false;

	pthread_mutex_lock(&k->lock);
	ssize_t n = pread(k->file.fd, &in, sizeof in, slot_offset(slot));
	bool live = n == (ssize_t)sizeof in && in.b[0] == SLOT_LIVE;
	if (live)
		opened = keystore_unwrap(k->reader, &k->file, slot, &in, key);
	pthread_mutex_unlock(&k->lock);
	wipe(&in, sizeof in);
	if (n < 0)
		return error_set(e, REASON_IO, "cannot read a key slot: %s", strerror(errno));
	if (!live)
		return error_set(e, REASON_NOT_FOUND, "the payload's key was erased");
	return opened || error_set(e, REASON_CRYPTO, "a key slot does not open with the master key");
}

bool keystore_scan(const struct keystore *k,
                   bool (*each)(void *arg, uint32_t slot, const struct image *in, struct error *e), void *arg,
                   struct error *e)
{
	struct image *chunk = malloc(GROW_SLOTS * sizeof *chunk);
	bool ok = chunk || keystore_no_memory(e);

	for (uint32_t from = 0; ok && from < k->n; from += GROW_SLOTS) {
		uint32_t want = k->n - from < GROW_SLOTS ? k->n - from : GROW_SLOTS;
		ssize_t n = pread(k->file.fd, chunk, want * sizeof *chunk, slot_offset(from));

		if (n != (ssize_t)(want * sizeof *chunk))
			ok = error_at(e, REASON_IO, "slots", 0, 0, "cannot read the key slots");
		for (uint32_t i = 0; ok && i < want; i++)
			ok = each(arg, from + i, &chunk[i], e);
	}
	free(chunk);
	return ok;
}

static bool load_slot(void *arg, uint32_t slot, const struct image *in, struct error *e)
{
	struct keystore *k = arg;

	(void)e;
	k->states[slot] = in->b[0] == SLOT_LIVE ? SLOT_TAKEN : SLOT_UNSWEPT;
	k->taken += in->b[0] == SLOT_LIVE;
	return true;
}

bool keystore_sweep(struct keystore *k, bool (*live)(void *arg, uint32_t slot), void *arg, uint32_t *n, struct error *e)
{
	uint32_t erased = 0;

	if (!slot_file_recover(&k->file, e))
		return false;
	for (uint32_t slot = 0; slot < k->n; slot++) {
		if (k->states[slot] == SLOT_FREE || live(arg, slot))
			continue;
		if (k->states[slot] == SLOT_UNSWEPT) {
			free_list_add(k, slot);
			continue;
		}
		if (!keystore_erase(k, slot, e))
			return false;
		erased++;
	}
	keystore_settle(k, true);
	if (!keystore_destroy(k, e))
		return false;
	*n = erased;
	k->swept = true;
	return true;
}

/* --- opening --- */

static bool measure(struct keystore *k, struct error *e)
{
	off_t size = lseek(k->file.fd, 0, SEEK_END);

	if (size < (off_t)SLOT_SIZE)
		return error_at(e, REASON_IO, "slots", 0, 0, "cannot measure the key slots");
	uint64_t n = (uint64_t)size / SLOT_SIZE - 1;
	if (n > UINT32_MAX - GROW_SLOTS)
		return error_at(e, REASON_IO, "slots", 0, 0, "the file of key slots is too large");
	k->n = (uint32_t)n;
	return true;
}

static bool load(struct keystore *k, struct error *e)
{
	if (!measure(k, e))
		return false;
	return k->n == 0 || (make_room(k, k->n, e) && keystore_scan(k, load_slot, k, e));
}

static struct keystore *keystore_new(struct error *e)
{
	struct keystore *k = calloc(1, sizeof *k);

	if (!k) {
		keystore_no_memory(e);
		return NULL;
	}
	k->file.fd = k->file.lock = -1;
	pthread_mutex_init(&k->lock, NULL);
	pthread_mutex_init(&k->pool.lock, NULL);
	k->writer = gcm_new();
	k->reader = gcm_new();
	if (k->writer && k->reader)
		return k;
	keystore_no_memory(e);
	keystore_close(k);
	return NULL;
}

struct keystore *keystore_open(const char *dir, bool create, struct error *e)
{
	struct keystore *k = keystore_new(e);

	if (k && slot_file_open(&k->file, dir, create, e) && load(k, e))
		return k;
	keystore_close(k);
	return NULL;
}

struct keystore *keystore_open_reader(const char *dir, struct error *e)
{
	struct keystore *k = keystore_new(e);

	if (k && slot_file_open_reader(&k->file, dir, e) && measure(k, e))
		return k;
	keystore_close(k);
	return NULL;
}

bool keystore_mend(const char *dir, const struct uuid *id, uint32_t slots, bool *kept, struct error *e)
{
	uint32_t whole = (slots + GROW_SLOTS - 1) / GROW_SLOTS * GROW_SLOTS;

	return slot_file_mend(dir, id, slots, whole > 0 ? whole : GROW_SLOTS, kept, e);
}

void keystore_close(struct keystore *k)
{
	if (!k)
		return;
	slot_file_close(&k->file);
	pthread_mutex_destroy(&k->lock);
	key_pool_close(&k->pool);
	gcm_free(k->writer);
	gcm_free(k->reader);
	free(k->states);
	free(k->free.slots);
	free(k->image_slots);
	free(k->images);
	free(k->changed);
	wipe(k, sizeof *k);
	free(k);
}

const struct uuid *keystore_id(const struct keystore *k)
{
	return &k->file.id;
}

bool keystore_name(struct keystore *k, const struct uuid *id, struct error *e)
{
	return slot_file_name(&k->file, id, e);
}

uint32_t keystore_generation(const struct keystore *k)
{
	return k->file.generation;
}

uint32_t keystore_count(const struct keystore *k)
{
	return k->taken;
}

uint32_t keystore_size(const struct keystore *k)
{
	return k->n;
}
