/* What peers send (see conn_private.h): the handshake, requests and their bodies, half-closes. */
#include <assert.h>
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

/* The bytes of the body that came together with its head; it goes by its length, so that what comes next is a piece of it. */
static struct view first_piece(struct conn *c, struct view *in)
{
	struct view body = VIEW("");

	if (in->n == 0 || c->http.chunked || http_is_whole(&c->http))
		return body;
	enum http_step step = http_read(&c->http, in, &body);
	assert(step == HTTP_BODY && body.n <= c->credit);
	c->credit -= body.n;
	c->got += body.n;
	return body;
}

/* Passes the head of a request on to core, and with it what is here of its body: a small one whole, in one frame. */
static void pass_head(struct conn *c, struct view *in)
{
	struct edge_thread *t = c->thread;
	struct buf *b = &t->build;
	struct view value;

	c->request = conn_new_id(t->conns, c->id & SLOT_MASK);
	c->credit = CHANNEL_CREDIT;
	c->answered = c->both = c->chunked = false;
	c->stream = http_is_stream(&c->http);
	conn_begin_period(c);
	c->last_answer = c->http.close || c->half_closed || c->stranger;
	c->bodiless = view_is(http_method(&c->http), "HEAD");
	c->answer_left = c->uncredited = 0;
	t->counts.n[EDGE_COUNT_requests]++;

	buf_reset(b);
	put_u64(b, c->id);
	put_u64(b, c->http.chunked ? CHANNEL_CHUNKED : c->http.length);
	put_view16(b, http_method(&c->http));
	put_view16(b, http_target(&c->http));
	for (enum http_field f = 0; f < HTTP_FIELD_COUNT; f++) {
		if (!(http_field_flags(f) & HTTP_IN) || !http_value(&c->http, f, &value))
			continue;
		put_view16(b, view_of(http_field_name(f)));
		put_view16(b, value);
	}
	struct view body = first_piece(c, in);
	if (body.n > 0)
		put_u16(b, 0);
	bool whole = http_is_whole(&c->http);
	edge_send(t, FRAME_HEAD, whole, c->request, buf_view(b), body);
	conn_become(c, whole ? CONN_WAITING : CONN_BODY);
}

/* Keeps bytes for later and reads no more until they were taken. */
static void put_off(struct conn *c, struct view in)
{
	buf_add(&c->pending, in);
	conn_want_read(c, false);
	if (c->pending.failed)
		conn_close(c, EDGE_COUNT_broken);
}

/* The reader refused what came. */
static void refuse_read(struct conn *c)
{
	int status = reason_status(c->http.reason);

	conn_refuse(c, status, c->http.reason, c->http.why);
}

/* Is the request for this gateway (RFC 9110 section 7.4)? The name's port is not looked at. A monitor, which listens on
 * loopback, is also reached by that; by no other name, so that a page in the operator's browser cannot ask it. */
static bool is_ours(const struct conn *c)
{
	struct view host;

	if (!http_value(&c->http, HTTP_HOST, &host))
		return false;
	struct view bare = http_host_name(host);
	return settings_answers_to(c->settings, bare) || (c->monitor && host_is_loopback(bare));
}

/* The whole head is there: hands it on, unless it is for somebody else. */
static void take_head(struct conn *c, struct view *in)
{
	bool more = in->n > 0;

	if (!is_ours(c)) {
		c->bodiless = view_is(http_method(&c->http), "HEAD");
		tell(c->thread, EDGE_COUNT_misdirected, &c->from);
		conn_refuse(c, reason_status(REASON_MISDIRECTED), REASON_MISDIRECTED,
		            "the Host field names no host of this gateway");
		return;
	}
	if (c->monitor)
		gate_ask(c->thread->edge->gate, &c->seat, &c->settings->limits);
	pass_head(c, in);
	if (c->http.expect_continue && !http_is_whole(&c->http) && !more)
		conn_write(c, VIEW("HTTP/1.1 100 Continue\r\n\r\n"));
}

/* Takes bytes of the peer in one of the states IDLE to BODY, and goes on to WAITING with the last of a
 * request; what follows it waits in `pending`. */
