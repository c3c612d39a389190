/* See delivery.h. What is sent, what its answer means, and what is written of it; courier.c does the rest. */
#include "gatewayd/core/deliver/delivery.h"
#include "gatewayd/core/deliver/delivery_private.h"

#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/backup/restored.h"
#include "gatewayd/core/store/consent.h"
#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/caveats.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/deliver/outbox.h"
#include "gatewayd/core/exchange/exchange.h"
#include "gatewayd/core/hold/hold_notice.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/commit/prover.h"
#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/copy/keep.h"
#include "gatewayd/core/copy/recall.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/serve/courier.h"
#include "gatewayd/core/serve/departures.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/copy/state.h"
#include "gatewayd/os/log.h"
#include "gatewayd/core/witness/parcel_receipt.h"
#include "lib/base/encode.h"
#include "lib/policy/consents.h"

#define IN_FLIGHT 64  /* requests */
#define BATCH     256 /* records of one */
#define BODY_MAX  (24u * 1024 * 1024)

/* It may have arrived, and be forgotten here, until people have compared a restored store with what partners hold. */
static bool compared(struct parcel *p)
{
	struct error e = { .reason = REASON_NONE };
	struct restored r;

	return sought(restored_get(p->worker->reader, &r, &e), &e) == SOUGHT_NONE;
}

/* Giving up erases: not by a clock that is not to be trusted, and not before it was given back what it lost by a veto. */
static bool over(struct parcel *p)
{
	return p->now_ms >= p->due.deadline_ms && !PARCEL_OF(struct delivery, p)->vetoed &&
	       clock_trusted(p->worker->core) && stops_settled(p->worker->core) && compared(p);
}

/* What an older build has released has none, and is not taken by this one. */
static bool add_caveats(struct delivery *d)
{
	struct buf *b = &d->parcel.body;
	struct error e = { .reason = REASON_NONE };
	struct store_caveats c;

	switch (sought(store_get_caveats(d->parcel.worker->reader, d->parcel.due.id, &c, &e), &e)) {
	case SOUGHT_NONE: return true;
	case SOUGHT_FAILED: return parcel_later(&d->parcel, reason_slug(e.reason), e.text);
	case SOUGHT_FOUND: break;
	}
	buf_adds(b, ",\"caveats\":");
	buf_add(b, c.text);
	return true;
}

static void write_consent(struct delivery *d)
{
	static const struct digest none;

	if (digest_eq(&d->consent, &none))
		return;
	buf_adds(&d->parcel.body, ",\"consent\":\"");
	digest_print(&d->parcel.body, &d->consent);
	buf_addc(&d->parcel.body, '"');
}

/* What of our own entry is compared with what the partner's says. */
static bool read_leaf(struct delivery *d, struct view leaf)
{
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	if (!tape_parse(d->parcel.worker->scratch.entry, leaf, &t, &e))
		return parcel_later(&d->parcel, reason_slug(e.reason), e.text);
	proof_leaf_member(&t, "output", d->output, sizeof d->output);
	proof_leaf_member(&t, "caveats", d->caveats, sizeof d->caveats);
	return true;
}

static bool prove(struct delivery *d, struct buf *leaf, struct buf *proof)
{
	struct worker *w = d->parcel.worker;
	struct error e = { .reason = REASON_NONE };

	if (!w->prover)
		w->prover = prover_new(w->reader);
	if (!w->prover)
		return parcel_later(&d->parcel, reason_slug(REASON_NO_MEMORY), "memory ran out");
	return prover_entry(w->prover, d->entry, leaf, proof, &e) ||
	       parcel_later(&d->parcel, reason_slug(e.reason), e.text);
}

