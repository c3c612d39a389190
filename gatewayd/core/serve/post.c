/* See post.h. */
#include "gatewayd/core/serve/post.h"

#include <stdio.h>

static void put_field(struct buf *b, const char *name, const char *value)
{
	put_view16(b, view_of(name));
	put_view16(b, view_of(value));
}

static void put_head(struct buf *b, const struct post *p, const struct post_head *h)
{
	const struct partner *to = h->to;
	char port[8];

	snprintf(port, sizeof port, "%u", (unsigned)to->port);
	put_view16(b, view_of(to->host));
	put_view16(b, view_of(port));
	put_view16(b, view_of(to->host));
	size_t n_pins = h->plain ? 0 : to->n_pins;
	put_u8(b, (uint8_t)n_pins);
	for (size_t i = 0; i < n_pins; i++)
		buf_add(b, view_make(to->pins[i].b, sizeof to->pins[i].b));
	put_u64(b, h->deadline_ms);
	put_u64(b, p->body.n);
	put_view16(b, view_of(h->method));
	put_view16(b, view_of(h->target));
	if (p->body.n)
		put_field(b, "content-type", h->content_type);
	if (h->key)
		put_field(b, "idempotency-key", h->key);
	if (h->traceparent)
		put_field(b, "traceparent", h->traceparent);
	put_u16(b, 0);
}

static void send_body(struct post *p)
{
	channel_send_body(p->worker->channel, p->id, p->body, &p->sent, &p->credit);
}

static void forget(struct post *p)
{
	if (p->worker)
		HASH_DELETE(hh, p->worker->posts, p);
	p->worker = NULL;
}

bool post_send(struct worker *w, struct post *p, const struct post_head *head)
{
	struct buf b = BUF_INIT(16384);

	forget(p);
	buf_reset(&p->answer);
	p->status = 0;
	p->problem[0] = 0;
	p->sent = 0;
	p->credit = CHANNEL_CREDIT;
	p->taken = 0;
	p->id = CHANNEL_OUTBOUND | ++w->last_post;
	put_head(&b, p, head);
	int flags =
	        (p->body.n ? 0 : FRAME_LAST) | (head->plain ? FRAME_PLAIN : 0) | (head->repeatable ? FRAME_AGAIN : 0);
	bool ok = !b.failed && channel_send(w->channel, FRAME_OUTBOUND, (uint8_t)flags, p->id, buf_view(&b), VIEW(""));
	buf_free(&b);
	if (!ok) {
		snprintf(p->problem, sizeof p->problem, "the request cannot be handed to the edge");
		return false;
	}
	p->worker = w;
	HASH_ADD(hh, w->posts, id, sizeof p->id, p);
	send_body(p);
	return true;
}

void post_drop(struct post *p)
{
	forget(p);
	buf_free(&p->answer);
}

void post_abort(struct post *p)
{
	if (p->worker)
		channel_send(p->worker->channel, FRAME_ABORT, 0, p->id, VIEW(""), VIEW(""));
	post_drop(p);
}

static void end(struct post *p)
{
	forget(p);
	p->ended(p->arg);
}

static void fail(struct post *p, const char *why)
{
	p->status = 0;
	if (!p->problem[0])
		snprintf(p->problem, sizeof p->problem, "%s", why);
	end(p);
}

static void take(struct post *p, struct view body)
{
	buf_add(&p->answer, body);
	p->taken += (uint32_t)body.n;
}

static void on_reply(struct post *p, const struct frame *f)
{
	struct channel_reply reply;
	bool whole = channel_read_reply(f, &reply);

	if (reply.error.n)
		snprintf(p->problem, sizeof p->problem, "%.*s", VIEW_ARG(reply.error));
	p->status = whole ? reply.status : 0;
	take(p, reply.body);
}

/* The edge lets by what core has room for; an answer is kept whole, up to its ceiling. */
static void give_credit(struct post *p)
{
	struct buf credit = BUF_INIT(8);

	if (p->taken < CHANNEL_CREDIT / 2)
		return;
	put_u32(&credit, p->taken);
	channel_send(p->worker->channel, FRAME_CREDIT, 0, p->id, buf_view(&credit), VIEW(""));
	buf_free(&credit);
	p->taken = 0;
}

void post_frame(struct worker *w, const struct frame *f)
{
	struct reader in = { .rest = f->payload };
	struct post *p;

	HASH_FIND(hh, w->posts, &f->id, sizeof f->id, p);
	if (!p)
		return;
	if (f->type == FRAME_CREDIT) {
		uint32_t more = read_u32(&in);
		p->credit += more > UINT32_MAX - p->credit ? 0 : more;
		send_body(p);
		return;
	}
	if (f->type == FRAME_REPLY)
		on_reply(p, f);
	else if (f->type == FRAME_BODY)
		take(p, f->payload);
	else
		p->status = 0;
	if (p->status == 0) {
		fail(p, "no answer came");
	} else if (p->answer.failed) {
		channel_send(w->channel, FRAME_ABORT, 0, p->id, VIEW(""), VIEW(""));
		fail(p, "the answer is too large");
	} else if (f->flags & FRAME_LAST) {
		end(p);
	} else {
		give_credit(p);
	}
}

int64_t post_wait_ms(const struct node *n, uint32_t attempts)
{
	int64_t bound = n->first_retry_ms;
	uint64_t at_random;

	for (uint32_t i = 0; i < attempts && bound < n->longest_retry_ms; i++)
		bound *= 2;
	if (bound > n->longest_retry_ms)
		bound = n->longest_retry_ms;
	/* Without randomness it waits all of it. */
	if (bound < 1 || !random_bytes(&at_random, sizeof at_random))
		return bound;
	return 1 + (int64_t)(at_random % (uint64_t)bound);
}
