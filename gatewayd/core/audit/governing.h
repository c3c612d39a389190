/* What governs, in the log: what is in force (in_force.h) is compared with what was when it was logged last, also before a
 * stop, and each change is an entry; starts, stops and drains too. Texts are kept by digest. Which signed document of run
 * time is in force is remembered, so that an older one, or none, never takes its place. Main thread. */
#ifndef GATEWAYD_CORE_AUDIT_GOVERNING_H
#define GATEWAYD_CORE_AUDIT_GOVERNING_H

#include "gatewayd/core/context/context.h"

/* Submits a job that logs `why` ("start", "reload") and every change up to `conf`, which may be in force from then on: what
 * is decided under it comes into the log behind them. False: no memory, and nothing is logged. */
bool governing_submit(struct core *c, struct conf *conf, const char *why) MUST_USE;
/* Whether the documents of `fresh` may take the place of those that are, or were when the daemon ran last, in force
 * (signed_document_follows()). `running` is the configuration in force, NULL at start. Lists every error. */
bool governing_permits(struct store *reader, const struct conf *running, const struct conf *fresh, int64_t now_ms,
                       struct error_list *errors) MUST_USE;
/* Says on standard error which lists of consents are missing, out of date or will be soon. */
void governing_warn(const struct conf *conf, int64_t now_ms);
/* Logs the stop; the writer is still running. */
void governing_stop(struct core *c);
/* Logs that the operator of this account lets no new exchanges in, or again. False: no memory. */
bool governing_drain(struct core *c, bool on, unsigned uid) MUST_USE;

#endif
