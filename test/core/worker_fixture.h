/* A worker without its thread over the core fixture, and the edge at the other end of its channel: the test plays the
 * edge and all its peers, and turns the worker's loop until an answer is there. Routes and kinds of notices are the
 * daemon's own; of what runs beside requests the worker has what decides, and both couriers, whenever they are ticked.
 *
 * Every peer shows one certificate of the configured authority; which partner it is says the pin, which worker_open() exchanges. */
#ifndef TEST_CORE_WORKER_FIXTURE_H
#define TEST_CORE_WORKER_FIXTURE_H

#include <sys/socket.h>

#include "gatewayd/core/deliver/delivery.h"
#include "gatewayd/core/exchange/records.h"
#include "gatewayd/core/notice/notice_out.h"
#include "gatewayd/core/notice_kinds.h"
#include "gatewayd/core/routes.h"
#include "gatewayd/core/serve/courier.h"
#include "gatewayd/core/witness/witness.h"
#include "lib/base/encode.h"
#include "lib/tlog/tlog.h"
#include "test/core/exchange/exchange_fixture.h"

/* Connections: those of the partners by their place, then these. */
enum { STRANGER = CORE_PARTNERS + 1, MONITOR };

/* One answer of the worker, or what it sends to a partner. */
struct edge_seen {
	uint64_t id;
	int status; /* of an answer */
	uint64_t length;
	bool done, aborted;
	char retry_after[16], rate[200], policy[200], traceparent[80];
	uint32_t credit;       /* bytes of the request's body that may be sent */
	struct buf head, body; /* head: of what is sent, NUL-terminated target */
};

static struct worker *worker;
static struct channel *edge;
static struct edge_seen answer_seen, post_seen;
static struct witness witness;
static char store_path[PATH_MAX];
static uint64_t last_request;
static unsigned closed, credited;
static bool unread; /* the peer gives no credit for the answer */

static const struct part some_parts[] = {
	{ .make = deciding_new, .free = deciding_free },
	{ .make = delivery_courier, .free = courier_free },
	{ .make = notice_courier, .free = courier_free },
	{ .make = NULL },
};
enum { DELIVERIES = 1, NOTICES };

static inline void read_fields(struct reader *in, struct edge_seen *s)
{
	while (!in->failed && in->rest.n) {
		struct view name = read_view16(in);
		if (name.n == 0)
			return;
		struct view value = read_view16(in);
		if (view_is(name, "retry-after"))
			snprintf(s->retry_after, sizeof s->retry_after, "%.*s", VIEW_ARG(value));
		if (view_is(name, "traceparent"))
			snprintf(s->traceparent, sizeof s->traceparent, "%.*s", VIEW_ARG(value));
		if (view_is(name, "ratelimit"))
			snprintf(s->rate, sizeof s->rate, "%.*s", VIEW_ARG(value));
		if (view_is(name, "ratelimit-policy"))
			snprintf(s->policy, sizeof s->policy, "%.*s", VIEW_ARG(value));
	}
}

