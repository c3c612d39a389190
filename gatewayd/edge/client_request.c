/* The life of one outbound request (see client_private.h): core's frames become the head and body that are sent, and
 * one deadline ends it. On the thread of the client. */
#include <stdlib.h>

#include "gatewayd/edge/client_private.h"
#include "lib/base/wire.h"

#define HEAD_MAX (16u * 1024) /* of a request that is sent */

struct outbound **outbound_find(struct client *c, uint64_t id)
{
	struct outbound **o = &c->bucket[id % BUCKETS];

	while (*o && (*o)->id != id)
		o = &(*o)->chain;
	return o;
}

void outbound_free(struct outbound *o)
{
	struct outbound **place = outbound_find(o->client, o->id);

	*place = o->chain;
	if (o->link)
		o->link->request = NULL;
	else
		TAILQ_REMOVE(&o->target->waiting, o, waits);
	event_del(&o->deadline);
	buf_wipe(&o->bytes);
	free(o);
}

/* What core gets in place of an answer: status 0, and why. */
static void reply_error(struct edge_thread *t, uint64_t id, const char *why)
{
	buf_reset(&t->build);
	put_u16(&t->build, 0);
	put_u64(&t->build, 0);
	put_view16(&t->build, VIEW("error"));
	put_view16(&t->build, view_of(why));
	put_u16(&t->build, 0);
	edge_send(t, FRAME_REPLY, true, id, buf_view(&t->build), VIEW(""));
}

void outbound_fail(struct outbound *o, const char *why)
{
	struct edge_thread *t = o->client->thread;

	t->counts.n[EDGE_COUNT_outbound_failed]++;
	if (o->replied)
		edge_send(t, FRAME_ABORT, false, o->id, VIEW(""), VIEW(""));
	else
		reply_error(t, o->id, why);
	outbound_free(o);
}

void outbound_end(struct outbound *o, const char *why)
{
	struct link *l = o->link;
	struct client *c = o->client;
	struct target *g = o->target;

	if (why)
		outbound_fail(o, why);
	else
		outbound_free(o);
	if (l)
		link_close(l);
	target_dispatch(c, g);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	outbound_end(arg, "no answer came before the deadline");
}

/* Writes the head of the request that a frame describes. False when a part is not fit to be sent. */
static bool write_head(struct outbound *o, struct reader *r, uint64_t length, bool has_body)
{
	struct view method = read_view16(r), target = read_view16(r);
	struct buf *b = &o->bytes;
	bool ok = http_name_ok(method) && http_target_ok(target) && http_value_ok(view_of(o->target->server_name));

	o->head_request = view_is(method, "HEAD");
	o->safe_to_repeat = o->safe_to_repeat || o->head_request || view_is(method, "GET");
	buf_add(b, method);
	buf_addc(b, ' ');
	buf_add(b, target);
	buf_addf(b, " HTTP/1.1\r\nHost: %s", o->target->server_name);
	if (o->target->port != (o->target->plain ? 80 : 443))
		buf_addf(b, ":%u", (unsigned)o->target->port);
	buf_adds(b, "\r\n");
	if (has_body || view_is(method, "POST") || view_is(method, "PUT")) {
		buf_adds(b, "Content-Length: ");
		buf_addu(b, length);
		buf_adds(b, "\r\n");
	}
	for (;;) {
		struct view name = read_view16(r);
		if (r->failed || name.n == 0)
			break;
		struct view value = read_view16(r);
		ok = ok && http_name_ok(name) && http_value_ok(value);
		o->safe_to_repeat = o->safe_to_repeat || view_eq_nocase(name, VIEW("idempotency-key"));
		buf_add(b, name);
		buf_adds(b, ": ");
		buf_add(b, value);
		buf_adds(b, "\r\n");
	}
	buf_adds(b, "\r\n");
	return ok && !r->failed && b->n <= HEAD_MAX;
}

void outbound_take(struct client *c, const struct frame *f)
{
	struct reader r = { .rest = f->payload };
	struct view host = read_view16(&r);
	struct view port_text = read_view16(&r), server_name = read_view16(&r);
	struct view pins = read_bytes(&r, (size_t)read_u8(&r) * 32);
	uint64_t deadline = read_u64(&r), length = read_u64(&r);
	unsigned long long port;

	struct outbound *o = *outbound_find(c, f->id) ? NULL : calloc(1, sizeof *o);
	if (!o)
		return;
	bool plain = f->flags & FRAME_PLAIN;
	bool ok = !r.failed && view_to_u64(port_text, 65535, &port) && port > 0 && host.n > 0 && host.n < 256 &&
	          !(plain && pins.n);
	o->target = ok ? target_get(c, host, (uint16_t)port, server_name, pins, plain) : NULL;
	if (!o->target) {
		free(o);
		reply_error(c->thread, f->id, "the host or port is not one");
		return;
	}
	c->thread->counts.n[EDGE_COUNT_outbound]++;
	o->client = c;
	o->id = f->id;
	o->bytes = BUF_INIT(HEAD_MAX + 2 * CHANNEL_CREDIT);
	o->body_left = f->flags & FRAME_LAST ? 0 : length;
	o->core_credit = CHANNEL_CREDIT;
	o->safe_to_repeat = f->flags & FRAME_AGAIN;
	o->chain = c->bucket[o->id % BUCKETS];
	c->bucket[o->id % BUCKETS] = o;
	TAILQ_INSERT_TAIL(&o->target->waiting, o, waits);
	evtimer_assign(&o->deadline, c->thread->base, on_deadline, o);
	struct timeval in = { .tv_sec = (time_t)(deadline / 1000 % 1000000),
		              .tv_usec = (suseconds_t)(deadline % 1000 * 1000) };
	event_add(&o->deadline, &in);
	if (!write_head(o, &r, length, o->body_left > 0)) {
		outbound_fail(o, "the request is not one that can be sent");
		return;
	}
	target_dispatch(c, o->target);
}

void outbound_take_body(struct outbound *o, const struct frame *f)
{
	bool last = f->flags & FRAME_LAST;
	struct link *l = o->link;

	if (f->payload.n > o->core_credit || f->payload.n > o->body_left || (last && f->payload.n != o->body_left)) {
		edge_log(o->client->thread, JOURNAL_ERROR,
		         "core sent more of a body than it may, or not the length it named");
		outbound_end(o, "the request is not one that can be sent");
		return;
	}
	o->core_credit -= f->payload.n;
	o->body_left -= f->payload.n;
	buf_add(&o->bytes, f->payload);
	if (l && l->state == LINK_BUSY && !l->writes)
		link_write(l);
}
