/* Frames from the edge: connections that come and go, requests with their bodies, what it counted. See worker_private.h. */
#include "gatewayd/core/serve/worker_private.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/serve/shown.h"
#include "gatewayd/core/serve/sources.h"
#include "gatewayd/core/serve/standing.h"
#include "gatewayd/core/serve/turns.h"
#include "gatewayd/os/instant.h"

/* What no edge of this build sends: it is not to be trusted any more, and goes down with its core. */
static void edge_broke(struct worker *w, const char *what)
{
	struct error e = { .reason = REASON_NONE };

	w->broken = true;
	event_base_loopbreak(w->base);
	error_set(&e, REASON_IO, "the edge broke the rules of its channel: %s", what);
	core_die(w->core, &e);
}

/* By core's own authorities: the edge may have been taken over. */
static void verify_shown(struct worker *w, struct conn *c, struct view cert_der)
{
	struct error e = { .reason = REASON_NONE };
	struct conf *conf = core_conf(w->core);
	const struct partner *p = NULL;
	int64_t now = instant_now_ms();

	c->shown = shown_take(w->shown, conf, cert_der, now, &c->cert, &e);
	c->known = c->shown != NULL;
	if (!c->known)
		router_unverified(w, &e, now);
	c->was_partner = standing_of(conf, c, now, &p) == REASON_NONE;
	c->was_bound = c->was_partner && conf_is_bound(conf, p->agency, now);
	conf_unref(conf);
}

static void on_open(struct worker *w, const struct frame *f)
{
	struct conn *c;

	if (conn_find(w, f->id))
		return;
	if (w->n_open >= budget_connections(w->core->budget)) {
		edge_broke(w, "more connections than may be open");
		return;
	}
	c = calloc(1, sizeof *c);
	if (!c) {
		channel_send(w->channel, FRAME_CLOSE, 0, f->id, VIEW(""), VIEW(""));
		return;
	}
	c->id = f->id;
	c->monitor = (f->flags & FRAME_LAST) != 0;
	if (!c->monitor)
		verify_shown(w, c, f->payload);
	HASH_ADD(hh, w->conns, id, sizeof c->id, c);
	w->n_open++;
}

static void on_close(struct worker *w, const struct frame *f)
{
	struct conn *c = conn_find(w, f->id);

	if (!c || c->closed)
		return;
	c->closed = true;
	w->n_open--;
	conn_drop(w, c);
}

static void refuse_frame(struct worker *w, uint64_t id)
{
	channel_send(w->channel, FRAME_ABORT, 0, id, VIEW(""), VIEW(""));
}

/* Nothing more of it is taken, nor answered. What a stream has under way comes home to it first. */
static void give_up(struct request *r)
{
	refuse_frame(r->worker, r->id);
	if (!r->go_on) {
		request_release(r);
		return;
	}
	request_abort(r);
	r->go_on(r);
}

static void request_complete(struct request *r)
{
	r->complete = true;
	r->whole_us = r->worker->turn_us;
	if (r->length > 0)
		latency_note(&r->worker->took.read, r->whole_us - r->head_us);
	if (r->stream) {
		if (r->go_on)
			r->go_on(r);
		else if (!r->waits)
			route_request(r); /* it has no body */
		return;
	}
	if (r->length != CHANNEL_CHUNKED && r->body.n != r->length)
		answer_problem(r, REASON_BAD_REQUEST);
	else if (!r->waits)
		route_request(r);
}

/* Whose memory a request of the connection takes: the partner's that the newest conf knows by this certificate. */
static struct account *account_of(struct worker *w, struct conn *c)
{
	if (c->monitor || (c->account && c->generation == w->generation))
		return c->account;
	struct conf *conf = core_conf(w->core);
	const struct partner *p = c->known ? conf_partner(conf, &c->cert) : NULL;
	c->account = budget_account(w->core->budget, p);
	c->generation = w->generation;
	conf_unref(conf);
	return c->account;
}

/* More of a request's body; `last`: it is complete. */
static void take_body(struct worker *w, uint64_t id, struct view bytes, bool last)
{
	struct request *r = request_find(w, id);

	/* Of a stream whose answer has ended nobody takes more. */
	if (!r || r->complete || r->aborted || r->answered || r->ends_answer)
		return;
	if (bytes.n > r->credit_given) {
		edge_broke(w, "more of a body than it was granted");
		return;
	}
	r->credit_given -= (uint32_t)bytes.n;
	if (r->body.n == 0 && !r->waits && !r->stream && r->length != CHANNEL_CHUNKED)
		buf_room(&r->body, r->length); /* once, and not again and again as it comes */
	buf_add(&r->body, bytes);
	if (r->body.failed || (!r->stream && (r->body.n > r->length || r->body.n > REQUEST_BODY_MAX))) {
		give_up(r);
		return;
	}
	if (last)
		request_complete(r);
	else if (r->go_on)
		r->go_on(r);
	else
		turns_credit(r);
}

