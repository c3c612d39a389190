/* See delivery_private.h. */
#include "gatewayd/core/deliver/delivery_private.h"

#include <jansson.h>

#include "gatewayd/core/store/duty.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/exchange/exchange.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/copy/recall.h"
#include "gatewayd/core/witness/sight.h"
#include "lib/base/encode.h"
#include "lib/tlog/receipt.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "lib/tlog/entry.h"

#define BODY_MAX (24u * 1024 * 1024)

struct delivery *delivery_new(struct worker *w, uint64_t seq, const struct delivery_due *due, size_t answer_max)
{
	struct delivery *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->worker = w;
	d->conf = core_conf(w->core);
	d->seq = seq;
	d->due = *due;
	d->now_ms = instant_now_ms();
	d->body = BUF_INIT(BODY_MAX);
	d->post.answer = BUF_INIT(answer_max);
	d->receipt = BUF_INIT(65536);
	return d;
}

void delivery_free(struct delivery *d)
{
	if (!d)
		return;
	conf_unref(d->conf);
	post_drop(&d->post);
	buf_wipe(&d->body);
	buf_free(&d->receipt);
	free(d);
}

static bool later(struct delivery *d, const char *slug, const char *problem)
{
	snprintf(d->slug, sizeof d->slug, "%s", slug);
	if (!d->problem[0])
		snprintf(d->problem, sizeof d->problem, "%.*s", (int)sizeof d->problem - 1, problem);
	return false;
}

/* Giving up erases: not by a clock that is not to be trusted. */
static bool is_past(const struct delivery *d)
{
	return d->now_ms >= d->due.deadline_ms && clock_trusted(d->worker->core);
}

/* {…members…,"record":…,"origin":{…}} */
static bool write_body(struct delivery *d, struct view members, const struct payload *p, uint64_t entry)
{
	struct buf leaf = BUF_INIT(65536), proof = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE };
	struct buf *b = &d->body;
	char id[UUID_TEXT + 1];
	bool ok = proof_of_entry(d->worker->reader, entry, false, &leaf, &proof, &e);

	if (!ok) {
		later(d, reason_slug(e.reason), e.text);
	} else {
		proof_leaf_member(buf_view(&leaf), "output", d->output, sizeof d->output);
		uuid_print(&d->exchange, id);
		buf_add(b, view_make(members.p, members.n - 1));
		buf_adds(b, ",\"record\":");
		buf_add(b, p->record);
		buf_addf(b,
		         ",\"origin\":{\"exchange\":\"%s\",\"agency\":\"%s\",\"node\":\"%s\",\"agreement_digest\":\"",
		         id, d->conf->node.agency, d->conf->node.name);
		digest_print(b, &d->agreement_digest);
		buf_adds(b, "\",\"entry\":\"");
		base64_encode(b, buf_view(&leaf));
		buf_adds(b, "\",\"proof\":");
		buf_add_json_string(b, buf_view(&proof));
		buf_adds(b, ",\"salt\":\"");
		hex_encode(b, view_make(p->salt.b, sizeof p->salt.b));
		buf_adds(b, "\"}}");
		ok = !b->failed || later(d, "no-memory", "the envelope is too large");
	}
	buf_free(&leaf);
	buf_free(&proof);
	return ok;
}

/* What waits leaves only while the consent that it rests on stands. */
static bool consent_stands(struct delivery *d, struct view members)
{
	struct view id = view_of(d->agreement);
	const struct agreement *a = conf_agreement(d->conf, id, &d->agreement_digest, d->now_ms);
	struct error e = { .reason = REASON_NONE };
	struct tape t;

	if (!a)
		a = conf_agreement(d->conf, id, NULL, d->now_ms);
	if (!a || agreement_withdrawals(a).n == 0)
		return true;
	if (!tape_parse(d->worker->scratch.envelope, members, &t, &e))
		return later(d, reason_slug(e.reason), e.text);
	uint32_t consent = tape_member(&t, 0, VIEW("consent")),
	         reference = consent ? tape_member(&t, consent, VIEW("reference")) : 0;
	uint32_t basis = tape_member(&t, 0, VIEW("legal_basis")), purpose = tape_member(&t, 0, VIEW("purpose"));
	if (!reference || !basis || !purpose)
		return true;
	d->withdrawn = conf_consent_withdrawn(d->conf, a, tape_string(&t, reference), tape_string(&t, purpose));
	if (d->withdrawn)
		return later(d, reason_slug(reason_for_peer(REASON_CONSENT_WITHDRAWN)),
		             "the consent was withdrawn while it waited");
	if (agreement_needs_consent(a, tape_string(&t, basis)) && conf_consent_unknown(d->conf, a, d->now_ms))
		return later(d, reason_slug(REASON_CONSENT_UNKNOWN), reason_text(REASON_CONSENT_UNKNOWN));
	return true;
}

