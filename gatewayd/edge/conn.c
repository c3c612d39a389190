/* See conn.h: the life of connections, their deadlines and their table. */
#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gatewayd/edge/conn_private.h"
#include "gatewayd/edge/peers.h"

#define LINGER_MS    2000
#define FLOOR_MS     4000                          /* over so long the rate of a reader is taken */
#define STREAM_FLOOR (64 * 1024)                   /* bytes a second of a stream's body, while it is read */
#define REST_MS      1000                          /* idle so long, a connection gives its buffers back */
#define OUT_MAX      (CHANNEL_CREDIT + 64u * 1024) /* an answer's bytes that wait for the socket */

/* How long a connection may stay in its state, milliseconds. */
static uint32_t timed(const struct conn *c, enum conn_state state)
{
	const struct edge_limits *l = &c->settings->limits;

	switch (state) {
	case CONN_HANDSHAKE: return l->handshake_ms;
	case CONN_IDLE: return l->idle_ms;
	case CONN_HEAD: return l->header_ms;
	case CONN_BODY: return l->body_ms;
	case CONN_WAITING: return l->answer_ms;
	case CONN_SENDING: return l->body_ms;
	case CONN_LINGER: return LINGER_MS;
	case CONN_CLOSED: break;
	}
	return 0;
}

static bool may_become(enum conn_state from, enum conn_state to)
{
	switch (to) {
	case CONN_HANDSHAKE: return false;
	case CONN_IDLE: return from == CONN_HANDSHAKE || from == CONN_SENDING;
	case CONN_HEAD: return from == CONN_IDLE;
	case CONN_BODY: return from == CONN_HEAD || from == CONN_BODY;
	case CONN_WAITING: return from == CONN_HEAD || from == CONN_BODY;
	case CONN_SENDING: return from >= CONN_IDLE && from <= CONN_SENDING;
	case CONN_LINGER: return from == CONN_SENDING;
	case CONN_CLOSED: return from != CONN_CLOSED;
	}
	return false;
}

/* The one place where a connection changes its state, and starts the state's deadline. SENDING may be
 * entered again: there is progress. */
void conn_become(struct conn *c, enum conn_state state)
{
	struct conn_table *table = c->thread->conns;

	assert(may_become(c->state, state));
	if (state == CONN_SENDING && c->state != CONN_SENDING)
		conn_measure(c);
	TAILQ_REMOVE(&table->timed[c->state], c, link);
	c->state = state;
	if (state == CONN_CLOSED) {
		TAILQ_INSERT_TAIL(&table->closed, c, link);
		return;
	}
	c->deadline = edge_now() + timed(c, state);
	TAILQ_INSERT_TAIL(&table->timed[state], c, link);
}

void conn_measure(struct conn *c)
{
	c->floor_at = edge_now();
	c->floor_written = c->written;
}

void conn_want_read(struct conn *c, bool on)
{
	if (c->reads == on)
		return;
	c->reads = on;
	if (on)
		c->read_since = edge_now();
	else
		c->read_ms += edge_now() - c->read_since;
	if (on)
		event_add(&c->readable, NULL);
	else
		event_del(&c->readable);
	if (on)
		conn_read_later(c);
}

void conn_read_later(struct conn *c)
{
	struct conn_table *table = c->thread->conns;

	if (c->unread || !c->tls || !tls_has_more(c->tls))
		return;
	c->unread = true;
	table->n_unread++;
	TAILQ_INSERT_TAIL(&table->unread, c, unread_link);
}

static void leave_unread(struct conn *c)
{
	struct conn_table *table = c->thread->conns;

	if (!c->unread)
		return;
	c->unread = false;
	table->n_unread--;
	TAILQ_REMOVE(&table->unread, c, unread_link);
}

void conn_begin_period(struct conn *c)
{
	c->read_since = edge_now();
	c->read_ms = c->got = 0;
}

