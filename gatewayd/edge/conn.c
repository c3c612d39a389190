/* See conn.h. */
#include "gatewayd/edge/conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gatewayd/edge/http.h"
#include "gatewayd/edge/peers.h"
#include "lib/base/wire.h"

#define READS_A_TURN 4                          /* of one connection, so that none starves the others */
#define LINGER_MS 2000
#define OUT_MAX (CHANNEL_CREDIT + 64u * 1024)   /* an answer's bytes that wait for the socket */
#define CREDIT_STEP (CHANNEL_CREDIT / 4)
#define SLOT_BITS 20                            /* low bits of an id: the place in the table */
#define SLOT_MASK ((UINT64_C(1) << SLOT_BITS) - 1)
#define HEAD_ROOM 1024                          /* fixed parts of an answer's head */

/* A connection's life; become() makes every transition.
 *
 *   HANDSHAKE ──▶ IDLE ──▶ HEAD ──▶ BODY ──▶ WAITING ──▶ SENDING ──▶ IDLE
 *                  (monitors start here)        ▲            │
 *                           HEAD ── no body ────┘            └──▶ LINGER (the answer was the last)
 *   IDLE, HEAD, BODY, WAITING ──▶ SENDING      an answer before its time: a refusal, or core's
 *   every state ──▶ CLOSED
 *
 * Each state but CLOSED has a deadline that starts when it is entered; see timed(). */
enum conn_state {
	CONN_HANDSHAKE,         /* TLS is under way */
	CONN_IDLE,              /* between requests */
	CONN_HEAD,              /* a request's first byte came */
	CONN_BODY,              /* its head went to core, its body is on the way */
	CONN_WAITING,           /* core has all of it */
	CONN_SENDING,           /* an answer is being written */
	CONN_LINGER,            /* all is written; what still comes is thrown away, so that a reset does not
	                         * overtake the answer */
	CONN_CLOSED             /* freed at the end of the turn */
};
#define CONN_STATES CONN_CLOSED

struct conn {
	struct edge_thread *thread;
	struct settings *settings;
	enum conn_state state;
	int fd;
	struct tls *tls;                /* NULL: a monitor */
	struct event readable, writable;
	bool reads, writes;             /* the events are added */
	bool read_wants_write;          /* TLS must write before it can read on */
	bool half_closed;               /* the peer said that it sends no more */
	bool last_answer;               /* the connection ends with the answer under way */
	bool bodiless;                  /* the answer's body is not sent (HEAD) */
	bool answered;                  /* core sent the whole answer */
	bool held;                      /* not read while core's queue is full */
	bool counted;                   /* in edge->peers */
	uint64_t id, request;           /* on the channel; request 0: none that core knows */
	uint64_t deadline;
	TAILQ_ENTRY(conn) link;         /* in the list of its state, or of the closed */
	struct http_reader http;
	struct buf pending;             /* read, not taken yet: sent ahead, or beyond core's credit */
	uint64_t credit;                /* bytes of body that core takes now */
	struct buf out;                 /* written as far as out_at */
	size_t out_at;
	uint64_t answer_left;           /* of the answer's body, still to come from core */
	uint64_t uncredited;            /* of the answer's body, came and not yet given back as credit */
	struct digest peer;
};

TAILQ_HEAD(conn_list, conn);

struct conn_table {
	struct conn **slot;
	uint32_t n_slots, n_free;
	uint32_t *free_slots;
	uint64_t next_id;
	uint32_t n_held;
	/* One list a state, in the order of entering. A state's duration is the same for all but around a
	 * reload, so the head is the first that is due. */
	struct conn_list timed[CONN_STATES];
	struct conn_list closed;
};

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void take_input(struct conn *c, struct view in);

