/* What places a JSON Schema has: walks its text (properties, items, $ref, combinators) to tell whether a
 * rule's pointer can match anything, and to list the leaves that rules ought to cover. Used when an
 * agreement is loaded or linted, never on a record's way. One thread. */
#ifndef GATEWAY_POLICY_REACH_H
#define GATEWAY_POLICY_REACH_H

#include <jansson.h>

#include "lib/base/view.h"

struct reach_document {
	struct view uri;
	const json_t *root;
};
/* The first document is the schema itself, which starts at `entry` ("#…", empty: the whole document). */
struct reach {
	struct view entry;
	const struct reach_document *documents;
	size_t n;
};

/* Can a record that fits the schema have a value at the pattern? A place below a member that the schema
 * leaves open counts only where the schema says so itself (additionalProperties, patternProperties,
 * or a schema without any structure). Items are reached by `*` alone, as rules reach them. */
bool reach_matches(const struct reach *r, const char *pattern);
/* Calls `each` for every leaf (scalar, or place that may hold anything), as a pattern with `*` for items
 * and open members; a schema that
 * holds itself is listed once, and as one leaf where it comes back. */
void reach_leaves(const struct reach *r, void (*each)(void *arg, const char *pattern), void *arg);

/* Where the schema starts, and what a $ref in document `*doc` names, which sets `*doc` to its document; NULL when there
 * is no such place. */
const json_t *reach_start(const struct reach *r);
const json_t *reach_follow(const struct reach *r, size_t *doc, struct view ref);

#endif
