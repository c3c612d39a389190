/* What time ends of acts, and the walk over what waits of what they end for good. See acts.h. */
#include "gatewayd/core/acts/acts.h"

#include "gatewayd/core/acts/act_state.h"
#include "gatewayd/core/acts/stops.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/core/copy/recall.h"
#include "gatewayd/core/store/inbox.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/outbox.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/os/log.h"
#include "lib/policy/recall_code.h"
#include "lib/schema/document.h"

#define BATCH 100

struct acts {
	struct job job; /* first */
	struct core *core;
	struct store *reader;
	_Atomic bool busy;
	_Atomic uint64_t done_ends; /* jobs that ended an act: the picture is made anew */
	uint64_t seen_ends;
	int64_t now_ms;
	uint64_t walked;       /* the picture by which all that waits was looked through */
	uint64_t found[BATCH]; /* exchanges that are erased */
	enum recall_code why[BATCH];
	size_t n;
	bool more; /* than one batch was found */
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

static void finished(struct job *j, const char *what)
{
	struct acts *a = JOB_OF(struct acts, j);

	if (!j->committed)
		log_line("error", "%s: %s", what, j->error.text);
	writer_release(j);
	atomic_store(&a->busy, false);
}

/* --- what time ends --- */

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

static void ended(struct job *j)
{
	struct acts *a = JOB_OF(struct acts, j);

	if (j->committed)
		atomic_fetch_add(&a->done_ends, 1);
	finished(j, "acts");
}

static bool is_due(void *arg, const struct store_act *row)
{
	(void)row;
	*(bool *)arg = true;
	return false;
}

/* --- what is erased --- */

/* What waits here of an exchange is what its sender queued, and what its recipient has not fetched. */
static bool erase_found(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct acts *acts = JOB_OF(struct acts, j);
	struct act a = { .core = acts->core, .writer = w, .job = j, .store = s, .now_ms = acts->now_ms };

	for (size_t i = 0; i < acts->n; i++) {
		struct copy c;
		bool first;
		if (!copy_load(&a, acts->found[i], &c, e) ||
		    !recall_exchange(&a, &c, acts->why[i], RECALL_VERSION, &first, e) ||
		    (first && !copy_log(&a, &c, OPERATION_DECISION, "recalled", recall_code_name(acts->why[i]), e)))
			return false;
	}
	return true;
}

static void erased(struct job *j)
{
	struct acts *a = JOB_OF(struct acts, j);

	if (!j->committed)
		a->walked = 0;
	finished(j, "what acts ended");
}

struct look {
	struct acts *a;
	const struct conf *conf;
	uint64_t seqs[BATCH]; /* of one page */
	size_t n;
	uint64_t last;
};

static bool note_delivery(void *arg, const struct store_delivery *d)
{
	struct look *l = arg;

	l->seqs[l->n++] = l->last = d->seq;
	return l->n < BATCH;
}

static bool note_item(void *arg, const struct store_inbox *i)
{
	struct look *l = arg;

	l->last = i->id;
	if (inbox_has_record(i->kind))
		l->seqs[l->n++] = i->seq;
	return l->n < BATCH;
}

/* Those of a page that an act has ended for good. */
static bool judge(struct look *l, struct error *e)
{
	struct acts *a = l->a;

	for (size_t i = 0; i < l->n && a->n < BATCH; i++) {
		struct store_exchange x;
		struct stopped stopped;
		if (!store_get_exchange(a->reader, l->seqs[i], &x, e) ||
		    !stops_exchange(a->core, l->conf, a->reader, &x, a->now_ms, &stopped, e))
			return false;
		if (!stopped.final)
			continue;
		a->why[a->n] = stopped.reason == REASON_COUNCIL_VETO ? RECALL_COUNCIL_VETO : RECALL_AGREEMENT_ENDED;
		a->found[a->n++] = l->seqs[i];
	}
	a->more = a->more || a->n == BATCH;
	return true;
}

static bool walk(struct acts *a, const struct conf *conf, struct error *e)
{
	struct look l = { .a = a, .conf = conf };
	bool full;

	do {
		l.n = 0;
		if (!store_list_deliveries(a->reader, l.last, BATCH, note_delivery, &l, e))
			return false;
		full = l.n == BATCH;
		if (!judge(&l, e))
			return false;
	} while (full && !a->more);
	l.last = 0;
	do {
		uint64_t before = l.last;
		l.n = 0;
		if (!store_list_inbox(a->reader, l.last, BATCH, note_item, &l, e))
			return false;
		full = l.last != before;
		if (!judge(&l, e))
			return false;
	} while (full && !a->more);
	return true;
}

/* Whether anything is ended for good. */
static bool any_final(const struct core *core)
{
	struct stops_picture *p = stops_picture(core);
	bool found = p && stops_any_final(p);

	stops_picture_free(p);
	return found;
}

bool acts_sweep(struct acts *a, int64_t now_ms, struct error *e)
{
	uint64_t generation;
	bool due = false;

	if (atomic_load(&a->busy))
		return true;
	if (a->seen_ends != atomic_load(&a->done_ends)) {
		a->seen_ends = atomic_load(&a->done_ends);
		stops_refresh(a->core, a->reader);
	}
	if (clock_trusted(a->core) && !store_due_acts(a->reader, now_ms, 1, is_due, &due, e))
		return false;
	a->now_ms = now_ms;
	if (due) {
		atomic_store(&a->busy, true);
		a->job = (struct job){ .run = write_ends, .done = ended };
		writer_submit(a->core->writer, &a->job);
		return true;
	}
	generation = stops_generation(a->core);
	if (a->walked == generation && !a->more)
		return true;
	a->n = 0;
	a->more = false;
	a->walked = generation;
	if (!any_final(a->core))
		return true;
	struct conf *conf = core_conf(a->core);
	bool ok = walk(a, conf, e);
	conf_unref(conf);
	if (!ok)
		a->walked = 0;
	if (!ok || a->n == 0)
		return ok;
	a->more = true; /* what came meanwhile is found by the next look */
	atomic_store(&a->busy, true);
	a->job = (struct job){ .run = erase_found, .done = erased };
	writer_submit(a->core->writer, &a->job);
	return true;
}
