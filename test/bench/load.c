/* A load generator: keeps N connections busy with one request each, over mutual TLS 1.3 (or plain), and prints
 * requests a second, latency percentiles, answers by status, and the CPU time that given processes and their
 * children used for a request, from the kernel's accounting. Loopback only; bounded in count and time. Each
 * thread has its own epoll, connections and figures; they meet only at the end. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "lib/base/buf.h"
#include "test/bench/cpu.h"

/* OpenSSL's macros cast the constant strings that they only read. */
#pragma GCC diagnostic ignored "-Wcast-qual"

#define CONNECTIONS_MAX 4096
#define THREADS_MAX     16
#define REQUESTS_MAX    20000000u
#define SECONDS_MAX     600
#define PIDS_MAX        16
#define RECONNECTS_MAX  1000

static const char usage[] =
        "usage: load -a ADDRESS:PORT -u TARGET [options]\n"
        "  -a, --address A:P      where to; an address of loopback\n"
        "  -u, --target PATH      what to ask for\n"
        "      --server-name NAME SNI and Host (default: the address)\n"
        "      --ca F --cert F --private-key F   PEM files; without them plain HTTP\n"
        "  -m, --method M         default POST, or GET without a body\n"
        "  -b, --body TEXT        of each request; %d in it becomes the request's number\n"
        "  -B, --bodies FILE      a body a line, in turn, %d as above\n"
        "      --type T           Content-Type (default application/json)\n"
        "  -k, --key              sends an Idempotency-Key, another one each time\n"
        "      --key-prefix P     of the keys (default: from the clock)\n"
        "      --first N          number of the first request (default 1)\n"
        "  -c, --connections N    default 64, at most 4096\n"
        "  -t, --threads N        default 2, at most 16\n"
        "  -n, --requests N       ends after so many, at most 20,000,000\n"
        "  -s, --seconds S        ends after so long (default 10, at most 600)\n"
        "  -w, --warmup S         seconds before counting begins (default 0)\n"
        "  -p, --pids P,P         processes whose CPU, with that of their children, is divided by the requests\n"
        "Prints lines of a name and a value; ends with 1 when a request failed or an answer was a 5xx. SIGTERM ends it early.\n";

static struct {
	struct sockaddr_storage address;
	socklen_t address_n;
	const char *target, *server_name, *ca, *cert, *private_key, *method, *body, *bodies, *type, *key_prefix;
	char host[64];
	bool key;
	uint64_t first;
	unsigned connections, threads, seconds, warmup, requests;
	int pids[PIDS_MAX], n_pids;
	SSL_CTX *ctx;
	struct view *lines;
	size_t n_lines;
} o = {
	.type = "application/json", .first = 1, .connections = 64, .threads = 2, .seconds = 10, .requests = REQUESTS_MAX
};

static atomic_uint_least64_t next_number;
static atomic_uint sent, connected;
static atomic_bool counting, stop, enough;

struct connection {
	int fd;
	SSL *ssl;
	bool writes; /* epoll waits for room */
	uint64_t started_ns;
	struct buf out, in;
	size_t out_at;
};

struct worker {
	pthread_t thread;
	unsigned n; /* connections */
	struct connection *connections;
	int epoll;
	uint32_t *latency_us;
	size_t n_latencies, cap;
	uint64_t by_status[600], failed, reconnects;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	exit(2);
}

/* --- one connection --- */

static bool connection_open(struct connection *c)
{
	struct timeval limit = { .tv_sec = 10 };
	int on = 1;

	c->fd = socket(o.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(c->fd, (struct sockaddr *)&o.address, o.address_n) != 0)
		return false;
	if (o.ctx) {
		c->ssl = SSL_new(o.ctx);
		SSL_set_fd(c->ssl, c->fd);
		if (o.server_name) {
			SSL_set_tlsext_host_name(c->ssl, o.server_name);
			SSL_set1_host(c->ssl, o.server_name);
		}
		if (SSL_connect(c->ssl) != 1)
			return false;
	}
	return fcntl(c->fd, F_SETFL, O_NONBLOCK) == 0;
}

