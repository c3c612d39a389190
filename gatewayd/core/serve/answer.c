/* See answer.h. */
#include "gatewayd/core/serve/answer.h"

#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/rate.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/serve/turns.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define COME_AGAIN_S 10            /* after what passes by itself */
#define BUSY_S       2             /* after what passes with the load */
#define SENT_KEPT    (256u * 1024) /* bytes of a stream's results that have left, before the rest is moved up */

static void put_field(struct buf *b, const char *name, struct view value)
{
	put_view16(b, view_of(name));
	put_view16(b, value);
}

/* How much of the partner's rates is left. */
static void put_rates(struct buf *head, const struct request *r)
{
	struct buf policy = BUF_INIT(2048), limit = BUF_INIT(2048);

	const struct rated of = route_rated(r);
	rate_print(r->account->rates, &of, r->now_ms, instant_monotonic_ms(), &policy, &limit);
	if (policy.n && !policy.failed && !limit.failed) {
		put_field(head, "ratelimit-policy", buf_view(&policy));
		put_field(head, "ratelimit", buf_view(&limit));
	}
	buf_free(&policy);
	buf_free(&limit);
}

/* RFC 9111 section 5.2.2: what is answered is about persons, or is true for a moment; but for what its name says to the byte. */
static void put_cache(struct buf *head, const struct request *r, int status)
{
	struct view said = VIEW("no-store");

	if (status == 200 && r->keeps == KEEPS_FOR_GOOD)
		said = VIEW("public, max-age=31536000, immutable");
	else if (status == 200 && r->keeps == KEEPS_ITS_READER)
		said = VIEW("private, max-age=31536000, immutable");
	put_field(head, "cache-control", said);
}

/* Sends what credit and frame size allow; releases the request when nothing is left. */
static void send_body(struct request *r)
{
	channel_send_body(r->worker->channel, r->id, buf_view(&r->out), &r->out_at, &r->out_credit);
	if (r->out_at == r->out.n)
		request_release(r);
}

void answer_send(struct request *r, const struct answer *a)
{
	struct buf head = BUF_INIT(16384);

	if (r->aborted) {
		request_release(r);
		return;
	}
	r->answered = true;
	if (r->complete)
		latency_note(&r->worker->took.request, instant_monotonic_us() - r->whole_us);
	put_u16(&head, (uint16_t)a->status);
	put_u64(&head, a->body.n);
	put_field(&head, "content-type", a->content_type.n ? a->content_type : VIEW("application/json"));
	put_cache(&head, r, a->status);
	if (a->location.n)
		put_field(&head, "location", a->location);
	if (a->allow.n)
		put_field(&head, "allow", a->allow);
	if (a->retry_after_s) {
		char seconds[16];
		snprintf(seconds, sizeof seconds, "%u", a->retry_after_s);
		put_field(&head, "retry-after", view_of(seconds));
	}
	if (r->rated)
		put_rates(&head, r);
	if (a->replayed)
		put_field(&head, "idempotency-replayed", VIEW("true"));
	put_u16(&head, 0);
	struct view body = r->head_only ? VIEW("") : a->body;
	size_t first = CHANNEL_PAYLOAD_MAX - head.n;
	if (first > body.n)
		first = body.n;
	if (first > r->out_credit)
		first = r->out_credit;
	bool last = first == body.n;
	channel_send(r->worker->channel, FRAME_REPLY, last ? FRAME_LAST : 0, r->id, buf_view(&head),
	             view_make(body.p, first));
	r->out_credit -= (uint32_t)first;
	buf_free(&head);
	if (last) {
		request_release(r);
		return;
	}
	buf_reset(&r->out);
	if (a->own) {
		struct buf own = *a->own;
		*a->own = r->out;
		r->out = own;
		r->out_at = first;
	} else {
		buf_add(&r->out, view_from(body, first));
		r->out_at = 0;
		turns_keep(r, r->out.n);
	}
	if (r->out.failed) {
		channel_send(r->worker->channel, FRAME_ABORT, 0, r->id, VIEW(""), VIEW(""));
		request_release(r);
		return;
	}
	send_body(r);
}

void answer_text(struct request *r, int status, struct view content_type, struct view body)
{
	struct answer a = { .status = status, .content_type = content_type, .body = body };

	answer_send(r, &a);
}

void answer_written(struct request *r, struct view content_type, const struct buf *body)
{
	if (body->failed)
		answer_problem(r, REASON_NO_MEMORY);
	else
		answer_text(r, 200, content_type, buf_view(body));
}

void answer_unread(struct request *r, const struct error *e)
{
	if (e->reason != REASON_NOT_FOUND)
		log_line("error", "read: %s", e->text);
	answer_problem(r, e->reason == REASON_NOT_FOUND ? REASON_NOT_FOUND : REASON_UNAVAILABLE);
}

/* --- answers of unknown length --- */

void answer_begin(struct request *r, struct view content_type)
{
	struct buf head = BUF_INIT(16384);

	r->begun_answer = true;
	if (r->aborted)
		return;
	put_u16(&head, 200);
	put_u64(&head, CHANNEL_CHUNKED);
	put_field(&head, "content-type", content_type);
	put_cache(&head, r, 200);
	put_u16(&head, 0);
	channel_send(r->worker->channel, FRAME_REPLY, 0, r->id, buf_view(&head), VIEW(""));
	buf_free(&head);
}

