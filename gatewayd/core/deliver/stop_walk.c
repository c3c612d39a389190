/* See stop_walk.h. */
#include "gatewayd/core/deliver/stop_walk.h"

#include <stdlib.h>

#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/copy/recall.h"
#include "gatewayd/core/copy/refuse.h"
#include "gatewayd/core/copy/state.h"
#include "gatewayd/core/deliver/outbox.h"
#include "gatewayd/core/serve/departures.h"
#include "gatewayd/core/store/act.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/core/store/timer.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "lib/schema/document.h"

#define BATCH     256
#define BUDGET_US 50000 /* of the main thread, for a look */

enum step { STEP_WRITER, STEP_WAITING, STEP_ENDED, STEP_SETTLED };

/* An act that kept what waited, and has ended. */
struct kept_by {
	uint64_t number;
	struct digest digest;
	struct signed_act *act; /* NULL: none is being walked */
	int64_t from_ms, ended_ms;
	char name[32 + 64 + 1]; /* of the value that says how far it was walked */
};

struct stop_walk {
	struct job job; /* first */
	struct core *core;
	struct store *reader;
	struct schema *schema;
	_Atomic bool busy;
	bool submitted, failed; /* a job was, and not committed: read once it is not busy any more */
	uint64_t generation, late;
	enum step step;
	uint64_t from, after; /* where the look under way began, and where the next one begins: exchanges */
	uint64_t found[BATCH];
	size_t n, batch;
	bool ends; /* the list was walked to its end */
	struct kept_by kept;
	int64_t now_ms;
};

struct stop_walk *stop_walk_new(struct core *core, struct store *reader)
{
	struct stop_walk *w = calloc(1, sizeof *w);
	struct error e = { .reason = REASON_NONE };

	if (!w)
		return NULL;
	*w = (struct stop_walk){ .core = core, .reader = reader, .batch = BATCH, .step = STEP_SETTLED };
	w->schema = document_schema(VIEW("act"), &e);
	if (w->schema)
		return w;
	free(w);
	return NULL;
}

void stop_walk_free(struct stop_walk *w)
{
	if (!w)
		return;
	signed_act_free(w->kept.act);
	schema_unref(w->schema);
	free(w);
}

bool stop_walk_busy(const struct stop_walk *w)
{
	return atomic_load(&w->busy);
}

static bool is_new(const struct stop_walk *w)
{
	return w->generation != stops_generation(w->core) || w->late != stops_late(w->core);
}

bool stop_walk_settled(const struct stop_walk *w)
{
	return !stop_walk_busy(w) && !is_new(w) && w->step == STEP_SETTLED;
}

/* --- jobs (writer's thread) --- */

/* On the writer's thread: nobody waits for it. */
static void done(struct job *j)
{
	struct stop_walk *w = JOB_OF(struct stop_walk, j);

	w->failed = !j->committed;
	if (w->failed)
		log_line("error", "what acts stop: %s", j->error.text);
	writer_release(j);
	atomic_store(&w->busy, false);
}

static void submit(struct stop_walk *w, bool (*run)(struct job *, struct writer *, struct store *, struct error *))
{
	w->submitted = true;
	atomic_store(&w->busy, true);
	w->job = (struct job){ .run = run, .done = done };
	writer_submit(w->core->writer, &w->job);
}

static bool nothing(struct job *j, struct writer *writer, struct store *s, struct error *e)
{
	(void)j;
	(void)writer;
	(void)s;
	(void)e;
	return true;
}

static bool may_have_arrived(const struct act *a, uint64_t seq, uint32_t *attempts, bool *arrived, struct error *e)
{
	struct store_delivery d;
	enum sought row = sought(store_get_delivery(a->store, seq, &d, e), e);

	*attempts = row == SOUGHT_FOUND ? d.attempts : 0;
	*arrived = row == SOUGHT_FOUND && (d.attempts > 0 || departures_stop(a->core->departures, seq));
	return row != SOUGHT_FAILED;
}

