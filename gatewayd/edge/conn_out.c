/* What is sent to peers (see conn_private.h): core's answers, the edge's own refusals, and the end. */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "gatewayd/edge/conn_private.h"
#include "lib/base/ids.h"
#include "lib/base/wire.h"

/* All is said: close_notify, end of the stream, and what the peer still sends is thrown away. */
static void start_linger(struct conn *c)
{
	if (c->request) {
		edge_send(c->thread, FRAME_ABORT, false, c->request, VIEW(""), VIEW(""));
		c->request = 0;
	}
	if (c->tls)
		tls_close_notify(c->tls);
	shutdown(c->fd, SHUT_WR);
	buf_wipe(&c->pending);
	conn_become(c, CONN_LINGER);
	conn_want_write(c, false);
	conn_want_read(c, true);
}

/* The bytes of one answer are all written: the next request, or the end. */
static void answer_ends(struct conn *c)
{
	if (c->last_answer) {
		start_linger(c);
		return;
	}
	c->both = false;
	http_next(&c->http);
	conn_become(c, CONN_IDLE);
	conn_resume(c);
}

/* Tells core that what went out may be followed by as much again; whether it was enough to say so. */
static bool tell_credit(struct conn *c)
{
	uint64_t waiting = c->out.n - c->out_at;

	if (c->answered || c->uncredited < waiting + CREDIT_STEP)
		return false;
	uint64_t n = c->uncredited - waiting;
	edge_send_u32(c->thread, FRAME_CREDIT, c->request, (uint32_t)n);
	c->uncredited -= n;
	return true;
}

/* Writes a view as far as the socket takes it. False when the connection broke (and is closed). */
static bool write_some(struct conn *c, struct view *v)
{
	while (v->n > 0) {
		size_t n = 0;

		if (c->tls) {
			switch (tls_write(c->tls, *v, &n)) {
			case TLS_OK: break;
			case TLS_WANT_READ:
			case TLS_WANT_WRITE: return true;
			case TLS_CLOSED:
			case TLS_FAILED: conn_close(c, EDGE_COUNT_broken); return false;
			}
		} else {
			ssize_t sent = send(c->fd, v->p, v->n, MSG_NOSIGNAL);
			if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
				return true;
			if (sent < 0) {
				conn_close(c, EDGE_COUNT_broken);
				return false;
			}
			n = (size_t)sent;
		}
		*v = view_from(*v, n);
		c->written += n;
	}
	return true;
}

/* Drops what the socket took, and leaves nothing of it behind. */
static void forget_written(struct conn *c)
{
	size_t n = c->out_at;

	if (n == 0)
		return;
	buf_drop(&c->out, n);
	wipe(c->out.p + c->out.n, n);
	c->out_at = 0;
}

/* Writes what waits; ends the answer when that was all of it. */
void conn_flush(struct conn *c)
{
	struct view rest = view_from(buf_view(&c->out), c->out_at);

	if (!write_some(c, &rest))
		return;
	c->out_at = c->out.n - rest.n;
	if (rest.n == 0) {
		forget_written(c);
		conn_measure(c); /* it took all there was */
	}
	conn_want_write(c, rest.n > 0);
	if (c->state == CONN_BODY && c->both) {
		tell_credit(c);
		return;
	}
	if (c->state != CONN_SENDING)
		return;
	if (c->answered && rest.n == 0)
		answer_ends(c);
	else if (tell_credit(c))
		conn_become(c, CONN_SENDING);
}

/* Sends bytes after those that wait already. */
void conn_write(struct conn *c, struct view v)
{
	if (c->out.n == c->out_at && !write_some(c, &v))
		return;
	if (v.n > 0) {
		forget_written(c);
		buf_add(&c->out, v);
		if (c->out.failed) {
			conn_close(c, EDGE_COUNT_broken);
			return;
		}
		conn_want_write(c, true);
	}
}

static void begin_answer_head(struct conn *c, struct buf *b, int status, uint64_t length)
{
	buf_reset(b);
	buf_adds(b, "HTTP/1.1 ");
	buf_addu(b, (uint64_t)status);
	buf_addc(b, ' ');
	buf_adds(b, http_phrase(status));
	if (length == CHANNEL_CHUNKED) {
		buf_adds(b, "\r\nTransfer-Encoding: chunked");
	} else if (status != 204 && status != 304) {
		buf_adds(b, "\r\nContent-Length: ");
		buf_addu(b, length);
	}
	if (c->last_answer)
		buf_adds(b, "\r\nConnection: close");
	buf_adds(b, "\r\n");
}

