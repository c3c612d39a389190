/* See client.h. */
#include "gatewayd/edge/client.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gatewayd/edge/http.h"
#include "gatewayd/edge/resolve.h"
#include "lib/base/wire.h"

#define LINKS_A_TARGET 32               /* of a thread; more requests wait for one of them */
#define IDLE_MS 15000
#define READS_A_TURN 4
#define CREDIT_STEP (CHANNEL_CREDIT / 4)
#define HEAD_MAX (16u * 1024)           /* of a request that is sent */
#define REPLY_PIECE (CHANNEL_PAYLOAD_MAX - 2 * HTTP_HEAD_MAX)
#define BUCKETS 256

/* Where requests go. Two that differ in any of these never share a connection. */
struct target {
	struct target *next;
	char *host, *server_name;
	uint16_t port;
	uint8_t n_pins;
	struct digest *pins;
	TAILQ_HEAD(, outbound) waiting;
	TAILQ_HEAD(, link) idle;        /* the one used last first, so that the others grow old and close */
	uint32_t n_links;
	bool dispatching;               /* dispatch() is on the stack: the outermost call goes on */
};

/* A request of core. `bytes` holds head and body from the start until more than a credit's worth went by,
 * so that a request that met a connection just closed by the other side can be sent again. */
struct outbound {
	struct client *client;
	uint64_t id;
	struct target *target;
	struct link *link;              /* NULL: waiting */
	TAILQ_ENTRY(outbound) waits;
	struct outbound *chain;         /* of the table by id */
	struct event deadline;
	struct buf bytes;
	size_t sent;                    /* of bytes */
	uint64_t body_left;             /* still to come from core */
	uint64_t core_credit;           /* what core may send of it */
	bool dropped;                   /* the start of bytes is gone */
	bool safe_to_repeat;            /* GET, HEAD, or with a key that makes it once in effect */
	bool repeated, head_request;
	bool replied;                   /* the answer's head went to core */
	uint64_t credit;                /* what core takes of the answer's body */
};

/* A connection's life; link_become() makes every transition.
 *
 *   RESOLVING ──▶ CONNECTING ──▶ HANDSHAKE ──▶ BUSY ◀──▶ IDLE
 *                  ▲      │ next address
 *                  └──────┘              every state ──▶ CLOSED
 *
 * In all states but IDLE and CLOSED it carries a request, whose deadline is its own. */
enum link_state { LINK_RESOLVING, LINK_CONNECTING, LINK_HANDSHAKE, LINK_BUSY, LINK_IDLE, LINK_CLOSED };

struct link {
	struct client *client;
	enum link_state state;
	struct target *target;
	struct settings *settings;
	struct outbound *request;
	struct lookup *lookup;
	struct addresses addresses;
	int next_address;
	int fd;                         /* -1: none */
	struct tls *tls;
	struct event readable, writable, idle_timer;
	bool reads, writes, has_events;
	uint32_t served;                /* answers read whole */
	struct http_reader http;
	struct buf pending;             /* of an answer, beyond core's credit */
	TAILQ_ENTRY(link) entry;        /* in the target's idle list, or the closed */
};

struct client {
	struct edge_thread *thread;
	struct settings *settings;      /* that resolver and new connections use */
	struct resolver *resolver;
	struct target *targets;
	struct outbound *bucket[BUCKETS];
	TAILQ_HEAD(, link) closed;
};

static void dispatch(struct client *c, struct target *g);
static void link_progress(struct link *l);

static void link_become(struct link *l, enum link_state state)
{
	assert(l->state != LINK_CLOSED);
	assert(state != LINK_IDLE || l->state == LINK_BUSY);
	assert(state != LINK_HANDSHAKE || l->state == LINK_CONNECTING);
	if (l->state == LINK_IDLE) {
		TAILQ_REMOVE(&l->target->idle, l, entry);
		event_del(&l->idle_timer);
	}
	l->state = state;
	if (state == LINK_IDLE) {
		struct timeval idle = { .tv_sec = IDLE_MS / 1000 };
		TAILQ_INSERT_HEAD(&l->target->idle, l, entry);
		event_add(&l->idle_timer, &idle);
	} else if (state == LINK_CLOSED) {
		l->target->n_links--;
		TAILQ_INSERT_TAIL(&l->client->closed, l, entry);
	}
}