static inline void on_edge_frame(void *arg, const struct frame *fr)
{
	struct edge_seen *s = fr->id & CHANNEL_OUTBOUND ? &post_seen : &answer_seen;
	struct reader in = { .rest = fr->payload };

	(void)arg;
	if (fr->type == FRAME_CLOSE)
		closed++;
	if (fr->type == FRAME_CREDIT) {
		credited++;
		if (fr->id == s->id)
			s->credit += read_u32(&in);
	}
	if (fr->type == FRAME_ABORT && fr->id == s->id)
		s->aborted = true;
	if (fr->type == FRAME_REPLY && fr->id == s->id) {
		s->status = read_u16(&in);
		s->length = read_u64(&in);
		s->retry_after[0] = s->rate[0] = s->policy[0] = 0;
		read_fields(&in, s);
		buf_add(&s->body, in.rest);
		if (!(fr->flags & FRAME_LAST))
			channel_send(edge, FRAME_CREDIT, 0, s->id, VIEW("\0\1\0\0"), VIEW(""));
		s->done = fr->flags & FRAME_LAST;
	}
	if (fr->type == FRAME_OUTBOUND) {
		s->id = fr->id;
		buf_reset(&s->head);
		buf_reset(&s->body);
		for (int i = 0; i < 3; i++)
			read_view16(&in);
		read_bytes(&in, read_u8(&in) * 32u);
		read_u64(&in);
		read_u64(&in);
		read_view16(&in);
		buf_add(&s->head, read_view16(&in));
		buf_addc(&s->head, 0);
		s->traceparent[0] = 0;
		read_fields(&in, s);
		s->done = fr->flags & FRAME_LAST;
	}
	if (fr->type == FRAME_BODY && fr->id == s->id) {
		struct buf credit = BUF_INIT(4);
		put_u32(&credit, (uint32_t)fr->payload.n);
		if (!unread)
			channel_send(edge, FRAME_CREDIT, 0, s->id, buf_view(&credit), VIEW(""));
		buf_free(&credit);
		buf_add(&s->body, fr->payload);
		s->done = fr->flags & FRAME_LAST;
	}
}

/* One turn of the worker, then what it said. */
static inline void worker_turn(void)
{
	ck_assert_int_ne(channel_flush(edge), CHANNEL_DEAD);
	ck_assert_int_eq(event_base_loop(worker->base, EVLOOP_ONCE), 0);
	ck_assert_int_ne(channel_receive(edge, on_edge_frame, NULL), CHANNEL_DEAD);
}

static inline void worker_until(const bool *done)
{
	for (int turns = 0; !*done && turns < 300; turns++)
		worker_turn();
	ck_assert_msg(*done, "nothing came");
}

static inline void pin_of(enum core_partner who, struct digest *out)
{
	*out = (struct digest){ .b = { (uint8_t)(who + 1), 0xaa } };
}

static inline void worker_open(void)
{
	struct conf *c = f.core.conf;
	int fds[2];

	exchange_open();
	c = f.core.conf;
	core_make_officer(&f);
	core_make_peer(&f, "peer", "urn:example:peer", &f.peer_der);
	witness = (struct witness){ .latest_ms = TIME_NONE, .near_ms = TIME_NONE };
	f.core.witness = &witness;
	f.core.timestamp_ms = TIME_NONE;
	f.core.routes = core_routes;
	f.core.notice_work = core_notice_kinds;
	f.core.parts = some_parts;
	f.core.workers = &worker;
	f.core.n_workers = 1;
	atomic_store(&f.core.serving, true);
	snprintf(store_path, sizeof store_path, "%s", scratch_file(&f.log.dir, "store.db"));
	c->node.store = store_path;
	c->node.wait_ms = 5000;
	c->node.edge.body_bytes = 1u << 20;
	for (unsigned i = 0; i < CORE_PARTNERS; i++) {
		c->partners[i].uri = "urn:example:peer";
		c->partners[i].n_pins = 1;
		pin_of((enum core_partner)i, &c->partners[i].pins[0]);
	}
	c->partners[SOUTH_GATEWAY].host = "gw.south.example";
	c->partners[SOUTH_GATEWAY].port = 8443;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	OK((worker = worker_new(&f.core, 0, fds[0], e)) != NULL);
	ck_assert_ptr_nonnull(edge = channel_new(fds[1], 64u << 20));
	answer_seen = (struct edge_seen){ .head = BUF_INIT(4096), .body = BUF_INIT(16u << 20) };
	post_seen = (struct edge_seen){ .head = BUF_INIT(4096), .body = BUF_INIT(16u << 20) };
	last_request = closed = credited = 0;
	for (uint64_t i = 0; i <= MONITOR; i++) {
		if (i == MONITOR)
			channel_send(edge, FRAME_OPEN, FRAME_LAST, i, VIEW(""), VIEW(""));
		else
			channel_send(edge, FRAME_OPEN, 0, i, buf_view(&f.peer_der), VIEW(""));
	}
	while (!conn_find(worker, MONITOR))
		worker_turn();
	for (uint64_t i = 0; i <= STRANGER; i++)
		pin_of((enum core_partner)i, &conn_find(worker, i)->cert.spki);
}

