/* What acts of persons stop: a picture of those that have effect, as the store has them, made anew after each job that
 * changed one and before that is answered, and at start before anything is served. Who decides takes the picture once and looks
 * at it for as long as it likes; who hands out or sends what waits asks again each time. Whether an act has effect says the store,
 * never the clock. Any thread. */
#ifndef GATEWAYD_CORE_ACTS_STOPS_H
#define GATEWAYD_CORE_ACTS_STOPS_H

#include "gatewayd/core/context/context.h"
#include "gatewayd/core/store/exchange.h"
#include "lib/policy/signed_act.h"

struct stops;
struct stops *stops_new(void) MUST_USE;
void stops_free(struct stops *s);
/* After a commit; `reader` is the caller's. A store that cannot be read is fatal (core_die()): nothing may pass that an act stops. */
void stops_refresh(struct core *c, struct store *reader);

/* Immutable; counted. */
struct stops_picture;
struct stops_picture *stops_picture(const struct core *c) MUST_USE;
void stops_picture_free(struct stops_picture *p); /* NULL is fine */
/* The acts in effect under an agreement, whatever its version; NULL and 0: none. */
const struct act_effect *stops_of(const struct stops_picture *p, struct view agreement, size_t *n);
/* Grows with each picture: what was asked under an earlier one is asked again. One load. */
uint64_t stops_generation(const struct core *c);

/* Whether a record was decided under an earlier picture than `generation` is told here, in its job's run(): what it wrote may
 * lie where a walk has been already (stop_walk.h), which then looks once more. */
void stops_note_late(struct core *c, uint64_t generation);
/* How often that was. */
uint64_t stops_late(const struct core *c);
/* The walk has seen all that waits under the pictures up to this one; and whether it has under the newest. What lost time by a
 * veto has it back only then, so nothing is given up before. */
void stops_walked(struct core *c, uint64_t generation);
bool stops_settled(const struct core *c);

/* What stops an exchange that waits here: in the outbox, in the inbox, held. */
struct stopped {
	enum reason reason; /* REASON_NONE: nothing */
	struct digest act;
	bool final; /* a confirmed veto, or the end of the agreement: what waits is erased */
	bool alone; /* and it names this one exchange: it is called back wherever it is */
};
/* `x`: its row, whose views may end with this call. Reads its entry where an act of its agreement has effect; else nothing but
 * one load. An entry that cannot be read stops it under any act that stops something, but never for good. */
bool stops_exchange(struct core *c, struct store *reader, const struct store_exchange *x, struct stopped *out,
                    struct error *e) MUST_USE;
/* Whether one act, in effect or not, stops it or did. */
bool stops_by(struct store *reader, const struct store_exchange *x, const struct act_effect *act, bool *out,
              struct error *e) MUST_USE;
/* Whether any act in effect has what waits erased. */
bool stops_for_good(const struct core *c);

#endif
