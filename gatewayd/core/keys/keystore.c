/* See keystore.h. The slots' states lie in memory, a byte each; what a transaction changes is collected as
 * images of slots and written at its sync, neighbours in one write. Free slots are used in the order in
 * which they became free, so that a batch lies close together in the file. */
#include "gatewayd/core/keys/keystore.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "gatewayd/core/keys/slot_file_private.h"

#define GROW_SLOTS   16384u /* 1 MiB */
#define NONCE_BYTES  12
#define KEY_BYTES    32
#define SEALED_BYTES (KEY_BYTES + 16)
#define POOL_BYTES   4096

enum slot_state {
	SLOT_UNSWEPT,  /* empty in the file, but a row may still name it */
	SLOT_FREE,     /* in the list of free slots */
	SLOT_TAKEN,    /* holds a key */
	SLOT_PUT,      /* taken by this transaction */
	SLOT_ERASED,   /* erased by this transaction: it holds its key until that has committed */
	SLOT_DROPPED,  /* put and erased by this transaction */
	SLOT_RELEASED, /* was empty and is let go by this transaction */
	SLOT_DOOMED    /* its erasure has committed: keystore_destroy() overwrites it */
};

struct image {
	uint8_t b[SLOT_SIZE];
};

/* First in, first out. */
struct free_list {
	uint32_t *slots;
	uint32_t cap, first, n;
};

struct keystore {
	struct slot_file file;
	pthread_mutex_t lock; /* guards file.fd and file.master against rotation, and `reader` */
	struct gcm *writer, *reader;
	uint8_t *states; /* enum slot_state */
	uint32_t n, taken;
	struct free_list free;
	/* The open transaction: images not yet written, then everything it changed. */
	uint32_t *image_slots;
	struct image *images;
	size_t n_images, cap_images;
	uint32_t *changed;
	size_t n_changed, cap_changed;
	uint32_t n_doomed;
	bool synced;              /* a sync was at least begun */
	uint8_t pool[POOL_BYTES]; /* random bytes, used from the end */
	size_t pool_left;
};

static bool no_memory(struct error *e)
{
	return error_set(e, REASON_NO_MEMORY, "no memory for key slots");
}

