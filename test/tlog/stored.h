/* A log in a store, as the writer makes it, for tests of the commands and for verifiers written by others. */
#ifndef TEST_TLOG_STORED_H
#define TEST_TLOG_STORED_H

#include <stdio.h>
#include <stdlib.h>

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/store.h"
#include "lib/crypto/crypto.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/note.h"
#include "lib/tlog/tiles.h"

struct stored {
	struct store *store;
	struct note_signer signer;
	struct tiles *tiles;
};

static inline void must(bool ok, const struct error *e)
{
	if (ok)
		return;
	fprintf(stderr, "stored log: %s\n", e->text);
	abort();
}

static inline bool stored_read(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(arg, level, index, hashes, e);
}

static inline bool stored_put(void *arg, const struct tlog_tile *tile, struct view hashes, struct error *e)
{
	return store_put_tile(arg, tile->level, tile->index, hashes, e);
}

/* Opens or makes the store; the key is made of one byte. */
static inline void stored_open(struct stored *l, const char *path, const char *origin, uint8_t seed_byte)
{
	struct error e = { 0 };
	uint8_t seed[32], public[32];
	struct view note;
	uint64_t size = 0;

	memset(seed, seed_byte, sizeof seed);
	l->signer.key = ed25519_from_seed(seed);
	must(l->signer.key != NULL, &e);
	ed25519_public(l->signer.key, public);
	must(note_vkey_make(view_of(origin), NOTE_ED25519, public, &l->signer.vkey), &e);
	l->store = store_open(path, &e);
	must(l->store != NULL, &e);
	must(store_last_checkpoint(l->store, &size, &note, &e), &e);
	l->tiles = tiles_new(size, stored_read, l->store, &e);
	must(l->tiles != NULL, &e);
}

static inline void stored_close(struct stored *l)
{
	tiles_free(l->tiles);
	store_close(l->store);
	ed25519_free(l->signer.key);
}

/* Inside a transaction. */
static inline uint64_t stored_append(struct stored *l, struct view leaf, struct view packed)
{
	uint64_t index = tiles_size(l->tiles);
	struct error e = { 0 };
	struct digest h;

	must(store_put_entry(l->store, index, leaf, packed, &e), &e);
	tlog_leaf_hash(leaf, &h);
	must(tiles_append(l->tiles, &h), &e);
	return index;
}

static inline void stored_commit(struct stored *l)
{
	struct checkpoint c = { .origin = view_of(l->signer.vkey.name), .size = tiles_size(l->tiles) };
	struct buf text = BUF_INIT(4096), note = BUF_INIT(8192);
	struct error e = { 0 };

	tiles_root(l->tiles, &c.root);
	checkpoint_text(&c, &text);
	buf_add(&note, buf_view(&text));
	buf_addc(&note, '\n');
	must(note_sign(&l->signer, buf_view(&text), &note), &e);
	must(tiles_changed(l->tiles, stored_put, l->store, &e), &e);
	must(store_put_checkpoint(l->store, c.size, buf_view(&note), &e), &e);
	must(store_commit(l->store, &e), &e);
	tiles_commit(l->tiles);
	buf_free(&text);
	buf_free(&note);
}

/* The id of the made-up exchange `i`. */
static inline struct uuid stored_id(uint64_t i)
{
	uint8_t random[10] = { 0 };

	memcpy(random, &i, sizeof i);
	return uuid_v7(1767225600000 + (int64_t)i * 17, random);
}

/* A disclosure (operation 2 parts of 3), refusal or, on the receiving side, collection of exchange `i`, with
 * its row in the exchanges. */
static inline void stored_exchange(struct stored *l, uint64_t i, bool received)
{
	static const uint8_t salt[16] = { 1, 2, 3 };
	struct disclosures d = { 0 };
	struct buf leaf = BUF_INIT(65535);
	struct error e = { 0 };
	bool refused = i % 3 == 2;
	struct entry x = { .operation = refused    ? OPERATION_REFUSAL
		                        : received ? OPERATION_COLLECTION
		                                   : OPERATION_DISCLOSURE,
		           .time_ms = 1767225600000 + (int64_t)i * 17,
		           .peer = received ? VIEW("north") : VIEW("registry"),
		           .recipient = VIEW("agency-south"),
		           .agreement = i % 2 ? VIEW("north-south-persons") : VIEW("north-south-reports"),
		           .purpose = VIEW("prevention"),
		           .legal_basis = VIEW("art-8"),
		           .tier = VIEW("standard"),
		           .outcome = refused ? VIEW("refused") : VIEW("released-transformed"),
		           .reason = refused ? VIEW("policy") : VIEW(""),
		           .build = VIEW("test") };
	struct store_exchange row = { .partner = x.peer,
		                      .received_ms = x.time_ms,
		                      .agreement = x.agreement,
		                      .provider = VIEW("agency-north"),
		                      .recipient = x.recipient,
		                      .state = STATE_REFUSED,
		                      .status = 201,
		                      .answer = VIEW("{}") };
	struct store_exchange prior;
	enum store_accepted result;

	memcpy(x.random, &i, sizeof i);
	x.random[15] = 1;
	x.exchange = row.id = row.origin = stored_id(received ? i + 1000000 : i);
	if (received)
		x.origin = row.origin = stored_id(i);
	sha256(view_make(&i, sizeof i), received ? &x.input : &x.output);
	memcpy(row.body.b, &i, sizeof i);
	disclosures_add(&d, salt, VIEW("officer"), VIEW("\"officer 7\""));
	if (refused)
		disclosures_add(&d, salt, VIEW("reason"), VIEW("\"tier-fields-exceeded\""));
	entry_print(&x, &d, &leaf);
	must(store_accept(l->store, &row, &result, &prior, &e) && result == STORE_NEW, &e);
	must(store_set_entry(l->store, row.seq, stored_append(l, buf_view(&leaf), buf_view(&d.packed)), &e), &e);
	disclosures_free(&d);
	buf_free(&leaf);
}