static inline void worker_close(void)
{
	writer_stop(f.log.writer);
	f.log.writer = NULL;
	home_collect(worker->home);
	worker_free(worker);
	channel_free(edge);
	buf_free(&answer_seen.head);
	buf_free(&answer_seen.body);
	buf_free(&post_seen.head);
	buf_free(&post_seen.body);
	exchange_close();
}

/* --- requests --- */

struct ask {
	uint64_t conn;
	const char *method, *target;
	const char *fields[8]; /* name, value, …; NULL ends them */
	struct view body;
	bool chunked;
};

static inline void put_ask(const struct ask *a, uint64_t length, struct buf *out)
{
	put_u64(out, a->conn);
	put_u64(out, length);
	put_view16(out, view_of(a->method));
	put_view16(out, view_of(a->target));
	for (size_t i = 0; i < 8 && a->fields[i]; i++)
		put_view16(out, view_of(a->fields[i]));
}

/* Of the request that was sent last, as the worker gives credit. */
static inline void send_body(struct view body)
{
	for (size_t at = 0; at < body.n && !answer_seen.done && !answer_seen.aborted;) {
		size_t n = body.n - at < 60000 ? body.n - at : 60000;
		if (n > answer_seen.credit)
			n = answer_seen.credit;
		if (n == 0) {
			worker_turn();
			continue;
		}
		answer_seen.credit -= (uint32_t)n;
		at += n;
		channel_send(edge, FRAME_BODY, at == body.n ? FRAME_LAST : 0, last_request,
		             view_make(body.p + at - n, n), VIEW(""));
	}
}

/* Sends it and waits for its answer, or for the request's end; the status, 0 when it was aborted. */
static inline int asked(const struct ask *a)
{
	struct buf head = BUF_INIT(65536);

	put_ask(a, a->chunked ? CHANNEL_CHUNKED : a->body.n, &head);
	buf_reset(&answer_seen.body);
	answer_seen.id = ++last_request;
	answer_seen.done = answer_seen.aborted = false;
	answer_seen.status = 0;
	answer_seen.credit = CHANNEL_CREDIT;
	channel_send(edge, FRAME_HEAD, a->body.n ? 0 : FRAME_LAST, last_request, buf_view(&head), VIEW(""));
	send_body(a->body);
	for (int turns = 0; !answer_seen.done && !answer_seen.aborted && turns < 300; turns++)
		worker_turn();
	ck_assert_msg(answer_seen.done || answer_seen.aborted, "no answer came");
	buf_free(&head);
	return answer_seen.status;
}

static inline int got(uint64_t conn, const char *target)
{
	return asked(&(struct ask){ .conn = conn, .method = "GET", .target = target });
}

static inline int posted(uint64_t conn, const char *target, struct view body)
{
	return asked(&(struct ask){ .conn = conn,
	                            .method = "POST",
	                            .target = target,
	                            .fields = { "content-type", "application/json" },
	                            .body = body });
}

/* The answer as a document; lives until the next. */
static inline json_t *answer_doc(void)
{
	static json_t *doc;

	json_decref(doc);
	return doc = parsed(&answer_seen.body);
}

static inline const char *answer_member(const char *name)
{
	return core_member(answer_doc(), name);
}

/* The answer is this problem. */
static inline void is_problem(int status, const char *slug)
{
	const char *type = answer_member("type");

	ck_assert_int_eq(answer_seen.status, status);
	ck_assert_msg(type && strlen(type) > strlen(slug) && strcmp(type + strlen(type) - strlen(slug), slug) == 0,
	              "%s, not %s", type, slug);
}

