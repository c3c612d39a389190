/* See worker.h. */
#include "gatewayd/core/serve/worker_private.h"

#include <sys/socket.h>

#include "gatewayd/confine.h"
#include "gatewayd/core/commit/prover.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/shown.h"
#include "gatewayd/core/serve/sources.h"
#include "gatewayd/core/serve/standing.h"
#include "gatewayd/core/serve/turns.h"
#include "gatewayd/core/store/mark.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/os/instant.h"

#define CHANNEL_QUEUE_MAX (256u * 1024 * 1024)
#define STOP_MS           5000 /* for answers under way when the daemon stops */
#define DIE_MS            200  /* and when it goes down by a failure */
#define REST_TICKS        20   /* without a request, before memory that was kept for more is freed */

/* --- the edge's configuration --- */

static void send_pieces(struct worker *w, struct view bytes, bool last)
{
	do {
		struct view piece = view_make(bytes.p, bytes.n < CHANNEL_PAYLOAD_MAX ? bytes.n : CHANNEL_PAYLOAD_MAX);
		bytes = view_from(bytes, piece.n);
		channel_send(w->channel, FRAME_CONFIG, last && bytes.n == 0 ? FRAME_LAST : 0, 0, piece, VIEW(""));
	} while (bytes.n);
}

/* Where partners came from of late, as a part of the configuration. */
static void send_known(struct worker *w, const struct conf *conf)
{
	struct buf lines = BUF_INIT(1u << 20), blob = BUF_INIT(1u << 20);

	sources_print(w->core->sources, conf, instant_now_ms(), &lines);
	put_view16(&blob, VIEW("known"));
	put_view32(&blob, lines.failed ? VIEW("") : buf_view(&lines));
	send_pieces(w, blob.failed ? VIEW("") : buf_view(&blob), true);
	buf_wipe(&lines);
	buf_wipe(&blob);
}

/* Sends it in pieces when it is new; the first worker speaks for all. */
static void send_config(struct worker *w)
{
	struct conf *conf;

	if (w->index != 0)
		return;
	conf = core_conf(w->core);
	if (conf->generation != w->edge_generation) {
		send_pieces(w, buf_view(&conf->edge_blob), false);
		send_known(w, conf);
		w->edge_generation = conf->generation;
	}
	conf_unref(conf);
}

/* Every few seconds, and at once by a new configuration. */
static void judge_connections(struct worker *w)
{
	struct conf *conf = core_conf(w->core);
	int64_t now = instant_monotonic_ms();

	if (now >= w->judge_ms || conf->generation != w->judged_generation) {
		w->judge_ms = now + STANDING_MS;
		w->judged_generation = conf->generation;
		standing_judge(w, conf, instant_now_ms());
	}
	conf_unref(conf);
}

/* --- the loop --- */

static void edge_gone(struct worker *w)
{
	struct error e = { .reason = REASON_NONE };

	event_base_loopbreak(w->base);
	if (!atomic_load(&w->core->dying)) {
		error_set(&e, REASON_IO, "the edge has ended");
		core_die(w->core, &e);
	}
}

static bool answers_wait(const struct worker *w)
{
	for (const struct request *r = w->requests; r; r = r->hh.next)
		if (r->complete)
			return true;
	return false;
}

void worker_flush(struct worker *w)
{
	switch (channel_flush(w->channel)) {
	case CHANNEL_IDLE:
		event_del(w->writable);
		if (atomic_load_explicit(&w->stop_by, memory_order_relaxed) && !answers_wait(w))
			event_base_loopbreak(w->base);
		break;
	case CHANNEL_WANTS_WRITE: event_add(w->writable, NULL); break;
	case CHANNEL_DEAD: edge_gone(w); break;
	}
}

/* A turn ends: what it handled is answered or with the writer, and nothing of it stays behind here. */
static void end_turn(struct worker *w)
{
	/* By the clock, and not as active: active ones run before anything is looked for, so that no frame, and nothing that
	 * came home, would be seen until all is begun. */
	const struct timeval at_once = { .tv_sec = 0 };

	if (turns_run(w))
		event_add(w->more, &at_once);
	answers_flush(w);
	scratch_clear(&w->scratch);
	worker_flush(w);
	wipe_registers();
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	w->turn_us = instant_monotonic_us();
	if (channel_receive(w->channel, worker_frame, w) == CHANNEL_DEAD) {
		edge_gone(w);
		return;
	}
	end_turn(w);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	worker_flush(arg);
}

static void on_home(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	home_collect(w->home);
	end_turn(w);
}

static void on_more(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end_turn(arg);
}

/* What of the conf a worker keeps at hand. */
static void see_conf(struct worker *w)
{
	struct conf *conf = core_conf(w->core);

	w->generation = conf->generation;
	w->wait_ms = conf->node.wait_ms;
	w->body_bytes = conf->node.edge.body_bytes;
	conf_unref(conf);
}

/* Streams that wait for the clock: for their partner's rate, or a reader. */
static void tick_streams(struct worker *w)
{
	struct request *r, *next;

	HASH_ITER(hh, w->requests, r, next)
	{
		if (r->go_on)
			r->go_on(r);
	}
}

