/* See tree_private.h. RFC 6962 tree over C2SP tiles; the order of a commit is in TECH "Audit log": index, hash,
 * rows, tiles, signed checkpoint, COMMIT. */
#include "gatewayd/build.h"
#include "gatewayd/core/commit/tree_private.h"

#include <stdio.h>

#include "gatewayd/core/backup/restored.h"
#include "gatewayd/core/commit/anchor.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/shape.h"
#include "lib/base/datetime.h"
#include "lib/tlog/entry.h"

#define TILE_BITS  8
#define NOTE_BYTES 65536u

static bool read_tile(void *arg, unsigned level, uint64_t index, struct view *hashes, struct error *e)
{
	return store_get_tile(arg, level, index, hashes, e);
}

static bool sign_checkpoint(struct tree *t, struct error *e)
{
	struct checkpoint c = { .origin = view_of(t->signer.vkey.name), .size = tiles_size(t->tiles) };

	tiles_root(t->tiles, &c.root);
	buf_reset(&t->text);
	buf_reset(&t->note);
	checkpoint_text(&c, &t->text);
	buf_add(&t->note, buf_view(&t->text));
	buf_addc(&t->note, '\n');
	if (t->text.failed || t->note.failed)
		return error_set(e, REASON_NO_MEMORY, "no memory for a checkpoint");
	return note_sign(&t->signer, buf_view(&t->text), &t->note) ||
	       error_set(e, REASON_CRYPTO, "cannot sign a checkpoint");
}

/* --- start --- */

static bool root_at(const struct tree *t, uint64_t size, struct digest *out)
{
	struct tlog_edge edge = { .size = size };

	for (unsigned level = TLOG_LEVELS; level-- > 0;)
		if (size >> level & 1 && !tiles_read(t->tiles, level, (size >> level) - 1, &edge.stack[edge.n++]))
			return false;
	tlog_edge_root(&edge, out);
	return true;
}

/* The entries behind the last tile, from which a lost or altered row would otherwise go unseen until the
 * next full verification. */
static bool check_last_entries(const struct tree *t, uint64_t size, struct error *e)
{
	for (uint64_t i = (size - 1) >> TILE_BITS << TILE_BITS; i < size; i++) {
		struct digest leaf_hash, stored;
		struct view leaf;

		if (!store_get_entry(t->store, i, &leaf, NULL, e))
			return error_set(e, REASON_TAMPERED, "entry %llu of the audit log is missing",
			                 (unsigned long long)i);
		tlog_leaf_hash(leaf, &leaf_hash);
		if (!tiles_read(t->tiles, 0, i, &stored) || !digest_eq(&leaf_hash, &stored))
			return error_set(e, REASON_TAMPERED,
			                 "entry %llu of the audit log is not the one that was signed",
			                 (unsigned long long)i);
	}
	return true;
}

/* `note` is the last checkpoint. */
static bool check_own(struct tree *t, struct view note, uint64_t entries, struct error *e)
{
	struct checkpoint c;
	struct digest root;

	if (!checkpoint_open(note, &t->signer.vkey, &c, e))
		return false;
	if (c.size != entries)
		return error_set(e, REASON_TAMPERED, "the audit log has %llu entries, its last checkpoint covers %llu",
		                 (unsigned long long)entries, (unsigned long long)c.size);
	t->tiles = tiles_new(c.size, read_tile, t->store, e);
	if (!t->tiles)
		return false;
	tiles_root(t->tiles, &root);
	if (!digest_eq(&root, &c.root))
		return error_set(e, REASON_TAMPERED, "the stored tree is not the one of the last checkpoint");
	return check_last_entries(t, c.size, e);
}

static bool check_anchor(struct tree *t, const char *path, struct view note, struct error *e)
{
	struct checkpoint c;
	struct digest root;
	uint64_t size = tiles_size(t->tiles);

	if (!checkpoint_open(note, &t->signer.vkey, &c, e))
		return false;
	if (c.size > size)
		return error_at(
		        e, REASON_TAMPERED, path, 0, 0,
		        "the audit log has %llu entries but its anchor covers %llu: an older state was put back",
		        (unsigned long long)size, (unsigned long long)c.size);
	if (!root_at(t, c.size, &root) || !digest_eq(&root, &c.root))
		return error_at(e, REASON_TAMPERED, path, 0, 0, "the audit log is not the one that its anchor covers");
	return true;
}

