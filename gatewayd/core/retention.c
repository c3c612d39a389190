/* See retention.h. */
#include "gatewayd/core/retention.h"

#include "gatewayd/core/clock.h"
#include "gatewayd/core/held.h"
#include "gatewayd/core/hold.h"
#include "lib/tlog/entry.h"

#define BATCH 500
#define LONGEST_DAYS 28
#define STUCK_MAX 64

struct due {
	uint64_t seq;
	enum timer_kind kind;
};

struct retention {
	struct job job;                 /* first */
	struct core *core;
	struct store *reader;
	struct home *home;
	bool busy;
	int64_t now_ms;
	struct due due[BATCH];
	size_t n;
	uint64_t erased;                /* by the job under way */
	unsigned batch;                 /* timers of the next job: one by one after a failure */
	uint64_t stuck[STUCK_MAX];      /* exchanges that cannot be erased; looked at again after a restart */
	size_t n_stuck;
};

int64_t retention_payload_due(const struct ruling *r, int64_t now_ms)
{
	const struct duration longest = { .days = LONGEST_DAYS };
	int64_t most = duration_add(now_ms, &longest), due = duration_add(now_ms, &r->payload);

	return due == TIME_NONE || due > most ? most : due;
}

bool retention_erase(struct core *c, struct writer *w, struct job *j, struct store *s, uint64_t seq,
                     const struct uuid *id, const char *why, int64_t now_ms, struct error *e)
{
	struct error missing = { .reason = REASON_NONE };
	struct store_payload payload;
	struct buf leaf = BUF_INIT(8192);
	struct entry entry = { .operation = OPERATION_ERASURE, .time_ms = now_ms, .exchange = *id,
		.note = view_of(why), .build = view_of(c->build) };
	uint64_t index;
	bool ok, stopped;

	if (!hold_in_force(s, seq, &stopped, e))
		return false;
	if (stopped) {
		const struct store_timer later = { .seq = seq, .due_ms = now_ms, .kind = TIMER_ERASE };
		return store_put_timer(s, &later, e);
	}
	if (!store_get_payload(s, seq, &payload, &missing)) {
		if (missing.reason != REASON_NOT_FOUND) {
			*e = missing;
			return false;
		}
		return store_drop_timer(s, seq, e);
	}
	entry_print(&entry, NULL, &leaf);
	ok = writer_erase_key(w, payload.slot, e) && store_erase_payload(s, seq, e) && store_drop_timer(s, seq, e) &&
	     writer_append(w, j, buf_view(&leaf), VIEW(""), &index, e);
	buf_free(&leaf);
	return ok;
}

/* Ends an exchange whose timer fires. */
static bool end_due(struct retention *r, struct writer *w, struct store *s, const struct store_exchange *x,
                    struct error *e)
{
	struct uuid id = x->id;
	uint64_t seq = x->seq;
	bool ok = true;

	switch (x->state) {
	case STATE_QUEUED:
		ok = store_drop_delivery(s, seq, e) && store_set_state(s, seq, STATE_FAILED, e);
		break;
	case STATE_HELD:
		return held_expire(r->core, w, &r->job, s, seq, r->now_ms, e);
	case STATE_READY:
		ok = store_set_state(s, seq, STATE_ERASED, e);
		break;
	case STATE_REFUSED:
	case STATE_DELIVERED:
	case STATE_FETCHED:
	case STATE_FAILED:
	case STATE_ERASED:
		break;
	}
	return ok && retention_erase(r->core, w, &r->job, s, seq, &id, "retention period over", r->now_ms, e);
}

/* Is the timer as it was when it was read? A person may have decided, or set a hold, since. */
static bool still_due(struct retention *r, struct store *s, uint64_t seq, bool *due, struct error *e)
{
	struct error missing = { .reason = REASON_NONE };
	struct store_timer t;

	*due = store_get_timer(s, seq, &t, &missing) && !t.held && t.due_ms <= r->now_ms;
	if (missing.reason == REASON_NONE || missing.reason == REASON_NOT_FOUND)
		return true;
	*e = missing;
	return false;
}

static bool erase_due(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct retention *r = (struct retention *)j;

	r->erased = 0;
	for (size_t i = 0; i < r->n; i++) {
		struct store_exchange x;
		bool due;
		if (!still_due(r, s, r->due[i].seq, &due, e))
			return false;
		if (!due)
			continue;
		if (!store_get_exchange(s, r->due[i].seq, &x, e) || !end_due(r, w, s, &x, e))
			return false;
		r->erased++;
	}
	return true;
}

static void erased(struct job *j)
{
	struct retention *r = (struct retention *)j;

	r->busy = false;
	if (j->committed) {
		atomic_fetch_add(&r->core->erased, r->erased);
	} else {
		core_log("error", "retention: %s", j->error.text);
		/* One that cannot be erased keeps no other from it. */
		if (r->n == 1 && r->n_stuck < STUCK_MAX)
			r->stuck[r->n_stuck++] = r->due[0].seq;
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
	r->due[r->n++] = (struct due){ .seq = t->seq, .kind = t->kind };
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
	r->job = (struct job){ .home = r->home, .run = erase_due, .done = erased };
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
