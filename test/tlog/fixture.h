/* A log in memory for tests: entries with disclosures, tiles as a store would hold them, signed checkpoint. */
#ifndef TEST_TLOG_FIXTURE_H
#define TEST_TLOG_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/crypto/crypto.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/note.h"
#include "lib/tlog/tiles.h"
#include "lib/tlog/verify.h"

#define LOG_MAX    2000
#define LOG_LEVELS 3
#define LOG_TILES  10

struct bytes {
	char *p;
	size_t n;
};

struct log {
	struct bytes leaf[LOG_MAX], packed[LOG_MAX];
	struct bytes tile[LOG_LEVELS][LOG_TILES];
	uint64_t size;
	struct note_signer signer;
	struct buf note;
	struct tiles *tiles;
};

static inline void bytes_set(struct bytes *b, struct view v)
{
	free(b->p);
	b->p = malloc(v.n + 1);
	if (v.n > 0)
		memcpy(b->p, v.p, v.n);
	b->n = v.n;
}

static inline bool log_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	struct log *l = arg;

	if (level >= LOG_LEVELS || index >= LOG_TILES || !l->tile[level][index].p)
		return error_set(e, REASON_NOT_FOUND, "tile %u/%llu is missing", level, (unsigned long long)index);
	*hashes = view_make(l->tile[level][index].p, l->tile[level][index].n);
	return true;
}

static inline bool log_entry(void *arg, uint64_t index, struct view *leaf, struct view *packed, struct error *e)
{
	struct log *l = arg;

	if (index >= l->size || !l->leaf[index].p)
		return error_set(e, REASON_NOT_FOUND, "entry %llu is missing", (unsigned long long)index);
	*leaf = view_make(l->leaf[index].p, l->leaf[index].n);
	*packed = view_make(l->packed[index].p, l->packed[index].n);
	return true;
}

static inline bool log_put_tile(void *arg, const struct tlog_tile *tile, struct view hashes, struct error *e)
{
	struct log *l = arg;

	(void)e;
	bytes_set(&l->tile[tile->level][tile->index], hashes);
	return true;
}

/* A made-up exchange; every third entry is its delivery, which withholds nothing. */
static inline void log_print_entry(uint64_t i, struct disclosures *d, struct buf *leaf)
{
	struct entry e = { .operation = i % 3 ? OPERATION_DISCLOSURE : OPERATION_DELIVERY,
		           .time_ms = 1767225600000 + (int64_t)i * 17,
		           .peer = VIEW("south"),
		           .recipient = VIEW("agency-south"),
		           .agreement = VIEW("north-south-persons"),
		           .purpose = VIEW("prevention"),
		           .outcome = VIEW("released-transformed"),
		           .tier = VIEW("standard"),
		           .build = VIEW("test") };
	uint8_t random[10] = { 0 }, salt[16] = { 0 };

	memcpy(random, &i, sizeof i);
	e.exchange = uuid_v7(e.time_ms, random);
	sha256(view_make(&i, sizeof i), &e.output);
	memcpy(e.random, e.output.b, sizeof e.random);
	memcpy(e.seed, e.output.b + sizeof e.random, sizeof e.seed);
	disclosures_reset(d);
	for (unsigned k = 0; k < i % 3; k++) {
		salt[0] = (uint8_t)k;
		memcpy(salt + 1, &i, sizeof i);
		disclosures_add(d, salt, k ? VIEW("officer") : VIEW("reason"),
		                k ? VIEW("\"officer 7\"") : VIEW("\"tier-fields-exceeded\""));
	}
	entry_print(&e, d, leaf);
	ck_assert(!leaf->failed);
}

/* The signed checkpoint at the present size. */
static inline void log_sign(struct log *l)
{
	struct checkpoint c = { .origin = view_of(l->signer.vkey.name), .size = tiles_size(l->tiles) };
	struct buf text = BUF_INIT(4096);

	tiles_root(l->tiles, &c.root);
	checkpoint_text(&c, &text);
	buf_reset(&l->note);
	buf_add(&l->note, buf_view(&text));
	buf_addc(&l->note, '\n');
	ck_assert(note_sign(&l->signer, buf_view(&text), &l->note));
	buf_free(&text);
}

static inline void log_append(struct log *l, struct view leaf, struct view packed)
{
	struct digest h;

	bytes_set(&l->leaf[l->size], leaf);
	bytes_set(&l->packed[l->size], packed);
	tlog_leaf_hash(leaf, &h);
	ck_assert(tiles_append(l->tiles, &h));
	l->size++;
}

static inline void log_commit(struct log *l)
{
	ck_assert(tiles_changed(l->tiles, log_put_tile, l, NULL));
	tiles_commit(l->tiles);
	log_sign(l);
}

static inline void log_grow(struct log *l, uint64_t size)
{
	struct disclosures d = { 0 };
	struct buf leaf = BUF_INIT(65535);

	while (l->size < size) {
		buf_reset(&leaf);
		log_print_entry(l->size, &d, &leaf);
		log_append(l, buf_view(&leaf), buf_view(&d.packed));
	}
	log_commit(l);
	disclosures_free(&d);
	buf_free(&leaf);
}

static inline struct log *log_new(const char *name, uint8_t seed_byte, uint64_t size)
{
	struct log *l = calloc(1, sizeof *l);
	uint8_t seed[32], public[32];

	memset(seed, seed_byte, sizeof seed);
	l->signer.key = ed25519_from_seed(seed);
	ck_assert(l->signer.key != NULL);
	ed25519_public(l->signer.key, public);
	ck_assert(note_vkey_make(view_of(name), NOTE_ED25519, public, &l->signer.vkey));
	l->note = BUF_INIT(NOTE_MAX);
	l->tiles = tiles_new(0, NULL, NULL, NULL);
	ck_assert(l->tiles != NULL);
	log_grow(l, size);
	return l;
}

static inline void log_free(struct log *l)
{
	for (unsigned i = 0; i < LOG_MAX; i++) {
		free(l->leaf[i].p);
		free(l->packed[i].p);
	}
	for (unsigned level = 0; level < LOG_LEVELS; level++)
		for (unsigned i = 0; i < LOG_TILES; i++)
			free(l->tile[level][i].p);
	ed25519_free(l->signer.key);
	tiles_free(l->tiles);
	buf_free(&l->note);
	free(l);
}

#endif