/* Whether the body came at least at the floor's rate while it was read. */
static bool keeps_the_floor(const struct conn *c)
{
	uint64_t read_ms = c->read_ms + (c->reads ? edge_now() - c->read_since : 0);

	return c->got * 1000 >= read_ms * STREAM_FLOOR;
}

void conn_want_write(struct conn *c, bool on)
{
	if (c->writes == on)
		return;
	c->writes = on;
	if (on)
		event_add(&c->writable, NULL);
	else
		event_del(&c->writable);
}

struct conn_table *conns_new(void)
{
	struct conn_table *table = calloc(1, sizeof *table);

	if (!table)
		return NULL;
	table->next_id = 1;
	for (size_t i = 0; i < CONN_STATES; i++)
		TAILQ_INIT(&table->timed[i]);
	TAILQ_INIT(&table->closed);
	TAILQ_INIT(&table->unread);
	return table;
}

uint32_t conns_open(const struct conn_table *table)
{
	return table->n_slots - table->n_free;
}

/* Makes room for one connection more. */
static bool grow(struct conn_table *table)
{
	uint32_t n = table->n_slots ? table->n_slots * 2 : 256;

	if (n > SLOT_MASK + 1)
		return false;
	struct conn **slot = realloc(table->slot, n * sizeof(struct conn *));
	if (!slot)
		return false;
	table->slot = slot;
	uint32_t *free_slots = realloc(table->free_slots, n * sizeof *free_slots);
	if (!free_slots)
		return false;
	table->free_slots = free_slots;
	for (uint32_t i = n; i-- > table->n_slots;) {
		table->slot[i] = NULL;
		table->free_slots[table->n_free++] = i;
	}
	table->n_slots = n;
	return true;
}

uint64_t conn_new_id(struct conn_table *table, uint64_t slot)
{
	return table->next_id++ << SLOT_BITS | slot;
}

/* Lets go of everything but the struct itself, which callers up the stack may still look at. */
static void conn_release(struct conn *c)
{
	struct conn_table *table = c->thread->conns;
	uint32_t slot = (uint32_t)(c->id & SLOT_MASK);

	conn_want_read(c, false);
	conn_want_write(c, false);
	leave_unread(c);
	tls_free(c->tls);
	c->tls = NULL;
	close(c->fd);
	http_free(&c->http);
	buf_wipe(&c->pending);
	buf_wipe(&c->out);
	if (c->counted)
		peers_leave(c->thread->edge->peers, &c->partner);
	if (c->held)
		table->n_held--;
	c->held = false;
	settings_unref(c->settings);
	c->settings = NULL;
	table->slot[slot] = NULL;
	table->free_slots[table->n_free++] = slot;
	gate_leave(c->thread->edge->gate, &c->seat, edge_now());
}

/* Ends the connection now, and counts why. Core learns it, and that the request under way is over. */
void conn_close(struct conn *c, enum edge_count why)
{
	struct edge_thread *t = c->thread;

	if (c->state == CONN_CLOSED)
		return;
	tell(t, why, &c->from);
	if (c->request) {
		edge_send(t, FRAME_ABORT, false, c->request, VIEW(""), VIEW(""));
		t->counts.n[EDGE_COUNT_aborted]++;
		c->request = 0;
	}
	if (c->state != CONN_HANDSHAKE)
		edge_send(t, FRAME_CLOSE, false, c->id, VIEW(""), VIEW(""));
	if (c->tls)
		tls_close_notify(c->tls);
	conn_become(c, CONN_CLOSED);
	conn_release(c);
}

/* A seat for what came, or why there is none. */
static bool take_seat(struct edge_thread *t, struct conn *c, const struct address *from, bool monitor)
{
	const struct settings *s = t->settings;

	c->from = *from;
	c->seat = (struct seat){ .exit = &t->exit, .conn = c };
	switch (gate_enter(t->edge->gate, &c->seat, from, monitor, settings_lists(s, from), &s->limits, edge_now())) {
	case GATE_OPEN: return true;
	case GATE_SOURCE_FULL: tell(t, EDGE_COUNT_source_full, from); return false;
	case GATE_FULL:
	case GATE_NO_MEMORY: tell(t, EDGE_COUNT_full, from); return false;
	}
	return false;
}

