/* What partners asked for today stays over a restart. */
#include "gatewayd/core/serve/budget.h"
#include "gatewayd/core/serve/rate.h"
#include "gatewayd/core/serve/rate_days.h"
#include "gatewayd/core/store/rest.h"
#include "lib/base/datetime.h"
#include "test/core/worker_fixture.h"

static struct rate_days *days;
static struct agreement_rates of_pnr = { .agreement = "pnr", .rates = { .day_bytes = 1000 } };
static struct partner p;

static void set_up(void)
{
	worker_open();
	p = (struct partner){
		.id = "north", .rates = { .day_records = 100 }, .by_agreement = &of_pnr, .n_by_agreement = 1
	};
	OK((days = rate_days_new(&f.core, worker->reader, e)) != NULL);
}

static void tear_down(void)
{
	rate_days_end(days);
	rate_days_end(NULL);
	worker_close();
}

static void count(uint64_t records, uint64_t bytes)
{
	const struct rated of = { .partner = &p, .agreement = VIEW("pnr") };
	struct account *a = budget_account(f.core.budget, &p);

	rate_count(a->rates, &of, records, bytes, instant_now_ms(), instant_monotonic_ms());
}

static bool may(void)
{
	const struct rated of = { .partner = &p, .agreement = VIEW("pnr") };
	struct account *a = budget_account(f.core.budget, &p);
	unsigned retry;

	return rate_permits(a->rates, &of, instant_now_ms(), instant_monotonic_ms(), &retry);
}

/* As a daemon does: a new budget, and what the store has. */
static void restart(void)
{
	rate_days_end(days);
	budget_free(f.core.budget);
	ck_assert_ptr_nonnull(f.core.budget = budget_new());
	conn_find(worker, 0)->account = NULL;
	OK((days = rate_days_new(&f.core, worker->reader, e)) != NULL);
}

static void value(struct buf *out)
{
	struct view v;

	*out = (struct buf)BUF_INIT(4096);
	OK(store_get_value(worker->reader, VIEW("rates"), &v, e));
	buf_add(out, v);
}

static void put_value(const char *text)
{
	rate_days_end(days);
	days = NULL;
	OK(store_begin(f.log.store, e) && store_put_value(f.log.store, VIEW("rates"), view_of(text), e) &&
	   store_commit(f.log.store, e));
}

START_TEST(a_day_goes_on_after_a_restart)
{
	struct buf text;
	char want[200];

	count(60, 600);
	restart();
	ck_assert(may());
	value(&text);
	snprintf(want, sizeof want, "%lld\nnorth - 60 600\nnorth pnr 60 600\n", (long long)(instant_now_ms() / DAY_MS));
	ck_assert_msg(view_is(buf_view(&text), want), "%.*s", VIEW_ARG(buf_view(&text)));
	buf_free(&text);
	count(40, 0);
	ck_assert(!may());
	restart();
	ck_assert(!may());
	p.rates.day_records = 101;
	ck_assert(may());
	count(0, 400);
	restart();
	ck_assert(!may());
}
END_TEST

START_TEST(it_is_written_while_the_daemon_runs)
{
	struct buf text;
	struct view none;
	struct error missing = { .reason = REASON_NONE };

	rate_days_tick(days);
	let_write();
	ck_assert(!store_get_value(worker->reader, VIEW("rates"), &none, &missing));
	count(1, 1);
	usleep(1100000);
	rate_days_tick(days);
	let_write();
	value(&text);
	ck_assert_uint_gt(text.n, 10);
	/* Not more than once a second. */
	count(1, 1);
	rate_days_tick(days);
	let_write();
	struct buf again;
	value(&again);
	ck_assert(view_eq(buf_view(&text), buf_view(&again)));
	buf_free(&text);
	buf_free(&again);
}
END_TEST

START_TEST(another_day_begins_at_nothing)
{
	char text[100];

	snprintf(text, sizeof text, "%lld\nnorth - 100 0\n", (long long)(instant_now_ms() / DAY_MS - 1));
	put_value(text);
	restart();
	ck_assert(may());
	snprintf(text, sizeof text, "%lld\nnorth - 100 0\n", (long long)(instant_now_ms() / DAY_MS));
	put_value(text);
	restart();
	ck_assert(!may());
	/* The clock was put back over midnight, and twice as far back. */
	snprintf(text, sizeof text, "%lld\nnorth - 100 0\n", (long long)(instant_now_ms() / DAY_MS + 1));
	put_value(text);
	restart();
	ck_assert(!may());
	restart();
	ck_assert(!may());
	snprintf(text, sizeof text, "%lld\nnorth - 100 0\n", (long long)(instant_now_ms() / DAY_MS + 2));
	put_value(text);
	restart();
	ck_assert(may());
}
END_TEST

START_TEST(what_is_no_such_value)
{
	static const char *const lines[] = { "north - 1", "north - 1 x", "north - x 1", " - 1 1", "north" };
	char text[100];

	for (size_t i = 0; i <= sizeof lines / sizeof *lines; i++) {
		struct error wrong = { .reason = REASON_NONE };
		if (i == 0)
			snprintf(text, sizeof text, "today\n");
		else
			snprintf(text, sizeof text, "%lld\n%s\n", (long long)(instant_now_ms() / DAY_MS), lines[i - 1]);
		put_value(text);
		ck_assert_ptr_null(rate_days_new(&f.core, worker->reader, &wrong));
		ck_assert_int_eq(wrong.reason, REASON_STORE);
	}
}
END_TEST

TCase *make_rate_days_case(void);
TCase *make_rate_days_case(void)
{
	TCase *c = tcase_create("rate_days");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_day_goes_on_after_a_restart);
	tcase_add_test(c, it_is_written_while_the_daemon_runs);
	tcase_add_test(c, another_day_begins_at_nothing);
	tcase_add_test(c, what_is_no_such_value);
	return c;
}
