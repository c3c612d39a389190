/* Caveats: under which codes an exchange's record travels, while the record or a copy of it lives. See store.h. */
#ifndef GATEWAYD_CORE_STORE_CAVEATS_H
#define GATEWAYD_CORE_STORE_CAVEATS_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

struct store_caveats {
	struct view text; /* JSON as lib/policy/caveats.h prints it; [] for none */
	struct salt
	        salt; /* of the disclosure `caveats` of the exchange's entry, against which the row is held; zeros: of a
	                   * build that kept none */
	struct digest mark; /* of a record that came here, or left as the agency's own: mark.h; zeros: none */
};
/* An exchange of a build that did not keep them has no row. */
bool store_put_caveats(struct store *s, uint64_t seq, const struct store_caveats *c, struct error *e) MUST_USE;
/* The text lives until the next call on the store; REASON_NOT_FOUND. */
bool store_get_caveats(struct store *s, uint64_t seq, struct store_caveats *out, struct error *e) MUST_USE;
/* Fine where there are none. */
bool store_drop_caveats(struct store *s, uint64_t seq, struct error *e) MUST_USE;

#endif
