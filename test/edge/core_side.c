/* See core_side.h: answers each request of the edge by its target, as rig.h lists, and carries the outbound one. */
#include "test/edge/core_side.h"

#include <check.h>
#include <errno.h>
#include <poll.h>

#include "lib/base/wire.h"

void core_send(struct core_thread *t, enum frame_type type, bool last, uint64_t id, struct view payload)
{
	ck_assert(channel_send(t->channel, type, last ? FRAME_LAST : 0, id, payload, VIEW("")));
}

static void send_u32(struct core_thread *t, enum frame_type type, uint64_t id, uint32_t n)
{
	struct buf b = BUF_INIT(4);

	put_u32(&b, n);
	core_send(t, type, false, id, buf_view(&b));
	buf_free(&b);
}

static struct request *request_find(struct core_thread *t, uint64_t id)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (t->requests[i].id == id)
			return &t->requests[i];
	return NULL;
}

void core_request_end(struct request *q)
{
	buf_free(&q->body);
	*q = (struct request){ .id = 0 };
}

static void reply(struct core_thread *t, uint64_t id, int status, const char *type, uint64_t length, struct view body,
                  bool last)
{
	struct buf b = BUF_INIT(CHANNEL_PAYLOAD_MAX);

	put_u16(&b, (uint16_t)status);
	put_u64(&b, length);
	if (type && *type) {
		put_view16(&b, VIEW("Content-Type"));
		put_view16(&b, view_of(type));
	}
	put_u16(&b, 0);
	buf_add(&b, body);
	ck_assert(!b.failed);
	core_send(t, FRAME_REPLY, last, id, buf_view(&b));
	buf_free(&b);
}

/* Bytes of a body of any length, as credit allows. */
static void send_more(struct core_thread *t, struct request *q)
{
	static char block[32768];

	memset(block, 'x', sizeof block);
	while (q->to_send > 0 && q->credit > 0) {
		const char *from = q->echo ? q->body.p + (q->body.n - q->to_send) : block;
		size_t n = sizeof block;
		if (n > q->to_send)
			n = (size_t)q->to_send;
		if (n > q->credit)
			n = (size_t)q->credit;
		q->to_send -= n;
		q->credit -= n;
		core_send(t, FRAME_BODY, q->to_send == 0, q->id, view_make(from, n));
	}
	if (q->to_send == 0)
		core_request_end(q);
}

static void echo(struct core_thread *t, struct request *q)
{
	struct view first = buf_view(&q->body);

	if (first.n > 60000)
		first.n = 60000;
	reply(t, q->id, 200, q->type, q->body.n, first, first.n == q->body.n);
	q->to_send = q->body.n - first.n;
	q->credit = CHANNEL_CREDIT - first.n;
	send_more(t, q);
}

static void take_body(struct core_thread *t, uint64_t id, struct view bytes, bool last)
{
	struct rig_counts *c = &t->rig->counts;
	struct request *q = request_find(t, id);

	c->bodies++;
	c->lasts += last;
	c->body_bytes += bytes.n;
	if (!q)
		return;
	if (q->mirror) {
		core_send(t, FRAME_BODY, last || q->ends, id, bytes);
		send_u32(t, FRAME_CREDIT, id, (uint32_t)bytes.n);
		if (last || q->ends)
			core_request_end(q);
		return;
	}
	if (q->echo)
		buf_add(&q->body, bytes);
	if (!q->stingy)
		send_u32(t, FRAME_CREDIT, id, (uint32_t)bytes.n);
	if (q->echo && last)
		echo(t, q);
}

