/* See retention.h. */
#include "gatewayd/core/copy/retention.h"

#include "gatewayd/core/store/surrogate.h"
#include "gatewayd/core/store/timer.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/copy/duty.h"
#include "gatewayd/core/copy/overdue.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/os/log.h"
#include "gatewayd/os/instant.h"

#define BATCH           500
#define BUDGET_US       2000   /* of the writer's time, for a job: what else it writes waits so long */
#define BUDGET_ALONE_US 100000 /* before the daemon serves */
#define REST            3      /* parts of rest to one of work */
#define REST_MOST_US    50000
#define OVERDUE_US      1000000 /* how often the picture of overdue receipts is made anew while a sweep goes on */
#define LONGEST_DAYS    28
#define STUCK_MAX       64
#define ENDED_MAX       16 /* a sweep; the next one takes more */

/* A key epoch whose surrogates are erased. */
struct ended {
	char agreement[128];
	uint32_t epoch;
};

struct retention {
	struct job job; /* first */
	struct core *core;
	struct store *reader;
	struct home *home;
	bool busy;
	int64_t now_ms;
	uint64_t due[BATCH]; /* as read; a job takes what its time is enough for */
	size_t n, next;
	struct ended ended[ENDED_MAX];
	size_t n_ended;
	const struct conf *conf;      /* while a sweep looks for those */
	size_t looked, fired;         /* by the job under way: timers from `next` on */
	int64_t budget_us, worked_us; /* its time */
	bool found;                   /* it found, or ended, overdue receipts */
	bool overdue;                 /* since the picture of them was made, at */
	int64_t overdue_us;
	size_t batch;              /* timers of the next job at most: one after a failure, then more again */
	uint64_t stuck[STUCK_MAX]; /* exchanges whose timers cannot be fired; looked at again after a restart */
	size_t n_stuck;
};

int64_t retention_payload_due(const struct ruling *r, int64_t now_ms)
{
	const struct duration longest = { .days = LONGEST_DAYS };
	int64_t most = duration_add(now_ms, &longest), due = duration_add(now_ms, &r->payload);

	return due == TIME_NONE || due > most ? most : due;
}

/* The rows, and an entry that says so: from now on nobody can tell whose those surrogates were. */
static bool erase_ended(const struct act *a, const struct ended *x, struct error *e)
{
	char note[64];
	struct entry entry = { .operation = OPERATION_KEY_CHANGE, .agreement = view_of(x->agreement) };

	snprintf(note, sizeof note, "surrogates of epoch %u erased", (unsigned)x->epoch);
	entry.note = view_of(note);
	return store_erase_surrogates(a->store, view_of(x->agreement), x->epoch, e) &&
	       audit_append(a, &entry, NULL, NULL, e);
}

/* At least one timer, and then as many as fit into the budget. */
static bool fire_due(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct retention *r = JOB_OF(struct retention, j);
	struct act a = { .core = r->core, .writer = w, .job = j, .store = s, .now_ms = r->now_ms };
	int64_t began_us = instant_monotonic_us();
	struct copy c;

	r->looked = r->fired = 0;
	r->worked_us = 0;
	for (size_t i = 0; i < r->n_ended; i++)
		if (!erase_ended(&a, &r->ended[i], e))
			return false;
	while (r->looked < r->batch && r->next + r->looked < r->n && r->worked_us < r->budget_us) {
		/* The timer is looked at again: a person may have decided, or set a hold, since it was read. */
		if (!copy_load(&a, r->due[r->next + r->looked], &c, e))
			return false;
		if (c.timed && !c.held) {
			if (!duty_fire(&a, &c, e))
				return false;
			r->fired++;
		}
		r->looked++;
		r->worked_us = instant_monotonic_us() - began_us;
	}
	r->found = a.overdue;
	return true;
}

/* The picture is read from all overdue duties: not after each job of a long sweep, but at its end. */
static void refresh_overdue(struct retention *r, bool ends)
{
	int64_t now_us = instant_monotonic_us();

	if (!r->overdue || (!ends && now_us - r->overdue_us < OVERDUE_US))
		return;
	r->overdue = false;
	r->overdue_us = now_us;
	overdue_refresh(r->core, r->reader);
}

