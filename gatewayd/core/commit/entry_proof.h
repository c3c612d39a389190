/* Receipts of entries that are already in the log, from the store: the same as those of the commit that
 * appended them (the entry's index, and that commit's checkpoint), or under the checkpoint that witnesses cosigned since.
 * Uses a reading store of its thread. */
#ifndef GATEWAYD_CORE_COMMIT_ENTRY_PROOF_H
#define GATEWAYD_CORE_COMMIT_ENTRY_PROOF_H

#include "gatewayd/core/store/store.h"
#include "lib/base/buf.h"
#include "lib/json/tape.h"
#include "lib/tlog/receipt.h"

/* The proof of an entry by its number among all logs (store.h), at the checkpoint of its commit, which is added
 * to `note`; *out looks into it. */
bool proof_read(struct store *reader, uint64_t entry, struct receipt *out, struct buf *note, struct error *e) MUST_USE;
/* Appends the tlog-proof text of that entry to `receipt` and, where `leaf` is not NULL, the leaf's bytes
 * to it. `with_leaf`: the text carries the leaf in its extra line. */
bool proof_of_entry(struct store *reader, uint64_t entry, bool with_leaf, struct buf *leaf, struct buf *receipt,
                    struct error *e) MUST_USE;
/* The checkpoint of the log that the store is about which its witnesses cosigned as this node asks, with their lines, is
 * added to `note`; *size 0: there is none yet. */
bool proof_cosigned(struct store *reader, uint64_t *size, struct buf *note, struct error *e) MUST_USE;
/* The receipt of that entry with its leaf for whoever verifies offline: under the cosigned checkpoint where that covers it,
 * else under that of its commit, with the cosignatures that this one has so far. */
bool proof_for_outsiders(struct store *reader, uint64_t entry, struct buf *receipt, struct error *e) MUST_USE;
/* Many of them, of entries of the log that the store is about: those that the cosigned checkpoint covers under that one, all
 * others under the newest, with each one's tiles read once. `reader` outlives it. NULL: no memory. */
struct outsider_proofs;
struct outsider_proofs *outsider_proofs_new(struct store *reader) MUST_USE;
void outsider_proofs_free(struct outsider_proofs *p); /* NULL is fine */
bool outsider_proof(struct outsider_proofs *p, uint64_t index, struct buf *receipt, struct error *e) MUST_USE;
/* Of a leaf that was parsed. Copies a string member; empty when it is not there. */
void proof_leaf_member(const struct tape *leaf, const char *name, char *out, size_t size);
/* Whether a string member of a leaf is `want`, which is not empty. */
bool proof_leaf_says(const struct tape *leaf, const char *name, const char *want);
/* Whether the leaf is of a refusal of what has this digest (hex), and says `final`: that it stands, however often that is sent
 * again. */
bool proof_leaf_refuses(const struct tape *leaf, const char *input);

#endif
