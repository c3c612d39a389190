/* See outbox.h. One delivery goes: due → sent → answered → its job → gone, or due again later. */
#include "gatewayd/core/outbox.h"

#include "gatewayd/core/delivery.h"
#include "gatewayd/core/worker.h"

#define IN_FLIGHT 64
#define ANSWER_MAX (192u * 1024)
#define DELIVERY_MS 30000

struct outbox {
	struct worker *worker;
	struct delivery *under_way;     /* by outbound id */
	struct delivery *by_seq;
	unsigned n;
	uint64_t next_id;
	bool again;                     /* more may be due: look at the next tick at once */
};

struct outbox *outbox_new(struct worker *w)
{
	struct outbox *o = calloc(1, sizeof *o);

	if (o)
		o->worker = w;
	return o;
}

static void drop(struct outbox *o, struct delivery *d)
{
	HASH_DELETE(hh, o->under_way, d);
	HASH_DELETE(hh_seq, o->by_seq, d);
	o->n--;
	o->again = true;
	delivery_free(d);
}

void outbox_free(struct outbox *o)
{
	struct delivery *d, *next;

	if (!o)
		return;
	HASH_ITER(hh, o->under_way, d, next)
		drop(o, d);
	free(o);
}

/* --- sending --- */

static void put_field(struct buf *b, const char *name, const char *value)
{
	put_view16(b, view_of(name));
	put_view16(b, view_of(value));
}

static void send_body(struct worker *w, struct delivery *d)
{
	channel_send_body(w->channel, d->id, buf_view(&d->body), &d->sent, &d->credit);
}

static void send_outbound(struct outbox *o, struct delivery *d)
{
	const struct partner *p = d->partner;
	struct buf head = BUF_INIT(16384);
	char port[8], id[UUID_TEXT + 1], target[200];

	snprintf(port, sizeof port, "%u", (unsigned)p->port);
	snprintf(target, sizeof target, "/v1/agreements/%s/records", d->agreement);
	uuid_print(&d->exchange, id);
	put_view16(&head, view_of(p->host));
	put_view16(&head, view_of(port));
	put_view16(&head, view_of(p->host));
	put_u8(&head, (uint8_t)p->n_pins);
	for (size_t i = 0; i < p->n_pins; i++)
		buf_add(&head, view_make(p->pins[i].b, sizeof p->pins[i].b));
	put_u64(&head, DELIVERY_MS);
	put_u64(&head, d->body.n);
	put_view16(&head, VIEW("POST"));
	put_view16(&head, view_of(target));
	put_field(&head, "content-type", "application/json");
	put_field(&head, "idempotency-key", id);
	put_u16(&head, 0);
	channel_send(o->worker->channel, FRAME_OUTBOUND, 0, d->id, buf_view(&head), VIEW(""));
	buf_free(&head);
	d->credit = CHANNEL_CREDIT;
	send_body(o->worker, d);
}

/* --- answers --- */

static void came_home(struct job *j)
{
	struct delivery *d = (struct delivery *)j;

	if (!j->committed)
		core_log("error", "outbox: %s", j->error.text);
	writer_release(j);
	drop(d->outbox, d);
}

static void submit(struct outbox *o, struct delivery *d)
{
	d->job = (struct job){ .home = o->worker->home, .run = delivery_write, .done = came_home };
	writer_submit(o->worker->core->writer, &d->job);
}

static void on_reply(struct outbox *o, struct delivery *d, const struct frame *f)
{
	struct channel_reply reply;
	bool whole = channel_read_reply(f, &reply);

	d->status = whole ? reply.status : 0;
	if (reply.error.n)
		snprintf(d->problem, sizeof d->problem, "%.*s", VIEW_ARG(reply.error));
	buf_add(&d->answer, reply.body);
	if (f->flags & FRAME_LAST || !whole) {
		delivery_judge(d);
		submit(o, d);
	}
}

static void on_answer_body(struct outbox *o, struct delivery *d, const struct frame *f)
{
	buf_add(&d->answer, f->payload);
	if (d->answer.failed) {
		channel_send(o->worker->channel, FRAME_ABORT, 0, d->id, VIEW(""), VIEW(""));
		d->status = 0;
	}
	if (f->flags & FRAME_LAST || d->answer.failed) {
		delivery_judge(d);
		submit(o, d);
	}
}

void outbox_frame(struct outbox *o, const struct frame *f)
{
	struct reader in = { .rest = f->payload };
	struct delivery *d;

	HASH_FIND(hh, o->under_way, &f->id, sizeof f->id, d);
	if (!d || d->judged)
		return;
	switch ((int)f->type) {
	case FRAME_REPLY:
		on_reply(o, d, f);
		break;
	case FRAME_BODY:
		on_answer_body(o, d, f);
		break;
	case FRAME_CREDIT:
		d->credit += read_u32(&in);
		send_body(o->worker, d);
		break;
	case FRAME_ABORT:
		d->status = 0;
		delivery_judge(d);
		submit(o, d);
		break;
	}
}

/* --- what is due --- */

struct look {
	struct outbox *o;
	uint64_t due[2 * IN_FLIGHT];
	struct delivery_due facts[2 * IN_FLIGHT];
	size_t n;
};

static bool note_due(void *arg, const struct store_delivery *row)
{
	struct look *l = arg;
	struct worker *w = l->o->worker;
	struct delivery *d;

	if (row->seq % w->core->n_workers != w->index)
		return true;
	HASH_FIND(hh_seq, l->o->by_seq, &row->seq, sizeof row->seq, d);
	if (d)
		return true;
	l->due[l->n] = row->seq;
	l->facts[l->n] = (struct delivery_due){ .attempts = row->attempts, .deadline_ms = row->deadline_ms };
	return ++l->n < IN_FLIGHT;
}

static void start(struct outbox *o, uint64_t seq, const struct delivery_due *facts)
{
	struct delivery *d = delivery_new(o->worker, seq, facts, ANSWER_MAX);

	if (!d)
		return;
	d->outbox = o;
	d->id = CHANNEL_OUTBOUND | ++o->next_id;
	HASH_ADD(hh, o->under_way, id, sizeof d->id, d);
	HASH_ADD(hh_seq, o->by_seq, seq, sizeof d->seq, d);
	o->n++;
	if (delivery_prepare(d)) {
		send_outbound(o, d);
	} else {
		delivery_judge(d);
		submit(o, d);
	}
}

void outbox_tick(struct outbox *o)
{
	struct worker *w = o->worker;
	struct error e = { .reason = REASON_NONE };

	do {
		struct look l = { .o = o, .n = 0 };
		o->again = false;
		if (o->n >= IN_FLIGHT)
			return;
		unsigned most = (IN_FLIGHT + o->n) * w->core->n_workers;
		if (!store_due_deliveries(w->reader, core_now_ms(), most, note_due, &l, &e)) {
			core_log("error", "outbox: %s", e.text);
			return;
		}
		for (size_t i = 0; i < l.n && o->n < IN_FLIGHT; i++)
			start(o, l.due[i], &l.facts[i]);
	} while (o->again && o->n == 0);
}
