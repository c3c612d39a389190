/* This node's own logs, of this epoch and earlier ones, as they are compared with checkpoints that others hold. Each thread
 * with a reading store of its own, which is about the newest log before and after. */
#ifndef GATEWAYD_CORE_WITNESS_OWN_LOG_H
#define GATEWAYD_CORE_WITNESS_OWN_LOG_H

#include "gatewayd/core/store/store.h"
#include "lib/tlog/note.h"
#include "lib/tlog/witness.h"

/* The number of the log with this origin. REASON_NOT_FOUND. */
bool own_log_find(struct store *reader, struct view origin, uint64_t *log, struct error *e) MUST_USE;
/* The key of an earlier log: as it was kept when that was ended, without that `present` under its origin. */
bool own_log_key(struct store *reader, struct view origin, const struct note_vkey *present, struct note_vkey *out,
                 struct error *e) MUST_USE;

/* Its last signed checkpoint, into `note`, and the proof from the tree of `from` entries, as for a witness. A larger
 * `from`, and 0, has no proof. REASON_NOT_FOUND: it has no checkpoint. */
bool own_log_prove(struct store *reader, uint64_t log, uint64_t from, struct witness_request *out, struct buf *note,
                   struct error *e) MUST_USE;

/* Whether that log bears a checkpoint out. */
enum own_log_verdict { OWN_LOG_BEARS, OWN_LOG_FORKED, OWN_LOG_SHORTER };
/* `*end`: how many entries it has. */
bool own_log_compare(struct store *reader, uint64_t log, const struct checkpoint *c, uint64_t *end,
                     enum own_log_verdict *out, struct error *e) MUST_USE;

#endif