void conn_open(struct edge_thread *t, int fd, const struct address *from, bool monitor)
{
	struct conn_table *table = t->conns;
	struct conn *c = table->n_free > 0 || grow(table) ? calloc(1, sizeof *c) : NULL;

	if (!c || !take_seat(t, c, from, monitor)) {
		free(c);
		close(fd);
		return;
	}
	uint32_t slot = table->free_slots[--table->n_free];
	table->slot[slot] = c;
	c->id = conn_new_id(table, slot);
	c->thread = t;
	c->settings = settings_ref(t->settings);
	c->fd = fd;
	c->pending = BUF_INIT(2 * TLS_RECORD_MAX);
	c->out = BUF_INIT(OUT_MAX);
	http_init(&c->http, HTTP_REQUESTS, c->settings->limits.body_bytes);
	event_assign(&c->readable, t->base, fd, EV_READ | EV_PERSIST, conn_on_readable, c);
	event_assign(&c->writable, t->base, fd, EV_WRITE | EV_PERSIST, conn_on_writable, c);
	c->state = monitor ? CONN_IDLE : CONN_HANDSHAKE;
	c->monitor = monitor;
	c->deadline = edge_now() + timed(c, c->state);
	TAILQ_INSERT_TAIL(&table->timed[c->state], c, link);
	conn_want_read(c, true);
	if (!monitor)
		return;
	/* Whose seat it took goes first: core counts what is open. */
	conns_evict(t);
	if (c->state != CONN_CLOSED)
		edge_send(t, FRAME_OPEN, true, c->id, VIEW(""), VIEW(""));
}

void conn_frame(struct edge_thread *t, const struct frame *f)
{
	uint64_t slot = f->id & SLOT_MASK;
	struct conn *c = slot < t->conns->n_slots ? t->conns->slot[slot] : NULL;

	if (!c)
		return;
	if (f->type == FRAME_CLOSE) {
		if (c->id == f->id)
			conn_close(c, EDGE_COUNT_cut_by_core);
		return;
	}
	if (!c->request || c->request != f->id)
		return;
	switch (f->type) {
	case FRAME_REPLY:
		if (c->state == CONN_BODY || c->state == CONN_WAITING)
			conn_take_reply(c, f);
		break;
	case FRAME_BODY:
		if (c->state == CONN_SENDING || (c->state == CONN_BODY && c->both))
			conn_take_answer(c, f);
		break;
	case FRAME_CREDIT: conn_take_credit(c, f); break;
	case FRAME_ABORT:
		c->request = 0;
		conn_refuse(c, 503, REASON_UNAVAILABLE, "the gateway gave the request up");
		break;
	case FRAME_CONFIG:
	case FRAME_OPEN:
	case FRAME_CLOSE:
	case FRAME_HEAD:
	case FRAME_OUTBOUND:
	case FRAME_COUNTS:
	case FRAME_KNOWN:
	case FRAME_TYPES: break;
	}
}

/* The deadline of the connection's state has passed. */
static void conn_late(struct conn *c)
{
	switch (c->state) {
	case CONN_HANDSHAKE: conn_close(c, EDGE_COUNT_handshake_late); break;
	case CONN_HEAD:
		tell(c->thread, EDGE_COUNT_head_late, &c->from);
		conn_refuse(c, 408, REASON_TIMEOUT, "the head of the request did not arrive in time");
		break;
	case CONN_BODY:
		if (c->stream && keeps_the_floor(c)) {
			conn_begin_period(c);
			conn_become(c, CONN_BODY);
			break;
		}
		tell(c->thread, EDGE_COUNT_body_late, &c->from);
		if (c->pending.n > 0 || c->held)
			conn_refuse(c, 503, REASON_UNAVAILABLE, "the gateway could not take the body in time");
		else
			conn_refuse(c, 408, REASON_TIMEOUT, "the body of the request did not arrive in time");
		break;
	case CONN_WAITING:
		tell(c->thread, EDGE_COUNT_answer_late, &c->from);
		conn_refuse(c, 503, REASON_UNAVAILABLE,
		            "no answer came in time; send the same request with the same key again");
		break;
	case CONN_IDLE: conn_close(c, EDGE_COUNT_idle); break;
	case CONN_SENDING: conn_close(c, EDGE_COUNT_slow_reader); break;
	case CONN_LINGER: conn_close(c, EDGE_COUNT_closed); break;
	case CONN_CLOSED: break;
	}
}

