/* See disclosure_retention.h. */
#include "gatewayd/core/copy/disclosure_retention.h"

#include <jansson.h>

#include "gatewayd/core/store/exchange.h"
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/witness/clock.h"
#include "gatewayd/core/hold/hold.h"
#include "gatewayd/core/audit/entry.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"

#define BATCH    500
#define BRIDGED  16  /* entries that a range passes over between two that it erases */
#define HELD_MAX 500 /* entries under a hold that one look passes over */
#define IDLE_MS  60000

struct disclosure_retention {
	struct job job; /* first */
	struct core *core;
	struct store *reader;
	_Atomic bool busy;
	int64_t next_ms; /* monotonic: when it looks again */
	int64_t now_ms;
	uint64_t entries[BATCH]; /* of one log */
	size_t n;
	struct entry_range ranges[BATCH]; /* the same, by their index in it */
	size_t n_ranges;
	char log[NOTE_NAME_MAX]; /* its origin; empty: the newest */
};

struct disclosure_retention *disclosure_retention_new(struct core *c, struct store *reader)
{
	struct disclosure_retention *r = calloc(1, sizeof *r);

	if (r) {
		r->core = c;
		r->reader = reader;
	}
	return r;
}

void disclosure_retention_free(struct disclosure_retention *r)
{
	free(r);
}

/* --- the job (writer's thread) --- */

static bool erase(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	struct disclosure_retention *r = JOB_OF(struct disclosure_retention, j);
	struct act a = { .core = r->core, .writer = w, .job = j, .store = s, .now_ms = r->now_ms };
	char note[100];

	for (size_t i = 0; i < r->n; i++)
		if (!store_erase_disclosures(s, r->entries[i], e))
			return false;
	snprintf(note, sizeof note, "withheld fields of %zu entries, up to entry %llu", r->n,
	         (unsigned long long)store_entry_index(r->entries[r->n - 1]));
	struct entry entry = { .operation = OPERATION_ERASURE,
		               .note = view_of(note),
		               .erased = r->ranges,
		               .n_erased = r->n_ranges,
		               .erased_log = view_of(r->log) };
	return audit_append(&a, &entry, NULL, NULL, e);
}

/* On the writer's thread: nobody waits for it. */
static void erased(struct job *j)
{
	struct disclosure_retention *r = JOB_OF(struct disclosure_retention, j);

	if (!j->committed)
		log_line("error", "retention of the log: %s", j->error.text);
	writer_release(j);
	atomic_store(&r->busy, false);
}

/* --- looking --- */

struct look {
	struct duration kept;
	int64_t now_ms;
	struct old {
		uint64_t entry;
		struct uuid exchange;
		bool about_one;
	} found[BATCH + HELD_MAX];
	size_t n;
};

/* Entries come in the order of their number, which is that of time but for steps of the clock. */
static bool note_old(void *arg, uint64_t entry, struct view leaf)
{
	struct look *l = arg;
	json_t *doc = json_loadb(leaf.p, leaf.n, 0, NULL);
	const json_t *time = json_object_get(doc, "time");
	struct old *o = &l->found[l->n];
	int64_t until = json_is_integer(time) ? duration_add(json_integer_value(time), &l->kept) : TIME_NONE;
	bool old = until != TIME_NONE && until <= l->now_ms;

	if (old) {
		*o = (struct old){ .entry = entry };
		o->about_one = uuid_parse(view_of(json_string_value(json_object_get(doc, "exchange"))), &o->exchange);
		l->n++;
	}
	json_decref(doc);
	return old && l->n < BATCH + HELD_MAX;
}

static bool is_held(struct store *reader, const struct old *o, bool *held, struct error *e)
{
	struct store_exchange x;

	*held = false;
	if (!o->about_one)
		return true;
	enum sought exchange = sought(store_find_exchange(reader, &o->exchange, &x, e), e);
	return exchange == SOUGHT_FOUND ? hold_in_force(reader, x.seq, held, e) : exchange == SOUGHT_NONE;
}

static bool choose(struct disclosure_retention *r, const struct look *l, struct error *e)
{
	bool held;

	r->n = 0;
	for (size_t i = 0; i < l->n && r->n < BATCH; i++) {
		if (r->n > 0 && store_entry_log(l->found[i].entry) != store_entry_log(r->entries[0]))
			return true;
		if (!is_held(r->reader, &l->found[i], &held, e))
			return false;
		if (!held)
			r->entries[r->n++] = l->found[i].entry;
	}
	return true;
}

/* Whether what stands between two entries has nothing to withhold. */
static bool is_bridge(struct store *reader, uint64_t from, uint64_t to)
{
	struct view leaf, packed;
	unsigned digests;

	if (to - from > BRIDGED + 1)
		return false;
	for (uint64_t entry = from + 1; entry < to; entry++)
		if (!store_find_entry(reader, entry, &leaf, &packed, NULL) || packed.n > 0 ||
		    !disclosures_count(leaf, &digests) || digests > 0)
			return false;
	return true;
}

static void find_ranges(struct disclosure_retention *r)
{
	r->n_ranges = 0;
	for (size_t i = 0; i < r->n; i++) {
		uint64_t index = store_entry_index(r->entries[i]);

		if (i > 0 && is_bridge(r->reader, r->entries[i - 1], r->entries[i]))
			r->ranges[r->n_ranges - 1].last = index;
		else
			r->ranges[r->n_ranges++] = (struct entry_range){ index, index };
	}
}

static bool find_log(struct disclosure_retention *r, struct error *e)
{
	uint64_t newest = store_log(r->reader), log = store_entry_log(r->entries[0]), size;
	struct view note = VIEW("");
	struct error back = { .reason = REASON_NONE };

	r->log[0] = 0;
	if (log == newest)
		return true;
	bool ok = store_use_log(r->reader, log, e) && store_last_checkpoint(r->reader, &size, &note, e);
	struct view origin = view_cut(&note, '\n');
	snprintf(r->log, sizeof r->log, "%.*s", VIEW_ARG(origin));
	return store_use_log(r->reader, newest, &back) && ok;
}

bool disclosure_retention_sweep(struct disclosure_retention *r, int64_t now_ms, struct error *e)
{
	struct look *l;

	if (atomic_load(&r->busy) || instant_monotonic_ms() < r->next_ms || !clock_trusted(r->core))
		return true;
	l = calloc(1, sizeof *l);
	if (!l)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	struct conf *conf = core_conf(r->core);
	l->kept = conf->node.disclosures;
	l->now_ms = now_ms;
	conf_unref(conf);
	bool ok = store_list_disclosures(r->reader, BATCH + HELD_MAX, note_old, l, e) && choose(r, l, e);
	free(l);
	if (!ok)
		return false;
	if (r->n == 0) {
		r->next_ms = instant_monotonic_ms() + IDLE_MS;
		return true;
	}
	find_ranges(r);
	if (!find_log(r, e))
		return false;
	r->now_ms = now_ms;
	atomic_store(&r->busy, true);
	r->job = (struct job){ .run = erase, .done = erased };
	writer_submit(r->core->writer, &r->job);
	return true;
}
