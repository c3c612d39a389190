/* Which records of the outbox may have left: what is recalled before it left is erased and forgotten, what may have left is
 * called back. The outbox's row counts attempts that ended; this knows of those that are under way, and of those that an
 * earlier process may have begun and never ended. They lie in memory. Any thread.
 *
 * A worker calls departures_begin() before it reads the row that it sends; the writer calls departures_stop() before it deletes
 * that row. So either the worker was first, and the record counts as one that may have left, or it sends nothing. */
#ifndef GATEWAYD_CORE_SERVE_DEPARTURES_H
#define GATEWAYD_CORE_SERVE_DEPARTURES_H

#include "gatewayd/core/store/store.h"

struct departures;
/* `store`: as the process found it. */
struct departures *departures_new(struct store *store, struct error *e) MUST_USE;
void departures_free(struct departures *d); /* NULL is fine */

enum departure {
	DEPARTURE_BEGUN,
	DEPARTURE_AGAIN,    /* it was under way already: the job of its last end failed */
	DEPARTURE_STOPPED,  /* not now */
	DEPARTURE_NO_MEMORY /* not now */
};

/* The record with this number is about to be sent. */
enum departure departures_begin(struct departures *d, uint64_t seq) MUST_USE;
/* It was not: nothing was sent of the row that was read. `was`: as it began. */
void departures_undo(struct departures *d, uint64_t seq, enum departure was);
/* Whether it was queued by an earlier process, which may have begun to send it. */
bool departures_earlier(const struct departures *d, uint64_t seq) MUST_USE;
/* How it ended is in the outbox's row, or that is gone. */
void departures_end(struct departures *d, uint64_t seq);
/* Before its row is deleted: whether it may be under way, or may have been in an earlier process. Else it does not leave any
 * more with that row; should the row stay after all, its next attempt but one does. */
bool departures_stop(struct departures *d, uint64_t seq);

#endif
