/* How deliveries end, and what is written of it; the writer's thread. What the partner took in one answer ends in one job: the
 * plain ones together (copy/arrivals.h), each with its own entries and receipt, the others by themselves. */
#include "gatewayd/core/deliver/delivery_private.h"

#include <assert.h>
#include <stdlib.h>

#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/copy/arrivals.h"
#include "gatewayd/core/copy/keep.h"
#include "gatewayd/core/copy/recall.h"
#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/deliver/outbox.h"
#include "gatewayd/core/hold/hold_notice.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/outbox.h"

#define STOPPED_AGAIN_MS 60000 /* until it is asked again whether it is stopped still; an act that ends asks at once */

/* --- one --- */

static bool append_end(const struct act *a, const struct delivery *d, struct error *e)
{
	bool done = d->parcel.end == PARCEL_ARRIVED;
	struct entry entry = { .operation = OPERATION_DELIVERY,
		               .exchange = d->exchange,
		               .peer = d->parcel.partner ? view_of(d->parcel.partner->id) : VIEW(""),
		               .recipient = view_of(d->parcel.recipient),
		               .agreement = view_of(d->agreement),
		               .agreement_digest = d->agreement_digest,
		               .outcome = done ? VIEW("delivered") : VIEW("failed"),
		               .note = done ? VIEW("") : view_of(d->parcel.slug) };

	return audit_append(a, &entry, NULL, NULL, e);
}

/* That a recall found nothing is no word of the record: it may have overtaken it. */
static bool note_done(void *arg, const struct store_duty *d)
{
	bool found = d->kind != DUTY_RECALL || !view_is(d->result, "not-found");

	*(bool *)arg = *(bool *)arg || (d->state == DUTY_DONE && found);
	return true;
}

/* Was it let go while it was under way (recalled, corrected, out of time)? A receipt that came before this answer is no
 * such case: the recipient has it, and says so. */
static bool was_let_go(const struct act *a, const struct copy *c, bool *gone, struct error *e)
{
	bool acknowledged = false;

	*gone = c->state == STATE_FAILED || c->state == STATE_CORRECTED || c->state == STATE_ENDED;
	if (!*gone)
		return true;
	if (!store_list_duties(a->store, c->seq, note_done, &acknowledged, e))
		return false;
	*gone = !acknowledged;
	return true;
}

/* `bundled`: it is put with those of others. */
static bool put_receipt(const struct act *a, const struct delivery *d, bool bundled, struct error *e)
{
	return bundled || store_put_receipt(a->store, d->parcel.due.id, buf_view(&d->parcel.receipt), e);
}

/* What arrived although it had been let go, or may have, for it was sent and no answer came, is called back. */
static bool end_overtaken(struct act *a, struct copy *c, struct delivery *d, bool bundled, struct error *e)
{
	bool done = d->parcel.end == PARCEL_ARRIVED, gone;

	if (!done && (d->parcel.status != 0 || !d->parcel.left))
		return true;
	if (done && (!append_end(a, d, e) || !put_receipt(a, d, bundled, e)))
		return false;
	if (!was_let_go(a, c, &gone, e))
		return false;
	if (gone)
		return recall_delivered(a, c, RECALL_LET_GO, e);
	return !done || hold_tell_standing(a, c->seq, e);
}

/* Past its deadline: the payload stays for its own time, and people may have it tried again. */
static bool write_failed(struct act *a, const struct copy *c, struct delivery *d, struct error *e)
{
	d->counts = COUNTS_FAILED;
	return append_end(a, d, e) &&
	       store_retry_delivery(a->store, d->parcel.due.id, OUTBOX_FAILED, view_of(d->parcel.slug), e) &&
	       outbox_tell(a, c, view_of(d->parcel.slug), d->parcel.due.attempts + 1, true, e);
}

/* What an act stopped before anything of it left was no attempt: a veto that is confirmed finds it as it was. */
static bool retry_later(const struct act *a, const struct delivery *d, struct error *e)
{
	if (d->stopped && !d->parcel.left)
		return store_stop_delivery(a->store, d->parcel.due.id, d->parcel.now_ms + STOPPED_AGAIN_MS,
		                           view_of(d->parcel.slug), e);
	return store_retry_delivery(a->store, d->parcel.due.id,
	                            d->parcel.now_ms + post_wait_ms(&d->parcel.conf->node, d->parcel.due.attempts),
	                            view_of(d->parcel.slug), e);
}

/* --- a record that was delivered before, and people had delivered again (outbox_again()) --- */

static bool waits_again(const struct act *a, const struct copy *c, bool *waits, struct error *e)
{
	struct store_delivery row;
	enum sought found = sought(store_get_delivery(a->store, c->seq, &row, e), e);

	*waits = found == SOUGHT_FOUND;
	return found != SOUGHT_FAILED;
}

/* Whatever becomes of it, it was delivered once: its state and its duties stay, and what is kept has its own time. */
static bool write_again(struct act *a, const struct copy *c, struct delivery *d, bool bundled, struct error *e)
{
	bool done = d->parcel.end == PARCEL_ARRIVED;

	if (d->parcel.end == PARCEL_RETRY)
		return retry_later(a, d, e);
	d->counts = done ? COUNTS_DELIVERED : COUNTS_FAILED;
	return append_end(a, d, e) && store_drop_delivery(a->store, c->seq, e) &&
	       (!done || put_receipt(a, d, bundled, e));
}

