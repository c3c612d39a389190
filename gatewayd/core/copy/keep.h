/* What stays of a record that the partner's gateway acknowledged: the sealed payload and what went with it, as long as the
 * agreement's `delivery.keep` says, so that it can be delivered once more to a partner that was put back from a backup. It
 * ends with the payload's own time or the copy's, whichever comes first; what ends the copy before erases it at once. Only
 * inside a job's run(). */
#ifndef GATEWAYD_CORE_COPY_KEEP_H
#define GATEWAYD_CORE_COPY_KEEP_H

#include "gatewayd/core/copy/copy.h"

/* The partner has it: its delivery is over. The payload stays until its timer, or is erased where nothing is to be kept. */
bool keep_arrived(const struct act *a, struct copy *c, struct error *e) MUST_USE;
/* Erases what is kept, and takes back that it is delivered again; nothing kept: true. `why` as in copy_erase_payload(). */
bool keep_end(const struct act *a, struct copy *c, const char *why, struct error *e) MUST_USE;

#endif