/* /v1/exchanges/{id}{rest}; lives with `texts`. */
static inline const char *exchange_path(const struct uuid *id, const char *rest)
{
	char path[200], text[UUID_TEXT + 1];

	uuid_print(id, text);
	snprintf(path, sizeof path, "/v1/exchanges/%s%s", text, rest);
	return arena_str(&texts, view_of(path));
}

/* --- partners that are sent to --- */

static inline bool no_work(void *arg, const struct act *a, struct error *e)
{
	(void)arg;
	(void)a;
	(void)e;
	return true;
}

/* Until every job that was submitted so far has run. */
static inline void let_write(void)
{
	ck_assert(core_act(&f, no_work, NULL).committed);
}

/* Until the worker's jobs have run and came home, and those that follow from them. */
static inline void worker_settle(void)
{
	for (int round = 0; round < 3; round++) {
		let_write();
		ck_assert_int_ge(event_base_loop(worker->base, EVLOOP_NONBLOCK), 0);
		ck_assert_int_ne(channel_receive(edge, on_edge_frame, NULL), CHANNEL_DEAD);
	}
}

/* Lets a courier take up what is due, until something is sent. */
static inline void courier_sends(unsigned part)
{
	post_seen.done = false;
	for (int turns = 0; !post_seen.done && turns < 100; turns++) {
		courier_tick(worker->parts[part]);
		worker_flush(worker);
		ck_assert_int_ne(channel_receive(edge, on_edge_frame, NULL), CHANNEL_DEAD);
		if (!post_seen.done)
			worker_turn();
	}
	ck_assert_msg(post_seen.done, "nothing was sent");
}

/* The partner's answer to it; status 0: none comes. Then until what follows from it is written and came home. */
static inline void partner_answers(int status, struct view body)
{
	struct buf b = BUF_INIT(1 << 20);
	uint64_t id = post_seen.id;
	struct post *post;

	put_u16(&b, (uint16_t)status);
	put_u64(&b, body.n);
	if (status == 0) {
		put_view16(&b, VIEW("error"));
		put_view16(&b, VIEW("the partner cannot be reached"));
	}
	put_u16(&b, 0);
	buf_add(&b, body);
	channel_send(edge, FRAME_REPLY, FRAME_LAST, post_seen.id, buf_view(&b), VIEW(""));
	buf_free(&b);
	do {
		worker_turn();
		HASH_FIND(hh, worker->posts, &id, sizeof id, post);
	} while (post);
	worker_settle();
}

/* --- the log of SOUTH_GATEWAY --- */

static struct digest south_leaves[3];
static unsigned south_size;

/* Appends the leaf (at most two) to the partner's log; its receipt, with the leaf in it. */
static inline void south_logs(struct view leaf, struct ed25519_key *key, struct buf *proof)
{
	struct checkpoint c = { .origin = VIEW(SOUTH_ORIGIN) };
	struct note_signer signer = { .vkey = core_partner(&f, SOUTH_GATEWAY)->log, .key = key };
	struct buf text = BUF_INIT(4096), note = BUF_INIT(4096);
	struct receipt r = { .index = south_size, .n = south_size > 0 };

	ck_assert_uint_lt(south_size, 3);
	tlog_leaf_hash(leaf, &south_leaves[south_size++]);
	c.size = south_size;
	c.root = south_leaves[0];
	for (unsigned i = 1; i < south_size; i++) {
		r.proof[0] = c.root;
		tlog_node_hash(&r.proof[0], &south_leaves[i], &c.root);
	}
	checkpoint_text(&c, &text);
	buf_add(&note, buf_view(&text));
	buf_addc(&note, '\n');
	ck_assert(note_sign(&signer, buf_view(&text), &note));
	r.checkpoint = buf_view(&note);
	receipt_print(&r, leaf, proof);
	buf_free(&text);
	buf_free(&note);
}

#endif