static void make_dirty(struct request *r)
{
	if (r->dirty)
		return;
	r->dirty = true;
	r->next_dirty = r->worker->dirty;
	r->worker->dirty = r;
}

void answer_add(struct request *r, struct view bytes)
{
	if (r->aborted)
		return;
	buf_add(&r->out, bytes);
	make_dirty(r);
}

void answer_end(struct request *r)
{
	r->ends_answer = true;
	make_dirty(r);
}

size_t answer_waiting(const struct request *r)
{
	return r->out.n - r->out_at;
}

/* What has left is not kept. */
static void forget_sent(struct request *r)
{
	size_t n = r->out.n;

	if (r->out_at < n && r->out_at < SENT_KEPT)
		return;
	buf_drop(&r->out, r->out_at);
	wipe(r->out.p + r->out.n, n - r->out.n);
	r->out_at = 0;
}

/* What credit lets go; the end, when all has gone. */
static void flush_stream(struct request *r)
{
	struct channel *channel = r->worker->channel;

	if (r->out.failed && !r->aborted) {
		channel_send(channel, FRAME_ABORT, 0, r->id, VIEW(""), VIEW(""));
		request_abort(r);
	}
	while (!r->aborted && answer_waiting(r) && r->out_credit) {
		size_t n = answer_waiting(r);
		if (n > r->out_credit)
			n = r->out_credit;
		if (n > CHANNEL_PAYLOAD_MAX)
			n = CHANNEL_PAYLOAD_MAX;
		channel_send(channel, FRAME_BODY, 0, r->id, view_make(r->out.p + r->out_at, n), VIEW(""));
		r->out_at += n;
		r->out_credit -= (uint32_t)n;
	}
	if (r->out_at > 0)
		forget_sent(r);
	if (!r->ends_answer || (answer_waiting(r) && !r->aborted))
		return;
	if (!r->aborted)
		channel_send(channel, FRAME_BODY, FRAME_LAST, r->id, VIEW(""), VIEW(""));
	r->answered = true;
	request_release(r);
}

void answers_flush(struct worker *w)
{
	while (w->dirty) {
		struct request *r = w->dirty;

		w->dirty = r->next_dirty;
		r->dirty = false;
		flush_stream(r);
	}
}

void answer_credit(struct request *r, uint32_t bytes)
{
	if (bytes > UINT32_MAX - r->out_credit)
		return;
	r->out_credit += bytes;
	if (r->begun_answer) {
		make_dirty(r);
		if (r->go_on)
			r->go_on(r);
	}
	if (r->answered)
		send_body(r);
}

static void open_as(struct buf *out, enum reason told, const char *detail)
{
	buf_addf(out, "{\"type\":\"/problems/%s\",\"title\":", reason_slug(told));
	buf_add_json_string(out, view_of(reason_text(told)));
	buf_addf(out, ",\"status\":%d,\"detail\":", reason_status(told));
	buf_add_json_string(out, view_of(detail ? detail : reason_remedy(told)));
}

void problem_open(struct buf *out, enum reason reason)
{
	open_as(out, reason_for_peer(reason), NULL);
}

void problem_open_at(struct buf *out, enum reason reason, const char *detail)
{
	open_as(out, reason_for_peer(reason), reason_for_peer(reason) == reason ? detail : NULL);
}

void answer_problem(struct request *r, enum reason reason)
{
	answer_own_problem(r, reason_for_peer(reason));
}

/* Whether a partner's gateway, or what may become one, is told that it should come again. */
static bool is_tried_again(const struct request *r, enum reason reason)
{
	return reason == REASON_PARTNER_UNKNOWN ||
	       (r->peer && r->peer->roles & ROLE(GATEWAY) && reason_is_mendable(reason));
}

static void send_problem(struct request *r, enum reason reason, const char *detail)
{
	struct buf body = BUF_INIT(4096);
	struct answer a = { .status = reason_status(reason), .content_type = VIEW("application/problem+json") };

	/* Reads are counted by the minute of the clock. */
	if (reason == REASON_RATE_LIMITED)
		a.retry_after_s = r->retry_after_s ? r->retry_after_s : 60 - (unsigned)(r->now_ms / 1000 % 60);
	if (reason == REASON_NO_SPACE || reason == REASON_STORE_HELD || reason == REASON_UNAVAILABLE)
		a.retry_after_s = COME_AGAIN_S;
	if (reason == REASON_BUSY)
		a.retry_after_s = BUSY_S;
	open_as(&body, reason, detail);
	buf_adds(&body, is_tried_again(r, reason) ? ",\"final\":false}" : "}");
	a.body = buf_view(&body);
	if (reason == REASON_METHOD_NOT_ALLOWED)
		a.allow = VIEW("GET, HEAD, POST");
	answer_send(r, &a);
	buf_free(&body);
}

void answer_own_problem(struct request *r, enum reason reason)
{
	send_problem(r, reason, NULL);
}

void answer_problem_at(struct request *r, enum reason reason, const char *detail)
{
	send_problem(r, reason, detail);
}
