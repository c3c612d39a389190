/* See key_lease.h. */
#include "gatewayd/core/keys/key_lease.h"

bool key_lease_take(struct key_lease *l, struct keystore *k)
{
	if (l->of)
		return true;
	bool placed = keystore_take(k, &l->grant);
	if (!placed && !random_secret(l->grant.key, sizeof l->grant.key))
		return false;
	l->of = k;
	l->placed = placed;
	return true;
}

void key_lease_settle(struct key_lease *l, bool kept)
{
	if (l->of && l->placed && !kept)
		keystore_give_back(l->of, l->grant.slot);
	wipe(l, sizeof *l);
}
