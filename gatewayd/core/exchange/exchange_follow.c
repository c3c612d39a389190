/* What an exchange follows from: the record that it corrects, and the exchange by which data came that it passes on.
 * See exchange.h. */
#include "gatewayd/core/exchange/exchange.h"

#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/copy/duty.h"
#include "gatewayd/core/copy/keep.h"
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/lineage/lineage.h"
#include "gatewayd/core/copy/recall.h"
#include "gatewayd/core/copy/withdrawal.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/link.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/timer.h"
#include "lib/policy/copy_terms.h"
#include "lib/policy/schedule.h"

/* Of what follows from a recalled record. */

static bool refuse(struct exchange *x, enum reason reason, const char *pointer)
{
	decision_fail(&x->decided.decision, reason, "", pointer);
	return false;
}

static bool lives(enum exchange_state s)
{
	return s == STATE_QUEUED || s == STATE_DELIVERED || s == STATE_READY || s == STATE_FETCHED;
}

/* --- corrections --- */

/* The version before, by the id that the sender knows it by. */
static bool find_corrected(const struct exchange *x, struct store_exchange *found)
{
	const struct decided *d = &x->decided;
	struct store *reader = x->decider->reader;
	struct view provider = view_of(d->asked.peer->agency);
	struct error e = { .reason = REASON_NONE };
	struct uuid id;

	if (!uuid_parse(d->envelope.corrects, &id))
		return false;
	if (d->kind == EXCHANGE_INGRESS ? !store_find_origin(reader, provider, &id, found, &e)
	                                : !store_find_exchange(reader, &id, found, &e))
		return false;
	return view_eq(found->provider, provider) && view_eq(found->agreement, agreement_id(d->agreement)) &&
	       lives(found->state);
}

static bool follow_correction(struct exchange *x)
{
	struct decided *d = &x->decided;
	struct store *reader = x->decider->reader;
	struct error missing = { .reason = REASON_NONE };
	struct store_exchange old;
	struct store_timer timer;
	struct store_link link;
	bool room;

	if (d->envelope.corrects.n == 0)
		return true;
	/* The provider's gateway has seen to it that there was a version before; one that never arrived here, or is gone,
	 * is replaced by nothing more than taking this one, whose time is counted from that one's id. */
	if (!find_corrected(x, &old)) {
		if (d->kind != EXCHANGE_INGRESS)
			return refuse(x, REASON_CORRECTION_INVALID, "/corrects");
		if (uuid_parse(d->envelope.corrects, &d->corrects.id))
			d->corrects.base_ms = uuid_time_ms(&d->corrects.id);
		d->corrects.id = (struct uuid){ { 0 } };
		return true;
	}
	/* What a gateway delivers was let go by its own limit. */
	if (d->kind != EXCHANGE_INGRESS && (!lineage_has_room(reader, old.seq, &room, &missing) || !room))
		return refuse(x, REASON_CORRECTION_INVALID, "/corrects");
	d->corrects = (struct corrected){ .seq = old.seq, .id = old.id, .version = 2 };
	if (store_get_link(reader, old.seq, LINK_CORRECTS, &link, &missing))
		d->corrects.version = link.version + 1;
	if (store_get_timer(reader, old.seq, &timer, &missing))
		d->corrects.base_ms = timer.plan.base_ms;
	return true;
}

/* --- onward --- */

static bool deny(struct exchange *x, const char *why, const char *pointer)
{
	decision_fail(&x->decided.decision, REASON_ONWARD_DENIED, why, pointer);
	return false;
}

/* What the codes that came with it say, beside what the agreement by which it came says. */
static bool follow_caveats(struct exchange *x, enum onward may, const char *pointer)
{
	struct decision *d = &x->decided.decision;
	const struct caveat *why;
	enum caveat_onward says = caveats_onward(&x->decided.onward.caveats, &why);
	char text[sizeof d->failed->clause];

	if (may == ONWARD_NEVER)
		return deny(x, "the agreement by which it came does not allow it", pointer);
	/* Where the agreement lists who may have it, nothing is left for anybody to permit. */
	if (says == CAVEAT_CLOSED || (says == CAVEAT_PERMITTED && may == ONWARD_LISTED)) {
		snprintf(text, sizeof text, "it came under %s %s: %s", scale_name(why->scale),
		         scale_value(why->scale, why->place),
		         says == CAVEAT_CLOSED ? "it goes no further" : "not without its originator");
		return deny(x, text, pointer);
	}
	if (may == ONWARD_WITH_PERMISSION || says != CAVEAT_OPEN) {
		d->wait = true;
		d->wait_for = pointer;
	}
	return true;
}