static void link_wants(struct link *l, bool read, bool write)
{
	if (read != l->reads && (read ? event_add(&l->readable, NULL) : event_del(&l->readable)) == 0)
		l->reads = read;
	if (write != l->writes && (write ? event_add(&l->writable, NULL) : event_del(&l->writable)) == 0)
		l->writes = write;
}

/* Closes the socket and what is on it, for good or before the next address is tried. */
static void link_hang_up(struct link *l)
{
	if (l->has_events)
		link_wants(l, false, false);
	l->has_events = false;
	if (l->tls)
		tls_close_notify(l->tls);
	tls_free(l->tls);
	l->tls = NULL;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/* The struct itself is freed at the end of the turn. */
static void link_close(struct link *l)
{
	if (l->state == LINK_CLOSED)
		return;
	resolve_cancel(l->lookup);
	l->lookup = NULL;
	link_hang_up(l);
	link_become(l, LINK_CLOSED);
	http_free(&l->http);
	buf_wipe(&l->pending);
	settings_unref(l->settings);
	l->settings = NULL;
}

static struct outbound **find(struct client *c, uint64_t id)
{
	struct outbound **o = &c->bucket[id % BUCKETS];

	while (*o && (*o)->id != id)
		o = &(*o)->chain;
	return o;
}

/* Forgets a request; its connection is the caller's to close or use again. */
static void outbound_free(struct outbound *o)
{
	struct outbound **place = find(o->client, o->id);

	*place = o->chain;
	if (o->link)
		o->link->request = NULL;
	else
		TAILQ_REMOVE(&o->target->waiting, o, waits);
	event_del(&o->deadline);
	buf_wipe(&o->bytes);
	free(o);
}

/* Tells core that no (whole) answer came, and why. `why` names no value of a record. */
static void outbound_fail(struct outbound *o, const char *why)
{
	struct edge_thread *t = o->client->thread;

	t->counts.outbound_failed++;
	if (o->replied) {
		edge_send(t, FRAME_ABORT, false, o->id, VIEW(""), VIEW(""));
	} else {
		buf_reset(&t->build);
		put_u16(&t->build, 0);
		put_u64(&t->build, 0);
		put_view16(&t->build, VIEW("error"));
		put_view16(&t->build, view_of(why));
		put_u16(&t->build, 0);
		edge_send(t, FRAME_REPLY, true, o->id, buf_view(&t->build), VIEW(""));
	}
	outbound_free(o);
}

/* The connection broke. A request that met a kept connection which the other side had just closed goes out
 * once more on a new one (RFC 9110 section 9.2.2), others fail. */
static void link_fail(struct link *l, const char *why)
{
	struct outbound *o = l->request;
	struct target *g = l->target;
	struct client *c = l->client;

	if (o && l->served > 0 && o->safe_to_repeat && !o->repeated && !o->replied && !o->dropped &&
	    http_untouched(&l->http)) {
		o->repeated = true;
		o->sent = 0;
		o->link = NULL;
		l->request = NULL;
		TAILQ_INSERT_HEAD(&g->waiting, o, waits);
	} else if (o) {
		outbound_fail(o, why);
	}
	link_close(l);
	dispatch(c, g);
}

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
	bool usable = !l->http.close && !more && o->body_left == 0 && o->sent == o->bytes.n;

	outbound_free(o);
	l->served++;
	if (usable) {
		http_next(&l->http);
		link_become(l, LINK_IDLE);
		link_wants(l, true, false);
	} else {
		link_close(l);
	}
	dispatch(l->client, l->target);
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
		case HTTP_MORE:
			return;
		case HTTP_HEAD:
			pass_reply(l, &in);
			break;
		case HTTP_BODY:
			o->credit -= body.n;
			edge_send(l->client->thread, FRAME_BODY, l->http.left == 0, o->id, body, VIEW(""));
			break;
		case HTTP_END:
			answer_ends(l, in.n > 0);
			return;
		case HTTP_FAILED:
			link_fail(l, l->http.why);
			return;
		}
	}
}