bool delivery_prepare(struct delivery *d)
{
	struct store *reader = d->worker->reader;
	struct error e = { .reason = REASON_NONE };
	struct store_exchange x;
	struct store_delivery row;
	struct payload payload = { .plain = BUF_INIT(BODY_MAX) };
	struct buf members = BUF_INIT(4u * 1024 * 1024);
	uint64_t entry;
	bool ok = false;

	if (is_past(d))
		return later(d, "deadline", "the deadline has passed");
	if (!store_get_exchange(reader, d->seq, &x, &e))
		return later(d, reason_slug(e.reason), e.text);
	entry = x.entry;
	d->exchange = x.id;
	d->agreement_digest = x.agreement_digest;
	snprintf(d->agreement, sizeof d->agreement, "%.*s", VIEW_ARG(x.agreement));
	snprintf(d->recipient, sizeof d->recipient, "%.*s", VIEW_ARG(x.recipient));
	d->partner = conf_agency(d->conf, view_of(d->recipient), ROLE(GATEWAY));
	if (!d->partner || !d->partner->host)
		return later(d, "flow-unmapped", "no gateway of the recipient is known here");
	if (!store_get_delivery(reader, d->seq, &row, &e)) {
		later(d, reason_slug(e.reason), e.text);
	} else {
		buf_add(&members, row.envelope);
		ok = (!members.failed || later(d, "no-memory", "memory ran out")) &&
		     consent_stands(d, buf_view(&members)) &&
		     (payload_open(d->worker->core->keys, d->worker->scratch.gcm, reader, d->seq, &d->exchange,
		                   &payload, &e) ||
		      later(d, reason_slug(e.reason), e.text)) &&
		     write_body(d, buf_view(&members), &payload, entry);
	}
	payload_close(&payload);
	buf_free(&members);
	return ok;
}

/* --- the answer --- */

/* Verifies the receipt of an acceptance: the partner's log holds an entry that this very record came in, under
 * this agreement. */
static bool receipt_holds(struct delivery *d, const json_t *doc)
{
	const char *text = json_string_value(json_object_get(doc, "receipt"));
	struct error e = { .reason = REASON_NONE };
	struct buf scratch = BUF_INIT(65536), want = BUF_INIT(65);
	char operation[32], governing[65], input[65];
	struct receipt r;
	struct view leaf;
	bool ok = false;

	digest_print(&want, &d->agreement_digest);
	if (!text || !d->partner->has_log) {
		later(d, "receipt-invalid", "the answer has no receipt that can be verified here");
	} else if (!receipt_parse(view_of(text), &scratch, &r, &leaf, &e) || !conf_receipt(d->partner, &r, leaf, &e)) {
		later(d, "receipt-invalid", e.text);
	} else {
		proof_leaf_member(leaf, "operation", operation, sizeof operation);
		proof_leaf_member(leaf, "agreement_digest", governing, sizeof governing);
		proof_leaf_member(leaf, "input", input, sizeof input);
		ok = strcmp(operation, d->post.status == 202 ? "hold" : "collection") == 0 &&
		     view_eq(view_of(governing), buf_view(&want)) && d->output[0] && strcmp(input, d->output) == 0;
		if (!ok)
			later(d, "receipt-invalid", "the receipt is for something else");
		else if (!(ok = sight_take(d->worker->core, d->partner, r.checkpoint, &e)))
			later(d, reason_slug(e.reason), e.text);
		else
			buf_adds(&d->receipt, text);
	}
	buf_free(&scratch);
	buf_free(&want);
	return ok;
}