/* *body: what came of the body with it. */
static void take_head(struct core_thread *t, const struct frame *f, struct view *body)
{
	struct reader r = { .rest = f->payload };
	struct request *q = request_find(t, 0);

	ck_assert_ptr_nonnull(q);
	(void)read_u64(&r);
	uint64_t length = read_u64(&r);
	struct view method = read_view16(&r), target = read_view16(&r);
	struct buf text = BUF_INIT(16384);
	buf_addf(&text, "%.*s\n%.*s\n%llu\n", VIEW_ARG(method), VIEW_ARG(target), (unsigned long long)length);
	*q = (struct request){ .id = f->id, .body = BUF_INIT(8 << 20) };
	while (r.rest.n > 0 && !r.failed) {
		struct view name = read_view16(&r);
		if (name.n == 0) {
			*body = r.rest;
			ck_assert_uint_gt(body->n, 0);
			break;
		}
		struct view value = read_view16(&r);
		buf_addf(&text, "%.*s=%.*s\n", VIEW_ARG(name), VIEW_ARG(value));
		if (view_is(name, "content-type"))
			snprintf(q->type, sizeof q->type, "%.*s", VIEW_ARG(value));
	}
	ck_assert(!r.failed && !text.failed);
	unsigned long long n;
	if (view_is(target, "/echo")) {
		q->echo = true;
		if (f->flags & FRAME_LAST && body->n == 0)
			echo(t, q);
	} else if (view_is(target, "/describe")) {
		reply(t, f->id, 200, "text/plain", text.n, buf_view(&text), true);
		core_request_end(q);
	} else if (view_starts(target, VIEW("/status/")) && view_to_u64(view_from(target, 8), 599, &n)) {
		reply(t, f->id, (int)n, NULL, 0, VIEW(""), true);
		core_request_end(q);
	} else if (view_starts(target, VIEW("/big/")) && view_to_u64(view_from(target, 5), 1 << 30, &n)) {
		reply(t, f->id, 200, NULL, n, VIEW(""), false);
		q->to_send = n;
		q->credit = CHANNEL_CREDIT;
		send_more(t, q);
	} else if (view_is(target, "/early")) {
		reply(t, f->id, 403, "text/plain", 6, VIEW("early\n"), true);
		if (f->flags & FRAME_LAST)
			core_request_end(q);
	} else if (view_is(target, "/give-up")) {
		core_send(t, FRAME_ABORT, false, f->id, VIEW(""));
		core_request_end(q);
	} else if (view_is(target, "/mirror-wrong")) {
		reply(t, f->id, 200, q->type, CHANNEL_CHUNKED, VIEW("bytes"), false);
	} else if (view_starts(target, VIEW("/mirror"))) {
		q->mirror = true;
		q->ends = view_is(target, "/mirror-ends");
		reply(t, f->id, 200, q->type, CHANNEL_CHUNKED, VIEW(""), false);
	} else {
		q->stingy = view_is(target, "/stingy");
	}
	buf_free(&text);
}

static void take_outbound_answer(struct core_thread *t, const struct frame *f)
{
	struct rig *r = t->rig;
	struct reader in = { .rest = f->payload };

	if (f->id != r->outbound)
		return;
	if (f->type == FRAME_CREDIT) {
		r->send_credit += read_u32(&in);
		r->counts.credits++;
	} else if (f->type == FRAME_ABORT) {
		r->answer.aborted = r->answer_done = true;
	} else if (f->type == FRAME_REPLY) {
		r->answer.status = read_u16(&in);
		(void)read_u64(&in);
		for (struct view name; (name = read_view16(&in)).n > 0;) {
			struct view value = read_view16(&in);
			if (view_is(name, "error"))
				snprintf(r->answer.error, sizeof r->answer.error, "%.*s", VIEW_ARG(value));
			if (view_is(name, "content-type"))
				snprintf(r->answer.type, sizeof r->answer.type, "%.*s", VIEW_ARG(value));
		}
		buf_add(&r->answer.body, in.rest);
	} else if (f->type == FRAME_BODY) {
		buf_add(&r->answer.body, f->payload);
		send_u32(t, FRAME_CREDIT, f->id, (uint32_t)f->payload.n);
	}
	if (f->type != FRAME_CREDIT && f->flags & FRAME_LAST)
		r->answer_done = true;
	pthread_cond_broadcast(&r->answered);
}

