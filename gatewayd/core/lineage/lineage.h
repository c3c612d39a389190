/* What belongs together by the links of the store (store/link.h): the versions of a record, and what was passed on from
 * any of them. One walk over both kinds of links, for everything that is done to copies because of where they came from:
 * recalls, receipts that wait for others, restrictions, holds.
 *
 *   first version ──corrects── second version ──corrects── third        lineage_descend() of any version: all of these,
 *        │ onward                   │ onward                            and what hangs at them
 *   passed on ──corrects── its correction                               lineage_ascend() of what was passed on: its own
 *                                                                       versions, and those that it was passed on from
 *
 * A walk takes each exchange once and therefore ends, whatever links there are. What was passed on is never passed on again
 * under the same number, so that a gateway's own part is one step deep in `onward` and as deep as there are corrections;
 * what lies behind it is the next gateway's part, which a notice reaches. `exchange/` links nothing more to a lineage that has
 * LINEAGE_MAX exchanges; a walk takes twice as many, for what a partner's gateway delivers is linked all the same.
 * Any thread, with its own store; before any view that came out of that store is used again. */
#ifndef GATEWAYD_CORE_LINEAGE_LINEAGE_H
#define GATEWAYD_CORE_LINEAGE_LINEAGE_H

#include "gatewayd/core/store/link.h"

#define LINEAGE_MAX 4096

struct lineage {
	uint64_t *seq; /* the nearest first: [0] is where the walk began */
	size_t n, size;
};

/* Whether the walk takes an exchange, and goes on from it. It may read the store. False: that failed. */
typedef bool lineage_takes(void *arg, uint64_t seq, bool *takes, struct error *e);

/* All versions of the exchange, what was passed on from them, and the versions of that. `takes` may be NULL: all. `out` is
 * the caller's to free, also after a failure; REASON_LIMIT: there is more than a walk takes. */
bool lineage_descend(struct store *s, uint64_t seq, lineage_takes *takes, void *arg, struct lineage *out,
                     struct error *e) MUST_USE;
/* All versions of the exchange, and of what it was passed on from: whoever may wait for its end. */
bool lineage_ascend(struct store *s, uint64_t seq, struct lineage *out, struct error *e) MUST_USE;
/* Whether more may be linked to the exchange. */
bool lineage_has_room(struct store *s, uint64_t seq, bool *room, struct error *e) MUST_USE;
/* The parent by that kind of link; 0: none. */
uint64_t lineage_parent(struct store *s, uint64_t child, enum link_kind kind);
/* Is `seq` that exchange, or a correction of it, however many versions lie between? */
bool lineage_stands_for(struct store *s, uint64_t seq, uint64_t first);
void lineage_free(struct lineage *l);

#endif
