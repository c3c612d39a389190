/* See serving_private.h. */
#include "gatewayd/core/serving_private.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gatewayd/confine.h"
#include "gatewayd/exit_status.h"
#include "gatewayd/heap.h"
#include "gatewayd/core/acts/acts.h"
#include "gatewayd/core/audit/governing.h"
#include "gatewayd/core/audit/rebuild.h"
#include "gatewayd/core/commit/mirror.h"
#include "gatewayd/core/control/control.h"
#include "gatewayd/core/copy/disclosure_retention.h"
#include "gatewayd/core/copy/retention.h"
#include "gatewayd/core/copy/withdrawal.h"
#include "gatewayd/core/deliver/lost.h"
#include "gatewayd/core/deliver/stop_walk.h"
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/read/reading.h"
#include "gatewayd/core/serve/backlog.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/rate_days.h"
#include "gatewayd/core/serve/sources.h"
#include "gatewayd/core/serve/space.h"
#include "gatewayd/core/serve/worker.h"
#include "gatewayd/core/steps.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/witness/witness.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "gatewayd/os/notify.h"

#define EDGE_END_MS   1000
#define WARN_EVERY_MS 3600000
#define REMIND_MS     (24 * WARN_EVERY_MS)
#define ALIVE_MS      10000 /* a worker, or its edge thread, that was silent for so long hangs */
#define LOOP_EVENTS   7

struct loop {
	struct core *core;
	struct event_base *base;
	struct retention *retention;
	struct disclosure_retention *disclosures;
	struct holds *holds;
	struct withdrawals *withdrawals;
	struct acts *acts;
	struct stop_walk *stops;
	struct rate_days *days;
	struct event *events[LOOP_EVENTS];
	struct control *control;
	struct rebuild *rebuild;
	struct store *reader;
	int64_t warn_ms;   /* monotonic: when documents are looked at again */
	int64_t remind_ms; /* monotonic: when certificates are */
	int64_t watch_ms;  /* monotonic: when the service manager is told that all goes on */
	int control_fd;
	struct edge_child edge;
	bool sources_lost; /* they cannot be written; it was said */
	bool hung_up;      /* the workers' channels to the edge were */
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
	struct reload_said said = { .refuses = false };

	(void)signal_number;
	(void)what;
	mirror_reopen(l->core->mirror);
	core_reload(l->core, &said);
	error_list_free(&said.errors);
	error_list_free(&said.warnings);
}

