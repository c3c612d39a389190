/* What time ends of acts. See acts.h. */
#include "gatewayd/core/acts/acts.h"

#include "gatewayd/core/acts/act_state.h"
#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/os/log.h"

#define BATCH 100

struct acts {
	struct job job; /* first */
	struct core *core;
	struct store *reader;
	_Atomic bool busy;
	_Atomic uint64_t ends; /* jobs that ended one: the picture is made anew */
	uint64_t seen_ends;
	int64_t now_ms;
};

struct acts *acts_new(struct core *core, struct store *reader)
{
	struct acts *a = calloc(1, sizeof *a);

	if (a) {
		a->core = core;
		a->reader = reader;
	}
	return a;
}

bool acts_busy(const struct acts *a)
{
	return atomic_load(&a->busy);
}

void acts_free(struct acts *a)
{
	free(a);
}

struct ending {
	struct store_act rows[BATCH];
	char agreements[BATCH][72];
	size_t n;
};

static bool note_due(void *arg, const struct store_act *row)
{
	struct ending *d = arg;

	d->rows[d->n] = *row;
	view_keep(d->agreements[d->n], sizeof d->agreements[0], row->agreement);
	d->rows[d->n].agreement = view_of(d->agreements[d->n]);
	return ++d->n < BATCH;
}

/* The list again, inside the transaction: one may have been lifted or confirmed since. */
static bool write_ends(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct acts *acts = JOB_OF(struct acts, j);
	struct act a = { .core = acts->core, .writer = w, .job = j, .store = s, .now_ms = acts->now_ms };
	struct ending *due = calloc(1, sizeof *due);
	bool ok = due ? store_due_acts(s, a.now_ms, BATCH, note_due, due, e)
	              : error_set(e, REASON_NO_MEMORY, "memory ran out");

	for (size_t i = 0; ok && i < due->n; i++) {
		struct store_act *row = &due->rows[i];
		char note[48];
		if (!act_state_by_time(row, a.now_ms))
			continue;
		snprintf(note, sizeof note, "%s: %s", act_kind_name((enum act_kind)row->kind),
		         act_state_name(row->state));
		struct entry entry = { .operation = OPERATION_ACT,
			               .agreement = row->agreement,
			               .input = row->digest,
			               .kind = view_of(act_status_name((enum act_status)row->status)),
			               .outcome = view_of(act_state_name(row->state)),
			               .note = view_of(note) };
		ok = audit_append(&a, &entry, NULL, &row->entry, e);
		row->entry |= store_log(s) << STORE_LOG_SHIFT;
		ok = ok && store_set_act(s, row, e);
	}
	free(due);
	return ok;
}

/* On the writer's thread: nobody waits for it. */
static void ended(struct job *j)
{
	struct acts *a = JOB_OF(struct acts, j);

	if (j->committed)
		atomic_fetch_add(&a->ends, 1);
	else
		log_line("error", "acts: %s", j->error.text);
	writer_release(j);
	atomic_store(&a->busy, false);
}

static bool is_due(void *arg, const struct store_act *row)
{
	(void)row;
	*(bool *)arg = true;
	return false;
}

bool acts_sweep(struct acts *a, int64_t now_ms, struct error *e)
{
	bool due = false;

	if (acts_busy(a))
		return true;
	if (a->seen_ends != atomic_load(&a->ends)) {
		a->seen_ends = atomic_load(&a->ends);
		stops_refresh(a->core, a->reader);
	}
	if (!clock_trusted(a->core))
		return true;
	if (!store_due_acts(a->reader, now_ms, 1, is_due, &due, e))
		return false;
	if (!due)
		return true;
	a->now_ms = now_ms;
	atomic_store(&a->busy, true);
	a->job = (struct job){ .run = write_ends, .done = ended };
	writer_submit(a->core->writer, &a->job);
	return true;
}