static bool end_queued(const struct act *a, struct copy *c, const struct stopped *why, enum recall_code code,
                       struct error *e)
{
	struct view slug = view_of(reason_slug(why->reason));
	uint32_t attempts;
	bool arrived;

	if (!may_have_arrived(a, c->seq, &attempts, &arrived, e) || !outbox_tell(a, c, slug, attempts, false, e) ||
	    !copy_log(a, c, OPERATION_DELIVERY, "failed", reason_slug(why->reason), e) ||
	    !store_drop_delivery(a->store, c->seq, e))
		return false;
	if (arrived)
		return recall_delivered(a, c, code, e);
	c->plan.notify_ms = SCHEDULE_NEVER;
	return copy_erase_payload(a, c, "stopped by an act", e) && copy_end(a, c, STATE_FAILED, e);
}

/* Asked anew: it may have been let go, or the act lifted. */
static bool end_one(const struct act *a, uint64_t seq, struct error *e)
{
	struct store_exchange x;
	struct stopped why;
	struct copy c;
	bool first;

	if (!store_get_exchange(a->store, seq, &x, e) || !stops_exchange(a->core, a->store, &x, &why, e))
		return false;
	if (!why.final)
		return true;
	if (!copy_load(a, seq, &c, e))
		return false;
	bool ended = why.reason == REASON_AGREEMENT_TERMINATED;
	enum recall_code code = ended ? RECALL_AGREEMENT_ENDED : RECALL_COUNCIL_VETO;
	switch ((int)c.state) {
	case STATE_HELD: return held_end(a, seq, ended ? "the agreement was ended" : "vetoed by the council", NULL, e);
	case STATE_QUEUED: return end_queued(a, &c, &why, code, e);
	case STATE_READY: return recall_exchange(a, &c, code, RECALL_VERSION, &first, e);
	case STATE_DELIVERED:
	case STATE_FETCHED: return !why.alone || recall_exchange(a, &c, code, RECALL_VERSION, &first, e);
	}
	return true;
}

static bool end_found(struct job *j, struct writer *writer, struct store *s, struct error *e)
{
	struct stop_walk *w = JOB_OF(struct stop_walk, j);
	struct act a = { .core = w->core, .writer = writer, .job = j, .store = s, .now_ms = w->now_ms };

	for (size_t i = 0; i < w->n; i++)
		if (!end_one(&a, w->found[i], e))
			return false;
	return true;
}

/* What came later lost less; a suspension or a restriction stops no deadline. */
static bool free_one(const struct stop_walk *w, struct store *s, uint64_t seq, struct error *e)
{
	const struct kept_by *k = &w->kept;
	struct store_exchange x;

	if (!store_get_exchange(s, seq, &x, e))
		return false;
	int64_t since_ms = x.received_ms > k->from_ms ? x.received_ms : k->from_ms;
	int64_t lost_ms = k->act->kind == ACT_VETO && k->ended_ms > since_ms ? k->ended_ms - since_ms : 0;
	return store_extend_delivery(s, seq, w->now_ms, lost_ms, e);
}

static bool free_found(struct job *j, struct writer *writer, struct store *s, struct error *e)
{
	struct stop_walk *w = JOB_OF(struct stop_walk, j);
	char far[24];

	(void)writer;
	for (size_t i = 0; i < w->n; i++)
		if (!free_one(w, s, w->found[i], e))
			return false;
	snprintf(far, sizeof far, "%llu", w->ends ? (unsigned long long)INT64_MAX : (unsigned long long)w->after);
	return store_put_value(s, view_of(w->kept.name), view_of(far), e);
}

/* --- what waits --- */

struct page {
	uint64_t seq[BATCH], last;
	size_t n, seen, most;
};

static bool note_timer(void *arg, const struct store_timer *t)
{
	struct page *p = arg;

	p->seq[p->n++] = p->last = t->seq;
	return ++p->seen < p->most;
}