/* {…members…,"record":…,"origin":{…}} */
static bool write_body(struct delivery *d, struct view members, const struct payload *p)
{
	struct buf leaf = BUF_INIT(65536), proof = BUF_INIT(65536);
	struct buf *b = &d->parcel.body;
	bool ok = prove(d, &leaf, &proof) && read_leaf(d, buf_view(&leaf));

	if (ok) {
		buf_add(b, view_make(members.p, members.n - 1));
		buf_adds(b, ",\"record\":");
		buf_add(b, p->record);
		buf_addf(b,
		         ",\"origin\":{\"exchange\":\"%s\",\"agency\":\"%s\",\"node\":\"%s\",\"agreement_digest\":\"",
		         d->parcel.key, d->parcel.conf->node.agency, d->parcel.conf->node.name);
		digest_print(b, &d->agreement_digest);
		buf_adds(b, "\",\"entry\":\"");
		base64_encode(b, buf_view(&leaf));
		buf_adds(b, "\",\"proof\":");
		buf_add_json_string(b, buf_view(&proof));
		buf_adds(b, ",\"salt\":\"");
		hex_encode(b, view_make(p->salt.b, sizeof p->salt.b));
		buf_addc(b, '"');
		write_consent(d);
		ok = add_caveats(d);
		buf_adds(b, "}}");
		if (ok && b->failed)
			ok = parcel_later(&d->parcel, "no-memory", "the envelope is too large");
	}
	buf_free(&leaf);
	buf_free(&proof);
	return ok;
}

static bool hopeless(struct delivery *d, enum reason reason, const char *text)
{
	d->parcel.hopeless = true;
	return parcel_later(&d->parcel, reason_slug(reason_for_peer(reason)), text);
}

/* Whether the legal basis that the record cites is consent. */
static bool rests_on_consent(struct delivery *d, const struct agreement *a, struct view members, bool *rests)
{
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	if (!tape_parse(d->parcel.worker->scratch.envelope, members, &t, &e))
		return parcel_later(&d->parcel, reason_slug(e.reason), e.text);
	uint32_t basis = tape_member(&t, 0, VIEW("legal_basis"));
	*rests = basis && agreement_needs_consent(a, tape_string(&t, basis));
	return true;
}

/* Whether nothing of it can have left before. */
static bool first_attempt(const struct delivery *d)
{
	return d->parcel.due.attempts == 0 && !departures_earlier(d->parcel.worker->core->departures, d->parcel.due.id);
}

/* What waits leaves only while the consent that it cites stands. */
static bool consent_stands(struct delivery *d, struct view members)
{
	const struct conf *conf = d->parcel.conf;
	struct view id = view_of(d->agreement);
	const struct agreement *a = conf_agreement(conf, id, &d->agreement_digest, d->parcel.now_ms);
	struct error e = { .reason = REASON_NONE };
	struct store_consent c;
	bool rests = false;

	enum sought cited = sought(store_get_consent(d->parcel.worker->reader, d->parcel.due.id, &c, &e), &e);
	if (cited == SOUGHT_FAILED)
		return parcel_later(&d->parcel, reason_slug(e.reason), e.text);
	if (cited == SOUGHT_NONE)
		return true;
	d->consent = c.consent;
	/* What may have arrived in an earlier attempt is called back, which the walk through the list does. */
	if (conf_consent_withdrawn(conf, id, &c.consent, c.purpose))
		return first_attempt(d)
		               ? hopeless(d, REASON_CONSENT_WITHDRAWN, "the consent was withdrawn while it waited")
		               : parcel_later(&d->parcel, reason_slug(reason_for_peer(REASON_CONSENT_WITHDRAWN)),
		                              "the consent was withdrawn, and it is recalled");
	if (!a)
		a = conf_agreement(conf, id, NULL, d->parcel.now_ms);
	const struct signed_document *given = a ? conf_given(conf, a) : NULL;
	if (given && !consents_has(given, &c.consent, c.purpose))
		return hopeless(d, REASON_CONSENT_NOT_GIVEN, "the consent was taken off the list while it waited");
	if (!a || !conf_consent_unknown(conf, a, d->parcel.now_ms))
		return true;
	if (!rests_on_consent(d, a, members, &rests))
		return false;
	return !rests ||
	       parcel_later(&d->parcel, reason_slug(REASON_CONSENT_UNKNOWN), reason_text(REASON_CONSENT_UNKNOWN));
}

/* What waits leaves only while no act of persons stops it. What such an act ends for good, the walk ends (stop_walk.h). */
static bool not_stopped(struct delivery *d)
{
	struct worker *w = d->parcel.worker;
	struct error e = { .reason = REASON_NONE };
	struct store_exchange x;
	struct stopped why;

	d->generation = stops_generation(w->core);
	if (!store_get_exchange(w->reader, d->parcel.due.id, &x, &e) ||
	    !stops_exchange(w->core, w->reader, &x, &why, &e))
		return parcel_later(&d->parcel, reason_slug(e.reason), e.text);
	if (why.reason == REASON_NONE)
		return true;
	d->stopped = true;
	d->vetoed = why.reason == REASON_COUNCIL_VETO;
	return parcel_later(&d->parcel, reason_slug(why.reason), reason_text(why.reason));
}

