/* Duties: what the recipient's system is to do with its copy (mask, review, erase, return, recall, correct, notify),
 * and the receipts of that. The recipient's gateway hands a duty out through its inbox, calls for its receipt again
 * when that is overdue, and sends the receipt to the provider's gateway, which keeps the same duty and knows what it is
 * owed. Both logs have an entry when a duty falls due, is overdue, and is done. Silence on a review means erase.
 * Everything here runs on the writer's thread, inside a job's run(). */
#ifndef GATEWAYD_CORE_COPY_DUTY_H
#define GATEWAYD_CORE_COPY_DUTY_H

#include "gatewayd/core/copy/copy.h"
#include "gatewayd/core/store/duty.h"

/* Fires everything that is due at a->now_ms of an exchange whose timer is due. */
bool duty_fire(struct act *a, struct copy *c, struct error *e) MUST_USE;
/* Makes a duty: its row, the inbox item where the system is ours (a correction's is its record), the log entry. `c` is
 * settled. `why` (of a recall its code; empty for others) is told to the system. */
bool duty_make(const struct act *a, struct copy *c, enum duty_kind kind, struct view why, struct error *e) MUST_USE;
/* It is to end now: other duties are withdrawn, that of erasing or returning it is made. */
bool duty_make_end(const struct act *a, struct copy *c, struct error *e) MUST_USE;
/* Withdraws open duties but that of telling the subject. */
bool duty_withdraw(const struct act *a, const struct copy *c, struct error *e) MUST_USE;

#endif
