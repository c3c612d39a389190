/* libFuzzer target: any bytes as a play of three and the clock: peers that send requests, plain or in place of a handshake, core that
 * sends frames, and partners that answer what core has the edge send. Whatever they do, core is sent frames that it can read and that keep
 * the rules for which it would go down (no more of a body than it granted, one request a connection at a time, no more connections than
 * there are seats), nobody sees anything but HTTP or TLS, and in the end no seat is taken. */
#include "gatewayd/edge/client.h"
#include "gatewayd/edge/conn.h"
#include "gatewayd/edge/peers.h"
#include "lib/base/wire.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/fuzz/certificates.h"
#include "test/fuzz/target.h"

#define PARTNERS   8
#define PEERS      12
#define SOURCES    3
#define ASKED      256
#define BODY_BYTES 1000

static struct edge edge;
static struct edge_thread thread;
static struct settings *settings;
static struct channel *core; /* core's end */
static uint64_t clock_ms;

static struct side {
	int fd[PARTNERS + PEERS];
	bool tls[PARTNERS + PEERS];
	size_t seen[PARTNERS + PEERS]; /* bytes that it was sent */
	unsigned n;
} peers, partners;

static uint64_t last_request, last_conn;

/* What core knows of the peers' connections and requests. */
static struct {
	uint64_t id, request; /* 0: none */
} conns[PEERS];
static struct asked {
	uint64_t id, length, got; /* of its body */
	uint64_t credit;          /* bytes of it that may come */
	bool complete, stream, given_up;
} asked[ASKED];
static unsigned n_conns, n_asked;
static struct {
	uint64_t credit, told; /* bytes of the answer's body: that may come, that its head named */
	bool live, replied;
} outbound[4];

void edge_log(const struct edge_thread *t, enum journal_level level, const char *fmt, ...)
{
	(void)t, (void)level, (void)fmt;
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
	partners.tls[partners.n] = false;
	partners.seen[partners.n++] = 0;
	return 0;
}

uint64_t edge_now(void)
{
	return clock_ms;
}

/* --- what core is sent --- */

static unsigned conn_of(uint64_t id)
{
	unsigned i = 0;

	while (i < n_conns && conns[i].id != id)
		i++;
	return i;
}

static struct asked *asked_of(uint64_t id)
{
	for (unsigned i = 0; i < n_asked; i++)
		if (asked[i].id == id)
			return &asked[i];
	return NULL;
}

/* The request is over, for core or for the edge. */
static void request_over(uint64_t id)
{
	for (unsigned i = 0; i < n_conns; i++)
		if (conns[i].request == id)
			conns[i].request = 0;
}

static void check_open(const struct frame *f)
{
	const struct edge_limits *l = &settings->limits;

	must(f->id && conn_of(f->id) == n_conns && (f->payload.n == 0) == (f->flags & FRAME_LAST));
	must(n_conns < l->connections + l->strangers + 2 * l->monitors);
	conns[n_conns].request = 0;
	conns[n_conns++].id = last_conn = f->id;
}

static void check_known(const struct frame *f)
{
	must(conn_of(f->id) < n_conns && f->payload.n == 16);
}

static void check_close(const struct frame *f)
{
	unsigned i = conn_of(f->id);

	must(f->payload.n == 0 && i < n_conns && conns[i].request == 0);
	conns[i] = conns[--n_conns];
}

static void take_body(struct asked *a, size_t n, bool last)
{
	must(a && !a->complete && !a->given_up && n <= a->credit && (n > 0 || last));
	a->credit -= n;
	a->got += n;
	a->complete = last;
	must(a->length == CHANNEL_CHUNKED ? a->stream || a->got <= BODY_BYTES
	                                  : a->got <= a->length && last == (a->got == a->length));
}

static void check_head(const struct frame *f)
{
	struct reader r = { .rest = f->payload };
	unsigned conn = conn_of(read_u64(&r));
	uint64_t length = read_u64(&r);
	bool stream = false;

	must(conn < n_conns && conns[conn].request == 0 && !asked_of(f->id) && n_asked < ASKED);
	must(read_view16(&r).n > 0 && read_view16(&r).n > 0);
	while (r.rest.n > 0 && !r.failed) {
		struct view name = read_view16(&r);
		if (name.n == 0) {
			must(r.rest.n > 0);
			break;
		}
		struct view value = read_view16(&r);
		stream = stream || (view_is(name, "content-type") && view_starts(value, VIEW("application/x-ndjson")));
	}
	must(!r.failed && !(f->id & CHANNEL_OUTBOUND));
	bool whole = f->flags & FRAME_LAST;
	must(r.rest.n > 0 || (length == CHANNEL_CHUNKED ? !whole : whole == (length == 0)));
	must(r.rest.n == 0 || length != CHANNEL_CHUNKED);
	conns[conn].request = last_request = f->id;
	asked[n_asked++] = (struct asked){ .id = f->id,
		                           .length = length,
		                           .credit = CHANNEL_CREDIT,
		                           .complete = whole && r.rest.n == 0,
		                           .stream = stream };
	if (r.rest.n > 0)
		take_body(asked_of(f->id), r.rest.n, whole);
}

