/* Receipts of duties: what the recipient's system answers, what of it the provider's gateway is told, and what either
 * makes of it. A recall or correction is done when those are, too, to whom the recipient passed the data on. Everything
 * but duty_answer_fault() runs on the writer's thread, inside a job's run(). */
#ifndef GATEWAYD_CORE_COPY_DUTY_RECEIPT_H
#define GATEWAYD_CORE_COPY_DUTY_RECEIPT_H

#include "gatewayd/core/copy/duty.h"
#include "gatewayd/core/store/duty.h"

/* What the recipient's system says it has done. Views of the request's body. */
struct duty_answer {
	struct view result;       /* masked, kept, erased, returned, corrected, notified, delayed, not-found */
	struct view reason;       /* of kept and delayed; stays here, in the log's disclosures */
	int64_t until_ms;         /* of delayed; TIME_NONE: not stated */
	struct view record, salt; /* of returned: JSON text, and hex, as they were handed out */
};
/* Is that an answer to such a duty? NULL, or what is wrong with it. Any thread. */
const char *duty_answer_fault(enum duty_kind kind, const struct duty_answer *answer);
/* Takes the answer of the own system, which has no fault. *taken is false, and nothing was written, for a delay past the
 * longest. */
bool duty_answered(struct act *a, struct copy *c, struct store_duty *d, const struct duty_answer *answer, bool *taken,
                   struct error *e) MUST_USE;
/* Tells the provider's gateway, without having been asked: "never-fetched" for "delivery" when what it delivered never
 * reached a system, "not-found" for "recall" when nothing was left to recall. */
bool duty_tell(const struct act *a, const struct copy *c, const char *duty, const char *result,
               struct error *e) MUST_USE;
/* Takes a receipt that the recipient's gateway sent. A duty that is not due here yet counts as done. */
struct duty_receipt {
	enum duty_kind kind; /* DUTY_KINDS: never fetched */
	struct view result;
	int64_t done_ms, until_ms;
};
bool duty_take_receipt(struct act *a, struct copy *c, const struct duty_receipt *r, struct error *e) MUST_USE;
/* A partner's recall of a copy that is gone: "not-found" is told when what was passed on from it is gone as well. */
bool duty_recall_gone(const struct act *a, struct copy *c, struct error *e) MUST_USE;
/* The copy of `c` has ended: recalls and corrections of other versions, and of what it was passed on from, which waited for
 * that, are done. */
bool duty_passed_on(const struct act *a, const struct copy *c, struct error *e) MUST_USE;

#endif
