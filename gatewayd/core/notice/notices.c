/* See notices.h. One notice goes: due → sent → answered → its job → gone, or due again later. */
#include "gatewayd/core/notice/notices.h"

#include "gatewayd/core/notice/notice_out_private.h"
#include "gatewayd/core/store/notice.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define IN_FLIGHT 32
#define NOTICE_MS 30000

struct notices {
	struct worker *worker;
	struct notice_out *under_way; /* by id */
	unsigned n;
};

void *notices_new(struct worker *w)
{
	struct notices *n = calloc(1, sizeof *n);

	if (n)
		n->worker = w;
	return n;
}

static void drop(struct notices *n, struct notice_out *o)
{
	HASH_DELETE(hh, n->under_way, o);
	n->n--;
	notice_out_free(o);
}

void notices_free(void *arg)
{
	struct notices *n = arg;
	struct notice_out *o, *next;

	if (!n)
		return;
	HASH_ITER(hh, n->under_way, o, next)
	drop(n, o);
	free(n);
}

static void came_home(struct job *j)
{
	struct notice_out *o = (struct notice_out *)j;

	if (!j->committed)
		log_line("error", "notices: %s", j->error.text);
	writer_release(j);
	drop(o->notices, o);
}

static void ended(void *arg)
{
	struct notice_out *o = arg;

	notice_out_judge(o);
	o->job = (struct job){ .home = o->worker->home, .run = notice_out_write, .done = came_home };
	writer_submit(o->worker->core->writer, &o->job);
}

static bool send_notice(struct notice_out *o)
{
	char id[UUID_TEXT + 1], target[80];
	struct post_head head = { .to = o->partner,
		                  .method = "POST",
		                  .target = target,
		                  .content_type = "application/json",
		                  .deadline_ms = NOTICE_MS };

	uuid_print(&o->exchange, id);
	snprintf(target, sizeof target, "/v1/exchanges/%s/notices", id);
	o->post.body = buf_view(&o->body);
	return post_send(o->worker, &o->post, &head);
}

static void start(struct notices *n, uint64_t id)
{
	struct notice_out *o = notice_out_new(n->worker, id);

	if (!o)
		return;
	o->notices = n;
	o->post.ended = ended;
	o->post.arg = o;
	HASH_ADD(hh, n->under_way, id, sizeof o->id, o);
	n->n++;
	if (!notice_out_prepare(o) || !send_notice(o))
		ended(o);
}

struct look {
	struct notices *n;
	uint64_t due[IN_FLIGHT];
	size_t found;
};

static bool note_due(void *arg, const struct store_notice *row)
{
	struct look *l = arg;
	struct worker *w = l->n->worker;
	struct notice_out *o;

	if (row->id % w->core->n_workers != w->index)
		return true;
	HASH_FIND(hh, l->n->under_way, &row->id, sizeof row->id, o);
	if (!o)
		l->due[l->found++] = row->id;
	return l->found < IN_FLIGHT;
}

void notices_tick(void *arg)
{
	struct notices *n = arg;
	struct worker *w = n->worker;
	struct look l = { .n = n };
	struct error e = { .reason = REASON_NONE };

	if (n->n >= IN_FLIGHT)
		return;
	if (!store_due_notices(w->reader, instant_now_ms(), (IN_FLIGHT + n->n) * w->core->n_workers, note_due, &l,
	                       &e)) {
		log_line("error", "notices: %s", e.text);
		return;
	}
	for (size_t i = 0; i < l.found && n->n < IN_FLIGHT; i++)
		start(n, l.due[i]);
}