static void take_input(struct conn *c, struct view in)
{
	while (in.n > 0) {
		struct view piece = in, body = VIEW("");

		if (c->state == CONN_IDLE)
			conn_become(c, CONN_HEAD);
		if (c->state == CONN_BODY && piece.n > c->credit && (c->http.chunked || c->http.left > c->credit)) {
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
		case HTTP_HEAD: take_head(c, &in); break;
		case HTTP_BODY:
			c->credit -= body.n;
			c->got += body.n;
			edge_send(c->thread, FRAME_BODY, http_is_whole(&c->http), c->request, body, VIEW(""));
			if (http_is_whole(&c->http))
				conn_become(c, c->both ? CONN_SENDING : CONN_WAITING);
			break;
		case HTTP_END:
			/* Of chunks the end comes by itself. */
			if (c->state == CONN_BODY) {
				edge_send(c->thread, FRAME_BODY, true, c->request, VIEW(""), VIEW(""));
				conn_become(c, c->both ? CONN_SENDING : CONN_WAITING);
			}
			break;
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
	const struct edge_limits *l = &c->settings->limits;
	struct buf *der = &t->build;
	struct digest spki;

	buf_reset(der);
	if (!tls_peer(c->tls, der, &spki)) {
		conn_close(c, EDGE_COUNT_tls_failed);
		return;
	}
	t->counts.n[EDGE_COUNT_handshakes]++;
	t->counts.n[EDGE_COUNT_verified] += tls_was_verified(c->tls);
	c->stranger = !settings_partner(c->settings, &spki, &c->partner);
	c->counted = !c->stranger && peers_enter(t->edge->peers, &c->partner, l->connections_per_peer);
	enum gate_answer seat =
	        gate_finish(t->edge->gate, &c->seat, c->stranger ? NULL : &c->partner, c->counted, l, edge_now());
	/* Whose seat it took goes first: core counts what is open. */
	conns_evict(t);
	if (c->state == CONN_CLOSED)
		return;
	conn_become(c, CONN_IDLE);
	edge_send(t, FRAME_OPEN, false, c->id, buf_view(der), VIEW(""));
	if (!c->stranger) {
		struct address source = address_source(&c->from);
		edge_send(t, FRAME_KNOWN, false, c->id, view_make(source.b, sizeof source.b), VIEW(""));
	}
	if (seat != GATE_OPEN) {
		tell(t, EDGE_COUNT_full, &c->from);
		conn_refuse(c, 503, REASON_UNAVAILABLE, "all connections of this gateway are taken; try again later");
		return;
	}
	if (c->stranger) {
		tell_stranger(t, &c->from, &spki);
		return;
	}
	if (!c->counted) {
		tell(t, EDGE_COUNT_partner_full, &c->from);
		conn_refuse(c, 429, REASON_RATE_LIMITED, "this partner has as many connections as it may have");
	}
}

/* The first bytes came: they may cost a handshake, or the connection goes. Silence, and its
 * end, costs no more than a socket. */
static bool begin_handshake(struct conn *c)
{
	struct edge_thread *t = c->thread;
	char first;
	ssize_t n = recv(c->fd, &first, 1, MSG_PEEK);

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
			conn_close(c, EDGE_COUNT_gone);
		return false;
	}
	switch (gate_begin(t->edge->gate, &c->seat, &c->settings->limits, edge_now())) {
	case GATE_IN_BUDGET: break;
	case GATE_SOURCE_SPENT: conn_close(c, EDGE_COUNT_source_budget); return false;
	case GATE_ALL_SPENT: conn_close(c, EDGE_COUNT_handshake_budget); return false;
	}
	c->tls = tls_accept(c->settings->tls, c->fd);
	if (!c->tls)
		conn_close(c, EDGE_COUNT_tls_failed);
	return c->tls != NULL;
}

static void handshake_on(struct conn *c)
{
	if (!c->tls && !begin_handshake(c))
		return;
	switch (tls_handshake(c->tls)) {
	case TLS_OK:
		conn_want_write(c, false);
		handshake_done(c);
		/* Its first request may have come with it. */
		if (c->reads)
			conn_read_later(c);
		return;
	case TLS_WANT_READ: conn_want_write(c, false); return;
	case TLS_WANT_WRITE: conn_want_write(c, true); return;
	case TLS_CLOSED:
	case TLS_FAILED: conn_close(c, tls_cause(c->tls)); return;
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
		conn_close(c, EDGE_COUNT_closed);
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
			conn_close(c, EDGE_COUNT_closed);
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
		case TLS_FAILED: conn_close(c, c->tls ? tls_cause(c->tls) : EDGE_COUNT_broken); return;
		}
		struct view in = view_make(t->scratch, n);
		if (c->state >= CONN_WAITING)
			put_off(c, in);
		else
			take_input(c, in);
		wipe(t->scratch, n);
		if (c->state >= CONN_WAITING)
			break;
	}
	if (c->reads)
		conn_read_later(c);
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
