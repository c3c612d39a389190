/* Proofs of entries that wait to be sent, many of them one after another: all at one checkpoint, the newest when the first of
 * them was asked for, with the tree's edge and the tiles of those entries in memory. So what is sent together comes under one
 * signed note. Uses a reading store of its thread. */
#ifndef GATEWAYD_CORE_COMMIT_PROVER_H
#define GATEWAYD_CORE_COMMIT_PROVER_H

#include "gatewayd/core/store/store.h"
#include "lib/base/buf.h"

struct prover;
/* `reader` outlives it. */
struct prover *prover_new(struct store *reader) MUST_USE;
void prover_free(struct prover *p); /* NULL is fine */

/* Appends the tlog-proof text of the entry, by its number among all logs, to `receipt`, and the leaf's bytes to `leaf`. An entry
 * that the checkpoint in memory does not cover has the newest one read. Of an earlier epoch as proof_of_entry() does. */
bool prover_entry(struct prover *p, uint64_t entry, struct buf *leaf, struct buf *receipt, struct error *e) MUST_USE;

#endif
