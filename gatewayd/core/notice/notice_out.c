/* See notice_out_private.h. */
#include "gatewayd/core/notice/notice_out_private.h"

#include <jansson.h>

#include "gatewayd/core/notice/notice.h"
#include "gatewayd/core/keys/payload.h"
#include "gatewayd/core/commit/entry_proof.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/core/witness/sight.h"
#include "lib/base/encode.h"
#include "lib/tlog/receipt.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "lib/tlog/entry.h"

#define BODY_MAX   (24u * 1024 * 1024)
#define ANSWER_MAX (192u * 1024)
#define GIVE_UP_MS (INT64_C(28) * 86400000)

struct notice_out *notice_out_new(struct worker *w, uint64_t id)
{
	struct notice_out *o = calloc(1, sizeof *o);

	if (!o)
		return NULL;
	o->worker = w;
	o->conf = core_conf(w->core);
	o->id = id;
	o->body = BUF_INIT(BODY_MAX);
	o->post.answer = BUF_INIT(ANSWER_MAX);
	o->receipt = BUF_INIT(ANSWER_MAX);
	return o;
}

void notice_out_free(struct notice_out *o)
{
	if (!o)
		return;
	conf_unref(o->conf);
	post_drop(&o->post);
	buf_wipe(&o->body);
	buf_free(&o->receipt);
	free(o);
}

static bool later(struct notice_out *o, const char *slug, const char *problem)
{
	snprintf(o->slug, sizeof o->slug, "%s", slug);
	snprintf(o->problem, sizeof o->problem, "%.*s", (int)sizeof o->problem - 1, problem);
	return false;
}

/* --- the request --- */

/* {"kind":…,"agency":…,"node":…,"body":…,"entry":…,"proof":… */
static void write_head(struct notice_out *o, const struct buf *body, struct view leaf, struct view proof)
{
	struct buf *b = &o->body;

	sha256(leaf, &o->digest);
	buf_addf(b, "{\"kind\":\"%s\",\"agency\":\"%s\",\"node\":\"%s\",\"body\":", notice_kind_name(o->kind),
	         o->conf->node.agency, o->conf->node.name);
	buf_add(b, buf_view(body));
	buf_adds(b, ",\"entry\":\"");
	base64_encode(b, leaf);
	buf_adds(b, "\",\"proof\":");
	buf_add_json_string(b, proof);
}

/* …,"salt":…,"record":… of a return. A payload that is gone does not come back. */
static bool write_record(struct notice_out *o)
{
	struct payload payload = { .plain = BUF_INIT(BODY_MAX) };
	struct worker *w = o->worker;
	struct error e = { .reason = REASON_NONE };
	bool ok = payload_open(w->core->keys, w->scratch.gcm, w->reader, o->seq, &o->own, &payload, &e);

	if (ok) {
		buf_adds(&o->body, ",\"salt\":\"");
		hex_encode(&o->body, view_make(payload.salt.b, sizeof payload.salt.b));
		buf_adds(&o->body, "\",\"record\":");
		buf_add(&o->body, payload.record);
	} else {
		o->hopeless = e.reason == REASON_NOT_FOUND;
		later(o, reason_slug(e.reason), e.text);
	}
	payload_close(&payload);
	return ok;
}

static bool read_row(struct notice_out *o, struct buf *body, uint64_t *entry, struct error *e)
{
	struct store *reader = o->worker->reader;
	struct store_exchange x;
	struct store_notice n;

	if (!store_get_notice(reader, o->id, &n, e))
		return false;
	o->seq = n.seq;
	o->kind = n.kind;
	o->attempts = n.attempts;
	o->made_ms = n.made_ms;
	*entry = n.entry;
	snprintf(o->recipient, sizeof o->recipient, "%.*s", VIEW_ARG(n.recipient));
	buf_add(body, n.body);
	if (!store_get_exchange(reader, o->seq, &x, e))
		return false;
	o->exchange = x.origin;
	o->own = x.id;
	o->agreement_digest = x.agreement_digest;
	return !body->failed || error_set(e, REASON_NO_MEMORY, "memory ran out");
}

bool notice_out_prepare(struct notice_out *o)
{
	struct buf body = BUF_INIT(NOTICE_BODY_MAX), leaf = BUF_INIT(ENTRY_MAX), proof = BUF_INIT(65536);
	struct error e = { .reason = REASON_NONE };
	uint64_t entry;
	bool ok = read_row(o, &body, &entry, &e) && proof_of_entry(o->worker->reader, entry, false, &leaf, &proof, &e);

	if (!ok) {
		later(o, reason_slug(e.reason), e.text);
	} else {
		o->partner = conf_agency(o->conf, view_of(o->recipient), ROLE(GATEWAY));
		ok = (o->partner && o->partner->host) ||
		     later(o, "flow-unmapped", "no gateway of the recipient is known here");
	}
	if (ok)
		write_head(o, &body, buf_view(&leaf), buf_view(&proof));
	ok = ok && (o->kind != NOTICE_RETURN || write_record(o));
	buf_addc(&o->body, '}');
	if (ok && o->body.failed)
		ok = later(o, "no-memory", "the notice is too large");
	buf_free(&body);
	buf_free(&leaf);
	buf_free(&proof);
	return ok;
}

/* --- the answer --- */

