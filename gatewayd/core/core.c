/* Core's main thread: start order, signals, reload, retention, stop. See core.h. */
#include "gatewayd/core/core.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gatewayd/confine.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/control/control.h"
#include "gatewayd/core/open.h"
#include "gatewayd/os/files.h"
#include "gatewayd/core/audit/governing.h"
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/copy/disclosure_retention.h"
#include "gatewayd/core/commit/mirror.h"
#include "gatewayd/os/notify.h"
#include "gatewayd/core/audit/rebuild.h"
#include "gatewayd/core/copy/retention.h"
#include "gatewayd/core/witness/witness.h"
#include "gatewayd/core/notice_kinds.h"
#include "gatewayd/core/parts.h"
#include "gatewayd/core/routes.h"
#include "gatewayd/core/serve/worker.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define EXIT_CONFIG   78 /* EX_CONFIG of sysexits.h */
#define EDGE_END_MS   1000
#define WARN_EVERY_MS 3600000

/* --- reload --- */

static void log_errors(const struct error_list *errors)
{
	char text[700];

	for (size_t i = 0; i < errors->n; i++)
		log_line("error", "%s", error_print(&errors->items[i], text, sizeof text));
	if (errors->dropped)
		log_line("error", "and %zu more errors", errors->dropped);
}

static void warn_revocation(const struct conf *conf)
{
	char text[700];

	if (conf->revocation.reason != REASON_NONE)
		log_line("error", "everybody is refused: %s", error_print(&conf->revocation, text, sizeof text));
}

/* Loads the configuration with the secret that pseudonyms need; its documents must go on from those of `running`. */
static struct conf *load_conf(struct core *c, const struct conf *running, struct error_list *errors)
{
	int64_t now = instant_now_ms();
	struct conf *conf = conf_load(c->config_path, &c->pseudonym, now, errors);

	if (conf && !governing_permits(c->reader, running, conf, now, errors)) {
		conf_unref(conf);
		return NULL;
	}
	if (conf) {
		warn_revocation(conf);
		governing_warn(conf, now);
	}
	return conf;
}

/* Builds and checks everything new, then swaps one pointer; an error leaves the old one running. What binds
 * sockets and opens stores is taken at start only. */
static bool reload(struct core *c, struct error_list *errors)
{
	struct conf *fresh, *old;

	notify("RELOADING=1");
	fresh = load_conf(c, c->conf, errors);
	if (!fresh) {
		log_errors(errors);
		log_line("error", "reload: the running configuration stays");
		notify("READY=1");
		return false;
	}
	pthread_mutex_lock(&c->lock);
	old = c->conf;
	c->conf = fresh;
	pthread_mutex_unlock(&c->lock);
	conf_unref(old);
	if (!governing_submit(c, "reload"))
		log_line("warning", "the reload could not be logged: memory ran out");
	log_line("notice", "configuration reloaded");
	notify("READY=1");
	return true;
}

/* The configuration again, now with the secret that pseudonyms need. */
static bool arm_conf(struct core *c)
{
	struct error_list errors = { .n = 0 };
	struct conf *armed = load_conf(c, NULL, &errors);

	if (!armed) {
		log_errors(&errors);
		error_list_free(&errors);
		return false;
	}
	conf_unref(c->conf);
	c->conf = armed;
	error_list_free(&errors);
	return true;
}

/* --- the main loop --- */

struct loop {
	struct core *core;
	struct event_base *base;
	struct retention *retention;
	struct log_retention *disclosures;
	struct holds *holds;
	int64_t warn_ms; /* monotonic: when documents are looked at again */
	int edge_pid;
	int status;
};

static void on_stop(evutil_socket_t signal_number, short what, void *arg)
{
	struct loop *l = arg;

	(void)what;
	log_line("notice", "signal %d: stopping", (int)signal_number);
	atomic_store(&l->core->draining, true);
	event_base_loopbreak(l->base);
}

static void on_hangup(evutil_socket_t signal_number, short what, void *arg)
{
	struct loop *l = arg;
	struct error_list errors = { .n = 0 };

	(void)signal_number;
	(void)what;
	mirror_reopen(l->core->mirror);
	reload(l->core, &errors);
	error_list_free(&errors);
}

static void on_child(evutil_socket_t signal_number, short what, void *arg)
{
	struct loop *l = arg;
	int status;

	(void)signal_number;
	(void)what;
	if (l->edge_pid > 0 && waitpid(l->edge_pid, &status, WNOHANG) == l->edge_pid) {
		log_line("error", "the edge has ended (status %d)", status);
		l->edge_pid = 0;
		l->status = 1;
		event_base_loopbreak(l->base);
	}
}