static bool take_random(struct keystore *k, void *out, size_t n, struct error *e)
{
	if (k->pool_left < n) {
		if (!random_bytes(k->pool, sizeof k->pool))
			return error_set(e, REASON_CRYPTO, "no random bytes for a key slot");
		k->pool_left = sizeof k->pool;
	}
	k->pool_left -= n;
	memcpy(out, k->pool + k->pool_left, n);
	wipe(k->pool + k->pool_left, n);
	return true;
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
		return no_memory(e);
	k->states = states;
	return free_list_reserve(&k->free, n) || no_memory(e);
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

static bool wrap(struct keystore *k, const struct slot_file *f, uint32_t slot, const uint8_t key[KEY_BYTES],
                 struct image *out, struct error *e)
{
	uint8_t context[16];

	*out = (struct image){ .b = { SLOT_LIVE } };
	slot_context(f->generation, slot, context);
	if (!take_random(k, out->b + 4, NONCE_BYTES, e))
		return false;
	return gcm_seal(k->writer, f->master.b, out->b + 4, view_make(context, sizeof context),
	                view_make(key, KEY_BYTES), out->b + 4 + NONCE_BYTES) ||
	       error_set(e, REASON_CRYPTO, "cannot wrap a payload key");
}

static bool unwrap(struct gcm *g, const struct slot_file *f, uint32_t slot, const struct image *in,
                   uint8_t key[KEY_BYTES])
{
	uint8_t context[16];

	slot_context(f->generation, slot, context);
	return gcm_open(g, f->master.b, in->b + 4, view_make(context, sizeof context),
	                view_make(in->b + 4 + NONCE_BYTES, SEALED_BYTES), key);
}

/* --- the transaction's images --- */

static bool reserve_change(struct keystore *k, struct error *e)
{
	/* As many images as changes: keystore_destroy() needs no memory. */
	if (k->n_images == k->cap_images || k->n_changed == k->cap_images) {
		size_t cap = k->cap_images ? k->cap_images * 2 : 256;
		uint32_t *slots = realloc(k->image_slots, cap * sizeof *slots);

		if (!slots)
			return no_memory(e);
		k->image_slots = slots;
		struct image *images = realloc(k->images, cap * sizeof *images);
		if (!images)
			return no_memory(e);
		k->images = images;
		k->cap_images = cap;
	}
	if (k->n_changed == k->cap_changed) {
		size_t cap = k->cap_changed ? k->cap_changed * 2 : 256;
		uint32_t *changed = realloc(k->changed, cap * sizeof *changed);

		if (!changed)
			return no_memory(e);
		k->changed = changed;
		k->cap_changed = cap;
	}
	return true;
}

static void add_image(struct keystore *k, uint32_t slot)
{
	k->image_slots[k->n_images++] = slot;
}

static bool noise_image(struct keystore *k, struct image *out, struct error *e)
{
	if (!take_random(k, out->b, sizeof out->b, e))
		return false;
	memset(out->b, 0, 4);
	return true;
}

bool keystore_put(struct keystore *k, const uint8_t key[32], uint32_t *slot, struct error *e)
{
	if (!reserve_change(k, e) || (k->free.n == 0 && !grow(k, e)))
		return false;
	uint32_t s = k->free.slots[k->free.first];
	if (!wrap(k, &k->file, s, key, &k->images[k->n_images], e))
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
	if (was != SLOT_TAKEN && was != SLOT_PUT && was != SLOT_UNSWEPT)
		return true;
	if (!reserve_change(k, e))
		return false;
	/* A slot that this transaction put is in the list of changes already. */
	if (was != SLOT_PUT)
		k->changed[k->n_changed++] = slot;
	if (was == SLOT_TAKEN || was == SLOT_PUT)
		k->taken--;
	k->states[slot] = was == SLOT_PUT ? SLOT_DROPPED : was == SLOT_UNSWEPT ? SLOT_RELEASED : SLOT_ERASED;
	return true;
}

/* Writes the images, neighbours in one write, and syncs once. */
static bool write_images(struct keystore *k, struct error *e)
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

bool keystore_sync(struct keystore *k, struct error *e)
{
	if (k->n_images == 0)
		return true;
	k->synced = true;
	return write_images(k, e);
}

/* What a slot is after its transaction. Where a sync may have happened without the COMMIT, a slot that was put is not
 * used again: the next sweep decides. */
static void settle_slot(struct keystore *k, uint32_t slot, bool committed)
{
	switch ((enum slot_state)k->states[slot]) {
	case SLOT_PUT:
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
	case SLOT_TAKEN:
	case SLOT_DOOMED: return;
	}
	if (committed || !k->synced)
		free_list_add(k, slot);
	else
		k->states[slot] = SLOT_UNSWEPT;
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
	k->synced = false;
}

bool keystore_destroy(struct keystore *k, struct error *e)
{
	if (k->n_doomed == 0)
		return true;
	/* Each change had room for an image reserved with it. */
	for (size_t i = 0; i < k->n_changed; i++) {
		if (!noise_image(k, &k->images[k->n_images], e))
			return false;
		add_image(k, k->changed[i]);
	}
	if (!write_images(k, e))
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
		opened = unwrap(k->reader, &k->file, slot, &in, key);
	pthread_mutex_unlock(&k->lock);
	wipe(&in, sizeof in);
	if (n < 0)
		return error_set(e, REASON_IO, "cannot read a key slot: %s", strerror(errno));
	if (!live)
		return error_set(e, REASON_NOT_FOUND, "the payload's key was erased");
	return opened || error_set(e, REASON_CRYPTO, "a key slot does not open with the master key");
}

/* Calls `each` with every slot of the file. */
static bool scan(const struct keystore *k,
                 bool (*each)(void *arg, uint32_t slot, const struct image *in, struct error *e), void *arg,
                 struct error *e)
{
	struct image *chunk = malloc(GROW_SLOTS * sizeof *chunk);
	bool ok = chunk || no_memory(e);

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
	return true;
}

/* --- rotation --- */

struct rewrap {
	struct keystore *k;
	struct slot_file *next;
	struct image *chunk; /* slots [from, from + n) of the new file */
	uint32_t from, n;
};

static bool rewrap_flush(struct rewrap *r, struct error *e)
{
	bool ok = r->n == 0 || slot_file_write(r->next, r->from, r->chunk, r->n * sizeof *r->chunk, e);

	r->from += r->n;
	r->n = 0;
	return ok;
}

static bool rewrap_slot(void *arg, uint32_t slot, const struct image *in, struct error *e)
{
	struct rewrap *r = arg;
	struct image *out = &r->chunk[r->n];
	uint8_t key[KEY_BYTES];
	bool ok = true;

	*out = (struct image){ 0 };
	if (in->b[0] == SLOT_LIVE) {
		/* A slot that does not open now never will: it stays empty. */
		if (unwrap(r->k->writer, &r->k->file, slot, in, key))
			ok = wrap(r->k, r->next, slot, key, out, e);
		wipe(key, sizeof key);
	}
	r->n++;
	return ok && (r->n < GROW_SLOTS || rewrap_flush(r, e));
}

bool keystore_rotate(struct keystore *k, struct error *e)
{
	struct slot_file next, old = k->file;
	struct rewrap r = { .k = k, .next = &next, .chunk = malloc(GROW_SLOTS * sizeof *r.chunk) };

	if (!r.chunk)
		return no_memory(e);
	if (!keystore_sync(k, e) || !slot_file_begin(&k->file, &next, e)) {
		free(r.chunk);
		return false;
	}
	bool ok = scan(k, rewrap_slot, &r, e) && rewrap_flush(&r, e);
	free(r.chunk);
	if (!ok) {
		slot_file_abort(&next);
		return false;
	}
	ok = slot_file_end(&old, &next, e);
	if (next.fd < 0)
		return false;
	/* Renamed: the new file counts, also when the old key could not be destroyed yet. The lock stays. */
	next.lock = old.lock;
	old.lock = -1;
	pthread_mutex_lock(&k->lock);
	k->file = next;
	pthread_mutex_unlock(&k->lock);
	slot_file_close(&old);
	return ok;
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
	return k->n == 0 || (make_room(k, k->n, e) && scan(k, load_slot, k, e));
}

static struct keystore *keystore_new(struct error *e)
{
	struct keystore *k = calloc(1, sizeof *k);

	if (!k) {
		no_memory(e);
		return NULL;
	}
	k->file.fd = k->file.lock = -1;
	pthread_mutex_init(&k->lock, NULL);
	k->writer = gcm_new();
	k->reader = gcm_new();
	if (k->writer && k->reader)
		return k;
	no_memory(e);
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
