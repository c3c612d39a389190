/* What acts of persons do to what waits (acts/stops.h), whenever their picture changes and at each start. Under a confirmed veto,
 * or when its agreement was ended for good, what is held is refused, what is queued is refused and erased, or called back where it may
 * have arrived, and what lies in the inbox is erased and called back, for the system may have seen it. A veto that names one exchange
 * calls it back from where it is. What a veto kept that was not confirmed has its time again, and is due at once, as is what a
 * suspension or a restriction kept that was lifted or ran out.
 *
 *   the picture changed ─▶ a job of the writer's that does nothing ─▶ what waits, by timer ─▶ acts that ended ─▶ settled
 *
 * That job comes first because what was decided under the picture before may still be on its way into the store; what is written
 * later says so (stops_note_late()). How far the time was given back is in the store, so that it is once.
 *
 * Core's main thread, except where it says otherwise; what it does is jobs of the writer. */
#ifndef GATEWAYD_CORE_DELIVER_STOP_WALK_H
#define GATEWAYD_CORE_DELIVER_STOP_WALK_H

#include "gatewayd/core/context/act.h"

struct stop_walk;
/* `reader` is the main thread's and outlives it. NULL: no memory. */
struct stop_walk *stop_walk_new(struct core *core, struct store *reader) MUST_USE;
/* After writer_stop(). */
void stop_walk_free(struct stop_walk *w);
/* Walks on, for some milliseconds, and submits a job for what it found; nothing while the last one is under way, or when all was
 * seen. False when the store cannot be read. */
bool stop_walk_sweep(struct stop_walk *w, int64_t now_ms, struct error *e) MUST_USE;
bool stop_walk_busy(const struct stop_walk *w);
/* Whether it has seen all that waits under the newest picture. */
bool stop_walk_settled(const struct stop_walk *w);

#endif
