/* See notice_out.h. What is sent, what its answer means, and what is written of it; courier.c does the rest. */
#include "gatewayd/core/notice/notice_out.h"

#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/serve/courier.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/witness/parcel_receipt.h"
#include "lib/base/encode.h"

#define IN_FLIGHT  32
#define BODY_MAX   (24u * 1024 * 1024)
#define GIVE_UP_MS (INT64_C(28) * 86400000)

struct notice_out {
	struct parcel parcel; /* first; its id is the notice's */
	uint64_t seq;
	enum notice_kind kind;
	struct uuid exchange, own; /* the first gateway's id; this node's */
	char agreement[72];
	struct digest agreement_digest;
	uint64_t entry;              /* the one that tells of it */
	struct buf body;             /* the notice itself */
	struct digest digest;        /* of the entry whose proof travels */
	struct digest receipt_entry; /* of the entry that it is for */
};

/* --- the request --- */

/* {"kind":…,"agency":…,"node":…,"body":…,"entry":…,"proof":… */
static void write_head(struct notice_out *o, struct view leaf, struct view proof)
{
	struct buf *b = &o->parcel.body;

	sha256(leaf, &o->digest);
	buf_addf(b, "{\"kind\":\"%s\",\"agency\":\"%s\",\"node\":\"%s\",\"body\":", notice_kind_name(o->kind),
	         o->parcel.conf->node.agency, o->parcel.conf->node.name);
	buf_add(b, buf_view(&o->body));
	buf_adds(b, ",\"entry\":\"");
	base64_encode(b, leaf);
	buf_adds(b, "\",\"proof\":");
	buf_add_json_string(b, proof);
}

/* …,"salt":…,"record":… of a return. A payload that is gone does not come back. */
static bool write_record(struct notice_out *o)
{
	struct payload payload = { .plain = BUF_INIT(BODY_MAX) };
	struct worker *w = o->parcel.worker;
	struct error e = { .reason = REASON_NONE };
	bool ok = payload_open(w->core->keys, w->scratch.gcm, w->reader, o->seq, &o->own, &payload, &e);

	if (ok) {
		buf_adds(&o->parcel.body, ",\"salt\":\"");
		hex_encode(&o->parcel.body, view_make(payload.salt.b, sizeof payload.salt.b));
		buf_adds(&o->parcel.body, "\",\"record\":");
		buf_add(&o->parcel.body, payload.record);
	} else {
		o->parcel.hopeless = e.reason == REASON_NOT_FOUND;
		parcel_later(&o->parcel, reason_slug(e.reason), e.text);
	}
	payload_close(&payload);
	return ok;
}

static bool read_row(struct notice_out *o, struct error *e)
{
	struct store *reader = o->parcel.worker->reader;
	struct store_exchange x;
	struct store_notice n;

	if (!store_get_notice(reader, o->parcel.due.id, &n, e))
		return false;
	o->seq = n.seq;
	o->kind = n.kind;
	o->entry = n.entry;
	snprintf(o->parcel.recipient, sizeof o->parcel.recipient, "%.*s", VIEW_ARG(n.recipient));
	buf_add(&o->body, n.body);
	if (!store_get_exchange(reader, o->seq, &x, e))
		return false;
	o->exchange = o->parcel.about = x.origin;
	o->own = x.id;
	snprintf(o->agreement, sizeof o->agreement, "%.*s", VIEW_ARG(x.agreement));
	o->agreement_digest = x.agreement_digest;
	return !o->body.failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static bool find_target(struct parcel *p)
{
	struct notice_out *o = PARCEL_OF(struct notice_out, p);
	struct error e = { .reason = REASON_NONE };
	char id[UUID_TEXT + 1];

	o->body = BUF_INIT(NOTICE_BODY_MAX);
	if (!read_row(o, &e))
		return parcel_later(p, reason_slug(e.reason), e.text);
	uuid_print(&o->exchange, id);
	snprintf(p->target, sizeof p->target, "/v1/exchanges/%s/notices", id);
	return true;
}

static bool pack(struct parcel *p)
{
	struct notice_out *o = PARCEL_OF(struct notice_out, p);
	struct buf leaf = BUF_INIT(ENTRY_MAX), proof = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE };
	bool ok = proof_of_entry(p->worker->reader, o->entry, false, &leaf, &proof, &e);

	if (!ok)
		parcel_later(p, reason_slug(e.reason), e.text);
	ok = ok && parcel_address(p);
	if (ok)
		write_head(o, buf_view(&leaf), buf_view(&proof));
	ok = ok && (o->kind != NOTICE_RETURN || write_record(o));
	buf_addc(&p->body, '}');
	if (ok && p->body.failed)
		ok = parcel_later(p, "no-memory", "the notice is too large");
	buf_free(&leaf);
	buf_free(&proof);
	return ok;
}

