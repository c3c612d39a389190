/* The writer's side of the audit log: its tree, its signed checkpoints, and the checks at start. Used by
 * writer.c alone, on the thread that owns the store. */
#ifndef GATEWAYD_CORE_COMMIT_TREE_PRIVATE_H
#define GATEWAYD_CORE_COMMIT_TREE_PRIVATE_H

#include "gatewayd/core/store/store.h"
#include "lib/tlog/note.h"
#include "lib/tlog/receipt.h"
#include "lib/tlog/tiles.h"

struct writer_log {
	struct store *store;
	struct note_signer signer;
	struct tiles *tiles;
	struct buf text, note; /* the checkpoint being signed */
};

/* Rebuilds the right edge and verifies it against the last checkpoint, the entries of the last tile, and
 * the anchor (path may be NULL). Writes an anchor for a log that is empty. REASON_TAMPERED. */
bool log_open(struct writer_log *l, struct store *s, const struct note_signer *signer, const char *anchor_path,
              struct error *e) MUST_USE;
void log_close(struct writer_log *l);

bool log_append(struct writer_log *l, struct view leaf, struct view packed, uint64_t *index, struct error *e) MUST_USE;
/* Stores the tiles that changed and the checkpoint of the present size; l->note is the signed note. */
bool log_seal(struct writer_log *l, struct error *e) MUST_USE;
void log_commit(struct writer_log *l);
void log_rollback(struct writer_log *l);
/* Of an entry at the present size, which must have been sealed. */
bool log_prove(struct writer_log *l, uint64_t index, struct receipt *out, struct error *e) MUST_USE;
/* Of an older entry at the checkpoint of its commit; *note lives until the next call on the store. */
bool log_prove_older(struct writer_log *l, uint64_t index, struct receipt *out, struct view *note,
                     struct error *e) MUST_USE;
/* The genesis entry's line: the origin, and of a later epoch what went before and the digest of its last
 * checkpoint. */
bool log_genesis(const struct writer_log *l, int64_t now_ms, struct buf *out, struct error *e) MUST_USE;
/* The restore entry that follows it in a later epoch; nothing in the first. */
bool log_restore(const struct writer_log *l, int64_t now_ms, struct buf *out, struct error *e) MUST_USE;

#endif
