/* Notices that arrive: read and verified on the worker's thread (notice_read.c), taken once in a job of the writer,
 * answered after its commit. A refusal is written and answered like a taking. See notice.h. */
#include "gatewayd/core/notice/notice.h"

#include <stdio.h>

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/core/serve/border_trace.h"
#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/notice.h"
#include "lib/base/encode.h"
#include "gatewayd/os/log.h"
#include "lib/tlog/entry.h"

#define PROOF_MAX (2u * 65536)

static void notice_in_free(struct notice_in *in)
{
	json_decref(in->body);
	buf_free(&in->entry);
	buf_free(&in->proof);
	buf_free(&in->leaf);
	wipe(in->salt.b, sizeof in->salt.b);
	free(in);
}

bool notice_refuse(struct notice_in *in, enum reason reason, const char *text)
{
	error_set(&in->refused, reason, "%s", text);
	return true;
}

/* --- the transaction (writer's thread) --- */

/* The sender sees a coarse reason; the full one is a disclosure. */
static bool disclose(struct notice_in *in, struct disclosures *d, struct error *e)
{
	struct buf text = BUF_INIT(4096);
	uint8_t salt[16];
	bool ok = random_bytes(salt, sizeof salt);
	char why[sizeof in->refused.where + sizeof in->refused.text + 96];

	snprintf(why, sizeof why, "%s: %s%s%s", reason_slug(in->refused.reason), in->refused.where,
	         in->refused.where[0] ? ": " : "", in->refused.text);
	why[utf8_valid(view_of(why))] = 0;
	buf_add_json_string(&text, view_of(why));
	disclosures_add(d, salt, VIEW("reason"), buf_view(&text));
	buf_free(&text);
	return ok || error_set(e, REASON_CRYPTO, "no random bytes");
}

static bool append(struct notice_in *in, struct writer *w, struct entry *entry, struct disclosures *d, struct store *s,
                   struct error *e)
{
	struct request *r = in->request;

	entry->time_ms = r->now_ms;
	entry->exchange = in->own;
	if (memcmp(&in->own, &in->exchange, sizeof in->own) != 0)
		entry->origin = in->exchange;
	entry->peer = view_of(r->peer->id);
	buf_reset(&in->leaf);
	if (!audit_print(r->worker->core, entry, d, &in->leaf, e) ||
	    !writer_append(w, &in->job, buf_view(&in->leaf), buf_view(&d->packed), &in->index, e))
		return false;
	in->index |= store_log(s) << STORE_LOG_SHIFT;
	return true;
}

/* The sender's entry was verified, and nobody can mend what is wrong: its notice ends. */
static bool is_final(const struct notice_in *in)
{
	static const struct digest none;

	return !digest_eq(&in->digest, &none) &&
	       (in->refused.reason == REASON_NOT_FOUND || !reason_is_mendable(in->refused.reason));
}

static bool write_refusal(struct notice_in *in, struct writer *w, struct store *s, struct error *e)
{
	struct disclosures d = { .n = 0 };
	struct entry entry = { .operation = OPERATION_REFUSAL,
		               .outcome = VIEW("refused"),
		               .reason = view_of(reason_coarse(in->refused.reason)),
		               .note = VIEW("notice") };

	entry.final = is_final(in);
	if (entry.final)
		entry.input = in->digest;
	bool ok = disclose(in, &d, e) && append(in, w, &entry, &d, s, e);

	disclosures_free(&d);
	return ok;
}

static bool write_taken(struct notice_in *in, struct writer *w, struct store *s, const struct store_exchange *x,
                        struct error *e)
{
	struct disclosures d = { .n = 0 };
	char agreement[72], note[32];
	struct entry entry = { .agreement_digest = x->agreement_digest, .outcome = VIEW("taken"), .input = in->digest };
	struct notice n = { .kind = in->kind,
		            .recipient = view_of(in->request->conf->node.agency),
		            .body = in->body_text };