/* --- the answer --- */

static bool names_exchange(const struct notice_out *o, const struct tape *leaf)
{
	char id[UUID_TEXT + 1];

	uuid_print(&o->exchange, id);
	return proof_leaf_says(leaf, "exchange", id) || proof_leaf_says(leaf, "origin", id);
}

static void print_hex(const struct digest *d, char out[65])
{
	struct buf b = BUF_INIT(65);

	digest_print(&b, d);
	snprintf(out, 65, "%.*s", VIEW_ARG(buf_view(&b)));
	buf_free(&b);
}

/* An entry that this very notice was taken, about this exchange. */
static bool says_taken(struct parcel *p, const struct tape *leaf)
{
	struct notice_out *o = PARCEL_OF(struct notice_out, p);
	char digest[65], governing[65], note[48];

	print_hex(&o->digest, digest);
	print_hex(&o->agreement_digest, governing);
	snprintf(note, sizeof note, "%s: taken", notice_kind_name(o->kind));
	sha256(view_make(leaf->text, leaf->text_len), &o->receipt_entry);
	return proof_leaf_says(leaf, "input", digest) && proof_leaf_says(leaf, "agreement_digest", governing) &&
	       proof_leaf_says(leaf, "note", note) && names_exchange(o, leaf);
}

/* An entry that it was refused, and will be again. */
static bool says_refused(struct parcel *p, const struct tape *leaf)
{
	const struct notice_out *o = PARCEL_OF(struct notice_out, p);
	char digest[65];

	print_hex(&o->digest, digest);
	return proof_leaf_refuses(leaf, digest) && names_exchange(o, leaf);
}

static bool proved(struct parcel *p)
{
	return parcel_receipt(p, says_taken);
}

static bool refused(struct parcel *p)
{
	return parcel_receipt(p, says_refused);
}

static bool over(struct parcel *p)
{
	/* Of a row that could not be read nothing is known. */
	return PARCEL_OF(struct notice_out, p)->seq && p->now_ms >= p->due.deadline_ms;
}

static void let_go(struct parcel *p)
{
	buf_free(&PARCEL_OF(struct notice_out, p)->body);
}

static void describe(struct parcel *p, char *out, size_t size)
{
	const struct notice_out *o = PARCEL_OF(struct notice_out, p);
	char id[UUID_TEXT + 1];

	uuid_print(&o->exchange, id);
	snprintf(out, size, "notice (%s) about %s under agreement %s", notice_kind_name(o->kind), id, o->agreement);
}

/* --- what is written --- */

static bool append_end(const struct act *a, const struct notice_out *o, struct error *e)
{
	bool arrived = o->parcel.end == PARCEL_ARRIVED;
	char note[128];
	struct entry entry = { .operation = arrived ? OPERATION_DELIVERY : OPERATION_INCIDENT,
		               .exchange = o->own,
		               .peer = o->parcel.partner ? view_of(o->parcel.partner->id) : VIEW(""),
		               .recipient = view_of(o->parcel.recipient),
		               .agreement = view_of(o->agreement),
		               .agreement_digest = o->agreement_digest,
		               .outcome = arrived ? VIEW("delivered") : VIEW("failed") };

	snprintf(note, sizeof note, "notice: %s%s%s", notice_kind_name(o->kind), arrived ? "" : ": ",
	         arrived ? "" : o->parcel.slug);
	entry.note = view_of(note);
	if (memcmp(&o->own, &o->exchange, sizeof o->own) != 0)
		entry.origin = o->exchange;
	if (arrived)
		entry.input = o->receipt_entry;
	return audit_append(a, &entry, NULL, NULL, e);
}

