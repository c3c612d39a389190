/* Governing documents in the log: every agreement, floor, overlay, schema and signed document of run time that is
 * loaded is kept by digest, and what is new is logged; changes of public keys, starts and stops too. Which signed document is in force is
 * remembered, so that an older one, or none, never takes its place. Main thread. */
#ifndef GATEWAYD_CORE_AUDIT_GOVERNING_H
#define GATEWAYD_CORE_AUDIT_GOVERNING_H

#include "gatewayd/core/context/context.h"

/* Submits a job that stores the documents of the current configuration and logs `why` ("start", "reload") and
 * a policy change for each document that was not known. False: no memory. */
bool governing_submit(struct core *c, const char *why) MUST_USE;
/* Whether the documents of `fresh` may take the place of those that are, or were when the daemon ran last, in force
 * (signed_document_follows()). `running` is the configuration in force, NULL at start. Lists every error. */
bool governing_permits(struct store *reader, const struct conf *running, const struct conf *fresh, int64_t now_ms,
                       struct error_list *errors) MUST_USE;
/* Says on standard error which lists of consents are missing, out of date or will be soon. */
void governing_warn(const struct conf *conf, int64_t now_ms);
/* Logs the stop; the writer is still running. */
void governing_stop(struct core *c);

#endif
