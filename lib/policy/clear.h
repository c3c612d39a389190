/* Whether a rule leaves a value in clear: what can be read from its result, given what the schema says of the values.
 * Not the action's name decides but what its parameters leave. Used when an agreement is loaded. */
#ifndef GATEWAY_POLICY_CLEAR_H
#define GATEWAY_POLICY_CLEAR_H

#include "lib/policy/domain.h"
#include "lib/transform/program.h"

/* More than this many characters, or more than a third of the shortest value, are the value. */
#define CLEAR_CHARACTERS 4
/* Numbers: more results than this, fewer values behind one of them, or more than a third of the digits. */
#define CLEAR_RESULTS 10000.0
#define CLEAR_VALUES  10.0
/* Dates that move by fewer days are known to the month. */
#define CLEAR_DAYS 15
/* Networks as small as these belong to one household or company. */
#define CLEAR_IPV4 24
#define CLEAR_IPV6 48

/* `values` are those of the rule's place; with `subtree` anything may come besides. */
bool rule_in_clear(const struct field_rule *rule, const struct domain *values);

#endif
