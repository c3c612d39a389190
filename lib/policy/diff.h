/* What changed between two versions of an agreement, in words: stricter, looser, or other. For those who
 * have to sign, and for the register of changes. Pure; one thread. */
#ifndef GATEWAY_POLICY_DIFF_H
#define GATEWAY_POLICY_DIFF_H

#include "lib/policy/agreement.h"

enum diff_kind { DIFF_STRICTER, DIFF_LOOSER, DIFF_OTHER };
const char *diff_kind_name(enum diff_kind k);

/* Reports every change: its place (in the new text, or in the old one for what went), and a sentence.
 * Returns how many were looser. */
size_t agreement_diff(const struct agreement *before, const struct agreement *after,
                      void (*report)(void *arg, enum diff_kind kind, const char *pointer, const char *text), void *arg);

#endif
