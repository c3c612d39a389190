/* A new master key: every slot is wrapped anew into another file, which then takes the place of the old one. See keystore.h. */
#include <stdlib.h>

#include "gatewayd/core/keys/keystore_private.h"

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
		if (keystore_unwrap(r->k->writer, &r->k->file, slot, in, key))
			ok = keystore_wrap(r->k, r->next, slot, key, out, e);
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
		return keystore_no_memory(e);
	/* Nobody gets a key any more that whoever had the old master key may have read. */
	key_pool_drain(&k->pool);
	if (!keystore_flush(k, e) || !slot_file_begin(&k->file, &next, e)) {
		free(r.chunk);
		return false;
	}
	bool ok = keystore_scan(k, rewrap_slot, &r, e) && rewrap_flush(&r, e);
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
