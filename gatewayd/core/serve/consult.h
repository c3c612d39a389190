/* Reading that is itself logged: an answer that waits until its consultation entries are committed. */
#ifndef GATEWAYD_CORE_SERVE_CONSULT_H
#define GATEWAYD_CORE_SERVE_CONSULT_H

#include "gatewayd/core/serve/answer.h"

struct consult;

/* NULL: no memory (the request is answered). The body is filled by the caller. */
struct consult *consult_new(struct request *r, struct view content_type, size_t body_max) MUST_USE;
struct buf *consult_body(struct consult *c);
/* Notes that this exchange was read; `what` is short ASCII text for the entry ("record", "log entries"). */
bool consult_note(struct consult *c, const struct uuid *exchange, struct view agreement, const char *what) MUST_USE;
/* Notes an incident that the reading found, of an exchange; of one exchange no more than one an hour. */
bool consult_incident(struct consult *c, const struct uuid *exchange, const char *what) MUST_USE;
/* Gives up; the caller answers. */
void consult_drop(struct consult *c);
/* Once what was noted is in the log, before it is answered, calls `f` with a copy of `n` bytes of `arg`: at most
 * CONSULT_THEN. False for more. */
#define CONSULT_THEN 320
bool consult_then(struct consult *c, void (*f)(struct core *core, const void *arg), const void *arg, size_t n) MUST_USE;
/* Logs, then answers. */
void consult_submit(struct consult *c);

#endif
