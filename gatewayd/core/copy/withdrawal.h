/* Consents that are withdrawn after their records were released. When a list of withdrawals comes into force, by a start
 * or a reload, each exchange that rests on a consent of it is recalled (recall.h), at the provider's gateway and, by its
 * own copy of the list, at the recipient's: what is queued is not sent, what waits in the inbox is not handed out, what
 * was is a duty `recall`, and the recipient's gateway is told by a notice that names the consent as the record's entry
 * does. A list is walked once, whatever happens in between; from the instant of the reload on nothing leaves that rests
 * on it (withdrawal_stops()).
 *
 * Core's main thread, except where it says otherwise; the recalls are jobs of the writer. */
#ifndef GATEWAYD_CORE_COPY_WITHDRAWAL_H
#define GATEWAYD_CORE_COPY_WITHDRAWAL_H

#include "gatewayd/core/context/act.h"

struct withdrawals;
/* `reader` is the main thread's and outlives it. NULL: no memory. */
struct withdrawals *withdrawals_new(struct core *core, struct store *reader) MUST_USE;
/* After writer_stop(). */
void withdrawals_free(struct withdrawals *w);
/* Walks on through the lists in force, for some milliseconds, and submits a job for what it found; nothing while the
 * last one is under way, or when all were walked. False when the store cannot be read. */
bool withdrawals_sweep(struct withdrawals *w, int64_t now_ms, struct error *e) MUST_USE;
bool withdrawals_busy(const struct withdrawals *w);
/* Whether every list of the configuration in force was walked to its end. */
bool withdrawals_settled(const struct withdrawals *w);

/* Whether the consent of an exchange is withdrawn by the lists of `conf`. Any thread, with its own store; before any
 * view that came out of that store is used again. */
bool withdrawal_stops(struct store *reader, const struct conf *conf, uint64_t seq, bool *out, struct error *e) MUST_USE;
/* Only inside a job's run(): recalls the exchange when its consent is withdrawn by the lists that are in force now. */
bool withdrawal_overtakes(const struct act *a, uint64_t seq, struct error *e) MUST_USE;

#endif
