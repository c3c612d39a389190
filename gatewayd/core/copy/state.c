/* See state.h. */
#include "gatewayd/core/copy/state.h"

#include <assert.h>

#include "gatewayd/core/store/caveats.h"
#include "gatewayd/os/log.h"

#define BIT(name) (1u << STATE_##name)
/* What a partner's receipt may say of a copy that was there, also once more. */
#define REPORTED (BIT(ERASED) | BIT(CORRECTED) | BIT(ENDED))

/* The record, or a copy of it, may be used: what came with it is kept. Its words may be about somebody, and go with it. */
#define LIVES (BIT(HELD) | BIT(QUEUED) | BIT(DELIVERED) | BIT(READY) | BIT(FETCHED))

/* By state, those that may follow it. */
static const unsigned next[] = {
	[STATE_REFUSED] = 0,
	[STATE_HELD] = BIT(REFUSED) | BIT(QUEUED) | BIT(READY),
	[STATE_QUEUED] = BIT(DELIVERED) | BIT(FAILED) | BIT(RECALLED) | BIT(CORRECTED) | BIT(ENDED),
	[STATE_DELIVERED] = BIT(RECALLED) | REPORTED,
	[STATE_READY] = BIT(FETCHED) | BIT(RECALLED) | REPORTED,
	[STATE_FETCHED] = BIT(RETURNED) | BIT(RECALLED) | BIT(CORRECTED) | BIT(ENDED),
	[STATE_FAILED] = BIT(RECALLED) | REPORTED,
	[STATE_ERASED] = BIT(RECALLED) | REPORTED,
	[STATE_RECALLED] = REPORTED,
	[STATE_CORRECTED] = BIT(RECALLED) | REPORTED,
	[STATE_RETURNED] = REPORTED,
	[STATE_ENDED] = BIT(RECALLED) | BIT(RETURNED) | REPORTED,
};

bool exchange_lives(enum exchange_state state)
{
	return (LIVES & 1u << state) != 0;
}

bool exchange_may_become(enum exchange_state from, enum exchange_state to)
{
	return (next[from] & 1u << to) != 0;
}

/* A fault of this program. */
static bool no_such_change(const struct copy *c, enum exchange_state to, struct error *e)
{
	char id[UUID_TEXT + 1];

	uuid_print(&c->id, id);
	error_set(e, REASON_INTERNAL, "exchange %s is %s and cannot become %s", id, exchange_state_name(c->state),
	          exchange_state_name(to));
	log_line("error", "%s", e->text);
#ifdef GATEWAY_ASSERT
	assert(!"a change of state that is not in the diagram");
#endif
	return false;
}

bool exchange_become(const struct act *a, struct copy *c, enum exchange_state to, struct error *e)
{
	if (!exchange_may_become(c->state, to))
		return no_such_change(c, to, e);
	if (!store_set_state(a->store, c->seq, to, e) ||
	    (!(LIVES & 1u << to) && !store_drop_caveats(a->store, c->seq, e)))
		return false;
	c->state = to;
	return true;
}

bool exchanges_become(const struct act *a, struct copy *const *all, size_t n, enum exchange_state to, struct error *e)
{
	uint64_t seqs[EXCHANGES_MAX];

	assert(n > 0 && n <= EXCHANGES_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!exchange_may_become(all[i]->state, to))
			return no_such_change(all[i], to, e);
		seqs[i] = all[i]->seq;
	}
	if (!store_set_states(a->store, seqs, n, to, e))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!exchange_lives(to) && !store_drop_caveats(a->store, seqs[i], e))
			return false;
		all[i]->state = to;
	}
	return true;
}
