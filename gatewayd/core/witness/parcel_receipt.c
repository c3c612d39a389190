/* See parcel_receipt.h. */
#include "gatewayd/core/witness/parcel_receipt.h"

#include <jansson.h>

#include "gatewayd/core/witness/sight.h"
#include "lib/tlog/entry.h"
#include "lib/tlog/receipt.h"

static bool judge(struct parcel *p, const char *text, bool (*says)(struct parcel *p, struct view leaf))
{
	struct error e = { .reason = REASON_NONE };
	struct buf scratch = BUF_INIT(ENTRY_MAX + 3);
	struct receipt r;
	struct view leaf;
	bool ok = false;

	if (!receipt_parse(view_of(text), &scratch, &r, &leaf, &e) ||
	    !conf_receipt(p->partner, p->worker->core->verified, &r, leaf, &e))
		parcel_later(p, "receipt-invalid", e.text);
	else if (!says(p, leaf))
		parcel_later(p, "receipt-invalid", "the receipt is for something else");
	else if (!sight_take(p->worker->core, p->partner, r.checkpoint, &e))
		parcel_later(p, reason_slug(e.reason), e.text);
	else
		ok = true;
	buf_free(&scratch);
	return ok;
}

bool parcel_receipt(struct parcel *p, bool (*says)(struct parcel *p, struct view leaf))
{
	const struct buf *answer = &p->post.answer;
	json_t *doc = json_loadb(answer->p ? answer->p : "", answer->n, 0, NULL);
	const char *text = json_string_value(json_object_get(doc, "receipt"));
	bool ok = text && p->partner->has_log
	                  ? judge(p, text, says)
	                  : parcel_later(p, "receipt-invalid", "the answer has no receipt that can be verified here");

	if (ok)
		buf_adds(&p->receipt, text);
	json_decref(doc);
	return ok;
}
