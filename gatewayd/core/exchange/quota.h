/* Quotas: how often a tier or an exception of an agreement may be used within a window. A use is reserved when
 * the decision is made, so that two workers cannot both take the last one, written in the transaction of the
 * release, and given back when nothing was released.
 *
 * Counted apart for each provider: a quota limits what one party gives, and both gateways count the same.
 * The window slides: a use counts until its instant plus the quota's `per`. A window is kept in at most
 * QUOTA_STEPS steps; where there are more, neighbours are joined at the later instant, which is the strict side.
 *
 * What lasts is a row in the store by agreement, provider and tier or exception: a restart, or a new version
 * of the agreement, does not start anew. Any thread; a reservation belongs to one. */
#ifndef GATEWAYD_CORE_EXCHANGE_QUOTA_H
#define GATEWAYD_CORE_EXCHANGE_QUOTA_H

#include "gatewayd/core/store/store.h"
#include "lib/base/datetime.h"
#include "lib/base/ids.h"

#define QUOTA_STEPS   256
#define QUOTA_LATE_MS (28 * DAY_MS) /* a partner's report is never later: payloads are kept no longer */

struct quotas;
struct ledger;

/* The agreement as it was signed. */
struct quota_source {
	struct view id, text;
	struct digest digest;
};

/* Who uses what, and when. */
struct quota_claim {
	struct quota_source source;
	struct view provider;        /* agency */
	struct view tier, exception; /* as the envelope names them; unknown ones have no quota */
	int64_t at_ms;               /* of the release */
	bool reported;               /* a partner's release, of which `at_ms` tells: later ones do not count */
	bool look;                   /* counts only, reserves nothing */
};

struct quota_use {
	struct quotas *quotas; /* NULL: nothing is reserved */
	struct ledger *of[2];  /* tier, exception; NULL: no quota is stated */
	uint32_t uses[2];      /* without this one */
	int64_t at_ms;
	bool reported;
};

struct quotas *quotas_new(void) MUST_USE; /* NULL: no memory */
void quotas_free(struct quotas *q);
/* Counts and reserves. `reader` is a reading store of the calling thread. False: the store cannot be read or
 * memory ran out, and nothing is reserved. */
bool quota_reserve(struct quotas *q, const struct quota_claim *claim, struct store *reader, struct quota_use *out,
                   struct error *e) MUST_USE;
/* Only inside a job's run(): writes the use beside the release. May be called again after a rollback. */
bool quota_write(const struct quota_use *u, struct store *s, struct error *e) MUST_USE;
/* The end of a reservation: `used` when the release was committed, else it is given back. Once; more calls
 * do nothing. */
void quota_settle(struct quota_use *u, bool used);

#endif