/* The edge's own answer, which is the last. Names the rule, repeats nothing of what was sent. */
void conn_refuse(struct conn *c, int status, enum reason reason, const char *why)
{
	struct buf *b = &c->thread->build;
	char body[1024];

	if (c->state == CONN_SENDING || c->state == CONN_LINGER || c->both) {
		conn_close(c, EDGE_COUNT_broken);
		return;
	}
	int n = snprintf(body, sizeof body,
	                 "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}\n",
	                 reason_slug(reason), reason_text(reason), status, why);
	assert(n > 0 && (size_t)n < sizeof body);
	if (c->request) {
		edge_send(c->thread, FRAME_ABORT, false, c->request, VIEW(""), VIEW(""));
		c->request = 0;
	}
	c->thread->counts.n[EDGE_COUNT_refused]++;
	c->last_answer = c->answered = true;
	begin_answer_head(c, b, status, (uint64_t)n);
	buf_adds(b, "Content-Type: application/problem+json\r\n\r\n");
	if (!c->bodiless)
		buf_add(b, view_make(body, (size_t)n));
	conn_become(c, CONN_SENDING);
	conn_want_read(c, false);
	conn_write(c, buf_view(b));
	if (c->state == CONN_SENDING)
		conn_flush(c);
}

/* Counts bytes of an answer's body from core. False when they do not fit its length (and it is closed). */
static bool count_answer(struct conn *c, uint64_t n, bool last)
{
	if (c->chunked)
		c->answer_left = last ? n : UINT64_MAX;
	if (n > c->answer_left || (last && n != c->answer_left && !c->bodiless)) {
		edge_log(c->thread, JOURNAL_ERROR, "core sent a body that has not the length it named");
		conn_close(c, EDGE_COUNT_broken);
		return false;
	}
	c->answer_left -= n;
	c->uncredited += n;
	c->answered = last;
	/* Core is done with the request, unless the peer is still sending it. */
	if (last && http_is_whole(&c->http))
		c->request = 0;
	return true;
}

/* Bytes of an answer, in SENDING or beside the request's body. */
static void send_answer(struct conn *c, struct view bytes)
{
	conn_write(c, bytes);
	if (c->state == CONN_SENDING || (c->state == CONN_BODY && c->both))
		conn_flush(c);
}

/* A piece of an answer as a chunk (RFC 9112 section 7.1), with the last one after it when it is that. */
static void send_chunk(struct conn *c, struct view bytes, bool last)
{
	struct buf *b = &c->thread->build;

	buf_reset(b);
	if (bytes.n)
		buf_addf(b, "%zx\r\n", bytes.n);
	buf_add(b, bytes);
	if (bytes.n)
		buf_adds(b, "\r\n");
	if (last)
		buf_adds(b, "0\r\n\r\n");
	/* An answer that ends before its request does is the last of its connection. */
	if (last && c->state == CONN_BODY)
		c->last_answer = true;
	if (last || c->state == CONN_SENDING)
		conn_become(c, CONN_SENDING);
	send_answer(c, buf_view(b));
	wipe(b->p, b->n);
}

void conn_take_reply(struct conn *c, const struct frame *f)
{
	struct buf *b = &c->thread->build;
	struct reader r = { .rest = f->payload };
	int status = read_u16(&r);
	uint64_t length = read_u64(&r);
	bool ok = status >= 200 && status <= 599;

	c->chunked = length == CHANNEL_CHUNKED;
	c->both = c->chunked && c->state == CONN_BODY;
	if (c->state == CONN_BODY && !c->both)
		c->last_answer = true; /* the rest of the request is not read */
	begin_answer_head(c, b, status, length);
	for (;;) {
		struct view name = read_view16(&r);
		if (r.failed || name.n == 0)
			break;
		struct view value = read_view16(&r);
		ok = ok && http_name_ok(name) && http_value_ok(value);
		buf_add(b, name);
		buf_adds(b, ": ");
		buf_add(b, value);
		buf_adds(b, "\r\n");
	}
	buf_adds(b, "\r\n");
	if (!ok || r.failed || b->failed) {
		edge_log(c->thread, JOURNAL_ERROR, "core sent a malformed answer");
		conn_refuse(c, 500, REASON_INTERNAL, "the answer could not be built");
		return;
	}
	if (c->chunked && (r.rest.n || f->flags & FRAME_LAST || c->bodiless)) {
		edge_log(c->thread, JOURNAL_ERROR, "core sent a malformed answer");
		conn_close(c, EDGE_COUNT_broken);
		return;
	}
	c->answer_left = length;
	if (!c->both)
		conn_become(c, CONN_SENDING);
	/* Head and body leave in one record where they fit one: a record costs a quarter of a request. */
	if (!c->bodiless)
		buf_add(b, r.rest);
	if (count_answer(c, r.rest.n, f->flags & FRAME_LAST))
		send_answer(c, buf_view(b));
	wipe(b->p, b->n);
}

void conn_take_answer(struct conn *c, const struct frame *f)
{
	bool last = f->flags & FRAME_LAST;

	if (!count_answer(c, f->payload.n, last))
		return;
	if (c->chunked)
		send_chunk(c, f->payload, last);
	else
		send_answer(c, c->bodiless ? VIEW("") : f->payload);
}
