/* What peers send (see conn_state.h): the handshake, requests and their bodies, half-closes. */
#include <errno.h>
#include <sys/socket.h>

#include "gatewayd/edge/conn_private.h"
#include "gatewayd/edge/peers.h"
#include "lib/base/ids.h"
#include "lib/base/wire.h"

static void take_input(struct conn *c, struct view in);

/* Takes what was put off, then reads on; in WAITING and SENDING to learn that the peer went away. */
void conn_resume(struct conn *c)
{
	if (c->pending.n > 0 && c->state < CONN_WAITING) {
		struct buf waited = c->pending;

		c->pending = BUF_INIT(waited.max);
		take_input(c, buf_view(&waited));
		buf_wipe(&waited);
	}
	if (c->state < CONN_LINGER && c->pending.n == 0 && !c->held && !c->half_closed)
		conn_want_read(c, true);
}

/* Passes the head of a request on to core. */
static void pass_head(struct conn *c)
{
	struct edge_thread *t = c->thread;
	struct buf *b = &t->build;
	struct view value;

	c->request = conn_new_id(t->conns, c->id & SLOT_MASK);
	c->credit = CHANNEL_CREDIT;
	c->answered = false;
	c->last_answer = c->http.close || c->half_closed;
	c->bodiless = view_is(http_method(&c->http), "HEAD");
	c->answer_left = c->uncredited = 0;
	t->counts.requests++;

	buf_reset(b);
	put_u64(b, c->id);
	put_u64(b, c->http.length);
	put_view16(b, http_method(&c->http));
	put_view16(b, http_target(&c->http));
	for (enum http_field f = 0; f < HTTP_FIELD_COUNT; f++) {
		if (!(http_field_flags(f) & HTTP_IN) || !http_value(&c->http, f, &value))
			continue;
		put_view16(b, view_of(http_field_name(f)));
		put_view16(b, value);
	}
	edge_send(t, FRAME_HEAD, c->http.length == 0, c->request, buf_view(b), VIEW(""));
	conn_become(c, c->http.length ? CONN_BODY : CONN_WAITING);
}

/* Keeps bytes for later and reads no more until they were taken. */
static void put_off(struct conn *c, struct view in)
{
	buf_add(&c->pending, in);
	conn_want_read(c, false);
	if (c->pending.failed)
		conn_close(c);
}

/* The reader refused what came. */
static void refuse_read(struct conn *c)
{
	int status = reason_status(c->http.reason);

	conn_refuse(c, status, c->http.reason, c->http.why);
}

/* Takes bytes of the peer in one of the states IDLE to BODY, and goes on to WAITING with the last of a
 * request; what follows it waits in `pending`. */
static void take_input(struct conn *c, struct view in)
{
	while (in.n > 0) {
		struct view piece = in, body = VIEW("");

		if (c->state == CONN_IDLE)
			conn_become(c, CONN_HEAD);
		if (c->state == CONN_BODY && piece.n > c->credit && c->http.left > c->credit) {
			piece.n = (size_t)c->credit;
			if (piece.n == 0) {
				put_off(c, in);
				return;
			}
		}
		size_t before = piece.n;
		enum http_step step = http_read(&c->http, &piece, &body);
		in = view_from(in, before - piece.n);
		switch (step) {
		case HTTP_MORE: return;
		case HTTP_FAILED:
			c->bodiless = view_is(http_method(&c->http), "HEAD");
			refuse_read(c);
			return;
		case HTTP_HEAD:
			pass_head(c);
			if (c->http.expect_continue && c->http.length > 0 && in.n == 0)
				conn_write(c, VIEW("HTTP/1.1 100 Continue\r\n\r\n"));
			break;
		case HTTP_BODY:
			c->credit -= body.n;
			edge_send(c->thread, FRAME_BODY, c->http.left == 0, c->request, body, VIEW(""));
			if (c->http.left == 0)
				conn_become(c, CONN_WAITING);
			break;
		case HTTP_END: break;
		}
		if (c->state >= CONN_WAITING) {
			if (in.n > 0 && c->state < CONN_LINGER)
				put_off(c, in);
			return;
		}
	}
}

