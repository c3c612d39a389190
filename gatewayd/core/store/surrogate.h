/* Surrogates: random stand-ins of values, by a keyed digest of the value, within an agreement and key epoch. See
 * store.h. */
#ifndef GATEWAYD_CORE_STORE_SURROGATE_H
#define GATEWAYD_CORE_STORE_SURROGATE_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

#define STORE_SURROGATE 16
struct store_surrogate {
	struct view agreement;
	uint32_t epoch;
	struct digest key;
	uint8_t value[STORE_SURROGATE];
	int64_t until_ms; /* of the epoch; the latest that was put counts for all of them */
};
/* Nothing when it is there; REASON_STORE when the key has another value. */
bool store_put_surrogate(struct store *s, const struct store_surrogate *x, struct error *e) MUST_USE;
bool store_get_surrogate(struct store *s, struct view agreement, uint32_t epoch, const struct digest *key,
                         uint8_t value[STORE_SURROGATE], struct error *e) MUST_USE;
/* Agreements and epochs that have any. */
bool store_list_surrogates(struct store *s,
                           bool (*each)(void *arg, struct view agreement, uint32_t epoch, int64_t until_ms), void *arg,
                           struct error *e) MUST_USE;
bool store_erase_surrogates(struct store *s, struct view agreement, uint32_t epoch, struct error *e) MUST_USE;

#endif
