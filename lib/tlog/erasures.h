/* What became of a log's withheld fields: which entries lack the row that opens their digests, and which erasure entry
 * covers each. An erasure entry names the entries whose rows were deleted with it (`erased`), of its own log or of an
 * earlier one (`erased_log`); it covers what stands before it, never what comes. A row that is missing and that none
 * covers was taken away.
 *
 * Builds of before wrote how many rows they erased and up to which entry, not which. Such an entry accounts for so many
 * missing rows of builds of before, and of no others: they are counted apart.
 *
 * Used on one thread. Memory: two bits an entry around where rows are missing and not covered yet, 16 bytes a range of
 * earlier logs. */
#ifndef GATEWAY_TLOG_ERASURES_H
#define GATEWAY_TLOG_ERASURES_H

#include "lib/base/error.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/note.h"

/* What entries of later logs say of earlier ones: filled from log after log, the newest first. Starts as zeros. */
struct later_erasures {
	struct later_log {
		char origin[NOTE_NAME_MAX];
		struct entry_range *range;
		size_t n, max;
	} * log;
	size_t n;
	uint64_t unranged; /* rows that entries without ranges erased, perhaps of earlier logs */
};
void later_erasures_free(struct later_erasures *l);

struct erasures;
/* Of the log of this origin. `later` (may be NULL) covers rows of it, gets what its own entries say of earlier logs, and
 * stays the caller's. NULL: no memory. */
struct erasures *erasures_new(struct view origin, struct later_erasures *later) MUST_USE;
void erasures_free(struct erasures *x);
/* The next entry, in order; some may be taken again from where they were taken before. `missing`: it commits to digests and its row is not there. REASON_TAMPERED when what it
 * says that it erased is malformed or names what was not written yet; REASON_NO_MEMORY. */
bool erasures_take(struct erasures *x, uint64_t index, struct view leaf, bool missing, struct error *e) MUST_USE;

struct erasures_found {
	uint64_t erased;        /* rows that are covered */
	uint64_t unaccounted;   /* of builds of before, covered by number alone */
	uint64_t missing;       /* covered by nothing */
	uint64_t first_missing; /* entry, when there are any */
};
/* After the entries so far; more may follow. */
void erasures_settle(struct erasures *x, struct erasures_found *out);

#endif
