/* A load generator: requests over mutual TLS 1.3 (or plain), and what became of them: requests a second, waits, answers by
 * status, and the CPU time that given processes and their children used for a request, from the kernel's accounting. Closed
 * loop: each connection sends its next request when it was answered, so that a server that stands still is asked less. Open
 * loop (--rate): requests are due at even distances whatever the server does, and a wait counts from then. Loopback
 * only; bounded in count and time. Each thread has its own epoll, connections and figures; they meet only at the end. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "test/bench/cpu.h"
#include "test/bench/load/connection.h"
#include "test/bench/load/histogram.h"
#include "test/bench/load/options.h"

#define RECONNECTS_MAX 1000
#define SECOND         UINT64_C(1000000000)

static atomic_uint_least64_t next_number;
static atomic_uint sent, connected;
static atomic_bool counting, stop, enough;

struct worker {
	pthread_t thread;
	unsigned n; /* connections */
	struct connection *connections, *idle;
	int epoll, timer;
	uint64_t due_ns, distance_ns; /* open loop: when the next request is due, and what lies between two */
	struct histogram waits;
	uint64_t by_status[600], failed, reconnects;
	bool out_of_requests;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

static void watch(struct worker *w, struct connection *c, int operation)
{
	struct epoll_event e = { .events = EPOLLIN | (c->writes ? EPOLLOUT : 0), .data.ptr = c };

	if (epoll_ctl(w->epoll, operation, c->fd, &e) != 0)
		die("epoll_ctl failed");
}

static bool flush(struct worker *w, struct connection *c)
{
	if (!connection_write(c))
		return false;
	if (c->writes != (c->out_at < c->out.n)) {
		c->writes = !c->writes;
		watch(w, c, EPOLL_CTL_MOD);
	}
	return true;
}

/* Sends the next request, due at `due_ns`; false when the connection is over. Where enough were sent the connection rests. */
static bool send_next(struct worker *w, struct connection *c, uint64_t due_ns)
{
	if (atomic_fetch_add_explicit(&sent, 1, memory_order_relaxed) >= options.requests) {
		w->out_of_requests = true;
		return true;
	}
	connection_request(c, atomic_fetch_add_explicit(&next_number, 1, memory_order_relaxed), due_ns);
	return flush(w, c);
}

/* A connection that was answered, or is new: it sends what comes next, or in an open loop waits until something is due. */
static bool carry_on(struct worker *w, struct connection *c)
{
	if (options.rate == 0)
		return send_next(w, c, now_ns());
	if (now_ns() < w->due_ns) {
		c->next = w->idle;
		w->idle = c;
		return true;
	}
	uint64_t due = w->due_ns;
	w->due_ns += w->distance_ns;
	return send_next(w, c, due);
}

static void connect_anew(struct worker *w, struct connection *c)
{
	for (bool good = false; !good;) {
		while (!connection_open(c)) {
			connection_close(c);
			w->failed++;
			if (++w->reconnects > RECONNECTS_MAX)
				die("the server does not take connections");
			usleep(10000);
		}
		watch(w, c, EPOLL_CTL_ADD);
		good = carry_on(w, c);
		if (!good)
			connection_close(c);
	}
}

static void lost(struct worker *w, struct connection *c)
{
	for (struct connection **at = &w->idle; *at; at = &(*at)->next) {
		if (*at == c) {
			*at = c->next;
			break;
		}
	}
	w->failed += c->busy;
	connection_close(c);
	if (++w->reconnects > RECONNECTS_MAX)
		die("the server keeps closing connections");
	connect_anew(w, c);
}

static void note(struct worker *w, const struct connection *c, int status)
{
	if (!atomic_load_explicit(&counting, memory_order_relaxed))
		return;
	w->by_status[status]++;
	histogram_add(&w->waits, now_ns() - c->due_ns);
}

static void handle(struct worker *w, struct connection *c, uint32_t events)
{
	bool good = !(events & EPOLLOUT) || flush(w, c);

	if (good && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		int status = connection_read(c);
		if (status > 0)
			note(w, c, status);
		if (status > 0 && options.fresh) {
			connection_close(c);
			connect_anew(w, c);
			return;
		}
		good = status == 0 || (status > 0 && carry_on(w, c));
	}
	if (!good)
		lost(w, c);
}

/* Open loop: sends what is due, as far as connections are idle, and sets the timer for the next. */
static void send_due(struct worker *w)
{
	while (w->idle && w->due_ns <= now_ns() && !w->out_of_requests) {
		struct connection *c = w->idle;
		w->idle = c->next;
		if (!carry_on(w, c))
			lost(w, c);
	}
	struct itimerspec at = { .it_value = { .tv_sec = (time_t)(w->due_ns / SECOND),
		                               .tv_nsec = (long)(w->due_ns % SECOND) } };
	if (!w->idle)
		at.it_value = (struct timespec){ 0 }; /* whoever is answered next sends it */
	if (timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &at, NULL) != 0)
		die("the timer cannot be set");
}

