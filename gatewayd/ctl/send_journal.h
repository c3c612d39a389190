/* What a run of `gatewayctl send` has done, so that the next one goes on from there: a file of results, a line of JSON each in
 * the order of the records, and a state file that says how much of it counts. Results are synced before the state that counts
 * them, and what is not counted is cut off and asked for again: by its key it is answered as before. Who has them open
 * holds a lock on each, on the state by FILE.lock beside it, which goes when the run ends; results that are not those which the
 * state counts are left as they are. Both files are for their owner alone. One thread. */
#ifndef GATEWAYD_CTL_SEND_JOURNAL_H
#define GATEWAYD_CTL_SEND_JOURNAL_H

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/ids.h"

struct send_counts {
	uint64_t released, held, refused, not_sent;
};

struct send_journal;

/* Opens both, or begins them with a new run. A state of another agreement is refused (REASON_CONFIG), results or a state that another
 * process writes too (REASON_IO), results that are others than the state's (REASON_CONFIG). The strings must last. NULL with the error. */
struct send_journal *send_journal_open(const char *state, const char *results, const char *agreement,
                                       struct error *e) MUST_USE;
void send_journal_close(struct send_journal *j); /* without a sync; NULL does nothing */
const char *send_journal_run(const struct send_journal *j);
/* The number of the last line that is done, and what came of all of them. */
uint64_t send_journal_done(const struct send_journal *j);
const struct send_counts *send_journal_counts(const struct send_journal *j);
/* Whether all lines that are done were seen by the next function, which takes them one after the other: they must be the same
 * as when they were sent. REASON_CONFIG when they are not. */
bool send_journal_is_passed(const struct send_journal *j);
bool send_journal_pass(struct send_journal *j, uint64_t number, const struct digest *line, struct error *e) MUST_USE;
/* One line more is done; `result` without its line feed; the counts are those with it. Kept in memory, up to 1 MiB or a second. */
bool send_journal_add(struct send_journal *j, uint64_t number, const struct digest *line, struct view result,
                      const struct send_counts *counts, struct error *e) MUST_USE;
/* Syncs only when asked: what was added since lasts as a whole or not at all. */
void send_journal_hold(struct send_journal *j, bool hold);
/* All of it is on disk. Once it could not be written nothing is any more, for what is there is not known. */
bool send_journal_sync(struct send_journal *j, struct error *e) MUST_USE;

#endif
