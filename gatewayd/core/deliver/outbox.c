/* See outbox.h. One delivery goes: due → sent → answered → its job → gone, or due again later. */
#include "gatewayd/core/deliver/outbox.h"

#include "gatewayd/core/deliver/delivery_private.h"
#include "gatewayd/core/serve/worker.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define IN_FLIGHT   64
#define ANSWER_MAX  (192u * 1024)
#define DELIVERY_MS 30000

struct outbox {
	struct worker *worker;
	struct delivery *under_way; /* by seq */
	unsigned n;
	bool again; /* more may be due: look at the next tick at once */
};

void *outbox_new(struct worker *w)
{
	struct outbox *o = calloc(1, sizeof *o);

	if (o)
		o->worker = w;
	return o;
}

static void drop(struct outbox *o, struct delivery *d)
{
	HASH_DELETE(hh, o->under_way, d);
	o->n--;
	o->again = true;
	delivery_free(d);
}

void outbox_free(void *arg)
{
	struct outbox *o = arg;
	struct delivery *d, *next;

	if (!o)
		return;
	HASH_ITER(hh, o->under_way, d, next)
	drop(o, d);
	free(o);
}

/* --- sending --- */

static bool send_outbound(struct outbox *o, struct delivery *d)
{
	char id[UUID_TEXT + 1], target[200];
	struct post_head head = { .to = d->partner,
		                  .method = "POST",
		                  .target = target,
		                  .content_type = "application/json",
		                  .key = id,
		                  .deadline_ms = DELIVERY_MS };

	snprintf(target, sizeof target, "/v1/agreements/%s/records", d->agreement);
	uuid_print(&d->exchange, id);
	d->post.body = buf_view(&d->body);
	return post_send(o->worker, &d->post, &head);
}

/* --- answers --- */

static void came_home(struct job *j)
{
	struct delivery *d = (struct delivery *)j;

	if (!j->committed)
		log_line("error", "outbox: %s", j->error.text);
	writer_release(j);
	drop(d->outbox, d);
}

static void submit(struct outbox *o, struct delivery *d)
{
	d->job = (struct job){ .home = o->worker->home, .run = delivery_write, .done = came_home };
	writer_submit(o->worker->core->writer, &d->job);
}

static void ended(void *arg)
{
	struct delivery *d = arg;

	delivery_judge(d);
	submit(d->outbox, d);
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
	HASH_FIND(hh, l->o->under_way, &row->seq, sizeof row->seq, d);
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
	d->post.ended = ended;
	d->post.arg = d;
	HASH_ADD(hh, o->under_way, seq, sizeof d->seq, d);
	o->n++;
	if (!delivery_prepare(d) || !send_outbound(o, d))
		ended(d);
}

void outbox_tick(void *arg)
{
	struct outbox *o = arg;
	struct worker *w = o->worker;
	struct error e = { .reason = REASON_NONE };

	do {
		struct look l = { .o = o, .n = 0 };
		o->again = false;
		if (o->n >= IN_FLIGHT)
			return;
		unsigned most = (IN_FLIGHT + o->n) * w->core->n_workers;
		if (!store_due_deliveries(w->reader, instant_now_ms(), most, note_due, &l, &e)) {
			log_line("error", "outbox: %s", e.text);
			return;
		}
		for (size_t i = 0; i < l.n && o->n < IN_FLIGHT; i++)
			start(o, l.due[i], &l.facts[i]);
	} while (o->again && o->n == 0);
}
