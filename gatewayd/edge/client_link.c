/* The life of the client's connections (see client_state.h): looking up the name, connecting to one address after
 * another, TLS, pins, rest and end. On the thread of the client. */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gatewayd/edge/client_private.h"

#define IDLE_MS 15000

static void link_progress(struct link *l);

void link_become(struct link *l, enum link_state state)
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

void link_wants(struct link *l, bool read, bool write)
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

void link_close(struct link *l)
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

/* The connection broke. A request that met a kept connection which the other side had just closed goes out
 * once more on a new one (RFC 9110 section 9.2.2), others fail. */
void link_fail(struct link *l, const char *why)
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
	target_dispatch(c, g);
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

void link_carry(struct link *l, struct outbound *o)
{
	link_become(l, LINK_BUSY);
	l->request = o;
	o->link = l;
	l->http.no_body = o->head_request;
	link_write(l);
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
		if (l->target->plain) {
			link_wants(l, true, false);
			link_carry(l, l->request);
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
	case TLS_OK: break;
	case TLS_WANT_READ: link_wants(l, true, false); return;
	case TLS_WANT_WRITE: link_wants(l, false, true); return;
	case TLS_CLOSED:
	case TLS_FAILED: link_fail(l, tls_why(l->tls)); return;
	}
	if (!pinned(l)) {
		link_fail(l, "the partner's key is not one that is pinned");
		return;
	}
	link_wants(l, true, false);
	link_carry(l, l->request);
}

static void on_resolved(void *arg, const struct addresses *found)
{
	struct link *l = arg;

	l->lookup = NULL;
	l->addresses = *found;
	link_connect(l, "the partner's name has no address");
}

void link_open(struct client *c, struct outbound *o)
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
