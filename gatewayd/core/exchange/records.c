/* See records.h. */
#include "gatewayd/core/exchange/records.h"

#include "gatewayd/core/exchange/batch_private.h"
#include "gatewayd/core/exchange/exchange.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/os/log.h"

/* The lines of an NDJSON body that are under way; request.work. */
struct records {
	unsigned n, pending;
	struct exchange *lines[]; /* by line; NULL: it could not begin */
};

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
			buf_add(&all, buf_view(&l->lines[i]->written.result));
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

/* One more has its result, or never will. Answers and lets all of them and the request go when it was the last. */
static void line_over(struct request *r)
{
	struct records *l = r->work;

	if (--l->pending == 0)
		answer_lines(r, l);
}

static void line_done(struct exchange *x)
{
	line_over(x->owner);
}

/* One envelope, one answer. */
static void single_done(struct exchange *x)
{
	const struct found *f = &x->found;
	struct answer a = { .status = f->status,
		            .body = buf_view(&x->written.result),
		            .replayed = f->accepted == STORE_REPLAY };
	char location[64], id[UUID_TEXT + 1];

	if (f->status >= 400)
		a.content_type = VIEW("application/problem+json");
	if ((f->status == 201 || f->status == 202) && !x->decided.asked.dry_run) {
		uuid_print(&f->answer_id, id);
		snprintf(location, sizeof location, "/v1/exchanges/%s", id);
		a.location = view_of(location);
	}
	answer_send(x->owner, &a);
	exchange_recycle(x);
}

static struct submission submission_of(const struct request *r, bool dry_run)
{
	return (struct submission){ .conf = r->conf,
		                    .peer = r->peer,
		                    .path = r->path,
		                    .key = r->key,
		                    .now_ms = r->now_ms,
		                    .dry_run = dry_run };
}

static void start_single(struct request *r, bool dry_run)
{
	struct decider *d = r->worker->decider;
	struct submission s = submission_of(r, dry_run);
	struct exchange *x = exchange_take(d);

	if (!x) {
		log_line("error", "exchange: memory ran out");
		answer_problem(r, REASON_UNAVAILABLE);
		return;
	}
	exchange_decide(d, &s, buf_view(&r->body), x);
	exchange_commit(x, exchange_prepare(x), single_done, r);
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

/* The last line may answer and let the request go: nothing of it is looked at after it was handed over. */
static void hand_over(struct request *r, unsigned line, struct exchange *x, bool prepared)
{
	struct records *l = r->work;

	if (!x) {
		line_over(r);
		return;
	}
	l->lines[line] = x;
	exchange_commit(x, prepared, line_done, r);
}

/* Each by itself. */
static void start_lines(struct request *r, unsigned n)
{
	struct decider *d = r->worker->decider;
	struct submission s = submission_of(r, false);
	struct view body = buf_view(&r->body);
	unsigned line = 0;

	while (line < n) {
		struct view text = view_cut(&body, '\n');
		if (text.n == 0)
			continue;
		struct exchange *x = exchange_take(d);
		if (!x)
			log_line("error", "exchange: memory ran out");
		else
			exchange_decide(d, &s, text, x);
		hand_over(r, line++, x, x && exchange_prepare(x));
	}
}

/* All together, where the agreement counts. */
static void start_batch(struct request *r, const struct submission *s, unsigned n)
{
	struct batch_line *lines = calloc(n, sizeof *lines);
	struct view body = buf_view(&r->body);
	unsigned line = 0;

	while (lines && line < n) {
		struct view text = view_cut(&body, '\n');
		if (text.n)
			lines[line++].text = text;
	}
	if (!lines || !batch_decide(r->worker->decider, s, lines, n))
		log_line("error", "batch: memory ran out");
	for (unsigned i = 0; i < n; i++)
		hand_over(r, i, lines ? lines[i].x : NULL, lines && lines[i].prepared);
	free(lines);
}

static void start_records(struct request *r)
{
	struct submission s = submission_of(r, false);
	unsigned n = count_lines(buf_view(&r->body));
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
	if (batch_is_counted(&s))
		start_batch(r, &s, n);
	else
		start_lines(r, n);
}

void handle_records(struct request *r)
{
	if (atomic_load_explicit(&r->worker->core->draining, memory_order_relaxed)) {
		answer_problem(r, REASON_UNAVAILABLE);
		return;
	}
	if (atomic_load_explicit(&r->worker->core->space_low, memory_order_relaxed)) {
		answer_problem(r, REASON_NO_SPACE);
		return;
	}
	if (atomic_load_explicit(&r->worker->core->backlog, memory_order_relaxed) == BACKLOG_FULL) {
		answer_problem(r, REASON_STORE_HELD);
		return;
	}
	if (!key_valid(r->key)) {
		answer_problem(r, REASON_BAD_HEADER);
		return;
	}
	if (request_media_is(r, "application/x-ndjson")) {
		start_records(r);
	} else if (request_media_is(r, "application/json")) {
		start_single(r, false);
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
	start_single(r, true);
}

/* --- the decider of a worker --- */

void *deciding_new(struct worker *w)
{
	struct decider *d = calloc(1, sizeof *d);

	if (d)
		*d = (struct decider){ .core = w->core, .reader = w->reader, .home = w->home, .scratch = &w->scratch };
	w->decider = d;
	return d;
}

void deciding_free(void *arg)
{
	decider_close(arg);
	free(arg);
}
