/* Figures: each is named once, in a form that its readers take, and is read from where it is counted. */
#include "gatewayd/core/read/figures.h"

#include <ctype.h>

#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/witness.h"
#include "test/core/log_fixture.h"

TCase *make_figures_case(void);

static struct log_fixture f;
static struct witness witness;
static struct core core;
static struct conf conf;
static struct figures now;

static void setup(void)
{
	log_setup(&f);
	OK(log_start(&f, e));
	witness = (struct witness){
		.cosigned = 21, .incidents = 22, .cosignatures = 23, .failures = 24, .latest_ms = TIME_NONE
	};
	core = (struct core){ .writer = f.writer,
		              .witness = &witness,
		              .sights = sights_new(),
		              .budget = budget_new(),
		              .timestamp_ms = TIME_NONE };
	conf = (struct conf){ .n_documents = 0 };
	ck_assert(core.sights && core.budget);
}

static void teardown(void)
{
	sights_free(core.sights);
	budget_free(core.budget);
	log_teardown(&f);
}

static void take(void)
{
	OK(figures_take(&now, &core, &conf, f.store, 1000, e));
}

static const struct figure *named(const char *metric)
{
	for (const struct figure *g = figure_list; g->read; g++)
		if (g->metric && strcmp(g->metric, metric) == 0)
			return g;
	ck_abort_msg("no figure %s", metric);
}

static void shows(const char *metric, uint64_t want)
{
	uint64_t value = want + 1;

	ck_assert_msg(named(metric)->read(&now, &value), "%s", metric);
	ck_assert_msg(value == want, "%s: %llu", metric, (unsigned long long)value);
}

START_TEST(names_are_in_form_and_unlike)
{
	for (const struct figure *g = figure_list; g->read; g++) {
		ck_assert(g->metric || g->group);
		ck_assert(!g->group == !g->name);
		ck_assert_int_eq(g->help[strlen(g->help) - 1], '.');
		ck_assert_ptr_null(strpbrk(g->help, "\n\\\""));
		for (const char *p = g->metric ? g->metric : ""; *p; p++)
			ck_assert(islower((unsigned char)*p) || *p == '_');
		/* OpenMetrics adds this to a counter. */
		ck_assert(!g->metric || !strstr(g->metric, "_total"));
		for (const struct figure *h = figure_list; h != g; h++) {
			ck_assert(!g->metric || !h->metric || strcmp(g->metric, h->metric) != 0);
			ck_assert(!g->group || !h->group || strcmp(g->group, h->group) != 0 ||
			          strcmp(g->name, h->name) != 0);
			ck_assert(g->read != h->read);
		}
	}
}
END_TEST

START_TEST(counters_are_those_of_core)
{
	core.released = 1;
	core.held = 2;
	core.refused = 3;
	core.replayed = 4;
	core.delivered = 5;
	core.delivery_failures = 6;
	core.sendings = 14;
	core.fired = 7;
	core.strangers = 8;
	core.unverified = 14;
	core.timestamps = 9;
	core.timestamp_failures = 10;
	core.rebuilds = 11;
	core.rebuild_failures = 12;
	core.rebuild_entries = 13;
	take();
	shows("exchanges_released", 1);
	shows("exchanges_held", 2);
	shows("exchanges_refused", 3);
	shows("exchanges_replayed", 4);
	shows("deliveries", 5);
	shows("delivery_failures", 6);
	shows("sendings", 14);
	shows("timers_fired", 7);
	shows("strangers", 8);
	shows("certificates_unverified", 14);
	shows("timestamps", 9);
	shows("timestamp_failures", 10);
	shows("rebuilds", 11);
	shows("rebuild_failures", 12);
	shows("rebuild_entries", 13);
	shows("witness_given", 21);
	shows("witness_incidents", 22);
	shows("witness_had", 23);
	shows("witness_failures", 24);
	shows("audit_entries", 1);
	shows("payloads", 0);
}
END_TEST

START_TEST(what_never_was_is_not_shown)
{
	uint64_t value;

	take();
	ck_assert(!named("witness_latest_seconds")->read(&now, &value));
	ck_assert(!named("timestamp_latest_seconds")->read(&now, &value));
	ck_assert(!named("withdrawals_due_seconds")->read(&now, &value));
	witness.latest_ms = 5999;
	core.timestamp_ms = 7000;
	shows("witness_latest_seconds", 5);
	shows("timestamp_latest_seconds", 7);
}
END_TEST

START_TEST(a_store_that_cannot_be_counted_has_no_figures)
{
	uint64_t value;

	take();
	ck_assert(named("outbox")->read(&now, &value));
	now.counted = false;
	ck_assert(!named("outbox")->read(&now, &value));
	shows("commits", 1);
}
END_TEST

TCase *make_figures_case(void)
{
	TCase *c = tcase_create("figures");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, names_are_in_form_and_unlike);
	tcase_add_test(c, counters_are_those_of_core);
	tcase_add_test(c, what_never_was_is_not_shown);
	tcase_add_test(c, a_store_that_cannot_be_counted_has_no_figures);
	return c;
}
