/* See rig.h; and whether the rig itself starts, answers and stops. */
#include "test/edge/rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gatewayd/confine.h"
#include "lib/base/wire.h"
#include "test/edge/core_side.h"
#include "test/edge/peer.h"

static char folder[64];
static pid_t owner; /* of the folder, which removes it at exit */

static void remove_folder(void)
{
	char command[100];

	if (getpid() != owner)
		return;
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "cannot remove %s\n", folder);
}

void rig_setup(void)
{
	(void)rig_certificates();
}

const char *rig_certificates(void)
{
	char command[200];

	if (folder[0])
		return folder;
	snprintf(folder, sizeof folder, "/tmp/edge-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	owner = getpid();
	atexit(remove_folder);
	snprintf(command, sizeof command, "test/edge/certificates.sh '%s'", folder);
	ck_assert_msg(system(command) == 0, "certificates.sh failed");
	return folder;
}

struct buf rig_read_file(const char *where, const char *name, const char *suffix)
{
	struct buf b = BUF_INIT(1 << 20);
	char path[200];
	size_t n;

	snprintf(path, sizeof path, "%s/%s%s", where, name, suffix);
	FILE *f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s cannot be opened", path);
	while ((n = fread(buf_room(&b, 4096), 1, 4096, f)) > 0)
		b.n += n;
	fclose(f);
	return b;
}

/* --- the edge --- */

static int listen_on(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		                 .sin_port = htons(*port) };
	socklen_t n = sizeof a;
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(fd, 128), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void put_blob(struct buf *b, const char *name, struct view bytes)
{
	put_view16(b, view_of(name));
	put_view32(b, bytes);
}

/* A line a partner, from NAME.pin. */
static void put_partners(struct buf *out, const char *names)
{
	for (struct view rest = view_of(names); rest.n > 0;) {
		char name[50];
		struct view word = view_cut(&rest, ' ');
		while (word.n > 0) {
			struct view key = view_cut(&word, '+');
			snprintf(name, sizeof name, "%.*s", VIEW_ARG(key));
			struct buf pin = rig_read_file(rig_certificates(), name, ".pin");
			buf_add(out, view_make(pin.p, pin.n - 1));
			buf_addc(out, word.n > 0 ? ' ' : '\n');
			buf_free(&pin);
		}
	}
}

void rig_configure(struct rig *r, const struct rig_options *o)
{
	const char *where = rig_certificates();
	struct buf config = BUF_INIT(1 << 20), limits = BUF_INIT(4096), partners = BUF_INIT(4096);
	const char *own = o->own ? o->own : "gateway";
	struct buf cert = rig_read_file(where, own, ".pem");
	struct buf key = rig_read_file(where, o->bad_config ? "client" : own, ".key");
	struct buf ca = rig_read_file(where, "ca", ".pem");
	struct edge_limits defaults = { .body_bytes = 4 << 20,
		                        .connections = 1000,
		                        .connections_per_peer = 500,
		                        .connections_per_source = 1000,
		                        .handshakes = 1000,
		                        .handshakes_reserved = 1000,
		                        .handshakes_per_second = 1000,
		                        .handshakes_per_source = 1000,
		                        .strangers = 100,
		                        .monitors = 100,
		                        .answer_bytes_per_second = 1000,
		                        .handshake_ms = 3000,
		                        .header_ms = 3000,
		                        .body_ms = 3000,
		                        .idle_ms = 10000,
		                        .answer_ms = 5000 };

	put_partners(&partners, o->partners ? o->partners : "client other rsa3072 gateway");
#define L(name) \
	buf_addu(&limits, o->limits.name ? o->limits.name : defaults.name); \
	buf_addc(&limits, '\n');
	EDGE_LIMITS(L)
#undef L
	put_blob(&config, "tls.cert", buf_view(&cert));
	put_blob(&config, "tls.key", buf_view(&key));
	put_blob(&config, "tls.ca", buf_view(&ca));
	put_blob(&config, "hosts", view_of(o->hosts ? o->hosts : ""));
	put_blob(&config, "nameservers", view_of(o->nameservers ? o->nameservers : ""));
	put_blob(&config, "names", VIEW("north.example\nnorth-2.example\n"));
	put_blob(&config, "partners", o->bad_partners ? VIEW("00ff\n") : buf_view(&partners));
	put_blob(&config, "reserved", view_of(o->reserved ? o->reserved : ""));
	put_blob(&config, "known", view_of(o->known ? o->known : ""));
	put_blob(&config, "limits", buf_view(&limits));
	ck_assert(!config.failed);
	/* In small pieces, to see them joined. */
	pthread_mutex_lock(&r->lock);
	for (struct view rest = buf_view(&config); rest.n > 0;) {
		struct view piece = view_make(rest.p, rest.n < 1000 ? rest.n : 1000);
		rest = view_from(rest, piece.n);
		core_send(&r->threads[0], FRAME_CONFIG, rest.n == 0, 0, piece);
	}
	pthread_mutex_unlock(&r->lock);
	buf_free(&cert);
	buf_free(&key);
	buf_free(&ca);
	buf_free(&limits);
	buf_free(&partners);
	buf_free(&config);
}

/* The configuration, of which so few bytes come first that no frame is whole; then the rest. */
static void configure_torn(struct rig *r, const struct rig_options *o, int fd)
{
	struct buf bytes = BUF_INIT(1 << 20);
	int pair[2];
	ssize_t n;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	r->threads[0].channel = channel_new(pair[0], 64 << 20);
	rig_configure(r, o);
	ck_assert_int_eq(channel_flush(r->threads[0].channel), CHANNEL_IDLE);
	while ((n = read(pair[1], buf_room(&bytes, 4096), 4096)) > 0)
		bytes.n += (size_t)n;
	ck_assert_int_eq(write(fd, bytes.p, 5), 5);
	usleep(100000);
	ck_assert_int_eq(write(fd, bytes.p + 5, bytes.n - 5), (ssize_t)bytes.n - 5);
	channel_free(r->threads[0].channel);
	close(pair[1]);
	buf_free(&bytes);
}

static void run_edge(const struct edge_fds *fds, const struct rig_options *o)
{
	struct error err = { .reason = REASON_NONE };
	struct rlimit files = { o->files, o->files };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (o->files)
		setrlimit(RLIMIT_NOFILE, &files);
	if (!edge_prepare())
		_exit(99);
	/* What counts which lines were reached is written at the end, to files. */
	if (!getenv("UNCONFINED") && !confine_edge(&err)) {
		fprintf(stderr, "%s\n", err.text);
		_exit(98);
	}
	exit(edge_run(fds));
}

struct rig *rig_start(const struct rig_options *o)
{
	struct rig *r = calloc(1, sizeof *r);
	struct edge_fds fds = { .n_threads = o->threads ? o->threads : 1, .n_listeners = 1, .n_monitors = 1 };
	int core[THREADS_MAX];

	ck_assert_ptr_nonnull(r);
	rig_certificates();
	r->n_threads = fds.n_threads;
	r->certificate = BUF_INIT(65536);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->answered, NULL);
	ck_assert_int_eq(pipe2(r->stop_pipe, O_CLOEXEC), 0);
	for (int i = 0; i < fds.n_threads; i++) {
		int pair[2];
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		core[i] = pair[0];
		fds.channels[i] = pair[1];
		fds.listeners[i][0] = listen_on(&r->port);
	}
	fds.monitors[0] = listen_on(&r->monitor_port);
	if (o->listening)
		ck_assert_int_ge(*o->listening = dup(fds.listeners[0][0]), 0);
	fflush(NULL);
	r->edge = fork();
	ck_assert_int_ge(r->edge, 0);
	if (r->edge == 0) {
		close(r->stop_pipe[0]);
		close(r->stop_pipe[1]);
		for (int i = 0; i < fds.n_threads; i++)
			close(core[i]);
		run_edge(&fds, o);
	}
	for (int i = 0; i < fds.n_threads; i++) {
		close(fds.channels[i]);
		close(fds.listeners[i][0]);
		r->threads[i].rig = r;
		if (i == 0 && o->torn)
			configure_torn(r, o, core[i]);
		r->threads[i].channel = channel_new(core[i], 64 << 20);
	}
	close(fds.monitors[0]);
	if (!o->torn)
		rig_configure(r, o);
	for (int i = 0; i < fds.n_threads; i++)
		ck_assert_int_eq(pthread_create(&r->threads[i].thread, NULL, core_side, &r->threads[i]), 0);
	return r;
}