static bool note_delivery(void *arg, const struct store_delivery *d)
{
	struct page *p = arg;

	p->last = d->seq;
	if (d->next_ms != OUTBOX_FAILED)
		p->seq[p->n++] = d->seq;
	return ++p->seen < p->most;
}

static bool may_wait(enum exchange_state s)
{
	return s == STATE_HELD || s == STATE_QUEUED || s == STATE_READY || s == STATE_DELIVERED || s == STATE_FETCHED;
}

static bool is_over(struct stop_walk *w, uint64_t seq, bool *over, struct error *e)
{
	struct store_exchange x;
	struct stopped why;

	*over = false;
	enum sought row = sought(store_get_exchange(w->reader, seq, &x, e), e);
	if (row != SOUGHT_FOUND || !may_wait(x.state))
		return row != SOUGHT_FAILED;
	enum exchange_state state = x.state;
	if (!stops_exchange(w->core, w->reader, &x, &why, e))
		return false;
	*over = why.final && (why.alone || (state != STATE_DELIVERED && state != STATE_FETCHED));
	return true;
}

static bool look_at_waiting(struct stop_walk *w, struct error *e)
{
	int64_t until_us = instant_monotonic_us() + BUDGET_US;

	w->n = 0;
	w->from = w->after;
	w->ends = !stops_for_good(w->core);
	while (!w->ends && w->n == 0 && instant_monotonic_us() < until_us) {
		struct page p = { .most = w->batch };

		if (!store_list_timers(w->reader, w->after, (unsigned)w->batch, note_timer, &p, e))
			return false;
		for (size_t i = 0; i < p.n; i++) {
			bool over;

			if (!is_over(w, p.seq[i], &over, e))
				return false;
			if (over)
				w->found[w->n++] = p.seq[i];
		}
		w->after = p.seen ? p.last : w->after;
		w->ends = p.seen < w->batch;
	}
	return true;
}

/* --- what acts kept that have ended --- */

struct candidate {
	struct stop_walk *walk;
	struct error *e;
	bool found, failed;
};

static bool kept_something(const struct store_act *a)
{
	return a->status == ACT_STATUS_ACTUAL && a->from_ms != TIME_NONE && a->ended_ms != TIME_NONE &&
	       (a->kind == ACT_VETO || a->kind == ACT_SUSPEND || a->kind == ACT_RESTRICT_TIER);
}

static bool note_act(void *arg, const struct store_act *a)
{
	struct candidate *c = arg;
	struct kept_by *k = &c->walk->kept;

	k->number = a->number;
	if (!kept_something(a))
		return true;
	k->act = signed_act_read(c->walk->schema, a->text, c->e);
	c->failed = k->act == NULL;
	c->found = !c->failed;
	k->digest = a->digest;
	k->from_ms = a->from_ms;
	k->ended_ms = a->ended_ms;
	return false;
}

static void name_it(struct kept_by *k)
{
	struct buf hex = BUF_INIT(65);

	digest_print(&hex, &k->digest);
	snprintf(k->name, sizeof k->name, "acts/freed/%.*s", VIEW_ARG(buf_view(&hex)));
	buf_free(&hex);
}

static void leave_act(struct stop_walk *w)
{
	signed_act_free(w->kept.act);
	w->kept.act = NULL;
}

/* The next act to walk for, with w->after; none: w->step. */
static bool next_act(struct stop_walk *w, struct error *e)
{
	while (!w->kept.act) {
		struct candidate c = { .walk = w, .e = e };
		uint64_t before = w->kept.number;
		unsigned long long far = 0;
		struct view value;

		if (!store_list_acts(w->reader, before, BATCH, VIEW(""), false, note_act, &c, e) || c.failed)
			return false;
		if (!c.found && w->kept.number == before)
			break;
		if (!c.found)
			continue;
		name_it(&w->kept);
		enum sought known = sought(store_get_value(w->reader, view_of(w->kept.name), &value, e), e);
		if (known == SOUGHT_FAILED)
			return false;
		if (known == SOUGHT_FOUND && !view_to_u64(value, INT64_MAX, &far))
			return error_set(e, REASON_STORE, "%s: is no number", w->kept.name);
		w->after = far;
		if (far == INT64_MAX)
			leave_act(w);
	}
	return true;
}

