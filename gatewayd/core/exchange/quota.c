/* See quota.h. Two tables that only grow, both guarded by the lock: what agreements state, by digest, and the
 * ledgers, by name. A ledger is read from the store when it is first asked for: nothing of it can be under way
 * then, so the row holds every use. */
#include "gatewayd/core/exchange/quota.h"
#include "gatewayd/core/store/rest.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

#include <uthash.h>

#define NAME_MAX_BYTES 256
#define ROW_MAX        16384
#define TIERS          0
#define EXCEPTIONS     1

struct step {
	int64_t ms;
	uint32_t n;
};

/* Steps in order of their instants. */
struct window {
	struct step steps[QUOTA_STEPS + 1];
	unsigned n;
};

struct ledger {
	UT_hash_handle hh;
	struct duration per;  /* as the agreement that was asked for last states it */
	uint32_t pending;     /* reserved */
	struct window window; /* committed */
	char name[];
};

struct stated_quota {
	int list; /* TIERS or EXCEPTIONS */
	char id[65];
	uint32_t uses;
	struct duration per;
};

struct stated {
	UT_hash_handle hh;
	struct digest digest;
	size_t n;
	struct stated_quota quotas[];
};

struct quotas {
	pthread_mutex_t lock;
	struct stated *stated;
	struct ledger *ledgers;
};

struct quotas *quotas_new(void)
{
	struct quotas *q = calloc(1, sizeof *q);

	if (q)
		pthread_mutex_init(&q->lock, NULL);
	return q;
}

void quotas_free(struct quotas *q)
{
	struct stated *stated, *next_stated;
	struct ledger *ledger, *next_ledger;

	if (!q)
		return;
	HASH_ITER(hh, q->stated, stated, next_stated)
	{
		HASH_DEL(q->stated, stated);
		free(stated);
	}
	HASH_ITER(hh, q->ledgers, ledger, next_ledger)
	{
		HASH_DEL(q->ledgers, ledger);
		free(ledger);
	}
	pthread_mutex_destroy(&q->lock);
	free(q);
}

/* --- windows --- */

static bool counts(int64_t step_ms, const struct duration *per, int64_t at_ms)
{
	int64_t end = duration_add(step_ms, per);

	return end == TIME_NONE || end > at_ms;
}

static uint32_t window_count(const struct window *w, const struct duration *per, const struct quota_claim *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < w->n; i++)
		if (counts(w->steps[i].ms, per, c->at_ms) && !(c->reported && w->steps[i].ms > c->at_ms))
			n += w->steps[i].n;
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* Joins the two neighbours that lie closest together. */
static void window_join(struct window *w)
{
	unsigned best = 0;

	for (unsigned i = 1; i + 1 < w->n; i++)
		if (w->steps[i + 1].ms - w->steps[i].ms < w->steps[best + 1].ms - w->steps[best].ms)
			best = i;
	w->steps[best + 1].n += w->steps[best].n;
	memmove(&w->steps[best], &w->steps[best + 1], (w->n - best - 1) * sizeof w->steps[0]);
	w->n--;
}

static void window_add(struct window *w, int64_t ms)
{
	unsigned at = w->n;

	while (at > 0 && w->steps[at - 1].ms > ms)
		at--;
	if (at > 0 && w->steps[at - 1].ms == ms) {
		w->steps[at - 1].n++;
		return;
	}
	memmove(&w->steps[at + 1], &w->steps[at], (w->n - at) * sizeof w->steps[0]);
	w->steps[at] = (struct step){ .ms = ms, .n = 1 };
	w->n++;
	if (w->n > QUOTA_STEPS)
		window_join(w);
}

/* Lets go of what no longer counts at `now_ms`. */
static void window_prune(struct window *w, const struct duration *per, int64_t now_ms)
{
	unsigned gone = 0;

	while (gone < w->n && !counts(w->steps[gone].ms, per, now_ms))
		gone++;
	memmove(w->steps, w->steps + gone, (w->n - gone) * sizeof w->steps[0]);
	w->n -= gone;
}

