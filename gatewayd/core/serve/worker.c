/* See worker.h. */
#include "gatewayd/core/serve/worker.h"

#include <sys/socket.h>

#include "gatewayd/confine.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/commit/prover.h"
#include "gatewayd/core/serve/post.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/store/store.h"
#include "gatewayd/os/instant.h"

#define CHANNEL_QUEUE_MAX (256u * 1024 * 1024)
#define STOP_MS           5000 /* for answers under way when the daemon stops */
#define DIE_MS            200  /* and when it goes down by a failure */

/* --- frames from the edge --- */

static void on_open(struct worker *w, const struct frame *f)
{
	struct error e = { .reason = REASON_NONE };
	struct conn *c;

	if (conn_find(w, f->id))
		return;
	c = calloc(1, sizeof *c);
	if (!c) {
		channel_send(w->channel, FRAME_CLOSE, 0, f->id, VIEW(""), VIEW(""));
		return;
	}
	c->id = f->id;
	c->monitor = (f->flags & FRAME_LAST) != 0;
	c->known = !c->monitor && cert_read(f->payload, &c->cert, &e);
	HASH_ADD(hh, w->conns, id, sizeof c->id, c);
}

static void on_close(struct worker *w, const struct frame *f)
{
	struct conn *c = conn_find(w, f->id);

	if (!c)
		return;
	c->closed = true;
	conn_drop(w, c);
}

static void refuse_frame(struct worker *w, uint64_t id)
{
	channel_send(w->channel, FRAME_ABORT, 0, id, VIEW(""), VIEW(""));
}

static void request_complete(struct request *r)
{
	r->complete = true;
	if (r->body.n != r->length) {
		answer_problem(r, REASON_BAD_REQUEST);
		return;
	}
	route_request(r);
}

static void on_head(struct worker *w, const struct frame *f)
{
	struct reader in = { .rest = f->payload };
	struct conn *conn = conn_find(w, read_u64(&in));
	struct request *r;

	if (!conn || (f->id & CHANNEL_OUTBOUND) || request_find(w, f->id) || !(r = request_new(w, f->id, conn))) {
		refuse_frame(w, f->id);
		return;
	}
	buf_add(&r->head, f->payload);
	if (r->head.failed || !request_read_head(r)) {
		refuse_frame(w, f->id);
		request_release(r);
		return;
	}
	if (f->flags & FRAME_LAST)
		request_complete(r);
}

static void on_body(struct worker *w, const struct frame *f)
{
	struct request *r = request_find(w, f->id);

	if (!r || r->complete || r->aborted)
		return;
	buf_add(&r->body, f->payload);
	if (r->body.failed || r->body.n > r->length) {
		refuse_frame(w, f->id);
		request_release(r);
		return;
	}
	if (f->flags & FRAME_LAST) {
		request_complete(r);
		return;
	}
	/* Gives back what was taken once half of it is used. */
	r->credit_given -= (uint32_t)f->payload.n < r->credit_given ? (uint32_t)f->payload.n : r->credit_given;
	if (r->credit_given < CHANNEL_CREDIT / 2) {
		struct buf credit = BUF_INIT(8);
		uint32_t more = CHANNEL_CREDIT - r->credit_given;
		put_u32(&credit, more);
		channel_send(w->channel, FRAME_CREDIT, 0, r->id, buf_view(&credit), VIEW(""));
		buf_free(&credit);
		r->credit_given += more;
	}
}

static void on_credit(struct worker *w, const struct frame *f)
{
	struct reader in = { .rest = f->payload };
	uint32_t bytes = read_u32(&in);
	struct request *r = request_find(w, f->id);

	if (r && !in.failed)
		answer_credit(r, bytes);
}

/* The peer went away. What was decided is written all the same; only the answer is not sent. */
static void on_abort(struct worker *w, const struct frame *f)
{
	struct request *r = request_find(w, f->id);

	if (!r)
		return;
	r->aborted = true;
	if (!r->complete || r->answered)
		request_release(r);
}