static void connection_close(struct connection *c)
{
	if (c->ssl) {
		if (SSL_is_init_finished(c->ssl))
			SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		ERR_clear_error();
	}
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->writes = false;
	buf_reset(&c->in);
	buf_reset(&c->out);
	c->out_at = 0;
}

/* The next request; false when enough were sent. */
static bool build_request(struct connection *c)
{
	if (atomic_fetch_add_explicit(&sent, 1, memory_order_relaxed) >= o.requests)
		return false;
	uint64_t number = atomic_fetch_add_explicit(&next_number, 1, memory_order_relaxed);
	struct view template = o.n_lines ? o.lines[number % o.n_lines] : view_of(o.body ? o.body : "");
	char digits[24];
	size_t n = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number), holes = 0;
	struct buf *b = &c->out;

	for (size_t i = 0; i + 1 < template.n; i++)
		holes += template.p[i] == '%' && template.p[i + 1] == 'd';
	buf_reset(b);
	c->out_at = 0;
	buf_addf(b, "%s %s HTTP/1.1\r\nHost: %s\r\n", o.method, o.target, o.host);
	if (o.key)
		buf_addf(b, "Idempotency-Key: %s-%s\r\n", o.key_prefix, digits);
	if (template.n) {
		buf_addf(b, "Content-Type: %s\r\n", o.type);
		buf_addf(b, "Content-Length: %zu\r\n", template.n + holes * n - holes * 2);
	}
	buf_adds(b, "\r\n");
	size_t from = 0;
	for (size_t i = 0; holes && i + 1 < template.n; i++) {
		if (template.p[i] != '%' || template.p[i + 1] != 'd')
			continue;
		buf_add(b, view_make(template.p + from, i - from));
		buf_add(b, view_make(digits, n));
		from = i + 2;
	}
	buf_add(b, view_from(template, from));
	if (b->failed)
		die("a request is larger than 16 MiB");
	c->started_ns = now_ns();
	return true;
}

