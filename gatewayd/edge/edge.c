/* The edge process: one thread a channel, each with its event base, listeners, connections and outbound client
 * (edge.h). Thread 0 is the one that calls edge_run(); it reads the configuration from its channel first, and
 * later ones while it runs. When one channel dies every thread stops: without core there is nothing to do. */
#include "gatewayd/edge/edge.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/thread.h>
#include <event2/util.h>

#include "gatewayd/confine.h"
#include "gatewayd/heap.h"
#include "gatewayd/edge/client.h"
#include "gatewayd/edge/conn.h"
#include "gatewayd/edge/listener.h"
#include "gatewayd/edge/peers.h"
#include "gatewayd/edge/tell.h"
#include "lib/base/wire.h"

#define EXIT_CONFIG 78 /* EX_CONFIG of sysexits.h */
#define BUILD_MAX   (2 * CHANNEL_FRAME_MAX)
#define PRINT_MS    60000
#define COUNTS_MS   1000
#define LAST_TURNS  64
#define REST_MS     4000 /* between two walks through the heap */
#define REST_EVENTS 100  /* a second: more are a load */

/* Changes of a turn reach epoll together. One for a descriptor that was closed meanwhile, and that another thread
 * opened, is refused by the kernel (ENOENT); the thread sanitizer takes it for a race. */
#ifdef __SANITIZE_THREAD__
#define CHANGES_AT_ONCE 0
#else
#define CHANGES_AT_ONCE EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST
#endif

uint64_t edge_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void edge_log(const struct edge_thread *t, enum journal_level level, const char *fmt, ...)
{
	char text[512], before[40], thread[12];
	const struct journal_field fields[] = { { "thread", thread }, { NULL, NULL } };
	va_list ap;

	if (!journal_takes(level))
		return;
	snprintf(before, sizeof before, "gatewayd edge[%d]: ", t->index);
	snprintf(thread, sizeof thread, "%d", t->index);
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	journal_write(level, before, text, fields);
}

/* Core can do nothing about it before a request comes. */
static bool may_wait(enum frame_type type)
{
	return type == FRAME_OPEN || type == FRAME_KNOWN || type == FRAME_CLOSE;
}

void edge_send(struct edge_thread *t, enum frame_type type, bool last, uint64_t id, struct view a, struct view b)
{
	/* A channel that took no frame is dead, which the end of the turn finds out. */
	(void)channel_send(t->channel, type, last ? FRAME_LAST : 0, id, a, b);
	t->channel_due = t->channel_due || !may_wait(type);
}

void edge_send_u32(struct edge_thread *t, enum frame_type type, uint64_t id, uint32_t n)
{
	uint8_t bytes[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };

	edge_send(t, type, false, id, view_make(bytes, sizeof bytes), VIEW(""));
}

bool edge_is_full(const struct edge_thread *t)
{
	return channel_queued(t->channel) > EDGE_QUEUE_HIGH;
}

static void wake_all(struct edge *e)
{
	uint64_t one = 1;

	for (int i = 0; i < e->n_threads; i++)
		if (e->threads[i].wake_fd >= 0 && write(e->threads[i].wake_fd, &one, sizeof one) < 0)
			continue; /* it is awake already */
}

static void stop_all(struct edge *e)
{
	if (!atomic_exchange(&e->stop, true))
		wake_all(e);
}

static bool thread_open(struct edge_thread *t);

/* A piece of configuration. The one before stays when the new one has an error. */
static void take_config(struct edge_thread *t, const struct frame *f)
{
	struct edge *e = t->edge;
	struct error err = { .reason = REASON_NONE };
	char text[600];

	if (t->index != 0)
		return;
	buf_add(&t->config, f->payload);
	if (!(f->flags & FRAME_LAST))
		return;
	struct settings *s = settings_new(&t->config, &err);
	if (!s) {
		edge_log(t, JOURNAL_ERROR, "configuration: %s", error_print(&err, text, sizeof text));
		e->refused = true;
		return;
	}
	journal_set(s->log_level, s->log_form);
	for (size_t i = 0; i < s->n_known; i++)
		gate_know(e->gate, &s->known[i].address, &s->known[i].partner, edge_now() + s->known[i].left_ms);
	pthread_mutex_lock(&e->lock);
	struct settings *old = e->settings;
	e->settings = s;
	pthread_mutex_unlock(&e->lock);
	settings_unref(old);
	/* The first opens this thread at once: what follows it on the channel may be a request already. */
	if (old)
		wake_all(e);
	else if (!thread_open(t))
		stop_all(e);
}

static void take_frame(void *arg, const struct frame *f)
{
	struct edge_thread *t = arg;

	if (f->type == FRAME_CONFIG)
		take_config(t, f);
	else if (!t->is_open)
		edge_log(t, JOURNAL_ERROR, "core sent something before the configuration");
	else if (f->id & CHANNEL_OUTBOUND)
		client_frame(t, f);
	else
		conn_frame(t, f);
}

static void on_channel(evutil_socket_t fd, short what, void *arg)
{
	struct edge_thread *t = arg;

	(void)fd;
	if (what & EV_READ && channel_receive(t->channel, take_frame, t) == CHANNEL_DEAD)
		stop_all(t->edge);
}

