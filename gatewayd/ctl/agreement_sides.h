/* A record beside what leaves of it, leaf by leaf: for `agreement explain`. Items of an array that do not leave at all move those
 * behind them forward; which item is which follows from the decision. One thread. */
#ifndef GATEWAYD_CTL_AGREEMENT_SIDES_H
#define GATEWAYD_CTL_AGREEMENT_SIDES_H

#include <jansson.h>

#include "lib/json/tape.h"

struct sides {
	const struct tape *before; /* the envelope */
	uint32_t record;           /* its record */
	struct tape after;         /* what leaves; n == 0: nothing does */
	const json_t *released;    /* of the decision */
};

/* The leaf at a pointer of the record, as it came; empty: it is not there. A view into the tape. */
struct view side_before(const struct sides *s, const char *pointer);
/* The same as it leaves; empty: it does not. */
struct view side_after(const struct sides *s, const char *pointer);

#endif
