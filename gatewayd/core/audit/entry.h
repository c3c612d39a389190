/* The one way of an audit entry into the log: printed, with the build of this software and random bits of its own, and
 * appended. */
#ifndef GATEWAYD_CORE_AUDIT_ENTRY_H
#define GATEWAYD_CORE_AUDIT_ENTRY_H

#include "gatewayd/core/context/act.h"
#include "lib/tlog/entry.h"

/* Only inside run(): appends `facts` with the act's time and this software's build, and what `sd` withholds (NULL:
 * nothing). `index` (may be NULL) gets its number in the log. REASON_NO_MEMORY when the entry or a disclosure did not
 * fit, REASON_CRYPTO without random bytes: nothing is appended. */
bool audit_append(const struct act *a, const struct entry *facts, struct disclosures *sd, uint64_t *index,
                  struct error *e) MUST_USE;
/* The leaf alone, appended to `leaf`, for whoever needs its bytes as well; the time is that of `facts`. `sd`, which may
 * be empty, gets the decoys of the operation and is appended with it. Any thread. The same errors. */
bool audit_print(const struct core *c, const struct entry *facts, struct disclosures *sd, struct buf *leaf,
                 struct error *e) MUST_USE;

#endif
