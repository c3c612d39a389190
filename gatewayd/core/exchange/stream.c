/* See stream_private.h. */
#include "gatewayd/core/exchange/stream_private.h"

#include "gatewayd/core/exchange/batch_private.h"
#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/rate.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/core/serve/standing.h"
#include "gatewayd/core/serve/turns.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define WINDOW       128          /* lines between their beginning and their result */
#define DROPPED      (64u * 1024) /* bytes of lines that are over, before the body is moved up */
#define UNREAD_WAITS 4            /* times as long as a request may wait for room, nobody may read the results */
#define PACE_S       2            /* a rate that lets the next line pass within this is waited for */
#define PASSED       4096u        /* bytes that are no line, which are passed over at once */

struct stream_line {
	struct request *request;
	struct exchange *x; /* NULL: it did not begin; `problem` says why */
	enum reason problem;
	uint64_t held;
	bool over;
	struct buf text; /* the envelope: the body moves on meanwhile */
};

/* request.work */
struct stream {
	size_t taken;    /* bytes of the body that were cut off as lines */
	size_t scanned;  /* and from there on, that have no end of a line */
	uint64_t passed; /* bytes that were read, are no line, and do not count yet */
	bool skips;      /* the rest of a line that is too long */
	bool over;       /* no more lines begin */
	enum reason end; /* why, before its time; REASON_NONE: it was all */
	uint64_t begun, answered;
	int64_t full_ms; /* monotonic: since when nobody reads the results; 0: they do */
	struct buf result;
	struct stream_line window[WINDOW]; /* line k lies at k % WINDOW */
};

static void stream_drop(void *work)
{
	struct stream *st = work;

	for (size_t i = 0; i < WINDOW; i++) {
		if (st->window[i].request)
			exchange_free(st->window[i].x);
		buf_wipe(&st->window[i].text);
	}
	buf_wipe(&st->result);
	free(st);
}

/* --- results --- */

static void add(struct request *r, struct view result)
{
	if (!r->begun_answer)
		answer_begin(r, VIEW("application/x-ndjson"));
	answer_add(r, result);
	answer_add(r, VIEW("\n"));
}

static void add_problem(struct request *r, struct stream *st, enum reason reason)
{
	buf_reset(&st->result);
	problem_open(&st->result, reason);
	buf_addc(&st->result, '}');
	add(r, buf_view(&st->result));
}

static void add_result(struct request *r, struct stream *st, struct stream_line *line)
{
	if (line->x) {
		records_count_refusal(r, line->x);
		add(r, buf_view(&line->x->written.result));
		exchange_recycle(line->x);
	} else {
		add_problem(r, st, line->problem);
	}
	if (line->held)
		turns_give(r, 1, line->held);
	scratch_clear_buf(&line->text);
	line->request = NULL;
	line->x = NULL;
	r->worker->decider->n_lines--;
	st->answered++;
}

/* All that was begun has its result, and nothing more begins. The request may be gone with this turn. */
static void finish(struct request *r, struct stream *st)
{
	if (!st->over || st->answered < st->begun)
		return;
	if (st->begun == 0 && st->end == REASON_NONE)
		st->end = REASON_BAD_JSON;
	r->go_on = NULL;
	r->work = NULL;
	if (!r->aborted && !r->begun_answer) {
		answer_problem(r, st->end);
	} else {
		if (st->end != REASON_NONE)
			add_problem(r, st, st->end);
		answer_end(r);
	}
	stream_drop(st);
}

static void stream_over(struct request *r, struct stream *st, enum reason why)
{
	st->over = true;
	st->end = why;
	if (r->step)
		turns_leave(r);
	finish(r, st);
}

/* --- lines --- */

/* Moves the body up when enough of it is done with. */
static void forget_taken(struct request *r, struct stream *st)
{
	size_t n = r->body.n;

	if (st->taken < DROPPED && st->taken < n)
		return;
	buf_drop(&r->body, st->taken);
	wipe(r->body.p + r->body.n, n - r->body.n);
	st->taken = 0;
}

enum next {
	NEXT_LINE,     /* one that is not empty: its bytes in the body */
	NEXT_TOO_LONG, /* one that is longer than a record may be, and is not kept */
	NEXT_EMPTY,    /* none in the bytes that were passed over; others follow */
	NEXT_NOT_WHOLE /* it has not come whole */
};