/* How long a connection may stay in its state, milliseconds. */
static uint32_t timed(const struct conn *c, enum conn_state state)
{
	const struct edge_limits *l = &c->settings->limits;

	switch (state) {
	case CONN_HANDSHAKE: return l->handshake_ms;
	case CONN_IDLE: return l->idle_ms;
	case CONN_HEAD: return l->header_ms;
	case CONN_BODY: return l->body_ms;
	case CONN_WAITING: return l->answer_ms;
	case CONN_SENDING: return l->body_ms;
	case CONN_LINGER: return LINGER_MS;
	case CONN_CLOSED: break;
	}
	return 0;
}

static bool may_become(enum conn_state from, enum conn_state to)
{
	switch (to) {
	case CONN_HANDSHAKE: return false;
	case CONN_IDLE: return from == CONN_HANDSHAKE || from == CONN_SENDING;
	case CONN_HEAD: return from == CONN_IDLE;
	case CONN_BODY: return from == CONN_HEAD;
	case CONN_WAITING: return from == CONN_HEAD || from == CONN_BODY;
	case CONN_SENDING: return from >= CONN_IDLE && from <= CONN_SENDING;
	case CONN_LINGER: return from == CONN_SENDING;
	case CONN_CLOSED: return from != CONN_CLOSED;
	}
	return false;
}

/* The one place where a connection changes its state, and starts the state's deadline. SENDING may be
 * entered again: there is progress. */
static void become(struct conn *c, enum conn_state state)
{
	struct conn_table *table = c->thread->conns;

	assert(may_become(c->state, state));
	TAILQ_REMOVE(&table->timed[c->state], c, link);
	c->state = state;
	if (state == CONN_CLOSED) {
		TAILQ_INSERT_TAIL(&table->closed, c, link);
		return;
	}
	c->deadline = edge_now() + timed(c, state);
	TAILQ_INSERT_TAIL(&table->timed[state], c, link);
}

static void want_read(struct conn *c, bool on)
{
	if (c->reads == on)
		return;
	c->reads = on;
	if (on)
		event_add(&c->readable, NULL);
	else
		event_del(&c->readable);
}

static void want_write(struct conn *c, bool on)
{
	if (c->writes == on)
		return;
	c->writes = on;
	if (on)
		event_add(&c->writable, NULL);
	else
		event_del(&c->writable);
}

struct conn_table *conns_new(void)
{
	struct conn_table *table = calloc(1, sizeof *table);

	if (!table)
		return NULL;
	table->next_id = 1;
	for (size_t i = 0; i < CONN_STATES; i++)
		TAILQ_INIT(&table->timed[i]);
	TAILQ_INIT(&table->closed);
	return table;
}

/* Makes room for one connection more. */
static bool grow(struct conn_table *table)
{
	uint32_t n = table->n_slots ? table->n_slots * 2 : 256;

	if (n > SLOT_MASK + 1)
		return false;
	struct conn **slot = realloc(table->slot, n * sizeof(struct conn *));
	if (!slot)
		return false;
	table->slot = slot;
	uint32_t *free_slots = realloc(table->free_slots, n * sizeof *free_slots);
	if (!free_slots)
		return false;
	table->free_slots = free_slots;
	for (uint32_t i = n; i-- > table->n_slots;) {
		table->slot[i] = NULL;
		table->free_slots[table->n_free++] = i;
	}
	table->n_slots = n;
	return true;
}

static uint64_t new_id(struct conn_table *table, uint64_t slot)
{
	return table->next_id++ << SLOT_BITS | slot;
}

/* Lets go of everything but the struct itself, which callers up the stack may still look at. */
static void conn_release(struct conn *c)
{
	struct conn_table *table = c->thread->conns;
	uint32_t slot = (uint32_t)(c->id & SLOT_MASK);

	want_read(c, false);
	want_write(c, false);
	tls_free(c->tls);
	c->tls = NULL;
	close(c->fd);
	http_free(&c->http);
	buf_wipe(&c->pending);
	buf_wipe(&c->out);
	if (c->counted)
		peers_leave(c->thread->edge->peers, &c->peer);
	if (c->held)
		table->n_held--;
	c->held = false;
	settings_unref(c->settings);
	c->settings = NULL;
	table->slot[slot] = NULL;
	table->free_slots[table->n_free++] = slot;
	atomic_fetch_sub_explicit(&c->thread->edge->connections, 1, memory_order_relaxed);
}