static bool compare_anchor(struct tree *t, const char *path, struct error *e)
{
	struct buf note = BUF_INIT(NOTE_BYTES);
	bool ok = false;

	switch (sought(anchor_read(path, &note, e), e)) {
	case SOUGHT_FOUND: ok = check_anchor(t, path, buf_view(&note), e); break;
	case SOUGHT_NONE:
		if (tiles_size(t->tiles) > 0)
			error_at(e, REASON_TAMPERED, path, 0, 0, "the audit log has entries but its anchor is missing");
		else
			ok = true;
		break;
	case SOUGHT_FAILED: break;
	}
	buf_free(&note);
	return ok;
}

/* A new epoch begins in the store first, then in the configuration: between the two nothing is signed. */
static bool check_origin(const struct tree *t, struct error *e)
{
	struct store_log_row row;

	enum sought begun = sought(store_get_log(t->store, &row, e), e);
	if (begun != SOUGHT_FOUND)
		return begun == SOUGHT_NONE;
	return view_is(row.origin, t->signer.vkey.name) ||
	       error_set(e, REASON_TAMPERED,
	                 "the store's newest log is %.*s, the configuration names %s; was `gatewayctl "
	                 "audit new-epoch` interrupted? It may run again",
	                 VIEW_ARG(row.origin), t->signer.vkey.name);
}

bool tree_open(struct tree *t, struct store *s, const struct note_signer *signer, const char *anchor_path,
               struct error *e)
{
	struct buf note = BUF_INIT(NOTE_BYTES);
	uint64_t size, entries;
	struct view found;
	bool ok = false;

	*t = (struct tree){ .store = s, .signer = *signer, .text = BUF_INIT(NOTE_BYTES), .note = BUF_INIT(NOTE_BYTES) };
	if (!check_origin(t, e) || !store_last_checkpoint(s, &size, &found, e))
		goto out;
	buf_add(&note, found);
	if (note.failed || !store_entry_count(s, &entries, e)) {
		error_set(e, REASON_NO_MEMORY, "no memory for a checkpoint");
		goto out;
	}
	if (size > 0)
		ok = check_own(t, buf_view(&note), entries, e);
	else if (entries > 0)
		error_set(e, REASON_TAMPERED, "the audit log has entries but no checkpoint");
	else
		ok = (t->tiles = tiles_new(0, read_tile, s, e)) != NULL;
	ok = ok && (!anchor_path || compare_anchor(t, anchor_path, e));
out:
	buf_free(&note);
	if (!ok)
		tree_close(t);
	return ok;
}

bool tree_first_anchor(struct tree *t, const char *path, struct error *e)
{
	return tiles_size(t->tiles) > 0 || (sign_checkpoint(t, e) && anchor_write(path, buf_view(&t->note), e));
}

void tree_close(struct tree *t)
{
	tiles_free(t->tiles);
	t->tiles = NULL;
	buf_free(&t->text);
	buf_free(&t->note);
}

bool tree_genesis(const struct tree *t, int64_t now_ms, struct buf *out, struct error *e)
{
	struct entry genesis = { .operation = OPERATION_GENESIS, .time_ms = now_ms, .build = view_of(build_name()) };
	struct store_log_row row = { .note = VIEW("") };
	struct buf note = BUF_INIT(4096);

	switch (sought(store_get_log(t->store, &row, e), e)) {
	case SOUGHT_FOUND:
		buf_addf(&note, "%s continues %.*s", t->signer.vkey.name, VIEW_ARG(row.note));
		genesis.input = row.before;
		break;
	case SOUGHT_NONE: buf_adds(&note, t->signer.vkey.name); break;
	case SOUGHT_FAILED: return false;
	}
	genesis.note = buf_view(&note);
	bool ok = random_bytes(genesis.random, sizeof genesis.random) || error_set(e, REASON_CRYPTO, "no random bytes");
	entry_print(&genesis, NULL, out);
	ok = ok &&
	     ((!note.failed && !out->failed) || error_set(e, REASON_NO_MEMORY, "no memory for the genesis entry"));
	buf_free(&note);
	return ok;
}

