/* What is allowed but unwise, or not thought of: every leaf of the schemas covered by a rule, no direct
 * identifier in clear without a waiver, special categories, small value domains under one-way pseudonyms,
 * keys that the recipient holds, clauses that oversight asks for first. Pure; one thread. */
#ifndef GATEWAY_POLICY_LINT_H
#define GATEWAY_POLICY_LINT_H

#include "lib/policy/agreement.h"

/* How a text begins that somebody has still to write. */
#define LINT_FILL_IN "FILL IN,"

enum lint_level { LINT_NOTE, LINT_WARNING, LINT_ERROR };
const char *lint_level_name(enum lint_level l);

struct lint_finding {
	enum lint_level level;
	const char *rule;    /* "uncovered-leaf", … */
	const char *pointer; /* place in the agreement */
	const char *text;
	const char *example; /* JSON that may stand at the pointer, NULL: none */
};
/* What may stand where a rule finds something missing or past; NULL: the rule finds no such thing. */
const char *lint_example(const char *rule);
/* Reports every finding; returns how many were warnings or errors. Notes (a subtree that is kept, a field
 * that is dropped by name) do not count. The strings live until the callback returns. */
size_t agreement_lint(const struct agreement *a, int64_t now_ms,
                      void (*report)(void *arg, const struct lint_finding *f), void *arg);

#endif