/* Sends what credit allows of the outbound body. */
static void send_outbound_body(struct core_thread *t)
{
	struct rig *r = t->rig;

	while (r->to_send.n > 0 && r->send_credit > 0) {
		size_t n = r->to_send.n < 32768 ? r->to_send.n : 32768;
		if (n > r->send_credit)
			n = (size_t)r->send_credit;
		core_send(t, FRAME_BODY, n == r->to_send.n, r->outbound, view_make(r->to_send.p, n));
		r->to_send = view_from(r->to_send, n);
		r->send_credit -= n;
	}
}

static void take_frame(void *arg, const struct frame *f)
{
	struct core_thread *t = arg;
	struct rig_counts *c = &t->rig->counts;
	struct request *q = request_find(t, f->id);

	pthread_mutex_lock(&t->rig->lock);
	if (f->id & CHANNEL_OUTBOUND) {
		take_outbound_answer(t, f);
		pthread_mutex_unlock(&t->rig->lock);
		return;
	}
	switch (f->type) {
	case FRAME_OPEN:
		c->opens++;
		t->opened = true;
		c->monitor_opens += f->flags & FRAME_LAST;
		buf_reset(&t->rig->certificate);
		buf_add(&t->rig->certificate, f->payload);
		break;
	case FRAME_CLOSE: c->closes++; break;
	case FRAME_HEAD: {
		struct view body = VIEW("");
		c->heads++;
		c->with_open += t->opened;
		take_head(t, f, &body);
		c->joined += body.n > 0;
		if (body.n > 0)
			take_body(t, f->id, body, f->flags & FRAME_LAST);
		break;
	}
	case FRAME_BODY: take_body(t, f->id, f->payload, f->flags & FRAME_LAST); break;
	case FRAME_CREDIT: {
		struct reader r = { .rest = f->payload };
		c->credits++;
		if (q && !q->mirror) {
			q->credit += read_u32(&r);
			send_more(t, q);
		}
		break;
	}
	case FRAME_ABORT:
		c->aborts++;
		if (q)
			core_request_end(q);
		break;
	case FRAME_KNOWN:
		ck_assert_uint_eq(f->payload.n, sizeof t->rig->known);
		memcpy(t->rig->known, f->payload.p, sizeof t->rig->known);
		c->knowns++;
		break;
	case FRAME_COUNTS: {
		struct reader in = { .rest = f->payload };
		ck_assert_uint_eq(f->payload.n, EDGE_COUNTS_N * sizeof(uint64_t));
		for (size_t i = 0; i < EDGE_COUNTS_N; i++)
			t->edge_counts.n[i] = read_u64(&in);
		break;
	}
	case FRAME_CONFIG:
	case FRAME_REPLY:
	case FRAME_OUTBOUND:
	case FRAME_TYPES: ck_abort_msg("the edge sent a frame of core's");
	}
	pthread_mutex_unlock(&t->rig->lock);
}

void *core_side(void *arg)
{
	struct core_thread *t = arg;
	enum channel_state state = CHANNEL_IDLE;

	for (;;) {
		struct pollfd fds[2] = {
			{ .fd = channel_fd(t->channel),
			  .events = POLLIN | (state == CHANNEL_WANTS_WRITE ? POLLOUT : 0) },
			{ .fd = t->rig->stop_pipe[0], .events = POLLIN },
		};
		if (poll(fds, 2, 5) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		t->opened = false;
		if (fds[0].revents & (POLLIN | POLLHUP) && channel_receive(t->channel, take_frame, t) == CHANNEL_DEAD)
			return NULL;
		pthread_mutex_lock(&t->rig->lock);
		if (t == &t->rig->threads[0])
			send_outbound_body(t);
		state = channel_flush(t->channel);
		pthread_mutex_unlock(&t->rig->lock);
		if (state == CHANNEL_DEAD)
			return NULL;
	}
}
