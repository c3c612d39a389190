/* Approvals that releases have used, until they expire: none is used twice. See store.h. */
#ifndef GATEWAYD_CORE_STORE_APPROVAL_H
#define GATEWAYD_CORE_STORE_APPROVAL_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

struct store_approval {
	struct digest statement; /* SHA-256 of its text */
	int64_t until_ms;        /* it expires */
};
/* *fresh false: it was used before, and nothing is written. */
bool store_put_approval(struct store *s, const struct store_approval *a, bool *fresh, struct error *e) MUST_USE;
/* REASON_NOT_FOUND: no release has used it, or it has expired since. */
bool store_get_approval(struct store *s, const struct digest *statement, struct store_approval *out,
                        struct error *e) MUST_USE;
/* Forgets those that have expired at `now_ms`. */
bool store_drop_approvals(struct store *s, int64_t now_ms, struct error *e) MUST_USE;

#endif
