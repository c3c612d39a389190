/* The data-flow map: who sends which fields to whom, in what form, where they are stored, how long, where
 * they could leak. Pure; one thread. */
#ifndef GATEWAY_POLICY_FLOWMAP_H
#define GATEWAY_POLICY_FLOWMAP_H

#include "lib/policy/agreement.h"

/* A Graphviz graph. */
bool agreement_flowmap_dot(const struct agreement *a, struct buf *out) MUST_USE;
/* A picture of its own, without scripts, fonts or links. */
bool agreement_flowmap_svg(const struct agreement *a, struct buf *out) MUST_USE;

#endif