static enum next next_line(struct request *r, struct stream *st, struct view *line)
{
	while (st->passed < PASSED) {
		struct view rest = view_from(buf_view(&r->body), st->taken);
		const char *end =
		        rest.n > st->scanned ? memchr(rest.p + st->scanned, '\n', rest.n - st->scanned) : NULL;
		bool last = !end && r->complete && rest.n > 0;

		st->scanned = end || last ? 0 : rest.n;
		*line = view_make(rest.p, end ? (size_t)(end - rest.p) : rest.n);
		if (!end && !last) {
			if (!st->skips && rest.n <= r->worker->body_bytes)
				return NEXT_NOT_WHOLE;
			/* No record is so long: what has come is thrown away, and the rest when it comes. */
			enum next next = st->skips ? NEXT_NOT_WHOLE : NEXT_TOO_LONG;
			st->skips = true;
			st->passed += rest.n;
			st->taken = r->body.n;
			st->scanned = 0;
			return next;
		}
		st->taken += line->n + (end ? 1 : 0);
		bool too_long = !st->skips && line->n > r->worker->body_bytes;
		bool empty = st->skips || (!too_long && records_line_is_empty(*line));
		st->skips = false;
		if (empty || too_long)
			st->passed += line->n + (end ? 1 : 0);
		if (!empty)
			return too_long ? NEXT_TOO_LONG : NEXT_LINE;
	}
	return NEXT_EMPTY;
}

static void line_done(struct exchange *x)
{
	struct stream_line *line = x->owner;
	struct request *r = line->request;

	line->over = true;
	r->go_on(r);
}

static struct stream_line *begin_line(struct request *r, struct stream *st, struct view text)
{
	struct stream_line *line = &st->window[st->begun++ % WINDOW];

	r->worker->decider->n_lines++;
	line->text.max = REQUEST_BODY_MAX;
	line->request = r;
	line->x = NULL;
	line->problem = REASON_UNAVAILABLE;
	line->held = 0;
	line->over = false;
	buf_reset(&line->text);
	buf_add(&line->text, text);
	return line;
}

static void decide_line(struct request *r, struct stream_line *line)
{
	struct decider *d = r->worker->decider;
	struct submission s = records_submission(r, false);

	route_count(r, 1, line->text.n);
	line->x = line->text.failed ? NULL : exchange_take(d);
	if (!line->x) {
		log_line("error", "exchange: memory ran out");
		line->over = true;
		r->go_on(r);
		return;
	}
	exchange_decide(d, &s, buf_view(&line->text), line->x);
	exchange_commit(line->x, exchange_prepare(line->x), line_done, line);
}

/* Why no more lines may begin; REASON_NONE: they may, now or soon (`*wait`). Where nothing is left to begin a full disk and rates
 * do not matter. */
static enum reason looked_at(const struct request *r, const struct stream *st, bool *wait)
{
	const struct core *c = r->worker->core;
	unsigned retry_s = 0;

	*wait = false;
	if (atomic_load_explicit(&c->draining, memory_order_relaxed))
		return REASON_UNAVAILABLE;
	if (st->taken == r->body.n)
		return REASON_NONE;
	if (atomic_load_explicit(&c->space_low, memory_order_relaxed))
		return REASON_NO_SPACE;
	if (atomic_load_explicit(&c->backlog, memory_order_relaxed) == BACKLOG_FULL)
		return REASON_STORE_HELD;
	*wait = !route_may(r, &retry_s);
	return *wait && retry_s > PACE_S ? REASON_RATE_LIMITED : REASON_NONE;
}

/* A stream outlives configurations: when nothing of it is under way the newest one governs the rest, if its partner still
 * stands. */
static enum reason renew(struct request *r)
{
	struct conf *fresh = core_conf(r->worker->core);
	const struct partner *p = NULL;
	enum reason why = standing_of(fresh, r->conn, instant_now_ms(), &p);

	if (why == REASON_NONE && !(p->roles & (ROLE(SYSTEM) | ROLE(GATEWAY))))
		why = REASON_ROLE_DENIED;
	if (why != REASON_NONE) {
		conf_unref(fresh);
		return why;
	}
	conf_unref(r->conf);
	r->conf = fresh;
	r->peer = p;
	route_rates(r);
	const struct submission s = records_submission(r, false);
	return batch_is_counted(&s) ? REASON_BATCH_BOUNDED : REASON_NONE;
}