static void link_read(struct link *l)
{
	struct edge_thread *t = l->client->thread;

	for (int i = 0; i < READS_A_TURN && l->state != LINK_CLOSED && l->reads; i++) {
		size_t n = 0;

		switch (tls_read(l->tls, t->scratch, sizeof t->scratch, &n)) {
		case TLS_OK:
			break;
		case TLS_WANT_READ:
			return;
		case TLS_WANT_WRITE:
			link_wants(l, l->reads, true);
			return;
		case TLS_CLOSED:
			link_fail(l, "the connection was closed before the answer was complete");
			return;
		case TLS_FAILED:
			link_fail(l, tls_why(l->tls));
			return;
		}
		if (l->state == LINK_IDLE) {
			link_close(l);          /* an answer that nobody asked for */
			return;
		}
		take_answer(l, view_make(t->scratch, n));
		if (l->state == LINK_IDLE)
			return;
	}
}

static void link_write(struct link *l)
{
	struct outbound *o = l->request;

	while (o && o->sent < o->bytes.n) {
		size_t n = 0;

		switch (tls_write(l->tls, view_from(buf_view(&o->bytes), o->sent), &n)) {
		case TLS_OK:
			o->sent += n;
			break;
		case TLS_WANT_READ:
			return;
		case TLS_WANT_WRITE:
			link_wants(l, l->reads, true);
			return;
		case TLS_CLOSED:
		case TLS_FAILED:
			link_fail(l, tls_why(l->tls));
			return;
		}
	}
	link_wants(l, l->reads, false);
	/* Only a body that core may not send whole needs more credit; its start is forgotten. */
	if (o && o->body_left > o->core_credit && o->core_credit < CHANNEL_CREDIT - CREDIT_STEP) {
		uint32_t more = (uint32_t)(CHANNEL_CREDIT - o->core_credit);
		buf_drop(&o->bytes, o->sent);
		o->sent = 0;
		o->dropped = true;
		o->core_credit += more;
		edge_send_u32(l->client->thread, FRAME_CREDIT, o->id, more);
	}
}

/* The pins are the partner file's; without any the authority's word alone counts. */
static bool pinned(const struct link *l)
{
	struct digest spki;

	if (!tls_peer(l->tls, NULL, &spki))
		return false;
	for (int i = 0; i < l->target->n_pins; i++)
		if (digest_eq(&l->target->pins[i], &spki))
			return true;
	return l->target->n_pins == 0;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct link *l = arg;

	(void)fd;
	if (l->state == LINK_CONNECTING || l->state == LINK_HANDSHAKE) {
		link_progress(l);
		return;
	}
	if (what & EV_WRITE && l->state == LINK_BUSY)
		link_write(l);
	if (l->state == LINK_BUSY || l->state == LINK_IDLE)
		link_read(l);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	link_close(arg);
}

/* Starts a connection to the next address; fails when there is none left. */
static void link_connect(struct link *l, const char *why)
{
	int on = 1;

	link_hang_up(l);
	if (l->next_address == l->addresses.n) {
		link_fail(l, why);
		return;
	}
	struct sockaddr_storage *a = &l->addresses.items[l->next_address++];
	socklen_t n = a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	link_become(l, LINK_CONNECTING);
	l->fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0) {
		link_fail(l, "no socket");
		return;
	}
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	event_assign(&l->readable, l->client->thread->base, l->fd, EV_READ | EV_PERSIST, on_event, l);
	event_assign(&l->writable, l->client->thread->base, l->fd, EV_WRITE | EV_PERSIST, on_event, l);
	l->has_events = true;
	if (connect(l->fd, (struct sockaddr *)a, n) < 0 && errno != EINPROGRESS) {
		link_connect(l, "the partner's address refused the connection");
		return;
	}
	link_wants(l, false, true);
}

