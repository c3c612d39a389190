/* What partners have asked for today, kept in the store so that a restart does not give them another day: as one value, written
 * once a second where it changed, and when the daemon stops. A daemon that is killed forgets a second of it at most. It has a line
 * for each partner and agreement that has a bound of a day, and of one day alone. Core's main thread. */
#ifndef GATEWAYD_CORE_SERVE_RATE_DAYS_H
#define GATEWAYD_CORE_SERVE_RATE_DAYS_H

#include "gatewayd/core/context/context.h"

struct store;
struct rate_days;

/* Takes up what the store has of today. Before any worker counts. NULL with the error. */
struct rate_days *rate_days_new(struct core *core, struct store *reader, struct error *e) MUST_USE;
/* Has the writer write it, at most once a second; does not wait. */
void rate_days_tick(struct rate_days *d);
/* Writes what is left, and frees it; the writer still runs, the workers do not. NULL does nothing. */
void rate_days_end(struct rate_days *d);

#endif