/* Does the partner's log hold an entry that this very notice was taken, about this exchange? */
static bool leaf_fits(const struct notice_out *o, struct view leaf)
{
	struct buf digest = BUF_INIT(65), governing = BUF_INIT(65);
	char input[72], agreement[72], note[48], want[48], exchange[48], origin[48], id[UUID_TEXT + 1];

	uuid_print(&o->exchange, id);
	digest_print(&digest, &o->digest);
	digest_print(&governing, &o->agreement_digest);
	snprintf(want, sizeof want, "%s: taken", notice_kind_name(o->kind));
	proof_leaf_member(leaf, "input", input, sizeof input);
	proof_leaf_member(leaf, "agreement_digest", agreement, sizeof agreement);
	proof_leaf_member(leaf, "note", note, sizeof note);
	proof_leaf_member(leaf, "exchange", exchange, sizeof exchange);
	proof_leaf_member(leaf, "origin", origin, sizeof origin);
	bool ok = view_eq(view_of(input), buf_view(&digest)) && view_eq(view_of(agreement), buf_view(&governing)) &&
	          strcmp(note, want) == 0 && (strcmp(exchange, id) == 0 || strcmp(origin, id) == 0);
	buf_free(&digest);
	buf_free(&governing);
	return ok;
}

static bool receipt_holds(struct notice_out *o)
{
	const struct buf *answer = &o->post.answer;
	json_t *doc = json_loadb(answer->p ? answer->p : "", answer->n, 0, NULL);
	const char *text = json_string_value(json_object_get(doc, "receipt"));
	struct buf scratch = BUF_INIT(ENTRY_MAX + 3);
	struct error e = { .reason = REASON_NONE };
	struct receipt r;
	struct view leaf;
	bool ok = false;

	if (!text) {
		later(o, "receipt-invalid", "the answer has no receipt");
	} else if (!receipt_parse(view_of(text), &scratch, &r, &leaf, &e) || !conf_receipt(o->partner, &r, leaf, &e)) {
		later(o, "receipt-invalid", e.text);
	} else if (!leaf_fits(o, leaf)) {
		later(o, "receipt-invalid", "the receipt is for something else");
	} else if (!sight_take(o->worker->core, o->partner, r.checkpoint, &e)) {
		later(o, reason_slug(e.reason), e.text);
	} else {
		sha256(leaf, &o->receipt_entry);
		buf_adds(&o->receipt, text);
		ok = true;
	}
	buf_free(&scratch);
	json_decref(doc);
	return ok;
}

void notice_out_judge(struct notice_out *o)
{
	int status = o->post.status;

	o->end = o->hopeless ? NOTICE_REFUSED : NOTICE_RETRY;
	o->now_ms = instant_now_ms();
	if (status == 200) {
		if (receipt_holds(o))
			o->end = NOTICE_ARRIVED;
	} else if (status > 0) {
		later(o, post_slug(&o->post), "the partner refused");
		if (post_refused(&o->post))
			o->end = NOTICE_REFUSED;
	} else if (!o->slug[0]) {
		later(o, "unreachable", o->post.problem);
	}
	if (o->end == NOTICE_RETRY && o->made_ms && o->now_ms - o->made_ms >= GIVE_UP_MS)
		o->end = NOTICE_EXPIRED;
	wipe(o->body.p, o->body.n);
	if (o->end == NOTICE_ARRIVED)
		return;
	char id[UUID_TEXT + 1];
	uuid_print(&o->exchange, id);
	log_line(o->end == NOTICE_RETRY ? "warning" : "error", "notice (%s) about %s to %s: %s: %s%s",
	         notice_kind_name(o->kind), id, o->recipient, o->slug, o->problem,
	         o->end == NOTICE_RETRY ? "; will try again" : "; given up");
}

/* --- what is written --- */

static bool append_end(struct notice_out *o, struct writer *w, struct error *e)
{
	struct buf leaf = BUF_INIT(8192);
	uint64_t index;
	bool arrived = o->end == NOTICE_ARRIVED;
	char note[128];
	struct entry entry = { .operation = arrived ? OPERATION_DELIVERY : OPERATION_INCIDENT,
		               .time_ms = o->now_ms,
		               .exchange = o->own,
		               .peer = o->partner ? view_of(o->partner->id) : VIEW(""),
		               .recipient = view_of(o->recipient),
		               .agreement_digest = o->agreement_digest,
		               .outcome = arrived ? VIEW("delivered") : VIEW("failed"),
		               .build = view_of(o->worker->core->build) };

	snprintf(note, sizeof note, "notice: %s%s%s", notice_kind_name(o->kind), arrived ? "" : ": ",
	         arrived ? "" : o->slug);
	entry.note = view_of(note);
	if (memcmp(&o->own, &o->exchange, sizeof o->own) != 0)
		entry.origin = o->exchange;
	if (arrived)
		entry.input = o->receipt_entry;
	entry_print(&entry, NULL, &leaf);
	bool ok = writer_append(w, &o->job, buf_view(&leaf), VIEW(""), &index, e);
	buf_free(&leaf);
	return ok;
}

bool notice_out_write(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct notice_out *o = (struct notice_out *)j;
	const struct notice_work *work = &o->worker->core->notice_work[o->kind];
	bool arrived = o->end == NOTICE_ARRIVED;
	struct notice_end end = { .core = o->worker->core,
		                  .job = j,
		                  .kind = o->kind,
		                  .seq = o->seq,
		                  .exchange = o->own,
		                  .recipient = view_of(o->recipient),
		                  .arrived = arrived,
		                  .error = arrived ? VIEW("") : view_of(o->slug),
		                  .now_ms = o->now_ms };

	if (o->end == NOTICE_RETRY)
		return store_retry_notice(s, o->id, o->now_ms + post_wait_ms(&o->conf->node, o->attempts),
		                          view_of(o->slug), e);
	if (!append_end(o, w, e) || !store_drop_notice(s, o->id, o->now_ms, end.error, buf_view(&o->receipt), e))
		return false;
	return !work->ended || work->ended(&end, w, s, e);
}
