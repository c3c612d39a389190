/* What may be read of an exchange by its parties: what was decided and became of it, its receipt, record and notices. */
#include "gatewayd/core/read/read.h"

#include "gatewayd/core/acts/stops.h"

#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/deliver/outbox.h"
#include "gatewayd/core/copy/withdrawal.h"
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/read/oversight.h"
#include "gatewayd/core/read/reading.h"
#include "gatewayd/core/read/story.h"
#include "gatewayd/core/serve/consult.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/hold.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/shape.h"
#include "gatewayd/core/witness/sight.h"
#include "lib/tlog/tlog.h"
#include "gatewayd/os/log.h"

#define RECORD_MAX      (32u * 1024 * 1024)
#define NOTICES_MAX     (64u * 1024 * 1024)
#define DISCLOSURES_MAX (1u << 20)

/* A party of the exchange, oversight of one, or this agency's own oversight. */
static bool may_see(const struct request *r, const struct store_exchange *x)
{
	struct view agency = view_of(r->peer->agency);

	return view_eq(agency, x->provider) || view_eq(agency, x->recipient) || oversight_own(r) ||
	       oversight_of(r, x->agreement, x->provider) || oversight_of(r, x->agreement, x->recipient);
}

/* Of an exchange. */
static void answer_read(struct request *r, const char *what, const struct uuid *exchange, struct view content_type,
                        const struct buf *body)
{
	reading_answer(r, &(struct reading){ .what = what, .exchange = *exchange }, content_type, body);
}

struct hold_writer {
	struct buf *out;
	bool first;
};

/* What a party may know of a hold: not who stated it, nor why. */
static bool write_hold(void *arg, const struct store_hold *h)
{
	struct hold_writer *w = arg;
	char from[TIME_TEXT + 1], until[TIME_TEXT + 1];

	time_print(h->from_ms, from);
	time_print(h->until_ms, until);
	buf_addf(w->out, "%s{\"kind\":\"%s\",\"from\":\"%s\",\"until\":\"%s\"}", w->first ? "" : ",",
	         hold_kind_name(h->kind), from, until);
	w->first = false;
	return true;
}

/* Of what has not arrived yet, to its own side: why, how often it was tried, and when it will be again. */
static bool write_delivery(struct request *r, const struct store_exchange *x, struct buf *out, struct error *e)
{
	struct store_delivery d;
	char time[TIME_TEXT + 1];
	bool own = view_is(view_of(r->peer->agency), r->conf->node.agency) || oversight_own(r);

	if (x->state != STATE_QUEUED || !own)
		return true;
	enum sought found = sought(store_get_delivery(r->worker->reader, x->seq, &d, e), e);
	if (found != SOUGHT_FOUND)
		return found == SOUGHT_NONE;
	bool failed = d.next_ms == OUTBOX_FAILED;
	time_print(d.deadline_ms, time);
	buf_addf(out, ",\"delivery\":{\"state\":\"%s\",\"attempts\":%u,\"deadline\":\"%s\"",
	         failed ? "failed" : "waiting", (unsigned)d.attempts, time);
	if (d.last_error.n) {
		buf_adds(out, ",\"reason\":");
		buf_add_json_string(out, d.last_error);
	}
	if (!failed) {
		time_print(d.next_ms, time);
		buf_addf(out, ",\"next\":\"%s\"", time);
	}
	buf_addc(out, '}');
	return true;
}

static void show_exchange(struct request *r, const struct store_exchange *found)
{
	struct store *reader = r->worker->reader;
	struct store_exchange x = *found;
	struct buf body = BUF_INIT(1 << 20), receipt = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE }, none = { .reason = REASON_NONE };
	struct hold_writer holds = { .out = &body, .first = true };
	struct store_archive archive;
	struct view partner;

	buf_add(&body, x.answer);
	buf_addf(&body, ",\"state\":\"%s\",\"audit_index\":%llu", exchange_state_name(x.state),
	         (unsigned long long)store_entry_index(x.entry));
	bool delivery = write_delivery(r, &x, &body, &e);
	buf_adds(&body, ",\"holds\":[");
	bool archived = store_get_archive(reader, store_entry_log(x.entry), &archive, &none);
	if (!delivery || !store_list_holds(reader, x.seq, false, write_hold, &holds, &e) ||
	    (!archived && !proof_of_entry(reader, x.entry, true, NULL, &receipt, &e))) {
		answer_unread(r, &e);
	} else {
		buf_adds(&body, archived ? "],\"archived\":true" : "],\"receipt\":");
		if (!archived)
			buf_add_json_string(&body, buf_view(&receipt));
		if (store_get_receipt(reader, x.seq, &partner, &none)) {
			buf_adds(&body, ",\"partner_receipt\":");
			buf_add_json_string(&body, partner);
		}
		bool told = story_write(reader, x.seq, &body, &e);
		buf_addc(&body, '}');
		if (told)
			answer_read(r, "exchange read", &x.id, VIEW("application/json"), &body);
		else
			answer_unread(r, &e);
	}
	buf_free(&body);
	buf_free(&receipt);
}

static void show_receipt(struct request *r, const struct store_exchange *x)
{
	struct buf receipt = BUF_INIT(2 * NOTE_MAX);
	struct error e = { .reason = REASON_NONE };

	if (proof_for_outsiders(r->worker->reader, x->entry, &receipt, &e))
		answer_read(r, "receipt read", &x->id, VIEW("text/plain; charset=utf-8"), &receipt);
	else
		answer_unread(r, &e);
	buf_free(&receipt);
}

