/* The bytes of requests and answers on a connection (see client_private.h): what is written, what is read, and how
 * much core lets by. On the thread of the client. */
#include <errno.h>
#include <sys/socket.h>

#include "gatewayd/edge/client_private.h"
#include "lib/base/ids.h"
#include "lib/base/wire.h"

#define READS_A_TURN 4
#define CREDIT_STEP  (CHANNEL_CREDIT / 4)
#define REPLY_PIECE  (CHANNEL_PAYLOAD_MAX - 2 * HTTP_HEAD_MAX)

/* Sends an answer's head and the first bytes of its body to core as one frame. */
static void pass_reply(struct link *l, struct view *in)
{
	struct edge_thread *t = l->client->thread;
	struct outbound *o = l->request;
	struct buf *b = &t->build;
	struct view value, body = VIEW("");

	buf_reset(b);
	put_u16(b, (uint16_t)l->http.status);
	put_u64(b, l->http.length);
	for (enum http_field f = 0; f < HTTP_FIELD_COUNT; f++) {
		if (!(http_field_flags(f) & HTTP_BACK) || !http_value(&l->http, f, &value))
			continue;
		put_view16(b, view_of(http_field_name(f)));
		put_view16(b, value);
	}
	put_u16(b, 0);
	o->replied = true;
	o->credit = CHANNEL_CREDIT;
	if (l->http.left > 0 && in->n > 0) {
		struct view piece = view_make(in->p, in->n < REPLY_PIECE ? in->n : REPLY_PIECE);
		size_t before = piece.n;

		if (http_read(&l->http, &piece, &body) != HTTP_BODY)
			body = VIEW("");
		*in = view_from(*in, before - piece.n);
		o->credit -= body.n;
	}
	edge_send(t, FRAME_REPLY, l->http.left == 0, o->id, buf_view(b), body);
}

/* The answer is whole: the connection is free for the next request, or closes. */
static void answer_ends(struct link *l, bool more)
{
	struct outbound *o = l->request;
	/* One of old settings would show a certificate that was replaced. */
	bool usable = !l->http.close && !more && o->body_left == 0 && o->sent == o->bytes.n &&
	              l->settings == l->client->settings;

	outbound_free(o);
	l->served++;
	if (usable) {
		http_next(&l->http);
		link_become(l, LINK_IDLE);
		link_wants(l, true, false);
	} else {
		link_close(l);
	}
	target_dispatch(l->client, l->target);
}

/* Takes bytes of an answer. */
static void take_answer(struct link *l, struct view in)
{
	struct outbound *o = l->request;

	for (;;) {
		struct view piece = in, body = VIEW("");

		if (l->http.state == HTTP_IN_BODY && l->http.left > 0 && piece.n > o->credit)
			piece.n = (size_t)o->credit;
		if (in.n > 0 && piece.n == 0) {
			buf_add(&l->pending, in);
			link_wants(l, false, l->writes);
			if (l->pending.failed)
				link_fail(l, "no memory");
			return;
		}
		size_t before = piece.n;
		enum http_step step = http_read(&l->http, &piece, &body);
		in = view_from(in, before - piece.n);
		switch (step) {
		case HTTP_MORE: return;
		case HTTP_HEAD: pass_reply(l, &in); break;
		case HTTP_BODY:
			o->credit -= body.n;
			edge_send(l->client->thread, FRAME_BODY, l->http.left == 0, o->id, body, VIEW(""));
			break;
		case HTTP_END: answer_ends(l, in.n > 0); return;
		case HTTP_FAILED: link_fail(l, l->http.why); return;
		}
	}
}

static enum tls_status of_socket(ssize_t moved, size_t *n)
{
	if (moved > 0) {
		*n = (size_t)moved;
		return TLS_OK;
	}
	if (moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return TLS_WANT_READ;
	return moved == 0 ? TLS_CLOSED : TLS_FAILED;
}

static enum tls_status read_some(struct link *l, size_t *n)
{
	struct edge_thread *t = l->client->thread;

	return l->tls ? tls_read(l->tls, t->scratch, sizeof t->scratch, n)
	              : of_socket(recv(l->fd, t->scratch, sizeof t->scratch, 0), n);
}

static enum tls_status write_some(struct link *l, struct view v, size_t *n)
{
	if (l->tls)
		return tls_write(l->tls, v, n);
	enum tls_status status = of_socket(send(l->fd, v.p, v.n, MSG_NOSIGNAL), n);
	return status == TLS_WANT_READ ? TLS_WANT_WRITE : status;
}

/* Whether something was read or written. Otherwise it waits for the socket, or the connection failed. */
static bool went_on(struct link *l, enum tls_status status)
{
	switch (status) {
	case TLS_OK: return true;
	case TLS_WANT_READ: break;
	case TLS_WANT_WRITE: link_wants(l, l->reads, true); break;
	case TLS_CLOSED: link_fail(l, "the connection was closed before the answer was complete"); break;
	case TLS_FAILED: link_fail(l, l->tls ? tls_why(l->tls) : "the connection broke"); break;
	}
	return false;
}

void link_read(struct link *l)
{
	struct edge_thread *t = l->client->thread;

	for (int i = 0; i < READS_A_TURN && l->state != LINK_CLOSED && l->reads; i++) {
		size_t n = 0;

		if (!went_on(l, read_some(l, &n)))
			return;
		if (l->state == LINK_IDLE) {
			link_close(l); /* an answer that nobody asked for */
			return;
		}
		take_answer(l, view_make(t->scratch, n));
		wipe(t->scratch, n);
		if (l->state == LINK_IDLE)
			return;
	}
}

void link_write(struct link *l)
{
	struct outbound *o = l->request;

	while (o && o->sent < o->bytes.n) {
		size_t n = 0;

		if (!went_on(l, write_some(l, view_from(buf_view(&o->bytes), o->sent), &n)))
			return;
		o->sent += n;
	}
	link_wants(l, l->reads, false);
	/* Only a body that core may not send whole needs more credit; its start is forgotten. */
	if (o && o->body_left > o->core_credit && o->core_credit < CHANNEL_CREDIT - CREDIT_STEP) {
		uint32_t more = (uint32_t)(CHANNEL_CREDIT - o->core_credit);
		buf_drop(&o->bytes, o->sent);
		wipe(o->bytes.p + o->bytes.n, o->sent);
		o->sent = 0;
		o->dropped = true;
		o->core_credit += more;
		edge_send_u32(l->client->thread, FRAME_CREDIT, o->id, more);
	}
}

void outbound_take_credit(struct outbound *o, const struct frame *f)
{
	struct reader r = { .rest = f->payload };
	struct link *l = o->link;

	o->credit += read_u32(&r);
	if (!l || l->state != LINK_BUSY || l->pending.n == 0)
		return;
	struct buf waited = l->pending;
	l->pending = BUF_INIT(waited.max);
	link_wants(l, true, l->writes);
	take_answer(l, buf_view(&waited));
	buf_wipe(&waited);
}