/* CONNECTING and HANDSHAKE go on. */
static void link_progress(struct link *l)
{
	int error = 0;
	socklen_t n = sizeof error;

	if (l->state == LINK_CONNECTING) {
		if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error != 0) {
			link_connect(l, "the partner's address refused the connection");
			return;
		}
		l->tls = tls_connect(l->settings->tls, l->fd, l->target->server_name);
		if (!l->tls) {
			link_fail(l, "the server name is not one that a certificate can carry");
			return;
		}
		link_become(l, LINK_HANDSHAKE);
	}
	switch (tls_handshake(l->tls)) {
	case TLS_OK:
		break;
	case TLS_WANT_READ:
		link_wants(l, true, false);
		return;
	case TLS_WANT_WRITE:
		link_wants(l, false, true);
		return;
	case TLS_CLOSED:
	case TLS_FAILED:
		link_fail(l, tls_why(l->tls));
		return;
	}
	if (!pinned(l)) {
		link_fail(l, "the partner's key is not one that is pinned");
		return;
	}
	link_become(l, LINK_BUSY);
	link_wants(l, true, false);
	l->http.no_body = l->request->head_request;
	link_write(l);
}

static void on_resolved(void *arg, const struct addresses *found)
{
	struct link *l = arg;

	l->lookup = NULL;
	l->addresses = *found;
	link_connect(l, "the partner's name has no address");
}

/* A new connection, for the request. */
static void link_open(struct client *c, struct outbound *o)
{
	struct link *l = calloc(1, sizeof *l);
	struct addresses found;

	if (!l) {
		o->link = NULL;
		TAILQ_INSERT_HEAD(&o->target->waiting, o, waits);
		outbound_fail(o, "no memory");
		return;
	}
	l->client = c;
	l->target = o->target;
	l->target->n_links++;
	l->settings = settings_ref(c->settings);
	l->fd = -1;
	l->pending = BUF_INIT(2 * TLS_RECORD_MAX);
	l->request = o;
	o->link = l;
	http_init(&l->http, HTTP_ANSWERS, 0);
	evtimer_assign(&l->idle_timer, c->thread->base, on_idle, l);
	if (resolve(c->resolver, l->target->host, l->target->port, &found, on_resolved, l, &l->lookup))
		on_resolved(l, &found);
}

/* Gives waiting requests the connections that are free, and opens new ones. */
static void dispatch(struct client *c, struct target *g)
{
	struct outbound *o;

	if (g->dispatching)
		return;
	g->dispatching = true;
	while ((o = TAILQ_FIRST(&g->waiting))) {
		struct link *l = TAILQ_FIRST(&g->idle);

		if (!l && g->n_links >= LINKS_A_TARGET)
			break;
		TAILQ_REMOVE(&g->waiting, o, waits);
		if (!l) {
			link_open(c, o);
			continue;
		}
		link_become(l, LINK_BUSY);
		l->request = o;
		o->link = l;
		l->http.no_body = o->head_request;
		link_write(l);
	}
	g->dispatching = false;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct outbound *o = arg;
	struct link *l = o->link;
	struct client *c = o->client;
	struct target *g = o->target;

	(void)fd, (void)what;
	outbound_fail(o, "no answer came before the deadline");
	if (l)
		link_close(l);
	dispatch(c, g);
}

static char *copy_text(struct view v)
{
	return memchr(v.p, 0, v.n) ? NULL : strndup(v.p, v.n);
}

static struct target *target_get(struct client *c, struct view host, uint16_t port, struct view server_name,
                                 struct view pins)
{
	struct target *g = c->targets;

