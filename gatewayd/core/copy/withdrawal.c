/* See withdrawal.h. */
#include "gatewayd/core/copy/withdrawal.h"

#include "gatewayd/core/conf/documents.h"
#include "gatewayd/core/copy/recall.h"
#include "gatewayd/core/store/consent.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "lib/policy/consents.h"

#define BATCH     64
#define BUDGET_US 50000 /* of the main thread, for a look */
#define STUCK_MAX 64

struct withdrawals {
	struct job job; /* first */
	struct core *core;
	struct store *reader;
	_Atomic bool busy;
	uint64_t settled; /* generation of the configuration all of whose lists were walked */
	/* The walk through one list. */
	struct digest list;
	char name[300];    /* of the value that says which list was walked last */
	size_t from, next; /* where the look under way began, and where the next one begins */
	bool ends;
	uint64_t found[BATCH];
	size_t n, batch;           /* one after a failure, then more and more again */
	uint64_t stuck[STUCK_MAX]; /* exchanges that cannot be recalled; looked at again after a restart */
	size_t n_stuck;
	int64_t now_ms;
};

struct withdrawals *withdrawals_new(struct core *core, struct store *reader)
{
	struct withdrawals *w = calloc(1, sizeof *w);

	if (w) {
		w->core = core;
		w->reader = reader;
		w->batch = BATCH;
	}
	return w;
}

void withdrawals_free(struct withdrawals *w)
{
	free(w);
}

bool withdrawals_busy(const struct withdrawals *w)
{
	return atomic_load(&w->busy);
}

bool withdrawals_settled(const struct withdrawals *w)
{
	return !withdrawals_busy(w) && w->settled == w->core->conf->generation;
}

/* --- recalls (writer's thread) --- */

static bool recall_one(const struct act *a, uint64_t seq, struct error *e)
{
	struct store_consent row;
	struct copy c;
	bool first;

	enum sought consent = sought(store_get_consent(a->store, seq, &row, e), e);
	if (consent != SOUGHT_FOUND)
		return consent == SOUGHT_NONE;
	struct digest told = row.told;
	if (!copy_load(a, seq, &c, e))
		return false;
	c.consent = told;
	return recall_exchange(a, &c, RECALL_CONSENT_WITHDRAWN, RECALL_RECORD, &first, e) &&
	       store_drop_consent(a->store, seq, e) &&
	       (!first || copy_log(a, &c, OPERATION_DECISION, "recalled", "consent withdrawn", e));
}

static bool recall_found(struct job *j, struct writer *writer, struct store *s, struct error *e)
{
	struct withdrawals *w = JOB_OF(struct withdrawals, j);
	struct act a = { .core = w->core, .writer = writer, .job = j, .store = s, .now_ms = w->now_ms };

	for (size_t i = 0; i < w->n; i++)
		if (!recall_one(&a, w->found[i], e))
			return false;
	return !w->ends || store_put_value(s, view_of(w->name), view_make(w->list.b, sizeof w->list.b), e);
}

/* One that cannot be recalled keeps no other from it: after a failure they go one by one. */
static void isolate(struct withdrawals *w)
{
	w->next = w->from;
	if (w->n == 1 && w->n_stuck < STUCK_MAX)
		w->stuck[w->n_stuck++] = w->found[0];
	else if (w->n == 1)
		w->next++;
	w->batch = 1;
}

/* On the writer's thread: nobody waits for it. */
static void recalled(struct job *j)
{
	struct withdrawals *w = JOB_OF(struct withdrawals, j);

	if (j->committed) {
		w->batch = w->batch * 2 < BATCH ? w->batch * 2 : BATCH;
	} else {
		log_line("error", "withdrawn consents: %s", j->error.text);
		isolate(w);
	}
	writer_release(j);
	atomic_store(&w->busy, false);
}

/* --- looking --- */

struct look {
	struct withdrawals *w;
	const struct signed_document *list;
	bool full;
};

