/* See records.h. */
#include "gatewayd/core/exchange/records.h"

#include "gatewayd/core/exchange/batch_private.h"
#include "gatewayd/core/exchange/exchange.h"
#include "gatewayd/core/serve/answer.h"

struct records *records_of(const struct request *r)
{
	return r->work;
}

static void records_drop(void *work)
{
	struct records *l = work;

	for (unsigned i = 0; i < l->n; i++)
		exchange_free(l->lines[i]);
	free(l);
}

/* A line of NDJSON each, in order. */
static void answer_lines(struct request *r, struct records *l)
{
	struct buf all = BUF_INIT((size_t)l->n * 3 * ANSWER_MAX);
	struct answer a = { .status = 200, .content_type = VIEW("application/x-ndjson") };

	for (unsigned i = 0; i < l->n; i++) {
		if (l->lines[i]) {
			buf_add(&all, buf_view(&l->lines[i]->result));
			exchange_recycle(l->lines[i]);
		} else {
			problem_open(&all, REASON_UNAVAILABLE);
			buf_addc(&all, '}');
		}
		buf_addc(&all, '\n');
	}
	free(l);
	r->work = NULL;
	a.body = buf_view(&all);
	if (all.failed)
		answer_problem(r, REASON_NO_MEMORY);
	else
		answer_send(r, &a);
	buf_free(&all);
}

void records_done(struct request *r)
{
	struct records *l = records_of(r);

	if (--l->pending == 0)
		answer_lines(r, l);
}

/* Visible ASCII, at most 255 bytes. */
static bool key_valid(struct view key)
{
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] < 0x21 || key.p[i] > 0x7e)
			return false;
	return key.n <= 255;
}

static unsigned count_lines(struct view body)
{
	unsigned n = 0;

	while (body.n) {
		struct view line = view_cut(&body, '\n');
		n += line.n > 0;
	}
	return n;
}

static void start_lines(struct request *r)
{
	struct view body = buf_view(&r->body);
	unsigned n = count_lines(body), line = 0;
	struct records *lines;

	if (n == 0 || r->key.n > 0) {
		answer_problem(r, n == 0 ? REASON_BAD_JSON : REASON_BAD_HEADER);
		return;
	}
	if (n > r->conf->node.lines) {
		answer_problem(r, REASON_TOO_LARGE);
		return;
	}
	lines = calloc(1, sizeof *lines + n * sizeof(struct exchange *));
	if (!lines) {
		answer_problem(r, REASON_NO_MEMORY);
		return;
	}
	lines->n = lines->pending = n;
	r->work = lines;
	r->drop_work = records_drop;
	if (batch_is_counted(r)) {
		batch_start(r);
		return;
	}
	/* The last line may answer and let the request go: nothing of it is looked at afterwards. */
	while (line < n) {
		struct view text = view_cut(&body, '\n');
		if (text.n)
			exchange_start(r, line++, text, false);
	}
}

void handle_records(struct request *r)
{
	if (atomic_load_explicit(&r->worker->core->draining, memory_order_relaxed)) {
		answer_problem(r, REASON_UNAVAILABLE);
		return;
	}
	if (!key_valid(r->key)) {
		answer_problem(r, REASON_BAD_HEADER);
		return;
	}
	if (request_media_is(r, "application/x-ndjson")) {
		start_lines(r);
	} else if (request_media_is(r, "application/json")) {
		exchange_start(r, 0, buf_view(&r->body), false);
	} else {
		answer_problem(r, REASON_MEDIA_TYPE);
	}
}

void handle_validate(struct request *r)
{
	if (!request_media_is(r, "application/json")) {
		answer_problem(r, REASON_MEDIA_TYPE);
		return;
	}
	exchange_start(r, 0, buf_view(&r->body), true);
}
