/* See rate.h. */
#include "gatewayd/core/serve/rate.h"

#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>

#include "lib/base/datetime.h"

#define BOUNDS 4

/* What was counted of a partner as a whole, or under one agreement. */
struct count {
	char agreement[72];        /* empty: as a whole */
	double second[BOUNDS / 2]; /* records, bytes: in the bucket at `at_ms` */
	uint64_t day[BOUNDS / 2];
	int64_t at_ms; /* monotonic */
	bool by_day;   /* a day is bounded */
	int64_t of_day;
	UT_hash_handle hh;
};

struct rate_counts {
	pthread_mutex_t lock; /* guards the rest */
	struct count *counts;
};

/* One bound with what it has let pass. */
struct bound {
	const char *name;
	bool bytes, day;
	uint64_t most;
	double used;
};

struct rate_counts *rate_counts_new(void)
{
	struct rate_counts *c = calloc(1, sizeof *c);

	if (c)
		pthread_mutex_init(&c->lock, NULL);
	return c;
}

void rate_counts_free(struct rate_counts *c)
{
	struct count *one, *next;

	if (!c)
		return;
	HASH_ITER(hh, c->counts, one, next)
	{
		HASH_DEL(c->counts, one);
		free(one);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* The partner's as a whole, and those under the agreement. */
static void find(const struct rated *of, struct rates out[2])
{
	const struct partner *p = of->partner;

	out[0] = p->rates;
	out[1] = of->clause ? *of->clause : (struct rates){ .second_records = 0 };
	for (size_t i = 0; i < p->n_by_agreement; i++)
		if (view_is(of->agreement, p->by_agreement[i].agreement))
			out[1] = rates_stricter(&out[1], &p->by_agreement[i].rates);
}

bool rate_is_bounded(const struct rated *of)
{
	struct rates rates[2];

	find(of, rates);
	return rates_any(&rates[0]) || rates_any(&rates[1]);
}

/* One day back is a clock that was put right around midnight; more than that, one that was wrong before. */
bool rate_day_goes_on(int64_t of_day, int64_t now_ms)
{
	int64_t day = now_ms / DAY_MS;

	return of_day == day || of_day == day + 1;
}

/* What was counted, as of now. NULL: no memory. */
static struct count *count_of(struct rate_counts *c, struct view agreement, const struct rates *r, int64_t now_ms,
                              int64_t monotonic_ms)
{
	char name[sizeof((struct count *)0)->agreement];
	struct count *one;

	snprintf(name, sizeof name, "%.*s", VIEW_ARG(agreement));
	HASH_FIND_STR(c->counts, name, one);
	if (!one && (one = calloc(1, sizeof *one))) {
		memcpy(one->agreement, name, sizeof name);
		one->at_ms = monotonic_ms;
		HASH_ADD_STR(c->counts, agreement, one);
	}
	if (!one)
		return NULL;
	const double leaks[] = { (double)r->second_records, (double)r->second_bytes };
	for (size_t i = 0; i < BOUNDS / 2; i++) {
		double leaked = leaks[i] * (double)(monotonic_ms - one->at_ms) / 1000;
		one->second[i] = one->second[i] > leaked ? one->second[i] - leaked : 0;
	}
	one->at_ms = monotonic_ms;
	one->by_day = r->day_records || r->day_bytes;
	if (!rate_day_goes_on(one->of_day, now_ms)) {
		one->of_day = now_ms / DAY_MS;
		memset(one->day, 0, sizeof one->day);
	}
	return one;
}

static void bounds_of(const struct count *one, const struct rates *r, struct bound out[BOUNDS])
{
	const struct bound all[BOUNDS] = {
		{ "records-second", false, false, r->second_records, one->second[0] },
		{ "bytes-second", true, false, r->second_bytes, one->second[1] },
		{ "records-day", false, true, r->day_records, (double)one->day[0] },
		{ "bytes-day", true, true, r->day_bytes, (double)one->day[1] },
	};

	memcpy(out, all, sizeof all);
}

/* Seconds until something of it is free again; a second's bound is refilled as a whole within one. */
static unsigned reset_s(const struct bound *b, int64_t now_ms)
{
	if (b->day)
		return (unsigned)((DAY_MS - now_ms % DAY_MS + 999) / 1000);
	double over = b->used - (double)b->most;
	return 1 + (over > 0 ? (unsigned)(over / (double)b->most) : 0);
}

/* Calls `each` for the bounds of the partner, then for those of the agreement. */
static void each_bound(struct rate_counts *c, const struct rated *of, int64_t now_ms, int64_t monotonic_ms,
                       void (*each)(void *arg, const struct bound *b, const char *of), void *arg)
{
	struct rates rates[2];
	struct bound bounds[BOUNDS];

	find(of, rates);
	pthread_mutex_lock(&c->lock);
	for (size_t k = 0; k < 2; k++) {
		struct count *one = rates_any(&rates[k])
		                            ? count_of(c, k ? of->agreement : VIEW(""), &rates[k], now_ms, monotonic_ms)
		                            : NULL;
		if (!one)
			continue;
		bounds_of(one, &rates[k], bounds);
		for (size_t i = 0; i < BOUNDS; i++)
			if (bounds[i].most)
				each(arg, &bounds[i], k ? "agreement-" : "");
	}
	pthread_mutex_unlock(&c->lock);
}

struct permit {
	int64_t now_ms;
	bool ok;
	unsigned retry_after_s;
};

static void look(void *arg, const struct bound *b, const char *of)
{
	struct permit *permit = arg;
	unsigned reset = reset_s(b, permit->now_ms);

	(void)of;
	if (b->used < (double)b->most)
		return;
	permit->ok = false;
	if (reset > permit->retry_after_s)
		permit->retry_after_s = reset;
}

bool rate_permits(struct rate_counts *c, const struct rated *of, int64_t now_ms, int64_t monotonic_ms,
                  unsigned *retry_after_s)
{
	struct permit permit = { .now_ms = now_ms, .ok = true };

	each_bound(c, of, now_ms, monotonic_ms, look, &permit);
	*retry_after_s = permit.retry_after_s;
	return permit.ok;
}

void rate_count(struct rate_counts *c, const struct rated *of, uint64_t records, uint64_t bytes, int64_t now_ms,
                int64_t monotonic_ms)
{
	struct rates rates[2];
	const uint64_t more[] = { records, bytes };

	find(of, rates);
	pthread_mutex_lock(&c->lock);
	for (size_t k = 0; k < 2; k++) {
		struct count *one = rates_any(&rates[k])
		                            ? count_of(c, k ? of->agreement : VIEW(""), &rates[k], now_ms, monotonic_ms)
		                            : NULL;
		for (size_t i = 0; one && i < BOUNDS / 2; i++) {
			one->second[i] += (double)more[i];
			one->day[i] += more[i];
		}
	}
	pthread_mutex_unlock(&c->lock);
}

void rate_each_day(struct rate_counts *c, int64_t now_ms,
                   void (*each)(void *arg, const char *agreement, int64_t of_day, uint64_t records, uint64_t bytes),
                   void *arg)
{
	struct count *one, *next;

	pthread_mutex_lock(&c->lock);
	HASH_ITER(hh, c->counts, one, next)
	{
		if (one->by_day && rate_day_goes_on(one->of_day, now_ms))
			each(arg, one->agreement, one->of_day, one->day[0], one->day[1]);
	}
	pthread_mutex_unlock(&c->lock);
}

bool rate_restore(struct rate_counts *c, struct view agreement, int64_t of_day, uint64_t records, uint64_t bytes,
                  int64_t now_ms, int64_t monotonic_ms)
{
	static const struct rates a_day = { .day_records = 1 };

	pthread_mutex_lock(&c->lock);
	struct count *one = count_of(c, agreement, &a_day, now_ms, monotonic_ms);
	if (one) {
		one->of_day = of_day;
		one->day[0] += records;
		one->day[1] += bytes;
	}
	pthread_mutex_unlock(&c->lock);
	return one != NULL;
}

struct printing {
	struct buf *policy, *limit;
	int64_t now_ms;
};

static void print(void *arg, const struct bound *b, const char *of)
{
	struct printing *x = arg;
	double left = (double)b->most - b->used;
	const char *comma = x->policy->n ? ", " : "";

	buf_addf(x->policy, "%s\"%s%s\";q=%llu%s;w=%u", comma, of, b->name, (unsigned long long)b->most,
	         b->bytes ? ";qu=\"content-bytes\"" : "", b->day ? 86400u : 1u);
	buf_addf(x->limit, "%s\"%s%s\";r=%llu;t=%u", comma, of, b->name, (unsigned long long)(left > 0 ? left : 0),
	         reset_s(b, x->now_ms));
}

void rate_print(struct rate_counts *c, const struct rated *of, int64_t now_ms, int64_t monotonic_ms, struct buf *policy,
                struct buf *limit)
{
	struct printing x = { policy, limit, now_ms };

	each_bound(c, of, now_ms, monotonic_ms, print, &x);
}
