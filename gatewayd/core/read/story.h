/* What became of an exchange after its decision, as JSON members: version and corrections, duties and their receipts.
 * For its parties and for operators. Any thread, with its own reading store. */
#ifndef GATEWAYD_CORE_READ_STORY_H
#define GATEWAYD_CORE_READ_STORY_H

#include "gatewayd/core/store/store.h"
#include "lib/base/buf.h"

/* Appends `,"version":…,"duties":[…]`, and `,"corrects":…`, `,"corrected_by":…` where there are. */
bool story_write(struct store *reader, uint64_t seq, struct buf *out, struct error *e) MUST_USE;

#endif
