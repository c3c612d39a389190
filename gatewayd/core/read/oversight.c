/* See oversight.h. */
#include "gatewayd/core/read/oversight.h"

static bool is_oversight(const struct request *r)
{
	return (r->peer->roles & ROLES_OVERSIGHT) != 0;
}

/* By its partner file alone. */
static bool oversees(const struct partner *p, struct view agency)
{
	for (size_t i = 0; i < p->n_oversees; i++)
		if (view_is(agency, p->oversees[i]))
			return true;
	return false;
}

bool oversight_own(const struct request *r)
{
	struct view own = view_of(r->conf->node.agency);

	return is_oversight(r) && (view_is(own, r->peer->agency) || oversees(r->peer, own));
}

/* Any version that is loaded: what was shared under an earlier one is still seen. */
static bool recognised(const struct request *r, struct view agreement, struct view party)
{
	for (size_t i = 0; i < r->conf->n_agreements; i++) {
		const struct agreement *a = r->conf->agreements[i];
		if (view_eq(agreement_id(a), agreement) && agreement_oversight(a, party, view_of(r->peer->agency)))
			return true;
	}
	return false;
}

bool oversight_of(const struct request *r, struct view agreement, struct view party)
{
	if (!is_oversight(r) || party.n == 0)
		return false;
	return view_is(party, r->peer->agency) || (oversees(r->peer, party) && recognised(r, agreement, party));
}

bool oversight_under(const struct request *r, const struct agreement *a)
{
	struct view party;

	if (oversight_own(r))
		return true;
	for (size_t k = 0; (party = agreement_party(a, k)).n > 0; k++)
		if (oversight_of(r, agreement_id(a), party))
			return true;
	return false;
}