static void on_die(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;

	(void)fd;
	(void)what;
	l->status = atomic_load(&l->core->tampered) ? EXIT_CONFIG : 1;
	event_base_loopbreak(l->base);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct error e = { .reason = REASON_NONE };

	(void)fd;
	(void)what;
	/* What a hold kept from being erased is due as soon as the hold has ended. */
	if (!clock_tick(l->core->clock, instant_now_ms(), instant_monotonic_ms(), &e) ||
	    !hold_sweep(l->holds, instant_now_ms(), &e) || !retention_sweep(l->retention, instant_now_ms(), &e) ||
	    !log_retention_sweep(l->disclosures, instant_now_ms(), &e))
		log_line("error", "retention: %s", e.text);
	if (instant_monotonic_ms() >= l->warn_ms) {
		l->warn_ms = instant_monotonic_ms() + WARN_EVERY_MS;
		governing_warn(l->core->conf, instant_now_ms());
	}
}

static void on_next_part(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct error e = { .reason = REASON_NONE };

	(void)fd;
	(void)what;
	if (!retention_sweep(l->retention, instant_now_ms(), &e))
		log_line("error", "retention: %s", e.text);
}

static void on_swept(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	int64_t rest_us;

	(void)fd;
	(void)what;
	retention_collect(l->retention);
	rest_us = retention_rest_us(l->retention);
	struct timeval rest = { .tv_sec = rest_us / 1000000, .tv_usec = rest_us % 1000000 };
	/* What cannot be added waits for the next tick. */
	if (rest_us >= 0)
		event_base_once(l->base, -1, EV_TIMEOUT, on_next_part, l, &rest);
}

/* What fell due while the daemon was down runs before it serves, unless the clock is not to be trusted. */
static bool catch_up(struct loop *l, struct error *e)
{
	for (;;) {
		if (!hold_sweep(l->holds, instant_now_ms(), e))
			return false;
		if (!hold_busy(l->holds) && !retention_sweep(l->retention, instant_now_ms(), e))
			return false;
		if (!hold_busy(l->holds) && !retention_busy(l->retention))
			return true;
		while ((hold_busy(l->holds) || retention_busy(l->retention)) && !atomic_load(&l->core->dying)) {
			usleep(1000);
			retention_collect(l->retention);
		}
		if (atomic_load(&l->core->dying))
			return error_set(e, REASON_STORE, "the store failed");
	}
}

#define LOOP_EVENTS 7

static bool add_events(struct loop *l, struct event *events[LOOP_EVENTS])
{
	struct timeval half = { .tv_usec = 500000 };
	struct event *made[LOOP_EVENTS] = {
		evsignal_new(l->base, SIGTERM, on_stop, l),
		evsignal_new(l->base, SIGINT, on_stop, l),
		evsignal_new(l->base, SIGHUP, on_hangup, l),
		evsignal_new(l->base, SIGCHLD, on_child, l),
		event_new(l->base, l->core->die_fd, EV_READ, on_die, l),
		event_new(l->base, -1, EV_PERSIST, on_tick, l),
		event_new(l->base, retention_fd(l->retention), EV_READ | EV_PERSIST, on_swept, l),
	};
	bool ok = true;

	for (size_t i = 0; i < LOOP_EVENTS; i++) {
		events[i] = made[i];
		ok = ok && made[i] && event_add(made[i], i == 5 ? &half : NULL) == 0;
	}
	return ok;
}

/* An edge whose channels were hung up sends what it still has and ends by itself; another is told to. */
static void end_edge(int pid, bool hung_up)
{
	for (int i = 0; hung_up && i < EDGE_END_MS; i++) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return;
		usleep(1000);
	}
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

/* Serves until something ends it. */
static int serve(struct core *c, const struct core_options *o, struct opened *opened, struct error *e)
{
	struct loop l = { .core = c,
		          .base = event_base_new(),
		          .retention = retention_new(c, opened->reader),
		          .holds = holds_new(c, opened->reader),
		          .disclosures = log_retention_new(c, opened->reader),
		          .warn_ms = instant_monotonic_ms() + WARN_EVERY_MS,
		          .edge_pid = o->edge_pid };
	struct event *events[LOOP_EVENTS] = { NULL };
	struct control *control = NULL;
	struct rebuild *rebuild = NULL;
	bool started = false, serving = false;

	if (!l.base || !l.retention || !l.holds || !l.disclosures || !add_events(&l, events)) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		goto out;
	}
	struct control_options options = { .core = c,
		                           .base = l.base,
		                           .listen_fd = o->control_fd,
		                           .reader = opened->reader,
		                           .retention = l.retention,
		                           .holds = l.holds,
		                           .reload = reload };
	control = control_new(&options);
	if (!control) {
		error_set(e, REASON_NO_MEMORY, "the control socket cannot be served");
		goto out;
	}
	c->clock = clock_open(c, opened->reader, instant_now_ms(), instant_monotonic_ms(), e);
	if (!c->clock)
		goto out;
	for (unsigned i = 0; i < c->n_workers; i++)
		if (!worker_start(c->workers[i], e))
			goto out;
	started = true;
	/* Nothing is added to the log before its witnesses were asked whether it is the one that they know. */
	if (!witness_wait(c) || !clock_tick(c->clock, instant_now_ms(), instant_monotonic_ms(), e) ||
	    !governing_submit(c, "start") || !catch_up(&l, e) || !(rebuild = rebuild_start(c, &c->witness->log, e))) {
		/* A lost edge or store may come back with a new start; a wrong log or configuration does not. */
		l.status = atomic_load(&c->dying) && !atomic_load(&c->tampered) ? 1 : EXIT_CONFIG;
		goto out;
	}
	serving = true;
	atomic_store(&c->serving, true);
	CONFINE_PROBE(CONFINE_CORE);
	log_line("notice", "%s serves as %s with %zu agreements", c->conf->node.agency, c->conf->node.origin,
	         c->conf->n_agreements);
	notify("READY=1");
	event_base_dispatch(l.base);
	notify("STOPPING=1");
