/* Consents that released records rest on, by digest, for as long as a copy may live: which exchanges a withdrawal is
 * about. See store.h and lib/policy/consents.h. */
#ifndef GATEWAYD_CORE_STORE_CONSENT_H
#define GATEWAYD_CORE_STORE_CONSENT_H

#include "gatewayd/core/store/store.h"
#include "lib/base/ids.h"

struct store_consent {
	uint64_t seq;
	struct view agreement, purpose; /* ids */
	struct digest consent;          /* consent_digest() */
	struct digest told;             /* consent_told(), as the leaf of the first gateway has it */
};
bool store_put_consent(struct store *s, const struct store_consent *c, struct error *e) MUST_USE;
/* Of an exchange; none is no error. */
bool store_drop_consent(struct store *s, uint64_t seq, struct error *e) MUST_USE;
/* REASON_NOT_FOUND: it rests on none, or the copy is gone. */
bool store_get_consent(struct store *s, uint64_t seq, struct store_consent *out, struct error *e) MUST_USE;
/* Those of one consent under an agreement, oldest first. */
bool store_list_consents(struct store *s, struct view agreement, const struct digest *consent,
                         bool (*each)(void *arg, const struct store_consent *c), void *arg, struct error *e) MUST_USE;

#endif