static bool write_one(struct delivery *d, struct act *a, bool bundled, struct error *e)
{
	struct store *s = a->store;
	bool done = d->parcel.end == PARCEL_ARRIVED, again = false;
	struct copy copy;

	d->counts = COUNTS_NOTHING;
	if (!copy_load(a, d->parcel.due.id, &copy, e))
		return false;
	if (copy.state == STATE_DELIVERED && !waits_again(a, &copy, &again, e))
		return false;
	if (again)
		return write_again(a, &copy, d, bundled, e);
	if (copy.state != STATE_QUEUED)
		return end_overtaken(a, &copy, d, bundled, e);
	if (d->parcel.end == PARCEL_RETRY)
		return retry_later(a, d, e);
	if (d->parcel.end == PARCEL_EXPIRED)
		return write_failed(a, &copy, d, e);
	if (d->parcel.end == PARCEL_REFUSED && !d->parcel.hopeless &&
	    !outbox_tell(a, &copy, view_of(d->parcel.slug), d->parcel.due.attempts + 1, false, e))
		return false;
	d->counts = done ? COUNTS_DELIVERED : COUNTS_FAILED;
	if (done)
		return append_end(a, d, e) && keep_arrived(a, &copy, e) &&
		       exchange_become(a, &copy, STATE_DELIVERED, e) && put_receipt(a, d, bundled, e) &&
		       hold_tell_standing(a, d->parcel.due.id, e);
	if (!append_end(a, d, e) || !store_drop_delivery(s, d->parcel.due.id, e) ||
	    !copy_erase_payload(a, &copy, "delivery failed", e))
		return false;
	copy.plan.notify_ms = SCHEDULE_NEVER;
	return copy_end(a, &copy, STATE_FAILED, e);
}

bool delivery_write(struct parcel *p, struct act *a, struct error *e)
{
	return write_one(PARCEL_OF(struct delivery, p), a, false, e);
}

/* --- many --- */

/* Their receipts, for the writer: those that were taken, in order. Where memory ran out there are none. */
void delivery_ready_all(struct parcel *first)
{
	struct receipt_bundle b = RECEIPT_BUNDLE_INIT;
	struct buf *out = &PARCEL_OF(struct delivery, first)->receipts;
	bool ok = true;

	*out = BUF_INIT(RECEIPT_BUNDLE_MAX);
	for (const struct parcel *p = first; ok && p; p = p->beside)
		ok = p->end != PARCEL_ARRIVED || receipt_bundle_add(&b, buf_view(&p->receipt));
	receipt_bundle_print(&b, out);
	if (!ok || out->failed)
		buf_free(out);
	receipt_bundle_free(&b);
}

_Static_assert(COURIER_TOGETHER <= ARRIVALS_MAX, "a job has more than end together");

/* Those that arrived, and which of them are plain. */
struct together {
	struct delivery *of[ARRIVALS_MAX];
	struct arrival all[ARRIVALS_MAX];
	uint64_t seqs[ARRIVALS_MAX];
	size_t n;
};

static void add_arrived(struct together *t, struct parcel *p)
{
	struct delivery *d = PARCEL_OF(struct delivery, p);
	struct copy *c = &t->all[t->n].copy;

	assert(t->n < ARRIVALS_MAX);
	*c = (struct copy){ .seq = d->parcel.due.id,
		            .id = d->exchange,
		            .origin = d->exchange,
		            .agreement_digest = d->agreement_digest };
	view_keep(c->agreement, sizeof c->agreement, view_of(d->agreement));
	view_keep(c->recipient, sizeof c->recipient, view_of(d->parcel.recipient));
	t->seqs[t->n] = c->seq;
	t->of[t->n++] = d;
}

static bool write_arrived(struct together *t, struct act *a, struct view receipts, struct error *e)
{
	if (!arrivals_look(a, t->all, t->n, e))
		return false;
	for (size_t i = 0; i < t->n; i++) {
		if (!t->all[i].plain)
			continue;
		t->of[i]->counts = COUNTS_DELIVERED;
		if (!append_end(a, t->of[i], e))
			return false;
	}
	if (!arrivals_end(a, t->all, t->n, e))
		return false;
	for (size_t i = 0; i < t->n; i++)
		if (!t->all[i].plain && !write_one(t->of[i], a, true, e))
			return false;
	/* Whatever became of it, what the partner took has its receipt. */
	return store_put_receipts(a->store, t->seqs, t->n, receipts, e);
}

bool delivery_write_all(struct parcel *first, struct act *a, struct error *e)
{
	struct together *t = calloc(1, sizeof *t);
	struct view receipts = buf_view(&PARCEL_OF(struct delivery, first)->receipts);
	struct parcel *p = first;
	bool ok = true;

	if (!t)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	while (ok && p) {
		if (p->end == PARCEL_ARRIVED && receipts.n)
			add_arrived(t, p);
		else
			ok = delivery_write(p, a, e);
		p = p->beside;
	}
	ok = ok && (t->n == 0 || write_arrived(t, a, receipts, e));
	free(t);
	return ok;
}