static bool anything_under_way(const struct worker *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->connections[i].busy)
			return true;
	return false;
}

static void prepare(struct worker *w)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	w->connections = calloc(w->n, sizeof *w->connections);
	if (w->epoll < 0 || w->timer < 0 || !w->connections || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->timer, &e) != 0)
		die("no memory or descriptors");
	w->due_ns = now_ns();
	for (unsigned i = 0; i < w->n; i++) {
		connection_init(&w->connections[i]);
		connect_anew(w, &w->connections[i]);
		atomic_fetch_add(&connected, 1);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;

	prepare(w);
	if (options.rate > 0)
		w->due_ns = now_ns(); /* what handshakes took is no debt */
	while (!atomic_load_explicit(&stop, memory_order_relaxed) && !(w->out_of_requests && !anything_under_way(w))) {
		struct epoll_event events[64];
		if (options.rate > 0)
			send_due(w);
		int n = epoll_wait(w->epoll, events, 64, 100);
		for (int i = 0; i < n; i++) {
			uint64_t expirations;
			if (events[i].data.ptr)
				handle(w, events[i].data.ptr, events[i].events);
			else if (read(w->timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
				die("the timer cannot be read");
		}
	}
	for (unsigned i = 0; i < w->n; i++)
		connection_free(&w->connections[i]);
	free(w->connections);
	close(w->timer);
	close(w->epoll);
	return NULL;
}

/* Prints the figures; true when none failed. */
static bool report(struct worker *workers, double seconds, double cpu)
{
	static struct histogram waits;
	static const struct {
		const char *name;
		unsigned parts;
	} percentiles[] = { { "p50", 50000 }, { "p90", 90000 }, { "p99", 99000 }, { "p99.9", 99900 } };
	uint64_t by_status[600] = { 0 }, failed = 0;

	for (unsigned i = 0; i < options.threads; i++) {
		histogram_merge(&waits, &workers[i].waits);
		failed += workers[i].failed;
		for (int s = 0; s < 600; s++)
			by_status[s] += workers[i].by_status[s];
	}
	printf("connections %u\nthreads %u\nrequests %llu\nseconds %.2f\nrequests_per_second %.0f\n",
	       options.connections, options.threads, (unsigned long long)waits.n, seconds, (double)waits.n / seconds);
	for (size_t i = 0; waits.n > 0 && i < sizeof percentiles / sizeof *percentiles; i++)
		printf("%s_us %.1f\n", percentiles[i].name,
		       (double)histogram_percentile(&waits, percentiles[i].parts) / 1000);
	if (waits.n > 0)
		printf("max_us %.1f\n", (double)waits.max_ns / 1000);
	for (int s = 0; s < 600; s++)
		if (by_status[s])
			printf("status_%d %llu\n", s, (unsigned long long)by_status[s]);
	printf("failed %llu\n", (unsigned long long)failed);
	if (options.n_pids && waits.n > 0)
		printf("cpu_us_per_request %.2f\n", cpu * 1e6 / (double)waits.n);
	for (int s = 500; s < 600; s++)
		failed += by_status[s];
	return failed == 0 && waits.n > 0;
}

static void on_term(int signal_number)
{
	(void)signal_number;
	atomic_store(&enough, true);
}

/* Each thread's share of connections and, in an open loop, of the rate. */
static void start_workers(struct worker *workers)
{
	for (unsigned i = 0; i < options.threads; i++) {
		workers[i].n = options.connections / options.threads + (i < options.connections % options.threads);
		if (options.rate > 0)
			workers[i].distance_ns = SECOND * options.threads / options.rate;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			die("cannot start a thread");
	}
	/* Handshakes are not counted: the clock starts when all connections are up. */
	while (atomic_load(&connected) < options.connections)
		usleep(1000);
	if (options.warmup)
		usleep(options.warmup * 1000000u);
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_term);
	options_parse(argc, argv);
	atomic_store(&next_number, options.first);
	atomic_store(&counting, options.warmup == 0);
	start_workers(workers);
	double cpu = cpu_seconds(options.pids, options.n_pids);
	uint64_t from = now_ns(), until = from + options.seconds * SECOND;
	atomic_store(&counting, true);
	while (now_ns() < until && !atomic_load(&enough) && atomic_load(&sent) < options.requests)
		usleep(2000);
	atomic_store(&counting, atomic_load(&sent) >= options.requests); /* the last ones still count then */
	double seconds = (double)(now_ns() - from) / 1e9;
	cpu = cpu_seconds(options.pids, options.n_pids) - cpu;
	if (!atomic_load(&counting))
		atomic_store(&stop, true);
	for (unsigned i = 0; i < options.threads; i++)
		pthread_join(workers[i].thread, NULL);
	bool good = report(workers, seconds, cpu);
	SSL_CTX_free(options.ctx);
	free(options.lines);
	return good ? 0 : 1;
}