/* One that cannot be fired keeps no other from it: from it on they go one by one, and more and more again behind it. */
static void isolate(struct retention *r)
{
	if (r->n > r->next && (r->batch == 1 || r->n - r->next == 1) && r->n_ended == 0 && r->n_stuck < STUCK_MAX)
		r->stuck[r->n_stuck++] = r->due[r->next];
	r->batch = 1;
	r->n = r->next = r->n_ended = 0;
}

static void fired(struct job *j)
{
	struct retention *r = JOB_OF(struct retention, j);

	r->busy = false;
	if (j->committed) {
		atomic_fetch_add(&r->core->fired, r->fired);
		r->overdue = r->overdue || r->found;
		refresh_overdue(r, false);
		r->next += r->looked;
		r->n_ended = 0;
		r->batch = r->batch * 2 < BATCH ? r->batch * 2 : BATCH;
	} else {
		log_line("error", "retention: %s", j->error.text);
		isolate(r);
	}
	writer_release(j);
}

static bool add_due(void *arg, const struct store_timer *t)
{
	struct retention *r = arg;

	for (size_t i = 0; i < r->n_stuck; i++)
		if (r->stuck[i] == t->seq)
			return true;
	r->due[r->n++] = t->seq;
	return r->n < BATCH;
}

/* The agreement in force says when an epoch ends; of one that is gone, what it last said. */
static bool add_ended(void *arg, struct view agreement, uint32_t epoch, int64_t until_ms)
{
	struct retention *r = arg;
	const struct agreement *a = conf_agreement(r->conf, agreement, NULL, r->now_ms);
	struct ended *x = &r->ended[r->n_ended];

	if ((a ? agreement_epoch_end_ms(a, epoch) : until_ms) > r->now_ms || agreement.n >= sizeof x->agreement)
		return true;
	snprintf(x->agreement, sizeof x->agreement, "%.*s", VIEW_ARG(agreement));
	x->epoch = epoch;
	return ++r->n_ended < ENDED_MAX;
}

static bool find_ended(struct retention *r, struct error *e)
{
	struct conf *conf = core_conf(r->core);

	r->conf = conf;
	r->n_ended = 0;
	bool ok = store_list_surrogates(r->reader, add_ended, r, e);
	r->conf = NULL;
	conf_unref(conf);
	return ok;
}

struct retention *retention_new(struct core *c, struct store *reader)
{
	struct retention *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->core = c;
	r->reader = reader;
	r->batch = BATCH;
	r->home = home_new();
	if (!r->home) {
		free(r);
		return NULL;
	}
	return r;
}

void retention_free(struct retention *r)
{
	if (!r)
		return;
	home_free(r->home);
	free(r);
}

bool retention_sweep(struct retention *r, int64_t now_ms, struct error *e)
{
	if (r->busy || !clock_trusted(r->core))
		return true;
	r->now_ms = now_ms;
	if (r->next == r->n) {
		r->n = r->next = 0;
		if (!store_due_timers(r->reader, now_ms, BATCH + STUCK_MAX, add_due, r, e) || !find_ended(r, e))
			return false;
	}
	if (r->n + r->n_ended == 0) {
		refresh_overdue(r, true);
		return true;
	}
	r->busy = true;
	r->budget_us = atomic_load(&r->core->serving) ? BUDGET_US : BUDGET_ALONE_US;
	r->job = (struct job){ .home = r->home, .run = fire_due, .done = fired };
	writer_submit(r->core->writer, &r->job);
	return true;
}

int retention_fd(const struct retention *r)
{
	return home_fd(r->home);
}

void retention_collect(struct retention *r)
{
	home_collect(r->home);
}

bool retention_busy(const struct retention *r)
{
	return r->busy;
}

int64_t retention_rest_us(const struct retention *r)
{
	if (r->busy || r->n == 0)
		return -1;
	return r->worked_us * REST < REST_MOST_US ? r->worked_us * REST : REST_MOST_US;
}