/* The item `notice-failed` in the inbox of the own system: what the partner was to be told, people tell it now. */
static bool tell_people(const struct act *a, const struct notice_out *o, struct error *e)
{
	struct buf body = BUF_INIT(4096);
	struct store_inbox item = {
		.seq = o->seq, .exchange = o->own, .kind = VIEW("notice-failed"), .made_ms = a->now_ms
	};

	buf_addf(&body, "\"notice\":\"%s\",\"agreement\":", notice_kind_name(o->kind));
	buf_add_json_string(&body, view_of(o->agreement));
	buf_adds(&body, ",\"recipient\":");
	buf_add_json_string(&body, view_of(o->parcel.recipient));
	buf_adds(&body, ",\"reason\":");
	buf_add_json_string(&body, view_of(o->parcel.slug));
	buf_addf(&body, ",\"attempts\":%u", (unsigned)o->parcel.due.attempts + 1);
	item.body = buf_view(&body);
	bool ok = (!body.failed || error_set(e, REASON_NO_MEMORY, "memory ran out")) &&
	          store_put_inbox(a->store, &item, e);
	buf_free(&body);
	return ok;
}

static bool write_end(struct parcel *p, struct act *a, struct error *e)
{
	struct notice_out *o = PARCEL_OF(struct notice_out, p);
	const struct notice_work *work = &a->core->notice_work[o->kind];
	bool arrived = o->parcel.end == PARCEL_ARRIVED;
	struct notice_end end = { .core = a->core,
		                  .job = a->job,
		                  .kind = o->kind,
		                  .seq = o->seq,
		                  .exchange = o->own,
		                  .recipient = view_of(o->parcel.recipient),
		                  .arrived = arrived,
		                  .error = arrived ? VIEW("") : view_of(o->parcel.slug),
		                  .now_ms = a->now_ms };

	if (o->parcel.end == PARCEL_RETRY)
		return store_retry_notice(a->store, p->due.id,
		                          a->now_ms + post_wait_ms(&o->parcel.conf->node, p->due.attempts),
		                          view_of(o->parcel.slug), e);
	if (!append_end(a, o, e) || (!arrived && !tell_people(a, o, e)) ||
	    !store_drop_notice(a->store, p->due.id, a->now_ms, end.error, buf_view(&o->parcel.receipt), e))
		return false;
	return !work->ended || work->ended(&end, a->writer, a->store, e);
}

/* --- the table --- */

static bool note_due(void *arg, const struct store_notice *row)
{
	const struct courier_due due = { .id = row->id,
		                         .attempts = row->attempts,
		                         .deadline_ms = row->made_ms + GIVE_UP_MS };

	return courier_note(arg, &due);
}

static bool list_due(struct store *reader, const struct store_ask *ask, struct courier_look *look, struct error *e)
{
	return store_due_notices(reader, ask, note_due, look, e);
}

static const struct courier_kind notices = {
	.name = "notices",
	.size = sizeof(struct notice_out),
	.most = IN_FLIGHT,
	.taken = { 200 },
	.life_ms = GIVE_UP_MS,
	.recipient = store_next_notice_recipient,
	.due = list_due,
	.batch = 1,
	.target = find_target,
	.pack = pack,
	.send = post_send,
	.drop = let_go,
	.proved = proved,
	.refused = refused,
	.over = over,
	.write = write_end,
	.describe = describe,
};

void *notice_courier(struct worker *w)
{
	return courier_new(w, &notices);
}