static bool follow_onward(struct exchange *x)
{
	struct decided *d = &x->decided;
	const char *pointer = d->onward.implied ? "/corrects" : "/onward_of";
	struct store *reader = x->decider->reader;
	struct error e = { .reason = REASON_NONE };
	struct store_exchange came;
	struct view text;

	if (d->onward.unnamed) {
		decision_fail(&d->decision, REASON_ONWARD_UNNAMED, "it is a record that came here", "/onward_of");
		return false;
	}
	if (d->envelope.onward_of.n == 0 && !d->onward.implied)
		return true;
	if (d->kind != EXCHANGE_EGRESS)
		return refuse(x, REASON_ENVELOPE_INVALID, pointer);
	if (d->onward.seq == 0 || !store_get_exchange(reader, d->onward.seq, &came, &e) ||
	    !view_is(came.recipient, d->asked.conf->node.agency) ||
	    (came.state != STATE_READY && came.state != STATE_FETCHED))
		return deny(x, "it is none that came here and is still held", pointer);
	if (d->onward.astray)
		return deny(x, "what is corrected was not passed on from it", pointer);
	struct digest governing = came.agreement_digest;
	struct stopped stopped;
	bool restricted, room;
	if (!stops_exchange(x->decider->core, reader, &came, &stopped, &e))
		return refuse(x, e.reason, pointer);
	if (stopped.reason != REASON_NONE)
		return refuse(x, stopped.reason, pointer);
	if (!hold_restricted(reader, d->onward.seq, &restricted, &e) || restricted)
		return refuse(x, REASON_UNDER_CHALLENGE, pointer);
	if (!withdrawal_stops(reader, d->asked.conf, d->onward.seq, &restricted, &e) || restricted)
		return refuse(x, REASON_CONSENT_WITHDRAWN, pointer);
	if (!lineage_has_room(reader, d->onward.seq, &room, &e) || !room)
		return deny(x, "it was corrected and passed on as often as can be called back", pointer);
	if (!d->onward.known)
		return deny(x, "under which codes it came is not known: a build of before them took it", pointer);
	if (!store_get_document(reader, &governing, &text, &e))
		return refuse(x, REASON_ONWARD_DENIED, pointer);
	if (!follow_caveats(x, copy_onward(text, d->decision.recipient), pointer))
		return false;
	d->onward_of = d->onward.seq;
	return true;
}

bool exchange_follow(struct exchange *x)
{
	return follow_correction(x) && follow_onward(x);
}

/* --- what is written --- */

/* What has not left yet, or was not fetched, is overtaken; what has is replaced when the correction is acknowledged. */
static bool overtake(const struct act *a, uint64_t seq, struct error *e)
{
	struct copy old;

	if (!copy_load(a, seq, &old, e))
		return false;
	if (old.state == STATE_QUEUED) {
		old.plan.notify_ms = SCHEDULE_NEVER;
		return store_drop_delivery(a->store, seq, e) &&
		       copy_erase_payload(a, &old, "corrected before it was delivered", e) &&
		       copy_end(a, &old, STATE_CORRECTED, e);
	}
	if (old.state != STATE_READY)
		return keep_end(a, &old, "corrected after it was delivered", e);
	if (old.inbox && !store_drop_inbox(a->store, old.inbox, e))
		return false;
	old.inbox = 0;
	return copy_erase_payload(a, &old, "corrected before it was fetched", e);
}

/* What it corrects may have been recalled since it was looked at: then this one goes no further, either. */
static bool write_correction(struct exchange *x, const struct act *a, struct error *e)
{
	struct decided *d = &x->decided;
	struct store_link link = {
		.child = d->row.seq, .parent = d->corrects.seq, .kind = LINK_CORRECTS, .version = d->corrects.version
	};
	struct store_exchange old;
	struct copy c;
	bool first;

	if (!store_put_link(a->store, &link, e) || !store_get_exchange(a->store, d->corrects.seq, &old, e))
		return false;
	bool recalled = old.state == STATE_RECALLED || (old.state == STATE_ENDED && d->kind != EXCHANGE_INGRESS);
	if (!copy_load(a, d->row.seq, &c, e))
		return false;
	if (recalled)
		return recall_exchange(a, &c, RECALL_ORIGIN_RECALLED, RECALL_VERSION, &first, e);
	return overtake(a, d->corrects.seq, e) && duty_make(a, &c, DUTY_CORRECTION, VIEW(""), e);
}

/* It may have been recalled since it was looked at: then this one goes no further. */
static bool write_onward(struct exchange *x, const struct act *a, struct error *e)
{
	struct decided *d = &x->decided;
	struct store_link link = { .child = d->row.seq, .parent = d->onward_of, .kind = LINK_ONWARD };
	struct store_exchange came;
	struct copy c;
	bool first;

	if (!store_put_link(a->store, &link, e) || !store_get_exchange(a->store, d->onward_of, &came, e))
		return false;
	if (came.state == STATE_READY || came.state == STATE_FETCHED)
		return true;
	return copy_load(a, d->row.seq, &c, e) &&
	       recall_exchange(a, &c, RECALL_ORIGIN_RECALLED, RECALL_VERSION, &first, e);
}

bool exchange_write_links(struct exchange *x, struct writer *w, struct store *s, struct error *e)
{
	struct decided *d = &x->decided;
	struct act a = { .core = x->decider->core, .writer = w, .job = &x->job, .store = s, .now_ms = d->asked.now_ms };

	return (d->corrects.seq == 0 || write_correction(x, &a, e)) && (d->onward_of == 0 || write_onward(x, &a, e)) &&
	       (d->consent.agreement.n == 0 || withdrawal_overtakes(&a, d->row.seq, e));
}
