/* Caveats: under which codes an exchange's record travels, while the record or a copy of it lives. See store.h. */
#ifndef GATEWAYD_CORE_STORE_CAVEATS_H
#define GATEWAYD_CORE_STORE_CAVEATS_H

#include "gatewayd/core/store/store.h"

/* JSON as lib/policy/caveats.h prints it; [] for none. An exchange of a build that did not keep them has no row. */
bool store_put_caveats(struct store *s, uint64_t seq, struct view text, struct error *e) MUST_USE;
/* Until the next call on the store; REASON_NOT_FOUND. */
bool store_get_caveats(struct store *s, uint64_t seq, struct view *text, struct error *e) MUST_USE;
/* Fine where there are none. */
bool store_drop_caveats(struct store *s, uint64_t seq, struct error *e) MUST_USE;

#endif