static void on_frame(void *arg, const struct frame *f)
{
	struct worker *w = arg;

	if (f->id & CHANNEL_OUTBOUND) {
		post_frame(w, f);
		return;
	}
	switch (f->type) {
	case FRAME_OPEN: on_open(w, f); break;
	case FRAME_CLOSE: on_close(w, f); break;
	case FRAME_HEAD: on_head(w, f); break;
	case FRAME_BODY: on_body(w, f); break;
	case FRAME_CREDIT: on_credit(w, f); break;
	case FRAME_ABORT: on_abort(w, f); break;
	case FRAME_CONFIG:
	case FRAME_REPLY:
	case FRAME_OUTBOUND:
	case FRAME_TYPES: refuse_frame(w, f->id); break;
	}
}

/* --- the edge's configuration --- */

/* Sends it in pieces when it is new; the first worker speaks for all. */
static void send_config(struct worker *w)
{
	struct conf *conf;

	if (w->index != 0)
		return;
	conf = core_conf(w->core);
	if (conf->generation != w->edge_generation) {
		struct view rest = buf_view(&conf->edge_blob);
		do {
			struct view piece =
			        view_make(rest.p, rest.n < CHANNEL_PAYLOAD_MAX ? rest.n : CHANNEL_PAYLOAD_MAX);
			rest = view_from(rest, piece.n);
			channel_send(w->channel, FRAME_CONFIG, rest.n == 0 ? FRAME_LAST : 0, 0, piece, VIEW(""));
		} while (rest.n);
		w->edge_generation = conf->generation;
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
	scratch_clear(&w->scratch);
	worker_flush(w);
	wipe_registers();
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	if (channel_receive(w->channel, on_frame, w) == CHANNEL_DEAD) {
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
	send_config(w);
	tick_parts(w, false);
	end_turn(w);
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
	struct timeval often = { .tv_usec = 100000 };
	return w->readable && w->writable && w->came_home && w->tick && event_add(w->readable, NULL) == 0 &&
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
	w->channel = channel_new(channel_fd_, CHANNEL_QUEUE_MAX);
	w->home = home_new();
	w->reader = store_open_reader(core->conf->node.store, e);
	if (!w->channel || !w->home || !w->reader || !scratch_open(&w->scratch) || !events_new(w) || !make_parts(w)) {
		error_set(e, REASON_NO_MEMORY, "a worker cannot start");
		worker_free(w);
		return NULL;
	}
	return w;
}

bool worker_start(struct worker *w, struct error *e)
{
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
	for (size_t i = 0; i < WORKER_PARTS; i++)
		if (w->parts[i])
			w->core->parts[i].free(w->parts[i]);
	scratch_close(&w->scratch);
	struct event *events[] = { w->readable, w->writable, w->came_home, w->tick };
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (events[i])
			event_free(events[i]);
	if (w->base)
		event_base_free(w->base);
	prover_free(w->prover);
	store_close(w->reader);
	home_free(w->home);
	channel_free(w->channel);
	free(w->reads);
	free(w);
}

bool worker_may_read(struct worker *w, const struct conf *conf, const struct partner *p, int64_t now_ms)
{
	uint64_t minute = (uint64_t)(now_ms / (60 * SECOND_MS));
	size_t k = (size_t)(p - conf->partners);

	if (w->reads_generation != conf->generation || w->n_reads != conf->n_partners) {
		uint32_t *reads = calloc(conf->n_partners + 1, sizeof *reads);
		if (!reads)
			return false;
		free(w->reads);
		w->reads = reads;
		w->n_reads = conf->n_partners;
		w->reads_generation = conf->generation;
	}
	if (w->read_window != minute) {
		memset(w->reads, 0, w->n_reads * sizeof *w->reads);
		w->read_window = minute;
	}
	return w->reads[k]++ < conf->node.reads_per_minute;
}