static void show_notices(struct request *r, const struct store_exchange *x)
{
	struct buf body = BUF_INIT(NOTICES_MAX);
	struct error e = { .reason = REASON_NONE };

	if (notice_list(r->worker->reader, x->seq, &body, &e))
		answer_read(r, "notices read", &x->id, VIEW("application/json"), &body);
	else
		answer_unread(r, &e);
	buf_free(&body);
}

/* What is withheld of its entry, for this agency's own oversight: the receipt, whose leaf has the digests, and the row that
 * opens them (RFC 9901 disclosures; a last one of 22 characters is the decoys' seed), and the shape that its decision names. */
static void show_disclosures(struct request *r, const struct store_exchange *x)
{
	struct buf body = BUF_INIT(DISCLOSURES_MAX), receipt = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE }, none = { .reason = REASON_NONE };
	struct view leaf, packed, shape;

	if (!oversight_own(r)) {
		answer_problem(r, REASON_ROLE_DENIED);
		return;
	}
	if (!proof_for_outsiders(r->worker->reader, x->entry, &receipt, &e) ||
	    !store_find_entry(r->worker->reader, x->entry, &leaf, &packed, &e)) {
		answer_unread(r, &e);
	} else {
		buf_adds(&body, "{\"receipt\":");
		buf_add_json_string(&body, buf_view(&receipt));
		buf_addf(&body, ",\"erased\":%s,\"disclosures\":", packed.n ? "false" : "true");
		buf_add(&body, packed.n ? packed : VIEW("[]"));
		if (store_find_shape(r->worker->reader, x->entry, &shape, &none)) {
			buf_adds(&body, ",\"shape\":");
			buf_add_json_string(&body, shape);
		}
		buf_addc(&body, '}');
		answer_read(r, "disclosures read", &x->id, VIEW("application/json"), &body);
	}
	buf_wipe(&body);
	buf_free(&receipt);
}

/* The released record, for the system of the agency that received it, or to which it was returned. */
static void show_record(struct request *r, const struct store_exchange *x)
{
	struct worker *w = r->worker;
	struct payload p = { .plain = BUF_INIT(RECORD_MAX) };
	struct error e = { .reason = REASON_NONE };
	struct uuid id = x->id;
	struct view own = view_of(r->conf->node.agency);
	struct consult *c;
	uint64_t seq = x->seq;
	int64_t received_ms = x->received_ms;
	enum sight_verdict sight;
	struct stopped stopped = { .reason = REASON_NONE };
	bool restricted;

	/* What a recipient returned may be fetched here by a provider that has no gateway. */
	bool mine = view_eq(x->recipient, own) && view_is(own, r->peer->agency) && x->state == STATE_READY;
	bool returned = view_is(x->provider, r->peer->agency) && x->state == STATE_RETURNED;
	if (!mine && !returned) {
		answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	if (mine && !stops_exchange(w->core, w->reader, x, &stopped, &e)) {
		answer_unread(r, &e);
		return;
	}
	if (stopped.reason != REASON_NONE) {
		answer_own_problem(r, stopped.reason);
		return;
	}
	if (!hold_restricted(w->reader, seq, &restricted, &e)) {
		answer_unread(r, &e);
		return;
	}
	if (restricted) {
		answer_own_problem(r, REASON_UNDER_CHALLENGE);
		return;
	}
	if (!withdrawal_stops(w->reader, r->conf, seq, &restricted, &e)) {
		answer_unread(r, &e);
		return;
	}
	if (restricted) {
		answer_own_problem(r, REASON_CONSENT_WITHDRAWN);
		return;
	}
	if (!sight_of_exchange(w->core->sights, w->reader, seq, received_ms, r->now_ms, &sight, &e)) {
		answer_unread(r, &e);
		return;
	}
	if (sight == SIGHT_WAITS || sight == SIGHT_FORKED) {
		answer_own_problem(r, sight == SIGHT_WAITS ? REASON_UNAVAILABLE : REASON_RECEIPT_INVALID);
		return;
	}
	c = consult_new(r, VIEW("application/json"), RECORD_MAX);
	if (!c)
		return;
	if (!payload_open(w->core->keys, w->scratch.gcm, w->reader, seq, &id, &p, &e) ||
	    !consult_note(c, &id, VIEW(""), "record read")) {
		consult_drop(c);
		answer_unread(r, &e);
	} else {
		buf_add(consult_body(c), p.record);
		consult_submit(c);
	}
	payload_close(&p);
}

void handle_exchange(struct request *r)
{
	struct error e = { .reason = REASON_NONE };
	struct store_exchange x;
	struct uuid id;
	struct view what = request_path_part(r, 3);

	if (!uuid_parse(request_path_part(r, 2), &id) || !store_find_exchange(r->worker->reader, &id, &x, &e) ||
	    !may_see(r, &x)) {
		if (e.reason != REASON_NONE)
			answer_unread(r, &e);
		else
			answer_problem(r, REASON_NOT_FOUND);
		return;
	}
	if (view_is(what, "receipt"))
		show_receipt(r, &x);
	else if (view_is(what, "record"))
		show_record(r, &x);
	else if (view_is(what, "notices"))
		show_notices(r, &x);
	else if (view_is(what, "disclosures"))
		show_disclosures(r, &x);
	else
		show_exchange(r, &x);
}