out:
	rebuild_stop(rebuild);
	for (unsigned i = 0; started && i < c->n_workers; i++)
		worker_stop(c->workers[i]);
	for (unsigned i = 0; started && i < c->n_workers; i++)
		worker_join(c->workers[i]);
	for (unsigned i = 0; started && i < c->n_workers; i++)
		worker_hang_up(c->workers[i]);
	if (serving && !atomic_load(&c->tampered))
		governing_stop(c);
	writer_stop(c->writer);
	c->writer = NULL;
	for (unsigned i = 0; i < c->n_workers; i++)
		home_collect(c->workers[i]->home);
	if (l.retention)
		retention_collect(l.retention);
	control_free(control);
	for (size_t i = 0; i < LOOP_EVENTS; i++)
		if (events[i])
			event_free(events[i]);
	retention_free(l.retention);
	holds_free(l.holds);
	log_retention_free(l.disclosures);
	clock_free(c->clock);
	c->clock = NULL;
	if (l.base)
		event_base_free(l.base);
	if (l.edge_pid > 0)
		end_edge(l.edge_pid, started);
	return started ? l.status : EXIT_CONFIG;
}

static bool make_workers(struct core *c, const struct core_options *o, struct error *e)
{
	c->workers = calloc(o->n_channels, sizeof(struct worker *));
	if (!c->workers)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	c->n_workers = o->n_channels;
	for (unsigned i = 0; i < o->n_channels; i++) {
		c->workers[i] = worker_new(c, i, o->channels[i], e);
		if (!c->workers[i])
			return false;
	}
	return true;
}

/* What core may still open once it is confined: what the configuration names. */
static bool confine(const struct core *c, struct error *e)
{
	const struct node *n = &c->conf->node;
	struct arena mem = { .max = 0 };
	const char *kept[] = { n->store, n->mirror, n->anchor };
	const char *writable[8] = { NULL };
	const char *const *folders = conf_folders(c->conf, &mem);
	size_t k = 0, n_folders = 0;

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (kept[i])
			writable[k++] = file_folder(&mem, kept[i]);
	writable[k++] = n->keys;
	while (folders && folders[n_folders])
		n_folders++;
	struct confine_paths paths = {
		.readable = folders, .n_readable = n_folders, .writable = writable, .n_writable = k
	};
	bool ok = folders ? confine_core(&paths, e) : error_set(e, REASON_NO_MEMORY, "memory ran out");
	if (ok)
		log_line("notice", "core: %s", confine_summary());
	arena_free(&mem);
	return ok;
}

int core_run(const struct core_options *o)
{
	struct core c = { .config_path = o->config_path,
		          .conf = o->conf,
		          .build = GATEWAY_BUILD,
		          .routes = core_routes,
		          .parts = core_parts,
		          .notice_work = core_notice_kinds,
		          .lock = PTHREAD_MUTEX_INITIALIZER,
		          .started_ms = instant_now_ms(),
		          .timestamp_ms = TIME_NONE };
	struct opened opened = { .store = NULL };
	struct error e = { .reason = REASON_NONE };
	int status = EXIT_CONFIG;

	signal(SIGPIPE, SIG_IGN);
	evthread_use_pthreads();
	c.die_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	notify_open();
	if (c.die_fd >= 0 && confine(&c, &e) && core_open(&c, &opened, &e) && arm_conf(&c) && make_workers(&c, o, &e))
		status = serve(&c, o, &opened, &e);
	else if (o->edge_pid > 0)
		kill(o->edge_pid, SIGTERM);
	if (e.reason != REASON_NONE) {
		char text[700];
		log_line("error", "%s", error_print(&e, text, sizeof text));
	}
	writer_stop(c.writer);
	core_close(&c, &opened);
	return status;
}
