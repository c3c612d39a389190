/* What keystore.c, key_pool.c and rotation.c share. The writer's thread, but for what `lock` and `pool.lock` guard.
 *
 * A slot, in memory (on disk it is empty or holds a key):
 *
 *      UNSWEPT ─sweep─▶ FREE ◀───────────destroyed─────────── DOOMED ◀─committed─┬─ ERASED ◀─erase─ TAKEN
 *                       │  │                                                     │                   ▲
 *                    put│  └─fill: new key, synced─▶ POOLED ─use─▶ NAMED ─erase─▶ UNNAMED            │
 *                       ▼                             ▲  ▲  (given out, or not)  │ └─committed───────┤
 *                      PUT ─erase─▶ DROPPED           │  └─────rolled back───────┘                   │
 *                       └───────────committed─────────┼──────────────────────────────────────────────┘
 *                                            given back: fill overwrites it before it is given out again
 *
 * A slot that a COMMIT of unknown outcome may name is UNSWEPT until the next start: nobody writes to it. */
#ifndef GATEWAYD_CORE_KEYS_KEYSTORE_PRIVATE_H
#define GATEWAYD_CORE_KEYS_KEYSTORE_PRIVATE_H

#include <pthread.h>

#include "gatewayd/core/keys/keystore.h"
#include "gatewayd/core/keys/slot_file_private.h"

#define GROW_SLOTS   16384u /* 1 MiB */
#define FILL_SLOTS   1024u  /* that one sync serves */
#define NONCE_BYTES  12
#define KEY_BYTES    32
#define SEALED_BYTES (KEY_BYTES + 16)

enum slot_state {
	SLOT_UNSWEPT,  /* empty in the file, but a row may still name it */
	SLOT_FREE,     /* in the list of free slots */
	SLOT_POOLED,   /* holds a key that no row names: ready, given out, or given back */
	SLOT_TAKEN,    /* holds a key */
	SLOT_PUT,      /* taken by this transaction */
	SLOT_NAMED,    /* was given out, and a row of this transaction names it */
	SLOT_ERASED,   /* erased by this transaction: it holds its key until that has committed */
	SLOT_DROPPED,  /* put and erased by this transaction */
	SLOT_UNNAMED,  /* named and erased by this transaction */
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

/* Keys that are on disk already. A ring: workers take from its front, the writer adds at its end. */
struct key_pool {
	pthread_mutex_t lock; /* guards all of it */
	struct key_grant ready[KEYSTORE_POOL];
	uint32_t first, n;
	uint32_t *returned; /* room for every slot of the file */
	uint32_t n_returned;
};

struct keystore {
	struct slot_file file;
	pthread_mutex_t lock; /* guards file.fd and file.master against rotation, and `reader` */
	struct gcm *writer, *reader;
	uint8_t *states; /* enum slot_state */
	uint32_t n, taken;
	struct free_list free;
	struct key_pool pool;
	bool swept;   /* the store was verified: slots that no row names are known */
	bool cramped; /* the file could not grow; who needs a slot at once tries again */
	/* The open transaction: images not yet written, then everything it changed. */
	uint32_t *image_slots;
	struct image *images;
	size_t n_images, cap_images;
	uint32_t *changed;
	size_t n_changed, cap_changed;
	uint32_t n_doomed;
	bool flushed; /* what it put may be on disk */
	bool doubted; /* its COMMIT may have happened */
};

bool keystore_no_memory(struct error *e);
bool keystore_wrap(struct keystore *k, const struct slot_file *f, uint32_t slot, const uint8_t key[KEY_BYTES],
                   struct image *out, struct error *e) MUST_USE;
bool keystore_unwrap(struct gcm *g, const struct slot_file *f, uint32_t slot, const struct image *in,
                     uint8_t key[KEY_BYTES]) MUST_USE;
/* Room for `n` images and changes more. */
bool keystore_reserve(struct keystore *k, size_t n, struct error *e) MUST_USE;
/* Writes the images, neighbours in one write, and syncs once. */
bool keystore_write_images(struct keystore *k, struct error *e) MUST_USE;
/* What this transaction put so far, if anything, before its COMMIT. */
bool keystore_flush(struct keystore *k, struct error *e) MUST_USE;
/* A slot from the list of free ones, which the file grows for. */
bool keystore_find_slot(struct keystore *k, uint32_t *slot, struct error *e) MUST_USE;
/* Calls `each` with every slot of the file. */
bool keystore_scan(const struct keystore *k,
                   bool (*each)(void *arg, uint32_t slot, const struct image *in, struct error *e), void *arg,
                   struct error *e) MUST_USE;

bool key_pool_reserve(struct key_pool *p, uint32_t slots, struct error *e) MUST_USE;
/* What is ready is given out no more: its slots are as if they were given back. */
void key_pool_drain(struct key_pool *p);
void key_pool_close(struct key_pool *p);

#endif