static bool would_block(struct connection *c, int result)
{
	if (!c->ssl)
		return errno == EAGAIN || errno == EINTR;
	int error = SSL_get_error(c->ssl, result);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void watch(struct worker *w, struct connection *c, int operation)
{
	struct epoll_event e = { .events = EPOLLIN | (c->writes ? EPOLLOUT : 0), .data.ptr = c };

	if (epoll_ctl(w->epoll, operation, c->fd, &e) != 0)
		die("epoll_ctl failed");
}

static bool write_request(struct worker *w, struct connection *c)
{
	while (c->out_at < c->out.n) {
		struct view rest = view_from(buf_view(&c->out), c->out_at);
		size_t n = rest.n < (1u << 20) ? rest.n : 1u << 20;
		int done = c->ssl ? SSL_write(c->ssl, rest.p, (int)n) : (int)send(c->fd, rest.p, n, MSG_NOSIGNAL);
		if (done > 0) {
			c->out_at += (size_t)done;
			continue;
		}
		if (!would_block(c, done))
			return false;
		break;
	}
	if (c->writes != (c->out_at < c->out.n)) {
		c->writes = !c->writes;
		watch(w, c, EPOLL_CTL_MOD);
	}
	return true;
}

/* The status of the answer in `in`, when it is whole; 0 otherwise, -1 when it is none. */
static int whole_answer(const struct buf *in, size_t *length)
{
	const char *end = in->n ? memmem(in->p, in->n, "\r\n\r\n", 4) : NULL;
	unsigned long long body = 0;

	if (!end)
		return 0;
	size_t head = (size_t)(end - in->p) + 4;
	if (head < 16 || memcmp(in->p, "HTTP/1.1 ", 9) != 0)
		return -1;
	for (const char *line = in->p; (line = memchr(line, '\n', (size_t)(end - line))); line++)
		if (end - line > 16 && strncasecmp(line + 1, "content-length:", 15) == 0)
			body = strtoull(line + 16, NULL, 10);
	*length = head + body;
	if (in->n < *length)
		return 0;
	int status = (in->p[9] - '0') * 100 + (in->p[10] - '0') * 10 + (in->p[11] - '0');
	return status >= 100 && status < 600 ? status : -1;
}

static void note(struct worker *w, const struct connection *c, int status)
{
	if (!atomic_load_explicit(&counting, memory_order_relaxed))
		return;
	w->by_status[status]++;
	if (w->n_latencies == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 65536;
		w->latency_us = realloc(w->latency_us, w->cap * sizeof *w->latency_us);
		if (!w->latency_us)
			die("no memory");
	}
	w->latency_us[w->n_latencies++] = (uint32_t)((now_ns() - c->started_ns) / 1000);
}

/* Reads what came; false when the connection is over. *finished: no more requests are to be sent. */
static bool read_answers(struct worker *w, struct connection *c, bool *finished)
{
	char *room = buf_room(&c->in, 16384);

	if (!room)
		return false;
	int got = c->ssl ? SSL_read(c->ssl, room, 16384) : (int)recv(c->fd, room, 16384, 0);
	if (got <= 0)
		return would_block(c, got);
	c->in.n += (size_t)got;
	size_t length;
	int status = whole_answer(&c->in, &length);
	if (status <= 0)
		return status == 0;
	note(w, c, status);
	buf_drop(&c->in, length);
	if (!build_request(c)) {
		*finished = true;
		return false;
	}
	return write_request(w, c);
}

/* Opens a connection and sends its first request. False when there is nothing more to send. */
static bool start(struct worker *w, struct connection *c)
{
	while (!connection_open(c)) {
		connection_close(c);
		w->failed++;
		if (++w->reconnects > RECONNECTS_MAX || w->failed > RECONNECTS_MAX)
			die("the server does not take connections");
		usleep(10000);
	}
	watch(w, c, EPOLL_CTL_ADD);
	return build_request(c) && write_request(w, c);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned live = 0;

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->connections = calloc(w->n, sizeof *w->connections);
	if (w->epoll < 0 || !w->connections)
		die("no memory");
	for (unsigned i = 0; i < w->n; i++) {
		w->connections[i] =
		        (struct connection){ .fd = -1, .out = BUF_INIT(16 << 20), .in = BUF_INIT(64 << 20) };
		live += start(w, &w->connections[i]);
		atomic_fetch_add(&connected, 1);
	}
	while (live > 0 && !atomic_load_explicit(&stop, memory_order_relaxed)) {
		struct epoll_event events[64];
		int n = epoll_wait(w->epoll, events, 64, 100);
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			bool finished = false, good = true;
			if (events[i].events & EPOLLOUT)
				good = write_request(w, c);
			if (good && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				good = read_answers(w, c, &finished);
			if (good)
				continue;
			connection_close(c);
			if (finished) {
				live--;
				continue;
			}
			w->failed++;
			if (++w->reconnects > RECONNECTS_MAX)
				die("the server keeps closing connections");
			live -= !start(w, c);
		}
	}
	for (unsigned i = 0; i < w->n; i++) {
		connection_close(&w->connections[i]);
		buf_free(&w->connections[i].in);
		buf_free(&w->connections[i].out);
	}
	free(w->connections);
	close(w->epoll);
	return NULL;
}

/* --- options and figures --- */

static void parse_address(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const char *colon = strrchr(text, ':');
	char address[64];
	unsigned long long port;

	if (!colon || !view_to_u64(view_of(colon + 1), 65535, &port))
		die("the address is not ADDRESS:PORT");
	int n = (int)(colon - text);
	if (n > 1 && text[0] == '[' && text[n - 1] == ']')
		snprintf(address, sizeof address, "%.*s", n - 2, text + 1);
	else
		snprintf(address, sizeof address, "%.*s", n, text);
	v4.sin_port = v6.sin6_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1 && ntohl(v4.sin_addr.s_addr) >> 24 == 127) {
		memcpy(&o.address, &v4, sizeof v4);
		o.address_n = sizeof v4;
	} else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)) {
		memcpy(&o.address, &v6, sizeof v6);
		o.address_n = sizeof v6;
	} else {
		die("the address is not one of loopback");
	}
	snprintf(o.host, sizeof o.host, "%s", o.server_name ? o.server_name : text);
}

static uint64_t parse_number(const char *text, uint64_t max)
{
	unsigned long long n;

	if (!view_to_u64(view_of(text), max, &n))
		die("a number is malformed or too large");
	return n;
}

