/* The writer's side of the audit log: its tree, its signed checkpoints, and the checks at start. Used by
 * writer.c alone, on the thread that owns the store. */
#ifndef GATEWAYD_CORE_COMMIT_TREE_PRIVATE_H
#define GATEWAYD_CORE_COMMIT_TREE_PRIVATE_H

#include "gatewayd/core/store/store.h"
#include "lib/tlog/note.h"
#include "lib/tlog/receipt.h"
#include "lib/tlog/tiles.h"

struct tree {
	struct store *store;
	struct note_signer signer;
	struct tiles *tiles;
	struct buf text, note; /* the checkpoint being signed */
};

/* Rebuilds the right edge and verifies it against the last checkpoint, the entries of the last tile, and
 * the anchor (path may be NULL). Changes nothing. REASON_TAMPERED. */
bool tree_open(struct tree *t, struct store *s, const struct note_signer *signer, const char *anchor_path,
               struct error *e) MUST_USE;
/* Writes the anchor of a log that is empty: it exists from before the first entry on. */
bool tree_first_anchor(struct tree *t, const char *path, struct error *e) MUST_USE;
void tree_close(struct tree *t);

/* `shape`: that the disclosures name; NULL: they name none. */
struct store_shape;
bool tree_append(struct tree *t, struct view leaf, struct view packed, const struct store_shape *shape, uint64_t *index,
                 struct error *e) MUST_USE;
/* Stores the tiles that changed and the checkpoint of the present size; t->note is the signed note. */
bool tree_seal(struct tree *t, struct error *e) MUST_USE;
void tree_commit(struct tree *t);
void tree_rollback(struct tree *t);
/* Of an entry at the present size, which must have been sealed. */
bool tree_prove(struct tree *t, uint64_t index, struct receipt *out, struct error *e) MUST_USE;
/* Of an older entry at the checkpoint of its commit; *note lives until the next call on the store. */
bool tree_prove_older(struct tree *t, uint64_t index, struct receipt *out, struct view *note, struct error *e) MUST_USE;
/* The genesis entry's line: the origin, and of a later epoch what went before and the digest of its last
 * checkpoint. */
bool tree_genesis(const struct tree *t, int64_t now_ms, struct buf *out, struct error *e) MUST_USE;
/* The restore entry that follows it in a later epoch; nothing in the first. */
bool tree_restore(const struct tree *t, int64_t now_ms, struct buf *out, struct error *e) MUST_USE;
/* The entry with what the log before announced this one's key by; empty where it has the same key. */
bool tree_announcement(const struct tree *t, int64_t now_ms, struct buf *out, struct error *e) MUST_USE;

#endif