/* More of the body may go: takes what waited, then reads on. */
void conn_take_credit(struct conn *c, const struct frame *f)
{
	struct reader r = { .rest = f->payload };

	c->credit += read_u32(&r);
	if (c->state == CONN_BODY)
		conn_resume(c);
}

/* TLS is up: who is it, and may it have one connection more? */
static void handshake_done(struct conn *c)
{
	struct edge_thread *t = c->thread;
	struct buf *der = &t->build;

	buf_reset(der);
	if (!tls_peer(c->tls, der, &c->peer)) {
		t->counts.handshakes_failed++;
		conn_close(c);
		return;
	}
	t->counts.handshakes++;
	conn_become(c, CONN_IDLE);
	edge_send(t, FRAME_OPEN, false, c->id, buf_view(der), VIEW(""));
	c->counted = peers_enter(t->edge->peers, &c->peer, c->settings->limits.connections_per_peer);
	if (!c->counted) {
		t->counts.over_peer_cap++;
		conn_refuse(c, 429, REASON_RATE_LIMITED, "this certificate has as many connections as it may have");
	}
}

static void handshake_on(struct conn *c)
{
	switch (tls_handshake(c->tls)) {
	case TLS_OK:
		conn_want_write(c, false);
		handshake_done(c);
		return;
	case TLS_WANT_READ: conn_want_write(c, false); return;
	case TLS_WANT_WRITE: conn_want_write(c, true); return;
	case TLS_CLOSED:
	case TLS_FAILED:
		c->thread->counts.handshakes_failed++;
		conn_close(c);
		return;
	}
}

/* The peer sends no more (and may still read, RFC 8446 section 6.1): a request that is not complete is
 * void, one that is under way is answered. */
static void peer_half_closed(struct conn *c)
{
	c->half_closed = true;
	c->last_answer = true;
	conn_want_read(c, false);
	if (c->state < CONN_WAITING)
		conn_close(c);
}

static enum tls_status read_socket(struct conn *c, size_t *n)
{
	if (c->tls)
		return tls_read(c->tls, c->thread->scratch, sizeof c->thread->scratch, n);
	ssize_t got = recv(c->fd, c->thread->scratch, sizeof c->thread->scratch, 0);
	if (got > 0) {
		*n = (size_t)got;
		return TLS_OK;
	}
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return TLS_WANT_READ;
	return got == 0 ? TLS_CLOSED : TLS_FAILED;
}

/* LINGER: throws away, without so much as decrypting it. */
static void discard(struct conn *c)
{
	for (int i = 0; i < READS_A_TURN; i++) {
		ssize_t n = recv(c->fd, c->thread->scratch, sizeof c->thread->scratch, 0);

		if (n > 0)
			continue;
		if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
			conn_close(c);
		return;
	}
}

static void read_on(struct conn *c)
{
	struct edge_thread *t = c->thread;

	for (int i = 0; i < READS_A_TURN && c->reads; i++) {
		size_t n = 0;

		if (c->state < CONN_WAITING && edge_is_full(c->thread)) {
			c->held = true;
			c->thread->conns->n_held++;
			conn_want_read(c, false);
			return;
		}
		enum tls_status status = read_socket(c, &n);
		c->read_wants_write = status == TLS_WANT_WRITE;
		switch (status) {
		case TLS_OK: break;
		case TLS_WANT_READ: return;
		case TLS_WANT_WRITE: conn_want_write(c, true); return;
		case TLS_CLOSED: peer_half_closed(c); return;
		case TLS_FAILED: conn_close(c); return;
		}
		struct view in = view_make(t->scratch, n);
		if (c->state >= CONN_WAITING)
			put_off(c, in);
		else
			take_input(c, in);
		wipe(t->scratch, n);
		if (c->state >= CONN_WAITING)
			return;
	}
}

void conn_on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	if (c->state == CONN_HANDSHAKE)
		handshake_on(c);
	else if (c->state == CONN_LINGER)
		discard(c);
	else if (c->state != CONN_CLOSED)
		read_on(c);
}

void conn_on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	if (c->state == CONN_HANDSHAKE) {
		handshake_on(c);
		return;
	}
	conn_flush(c);
	if (c->state != CONN_CLOSED && c->read_wants_write)
		read_on(c);
}
