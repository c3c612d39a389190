/* Retention: the sweep of what is due. It runs in core's main thread, reads which timers are due and hands the writer
 * one job after the other, whose effects (duty.h, copy.h) are one transaction each. A job is bounded by its time, and
 * the next one comes after a rest in proportion, so that what is due at once takes a share of the writer's time and
 * ingest the others. */
#ifndef GATEWAYD_CORE_COPY_RETENTION_H
#define GATEWAYD_CORE_COPY_RETENTION_H

#include "gatewayd/core/context/context.h"

/* When the gateway's own payload must be gone: what the agreement says, at most 28 days (Regulation (EU)
 * 2023/969 Art. 21). */
int64_t retention_payload_due(const struct ruling *r, int64_t now_ms);

/* Submits a job for what is due at `now_ms`, or the first part of it, and for the surrogates of key epochs and
 * agreements that have ended; nothing when the last one is still under way. Main thread, `reader` is its own. Returns
 * false when the store cannot be read. */
struct retention;
struct retention *retention_new(struct core *c, struct store *reader) MUST_USE;
void retention_free(struct retention *r);
bool retention_sweep(struct retention *r, int64_t now_ms, struct error *e) MUST_USE;
/* Collects the sweep's job when it is done; its home is readable then. */
int retention_fd(const struct retention *r);
void retention_collect(struct retention *r);
bool retention_busy(const struct retention *r);
/* How long to wait, in microseconds, before the next part is swept; -1: nothing more is known to be due. */
int64_t retention_rest_us(const struct retention *r);

#endif
