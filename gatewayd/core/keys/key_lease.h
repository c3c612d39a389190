/* The key of a payload from its sealing to the end of the transaction that writes it: from the pool, with its slot, or, where the
 * pool is empty, a fresh one whose slot the transaction finds. One owner; writer_place_key() reads it meanwhile. */
#ifndef GATEWAYD_CORE_KEYS_KEY_LEASE_H
#define GATEWAYD_CORE_KEYS_KEY_LEASE_H

#include "gatewayd/core/keys/keystore.h"

struct key_lease {
	struct keystore *of; /* NULL: there is none */
	bool placed;         /* grant.slot is its slot */
	struct key_grant grant;
};

/* Any thread. What it holds already it keeps: one payload, sealed again, has one key. False: no random bytes. */
bool key_lease_take(struct key_lease *l, struct keystore *k) MUST_USE;
/* Any thread, once it is known whether a row names the key's slot now; wipes the key. Otherwise the slot goes back. What holds
 * none is fine. */
void key_lease_settle(struct key_lease *l, bool kept);

#endif
