/* libFuzzer target: any bytes as a play of three: a peer that sends requests, core that sends frames, and partners that answer what
 * core has the edge send. Whatever they do, core is sent frames that it can read, and nobody sees anything but HTTP. */
#include "gatewayd/edge/client.h"
#include "gatewayd/edge/conn.h"
#include "gatewayd/edge/peers.h"
#include "lib/base/wire.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/fuzz/certificates.h"
#include "test/fuzz/target.h"

#define PARTNERS 8
#define PEERS    4

static struct edge edge;
static struct edge_thread thread;
static struct settings settings;
static struct channel *core; /* core's end */

static struct side {
	int fd[PARTNERS];
	size_t seen[PARTNERS]; /* bytes that it was sent */
	unsigned n;
} peers, partners;

static uint64_t last_request, last_conn;

void edge_log(const struct edge_thread *t, const char *fmt, ...)
{
	(void)t, (void)fmt;
}

/* In place of the network's: the other end is a partner. */
int connect(int fd, const struct sockaddr *a, socklen_t n)
{
	int pair[2];

	(void)a, (void)n;
	if (partners.n == PARTNERS || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) {
		errno = ECONNREFUSED;
		return -1;
	}
	must(dup2(pair[0], fd) == fd);
	close(pair[0]);
	partners.fd[partners.n] = pair[1];
	partners.seen[partners.n++] = 0;
	return 0;
}

static void check_head(const struct frame *f)
{
	struct reader r = { .rest = f->payload };

	must(read_u64(&r) != 0);
	read_u64(&r);
	must(read_view16(&r).n > 0 && read_view16(&r).n > 0);
	while (r.rest.n > 0 && !r.failed) {
		must(read_view16(&r).n > 0);
		read_view16(&r);
	}
	must(!r.failed && !(f->id & CHANNEL_OUTBOUND));
}

static void on_frame(void *arg, const struct frame *f)
{
	struct channel_reply reply;

	(void)arg;
	switch (f->type) {
	case FRAME_OPEN: last_conn = f->id; break;
	case FRAME_CLOSE: must(f->payload.n == 0); break;
	case FRAME_HEAD:
		check_head(f);
		last_request = f->id;
		break;
	case FRAME_BODY: must(f->payload.n > 0 || f->flags & FRAME_LAST); break;
	case FRAME_CREDIT: must(f->payload.n == 4); break;
	case FRAME_ABORT: must(f->payload.n == 0); break;
	case FRAME_REPLY:
		must(f->id & CHANNEL_OUTBOUND && channel_read_reply(f, &reply));
		must(reply.status == 0 ? reply.error.n > 0 : reply.status >= 200 && reply.status <= 599);
		break;
	case FRAME_CONFIG:
	case FRAME_OUTBOUND:
	case FRAME_TYPES: must(false);
	}
}

static void from_core(void *arg, const struct frame *f)
{
	struct edge_thread *t = arg;

	/* As edge.c does, but for the configuration. */
	if (f->type == FRAME_CONFIG)
		return;
	if (f->id & CHANNEL_OUTBOUND)
		client_frame(t, f);
	else
		conn_frame(t, f);
}

/* What was sent to them: requests to partners, answers to peers. */
static void read_side(struct side *s, bool answers)
{
	char text[8192];
	ssize_t n;

	for (unsigned i = 0; i < s->n; i++)
		while (s->fd[i] >= 0 && (n = recv(s->fd[i], text, sizeof text, MSG_DONTWAIT)) > 0) {
			if (answers && s->seen[i] == 0 && n >= 9)
				must(memcmp(text, "HTTP/1.1 ", 9) == 0);
			/* A request in plain, or a record of TLS (RFC 8446 section 5.1): handshake or alert. */
			if (!answers && s->seen[i] == 0)
				must(memchr(text, ' ', (size_t)n) || text[0] == 0x16 || text[0] == 0x15);
			s->seen[i] += (size_t)n;
		}
}

static void turn(void)
{
	for (int i = 0; i < 2; i++) {
		must(channel_flush(core) != CHANNEL_DEAD);
		must(channel_receive(thread.channel, from_core, &thread) != CHANNEL_DEAD);
		event_base_loop(thread.base, EVLOOP_NONBLOCK);
		conns_turn(&thread);
		client_turn(&thread);
		must(channel_flush(thread.channel) != CHANNEL_DEAD);
		must(channel_receive(core, on_frame, NULL) != CHANNEL_DEAD);
		read_side(&peers, true);
		read_side(&partners, false);
	}
}

