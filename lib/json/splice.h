/* The splice writer: makes a new JSON text from pieces of a tape, in the one form of canonical.h. Values that
 * stand in that form are copied; others are spelled anew, value for value, and the members of what is copied are
 * put in order. White space between tokens is never written. Whoever opens an object itself gives its members in
 * order (member_order.h). Writes into a struct buf, whose sticky error covers everything here, memory included.
 * One thread at a time. */
#ifndef GATEWAY_JSON_SPLICE_H
#define GATEWAY_JSON_SPLICE_H

#include "lib/json/member_order.h"
#include "lib/json/tape.h"
#include "lib/base/buf.h"

#define SPLICE_DEPTH 72

struct splice {
	struct buf *out;
	struct member_order *order; /* the caller's */
	uint32_t depth;
	bool after_key;
	bool comma[SPLICE_DEPTH]; /* a value stands before the next one at this depth */
};

void splice_start(struct splice *s, struct buf *out, struct member_order *order);
void splice_open(struct splice *s, char bracket);  /* '{' or '[' */
void splice_close(struct splice *s, char bracket); /* '}' or ']' */
/* Copies the name of a KEY node. */
void splice_key(struct splice *s, const struct tape *t, uint32_t key);
void splice_name(struct splice *s, struct view name); /* encodes a key */
/* Copies a value with everything in it. */
void splice_copy(struct splice *s, const struct tape *t, uint32_t node);
void splice_string(struct splice *s, struct view value);  /* encodes */
void splice_number(struct splice *s, struct view token);  /* of a JSON number, in whatever spelling */
void splice_literal(struct splice *s, struct view token); /* null, true, false, or what is known to be in the form */
/* Where the output stands, to take back an empty container: splice_rewind() drops all since. */
struct splice_mark {
	size_t n;
	uint32_t depth;
	bool after_key, comma;
};
static inline struct splice_mark splice_mark(const struct splice *s)
{
	return (struct splice_mark){ s->out->n, s->depth, s->after_key, s->comma[s->depth] };
}
void splice_rewind(struct splice *s, struct splice_mark m);

#endif
