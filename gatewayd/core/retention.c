/* See retention.h. */
#include "gatewayd/core/retention.h"

#include "gatewayd/core/clock.h"
#include "gatewayd/core/duty.h"
#include "gatewayd/core/overdue.h"

#define BATCH 500
#define LONGEST_DAYS 28
#define STUCK_MAX 64

struct retention {
	struct job job;                 /* first */
	struct core *core;
	struct store *reader;
	struct home *home;
	bool busy;
	int64_t now_ms;
	uint64_t due[BATCH];
	size_t n;
	uint64_t fired;                 /* by the job under way */
	bool overdue;                   /* it found, or ended, overdue receipts */
	unsigned batch;                 /* timers of the next job: one by one after a failure */
	uint64_t stuck[STUCK_MAX];      /* exchanges whose timers cannot be fired; looked at again after a restart */
	size_t n_stuck;
};

int64_t retention_payload_due(const struct ruling *r, int64_t now_ms)
{
	const struct duration longest = { .days = LONGEST_DAYS };
	int64_t most = duration_add(now_ms, &longest), due = duration_add(now_ms, &r->payload);

	return due == TIME_NONE || due > most ? most : due;
}

static bool fire_due(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct retention *r = (struct retention *)j;
	struct act a = { .core = r->core, .writer = w, .job = j, .store = s, .now_ms = r->now_ms };
	struct copy c;

	r->fired = 0;
	for (size_t i = 0; i < r->n; i++) {
		/* The timer is looked at again: a person may have decided, or set a hold, since it was read. */
		if (!copy_load(&a, r->due[i], &c, e))
			return false;
		if (!c.timed || c.held)
			continue;
		if (!duty_fire(&a, &c, e))
			return false;
		r->fired++;
	}
	r->overdue = a.overdue;
	return true;
}

static void fired(struct job *j)
{
	struct retention *r = (struct retention *)j;

	r->busy = false;
	if (j->committed) {
		atomic_fetch_add(&r->core->erased, r->fired);
		if (r->overdue)
			overdue_refresh(r->core, r->reader);
	} else {
		core_log("error", "retention: %s", j->error.text);
		/* One that cannot be fired keeps no other from it. */
		if (r->n == 1 && r->n_stuck < STUCK_MAX)
			r->stuck[r->n_stuck++] = r->due[0];
		r->batch = 1;
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
	return r->n < r->batch;
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
	r->n = 0;
	r->now_ms = now_ms;
	if (!store_due_timers(r->reader, now_ms, BATCH + STUCK_MAX, add_due, r, e))
		return false;
	if (r->n == 0) {
		r->batch = BATCH;
		return true;
	}
	r->busy = true;
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