/* Ends the connection now. Core learns it, and that the request under way is over. */
static void conn_close(struct conn *c)
{
	struct edge_thread *t = c->thread;

	if (c->state == CONN_CLOSED)
		return;
	if (c->request) {
		edge_send(t, FRAME_ABORT, false, c->request, VIEW(""), VIEW(""));
		t->counts.aborted++;
		c->request = 0;
	}
	if (c->state != CONN_HANDSHAKE)
		edge_send(t, FRAME_CLOSE, false, c->id, VIEW(""), VIEW(""));
	if (c->tls)
		tls_close_notify(c->tls);
	become(c, CONN_CLOSED);
	conn_release(c);
}

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
	become(c, CONN_LINGER);
	want_write(c, false);
	want_read(c, true);
}

/* Takes what was put off, then reads on; in WAITING and SENDING to learn that the peer went away. */
static void resume(struct conn *c)
{
	if (c->pending.n > 0 && c->state < CONN_WAITING) {
		struct buf waited = c->pending;

		c->pending = BUF_INIT(waited.max);
		take_input(c, buf_view(&waited));
		buf_wipe(&waited);
	}
	if (c->state < CONN_LINGER && c->pending.n == 0 && !c->held && !c->half_closed)
		want_read(c, true);
}

/* The bytes of one answer are all written: the next request, or the end. */
static void answer_ends(struct conn *c)
{
	if (c->last_answer) {
		start_linger(c);
		return;
	}
	http_next(&c->http);
	become(c, CONN_IDLE);
	resume(c);
}

/* Tells core that what went out may be followed by as much again. */
static void give_credit(struct conn *c)
{
	uint64_t waiting = c->out.n - c->out_at;

	if (c->answered || c->uncredited < waiting + CREDIT_STEP)
		return;
	uint64_t n = c->uncredited - waiting;
	edge_send_u32(c->thread, FRAME_CREDIT, c->request, (uint32_t)n);
	c->uncredited -= n;
	become(c, CONN_SENDING);
}

/* Writes a view as far as the socket takes it. False when the connection broke (and is closed). */
static bool write_some(struct conn *c, struct view *v)
{
	while (v->n > 0) {
		size_t n = 0;

		if (c->tls) {
			switch (tls_write(c->tls, *v, &n)) {
			case TLS_OK:
				break;
			case TLS_WANT_READ:
			case TLS_WANT_WRITE:
				return true;
			case TLS_CLOSED:
			case TLS_FAILED:
				conn_close(c);
				return false;
			}
		} else {
			ssize_t sent = send(c->fd, v->p, v->n, MSG_NOSIGNAL);
			if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
				return true;
			if (sent < 0) {
				conn_close(c);
				return false;
			}
			n = (size_t)sent;
		}
		*v = view_from(*v, n);
	}
	return true;
}

/* Writes what waits; ends the answer when that was all of it. */
static void flush(struct conn *c)
{
	struct view rest = view_from(buf_view(&c->out), c->out_at);

	if (!write_some(c, &rest))
		return;
	c->out_at = c->out.n - rest.n;
	if (rest.n == 0) {
		buf_reset(&c->out);
		c->out_at = 0;
	}
	want_write(c, rest.n > 0);
	if (c->state != CONN_SENDING)
		return;
	if (c->answered && rest.n == 0)
		answer_ends(c);
	else
		give_credit(c);
}

/* Sends bytes after those that wait already. */
static void conn_write(struct conn *c, struct view v)
{
	if (c->out.n == c->out_at && !write_some(c, &v))
		return;
	if (v.n > 0) {
		if (c->out_at > 0) {
			buf_drop(&c->out, c->out_at);
			c->out_at = 0;
		}
		buf_add(&c->out, v);
		if (c->out.failed) {
			conn_close(c);
			return;
		}
		want_write(c, true);
	}
}