static void check_body(const struct frame *f)
{
	take_body(asked_of(f->id), f->payload.n, f->flags & FRAME_LAST);
}

/* Of what partners answer. Ids are those that send_frame() makes. */
static void check_answer(const struct frame *f)
{
	unsigned k = f->id & 3;
	struct channel_reply reply;
	size_t n = f->payload.n;

	must(f->id == (CHANNEL_OUTBOUND | k) && outbound[k].live);
	if (f->type == FRAME_CREDIT) {
		must(n == 4);
		return;
	}
	if (f->type == FRAME_REPLY) {
		struct reader r = { .rest = f->payload };
		must(channel_read_reply(f, &reply) && !outbound[k].replied);
		must(reply.status == 0 ? reply.error.n > 0 && f->flags & FRAME_LAST
		                       : reply.status >= 200 && reply.status <= 599);
		read_u16(&r);
		outbound[k].told = read_u64(&r);
		outbound[k].replied = true;
		n = reply.body.n;
	} else {
		must(outbound[k].replied && (f->type == FRAME_BODY ? n > 0 : f->type == FRAME_ABORT && n == 0));
	}
	must(n <= outbound[k].credit && n <= outbound[k].told);
	outbound[k].credit -= n;
	outbound[k].told -= n;
	outbound[k].live = f->type != FRAME_ABORT && !(f->flags & FRAME_LAST);
}

/* Of an answer's credit, or that it is over. */
static void check_end(const struct frame *f)
{
	struct asked *a = asked_of(f->id);

	must(a && !a->given_up && f->payload.n == (f->type == FRAME_CREDIT ? 4 : 0));
	if (f->type == FRAME_CREDIT)
		return;
	a->given_up = true;
	request_over(f->id);
}

static void on_frame(void *arg, const struct frame *f)
{
	(void)arg;
	if (f->id & CHANNEL_OUTBOUND) {
		check_answer(f);
		return;
	}
	switch (f->type) {
	case FRAME_OPEN: check_open(f); break;
	case FRAME_CLOSE: check_close(f); break;
	case FRAME_HEAD: check_head(f); break;
	case FRAME_BODY: check_body(f); break;
	case FRAME_KNOWN: check_known(f); break;
	case FRAME_CREDIT:
	case FRAME_ABORT: check_end(f); break;
	case FRAME_REPLY:
	case FRAME_CONFIG:
	case FRAME_OUTBOUND:
	case FRAME_COUNTS:
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
			if (s->tls[i] && s->seen[i] == 0)
				must(text[0] == 0x15 || text[0] == 0x16);
			if (!s->tls[i] && answers && s->seen[i] == 0 && n >= 9)
				must(memcmp(text, "HTTP/1.1 ", 9) == 0);
			/* A request in plain, or a record of TLS (RFC 8446 section 5.1): handshake or alert. */
			if (!answers && s->seen[i] == 0)
				must(memchr(text, ' ', (size_t)n) || text[0] == 0x16 || text[0] == 0x15);
			s->seen[i] += (size_t)n;
		}
}

static void check_gate(void)
{
	const struct edge_limits *l = &settings->limits;

	must(gate_taken(edge.gate, SEAT_NEW) <= l->handshakes);
	must(gate_taken(edge.gate, SEAT_RESERVED) <= l->handshakes_reserved);
	must(gate_taken(edge.gate, SEAT_STRANGER) <= l->strangers);
	must(gate_taken(edge.gate, SEAT_PARTNER) <= l->connections);
	must(gate_taken(edge.gate, SEAT_MONITOR) <= l->monitors && gate_taken(edge.gate, SEAT_ASKING) <= l->monitors);
}

/* Until all that was sent on the channel has come. */
static void turn(void)
{
	int unread = 0;

	for (int i = 0; i < 2 || unread > 0 || channel_queued(thread.channel) > 0; i++) {
		must(channel_flush(core) != CHANNEL_DEAD);
		must(channel_receive(thread.channel, from_core, &thread) != CHANNEL_DEAD);
		event_base_loop(thread.base, EVLOOP_NONBLOCK);
		conns_evict(&thread);
		conns_tick(&thread);
		conns_read_on(&thread);
		conns_turn(&thread);
		client_turn(&thread);
		must(channel_flush(thread.channel) != CHANNEL_DEAD);
		must(channel_receive(core, on_frame, NULL) != CHANNEL_DEAD);
		must(ioctl(channel_fd(core), FIONREAD, &unread) == 0);
		read_side(&peers, true);
		read_side(&partners, false);
	}
	check_gate();
}

static void open_peers(unsigned n, bool tls)
{
	for (; n > 0 && peers.n < PEERS; n--) {
		/* The last of the sources is listed. */
		struct address from = {
			.b = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(peers.n % SOURCES) }
		};
		int pair[2];

		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
		peers.fd[peers.n] = pair[1];
		peers.tls[peers.n] = tls;
		peers.seen[peers.n++] = 0;
		conn_open(&thread, pair[0], &from, !tls);
	}
}