static void print_counts(struct edge_thread *t)
{
	struct buf line = BUF_INIT(1024);

	for (enum edge_count c = 0; c < EDGE_COUNTS_N; c++)
		if (t->counts.n[c] != t->printed.n[c])
			buf_addf(&line, " %s=%llu", edge_count_name(c), (unsigned long long)t->counts.n[c]);
	if (line.n > 0)
		edge_log(t, JOURNAL_INFO, "counts:%.*s", VIEW_ARG(buf_view(&line)));
	t->printed = t->counts;
	buf_free(&line);
}

/* Core shows them, and sees by them that the thread is alive. */
static void send_counts(struct edge_thread *t)
{
	buf_reset(&t->build);
	for (enum edge_count c = 0; c < EDGE_COUNTS_N; c++)
		put_u64(&t->build, t->counts.n[c]);
	edge_send(t, FRAME_COUNTS, false, 0, buf_view(&t->build), VIEW(""));
}

/* What a load left behind goes back to the system once it is over: with so few events a second what the walk through
 * the heap costs is nobody's wait. */
static void rest(struct edge_thread *t, uint64_t now)
{
	uint64_t events =
	        t->counts.n[EDGE_COUNT_accepted] + t->counts.n[EDGE_COUNT_requests] + t->counts.n[EDGE_COUNT_outbound];
	uint32_t open = conns_open(t->conns) + (t->index == 0 ? gate_sources(t->edge->gate) : 0);
	bool quiet = events - t->rest_events < REST_EVENTS;

	t->warm = t->warm || events != t->rest_events || open != t->rest_open;
	t->rest_events = events;
	t->rest_open = open;
	if (!t->warm || !quiet || now < t->rest_ms)
		return;
	t->warm = false;
	t->rest_ms = now + REST_MS;
	channel_rest(t->channel);
	buf_wipe(&t->build);
	heap_give_back();
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct edge_thread *t = arg;

	(void)fd, (void)what;
	conns_tick(t);
	listeners_tick(t);
	t->channel_due = true;
	if (t->index == 0)
		gate_rest(t->edge->gate, edge_now());
	if (edge_now() >= t->counts_ms) {
		t->counts_ms = edge_now() + COUNTS_MS;
		send_counts(t);
		rest(t, edge_now());
	}
	if (edge_now() >= t->print_ms) {
		t->print_ms = edge_now() + PRINT_MS;
		print_counts(t);
	}
}

/* Another thread rang: new settings, a connection that must go, or the end. */
static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct edge_thread *t = arg;
	uint64_t rung;

	(void)what;
	if (read(fd, &rung, sizeof rung) < 0 || atomic_load(&t->edge->stop))
		return;
	conns_evict(t);
	pthread_mutex_lock(&t->edge->lock);
	struct settings *s = settings_ref(t->edge->settings);
	pthread_mutex_unlock(&t->edge->lock);
	if (s == t->settings) {
		settings_unref(s);
		return;
	}
	settings_unref(t->settings);
	t->settings = s;
	client_settings(t);
}

/* What the turn queued leaves in one write. */
static void turn_ends(struct edge_thread *t)
{
	conns_read_on(t);
	enum channel_state state = t->channel_due ? channel_flush(t->channel) : CHANNEL_IDLE;

	if (state == CHANNEL_DEAD) {
		stop_all(t->edge);
		return;
	}
	bool waits = state == CHANNEL_WANTS_WRITE;
	t->channel_due = waits;
	if (waits != t->channel_waits) {
		t->channel_waits = waits;
		if (waits)
			event_add(&t->channel_write, NULL);
		else
			event_del(&t->channel_write);
	}
	conns_turn(t);
	client_turn(t);
	wipe_registers();
}

/* Everything of a thread that needs settings. */
static bool thread_parts(struct edge_thread *t)
{
	const struct edge_fds *fds = t->edge->fds;
	struct timeval tick = { .tv_usec = EDGE_TICK_MS * 1000 };
	struct event_config *config = event_config_new();

	if (config) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV | CHANGES_AT_ONCE);
		t->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (!t->base)
		return false;
	pthread_mutex_lock(&t->edge->lock);
	t->settings = settings_ref(t->edge->settings);
	pthread_mutex_unlock(&t->edge->lock);
	t->print_ms = edge_now() + PRINT_MS;
	int fd = channel_fd(t->channel);
	event_assign(&t->channel_read, t->base, fd, EV_READ | EV_PERSIST, on_channel, t);
	event_assign(&t->channel_write, t->base, fd, EV_WRITE | EV_PERSIST, on_channel, t);
	event_assign(&t->wake, t->base, t->wake_fd, EV_READ | EV_PERSIST, on_wake, t);
	event_assign(&t->tick, t->base, -1, EV_PERSIST, on_tick, t);
	t->client = client_new(t);
	t->conns = conns_new();
	if (!t->client || !t->conns || event_add(&t->channel_read, NULL) < 0 || event_add(&t->wake, NULL) < 0 ||
	    event_add(&t->tick, &tick) < 0)
		return false;
	for (int i = 0; i < fds->n_listeners; i++)
		if (!listener_add(t, fds->listeners[t->index][i], false))
			return false;
	for (int i = 0; t->index == 0 && i < fds->n_monitors; i++)
		if (!listener_add(t, fds->monitors[i], true))
			return false;
	return true;
}