static void begin_answer_head(struct conn *c, struct buf *b, int status, uint64_t length)
{
	buf_reset(b);
	buf_adds(b, "HTTP/1.1 ");
	buf_addu(b, (uint64_t)status);
	buf_addc(b, ' ');
	buf_adds(b, http_phrase(status));
	if (status != 204 && status != 304) {
		buf_adds(b, "\r\nContent-Length: ");
		buf_addu(b, length);
	}
	if (c->last_answer)
		buf_adds(b, "\r\nConnection: close");
	buf_adds(b, "\r\n");
}

/* The edge's own answer, which is the last. Names the rule, repeats nothing of what was sent. */
static void refuse(struct conn *c, int status, enum reason reason, const char *why)
{
	struct buf *b = &c->thread->build;
	char body[1024];

	if (c->state == CONN_SENDING || c->state == CONN_LINGER) {
		conn_close(c);
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
	c->thread->counts.refused++;
	c->last_answer = c->answered = true;
	begin_answer_head(c, b, status, (uint64_t)n);
	buf_adds(b, "Content-Type: application/problem+json\r\n\r\n");
	if (!c->bodiless)
		buf_add(b, view_make(body, (size_t)n));
	become(c, CONN_SENDING);
	want_read(c, false);
	conn_write(c, buf_view(b));
	if (c->state == CONN_SENDING)
		flush(c);
}

/* Passes the head of a request on to core. */
static void pass_head(struct conn *c)
{
	struct edge_thread *t = c->thread;
	struct buf *b = &t->build;
	struct view value;

	c->request = new_id(t->conns, c->id & SLOT_MASK);
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
	become(c, c->http.length ? CONN_BODY : CONN_WAITING);
}

/* Keeps bytes for later and reads no more until they were taken. */
static void put_off(struct conn *c, struct view in)
{
	buf_add(&c->pending, in);
	want_read(c, false);
	if (c->pending.failed)
		conn_close(c);
}

/* The reader refused what came. */
static void refuse_read(struct conn *c)
{
	int status = reason_status(c->http.reason);

	refuse(c, status, c->http.reason, c->http.why);
}

/* Takes bytes of the peer in one of the states IDLE to BODY, and goes on to WAITING with the last of a
 * request; what follows it waits in `pending`. */
static void take_input(struct conn *c, struct view in)
{
	while (in.n > 0) {
		struct view piece = in, body = VIEW("");

		if (c->state == CONN_IDLE)
			become(c, CONN_HEAD);
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
		case HTTP_MORE:
			return;
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
				become(c, CONN_WAITING);
			break;
		case HTTP_END:
			break;
		}
		if (c->state >= CONN_WAITING) {
			if (in.n > 0 && c->state < CONN_LINGER)
				put_off(c, in);
			return;
		}
	}
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
	become(c, CONN_IDLE);
	edge_send(t, FRAME_OPEN, false, c->id, buf_view(der), VIEW(""));
	c->counted = peers_enter(t->edge->peers, &c->peer, c->settings->limits.connections_per_peer);
	if (!c->counted) {
		t->counts.over_peer_cap++;
		refuse(c, 429, REASON_RATE_LIMITED, "this certificate has as many connections as it may have");
	}
}