static void load_bodies(void)
{
	static struct buf all = { .max = 1u << 30 };
	FILE *f = fopen(o.bodies, "r");
	size_t n, cap = 0;

	if (!f)
		die("the file of bodies cannot be opened");
	for (char *room; (room = buf_room(&all, 65536)) && (n = fread(room, 1, 65536, f)) > 0;)
		all.n += n;
	fclose(f);
	for (struct view rest = buf_view(&all); rest.n > 0;) {
		struct view line = view_cut(&rest, '\n');
		if (line.n == 0)
			continue;
		if (o.n_lines == cap) {
			cap = cap ? cap * 2 : 1024;
			o.lines = realloc(o.lines, cap * sizeof *o.lines);
			if (!o.lines)
				die("no memory");
		}
		o.lines[o.n_lines++] = line;
	}
	if (o.n_lines == 0)
		die("the file of bodies is empty");
}

static void make_context(void)
{
	o.ctx = SSL_CTX_new(TLS_client_method());
	if (!o.ctx || !SSL_CTX_set_min_proto_version(o.ctx, TLS1_3_VERSION) || !o.ca ||
	    SSL_CTX_load_verify_locations(o.ctx, o.ca, NULL) != 1 ||
	    SSL_CTX_use_certificate_chain_file(o.ctx, o.cert) != 1 || !o.private_key ||
	    SSL_CTX_use_PrivateKey_file(o.ctx, o.private_key, SSL_FILETYPE_PEM) != 1)
		die("--ca, --cert and --private-key do not make a TLS client");
	SSL_CTX_set_verify(o.ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(o.ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static void parse_options(int argc, char **argv)
{
	enum { SERVER_NAME = 256, CA, CERT, PRIVATE_KEY, TYPE, KEY_PREFIX, FIRST };
	static const struct option options[] = {
		{ "address", 1, NULL, 'a' },
		{ "target", 1, NULL, 'u' },
		{ "server-name", 1, NULL, SERVER_NAME },
		{ "ca", 1, NULL, CA },
		{ "cert", 1, NULL, CERT },
		{ "private-key", 1, NULL, PRIVATE_KEY },
		{ "method", 1, NULL, 'm' },
		{ "body", 1, NULL, 'b' },
		{ "bodies", 1, NULL, 'B' },
		{ "type", 1, NULL, TYPE },
		{ "key", 0, NULL, 'k' },
		{ "key-prefix", 1, NULL, KEY_PREFIX },
		{ "first", 1, NULL, FIRST },
		{ "connections", 1, NULL, 'c' },
		{ "threads", 1, NULL, 't' },
		{ "requests", 1, NULL, 'n' },
		{ "seconds", 1, NULL, 's' },
		{ "warmup", 1, NULL, 'w' },
		{ "pids", 1, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	const char *address = NULL;
	static char prefix[32];
	struct view pids;
	int c;

	while ((c = getopt_long(argc, argv, "a:u:m:b:B:kc:t:n:s:w:p:", options, NULL)) != -1) {
		switch (c) {
		case 'a': address = optarg; break;
		case 'u': o.target = optarg; break;
		case SERVER_NAME: o.server_name = optarg; break;
		case CA: o.ca = optarg; break;
		case CERT: o.cert = optarg; break;
		case PRIVATE_KEY: o.private_key = optarg; break;
		case 'm': o.method = optarg; break;
		case 'b': o.body = optarg; break;
		case 'B': o.bodies = optarg; break;
		case TYPE: o.type = optarg; break;
		case 'k': o.key = true; break;
		case KEY_PREFIX: o.key_prefix = optarg; break;
		case FIRST: o.first = parse_number(optarg, UINT64_MAX / 2); break;
		case 'c': o.connections = (unsigned)parse_number(optarg, CONNECTIONS_MAX); break;
		case 't': o.threads = (unsigned)parse_number(optarg, THREADS_MAX); break;
		case 'n': o.requests = (unsigned)parse_number(optarg, REQUESTS_MAX); break;
		case 's': o.seconds = (unsigned)parse_number(optarg, SECONDS_MAX); break;
		case 'w': o.warmup = (unsigned)parse_number(optarg, SECONDS_MAX); break;
		case 'p':
			for (pids = view_of(optarg); pids.n > 0 && o.n_pids < PIDS_MAX;) {
				unsigned long long pid;
				if (!view_to_u64(view_cut(&pids, ','), 1u << 30, &pid))
					die("a pid is malformed");
				o.pids[o.n_pids++] = (int)pid;
			}
			break;
		default: fputs(usage, stderr); exit(2);
		}
	}
	if (!address || !o.target || optind != argc || !o.connections || !o.threads || !o.seconds) {
		fputs(usage, stderr);
		exit(2);
	}
	if (o.threads > o.connections)
		o.threads = o.connections;
	parse_address(address);
	if (o.cert)
		make_context();
	if (o.bodies)
		load_bodies();
	if (!o.method)
		o.method = o.body || o.bodies ? "POST" : "GET";
	if (!o.key_prefix) {
		snprintf(prefix, sizeof prefix, "load-%llx", (unsigned long long)time(NULL));
		o.key_prefix = prefix;
	}
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Prints the figures; true when none failed. */
static bool report(struct worker *workers, double seconds, double cpu)
{
	uint64_t by_status[600] = { 0 }, failed = 0;
	size_t n = 0;

	for (unsigned i = 0; i < o.threads; i++)
		n += workers[i].n_latencies;
	uint32_t *all = malloc((n + 1) * sizeof *all);
	if (!all)
		die("no memory");
	n = 0;
	for (unsigned i = 0; i < o.threads; i++) {
		if (workers[i].n_latencies)
			memcpy(all + n, workers[i].latency_us, workers[i].n_latencies * sizeof *all);
		n += workers[i].n_latencies;
		failed += workers[i].failed;
		for (int s = 0; s < 600; s++)
			by_status[s] += workers[i].by_status[s];
		free(workers[i].latency_us);
	}
	qsort(all, n, sizeof *all, by_value);
	printf("connections %u\nthreads %u\nrequests %zu\nseconds %.2f\nrequests_per_second %.0f\n", o.connections,
	       o.threads, n, seconds, (double)n / seconds);
	if (n > 0)
		printf("p50_us %u\np90_us %u\np99_us %u\nmax_us %u\n", all[n / 2], all[n * 9 / 10], all[n * 99 / 100],
		       all[n - 1]);
	for (int s = 0; s < 600; s++)
		if (by_status[s])
			printf("status_%d %llu\n", s, (unsigned long long)by_status[s]);
	printf("failed %llu\n", (unsigned long long)failed);
	if (o.n_pids && n > 0)
		printf("cpu_us_per_request %.2f\n", cpu * 1e6 / (double)n);
	free(all);
	for (int s = 500; s < 600; s++)
		failed += by_status[s];
	return failed == 0 && n > 0;
}

static void on_term(int signal_number)
{
	(void)signal_number;
	atomic_store(&enough, true);
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_term);
	parse_options(argc, argv);
	atomic_store(&next_number, o.first);
	atomic_store(&counting, o.warmup == 0);
	for (unsigned i = 0; i < o.threads; i++) {
		workers[i].n = o.connections / o.threads + (i < o.connections % o.threads);
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			die("cannot start a thread");
	}
	/* Handshakes are not counted: the clock starts when all connections are up. */
	while (atomic_load(&connected) < o.connections)
		usleep(1000);
	if (o.warmup)
		usleep(o.warmup * 1000000u);
	double cpu = cpu_seconds(o.pids, o.n_pids);
	uint64_t from = now_ns(), until = from + o.seconds * UINT64_C(1000000000);
	atomic_store(&counting, true);
	while (now_ns() < until && !atomic_load(&enough) && atomic_load(&sent) < o.requests + o.connections) {
		usleep(2000);
		if (atomic_load(&sent) >= o.requests)
			break;
	}
	atomic_store(&counting, atomic_load(&sent) >= o.requests); /* the last ones still count then */
	double seconds = (double)(now_ns() - from) / 1e9;
	cpu = cpu_seconds(o.pids, o.n_pids) - cpu;
	if (!atomic_load(&counting))
		atomic_store(&stop, true);
	for (unsigned i = 0; i < o.threads; i++)
		pthread_join(workers[i].thread, NULL);
	bool good = report(workers, seconds, cpu);
	SSL_CTX_free(o.ctx);
	free(o.lines);
	return good ? 0 : 1;
}