static bool thread_open(struct edge_thread *t)
{
	t->is_open = thread_parts(t);
	if (!t->is_open)
		edge_log(t, JOURNAL_ERROR, "cannot start: no memory or descriptors");
	return t->is_open;
}

static void thread_close(struct edge_thread *t)
{
	if (t->base) {
		print_counts(t);
		listeners_free(t);
		conns_free(t->conns);
		client_free(t->client);
		if (t->channel_waits)
			event_del(&t->channel_write);
		event_del(&t->channel_read);
		event_del(&t->wake);
		event_del(&t->tick);
		event_base_free(t->base);
	}
	settings_unref(t->settings);
	channel_free(t->channel);
	buf_wipe(&t->config);
	buf_wipe(&t->build);
	if (t->wake_fd >= 0)
		close(t->wake_fd);
}

/* Something to do is known that no descriptor tells of: bytes inside TLS, or frames that were queued after the last turn's
 * left. */
static bool has_work(const struct edge_thread *t)
{
	return conns_have_more(t) || (t->channel_due && !t->channel_waits);
}

static void *thread_main(void *arg)
{
	struct edge_thread *t = arg;

	CONFINE_PROBE(CONFINE_EDGE);
	if (!t->is_open && !thread_open(t)) {
		stop_all(t->edge);
		return NULL;
	}
	while (!atomic_load_explicit(&t->edge->stop, memory_order_relaxed)) {
		if (event_base_loop(t->base, EVLOOP_ONCE | (has_work(t) ? EVLOOP_NONBLOCK : 0)) < 0) {
			edge_log(t, JOURNAL_ERROR, "the event loop failed");
			stop_all(t->edge);
		}
		turn_ends(t);
	}
	/* What core sent before it hung up is still answered. */
	for (int i = 0; i < LAST_TURNS && channel_receive(t->channel, take_frame, t) != CHANNEL_DEAD; i++)
		continue;
	conns_turn(t);
	return NULL;
}

/* Waits on channel 0 for the first configuration. False when there was none. */
static bool wait_for_settings(struct edge *e)
{
	struct edge_thread *t = &e->threads[0];
	struct pollfd poll_fd = { .fd = channel_fd(t->channel), .events = POLLIN };

	while (!e->settings) {
		if (poll(&poll_fd, 1, -1) < 0 && errno != EINTR)
			return false;
		if (channel_receive(t->channel, take_frame, t) == CHANNEL_DEAD || atomic_load(&e->stop))
			return false;
		if (e->refused)
			return false;
	}
	return true;
}

bool edge_prepare(void)
{
	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes with write(2) */
	return evthread_use_pthreads() == 0 && evutil_secure_rng_init() == 0 && tls_prepare();
}

static int run_threads(struct edge *e)
{
	int started = 1, status = EXIT_SUCCESS;

	for (; started < e->n_threads; started++) {
		if (pthread_create(&e->threads[started].thread, NULL, thread_main, &e->threads[started]) != 0) {
			edge_log(&e->threads[0], JOURNAL_ERROR, "cannot start a thread");
			status = EXIT_FAILURE;
			stop_all(e);
			break;
		}
	}
	e->threads[0].thread = pthread_self();
	thread_main(&e->threads[0]);
	for (int i = 1; i < started; i++)
		pthread_join(e->threads[i].thread, NULL);
	return status;
}

int edge_run(const struct edge_fds *fds)
{
	struct edge e = { .n_threads = fds->n_threads, .fds = fds };
	int status = EXIT_FAILURE;

	if (fds->n_threads < 1 || fds->n_threads > EDGE_THREADS_MAX)
		return status;
	pthread_mutex_init(&e.lock, NULL);
	e.peers = peers_new();
	e.gate = gate_new();
	e.threads = calloc((size_t)fds->n_threads, sizeof *e.threads);
	bool ok = e.peers && e.gate && e.threads;
	for (int i = 0; e.threads && i < e.n_threads; i++) {
		struct edge_thread *t = &e.threads[i];
		t->edge = &e;
		t->index = i;
		t->config = BUF_INIT(SETTINGS_MAX);
		t->build = BUF_INIT(BUILD_MAX);
		t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		gate_exit_init(&t->exit, t->wake_fd);
		t->channel = channel_new(fds->channels[i], EDGE_QUEUE_MAX);
		ok = ok && t->wake_fd >= 0 && t->channel;
	}
	if (ok)
		status = wait_for_settings(&e) ? run_threads(&e) : EXIT_CONFIG;
	for (int i = 0; e.threads && i < e.n_threads; i++)
		thread_close(&e.threads[i]);
	settings_unref(e.settings);
	free(e.threads);
	gate_free(e.gate);
	peers_free(e.peers);
	pthread_mutex_destroy(&e.lock);
	return status;
}