/* Notes what core will have sent. */
static void note_frame(enum frame_type type, uint8_t flags, uint64_t id, struct view payload)
{
	struct reader r = { .rest = payload };
	uint64_t credit = type == FRAME_CREDIT && payload.n >= 4 ? read_u32(&r) : 0;

	if (id & CHANNEL_OUTBOUND) {
		unsigned k = id & 3;
		if (type == FRAME_OUTBOUND && !outbound[k].live) {
			outbound[k].live = true;
			outbound[k].replied = false;
			outbound[k].told = UINT64_MAX;
			outbound[k].credit = CHANNEL_CREDIT;
		}
		outbound[k].credit += credit;
		outbound[k].live = outbound[k].live && type != FRAME_ABORT;
		return;
	}
	struct asked *a = asked_of(id);
	if (a)
		a->credit += credit;
	if (type == FRAME_ABORT || ((type == FRAME_REPLY || type == FRAME_BODY) && flags & FRAME_LAST))
		request_over(id);
}

static void send_frame(struct view *in)
{
	uint8_t type = first_byte(in) % (FRAME_TYPES - 1) + 1, flags = first_byte(in) & 3, whose = first_byte(in);
	uint64_t id = whose & 1 ? last_request : whose & 2 ? CHANNEL_OUTBOUND | (whose >> 6) : last_conn;
	size_t n = first_byte(in);

	if (whose & 4)
		n = n << 8 | first_byte(in);
	n = n < in->n ? n : in->n;
	struct view payload = view_make(in->p, n);
	note_frame((enum frame_type)type, flags, id, payload);
	must(channel_send(core, (enum frame_type)type, flags, id, payload, VIEW("")));
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

static void put(struct buf *b, const char *name, struct view value)
{
	put_view16(b, view_of(name));
	put_view32(b, value);
}

static void begin_all(void)
{
	struct buf b = BUF_INIT(SETTINGS_MAX);
	struct error e = { .reason = REASON_NONE };

	put(&b, "tls.cert", VIEW(ANNA_PEM));
	put(&b, "tls.key", VIEW(ANNA_KEY));
	put(&b, "tls.ca", VIEW(CA_PEM));
	put(&b, "names", VIEW("a\nnorth.example\n"));
	put(&b, "hosts", VIEW("10.0.0.1 south.example\n10.0.0.2 south.example\n"));
	put(&b, "reserved", VIEW("10.0.0.2\n"));
	/* In the order of edge_config.h: BODY_BYTES, then few seats of each kind, a rate, and how long each state may last. */
	put(&b, "limits", VIEW("1000\n2\n2\n4\n3\n2\n5\n3\n1\n3\n1000\n5000\n5000\n5000\n9000\n7000\n"));
	must((settings = settings_new(&b, &e)) != NULL && settings->limits.body_bytes == BODY_BYTES);
	/* As edge_prepare() does. */
	signal(SIGPIPE, SIG_IGN);
	must((thread.base = event_base_new()) && (edge.peers = peers_new()));
	thread.edge = &edge;
	edge.n_threads = 1;
	edge.threads = &thread;
	thread.build = BUF_INIT(2 * CHANNEL_FRAME_MAX);
	must((thread.wake_fd = eventfd(0, EFD_NONBLOCK)) >= 0);
}

static void begin(void)
{
	int pair[2];

	if (!thread.base)
		begin_all();
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	must((edge.gate = gate_new()) != NULL);
	gate_exit_init(&thread.exit, thread.wake_fd);
	clock_ms = 1000000;
	thread.settings = settings;
	thread.channel = channel_new(pair[0], EDGE_QUEUE_MAX);
	core = channel_new(pair[1], EDGE_QUEUE_MAX);
	thread.conns = conns_new();
	thread.client = client_new(&thread);
	must(thread.channel && core && thread.conns && thread.client);
	peers.n = partners.n = n_conns = n_asked = 0;
	last_request = last_conn = 0;
	memset(outbound, 0, sizeof outbound);
	open_peers(1, false);
}

static void end(void)
{
	conns_free(thread.conns);
	client_free(thread.client);
	for (enum seat_kind k = 0; k < SEAT_KINDS; k++)
		must(gate_taken(edge.gate, k) == 0);
	must(!gate_evicted(edge.gate, &thread.exit) && atomic_load(&settings->refs) == 1);
	gate_free(edge.gate);
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
		uint8_t act = first_byte(&rest);
		switch (act % 10) {
		case 0:
		case 1: send_bytes(&peers, &rest); break;
		case 2:
		case 3: send_frame(&rest); break;
		case 4: send_bytes(&partners, &rest); break;
		case 5: hang_up(&peers, first_byte(&rest)); break;
		case 6: hang_up(&partners, first_byte(&rest)); break;
		case 7: open_peers(1 + act / 10, false); break;
		case 8: open_peers(1 + act / 10, true); break;
		case 9: clock_ms += 50u * first_byte(&rest); break;
		}
		turn();
	}
	end();
	exact_free(in);
	return 0;
}
