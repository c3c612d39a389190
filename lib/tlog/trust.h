/* C2SP tlog-policy: which logs, and which witnesses in what number, make a checkpoint valid. The file is the
 * verifier's own and comes from elsewhere than what is verified. Immutable once parsed: any thread. */
#ifndef GATEWAY_TLOG_TRUST_H
#define GATEWAY_TLOG_TRUST_H

#include "lib/tlog/note.h"

#define TRUST_LOGS_MAX  64
#define TRUST_NAMES_MAX 128 /* witnesses and groups together */

struct trust;

/* Reads a policy; REASON_CONFIG with the line. NULL on error. */
struct trust *trust_parse(struct view text, struct error *e) MUST_USE;
void trust_free(struct trust *t);

/* The logs of the policy, in its order; NULL past the last. */
const struct note_vkey *trust_log(const struct trust *t, size_t i);

/* A checkpoint is valid when one of the logs signed it, whose name is its origin, and the quorum cosigned
 * it. A wrong signature of a known key spoils it. `*log` (may be NULL) gets the log, `*cosigned` (may be NULL)
 * the number of witnesses. `out` looks into `note`. REASON_TAMPERED. */
bool trust_check(const struct trust *t, struct view note, struct checkpoint *out, const struct note_vkey **log,
                 unsigned *cosigned, struct error *e) MUST_USE;

#endif
