/* How long the log keeps what it withholds: reasons in full, rules, and personal fields (officer, case, reference) are
 * disclosures (lib/tlog/entry.h) that are erased when audit.disclosures of the node is over. The entries stay and the log
 * still verifies; who holds a disclosure can still prove it. Laws ask for logs of one to five years (Directive (EU)
 * 2016/680 Art. 25). While a hold is in force on an exchange, its entries keep theirs.
 *
 * The erasure's entry names the entries by ranges (lib/tlog/erasures.h), of one log at a time. A range spans what has
 * nothing to withhold, but no entry whose fields are kept, and none whose fields are gone already: those were not erased
 * here, and whoever took them away finds no entry that says so.
 *
 * Core's main thread; the erasure is a job of the writer. */
#ifndef GATEWAYD_CORE_COPY_DISCLOSURE_RETENTION_H
#define GATEWAYD_CORE_COPY_DISCLOSURE_RETENTION_H

#include "gatewayd/core/context/context.h"

struct disclosure_retention;
struct disclosure_retention *disclosure_retention_new(struct core *c, struct store *reader) MUST_USE;
void disclosure_retention_free(struct disclosure_retention *r); /* after writer_stop() */
/* Submits a job for what is past its time; nothing when the last one is under way, when the clock is not to be trusted,
 * or when it looked less than a minute ago and found nothing. False when the store cannot be read. */
bool disclosure_retention_sweep(struct disclosure_retention *r, int64_t now_ms, struct error *e) MUST_USE;

#endif