/* What may still be asked about: reports come late and in any order. */
static int64_t oldest(const struct quota_use *u)
{
	return u->reported ? u->at_ms - QUOTA_LATE_MS : u->at_ms;
}

/* `ms:n,ms:n` */
static void window_print(const struct window *w, struct buf *out)
{
	for (unsigned i = 0; i < w->n; i++)
		buf_addf(out, "%s%lld:%u", i ? "," : "", (long long)w->steps[i].ms, w->steps[i].n);
}

static bool window_parse(struct view row, struct window *w)
{
	unsigned long long ms, n;

	w->n = 0;
	while (row.n) {
		struct view step = view_cut(&row, ','), at = view_cut(&step, ':');
		if (w->n == QUOTA_STEPS || !view_to_u64(at, INT64_MAX, &ms) || !view_to_u64(step, UINT32_MAX, &n))
			return false;
		w->steps[w->n++] = (struct step){ .ms = (int64_t)ms, .n = (uint32_t)n };
	}
	return true;
}

static bool window_read(struct window *w, const char *name, struct store *s, struct error *e)
{
	struct error missing = { .reason = REASON_NONE };
	struct view row;

	w->n = 0;
	if (store_get_value(s, view_of(name), &row, &missing))
		return window_parse(row, w) || error_set(e, REASON_STORE, "the row of a quota is damaged");
	if (missing.reason == REASON_NOT_FOUND)
		return true;
	*e = missing;
	return false;
}

/* --- what agreements state --- */

static size_t read_list(const json_t *list, int which, const char *id_name, struct stated_quota *out)
{
	const json_t *item;
	size_t i, n = 0;

	json_array_foreach(list, i, item)
	{
		const json_t *quota = json_object_get(item, "quota");
		const char *per = json_string_value(json_object_get(quota, "per"));
		const char *id = json_string_value(json_object_get(item, id_name));
		struct stated_quota *q = &out[n];
		if (!per || !id || !duration_parse(view_of(per), &q->per))
			continue;
		q->list = which;
		q->uses = (uint32_t)json_integer_value(json_object_get(quota, "uses"));
		snprintf(q->id, sizeof q->id, "%s", id);
		n++;
	}
	return n;
}

/* The agreement has passed its schema when it was loaded. NULL: no memory. */
static struct stated *stated_read(const struct quota_source *from)
{
	json_t *doc = json_loadb(from->text.p, from->text.n, 0, NULL);
	const json_t *tiers = json_object_get(doc, "tiers"), *exceptions = json_object_get(doc, "exceptions");
	size_t most = json_array_size(tiers) + json_array_size(exceptions);
	struct stated *s = doc ? calloc(1, sizeof *s + (most + 1) * sizeof s->quotas[0]) : NULL;

	if (s) {
		s->digest = from->digest;
		s->n = read_list(tiers, TIERS, "tier", s->quotas);
		s->n += read_list(exceptions, EXCEPTIONS, "id", s->quotas + s->n);
	}
	json_decref(doc);
	return s;
}

static const struct stated *stated_find(struct quotas *q, const struct quota_source *from)
{
	struct stated *s;

	HASH_FIND(hh, q->stated, &from->digest, sizeof from->digest, s);
	if (!s && (s = stated_read(from)))
		HASH_ADD(hh, q->stated, digest, sizeof s->digest, s);
	return s;
}

static const struct stated_quota *quota_find(const struct stated *s, int list, struct view id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->quotas[i].list == list && view_is(id, s->quotas[i].id))
			return &s->quotas[i];
	return NULL;
}

/* --- ledgers --- */