static void on_head(struct worker *w, const struct frame *f)
{
	struct reader in = { .rest = f->payload };
	struct conn *conn = conn_find(w, read_u64(&in));
	struct view body;
	struct request *r;

	if (conn && conn->live > 0) {
		edge_broke(w, "a request before the one before it is over");
		return;
	}
	if (!conn || (f->id & CHANNEL_OUTBOUND) || request_find(w, f->id) || !(r = request_new(w, f->id, conn))) {
		refuse_frame(w, f->id);
		return;
	}
	r->account = account_of(w, conn);
	if (!r->account && !conn->monitor) {
		refuse_frame(w, f->id);
		request_release(r);
		return;
	}
	w->quiet = 0;
	r->head_us = w->turn_us;
	if (!request_read_head(r, f->payload, &body)) {
		refuse_frame(w, f->id);
		request_release(r);
		return;
	}
	r->stream = request_media_is(r, "application/x-ndjson") && r->length > w->body_bytes;
	if (!r->stream && r->length != CHANNEL_CHUNKED && r->length > REQUEST_BODY_MAX) {
		refuse_frame(w, f->id);
		request_release(r);
		return;
	}
	if (!turns_admit(r))
		return;
	bool last = f->flags & FRAME_LAST;
	if (last && body.n == 0) {
		request_complete(r);
		return;
	}
	if (r->stream && !r->waits)
		route_request(r);
	if (body.n > 0)
		take_body(w, f->id, body, last);
}

static void on_credit(struct worker *w, const struct frame *f)
{
	struct reader in = { .rest = f->payload };
	uint32_t bytes = read_u32(&in);
	struct request *r = request_find(w, f->id);

	if (r && !in.failed)
		answer_credit(r, bytes);
}

/* The peer went away. What was decided is written all the same; only the answer is not sent. */
static void on_abort(struct worker *w, const struct frame *f)
{
	struct request *r = request_find(w, f->id);

	if (!r)
		return;
	request_abort(r);
	if (r->go_on)
		r->go_on(r);
	else if (r->ends_answer)
		answer_end(r);
	else if (!r->complete || r->answered || r->waits)
		request_release(r);
}

/* What the edge's thread counted so far. A hostile edge can lie here, and does so to the operator alone. */
static void on_counts(struct worker *w, const struct frame *f)
{
	struct reader in = { .rest = f->payload };

	if (f->payload.n != EDGE_COUNTS_N * sizeof(uint64_t))
		return;
	for (size_t i = 0; i < EDGE_COUNTS_N; i++)
		atomic_store_explicit(&w->edge_counts[i], read_u64(&in), memory_order_relaxed);
	atomic_store_explicit(&w->edge_seen_ms, instant_monotonic_ms(), memory_order_relaxed);
}

/* A partner came from there. What the edge says of other connections counts for nothing. */
static void on_known(struct worker *w, const struct frame *f)
{
	struct conn *c = conn_find(w, f->id);
	const struct partner *p = NULL;

	if (!c || c->closed || c->monitor)
		return;
	struct conf *conf = core_conf(w->core);
	int64_t now = instant_now_ms();
	if (standing_of(conf, c, now, &p) == REASON_NONE)
		sources_seen(w->core->sources, f->payload, p->id, now);
	conf_unref(conf);
}

void worker_frame(void *arg, const struct frame *f)
{
	struct worker *w = arg;

	if (w->broken)
		return;
	if (f->id & CHANNEL_OUTBOUND) {
		post_frame(w, f);
		return;
	}
	switch (f->type) {
	case FRAME_OPEN: on_open(w, f); break;
	case FRAME_CLOSE: on_close(w, f); break;
	case FRAME_HEAD: on_head(w, f); break;
	case FRAME_BODY: take_body(w, f->id, f->payload, f->flags & FRAME_LAST); break;
	case FRAME_CREDIT: on_credit(w, f); break;
	case FRAME_ABORT: on_abort(w, f); break;
	case FRAME_COUNTS: on_counts(w, f); break;
	case FRAME_KNOWN: on_known(w, f); break;
	case FRAME_CONFIG:
	case FRAME_REPLY:
	case FRAME_OUTBOUND:
	case FRAME_TYPES: refuse_frame(w, f->id); break;
	}
}
