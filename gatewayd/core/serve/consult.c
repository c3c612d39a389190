/* See consult.h. */
#include "gatewayd/core/serve/consult.h"

#include "gatewayd/core/serve/attempts.h"
#include "gatewayd/os/log.h"
#include "lib/tlog/entry.h"

struct consult {
	struct job job; /* first */
	struct request *request;
	struct view content_type;
	struct buf body;
	struct buf leaves;                                /* u32-prefixed, one a reading */
	void (*then)(struct core *core, const void *arg); /* NULL: nothing */
	max_align_t then_arg[CONSULT_THEN / sizeof(max_align_t)];
};

struct consult *consult_new(struct request *r, struct view content_type, size_t body_max)
{
	struct consult *c = calloc(1, sizeof *c);

	if (!c) {
		answer_problem(r, REASON_NO_MEMORY);
		return NULL;
	}
	c->request = r;
	c->content_type = content_type;
	c->body = BUF_INIT(body_max);
	c->leaves = BUF_INIT(8u * 1024 * 1024);
	return c;
}

struct buf *consult_body(struct consult *c)
{
	return &c->body;
}

static bool note(struct consult *c, enum operation operation, const struct uuid *exchange, struct view agreement,
                 const char *what)
{
	struct request *r = c->request;
	struct buf leaf = BUF_INIT(8192);
	struct entry e = { .operation = operation,
		           .time_ms = r->now_ms,
		           .peer = view_of(r->peer->id),
		           .agreement = agreement,
		           .note = view_of(what),
		           .build = view_of(r->worker->core->build) };

	if (exchange)
		e.exchange = *exchange;
	bool drawn = random_bytes(e.random, sizeof e.random);
	entry_print(&e, NULL, &leaf);
	put_view32(&c->leaves, buf_view(&leaf));
	bool ok = drawn && !leaf.failed && !c->leaves.failed;
	buf_free(&leaf);
	return ok;
}

bool consult_note(struct consult *c, const struct uuid *exchange, struct view agreement, const char *what)
{
	return note(c, OPERATION_CONSULTATION, exchange, agreement, what);
}

bool consult_incident(struct consult *c, const struct uuid *exchange, const char *what)
{
	struct core *core = c->request->worker->core;
	struct attempt one = attempt_of(VIEW("incident"), view_make(exchange->b, sizeof exchange->b), REASON_DAMAGED);
	char id[UUID_TEXT + 1];

	if (attempts_known(core->attempts, &one, c->request->now_ms))
		return true;
	attempts_note(core->attempts, &one, c->request->now_ms);
	uuid_print(exchange, id);
	log_line("error", "exchange %s: %s", id, what);
	return note(c, OPERATION_INCIDENT, exchange, VIEW(""), what);
}

bool consult_then(struct consult *c, void (*f)(struct core *core, const void *arg), const void *arg, size_t n)
{
	if (n > sizeof c->then_arg)
		return false;
	c->then = f;
	memcpy(c->then_arg, arg, n);
	return true;
}

void consult_drop(struct consult *c)
{
	buf_wipe(&c->body);
	buf_free(&c->leaves);
	free(c);
}

static bool write_consult(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct consult *c = JOB_OF(struct consult, j);
	struct reader in = { .rest = buf_view(&c->leaves) };
	uint64_t index;

	(void)s;
	while (in.rest.n) {
		struct view leaf = read_view32(&in);
		if (!writer_append(w, j, leaf, VIEW(""), &index, e))
			return false;
	}
	return true;
}

static void came_home(struct job *j)
{
	struct consult *c = JOB_OF(struct consult, j);
	struct answer a = { .status = 200, .content_type = c->content_type, .body = buf_view(&c->body) };

	if (j->committed && c->then)
		c->then(c->request->worker->core, c->then_arg);
	if (j->committed)
		answer_send(c->request, &a);
	else
		answer_problem(c->request, REASON_UNAVAILABLE);
	writer_release(j);
	consult_drop(c);
}

void consult_submit(struct consult *c)
{
	struct worker *w = c->request->worker;

	if (c->body.failed || c->leaves.failed) {
		answer_problem(c->request, REASON_NO_MEMORY);
		consult_drop(c);
		return;
	}
	c->job = (struct job){
		.lane = request_lane(c->request), .home = w->home, .run = write_consult, .done = came_home
	};
	writer_submit(w->core->writer, &c->job);
}