int rig_stop(struct rig *r)
{
	int status = -1;

	close(r->stop_pipe[1]);
	for (int i = 0; i < r->n_threads; i++) {
		pthread_join(r->threads[i].thread, NULL);
		channel_free(r->threads[i].channel);
		for (size_t k = 0; k < SLOTS; k++)
			core_request_end(&r->threads[i].requests[k]);
	}
	close(r->stop_pipe[0]);
	for (int i = 0; i < 300; i++) {
		if (waitpid(r->edge, &status, WNOHANG) == r->edge) {
			buf_free(&r->certificate);
			free(r);
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
		}
		usleep(10000);
	}
	kill(r->edge, SIGKILL);
	waitpid(r->edge, &status, 0);
	return -1;
}

int rig_ends(struct rig *r)
{
	siginfo_t end = { .si_pid = 0 };

	for (int i = 0; i < 1000 && end.si_pid == 0; i++) {
		if (waitid(P_PID, (id_t)r->edge, &end, WEXITED | WNOHANG | WNOWAIT) < 0)
			break;
		usleep(10000);
	}
	int status = rig_stop(r);
	return end.si_pid == 0 ? -1 : status;
}

uint16_t rig_port(const struct rig *r)
{
	return r->port;
}

uint16_t rig_monitor_port(const struct rig *r)
{
	return r->monitor_port;
}