	while (g && (g->port != port || !view_is(host, g->host) || !view_is(server_name, g->server_name) ||
	             g->n_pins != pins.n / 32 || (pins.n && memcmp(g->pins, pins.p, pins.n) != 0)))
		g = g->next;
	if (g)
		return g;
	g = calloc(1, sizeof *g);
	if (!g)
		return NULL;
	g->host = copy_text(host);
	g->server_name = copy_text(server_name);
	g->pins = malloc(pins.n + 1);
	if (!g->host || !g->server_name || !g->pins) {
		free(g->host);
		free(g->server_name);
		free(g->pins);
		free(g);
		return NULL;
	}
	g->port = port;
	g->n_pins = (uint8_t)(pins.n / 32);
	memcpy(g->pins, pins.p, pins.n);
	TAILQ_INIT(&g->waiting);
	TAILQ_INIT(&g->idle);
	g->next = c->targets;
	c->targets = g;
	return g;
}

/* Writes the head of the request that a frame describes. False when a part is not fit to be sent. */
static bool write_head(struct outbound *o, struct reader *r, uint64_t length, bool has_body)
{
	struct view method = read_view16(r), target = read_view16(r);
	struct buf *b = &o->bytes;
	bool ok = http_name_ok(method) && http_target_ok(target) && http_value_ok(view_of(o->target->server_name));

	o->head_request = view_is(method, "HEAD");
	o->safe_to_repeat = o->head_request || view_is(method, "GET");
	buf_add(b, method);
	buf_addc(b, ' ');
	buf_add(b, target);
	buf_addf(b, " HTTP/1.1\r\nHost: %s", o->target->server_name);
	if (o->target->port != 443)
		buf_addf(b, ":%u", (unsigned)o->target->port);
	buf_adds(b, "\r\n");
	if (has_body || view_is(method, "POST") || view_is(method, "PUT")) {
		buf_adds(b, "Content-Length: ");
		buf_addu(b, length);
		buf_adds(b, "\r\n");
	}
	for (;;) {
		struct view name = read_view16(r);
		if (r->failed || name.n == 0)
			break;
		struct view value = read_view16(r);
		ok = ok && http_name_ok(name) && http_value_ok(value);
		o->safe_to_repeat = o->safe_to_repeat || view_eq_nocase(name, VIEW("idempotency-key"));
		buf_add(b, name);
		buf_adds(b, ": ");
		buf_add(b, value);
		buf_adds(b, "\r\n");
	}
	buf_adds(b, "\r\n");
	return ok && !r->failed && b->n <= HEAD_MAX;
}

static void take_outbound(struct client *c, const struct frame *f)
{
	struct reader r = { .rest = f->payload };
	struct view host = read_view16(&r);
	struct view port_text = read_view16(&r), server_name = read_view16(&r);
	struct view pins = read_bytes(&r, (size_t)read_u8(&r) * 32);
	uint64_t deadline = read_u64(&r), length = read_u64(&r);
	unsigned long long port;

	struct outbound *o = *find(c, f->id) ? NULL : calloc(1, sizeof *o);
	if (!o)
		return;
	bool ok = !r.failed && view_to_u64(port_text, 65535, &port) && port > 0 && host.n > 0 && host.n < 256;
	o->target = ok ? target_get(c, host, (uint16_t)port, server_name, pins) : NULL;
	if (!o->target) {
		free(o);
		buf_reset(&c->thread->build);
		put_u16(&c->thread->build, 0);
		put_u64(&c->thread->build, 0);
		put_view16(&c->thread->build, VIEW("error"));
		put_view16(&c->thread->build, VIEW("the host or port is not one"));
		put_u16(&c->thread->build, 0);
		edge_send(c->thread, FRAME_REPLY, true, f->id, buf_view(&c->thread->build), VIEW(""));
		return;
	}
	c->thread->counts.outbound++;
	o->client = c;
	o->id = f->id;
	o->bytes = BUF_INIT(HEAD_MAX + 2 * CHANNEL_CREDIT);
	o->body_left = f->flags & FRAME_LAST ? 0 : length;
	o->core_credit = CHANNEL_CREDIT;
	o->chain = c->bucket[o->id % BUCKETS];
	c->bucket[o->id % BUCKETS] = o;
	TAILQ_INSERT_TAIL(&o->target->waiting, o, waits);
	evtimer_assign(&o->deadline, c->thread->base, on_deadline, o);
	struct timeval in = { .tv_sec = (time_t)(deadline / 1000 % 1000000),
		.tv_usec = (suseconds_t)(deadline % 1000 * 1000) };
	event_add(&o->deadline, &in);
	if (!write_head(o, &r, length, o->body_left > 0)) {
		outbound_fail(o, "the request is not one that can be sent");
		return;
	}
	dispatch(c, o->target);
}