static void handshake_on(struct conn *c)
{
	switch (tls_handshake(c->tls)) {
	case TLS_OK:
		want_write(c, false);
		handshake_done(c);
		return;
	case TLS_WANT_READ:
		want_write(c, false);
		return;
	case TLS_WANT_WRITE:
		want_write(c, true);
		return;
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
	want_read(c, false);
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
	for (int i = 0; i < READS_A_TURN && c->reads; i++) {
		size_t n = 0;

		if (c->state < CONN_WAITING && edge_is_full(c->thread)) {
			c->held = true;
			c->thread->conns->n_held++;
			want_read(c, false);
			return;
		}
		enum tls_status status = read_socket(c, &n);
		c->read_wants_write = status == TLS_WANT_WRITE;
		switch (status) {
		case TLS_OK:
			break;
		case TLS_WANT_READ:
			return;
		case TLS_WANT_WRITE:
			want_write(c, true);
			return;
		case TLS_CLOSED:
			peer_half_closed(c);
			return;
		case TLS_FAILED:
			conn_close(c);
			return;
		}
		struct view in = view_make(c->thread->scratch, n);
		if (c->state >= CONN_WAITING)
			put_off(c, in);
		else
			take_input(c, in);
		if (c->state >= CONN_WAITING)
			return;
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
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

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd, (void)what;
	if (c->state == CONN_HANDSHAKE) {
		handshake_on(c);
		return;
	}
	flush(c);
	if (c->state != CONN_CLOSED && c->read_wants_write)
		read_on(c);
}

void conn_open(struct edge_thread *t, int fd, bool monitor)
{
	struct conn_table *table = t->conns;
	struct conn *c = table->n_free > 0 || grow(table) ? calloc(1, sizeof *c) : NULL;
	int on = 1;

	if (c)
		c->tls = monitor ? NULL : tls_accept(t->settings->tls, fd);
	if (!c || (!monitor && !c->tls)) {
		free(c);
		close(fd);
		atomic_fetch_sub_explicit(&t->edge->connections, 1, memory_order_relaxed);
		return;
	}
	uint32_t slot = table->free_slots[--table->n_free];
	table->slot[slot] = c;
	c->id = new_id(table, slot);
	c->thread = t;
	c->settings = settings_ref(t->settings);
	c->fd = fd;
	c->pending = BUF_INIT(2 * TLS_RECORD_MAX);
	c->out = BUF_INIT(OUT_MAX);
	http_init(&c->http, HTTP_REQUESTS, c->settings->limits.body_bytes);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	event_assign(&c->readable, t->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	event_assign(&c->writable, t->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
	c->state = monitor ? CONN_IDLE : CONN_HANDSHAKE;
	c->deadline = edge_now() + timed(c, c->state);
	TAILQ_INSERT_TAIL(&table->timed[c->state], c, link);
	want_read(c, true);
	if (monitor)
		edge_send(t, FRAME_OPEN, true, c->id, VIEW(""), VIEW(""));
}

/* Counts bytes of an answer's body from core. False when they do not fit its length (and it is closed). */
static bool count_answer(struct conn *c, uint64_t n, bool last)
{
	if (n > c->answer_left || (last && n != c->answer_left && !c->bodiless)) {
		edge_log(c->thread, "core sent a body that has not the length it named");
		conn_close(c);
		return false;
	}
	c->answer_left -= n;
	c->uncredited += n;
	c->answered = last;
	/* Core is done with the request, unless the peer is still sending it. */
	if (last && c->http.left == 0)
		c->request = 0;
	return true;
}

/* Bytes of an answer, in SENDING. */
static void send_answer(struct conn *c, struct view bytes)
{
	conn_write(c, bytes);
	if (c->state == CONN_SENDING)
		flush(c);
}

static void take_reply(struct conn *c, const struct frame *f)
{
	struct buf *b = &c->thread->build;
	struct reader r = { .rest = f->payload };
	int status = read_u16(&r);
	uint64_t length = read_u64(&r);
	bool ok = status >= 200 && status <= 599;

	if (c->state == CONN_BODY)
		c->last_answer = true;          /* the rest of the request is not read */
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
		edge_log(c->thread, "core sent a malformed answer");
		refuse(c, 500, REASON_INTERNAL, "the answer could not be built");
		return;
	}
	c->answer_left = length;
	become(c, CONN_SENDING);
	/* Head and body leave in one record where they fit one: a record costs a quarter of a request. */
	if (!c->bodiless)
		buf_add(b, r.rest);
	if (count_answer(c, r.rest.n, f->flags & FRAME_LAST))
		send_answer(c, buf_view(b));
}

/* More of the body may go: takes what waited, then reads on. */
static void take_credit(struct conn *c, const struct frame *f)
{
	struct reader r = { .rest = f->payload };

	c->credit += read_u32(&r);
	if (c->state == CONN_BODY)
		resume(c);
}

void conn_frame(struct edge_thread *t, const struct frame *f)
{
	uint64_t slot = f->id & SLOT_MASK;
	struct conn *c = slot < t->conns->n_slots ? t->conns->slot[slot] : NULL;

	if (!c)
		return;
	if (f->type == FRAME_CLOSE) {
		if (c->id == f->id)
			conn_close(c);
		return;
	}
	if (!c->request || c->request != f->id)
		return;
	switch (f->type) {
	case FRAME_REPLY:
		if (c->state == CONN_BODY || c->state == CONN_WAITING)
			take_reply(c, f);
		break;
	case FRAME_BODY:
		if (c->state == CONN_SENDING && count_answer(c, f->payload.n, f->flags & FRAME_LAST))
			send_answer(c, c->bodiless ? VIEW("") : f->payload);
		break;
	case FRAME_CREDIT:
		take_credit(c, f);
		break;
	case FRAME_ABORT:
		c->request = 0;
		refuse(c, 503, REASON_UNAVAILABLE, "the gateway gave the request up");
		break;
	case FRAME_CONFIG:
	case FRAME_OPEN:
	case FRAME_CLOSE:
	case FRAME_HEAD:
	case FRAME_OUTBOUND:
	case FRAME_TYPES:
		break;
	}
}

/* The deadline of the connection's state has passed. */
static void conn_late(struct conn *c)
{
	c->thread->counts.late++;
	switch (c->state) {
	case CONN_HANDSHAKE:
		c->thread->counts.handshakes_late++;
		conn_close(c);
		break;
	case CONN_HEAD:
		refuse(c, 408, REASON_BAD_REQUEST, "the head of the request did not arrive in time");
		break;
	case CONN_BODY:
		if (c->pending.n > 0 || c->held)
			refuse(c, 503, REASON_UNAVAILABLE, "the gateway could not take the body in time");
		else
			refuse(c, 408, REASON_BAD_REQUEST, "the body of the request did not arrive in time");
		break;
	case CONN_WAITING:
		refuse(c, 503, REASON_UNAVAILABLE,
		       "no answer came in time; send the same request with the same key again");
		break;
	case CONN_IDLE:
	case CONN_SENDING:
	case CONN_LINGER:
		conn_close(c);
		break;
	case CONN_CLOSED:
		break;
	}
}

void conns_tick(struct edge_thread *t)
{
	uint64_t now = edge_now();

	for (size_t i = 0; i < CONN_STATES; i++) {
		struct conn *c;

		while ((c = TAILQ_FIRST(&t->conns->timed[i])) && c->deadline <= now)
			conn_late(c);
	}
}

void conns_turn(struct edge_thread *t)
{
	struct conn_table *table = t->conns;
	struct conn *c;

	while ((c = TAILQ_FIRST(&table->closed))) {
		TAILQ_REMOVE(&table->closed, c, link);
		free(c);
	}
	if (table->n_held == 0 || channel_queued(t->channel) > EDGE_QUEUE_LOW)
		return;
	for (uint32_t i = 0; i < table->n_slots; i++) {
		c = table->slot[i];
		if (!c || !c->held)
			continue;
		c->held = false;
		table->n_held--;
		resume(c);
	}
}

void conns_free(struct conn_table *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; i < table->n_slots; i++) {
		struct conn *c = table->slot[i];
		if (!c)
			continue;
		become(c, CONN_CLOSED);
		conn_release(c);
	}
	struct conn *c;
	while ((c = TAILQ_FIRST(&table->closed))) {
		TAILQ_REMOVE(&table->closed, c, link);
		free(c);
	}
	free(table->slot);
	free(table->free_slots);
	free(table);
}