int rig_edge_pid(const struct rig *r)
{
	return r->edge;
}

struct rig_counts rig_counts(struct rig *r)
{
	pthread_mutex_lock(&r->lock);
	struct rig_counts c = r->counts;
	pthread_mutex_unlock(&r->lock);
	return c;
}

uint64_t rig_edge_count(struct rig *r, enum edge_count what, uint64_t n)
{
	uint64_t sum = 0;

	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(&r->lock);
		sum = 0;
		for (int k = 0; k < r->n_threads; k++)
			sum += r->threads[k].edge_counts.n[what];
		pthread_mutex_unlock(&r->lock);
		if (sum >= n)
			break;
		usleep(10000);
	}
	return sum;
}

size_t rig_last_certificate(struct rig *r, void *out, size_t size)
{
	pthread_mutex_lock(&r->lock);
	size_t n = r->certificate.n < size ? r->certificate.n : size;
	if (n)
		memcpy(out, r->certificate.p, n);
	pthread_mutex_unlock(&r->lock);
	return n;
}

void rig_last_known(struct rig *r, uint8_t out[16])
{
	pthread_mutex_lock(&r->lock);
	memcpy(out, r->known, sizeof r->known);
	pthread_mutex_unlock(&r->lock);
}

void rig_send(struct rig *r, const struct rig_request *q, struct rig_answer *out)
{
	struct buf b = BUF_INIT(CHANNEL_PAYLOAD_MAX);
	struct view fields = view_of(q->fields ? q->fields : "");
	struct timespec until;
	char port[8];

	snprintf(port, sizeof port, "%u", (unsigned)q->port);
	put_view16(&b, view_of(q->host));
	put_view16(&b, view_of(port));
	put_view16(&b, view_of(q->server_name));
	put_u8(&b, q->pin ? 1 : 0);
	buf_add(&b, view_make(q->pin, q->pin ? 32 : 0));
	put_u64(&b, q->deadline_ms ? q->deadline_ms : 5000);
	put_u64(&b, q->body.n);
	put_view16(&b, view_of(q->method));
	put_view16(&b, view_of(q->target));
	while (fields.n > 0) {
		put_view16(&b, view_cut(&fields, '\n'));
		put_view16(&b, view_cut(&fields, '\n'));
	}
	put_u16(&b, 0);
	pthread_mutex_lock(&r->lock);
	r->outbound = CHANNEL_OUTBOUND | ++r->next_outbound;
	r->answer = (struct rig_answer){ .status = -1, .body = BUF_INIT(16 << 20) };
	r->answer_done = false;
	r->to_send = q->body;
	r->send_credit = CHANNEL_CREDIT;
	ck_assert(channel_send(r->threads[0].channel, FRAME_OUTBOUND,
	                       (q->body.n ? 0 : FRAME_LAST) | (q->again ? FRAME_AGAIN : 0), r->outbound, buf_view(&b),
	                       VIEW("")));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	while (!r->answer_done && pthread_cond_timedwait(&r->answered, &r->lock, &until) == 0)
		continue;
	ck_assert_msg(r->answer_done, "the edge did not answer an outbound request");
	r->to_send = VIEW("");
	*out = r->answer;
	pthread_mutex_unlock(&r->lock);
	buf_free(&b);
}

START_TEST(starts_and_stops)
{
	for (int threads = 1; threads <= THREADS_MAX; threads++) {
		struct rig *r = rig_start(&(struct rig_options){ .threads = threads });

		ck_assert_uint_ne(rig_port(r), 0);
		ck_assert_uint_ne(rig_monitor_port(r), 0);
		ck_assert_int_gt(rig_edge_pid(r), 0);
		ck_assert(!peer_refused(rig_port(r), NULL));
		ck_assert_int_eq(rig_stop(r), 0);
	}
}
END_TEST

TCase *make_rig_case(void);
TCase *make_rig_case(void)
{
	TCase *c = tcase_create("rig");

	tcase_set_timeout(c, 30);
	tcase_add_unchecked_fixture(c, rig_setup, NULL);
	tcase_add_test(c, starts_and_stops);
	return c;
}
