/* See records.h. */
#include "gatewayd/core/exchange/records.h"

#include "gatewayd/core/exchange/batch_private.h"
#include "gatewayd/core/exchange/exchange.h"
#include "gatewayd/core/exchange/stream_private.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/rate.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/serve/turns.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

/* Lines of a request that are under way at once; more begin as these come home. */
#define WINDOW 128

/* A line that was begun and is not answered yet. */
struct line {
	struct request *request;
	struct exchange *x; /* NULL: it could not begin */
	uint64_t held;      /* of the budget */
	bool over;          /* it has its result, or never will */
};

/* The lines of an NDJSON body; request.work. */
struct records {
	struct view rest;            /* of the body: what has not begun */
	unsigned n, begun, answered; /* lines */
	struct buf results;          /* a line each, in order */
	unsigned room;               /* of the window */
	struct line window[];        /* line k lies at k % room */
};

static void records_drop(void *work)
{
	struct records *l = work;

	for (unsigned k = l->answered; k < l->begun; k++)
		exchange_free(l->window[k % l->room].x);
	buf_wipe(&l->results);
	free(l);
}

/* All lines have their results, or nobody waits for them any more. */
static void answer_lines(struct request *r, struct records *l)
{
	struct answer a = { .status = 200, .content_type = VIEW("application/x-ndjson") };

	r->work = NULL;
	a.body = buf_view(&l->results);
	a.own = &l->results;
	if (l->results.failed)
		answer_problem(r, REASON_NO_MEMORY);
	else
		answer_send(r, &a);
	buf_wipe(&l->results);
	free(l);
}

/* A refusal costs as much as a release and is of use to nobody: it counts for more. */
void records_count_refusal(const struct request *r, const struct exchange *x)
{
	if (x->decided.decision.outcome == OUTCOME_REFUSED && x->found.accepted == STORE_NEW)
		route_count(r, RATE_REFUSED - 1, 0);
}

static void add_result(struct request *r, struct records *l, struct line *line)
{
	size_t before = l->results.n;

	if (line->x) {
		records_count_refusal(r, line->x);
		struct view result = buf_view(&line->x->written.result);

		/* The others will be as long, within a few bytes. */
		if (l->results.n == 0)
			buf_room(&l->results, l->n * (result.n + 32));
		if (!r->aborted)
			buf_add(&l->results, result);
		exchange_recycle(line->x);
	} else {
		problem_open(&l->results, REASON_UNAVAILABLE);
		buf_addc(&l->results, '}');
	}
	buf_addc(&l->results, '\n');
	r->worker->decider->n_lines--;
	turns_give(r, 1, line->held);
	turns_keep(r, l->results.n - before);
	l->answered++;
}

/* One more has its result, or never will. Takes the results that are next; answers and lets the request go when that
 * was the last. */
static void line_over(struct line *line)
{
	struct request *r = line->request;
	struct records *l = r->work;

	line->over = true;
	while (l->answered < l->begun && l->window[l->answered % l->room].over)
		add_result(r, l, &l->window[l->answered % l->room]);
	if (l->answered == l->n)
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
	struct request *r = x->owner;
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
	turns_give(r, 1, r->line_held);
	records_count_refusal(r, x);
	answer_send(r, &a);
	exchange_recycle(x);
}

struct submission records_submission(const struct request *r, bool dry_run)
{
	return (struct submission){ .conf = r->conf,
		                    .peer = r->peer,
		                    .path = r->path,
		                    .key = r->key,
		                    .traceparent = r->traceparent,
		                    .now_ms = r->stream ? instant_now_ms() : r->now_ms,
		                    .lane = request_lane(r),
		                    .dry_run = dry_run };
}

static enum turn begin_single(struct request *r, bool dry_run, uint64_t *cost)
{
	struct decider *d = r->worker->decider;
	struct submission s = records_submission(r, dry_run);
	struct exchange *x;

	*cost = r->body.n + TURN_COST;
	if (!r->aborted && !turns_take(r, 1, r->body.n, &r->line_held))
		return TURN_BLOCKED;
	turns_leave(r);
	if (r->aborted) {
		request_release(r);
		return TURN_OVER;
	}
	r->begun = true;
	route_count(r, 1, r->body.n);
	x = exchange_take(d);
	if (!x) {
		log_line("error", "exchange: memory ran out");
		turns_give(r, 1, r->line_held);
		answer_problem(r, REASON_UNAVAILABLE);
		return TURN_OVER;
	}
	exchange_decide(d, &s, buf_view(&r->body), x);
	exchange_commit(x, exchange_prepare(x), single_done, r);
	return TURN_OVER;
}

static enum turn step_single(struct request *r, uint64_t *cost)
{
	return begin_single(r, false, cost);
}

static enum turn step_validation(struct request *r, uint64_t *cost)
{
	return begin_single(r, true, cost);
}

static void enter(struct request *r, enum turn (*step)(struct request *r, uint64_t *cost))
{
	if (turns_enter(r, step))
		return;
	if (r->work)
		r->drop_work(r->work);
	r->work = NULL;
	answer_problem(r, REASON_NO_MEMORY);
}

/* Visible ASCII, at most 255 bytes. */
static bool key_valid(struct view key)
{
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] < 0x21 || key.p[i] > 0x7e)
			return false;
	return key.n <= 255;
}

bool records_line_is_empty(struct view line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r')
			return false;
	return true;
}

