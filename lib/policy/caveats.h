/* Caveats: the codes under which a record travels, from gateway to gateway and however often it is passed on. They are
 * what the agreement puts on every record (`onward.caveats`), what its sender says of this one (`handling`), and, where
 * it is passed on, what came with it. Merged, the strictest of each scale stays; grades stand from the best to the
 * worst, so that nobody betters another's. Europol's H1, H2 and H3 forbid different things and stand side by side, and
 * a code with words of its own goes only where the same words stand on a stricter one. Pure; any thread. */
#ifndef GATEWAY_POLICY_CAVEATS_H
#define GATEWAY_POLICY_CAVEATS_H

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/json/tape.h"
#include "lib/policy/codes.h"

/* The envelope's schema has as many for `origin.caveats`. */
#define CAVEATS_MAX   32
#define CAVEATS_BYTES (1024u * 1024) /* their JSON: each has at most 4000 characters of words */

struct caveat {
	enum scale scale;
	int place;        /* on the scale's list, scale_strictness() */
	struct view text; /* its words, which live elsewhere; empty: none */
};

/* In the order of the lists, then of the words. All zero: none. */
struct caveats {
	size_t n;
	struct caveat list[CAVEATS_MAX];
};

/* The strictest stays. False: there would be more than CAVEATS_MAX; nothing is changed that loosens `c`. */
bool caveats_add(struct caveats *c, const struct caveat *x) MUST_USE;
bool caveats_merge(struct caveats *into, const struct caveats *from) MUST_USE;
/* One {scale, value, text}: false when it is on no list, or is H3, handling in words, without words. */
bool caveat_read(const struct tape *t, uint32_t object, struct caveat *out) MUST_USE;
/* Adds a whole array of them. REASON_HANDLING_UNKNOWN, REASON_LIMIT. */
bool caveats_read(const struct tape *t, uint32_t list, struct caveats *c, struct error *e) MUST_USE;
/* Does `c` say all that `x`, or all of `other`, says, or what is stricter? */
bool caveats_say(const struct caveats *c, const struct caveat *x);
bool caveats_say_all(const struct caveats *c, const struct caveats *other);
uint32_t caveats_scales(const struct caveats *c); /* mask of enum scale */
/* The JSON array in its one form (lib/json/canonical.h): the same caveats have the same bytes. */
void caveats_print(const struct caveats *c, struct buf *out);

/* What they say to passing the record on, from the mildest. */
enum caveat_onward {
	CAVEAT_OPEN,  /* nothing */
	CAVEAT_WORDS, /* words or conditions that a person has to read: H3, 3x5x2 C */
	CAVEAT_PERMITTED /* only with the originator's permission, case by case: H2 */,
	CAVEAT_CLOSED /* it goes no further: TLP RED, and AMBER+STRICT, which does not leave the organisation */
};
/* The strictest, and the code that says so, or NULL. AMBER goes to the recipient's clients: who they are, the
 * agreement's `onward` says; H1 (not as evidence) binds whoever holds the record, and travels. */
enum caveat_onward caveats_onward(const struct caveats *c, const struct caveat **why);

#endif