static bool is_stuck(const struct withdrawals *w, uint64_t seq)
{
	for (size_t i = 0; i < w->n_stuck; i++)
		if (w->stuck[i] == seq)
			return true;
	return false;
}

static bool note_found(void *arg, const struct store_consent *c)
{
	struct look *l = arg;

	if (!consents_has(l->list, &c->consent, c->purpose) || is_stuck(l->w, c->seq))
		return true;
	l->full = l->w->n == l->w->batch;
	if (!l->full)
		l->w->found[l->w->n++] = c->seq;
	return !l->full;
}

/* What was found is recalled, and found no more, before a look goes on where this one was full. */
static bool look_on(struct withdrawals *w, const struct signed_document *list, struct error *e)
{
	int64_t until_us = instant_monotonic_us() + BUDGET_US;
	struct look l = { .w = w, .list = list };

	w->n = 0;
	w->from = w->next;
	while (w->next < consents_count(list) && instant_monotonic_us() < until_us) {
		if (!store_list_consents(w->reader, list->agreement, consents_get(list, w->next), note_found, &l, e))
			return false;
		if (l.full)
			break;
		w->next++;
	}
	w->ends = w->next == consents_count(list);
	return true;
}

/* The first list that was not walked to its end; NULL: none, or the store cannot be read. */
static const struct signed_document *find_list(struct withdrawals *w, const struct conf *conf, struct error *e)
{
	for (size_t i = 0; i < conf->n_documents; i++) {
		const struct signed_document *d = conf->documents[i];
		struct view walked;

		if (d->kind != DOCUMENT_WITHDRAWALS)
			continue;
		snprintf(w->name, sizeof w->name, "consents/walked/%.*s/%.*s", VIEW_ARG(d->agreement),
		         VIEW_ARG(d->issuer));
		enum sought known = sought(store_get_value(w->reader, view_of(w->name), &walked, e), e);
		if (known == SOUGHT_FAILED)
			return NULL;
		if (known == SOUGHT_NONE || !view_eq(walked, view_make(d->digest.b, sizeof d->digest.b)))
			return d;
	}
	return NULL;
}

static bool sweep(struct withdrawals *w, const struct conf *conf, struct error *e)
{
	const struct signed_document *list = find_list(w, conf, e);

	if (!list) {
		w->settled = e->reason == REASON_NONE ? conf->generation : w->settled;
		return e->reason == REASON_NONE;
	}
	if (!digest_eq(&w->list, &list->digest)) {
		w->list = list->digest;
		w->next = 0;
	}
	if (!look_on(w, list, e))
		return false;
	if (w->n == 0 && !w->ends)
		return true;
	atomic_store(&w->busy, true);
	w->job = (struct job){ .run = recall_found, .done = recalled };
	writer_submit(w->core->writer, &w->job);
	return true;
}

bool withdrawals_sweep(struct withdrawals *w, int64_t now_ms, struct error *e)
{
	if (withdrawals_busy(w))
		return true;
	struct conf *conf = core_conf(w->core);
	w->now_ms = now_ms;
	bool ok = w->settled == conf->generation || sweep(w, conf, e);
	conf_unref(conf);
	return ok;
}

/* --- of one exchange --- */

bool withdrawal_stops(struct store *reader, const struct conf *conf, uint64_t seq, bool *out, struct error *e)
{
	struct store_consent c;

	enum sought consent = sought(store_get_consent(reader, seq, &c, e), e);
	*out = consent == SOUGHT_FOUND && conf_consent_withdrawn(conf, c.agreement, &c.consent, c.purpose);
	return consent != SOUGHT_FAILED;
}

bool withdrawal_overtakes(const struct act *a, uint64_t seq, struct error *e)
{
	struct conf *conf = core_conf(a->core);
	bool stops, ok = withdrawal_stops(a->store, conf, seq, &stops, e);

	conf_unref(conf);
	return ok && (!stops || recall_one(a, seq, e));
}
