/* The announcement of a log's next key: a C2SP signed-note of ours, signed by the log's key and by the next one, so that who
 * knows the first takes the second from it and from nobody's word. It stands in an entry of the new log.
 *
 *   gatewayd/log-key/v1
 *   old <verifier key>
 *   new <verifier key>
 *
 * Both are a log's, of one node, the new one's epoch later. Any thread, no state. */
#ifndef GATEWAY_TLOG_ANNOUNCEMENT_H
#define GATEWAY_TLOG_ANNOUNCEMENT_H

#include "lib/tlog/note.h"

#define ANNOUNCEMENT VIEW("gatewayd/log-key/v1\n") /* begins the note */

/* Appends the note. */
bool announcement_make(const struct note_signer *old, const struct note_signer *next, struct buf *out) MUST_USE;
/* What it announces, both signatures verified. REASON_TAMPERED. */
bool announcement_open(struct view note, struct note_vkey *old, struct note_vkey *next, struct error *e) MUST_USE;
/* The key that follows `known`. REASON_TAMPERED, also when it is about another. */
bool announcement_follow(struct view note, const struct note_vkey *known, struct note_vkey *next,
                         struct error *e) MUST_USE;

#endif
