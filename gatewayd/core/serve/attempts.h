/* Attempts that were refused for what configuration can mend, and come again: of one thing and one reason no more than
 * one an hour is written in the audit log and told in the log file. They lie in memory, the newest ATTEMPTS_KEPT of
 * them: after a restart, or when there are more, one is written once more. Any thread. */
#ifndef GATEWAYD_CORE_SERVE_ATTEMPTS_H
#define GATEWAYD_CORE_SERVE_ATTEMPTS_H

#include "lib/base/ids.h"
#include "lib/base/reason.h"

#define ATTEMPTS_KEPT  1024
#define ATTEMPTS_QUIET INT64_C(3600000) /* ms */

struct attempts;
struct attempts *attempts_new(void) MUST_USE; /* NULL: no memory */
void attempts_free(struct attempts *a);       /* NULL is fine */

/* Who tried what: `thing` is an exchange's id, a key or a pin, as bytes. */
struct attempt {
	struct digest key;
};
struct attempt attempt_of(struct view who, struct view thing, enum reason reason);
/* Whether it was noted less than an hour before `now_ms`. */
bool attempts_known(struct attempts *a, const struct attempt *one, int64_t now_ms) MUST_USE;
/* Notes it, in the place of the oldest. */
void attempts_note(struct attempts *a, const struct attempt *one, int64_t now_ms);

#endif