static void open_peer(void)
{
	int pair[2];

	if (peers.n == PEERS)
		return;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	peers.fd[peers.n] = pair[1];
	peers.seen[peers.n++] = 0;
	atomic_fetch_add(&edge.connections, 1);
	conn_open(&thread, pair[0], true);
}

static void send_frame(struct view *in)
{
	uint8_t type = first_byte(in), flags = first_byte(in), whose = first_byte(in);
	uint64_t id = whose & 1 ? last_request : whose & 2 ? CHANNEL_OUTBOUND | (whose >> 6) : last_conn;
	size_t n = first_byte(in);

	if (whose & 4)
		n = n << 8 | first_byte(in);
	n = n < in->n ? n : in->n;
	must(channel_send(core, (enum frame_type)(type % (FRAME_TYPES - 1) + 1), flags & 3, id, view_make(in->p, n),
	                  VIEW("")));
	*in = view_from(*in, n);
}

/* Some bytes, to the side's newest or another. */
static void send_bytes(struct side *s, struct view *in)
{
	uint8_t to = first_byte(in);
	size_t n = first_byte(in);
	int fd = s->n ? s->fd[(s->n - 1 + to) % s->n] : -1;

	n = n < in->n ? n : in->n;
	if (fd >= 0)
		(void)!send(fd, in->p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	*in = view_from(*in, n);
}

static void hang_up(struct side *s, uint8_t how)
{
	int *fd = s->n ? &s->fd[how % s->n] : NULL;

	if (!fd || *fd < 0)
		return;
	if (how & 0x80) {
		shutdown(*fd, SHUT_WR);
		return;
	}
	close(*fd);
	*fd = -1;
}

static void begin(void)
{
	int pair[2];

	if (!thread.base) {
		const struct tls_material m = { VIEW(ANNA_PEM), VIEW(ANNA_KEY), VIEW(CA_PEM), VIEW("") };
		/* As edge_prepare() does. */
		signal(SIGPIPE, SIG_IGN);
		must((thread.base = event_base_new()) && (edge.peers = peers_new()));
		must((settings.tls = tls_contexts_new(&m, NULL)) != NULL);
		thread.edge = &edge;
		edge.n_threads = 1;
		edge.threads = &thread;
		settings.limits = (struct edge_limits){ 1000, 10, 10, 1000000, 1000000, 1000000, 1000000, 1000000 };
		settings.hosts = VIEW("10.0.0.1 south.example\n10.0.0.2 south.example\n");
		thread.build = BUF_INIT(2 * CHANNEL_FRAME_MAX);
	}
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	atomic_store(&settings.refs, 1000000);
	atomic_store(&edge.connections, 0);
	thread.settings = &settings;
	thread.channel = channel_new(pair[0], EDGE_QUEUE_MAX);
	core = channel_new(pair[1], EDGE_QUEUE_MAX);
	thread.conns = conns_new();
	thread.client = client_new(&thread);
	must(thread.channel && core && thread.conns && thread.client);
	peers.n = partners.n = 0;
	open_peer();
}

static void end(void)
{
	conns_free(thread.conns);
	client_free(thread.client);
	must(atomic_load(&edge.connections) == 0);
	channel_free(thread.channel);
	channel_free(core);
	for (unsigned i = 0; i < peers.n; i++)
		if (peers.fd[i] >= 0)
			close(peers.fd[i]);
	for (unsigned i = 0; i < partners.n; i++)
		if (partners.fd[i] >= 0)
			close(partners.fd[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = exact(view_make(data, size)), rest = in;

	begin();
	for (unsigned acts = 0; rest.n > 0 && acts < 200; acts++) {
		switch (first_byte(&rest) % 8) {
		case 0:
		case 1: send_bytes(&peers, &rest); break;
		case 2:
		case 3: send_frame(&rest); break;
		case 4: send_bytes(&partners, &rest); break;
		case 5: hang_up(&peers, first_byte(&rest)); break;
		case 6: hang_up(&partners, first_byte(&rest)); break;
		case 7: open_peer(); break;
		}
		turn();
	}
	end();
	exact_free(in);
	return 0;
}
