/* Exchanges that a partner's log has no entry of any more: their receipts, which it signed, lie beyond where it ended. */
#ifndef GATEWAYD_CORE_WITNESS_MISSING_H
#define GATEWAYD_CORE_WITNESS_MISSING_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

/* Calls `each` for those among the receipts of at most `max` exchanges behind `*after_seq`, which is moved on; true in
 * `*more` while there may be others. `each` false: stops. Any thread, with a reading store of its own. */
bool missing_list(struct store *reader, struct view origin, uint64_t end, uint64_t *after_seq, unsigned max, bool *more,
                  bool (*each)(void *arg, const struct uuid *exchange, uint64_t index), void *arg,
                  struct error *e) MUST_USE;

#endif
