/* See retention.h. */
#include "gatewayd/core/retention.h"

#include "lib/tlog/entry.h"

#define BATCH 500
#define LONGEST_DAYS 28

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
	bool ok;

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

/* The state that an exchange ends in when its payload is erased by its timer. */
static bool close_exchange(struct store *s, const struct store_exchange *x, struct error *e)
{
	switch (x->state) {
	case STATE_QUEUED:
		return store_drop_delivery(s, x->seq, e) && store_set_state(s, x->seq, STATE_FAILED, e);
	case STATE_HELD:
	case STATE_READY:
		return store_set_state(s, x->seq, STATE_ERASED, e);
	case STATE_REFUSED:
	case STATE_DELIVERED:
	case STATE_FETCHED:
	case STATE_FAILED:
	case STATE_ERASED:
		break;
	}
	return true;
}

static bool erase_due(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct retention *r = (struct retention *)j;

	r->erased = 0;
	for (size_t i = 0; i < r->n; i++) {
		struct store_exchange x;
		if (!store_get_exchange(s, r->due[i].seq, &x, e))
			return false;
		struct uuid id = x.id;
		if (!close_exchange(s, &x, e) ||
		    !retention_erase(r->core, w, j, s, r->due[i].seq, &id, "retention period over", r->now_ms, e))
			return false;
		r->erased++;
	}
	return true;
}

static void erased(struct job *j)
{
	struct retention *r = (struct retention *)j;

	r->busy = false;
	if (j->committed)
		atomic_fetch_add(&r->core->erased, r->erased);
	else
		core_log("error", "retention: %s", j->error.text);
	writer_release(j);
}

static bool add_due(void *arg, const struct store_timer *t)
{
	struct retention *r = arg;

	r->due[r->n++] = (struct due){ .seq = t->seq, .kind = t->kind };
	return r->n < BATCH;
}

struct retention *retention_new(struct core *c, struct store *reader)
{
	struct retention *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->core = c;
	r->reader = reader;
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
	if (r->busy)
		return true;
	r->n = 0;
	r->now_ms = now_ms;
	if (!store_due_timers(r->reader, now_ms, BATCH, add_due, r, e))
		return false;
	if (r->n == 0)
		return true;
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