/* Those that turned idle a while ago give their buffers back; the list's end is its youngest. */
static void rest(struct conn_table *table, uint64_t until)
{
	struct conn *c;

	TAILQ_FOREACH_REVERSE(c, &table->timed[CONN_IDLE], conn_list, link)
	{
		uint64_t since = c->deadline - c->settings->limits.idle_ms;
		if (since <= table->rested)
			break;
		if (since <= until && c->tls)
			tls_rest(c->tls);
	}
	table->rested = until;
}

/* Bytes wait for this reader, and over the last while it took fewer than it must. */
static bool reads_slowly(struct conn *c, uint64_t now)
{
	uint64_t waited = now - c->floor_at;

	if (waited < FLOOR_MS)
		return false;
	bool slow = (c->written - c->floor_written) * 1000 < c->settings->limits.answer_bytes_per_second * waited;
	conn_measure(c);
	return slow && c->writes;
}

static void cut_slow_readers(struct edge_thread *t, uint64_t now)
{
	struct conn *c, *next;

	for (c = TAILQ_FIRST(&t->conns->timed[CONN_SENDING]); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (reads_slowly(c, now))
			conn_close(c, EDGE_COUNT_slow_reader);
	}
}

void conns_tick(struct edge_thread *t)
{
	uint64_t now = edge_now();

	conns_evict(t);
	cut_slow_readers(t, now);

	if (now > REST_MS)
		rest(t->conns, now - REST_MS);
	for (size_t i = 0; i < CONN_STATES; i++) {
		struct conn *c;

		while ((c = TAILQ_FIRST(&t->conns->timed[i])) && c->deadline <= now)
			conn_late(c);
	}
}

void conns_evict(struct edge_thread *t)
{
	struct seat *seat;

	while ((seat = gate_evicted(t->edge->gate, &t->exit)))
		conn_close(seat->conn, EDGE_COUNT_evicted);
}

void conns_read_on(struct edge_thread *t)
{
	struct conn_table *table = t->conns;

	/* Of which there is still more comes again in the next turn, after others had theirs. */
	for (uint32_t n = table->n_unread; n > 0 && table->n_unread > 0; n--) {
		struct conn *c = TAILQ_FIRST(&table->unread);
		leave_unread(c);
		if (c->reads)
			conn_on_readable(c->fd, EV_READ, c);
	}
}

bool conns_have_more(const struct edge_thread *t)
{
	return t->conns->n_unread > 0;
}

void conns_turn(struct edge_thread *t)
{
	struct conn_table *table = t->conns;
	struct conn *c;

	while ((c = TAILQ_FIRST(&table->closed))) {
		TAILQ_REMOVE(&table->closed, c, link);
		free(c);
	}
	if (table->n_held == 0 || channel_queued(t->channel) > EDGE_QUEUE_LOW)
		return;
	for (uint32_t i = 0; i < table->n_slots; i++) {
		c = table->slot[i];
		if (!c || !c->held)
			continue;
		c->held = false;
		table->n_held--;
		conn_resume(c);
	}
}

void conns_free(struct conn_table *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; i < table->n_slots; i++) {
		struct conn *c = table->slot[i];
		if (!c)
			continue;
		conn_become(c, CONN_CLOSED);
		conn_release(c);
	}
	struct conn *c;
	while ((c = TAILQ_FIRST(&table->closed))) {
		TAILQ_REMOVE(&table->closed, c, link);
		free(c);
	}
	free(table->slot);
	free(table->free_slots);
	free(table);
}