/* More of a request's body, from core. */
static void take_body(struct client *c, struct outbound *o, const struct frame *f)
{
	bool last = f->flags & FRAME_LAST;
	struct link *l = o->link;

	if (f->payload.n > o->core_credit || f->payload.n > o->body_left ||
	    (last && f->payload.n != o->body_left)) {
		edge_log(c->thread, "core sent more of a body than it may, or not the length it named");
		struct target *g = o->target;
		outbound_fail(o, "the request is not one that can be sent");
		if (l)
			link_close(l);
		dispatch(c, g);
		return;
	}
	o->core_credit -= f->payload.n;
	o->body_left -= f->payload.n;
	buf_add(&o->bytes, f->payload);
	if (l && l->state == LINK_BUSY && !l->writes)
		link_write(l);
}

/* Core takes more of an answer's body. */
static void take_credit(struct outbound *o, const struct frame *f)
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

void client_frame(struct edge_thread *t, const struct frame *f)
{
	struct client *c = t->client;
	struct outbound *o = *find(c, f->id);
	struct link *l = o ? o->link : NULL;

	if (f->type == FRAME_OUTBOUND) {
		take_outbound(c, f);
	} else if (o && f->type == FRAME_BODY) {
		take_body(c, o, f);
	} else if (o && f->type == FRAME_CREDIT) {
		take_credit(o, f);
	} else if (o && f->type == FRAME_ABORT) {
		struct target *g = o->target;
		outbound_free(o);
		if (l)
			link_close(l);
		dispatch(c, g);
	}
}

struct client *client_new(struct edge_thread *t)
{
	struct client *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->thread = t;
	TAILQ_INIT(&c->closed);
	c->settings = settings_ref(t->settings);
	c->resolver = resolver_new(t->base, c->settings->hosts, c->settings->nameservers);
	if (!c->resolver) {
		settings_unref(c->settings);
		free(c);
		return NULL;
	}
	return c;
}

void client_settings(struct edge_thread *t)
{
	struct client *c = t->client;
	struct resolver *resolver = resolver_new(t->base, t->settings->hosts, t->settings->nameservers);

	if (!resolver)
		return;
	for (struct target *g = c->targets; g; g = g->next)
		while (!TAILQ_EMPTY(&g->idle))
			link_close(TAILQ_FIRST(&g->idle));
	resolver_free(c->resolver);
	settings_unref(c->settings);
	c->resolver = resolver;
	c->settings = settings_ref(t->settings);
}

void client_turn(struct edge_thread *t)
{
	struct link *l;

	while ((l = TAILQ_FIRST(&t->client->closed))) {
		TAILQ_REMOVE(&t->client->closed, l, entry);
		free(l);
	}
}

void client_free(struct client *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (c->bucket[i]) {
			struct link *l = c->bucket[i]->link;
			outbound_free(c->bucket[i]);
			if (l)
				link_close(l);
		}
	}
	while (c->targets) {
		struct target *g = c->targets;
		while (!TAILQ_EMPTY(&g->idle))
			link_close(TAILQ_FIRST(&g->idle));
		c->targets = g->next;
		free(g->host);
		free(g->server_name);
		free(g->pins);
		free(g);
	}
	client_turn(c->thread);
	resolver_free(c->resolver);
	settings_unref(c->settings);
	free(c);
}