/* The body is read on while little of it waits. A line that has not come whole does not count. */
static void give_credit(struct request *r, const struct stream *st)
{
	if (r->body.n - st->taken < CHANNEL_CREDIT / 2)
		turns_credit(r);
}

static enum turn step(struct request *r, uint64_t *cost)
{
	struct stream *st = r->work;
	struct view text;
	bool wait = false;
	uint64_t held;

	if (r->aborted) {
		stream_over(r, st, REASON_NONE);
		return TURN_OVER;
	}
	if (st->begun - st->answered == WINDOW || answer_waiting(r) >= TURNS_RESULTS ||
	    r->worker->decider->n_lines >= DECIDER_LINES)
		return TURN_BLOCKED;
	/* So that nothing that this step begins, and has its result at once, ends the stream under it. */
	st->full_ms = 0;
	if (r->conf->generation != r->worker->generation && st->begun != st->answered)
		return TURN_BLOCKED;
	enum reason why = r->conf->generation != r->worker->generation ? renew(r) : REASON_NONE;
	if (why == REASON_NONE)
		why = looked_at(r, st, &wait);
	if (why != REASON_NONE) {
		stream_over(r, st, why);
		return TURN_OVER;
	}
	if (wait)
		return TURN_BLOCKED;
	enum next next = next_line(r, st, &text);
	route_count(r, next == NEXT_TOO_LONG ? 1 : 0, st->passed);
	*cost = TURN_COST + st->passed;
	st->passed = 0;
	if (next == NEXT_EMPTY) {
		forget_taken(r, st);
		give_credit(r, st);
		return TURN_MORE;
	}
	if (next == NEXT_NOT_WHOLE) {
		bool whole = r->complete && st->taken == r->body.n;
		turns_leave(r);
		forget_taken(r, st);
		if (whole)
			stream_over(r, st, REASON_NONE);
		else
			turns_credit(r);
		return TURN_OVER;
	}
	if (next == NEXT_TOO_LONG) {
		struct stream_line *line = begin_line(r, st, VIEW(""));
		line->problem = REASON_TOO_LARGE;
		line->over = true;
		r->go_on(r);
		return TURN_MORE;
	}
	if (!turns_take(r, 1, text.n, &held)) {
		st->taken = (size_t)(text.p - r->body.p);
		return TURN_BLOCKED;
	}
	*cost += text.n;
	struct stream_line *line = begin_line(r, st, text);
	line->held = held;
	forget_taken(r, st);
	give_credit(r, st);
	decide_line(r, line);
	return TURN_MORE;
}

/* Whatever came: results in order, more lines, the end of a stream that nobody reads. */
static void go_on(struct request *r)
{
	struct stream *st = r->work;
	int64_t now_ms = instant_monotonic_ms();

	while (st->answered < st->begun && st->window[st->answered % WINDOW].over)
		add_result(r, st, &st->window[st->answered % WINDOW]);
	if (r->aborted && !st->over) {
		stream_over(r, st, REASON_NONE);
		return;
	}
	/* Credit that is left: the reader has just read, if only a little. */
	if (answer_waiting(r) < TURNS_RESULTS || r->out_credit > 0)
		st->full_ms = 0;
	else if (st->full_ms == 0)
		st->full_ms = now_ms;
	if (!st->over && st->full_ms && now_ms - st->full_ms > UNREAD_WAITS * (int64_t)r->worker->wait_ms) {
		stream_over(r, st, REASON_UNREAD);
		return;
	}
	if (st->over)
		finish(r, st);
	else if (!r->step && !turns_enter(r, step))
		stream_over(r, st, REASON_NO_MEMORY);
}

void stream_start(struct request *r)
{
	struct stream *st = calloc(1, sizeof *st);

	if (!st) {
		answer_problem(r, REASON_NO_MEMORY);
		return;
	}
	st->result = BUF_INIT(4096);
	r->stream = true;
	r->begun = true;
	r->work = st;
	r->drop_work = stream_drop;
	r->go_on = go_on;
	go_on(r);
}