/* How many are not empty; more than `most` where so many are, or as many are empty: nobody waits until all are counted. */
static unsigned count_lines(struct view body, unsigned most)
{
	unsigned n = 0, empty = 0;

	while (body.n && n <= most && empty <= most) {
		if (records_line_is_empty(view_cut(&body, '\n')))
			empty++;
		else
			n++;
	}
	return empty > most ? most + 1 : n;
}

/* The next line that is not empty. There is one. */
static struct view next_line(struct records *l)
{
	struct view text;

	do {
		text = view_cut(&l->rest, '\n');
	} while (records_line_is_empty(text));
	return text;
}

/* The last line may answer and let the request go: nothing of it is looked at after it was handed over. */
static void hand_over(struct line *line, struct exchange *x, bool prepared)
{
	line->x = x;
	if (x)
		exchange_commit(x, prepared, line_done, line);
	else
		line_over(line);
}

static struct line *begin_line(struct request *r, uint64_t held)
{
	struct records *l = r->work;
	struct line *line = &l->window[l->begun++ % l->room];

	*line = (struct line){ .request = r, .held = held };
	r->worker->decider->n_lines++;
	r->begun = true;
	route_count(r, 1, 0);
	return line;
}

/* The peer went away: what was begun is written, the rest is not begun. */
static enum turn stop_lines(struct request *r)
{
	struct records *l = r->work;

	turns_leave(r);
	l->n = l->begun;
	if (l->answered == l->n)
		answer_lines(r, l);
	return TURN_OVER;
}

/* Each by itself. */
static enum turn step_lines(struct request *r, uint64_t *cost)
{
	struct decider *d = r->worker->decider;
	struct records *l = r->work;
	struct view rest = l->rest, text;
	uint64_t held;

	if (r->aborted)
		return stop_lines(r);
	if (l->begun - l->answered == l->room || d->n_lines >= DECIDER_LINES)
		return TURN_BLOCKED;
	text = next_line(l);
	if (!turns_take(r, 1, text.n, &held)) {
		l->rest = rest;
		return TURN_BLOCKED;
	}
	*cost = text.n + TURN_COST;
	struct line *line = begin_line(r, held);
	bool last = l->begun == l->n;
	struct submission s = records_submission(r, false);
	struct exchange *x = exchange_take(d);
	if (last)
		turns_leave(r);
	if (!x)
		log_line("error", "exchange: memory ran out");
	else
		exchange_decide(d, &s, text, x);
	hand_over(line, x, x && exchange_prepare(x));
	return last ? TURN_OVER : TURN_MORE;
}

/* All together, where the agreement counts: the whole batch begins in one turn. */
static enum turn step_batch(struct request *r, uint64_t *cost)
{
	struct records *l = r->work;
	struct submission s = records_submission(r, false);
	unsigned n = l->n;
	uint64_t held;

	if (r->aborted)
		return stop_lines(r);
	if (!turns_take(r, n, l->rest.n, &held))
		return TURN_BLOCKED;
	*cost = l->rest.n + (uint64_t)n * TURN_COST;
	turns_leave(r);
	struct batch_line *lines = calloc(n, sizeof *lines);
	for (unsigned i = 0; i < n; i++) {
		struct view text = next_line(l);
		if (lines)
			lines[i].text = text;
		begin_line(r, i == 0 ? held - (uint64_t)(n - 1) * (held / n) : held / n);
	}
	if (!lines || !batch_decide(r->worker->decider, &s, lines, n))
		log_line("error", "batch: memory ran out");
	for (unsigned i = 0; i < n; i++)
		hand_over(&l->window[i], lines ? lines[i].x : NULL, lines && lines[i].prepared);
	free(lines);
	return TURN_OVER;
}

static void start_records(struct request *r)
{
	struct submission s = records_submission(r, false);
	unsigned n = count_lines(buf_view(&r->body), r->conf->node.lines);
	struct records *lines;

	bool counted = batch_is_counted(&s);

	if (r->key.n > 0 || (n == 0 && !r->stream)) {
		answer_problem(r, r->key.n > 0 ? REASON_BAD_HEADER : REASON_BAD_JSON);
		return;
	}
	if (counted && (r->stream || n > r->conf->node.lines)) {
		answer_problem(r, REASON_BATCH_BOUNDED);
		return;
	}
	if (r->stream || n > r->conf->node.lines) {
		stream_start(r);
		return;
	}
	unsigned room = counted || n < WINDOW ? n : WINDOW;
	lines = calloc(1, sizeof *lines + room * sizeof *lines->window);
	if (!lines) {
		answer_problem(r, REASON_NO_MEMORY);
		return;
	}
	route_count(r, 0, r->body.n);
	lines->n = n;
	lines->room = room;
	lines->rest = buf_view(&r->body);
	lines->results = BUF_INIT((size_t)n * 3 * ANSWER_MAX);
	r->work = lines;
	r->drop_work = records_drop;
	enter(r, counted ? step_batch : step_lines);
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
	if (!route_permits(r))
		return;
	if (request_media_is(r, "application/x-ndjson")) {
		start_records(r);
	} else if (request_media_is(r, "application/json")) {
		enter(r, step_single);
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
	if (route_permits(r))
		enter(r, step_validation);
}

/* --- the decider of a worker --- */

void *deciding_new(struct worker *w)
{
	struct decider *d = calloc(1, sizeof *d);

	if (d)
		*d = (struct decider){
			.core = w->core, .reader = w->reader, .home = w->home, .scratch = &w->scratch, .took = &w->took
		};
	w->decider = d;
	return d;
}

void deciding_tick(void *arg)
{
	decider_rest(arg);
}

void deciding_free(void *arg)
{
	decider_close(arg);
	free(arg);
}