/* The same of what is on its way out; nothing but one load while the picture is the same. */
static bool stopped(struct parcel *p)
{
	struct delivery *d = PARCEL_OF(struct delivery, p);

	return d->stopped || (d->generation != stops_generation(p->worker->core) && !not_stopped(d));
}

static bool find_target(struct parcel *p)
{
	struct delivery *d = PARCEL_OF(struct delivery, p);
	struct error e = { .reason = REASON_NONE };
	struct store_exchange x;

	if (!store_get_exchange(p->worker->reader, p->due.id, &x, &e))
		return parcel_later(p, reason_slug(e.reason), e.text);
	d->entry = x.entry;
	d->exchange = p->about = x.id;
	d->agreement_digest = x.agreement_digest;
	view_keep(d->agreement, sizeof d->agreement, x.agreement);
	view_keep(p->recipient, sizeof p->recipient, x.recipient);
	snprintf(p->target, sizeof p->target, "/v1/agreements/%s/records", d->agreement);
	uuid_print(&d->exchange, p->key);
	return true;
}

static bool pack(struct parcel *p)
{
	struct delivery *d = PARCEL_OF(struct delivery, p);
	struct store *reader = d->parcel.worker->reader;
	struct error e = { .reason = REASON_NONE };
	struct store_delivery row;
	struct payload payload = { .plain = BUF_INIT(BODY_MAX) };
	struct buf members = BUF_INIT(4u * 1024 * 1024);
	bool ok = false;

	if (d->parcel.due.begun == DEPARTURE_STOPPED || d->parcel.due.begun == DEPARTURE_NO_MEMORY)
		return parcel_later(p, reason_slug(REASON_UNAVAILABLE), "it cannot leave now");
	if (!not_stopped(d))
		return false;
	if (!store_get_delivery(reader, d->parcel.due.id, &row, &e))
		return parcel_later(&d->parcel, reason_slug(e.reason), e.text);
	if (over(&d->parcel)) {
		snprintf(d->parcel.slug, sizeof d->parcel.slug, "%.*s", VIEW_ARG(row.last_error));
		return parcel_later(&d->parcel, row.last_error.n ? d->parcel.slug : "deadline",
		                    "the deadline has passed");
	}
	if (!parcel_address(&d->parcel)) {
		ok = false;
	} else {
		buf_add(&members, row.envelope);
		ok = (!members.failed || parcel_later(&d->parcel, "no-memory", "memory ran out")) &&
		     consent_stands(d, buf_view(&members)) &&
		     (payload_open(d->parcel.worker->core->keys, d->parcel.worker->scratch.gcm, reader,
		                   d->parcel.due.id, &d->exchange, &payload, &e) ||
		      parcel_later(&d->parcel, reason_slug(e.reason), e.text)) &&
		     (payload_beside(&payload, buf_view(&members)) ||
		      parcel_later(&d->parcel, reason_slug(REASON_DAMAGED),
		                   "what goes beside the record is not what was sealed with it")) &&
		     write_body(d, buf_view(&members), &payload);
	}
	payload_close(&payload);
	buf_free(&members);
	return ok;
}

static void undo(struct worker *w, const struct courier_due *due, size_t n)
{
	for (size_t i = 0; i < n; i++)
		departures_undo(w->core->departures, due[i].id, (enum departure)due[i].begun);
}

/* One look at the store for all of them: between two, a reader lets go of every page that it has read. */
static bool open_look(struct worker *w, struct courier_due *due, size_t n)
{
	struct error e = { .reason = REASON_NONE };

	/* Before their rows are read. */
	for (size_t i = 0; i < n; i++)
		due[i].begun = departures_begin(w->core->departures, due[i].id);
	if (store_look(w->reader, &e))
		return true;
	log_line("error", "outbox: %s", e.text);
	undo(w, due, n);
	return false;
}

static void shut_look(struct worker *w, const struct courier_due *due, size_t n, size_t without)
{
	store_look_end(w->reader);
	undo(w, due + n - without, without);
}