bool tree_restore(const struct tree *t, int64_t now_ms, struct buf *out, struct error *e)
{
	struct entry restore = { .operation = OPERATION_RESTORE,
		                 .time_ms = now_ms,
		                 .build = view_of(build_name()),
		                 .note = VIEW(
		                         "an operator let this node go on in a new log from what its store holds") };
	char note[120], made[TIME_TEXT + 1];
	struct store_log_row row;
	struct restored restored;

	enum sought begun = sought(store_get_log(t->store, &row, e), e);
	if (begun != SOUGHT_FOUND)
		return begun == SOUGHT_NONE;
	restore.input = row.before;
	enum sought backup = sought(restored_get(t->store, &restored, e), e);
	if (backup == SOUGHT_FAILED)
		return false;
	if (backup == SOUGHT_FOUND) {
		time_print(restored.made_ms, made);
		snprintf(note, sizeof note, "restored from a backup of %llu entries made at %s",
		         (unsigned long long)restored.entries, made);
		restore.note = view_of(note);
	}
	if (!random_bytes(restore.random, sizeof restore.random))
		return error_set(e, REASON_CRYPTO, "no random bytes");
	entry_print(&restore, NULL, out);
	return !out->failed || error_set(e, REASON_NO_MEMORY, "no memory for an entry");
}

bool tree_announcement(const struct tree *t, int64_t now_ms, struct buf *out, struct error *e)
{
	struct entry change = { .operation = OPERATION_KEY_CHANGE, .time_ms = now_ms, .build = view_of(build_name()) };
	char name[NOTE_NAME_MAX + 16];

	snprintf(name, sizeof name, ANNOUNCED_NAME "%s", t->signer.vkey.name);
	enum sought found = sought(store_get_value(t->store, view_of(name), &change.note, e), e);
	if (found != SOUGHT_FOUND)
		return found == SOUGHT_NONE;
	if (!random_bytes(change.random, sizeof change.random))
		return error_set(e, REASON_CRYPTO, "no random bytes");
	entry_print(&change, NULL, out);
	return !out->failed || error_set(e, REASON_NO_MEMORY, "no memory for an entry");
}

/* --- appending --- */

bool tree_append(struct tree *t, struct view leaf, struct view packed, const struct store_shape *shape, uint64_t *index,
                 struct error *e)
{
	struct digest hash;
	uint64_t at = tiles_size(t->tiles);

	if (!(shape ? store_put_shaped(t->store, at, leaf, packed, shape, e)
	            : store_put_entry(t->store, at, leaf, packed, e)))
		return false;
	tlog_leaf_hash(leaf, &hash);
	if (!tiles_append(t->tiles, &hash))
		return error_set(e, REASON_NO_MEMORY, "no memory for the tree");
	*index = at;
	return true;
}

static bool put_tile(void *arg, const struct tlog_tile *tile, struct view hashes, struct error *e)
{
	return store_put_tile(arg, tile->level, tile->index, hashes, e);
}

bool tree_seal(struct tree *t, struct error *e)
{
	return sign_checkpoint(t, e) && tiles_changed(t->tiles, put_tile, t->store, e) &&
	       store_put_checkpoint(t->store, tiles_size(t->tiles), buf_view(&t->note), e);
}

void tree_commit(struct tree *t)
{
	tiles_commit(t->tiles);
}

void tree_rollback(struct tree *t)
{
	tiles_rollback(t->tiles, tiles_committed(t->tiles));
}

/* --- proving --- */

bool tree_prove(struct tree *t, uint64_t index, struct receipt *out, struct error *e)
{
	out->index = index;
	out->checkpoint = VIEW("");
	return tiles_prove(t->tiles, index, tiles_size(t->tiles), out->proof, &out->n) ||
	       error_set(e, REASON_TAMPERED, "entry %llu cannot be proved", (unsigned long long)index);
}

bool tree_prove_older(struct tree *t, uint64_t index, struct receipt *out, struct view *note, struct error *e)
{
	uint64_t size;

	if (!store_get_checkpoint(t->store, index, &size, note, e))
		return false;
	out->index = index;
	if (!tiles_prove(t->tiles, index, size, out->proof, &out->n))
		return error_set(e, REASON_TAMPERED, "entry %llu cannot be proved", (unsigned long long)index);
	/* The proof may have read tiles, which ends the first view. */
	return store_get_checkpoint(t->store, index, &size, note, e);
}