static bool was_kept(struct stop_walk *w, uint64_t seq, bool *kept, struct error *e)
{
	struct store_exchange x;
	struct act_effect f = { .kind = w->kept.act->kind, .about = w->kept.act->about, .max = w->kept.act->max };

	*kept = false;
	enum sought row = sought(store_get_exchange(w->reader, seq, &x, e), e);
	if (row != SOUGHT_FOUND || !view_eq(x.agreement, w->kept.act->agreement))
		return row != SOUGHT_FAILED;
	return stops_by(w->reader, &x, &f, kept, e);
}

static bool look_at_kept(struct stop_walk *w, struct error *e)
{
	struct page p = { .most = w->batch };

	w->n = 0;
	w->from = w->after;
	if (!store_list_deliveries(w->reader, w->after, (unsigned)w->batch, note_delivery, &p, e))
		return false;
	for (size_t i = 0; i < p.n; i++) {
		bool kept;

		if (!was_kept(w, p.seq[i], &kept, e))
			return false;
		if (kept)
			w->found[w->n++] = p.seq[i];
	}
	w->after = p.seen ? p.last : w->after;
	w->ends = p.seen < w->batch;
	return true;
}

/* --- step by step --- */

static void begin(struct stop_walk *w)
{
	leave_act(w);
	w->late = stops_late(w->core);
	w->generation = stops_generation(w->core);
	w->step = STEP_WRITER;
	w->batch = BATCH;
	w->after = w->kept.number = 0;
}

static void end_step(struct stop_walk *w)
{
	leave_act(w);
	w->after = 0;
	if (w->step != STEP_ENDED)
		w->step++;
}

/* One that cannot be written keeps no other from it: after a failure they go one by one. It stays stopped, and is looked at again
 * under the next picture. */
static void isolate(struct stop_walk *w)
{
	if (w->batch > 1 || w->n == 0)
		w->after = w->from;
	w->batch = 1;
}

static void came_back(struct stop_walk *w)
{
	w->submitted = false;
	if (w->failed) {
		isolate(w);
		return;
	}
	w->batch = w->batch * 2 < BATCH ? w->batch * 2 : BATCH;
	if (w->step == STEP_WRITER || w->ends)
		end_step(w);
}

static bool go_on(struct stop_walk *w, struct error *e)
{
	switch (w->step) {
	case STEP_WRITER: submit(w, nothing); return true;
	case STEP_WAITING:
		if (!look_at_waiting(w, e))
			return false;
		if (w->n > 0)
			submit(w, end_found);
		else if (w->ends)
			end_step(w);
		return true;
	case STEP_ENDED:
		if (!next_act(w, e))
			return false;
		if (!w->kept.act) {
			w->step = STEP_SETTLED;
			stops_walked(w->core, w->generation);
		} else if (!look_at_kept(w, e)) {
			return false;
		} else {
			submit(w, free_found);
		}
		return true;
	case STEP_SETTLED: break;
	}
	return true;
}

bool stop_walk_sweep(struct stop_walk *w, int64_t now_ms, struct error *e)
{
	int64_t until_us = instant_monotonic_us() + BUDGET_US;

	if (stop_walk_busy(w))
		return true;
	w->now_ms = now_ms;
	if (w->submitted)
		came_back(w);
	if (is_new(w))
		begin(w);
	while (!w->submitted && w->step != STEP_SETTLED && instant_monotonic_us() < until_us)
		if (!go_on(w, e))
			return false;
	return true;
}
