/* What may stand in the place where a statement of the envelope failed: what the agreement's document lists there, which each of
 * its parties may read in full. What floor and overlay make stricter is not told: a node may take less. Any thread. */
#ifndef GATEWAY_POLICY_ALLOWED_H
#define GATEWAY_POLICY_ALLOWED_H

#include "lib/policy/decision.h"

/* Calls `each` with every value that the agreement lists where `f`, one of the decision's failed rules, failed: of the provider
 * `agency`, for the purpose and tier that were found. Never called where the place has no list, or where it was not the agreement
 * that refused. A retention's one value is the longest. Views into the agreement. */
void allowed_values(const struct decision *d, const struct failed *f, struct view agency,
                    void (*each)(void *arg, struct view value), void *arg);

#endif
