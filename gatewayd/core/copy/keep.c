/* See keep.h. */
#include "gatewayd/core/copy/keep.h"

#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/payload.h"
#include "lib/policy/schedule.h"

static int64_t earlier(int64_t at, int64_t other)
{
	return other != SCHEDULE_NEVER && other < at ? other : at;
}

/* An agreement that is not held here any more keeps nothing. */
static bool kept_until(const struct act *a, const struct copy *c, int64_t *until_ms, struct error *e)
{
	struct copy_terms terms;
	enum sought found = sought(copy_terms(a, c, &terms, NULL, e), e);

	*until_ms = a->now_ms;
	if (found != SOUGHT_FOUND)
		return found == SOUGHT_NONE;
	int64_t at = duration_add(a->now_ms, &terms.keep);
	*until_ms = earlier(earlier(at, c->plan.payload_ms), c->plan.end_ms);
	return true;
}

/* Of a record whose key is gone nothing is kept. */
static bool keep_beside(const struct act *a, const struct copy *c, bool *kept, struct error *e)
{
	uint32_t slot;
	struct store_delivery d;
	enum sought row = sought(store_get_slot(a->store, c->seq, &slot, e), e);

	if (row != SOUGHT_FOUND)
		return row == SOUGHT_NONE;
	row = sought(store_get_delivery(a->store, c->seq, &d, e), e);
	*kept = row == SOUGHT_FOUND;
	return row == SOUGHT_FOUND ? store_put_kept(a->store, c->seq, d.envelope, e) : row == SOUGHT_NONE;
}

bool keep_arrived(const struct act *a, struct copy *c, struct error *e)
{
	int64_t until_ms;
	bool kept = false;

	if (!kept_until(a, c, &until_ms, e) || (until_ms > a->now_ms && !keep_beside(a, c, &kept, e)) ||
	    !store_drop_delivery(a->store, c->seq, e))
		return false;
	if (!kept)
		return copy_erase_payload(a, c, "delivered", e);
	c->plan.payload_ms = until_ms;
	return copy_settle(a, c, e);
}

bool keep_end(const struct act *a, struct copy *c, const char *why, struct error *e)
{
	return c->state != STATE_DELIVERED || c->plan.payload_ms == SCHEDULE_NEVER || copy_erase_payload(a, c, why, e);
}