void delivery_judge(struct delivery *d)
{
	const struct buf *answer = &d->post.answer;
	int status = d->post.status;
	json_t *doc = status > 0 ? json_loadb(answer->p ? answer->p : "", answer->n, 0, NULL) : NULL;

	d->end = DELIVERY_RETRY;
	d->now_ms = instant_now_ms();
	if (status == 201 || status == 202) {
		if (receipt_holds(d, doc))
			d->end = DELIVERY_DONE;
	} else if (status > 0) {
		later(d, post_slug(&d->post), "the partner refused");
		if (post_refused(&d->post))
			d->end = DELIVERY_REFUSED;
	} else if (d->withdrawn) {
		d->end = DELIVERY_REFUSED;
	} else if (!d->slug[0]) {
		later(d, "unreachable", d->post.problem);
	}
	json_decref(doc);
	if (d->end == DELIVERY_RETRY && is_past(d))
		d->end = DELIVERY_EXPIRED;
	wipe(d->body.p, d->body.n);
	if (d->end == DELIVERY_DONE)
		return;
	char id[UUID_TEXT + 1];
	uuid_print(&d->exchange, id);
	log_line(d->end == DELIVERY_RETRY ? "warning" : "error", "delivery of %s to %s: %s: %s%s", id, d->recipient,
	         d->slug, d->problem, d->end == DELIVERY_RETRY ? "; will try again" : "; given up");
}

/* --- what is written --- */

static bool append_end(struct delivery *d, struct writer *w, struct error *e)
{
	struct buf leaf = BUF_INIT(8192);
	uint64_t index;
	bool done = d->end == DELIVERY_DONE;
	struct entry entry = { .operation = OPERATION_DELIVERY,
		               .time_ms = d->now_ms,
		               .exchange = d->exchange,
		               .peer = d->partner ? view_of(d->partner->id) : VIEW(""),
		               .recipient = view_of(d->recipient),
		               .agreement = view_of(d->agreement),
		               .agreement_digest = d->agreement_digest,
		               .outcome = done ? VIEW("delivered") : VIEW("failed"),
		               .note = done ? VIEW("") : view_of(d->slug),
		               .build = view_of(d->worker->core->build) };

	entry_print(&entry, NULL, &leaf);
	bool ok = writer_append(w, &d->job, buf_view(&leaf), VIEW(""), &index, e);
	buf_free(&leaf);
	return ok;
}

static bool note_done(void *arg, const struct store_duty *d)
{
	*(bool *)arg = *(bool *)arg || d->state == DUTY_DONE;
	return true;
}

/* Was it let go while it was under way (recalled, corrected, out of time)? A receipt that came before this answer is no
 * such case: the recipient has it, and says so. */
static bool let_go(const struct act *a, const struct copy *c, bool *gone, struct error *e)
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

/* What arrived although it had been let go, or may have, for it was sent and no answer came, is called back. */
static bool end_overtaken(struct act *a, struct copy *c, struct delivery *d, struct error *e)
{
	bool done = d->end == DELIVERY_DONE, gone;

	if (!done && (d->post.status != 0 || d->post.sent == 0))
		return true;
	if (done && (!append_end(d, a->writer, e) || !store_put_receipt(a->store, d->seq, buf_view(&d->receipt), e)))
		return false;
	return let_go(a, c, &gone, e) && (!gone || recall_delivered(a, c, VIEW("sent before it was let go"), e));
}

bool delivery_write(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct delivery *d = (struct delivery *)j;
	struct core *c = d->worker->core;
	struct act a = { .core = c, .writer = w, .job = j, .store = s, .now_ms = d->now_ms };
	bool done = d->end == DELIVERY_DONE;
	struct copy copy;

	if (!copy_load(&a, d->seq, &copy, e))
		return false;
	if (copy.state != STATE_QUEUED)
		return end_overtaken(&a, &copy, d, e);
	if (d->end == DELIVERY_RETRY)
		return store_retry_delivery(s, d->seq, d->now_ms + post_wait_ms(&d->conf->node, d->due.attempts),
		                            view_of(d->slug), e);
	if (!append_end(d, w, e) || !store_drop_delivery(s, d->seq, e) ||
	    !copy_erase_payload(&a, &copy, done ? "delivered" : "delivery failed", e))
		return false;
	atomic_fetch_add(done ? &c->delivered : &c->delivery_failures, 1);
	if (!done) {
		copy.plan.notify_ms = SCHEDULE_NEVER;
		return copy_end(&a, &copy, STATE_FAILED, e);
	}
	return store_set_state(s, d->seq, STATE_DELIVERED, e) && store_put_receipt(s, d->seq, buf_view(&d->receipt), e);
}
