/* See parcel_receipt.h. */
#include "gatewayd/core/witness/parcel_receipt.h"

#include "gatewayd/core/witness/sight.h"
#include "lib/json/canonical.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/entry_shown.h"
#include "lib/tlog/receipt.h"

static bool judge(struct parcel *p, struct view text, bool (*says)(struct parcel *p, const struct tape *leaf))
{
	struct error e = { .reason = REASON_NONE };
	struct buf scratch = BUF_INIT(ENTRY_MAX + 3);
	struct checkpoint shown;
	struct receipt r;
	const char *fault;
	struct view leaf;
	struct tape t;
	bool ok = false;

	if (!receipt_parse(text, &scratch, &r, &leaf, &e) ||
	    !conf_receipt(p->partner, p->worker->core->verified, &r, leaf, &shown, &e) ||
	    !tape_parse(p->worker->scratch.entry, leaf, &t, &e))
		parcel_later(p, "receipt-invalid", e.text);
	else if ((fault = entry_shown_fault(&t, CANONICAL_FORM)))
		parcel_later(p, "receipt-invalid", fault);
	else if (!says(p, &t))
		parcel_later(p, "receipt-invalid", "the receipt is for something else");
	else if (!sight_take(p->worker->core, p->partner, &shown, r.checkpoint, NULL, &e))
		parcel_later(p, reason_slug(e.reason), e.text);
	else
		ok = true;
	buf_free(&scratch);
	return ok;
}

bool parcel_receipt(struct parcel *p, bool (*says)(struct parcel *p, const struct tape *leaf))
{
	const struct tape *answer = p->answer;
	uint32_t receipt = answer ? tape_member(answer, 0, VIEW("receipt")) : 0;
	bool there = receipt && answer->nodes[receipt].type == TAPE_STRING && p->partner->has_log;

	if (!there)
		return parcel_later(p, "receipt-invalid", "the answer has no receipt that can be verified here");
	if (!judge(p, tape_string(answer, receipt), says))
		return false;
	buf_add(&p->receipt, tape_string(answer, receipt));
	return true;
}
