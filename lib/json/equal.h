/* Equality of JSON values as JSON Schema has it (2020-12 core, 4.2.2), for const, enum and
 * uniqueItems: numbers by value (1 equals 1.0), strings by code points after unescaping, arrays item
 * by item, objects regardless of the order of members. The two values may lie on one tape or on two.
 * No allocation, no state, any thread.
 *
 * Cost: linear when the members stand in the same order, and where hashes of members differ; at
 * worst the product of the numbers of members of the objects compared, which tape_limits.members
 * bounds. Recursion goes as deep as tape_limits.depth. */
#ifndef GATEWAY_JSON_EQUAL_H
#define GATEWAY_JSON_EQUAL_H

#include "lib/json/tape.h"

bool tape_equal(const struct tape *a, uint32_t node_a, const struct tape *b, uint32_t node_b);
/* Equal values have equal hashes, also across tapes. */
uint32_t tape_value_hash(const struct tape *t, uint32_t node);

#endif
