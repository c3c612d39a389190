/* See rate_days.h. */
#include "gatewayd/core/serve/rate_days.h"

#include <stdlib.h>
#include <unistd.h>

#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/rate.h"
#include "gatewayd/core/store/rest.h"
#include "gatewayd/os/instant.h"
#include "gatewayd/os/log.h"
#include "lib/base/datetime.h"

#define NAME     VIEW("rates")
#define TEXT_MAX (4u * 1024 * 1024)
#define EVERY_MS 1000
#define WHOLE    "-" /* stands for a partner as a whole: no agreement has that id */

struct rate_days {
	struct job job;
	struct core *core;
	struct buf written, text; /* what the store has; what the job writes */
	int64_t next_ms;
	_Atomic bool busy; /* the job is the writer's */
};

/* --- the value: the day, then a line each: partner, agreement, records, bytes --- */

struct printing {
	struct buf *out;
	const char *partner;
	int64_t now_ms, of_day; /* the latest of those that go on */
};

static void print_count(void *arg, const char *agreement, int64_t of_day, uint64_t records, uint64_t bytes)
{
	struct printing *p = arg;

	if (of_day == p->of_day)
		buf_addf(p->out, "%s %s %llu %llu\n", p->partner, agreement[0] ? agreement : WHOLE,
		         (unsigned long long)records, (unsigned long long)bytes);
}

static void note_day(void *arg, const char *agreement, int64_t of_day, uint64_t records, uint64_t bytes)
{
	struct printing *p = arg;

	(void)agreement, (void)records, (void)bytes;
	p->of_day = of_day > p->of_day ? of_day : p->of_day;
}

static void note_partner(void *arg, const char *id, struct rate_counts *rates)
{
	if (id[0])
		rate_each_day(rates, ((struct printing *)arg)->now_ms, note_day, arg);
}

static void print_partner(void *arg, const char *id, struct rate_counts *rates)
{
	struct printing *p = arg;

	p->partner = id;
	if (id[0])
		rate_each_day(rates, p->now_ms, print_count, p);
}

static void print(struct rate_days *d, int64_t now_ms)
{
	struct printing p = { .out = &d->text, .now_ms = now_ms, .of_day = now_ms / DAY_MS };

	buf_reset(&d->text);
	budget_each_rates(d->core->budget, note_partner, &p);
	buf_addf(&d->text, "%lld\n", (long long)p.of_day);
	budget_each_rates(d->core->budget, print_partner, &p);
}

static bool take_line(struct rate_days *d, struct view line, int64_t of_day, int64_t now_ms, struct error *e)
{
	struct view partner = view_cut(&line, ' '), agreement = view_cut(&line, ' '), records = view_cut(&line, ' ');
	unsigned long long n_records, n_bytes;
	struct account *a;

	if (!view_to_u64(records, INT64_MAX, &n_records) || !view_to_u64(line, INT64_MAX, &n_bytes) || partner.n == 0)
		return error_set(e, REASON_STORE, "the store's value `rates` is not what this program writes");
	if (view_is(agreement, WHOLE))
		agreement = VIEW("");
	a = budget_account_of(d->core->budget, partner);
	return (a && rate_restore(a->rates, agreement, of_day, n_records, n_bytes, now_ms, instant_monotonic_ms())) ||
	       error_set(e, REASON_NO_MEMORY, "memory ran out");
}

static bool load(struct rate_days *d, struct store *reader, struct error *e)
{
	int64_t now_ms = instant_now_ms();
	struct view text, day;
	unsigned long long n;

	switch (sought(store_get_value(reader, NAME, &text, e), e)) {
	case SOUGHT_NONE: return true;
	case SOUGHT_FAILED: return false;
	case SOUGHT_FOUND: break;
	}
	buf_add(&d->written, text);
	if (d->written.failed)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	text = buf_view(&d->written);
	day = view_cut(&text, '\n');
	if (!view_to_u64(day, INT64_MAX, &n))
		return error_set(e, REASON_STORE, "the store's value `rates` is not what this program writes");
	bool ok = true;
	while (ok && text.n && rate_day_goes_on((int64_t)n, now_ms))
		ok = take_line(d, view_cut(&text, '\n'), (int64_t)n, now_ms, e);
	return ok;
}

/* --- writing --- */

static bool write_text(struct job *j, struct writer *w, struct store *s, struct error *e)
{
	(void)w;
	return store_put_value(s, NAME, buf_view(&JOB_OF(struct rate_days, j)->text), e);
}

/* The writer's thread. */
static void written(struct job *j)
{
	struct rate_days *d = JOB_OF(struct rate_days, j);

	buf_reset(&d->written);
	if (j->committed)
		buf_add(&d->written, buf_view(&d->text));
	atomic_store(&d->busy, false);
}

/* False: there is nothing new. */
static bool submit(struct rate_days *d)
{
	print(d, instant_now_ms());
	if (d->text.failed)
		log_line("error", "rates: memory ran out");
	/* Of a day without a count nothing is written, so that an idle node does not write at midnight. */
	if (d->text.failed || view_eq(buf_view(&d->text), buf_view(&d->written)) ||
	    memchr(d->text.p, ' ', d->text.n) == NULL)
		return false;
	atomic_store(&d->busy, true);
	d->job = (struct job){ .run = write_text, .done = written };
	writer_submit(d->core->writer, &d->job);
	return true;
}

void rate_days_tick(struct rate_days *d)
{
	int64_t now_ms = instant_monotonic_ms();

	if (now_ms < d->next_ms || atomic_load(&d->busy))
		return;
	d->next_ms = now_ms + EVERY_MS;
	submit(d);
}

struct rate_days *rate_days_new(struct core *core, struct store *reader, struct error *e)
{
	struct rate_days *d = calloc(1, sizeof *d);

	if (!d) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	d->core = core;
	d->written = BUF_INIT(TEXT_MAX);
	d->text = BUF_INIT(TEXT_MAX);
	if (load(d, reader, e))
		return d;
	buf_free(&d->written);
	free(d);
	return NULL;
}

static void wait_for_writer(const struct rate_days *d)
{
	while (atomic_load(&d->busy))
		usleep(1000);
}

void rate_days_end(struct rate_days *d)
{
	if (!d)
		return;
	wait_for_writer(d);
	if (submit(d))
		wait_for_writer(d);
	buf_free(&d->written);
	buf_free(&d->text);
	free(d);
}