	snprintf(agreement, sizeof agreement, "%.*s", VIEW_ARG(x->agreement));
	snprintf(note, sizeof note, "%s: taken", notice_kind_name(in->kind));
	entry.agreement = view_of(agreement);
	entry.note = view_of(note);
	notice_entry(&n, &entry);
	/* What the body says is in the sender's entry, whose digest is the input. */
	entry.output = (struct digest){ .b = { 0 } };
	bool appended = append(in, w, &entry, &d, s, e);
	disclosures_free(&d);
	if (!appended)
		return false;
	struct store_notice_taken t = { .seq = in->seq,
		                        .digest = in->digest,
		                        .kind = in->kind,
		                        .entry = in->index,
		                        .taken_ms = in->request->now_ms,
		                        .proof = buf_view(&in->proof) };
	return store_put_notice_taken(s, &t, e);
}

/* Taken before: the same answer, with the same receipt. */
static bool repeat(struct notice_in *in, struct writer *w, struct store *s, uint64_t entry, struct error *e)
{
	struct view leaf;

	in->first = false;
	in->index = entry;
	if (!store_find_entry(s, entry, &leaf, NULL, e))
		return false;
	buf_reset(&in->leaf);
	buf_add(&in->leaf, leaf);
	return !in->leaf.failed ? writer_receipt(w, &in->job, entry, e)
	                        : error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static bool take(struct notice_in *in, struct writer *w, struct store *s, struct error *e)
{
	struct store_exchange x;
	uint64_t n;

	if (!store_count_notices_taken(s, in->seq, &n, e) || !store_get_exchange(s, in->seq, &x, e))
		return false;
	if (n >= NOTICES_TAKEN_MAX)
		return notice_refuse(in, REASON_LIMIT, "too many notices about this exchange");
	const char *fault = notice_body_fault(in->kind, in->body);
	if (fault)
		return notice_refuse(in, REASON_NOTICE_INVALID, fault);
	return in->request->worker->core->notice_work[in->kind].take(in, &x, w, s, e);
}

static bool write_notice(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct notice_in *in = JOB_OF(struct notice_in, j);
	struct store_notice_taken taken;
	struct store_exchange x;

	in->first = true;
	in->refused = in->found;
	if (in->refused.reason == REASON_NONE) {
		switch (sought(store_get_notice_taken(s, in->seq, &in->digest, &taken, e), e)) {
		case SOUGHT_FOUND: return repeat(in, w, s, taken.entry, e);
		case SOUGHT_NONE: break;
		case SOUGHT_FAILED: return false;
		}
		if (!take(in, w, s, e))
			return false;
	}
	if (in->refused.reason != REASON_NONE)
		return write_refusal(in, w, s, e);
	return store_get_exchange(s, in->seq, &x, e) && write_taken(in, w, s, &x, e);
}

/* --- attempts that come again (worker's thread) --- */

/* Refused before the job, for what may change. The same notice comes in the same bytes. */
static struct attempt attempt_in(const struct notice_in *in)
{
	struct digest body;

	sha256(buf_view(&in->request->body), &body);
	return attempt_of(view_of(in->request->peer->id), view_make(body.b, sizeof body.b), in->found.reason);
}

static void note_attempt(const struct notice_in *in)
{
	struct attempt one = attempt_in(in);
	char id[UUID_TEXT + 1];

	if (in->found.reason == REASON_NONE || is_final(in))
		return;
	uuid_print(&in->exchange, id);
	attempts_note(in->request->worker->core->attempts, &one, in->request->now_ms);
	struct traceparent trace;
	border_trace(&in->exchange, BORDER_RECIPIENT, &trace);
	const struct journal_field fields[] = { { "exchange", id },
		                                { "partner", in->request->peer->id },
		                                { "reason", reason_slug(in->found.reason) },
		                                { "trace", trace.trace },
		                                { NULL, NULL } };
	log_event("warning", fields, "notice of partner %s about %s is not taken: %s: %s; the partner tries again",
	          in->request->peer->id, id, reason_slug(in->found.reason), in->found.text);
}

/* The log has an entry of it already: the same answer, without a receipt. */
static bool answer_again(struct notice_in *in)
{
	struct attempt one = attempt_in(in);
	struct buf body = BUF_INIT(4096);
	struct answer a = { .content_type = VIEW("application/problem+json") };

	in->refused = in->found;
	if (is_final(in) || !attempts_known(in->request->worker->core->attempts, &one, in->request->now_ms))
		return false;
	a.status = reason_status(reason_for_peer(in->found.reason));
	problem_open(&body, in->found.reason);
	buf_adds(&body, ",\"final\":false}");
	a.body = buf_view(&body);
	answer_send(in->request, &a);
	buf_free(&body);
	return true;
}

/* --- home again (worker's thread) --- */

static void answer(struct notice_in *in)
{
	struct buf body = BUF_INIT(4 * 65536), receipt = BUF_INIT(2 * 65536);
	enum reason reason = in->refused.reason;
	struct answer a = { .status = 200 };
	char id[UUID_TEXT + 1];

	if (reason != REASON_NONE) {
		problem_open(&body, reason);
		a.status = reason_status(reason_for_peer(reason));
		a.content_type = VIEW("application/problem+json");
		buf_adds(&body, is_final(in) ? ",\"final\":true" : ",\"final\":false");
	} else {
		uuid_print(&in->own, id);
		buf_addf(&body, "{\"exchange\":\"%s\",\"kind\":\"%s\",\"first\":%s", id, notice_kind_name(in->kind),
		         in->first ? "true" : "false");
	}
	receipt_print(&in->job.receipt, buf_view(&in->leaf), &receipt);
	buf_addf(&body, ",\"audit_index\":%llu,\"receipt\":", (unsigned long long)store_entry_index(in->index));
	buf_add_json_string(&body, buf_view(&receipt));
	buf_addc(&body, '}');
	a.body = buf_view(&body);
	if (body.failed || receipt.failed)
		answer_problem(in->request, REASON_NO_MEMORY);
	else
		answer_send(in->request, &a);
	buf_free(&body);
	buf_free(&receipt);
}

static void came_home(struct job *j)
{
	struct notice_in *in = JOB_OF(struct notice_in, j);

	const struct notice_work *work = &in->request->worker->core->notice_work[in->kind];

	if (j->committed && work->taken)
		work->taken(in);
	if (j->committed) {
		note_attempt(in);
		answer(in);
	} else {
		log_line("error", "notice: %s", j->error.text);
		answer_problem(in->request, REASON_UNAVAILABLE);
	}
	writer_release(j);
	notice_in_free(in);
}

void handle_notice(struct request *r)
{
	struct notice_in *in;

	if (!request_media_is(r, "application/json")) {
		answer_problem(r, REASON_MEDIA_TYPE);
		return;
	}
	in = calloc(1, sizeof *in);
	if (!in) {
		answer_problem(r, REASON_NO_MEMORY);
		return;
	}
	in->request = r;
	in->entry = BUF_INIT(ENTRY_MAX + 3);
	in->proof = BUF_INIT(PROOF_MAX);
	in->leaf = BUF_INIT(ENTRY_MAX);
	bool ok = notice_read(in);
	/* This node's own failure is no decision: the sender tries again. */
	if (!ok && reason_status(in->found.reason) >= 500) {
		log_line("error", "notice: %s", in->found.text);
		answer_problem(r, in->found.reason);
		notice_in_free(in);
		return;
	}
	if (!ok && answer_again(in)) {
		notice_in_free(in);
		return;
	}
	in->job = (struct job){ .lane = request_lane(r),
		                .home = r->worker->home,
		                .run = write_notice,
		                .done = came_home,
		                .want_receipt = true };
	writer_submit(r->worker->core->writer, &in->job);
}
