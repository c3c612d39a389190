/* See turns.h. */
#include "gatewayd/core/serve/turns.h"

#include "gatewayd/core/serve/answer.h"
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/router.h"
#include "gatewayd/os/instant.h"
#include "lib/base/wire.h"

#define QUANTUM      8192u  /* bytes of lines that a partner of weight 1 may begin in its turn */
#define TURN_BYTES   24576u /* that are begun before frames are read again */
#define BLOCKED_SEEN 16     /* partners without room that one look over the waiting keeps in mind */

/* The queue of a partner in this worker. */
struct share {
	struct account *account;
	struct request_queue requests;
	int64_t deficit; /* bytes that it may still begin in its turn */
	bool turn;       /* it is its turn */
	TAILQ_ENTRY(share) link;
};

static struct budget *budget_of(const struct worker *w)
{
	return w->core->budget;
}

/* --- room --- */

/* Bytes of its body that the edge may send before it is given credit. */
static uint64_t unasked(const struct request *r)
{
	return r->length < CHANNEL_CREDIT ? r->length : CHANNEL_CREDIT;
}

static bool take_body(struct request *r)
{
	uint64_t bytes = r->stream                      ? (uint64_t)r->worker->body_bytes + NODE_STREAM_BYTES
	                 : r->length == CHANNEL_CHUNKED ? (uint64_t)r->worker->body_bytes + BUDGET_REQUEST_BYTES
	                                                : r->length + BUDGET_REQUEST_BYTES;

	if (!budget_take_body(budget_of(r->worker), r->account, bytes))
		return false;
	r->held = bytes;
	/* There is room for all of it: memory that grew as it comes would copy, and overwrite, what came before each time. */
	if (!r->stream && r->length != CHANNEL_CHUNKED)
		buf_reserve(&r->body, r->length);
	return true;
}

bool turns_admit(struct request *r)
{
	struct worker *w = r->worker;

	if (!r->account || take_body(r))
		return true;
	if (!budget_wait(budget_of(w), r->account, unasked(r))) {
		budget_turned_away(budget_of(w), r->account);
		answer_problem(r, REASON_BUSY);
		return false;
	}
	r->waits = true;
	r->wait_until_ms = instant_monotonic_ms() + w->wait_ms;
	TAILQ_INSERT_TAIL(&w->waiting, r, turn);
	return true;
}

static void wait_ends(struct request *r, bool turned_away)
{
	TAILQ_REMOVE(&r->worker->waiting, r, turn);
	r->waits = false;
	budget_waited(budget_of(r->worker), r->account, unasked(r), turned_away);
}

void turns_credit(struct request *r)
{
	struct buf credit = BUF_INIT(8);
	uint32_t more = CHANNEL_CREDIT - r->credit_given;

	if (r->waits || r->complete || r->answered || r->credit_given >= CHANNEL_CREDIT / 2)
		return;
	put_u32(&credit, more);
	channel_send(r->worker->channel, FRAME_CREDIT, 0, r->id, buf_view(&credit), VIEW(""));
	buf_free(&credit);
	r->credit_given += more;
}

/* Lets those go on for which there is room now; of one partner in their order. */
static void admit_waiting(struct worker *w)
{
	const struct account *blocked[BLOCKED_SEEN];
	struct request *r, *next;
	size_t n = 0;

	for (r = TAILQ_FIRST(&w->waiting); r && n < BLOCKED_SEEN; r = next) {
		bool passed = false;

		next = TAILQ_NEXT(r, turn);
		for (size_t i = 0; i < n; i++)
			passed = passed || blocked[i] == r->account;
		if (passed)
			continue;
		if (!take_body(r)) {
			blocked[n++] = r->account;
			continue;
		}
		wait_ends(r, false);
		if (r->complete || r->stream)
			route_request(r);
		else
			turns_credit(r);
	}
}

bool turns_take(struct request *r, uint32_t n, uint64_t bytes, uint64_t *held)
{
	*held = (uint64_t)n * BUDGET_LINE_BYTES + 3 * bytes;
	return !r->account || budget_take_lines(budget_of(r->worker), r->account, n, *held);
}

void turns_give(struct request *r, uint32_t n, uint64_t held)
{
	if (r->account)
		budget_give(budget_of(r->worker), r->account, n, held);
}

void turns_keep(struct request *r, uint64_t bytes)
{
	if (!r->account)
		return;
	budget_add(budget_of(r->worker), r->account, bytes);
	r->held += bytes;
}

void turns_release(struct request *r)
{
	if (r->step)
		turns_leave(r);
	if (r->waits)
		wait_ends(r, false);
	if (r->account)
		budget_give(budget_of(r->worker), r->account, 0, r->held);
	r->held = 0;
}

/* --- turns --- */

static struct share *share_of(struct worker *w, struct account *a)
{
	struct share *s;

	TAILQ_FOREACH(s, &w->shares, link)
	{
		if (s->account == a)
			return s;
	}
	s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->account = a;
	TAILQ_INIT(&s->requests);
	TAILQ_INSERT_TAIL(&w->shares, s, link);
	return s;
}