/* Nobody asked for anything for a while: what was kept for the next is freed. */
static void rest(struct worker *w)
{
	if (w->requests || ++w->quiet != REST_TICKS)
		return;
	requests_forget(w, 0);
	channel_rest(w->channel);
	scratch_rest(&w->scratch);
	store_shed(w->reader);
}

/* With `early` only those that do so before the worker's thread runs. */
static void tick_parts(struct worker *w, bool early)
{
	for (size_t i = 0; w->core->parts[i].make; i++) {
		const struct part *p = &w->core->parts[i];
		if (w->parts[i] && p->tick && (!early || p->early) && (!p->ready || p->ready(w->core)))
			p->tick(w->parts[i]);
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	see_conf(w);
	send_config(w);
	judge_connections(w);
	tick_parts(w, false);
	turns_late(w);
	tick_streams(w);
	atomic_store_explicit(&w->ticked_ms, instant_monotonic_ms(), memory_order_relaxed);
	end_turn(w);
	rest(w);
	int64_t stop_by = atomic_load(&w->stop_by);
	if (stop_by && instant_monotonic_ms() >= stop_by)
		event_base_loopbreak(w->base);
}

static void *run(void *arg)
{
	struct worker *w = arg;

	CONFINE_PROBE(CONFINE_CORE);
	event_base_dispatch(w->base);
	return NULL;
}

/* --- life --- */

static bool events_new(struct worker *w)
{
	int fd = channel_fd(w->channel);

	w->base = event_base_new();
	if (!w->base)
		return false;
	w->readable = event_new(w->base, fd, EV_READ | EV_PERSIST, on_readable, w);
	w->writable = event_new(w->base, fd, EV_WRITE | EV_PERSIST, on_writable, w);
	w->came_home = event_new(w->base, home_fd(w->home), EV_READ | EV_PERSIST, on_home, w);
	w->tick = event_new(w->base, -1, EV_PERSIST, on_tick, w);
	w->more = event_new(w->base, -1, 0, on_more, w);
	struct timeval often = { .tv_usec = 100000 };
	return w->readable && w->writable && w->came_home && w->tick && w->more && event_add(w->readable, NULL) == 0 &&
	       event_add(w->came_home, NULL) == 0 && event_add(w->tick, &often) == 0;
}

static bool make_parts(struct worker *w)
{
	for (size_t i = 0; w->core->parts[i].make; i++) {
		if (w->core->parts[i].first_only && w->index != 0)
			continue;
		if (i >= WORKER_PARTS || !(w->parts[i] = w->core->parts[i].make(w)))
			return false;
	}
	return true;
}

struct worker *worker_new(struct core *core, unsigned index, int channel_fd_, struct error *e)
{
	struct worker *w = calloc(1, sizeof *w);

	if (!w) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	w->core = core;
	w->index = index;
	TAILQ_INIT(&w->waiting);
	TAILQ_INIT(&w->shares);
	see_conf(w);
	w->channel = channel_new(channel_fd_, CHANNEL_QUEUE_MAX);
	w->home = home_new();
	w->shown = shown_table_new(SHOWN_KEPT);
	w->reader = store_open_reader(core->conf->node.store, e);
	if (w->reader)
		store_share_marks(w->reader, core->reader);
	if (!w->channel || !w->home || !w->reader || !w->shown || !scratch_open(&w->scratch) || !events_new(w) ||
	    !make_parts(w)) {
		error_set(e, REASON_NO_MEMORY, "a worker cannot start");
		worker_free(w);
		return NULL;
	}
	return w;
}

bool worker_start(struct worker *w, struct error *e)
{
	atomic_store(&w->ticked_ms, instant_monotonic_ms());
	atomic_store(&w->edge_seen_ms, instant_monotonic_ms());
	send_config(w);
	tick_parts(w, true);
	worker_flush(w);
	int failed = pthread_create(&w->thread, NULL, run, w);

	return failed == 0 || error_set(e, REASON_IO, "no thread: %s", strerror(failed));
}

void worker_stop(struct worker *w)
{
	atomic_store(&w->stop_by, instant_monotonic_ms() + (atomic_load(&w->core->dying) ? DIE_MS : STOP_MS));
	event_active(w->tick, EV_TIMEOUT, 0);
}

void worker_hang_up(struct worker *w)
{
	shutdown(channel_fd(w->channel), SHUT_WR);
}

void worker_join(struct worker *w)
{
	pthread_join(w->thread, NULL);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	requests_free(w);
	turns_forget(w);
	shown_table_free(w->shown);
	for (size_t i = 0; i < WORKER_PARTS; i++)
		if (w->parts[i])
			w->core->parts[i].free(w->parts[i]);
	scratch_close(&w->scratch);
	struct event *events[] = { w->readable, w->writable, w->came_home, w->tick, w->more };
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (events[i])
			event_free(events[i]);
	if (w->base)
		event_base_free(w->base);
	prover_free(w->prover);
	store_close(w->reader);
	home_free(w->home);
	channel_free(w->channel);
	free(w);
}
