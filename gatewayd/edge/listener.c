/* See listener.h. */
#include "gatewayd/edge/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gatewayd/edge/conn.h"
#include "gatewayd/edge/tell.h"

/* Of one listener. What connections that are open have sent is looked at in between, so that a flood of new ones holds no
 * handshake up; and fewer than there are seats, so that nobody is evicted before what it sent was looked at. */
#define ACCEPTS_A_TURN         32
#define MONITOR_ACCEPTS_A_TURN 16
#define UNSENT_MAX             (64 * 1024) /* bytes of an answer that the kernel holds and cannot send yet */

struct listener {
	struct listener *next;
	struct edge_thread *thread;
	struct event acceptable;
	int fd;
	/* A descriptor held back: when none is left, it is given up to accept and close what waits, which
	 * would otherwise wake the loop for ever and leave the peer hanging. */
	int reserve;
	bool monitor, paused;
};

/* No descriptor is left: closes one waiting connection by the help of the reserve, or pauses. */
static void without_descriptors(struct listener *l)
{
	tell(l->thread, EDGE_COUNT_no_descriptor, NULL);
	if (l->reserve >= 0) {
		close(l->reserve);
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
		l->reserve = eventfd(0, EFD_CLOEXEC);
		if (l->reserve >= 0)
			return;
	}
	event_del(&l->acceptable);
	l->paused = true;
}

static void on_acceptable(evutil_socket_t listening, short what, void *arg)
{
	struct listener *l = arg;
	struct edge_thread *t = l->thread;

	(void)what;
	int most = l->monitor ? MONITOR_ACCEPTS_A_TURN : ACCEPTS_A_TURN;
	for (int i = 0; i < most; i++) {
		struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
		socklen_t n = sizeof from;
		int fd = accept4(listening, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			without_descriptors(l);
			return;
		}
		if (fd < 0 && errno == ECONNABORTED)
			continue;
		if (fd < 0)
			return;
		t->counts.n[EDGE_COUNT_accepted]++;
		struct address a = address_of(&from);
		conn_open(t, fd, &a, l->monitor);
		/* Whose seat it took gives its descriptor back at once, not at the turn's end. */
		conns_evict(t);
	}
}

/* How connections send, which have it from their listener (tested): two calls less for each. */
static bool tune(int fd)
{
	int on = 1, unsent = UNSENT_MAX;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
	       setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent) == 0;
}

bool listener_add(struct edge_thread *t, int fd, bool monitor)
{
	struct listener *l = calloc(1, sizeof *l);
	int flags = fcntl(fd, F_GETFL);

	if (!l || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || !tune(fd)) {
		free(l);
		return false;
	}
	l->thread = t;
	l->fd = fd;
	l->monitor = monitor;
	l->reserve = eventfd(0, EFD_CLOEXEC);
	l->next = t->listeners;
	t->listeners = l;
	event_assign(&l->acceptable, t->base, fd, EV_READ | EV_PERSIST, on_acceptable, l);
	return event_add(&l->acceptable, NULL) == 0;
}

void listeners_tick(struct edge_thread *t)
{
	for (struct listener *l = t->listeners; l; l = l->next) {
		if (!l->paused)
			continue;
		l->reserve = eventfd(0, EFD_CLOEXEC);
		if (l->reserve < 0)
			continue;
		l->paused = false;
		event_add(&l->acceptable, NULL);
	}
}

void listeners_free(struct edge_thread *t)
{
	while (t->listeners) {
		struct listener *l = t->listeners;

		t->listeners = l->next;
		if (!l->paused)
			event_del(&l->acceptable);
		if (l->reserve >= 0)
			close(l->reserve);
		free(l);
	}
}