bool turns_enter(struct request *r, enum turn (*step)(struct request *r, uint64_t *cost))
{
	struct share *s = share_of(r->worker, r->account);

	if (!s)
		return false;
	r->step = step;
	r->share = s;
	if (!r->begun)
		r->wait_until_ms = instant_monotonic_ms() + r->worker->wait_ms;
	TAILQ_INSERT_TAIL(&s->requests, r, turn);
	return true;
}

/* The partner's queue is freed when it is empty, not being worked on, and owes nothing. */
static void share_drop(struct worker *w, struct share *s)
{
	if (s->turn || !TAILQ_EMPTY(&s->requests) || s->deficit < 0)
		return;
	TAILQ_REMOVE(&w->shares, s, link);
	free(s);
}

void turns_leave(struct request *r)
{
	TAILQ_REMOVE(&r->share->requests, r, turn);
	share_drop(r->worker, r->share);
	r->step = NULL;
	r->share = NULL;
}

static uint32_t weight_of(const struct share *s)
{
	uint32_t weight = s->account ? atomic_load_explicit(&s->account->lane.weight, memory_order_relaxed) : 1;

	return weight ? weight : 1;
}

/* One partner's turn: until its share is used, nothing is left, or nothing can be begun. Adds the cost to `*used`. */
static enum turn take_turn(struct share *s, uint64_t *used)
{
	const struct request *blocked = NULL; /* the first that could not go on, since any went on */
	struct request *r;

	s->deficit += (int64_t)QUANTUM * weight_of(s);
	while ((r = TAILQ_FIRST(&s->requests))) {
		uint64_t cost = 0;

		if (s->deficit <= 0)
			return TURN_MORE;
		if (r == blocked)
			return TURN_BLOCKED;
		bool stream = r->stream;
		enum turn turn = r->step(r, &cost);
		/* A stream may last for hours: the partner's other requests take turns with it, and pass one that is blocked. */
		if (stream && turn != TURN_OVER) {
			TAILQ_REMOVE(&s->requests, r, turn);
			TAILQ_INSERT_TAIL(&s->requests, r, turn);
		}
		if (turn == TURN_BLOCKED) {
			if (!stream)
				return TURN_BLOCKED;
			blocked = blocked ? blocked : r;
			continue;
		}
		blocked = NULL;
		s->deficit -= (int64_t)cost;
		*used += cost;
	}
	return TURN_OVER;
}

void turns_forget(struct worker *w)
{
	struct share *s, *next;

	for (s = TAILQ_FIRST(&w->shares); s; s = next) {
		next = TAILQ_NEXT(s, link);
		s->deficit = 0;
		share_drop(w, s);
	}
}

/* Nothing of it waits: its turn pays for what it took in turns before. */
static void pay(struct worker *w, struct share *s)
{
	s->deficit += (int64_t)QUANTUM * weight_of(s);
	if (s->deficit > 0)
		s->deficit = 0;
	share_drop(w, s);
}

bool turns_run(struct worker *w)
{
	uint64_t used = 0;
	unsigned blocked = 0, all = 0;
	struct share *s;

	admit_waiting(w);
	TAILQ_FOREACH(s, &w->shares, link)
	{
		all += !TAILQ_EMPTY(&s->requests);
	}
	/* Where nobody waits nothing is owed to anybody. */
	if (all == 0)
		turns_forget(w);
	while ((s = TAILQ_FIRST(&w->shares)) && used < TURN_BYTES && blocked < all) {
		TAILQ_REMOVE(&w->shares, s, link);
		TAILQ_INSERT_TAIL(&w->shares, s, link);
		if (TAILQ_EMPTY(&s->requests)) {
			pay(w, s);
			continue;
		}
		s->turn = true;
		enum turn turn = take_turn(s, &used);
		s->turn = false;
		/* What it could not use is not saved up. */
		if (turn != TURN_MORE && s->deficit > 0)
			s->deficit = 0;
		blocked = turn == TURN_BLOCKED ? blocked + 1 : 0;
		if (turn == TURN_OVER)
			all--;
		share_drop(w, s);
	}
	return s && blocked < all;
}

static void turn_away(struct request *r)
{
	if (r->waits)
		wait_ends(r, true);
	else
		budget_turned_away(budget_of(r->worker), r->account);
	if (r->step)
		turns_leave(r);
	if (r->work) {
		r->drop_work(r->work);
		r->work = NULL;
	}
	answer_problem(r, REASON_BUSY);
}

void turns_late(struct worker *w)
{
	int64_t now_ms = instant_monotonic_ms();
	struct request *r;
	struct share *s, *next;

	while ((r = TAILQ_FIRST(&w->waiting)) && r->wait_until_ms <= now_ms)
		turn_away(r);
	for (s = TAILQ_FIRST(&w->shares); s; s = next) {
		struct request *later;

		next = TAILQ_NEXT(s, link);
		s->turn = true;
		for (r = TAILQ_FIRST(&s->requests); r; r = later) {
			later = TAILQ_NEXT(r, turn);
			if (!r->begun && r->account && r->wait_until_ms <= now_ms)
				turn_away(r);
		}
		s->turn = false;
		share_drop(w, s);
	}
}