static struct ledger *ledger_find(struct quotas *q, const struct quota_claim *c, const struct stated_quota *stated,
                                  struct store *reader, struct error *e)
{
	char name[NAME_MAX_BYTES];
	struct ledger *l;
	int n = snprintf(name, sizeof name, "quota/%.*s/%.*s/%s/%s", VIEW_ARG(c->source.id), VIEW_ARG(c->provider),
	                 stated->list == TIERS ? "tier" : "exception", stated->id);

	if (n >= (int)sizeof name) {
		error_set(e, REASON_LIMIT, "the names of a quota are too long");
		return NULL;
	}
	HASH_FIND_STR(q->ledgers, name, l);
	if (l) {
		l->per = stated->per;
		return l;
	}
	l = calloc(1, sizeof *l + (size_t)n + 1);
	if (!l) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	memcpy(l->name, name, (size_t)n + 1);
	l->per = stated->per;
	if (!window_read(&l->window, name, reader, e)) {
		free(l);
		return NULL;
	}
	HASH_ADD_STR(q->ledgers, name, l);
	return l;
}

static bool look_up(struct quotas *q, const struct quota_claim *c, struct store *reader, struct quota_use *out,
                    struct error *e)
{
	const struct view ids[2] = { c->tier, c->exception };
	const struct stated *stated = stated_find(q, &c->source);

	if (!stated)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	for (int k = 0; k < 2; k++) {
		const struct stated_quota *quota = ids[k].n ? quota_find(stated, k, ids[k]) : NULL;
		if (!quota)
			continue;
		out->of[k] = ledger_find(q, c, quota, reader, e);
		if (!out->of[k])
			return false;
		uint32_t used = window_count(&out->of[k]->window, &out->of[k]->per, c);
		out->uses[k] = used > UINT32_MAX - out->of[k]->pending ? UINT32_MAX : used + out->of[k]->pending;
	}
	return true;
}

bool quota_reserve(struct quotas *q, const struct quota_claim *claim, struct store *reader, struct quota_use *out,
                   struct error *e)
{
	*out = (struct quota_use){ .at_ms = claim->at_ms, .reported = claim->reported };
	pthread_mutex_lock(&q->lock);
	bool ok = look_up(q, claim, reader, out, e);
	if (ok && !claim->look && (out->of[0] || out->of[1])) {
		out->quotas = q;
		for (int k = 0; k < 2; k++)
			if (out->of[k])
				out->of[k]->pending++;
	}
	pthread_mutex_unlock(&q->lock);
	return ok;
}

bool quota_write(const struct quota_use *u, struct store *s, struct error *e)
{
	struct buf row = BUF_INIT(ROW_MAX);
	struct window w;
	bool ok = true;

	for (int k = 0; ok && u->quotas && k < 2; k++) {
		if (!u->of[k])
			continue;
		pthread_mutex_lock(&u->quotas->lock);
		struct duration per = u->of[k]->per;
		pthread_mutex_unlock(&u->quotas->lock);
		/* From the row, not from memory: uses of this very batch are in it, those of one that was rolled
		 * back are not. */
		ok = window_read(&w, u->of[k]->name, s, e);
		if (!ok)
			break;
		window_prune(&w, &per, oldest(u));
		window_add(&w, u->at_ms);
		buf_reset(&row);
		window_print(&w, &row);
		ok = (!row.failed || error_set(e, REASON_NO_MEMORY, "memory ran out")) &&
		     store_put_value(s, view_of(u->of[k]->name), buf_view(&row), e);
	}
	buf_free(&row);
	return ok;
}

void quota_settle(struct quota_use *u, bool used)
{
	struct quotas *q = u->quotas;

	if (!q)
		return;
	pthread_mutex_lock(&q->lock);
	for (int k = 0; k < 2; k++) {
		struct ledger *l = u->of[k];
		if (!l)
			continue;
		l->pending--;
		if (used) {
			window_prune(&l->window, &l->per, oldest(u));
			window_add(&l->window, u->at_ms);
		}
	}
	pthread_mutex_unlock(&q->lock);
	*u = (struct quota_use){ .quotas = NULL };
}
