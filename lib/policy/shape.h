/* The shape of a decision: which places of a record leave and which do not, by which rule, what was done to them. It follows
 * from the program and from which members a record has, never from a value; records of one kind have one, or a few. So a
 * decision can name it by its digest, and say beside it only how many leaves each of its lines stood for.
 *
 * A shape is one line of JSON, {"dropped":[…],"released":[…]}, ASCII, each item {"action","epoch","pointer","rule"} as in a
 * decision that names each leaf. Pointers have `*` for each item of an array and for each member that the schema does not know; they are cut to 1,024
 * bytes, at a whole token. Lines are sorted (pointer, action, epoch, rule), and no two are alike: the order of members and
 * items in a record makes no other shape.
 *
 * One thread has a table of those that it met. A shape that it hands out is immutable and counted, and may outlive the table
 * on another thread. */
#ifndef GATEWAY_POLICY_SHAPE_H
#define GATEWAY_POLICY_SHAPE_H

#include "lib/base/buf.h"
#include "lib/base/ids.h"
#include "lib/json/tape.h"
#include "lib/policy/agreement.h"

struct shape {
	_Atomic unsigned refs;
	struct digest digest; /* SHA-256 of its text */
	struct view text;
	size_t n, n_dropped; /* lines: those of "dropped" come first */
	_Atomic bool kept;   /* its user's: it has been stored, and need not be asked for again */
};
struct shape *shape_ref(struct shape *s);
void shape_unref(struct shape *s); /* NULL is fine */

struct shapes;
/* `most`: rulings that it knows at a time, at least 1; of more it forgets the one that was not used for longest. NULL: no memory. */
struct shapes *shapes_new(unsigned most) MUST_USE;
void shapes_free(struct shapes *s);
/* Lets go of what it met, and of the agreements that it was met under. */
void shapes_forget(struct shapes *s);

/* What a run did to the leaves of one record. */
struct shape_use {
	struct shape *shape;    /* the table's; shape_ref() to keep it */
	const uint32_t *counts; /* leaves of each line; until the next call */
};
/* The shape of what `r` traced over `record`. The agreement is the ruling's; it is held as long as the table has something of
 * it. False: no memory. */
bool shapes_find(struct shapes *s, const struct agreement *a, const struct ruling *ruling, const struct tape *t,
                 uint32_t record, const struct transform_run *r, struct shape_use *out) MUST_USE;

/* The digest of the shape that packed disclosures (lib/tlog/entry.h) name in their decision. False: none does. */
bool shape_named(struct view packed, struct digest *out);

/* A JSON string in ASCII. What comes from documents and schemas is UTF-8 that was checked. */
void shape_add_ascii(struct buf *out, struct view v);

#endif