/* --- the answer --- */

/* An entry that this very record came in, under this agreement and with its caveats: whoever does not say so may not have
 * kept them. */
static bool says_taken(struct parcel *p, const struct tape *leaf)
{
	struct delivery *d = PARCEL_OF(struct delivery, p);
	struct buf governing = BUF_INIT(65);

	digest_print(&governing, &d->agreement_digest);
	buf_addc(&governing, 0);
	bool ok = !governing.failed && proof_leaf_says(leaf, "operation", p->status == 202 ? "hold" : "collection") &&
	          proof_leaf_says(leaf, "agreement_digest", governing.p) && proof_leaf_says(leaf, "input", d->output);
	buf_free(&governing);
	d->shed = ok && d->caveats[0] && !proof_leaf_says(leaf, "caveats", d->caveats);
	return ok && !d->shed;
}

/* An entry that this very record was refused, and will be again. */
static bool says_refused(struct parcel *p, const struct tape *leaf)
{
	const struct delivery *d = PARCEL_OF(struct delivery, p);

	return proof_leaf_refuses(leaf, d->output) && proof_leaf_says(leaf, "origin", p->key);
}

static bool proved(struct parcel *p)
{
	if (parcel_receipt(p, says_taken))
		return true;
	if (PARCEL_OF(struct delivery, p)->shed)
		parcel_later(
		        p, "receipt-invalid",
		        "the receipt does not say that the caveats were taken: the partner's build may not keep them");
	return false;
}

/* What stays here was checked here, and a build that knows that takes our entry's word for it (`checked`). One that asks for it is an
 * older one: its refusal is mended by its upgrade, and ends nothing, whatever it says. */
static bool asks_for_what_stays(const struct parcel *p)
{
	static const enum reason ours[] = { REASON_CASE_MISSING, REASON_NECESSITY_INCOMPLETE, REASON_FIELD_UNJUSTIFIED,
		                            REASON_CONSENT_MISSING };
	enum reason reason = reason_find(view_of(parcel_told(p)));

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (reason == ours[i])
			return true;
	return false;
}

static bool refused(struct parcel *p)
{
	return !asks_for_what_stays(p) && parcel_receipt(p, says_refused);
}

/* --- the table --- */

static bool note_due(void *arg, const struct store_delivery *row)
{
	const struct courier_due due = { .id = row->seq, .attempts = row->attempts, .deadline_ms = row->deadline_ms };

	return courier_note(arg, &due);
}

static bool list_due(struct store *reader, const struct store_ask *ask, struct courier_look *look, struct error *e)
{
	return store_due_deliveries(reader, ask, note_due, look, e);
}

static void count(struct core *c, const struct delivery *d)
{
	if (d->counts != COUNTS_NOTHING)
		atomic_fetch_add(d->counts == COUNTS_DELIVERED ? &c->delivered : &c->delivery_failures, 1);
}

static void written(struct parcel *p)
{
	count(p->worker->core, PARCEL_OF(struct delivery, p));
	departures_end(p->worker->core->departures, p->due.id);
}

static void let_go(struct parcel *p)
{
	buf_free(&PARCEL_OF(struct delivery, p)->receipts);
}

static void describe(struct parcel *p, char *out, size_t size)
{
	snprintf(out, size, "delivery of %s under agreement %s", p->key, PARCEL_OF(struct delivery, p)->agreement);
}

static const struct courier_kind deliveries = {
	.name = "outbox",
	.size = sizeof(struct delivery),
	.most = IN_FLIGHT,
	.taken = { 201, 202 },
	.recipient = store_next_delivery_recipient,
	.due = list_due,
	.batch = BATCH,
	.open = open_look,
	.shut = shut_look,
	.target = find_target,
	.pack = pack,
	.send = post_send,
	.proved = proved,
	.refused = refused,
	.over = over,
	.stopped = stopped,
	.write = delivery_write,
	.ready_all = delivery_ready_all,
	.write_all = delivery_write_all,
	.written = written,
	.drop = let_go,
	.describe = describe,
};

bool delivery_ready(const struct core *c)
{
	return atomic_load(&c->serving);
}

void *delivery_courier(struct worker *w)
{
	return courier_new(w, &deliveries);
}