static void on_child(evutil_socket_t signal_number, short what, void *arg)
{
	struct loop *l = arg;
	int status;

	(void)signal_number;
	(void)what;
	if (l->edge.pid > 0 && waitpid(l->edge.pid, &status, WNOHANG) == l->edge.pid) {
		log_line("error", "the edge has ended (status %d)", status);
		l->edge.pid = 0;
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

/* Tells the service manager that all goes on, and nothing when a worker or its edge thread hangs: then it starts both
 * processes anew. */
static void watch(struct loop *l)
{
	int64_t now = instant_monotonic_ms();
	const struct core *c = l->core;

	if (now < l->watch_ms)
		return;
	l->watch_ms = now + notify_watchdog_ms() / 2;
	for (unsigned i = 0; i < c->n_workers; i++) {
		if (atomic_load(&c->workers[i]->ticked_ms) < now - ALIVE_MS ||
		    atomic_load(&c->workers[i]->edge_seen_ms) < now - ALIVE_MS) {
			log_line("error", "worker %u, or its thread in the edge, has not run for %d s", i,
			         ALIVE_MS / 1000);
			return;
		}
	}
	notify_alive();
}

static void keep_sources(struct loop *l, bool now)
{
	struct error e = { .reason = REASON_NONE };
	char text[700];
	bool ok = sources_keep(l->core->sources, l->core->conf, instant_now_ms(), now, &e);

	if (!ok && !l->sources_lost)
		log_line("warning", "where partners come from cannot be kept for the next start: %s",
		         error_print(&e, text, sizeof text));
	l->sources_lost = !ok;
}

static void warn_of_certificate(void *arg, const char *text)
{
	(void)arg;
	log_line("warning", "%s", text);
}

/* What expires soon is said once a day, the first time at the start. */
static void remind(struct loop *l)
{
	if (instant_monotonic_ms() < l->remind_ms)
		return;
	l->remind_ms = instant_monotonic_ms() + REMIND_MS;
	conf_certificate_notes(l->core->conf, instant_now_ms(), warn_of_certificate, NULL);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	struct error e = { .reason = REASON_NONE };

	(void)fd;
	(void)what;
	space_watch(l->core);
	backlog_watch(l->core);
	rate_days_tick(l->days);
	/* What was freed after a load goes back to the system. */
	if (budget_idle(l->core->budget, instant_monotonic_ms())) {
		store_shed(l->reader);
		heap_give_back();
	}
	/* What a hold kept from being erased is due as soon as the hold has ended. */
	if (!clock_tick(l->core->clock, instant_now_ms(), instant_monotonic_ms(), &e) ||
	    !hold_sweep(l->holds, instant_now_ms(), &e) || !withdrawals_sweep(l->withdrawals, instant_now_ms(), &e) ||
	    !acts_sweep(l->acts, instant_now_ms(), &e) || !stop_walk_sweep(l->stops, instant_now_ms(), &e) ||
	    !retention_sweep(l->retention, instant_now_ms(), &e) ||
	    !disclosure_retention_sweep(l->disclosures, instant_now_ms(), &e))
		log_line("error", "retention: %s", e.text);
	readings_tell(l->core, instant_now_ms(), false);
	keep_sources(l, false);
	notify_again();
	remind(l);
	watch(l);
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

static bool sweeping(const struct loop *l)
{
	return hold_busy(l->holds) || retention_busy(l->retention) || withdrawals_busy(l->withdrawals) ||
	       acts_busy(l->acts) || stop_walk_busy(l->stops);
}

/* What fell due while the daemon was down runs before it serves, unless the clock is not to be trusted. */
static bool catch_up(struct loop *l, struct error *e)
{
	for (;;) {
		if (!hold_sweep(l->holds, instant_now_ms(), e) ||
		    !withdrawals_sweep(l->withdrawals, instant_now_ms(), e) ||
		    !acts_sweep(l->acts, instant_now_ms(), e) || !stop_walk_sweep(l->stops, instant_now_ms(), e))
			return false;
		bool settled = withdrawals_settled(l->withdrawals) && stop_walk_settled(l->stops);
		if (!hold_busy(l->holds) && !retention_busy(l->retention) && settled &&
		    !retention_sweep(l->retention, instant_now_ms(), e))
			return false;
		if (!sweeping(l) && settled)
			return true;
		while (sweeping(l) && !atomic_load(&l->core->dying)) {
			usleep(1000);
			retention_collect(l->retention);
		}
		if (atomic_load(&l->core->dying))
			return error_set(e, REASON_STORE, "the store failed");
	}
}

/* By its descriptor: core can signal no other process, whatever its number. */
void edge_child_stop(const struct edge_child *edge, bool hung_up)
{
	if (edge->pid <= 0)
		return;
	for (int i = 0; hung_up && i < EDGE_END_MS; i++) {
		if (waitpid(edge->pid, NULL, WNOHANG) == edge->pid)
			return;
		usleep(1000);
	}
	syscall(SYS_pidfd_send_signal, edge->fd, SIGTERM, NULL, 0);
	waitpid(edge->pid, NULL, 0);
}

/* --- start and stop, a pair each; the table is below them --- */

static bool no_memory(struct error *e)
{
	return error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static void edge_stop(void *arg)
{
	struct loop *l = arg;

	edge_child_stop(&l->edge, l->hung_up);
}

static bool base_start(void *arg, struct error *e)
{
	struct loop *l = arg;

	l->base = event_base_new();
	return l->base || no_memory(e);
}

static void base_stop(void *arg)
{
	event_base_free(((struct loop *)arg)->base);
}

static bool clock_start(void *arg, struct error *e)
{
	struct loop *l = arg;

	l->core->clock = clock_open(l->core, l->reader, instant_now_ms(), instant_monotonic_ms(), e);
	return l->core->clock != NULL;
}

static void clock_stop(void *arg)
{
	struct loop *l = arg;

	clock_free(l->core->clock);
	l->core->clock = NULL;
}

static void sweeps_stop(void *arg)
{
	struct loop *l = arg;

	retention_free(l->retention);
	holds_free(l->holds);
	withdrawals_free(l->withdrawals);
	stop_walk_free(l->stops);
	acts_free(l->acts);
	disclosure_retention_free(l->disclosures);
}

static bool sweeps_start(void *arg, struct error *e)
{
	struct loop *l = arg;

	l->retention = retention_new(l->core, l->reader);
	l->holds = holds_new(l->core, l->reader);
	l->withdrawals = withdrawals_new(l->core, l->reader);
	l->stops = stop_walk_new(l->core, l->reader);
	l->acts = acts_new(l->core, l->reader);
	l->disclosures = disclosure_retention_new(l->core, l->reader);
	if (l->retention && l->holds && l->withdrawals && l->stops && l->acts && l->disclosures)
		return true;
	sweeps_stop(l);
	return no_memory(e);
}

static void events_stop(void *arg)
{
	struct loop *l = arg;

	for (size_t i = 0; i < LOOP_EVENTS; i++)
		if (l->events[i])
			event_free(l->events[i]);
}

static bool events_start(void *arg, struct error *e)
{
	struct loop *l = arg;
	struct timeval half = { .tv_usec = 500000 };
	const struct {
		struct event *event;
		const struct timeval *every;
	} made[LOOP_EVENTS] = {
		{ evsignal_new(l->base, SIGTERM, on_stop, l), NULL },
		{ evsignal_new(l->base, SIGINT, on_stop, l), NULL },
		{ evsignal_new(l->base, SIGHUP, on_hangup, l), NULL },
		{ evsignal_new(l->base, SIGCHLD, on_child, l), NULL },
		{ event_new(l->base, l->core->die_fd, EV_READ, on_die, l), NULL },
		{ event_new(l->base, -1, EV_PERSIST, on_tick, l), &half },
		{ event_new(l->base, retention_fd(l->retention), EV_READ | EV_PERSIST, on_swept, l), NULL },
	};
	bool ok = true;

	for (size_t i = 0; i < LOOP_EVENTS; i++) {
		l->events[i] = made[i].event;
		ok = ok && made[i].event && event_add(made[i].event, made[i].every) == 0;
	}
	if (ok)
		return true;
	events_stop(l);
	return no_memory(e);
}

static bool control_start(void *arg, struct error *e)
{
	struct loop *l = arg;
	struct control_options options = { .core = l->core,
		                           .base = l->base,
		                           .listen_fd = l->control_fd,
		                           .reader = l->reader,
		                           .retention = l->retention,
		                           .holds = l->holds,
		                           .reload = core_reload };

	l->control = control_new(&options);
	return l->control || error_set(e, REASON_NO_MEMORY, "the control socket cannot be served");
}

static void control_stop(void *arg)
{
	control_free(((struct loop *)arg)->control);
}

/* The last entry of the log, if this node served; then nothing is written any more, and what was written comes home. */
static void writer_end(void *arg)
{
	struct loop *l = arg;
	struct core *c = l->core;

	if (atomic_load(&c->serving) && !atomic_load(&c->tampered)) {
		readings_tell(c, instant_now_ms(), true);
		governing_stop(c);
	}
	writer_stop(c->writer);
	c->writer = NULL;
	/* Twice: what could not be committed with others is submitted by itself, and comes home again. */
	for (unsigned i = 0; i < 2 * c->n_workers; i++)
		home_collect(c->workers[i % c->n_workers]->home);
	retention_collect(l->retention);
}

static void workers_stop_first(struct core *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		worker_stop(c->workers[i]);
	for (unsigned i = 0; i < n; i++)
		worker_join(c->workers[i]);
	for (unsigned i = 0; i < n; i++)
		worker_hang_up(c->workers[i]);
}

static bool workers_start(void *arg, struct error *e)
{
	struct core *c = ((struct loop *)arg)->core;

	for (unsigned i = 0; i < c->n_workers; i++)
		if (!worker_start(c->workers[i], e)) {
			workers_stop_first(c, i);
			return false;
		}
	return true;
}

static void workers_stop(void *arg)
{
	struct loop *l = arg;

	workers_stop_first(l->core, l->core->n_workers);
	l->hung_up = true;
}

/* Nothing is added to the log before its witnesses were asked whether it is the one that they know. */
static bool log_start(void *arg, struct error *e)
{
	struct loop *l = arg;
	struct core *c = l->core;

	space_watch(c);
	return witness_wait(c) && clock_tick(c->clock, instant_now_ms(), instant_monotonic_ms(), e) &&
	       governing_submit(c, c->conf, "start") && lost_sweep(c, l->reader, e) && catch_up(l, e);
}

static bool days_start(void *arg, struct error *e)
{
	struct loop *l = arg;

	l->days = rate_days_new(l->core, l->reader, e);
	return l->days != NULL;
}

static void days_stop(void *arg)
{
	rate_days_end(((struct loop *)arg)->days);
}

static bool verification_start(void *arg, struct error *e)
{
	struct loop *l = arg;

	l->rebuild = rebuild_start(l->core, &l->core->witness->log, e);
	return l->rebuild != NULL;
}

static void verification_stop(void *arg)
{
	rebuild_stop(((struct loop *)arg)->rebuild);
}

static const struct step serving_steps[] = {
	{ "edge", NULL, edge_stop },
	{ "event loop", base_start, base_stop },
	{ "clock", clock_start, clock_stop },
	{ "sweeps", sweeps_start, sweeps_stop },
	{ "events", events_start, events_stop },
	{ "control socket", control_start, control_stop },
	{ "writer", NULL, writer_end },
	{ "days of rates", days_start, days_stop },
	{ "workers", workers_start, workers_stop },
	{ "log", log_start, NULL },
	{ "verification", verification_start, verification_stop },
	{ .name = NULL },
};

int core_serve(struct core *c, const struct core_options *o, struct store *reader, struct error *e)
{
	struct loop l = { .core = c,
		          .reader = reader,
		          .warn_ms = instant_monotonic_ms() + WARN_EVERY_MS,
		          .watch_ms = notify_watchdog_ms() ? 0 : INT64_MAX,
		          .control_fd = o->control_fd,
		          .edge = o->edge };
	size_t started = 0;

	if (steps_start(serving_steps, &l, &started, e)) {
		l.status = 0;
		atomic_store(&c->serving, true);
		CONFINE_PROBE(CONFINE_CORE);
		log_line("notice", "%s serves as %s with %zu agreements", c->conf->node.agency, c->conf->node.origin,
		         c->conf->n_agreements);
		notify("READY=1");
		event_base_dispatch(l.base);
		notify("STOPPING=1");
		keep_sources(&l, true);
	} else {
		log_line("error", "cannot start: %s", serving_steps[started].name);
		/* A lost edge or store may come back with a new start; a wrong log or configuration does not. */
		l.status = atomic_load(&c->tampered) ? EXIT_CONFIG
		           : atomic_load(&c->dying)  ? 1
		                                     : exit_status(e->reason);
	}
	steps_stop(serving_steps, &l, started);
	return l.status;
}