/* Erases the rows of these entries of this log, or of the one of origin `of`, of number 0, with an entry that says so.
 * Inside a transaction. */
static inline void stored_erase(struct stored *l, uint64_t first, uint64_t last, const char *of)
{
	struct entry_range r = { first, last };
	struct entry x = { .operation = OPERATION_ERASURE,
		           .time_ms = 1767225600000,
		           .random = { 7 },
		           .erased = &r,
		           .n_erased = 1,
		           .erased_log = view_of(of) };
	struct buf leaf = BUF_INIT(65535);
	struct error e = { 0 };

	for (uint64_t i = first; i <= last; i++)
		must(store_erase_disclosures(l->store, (of[0] ? 0 : store_log(l->store) << STORE_LOG_SHIFT) | i, &e),
		     &e);
	entry_print(&x, NULL, &leaf);
	stored_append(l, buf_view(&leaf), VIEW(""));
	buf_free(&leaf);
}

static inline void stored_entry(struct stored *l, struct entry *x, uint64_t i)
{
	struct buf leaf = BUF_INIT(65535);

	x->time_ms = 1767225600000 + (int64_t)i * 17;
	x->build = VIEW("test");
	entry_print(x, NULL, &leaf);
	stored_append(l, buf_view(&leaf), VIEW(""));
	buf_free(&leaf);
}

/* What is no exchange: one of our own operations, or a delivery of exchange `i`. */
static inline void stored_note(struct stored *l, enum operation o, uint64_t i, const char *outcome)
{
	struct entry x = { .operation = o, .outcome = view_of(outcome) };

	if (o == OPERATION_DELIVERY) {
		x.exchange = stored_id(i);
		x.recipient = VIEW("agency-south");
	}
	stored_entry(l, &x, i);
}

/* That a notice about exchange `i` arrived at the recipient. */
static inline void stored_notice_end(struct stored *l, uint64_t i)
{
	struct entry x = { .operation = OPERATION_DELIVERY,
		           .exchange = stored_id(i),
		           .outcome = VIEW("delivered"),
		           .note = VIEW("notice: recall") };

	stored_entry(l, &x, i);
}

/* The recipient's refusal of a record of exchange `i`, or with the note "notice" of a notice about it. */
static inline void stored_refusal(struct stored *l, uint64_t i, const char *note)
{
	struct entry x = { .operation = OPERATION_REFUSAL,
		           .origin = stored_id(i),
		           .outcome = VIEW("refused"),
		           .reason = VIEW("request"),
		           .note = view_of(note) };

	memset(x.input.b, 7, sizeof x.input.b);
	stored_entry(l, &x, i);
}

/* Exchanges from `from` to `to` after a genesis entry, in batches of 64. */
static inline void stored_fill(struct stored *l, uint64_t from, uint64_t to, bool received)
{
	struct error e = { 0 };

	must(store_begin(l->store, &e), &e);
	if (tiles_size(l->tiles) == 0)
		stored_note(l, OPERATION_GENESIS, 0, "");
	for (uint64_t i = from; i < to; i++) {
		stored_exchange(l, i, received);
		if (i % 64 == 63 && i + 1 < to) {
			stored_commit(l);
			must(store_checkpoint(l->store, false, &e), &e);
			must(store_begin(l->store, &e), &e);
		}
	}
	stored_commit(l);
}

static inline void stored_vkey(const struct stored *l, char *out, size_t size)
{
	struct buf b = BUF_INIT(1000);

	note_vkey_print(&l->signer.vkey, &b);
	snprintf(out, size, "%.*s", VIEW_ARG(buf_view(&b)));
	buf_free(&b);
}

#endif
