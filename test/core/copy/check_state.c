/* States of an exchange: every pair, by the table and in a real transaction. */
#include <signal.h>

#include "gatewayd/core/copy/state.h"
#include "test/core/core_fixture.h"
#include "gatewayd/core/store/exchange.h"

#define STATES (STATE_ENDED + 1)

/* Row: from; column: to; both in the order of enum exchange_state. x: there is such a change. */
static const char *const diagram[STATES] = {
	/*                 ref hel que del rea fet fai era rec cor ret end */
	/* refused   */ "   .   .   .   .   .   .   .   .   .   .   .   .  ",
	/* held      */ "   x   .   x   .   x   .   .   .   .   .   .   .  ",
	/* queued    */ "   .   .   .   x   .   .   x   .   x   x   .   x  ",
	/* delivered */ "   .   .   .   .   .   .   .   x   x   x   .   x  ",
	/* ready     */ "   .   .   .   .   .   x   .   x   x   x   .   x  ",
	/* fetched   */ "   .   .   .   .   .   .   .   .   x   x   x   x  ",
	/* failed    */ "   .   .   .   .   .   .   .   x   x   x   .   x  ",
	/* erased    */ "   .   .   .   .   .   .   .   x   x   x   .   x  ",
	/* recalled  */ "   .   .   .   .   .   .   .   x   .   x   .   x  ",
	/* corrected */ "   .   .   .   .   .   .   .   x   x   x   .   x  ",
	/* returned  */ "   .   .   .   .   .   .   .   x   .   x   .   x  ",
	/* ended     */ "   .   .   .   .   .   .   .   x   x   x   x   x  ",
};

static bool in_diagram(unsigned from, unsigned to)
{
	return diagram[from][3 + 4 * to] == 'x';
}

START_TEST(every_pair)
{
	for (unsigned from = 0; from < STATES; from++)
		for (unsigned to = 0; to < STATES; to++)
			ck_assert_msg(exchange_may_become(from, to) == in_diagram(from, to), "%s to %s",
			              exchange_state_name(from), exchange_state_name(to));
}
END_TEST

static struct core_fixture f;

static void set_up(void)
{
	core_setup(&f);
	core_start(&f);
}

static void tear_down(void)
{
	core_teardown(&f);
}

struct change {
	enum exchange_state from, to;
	uint64_t seq;
};

static bool put_exchange(void *arg, const struct act *a, struct error *e)
{
	struct change *c = arg;
	enum store_accepted accepted;
	struct store_exchange prior, x = { .id = { .b = { (uint8_t)c->from, (uint8_t)c->to, 1 } },
		                           .partner = VIEW("north-system"),
		                           .agreement = VIEW("pnr"),
		                           .provider = VIEW("north"),
		                           .recipient = VIEW("south"),
		                           .received_ms = a->now_ms,
		                           .state = c->from,
		                           .status = 201,
		                           .answer = VIEW("{}") };

	x.origin = x.id;
	if (!store_accept(a->store, &x, &accepted, &prior, e))
		return false;
	c->seq = x.seq;
	return accepted == STORE_NEW;
}

/* Something else is written before, to see whether it is rolled back. */
static bool change(void *arg, const struct act *a, struct error *e)
{
	const struct change *c = arg;
	struct copy copy;

	if (!store_set_answer(a->store, c->seq, 200, VIEW("{}"), e) || !copy_load(a, c->seq, &copy, e) ||
	    !exchange_become(a, &copy, c->to, e))
		return false;
	ck_assert_uint_eq(copy.state, c->to);
	return true;
}

static struct core_job try(enum exchange_state from, enum exchange_state to, struct store_exchange *after)
{
	struct change c = { .from = from, .to = to };
	struct core_job done = core_act(&f, put_exchange, &c);

	ck_assert_msg(done.committed, "%s", done.error.text);
	done = core_act(&f, change, &c);
	OK(store_get_exchange(f.reader, c.seq, after, e));
	return done;
}

START_TEST(what_is_in_the_diagram_is_written)
{
	struct store_exchange after;

	for (unsigned from = 0; from < STATES; from++)
		for (unsigned to = 0; to < STATES; to++) {
			if (!in_diagram(from, to))
				continue;
			struct core_job done = try(from, to, &after);
			ck_assert_msg(done.committed, "%s", done.error.text);
			ck_assert_uint_eq(after.state, to);
			ck_assert_int_eq(after.status, 200);
		}
}
END_TEST

#ifdef GATEWAY_ASSERT
START_TEST(what_is_not_stops_a_build_for_tests)
{
	struct store_exchange after;

	try(STATE_REFUSED, STATE_READY, &after);
}
END_TEST
#else
START_TEST(what_is_not_rolls_the_job_back)
{
	struct store_exchange after;

	for (unsigned from = 0; from < STATES; from++) {
		struct core_job done = try(from, STATE_HELD, &after);

		ck_assert(!done.committed);
		ck_assert_int_eq(done.error.reason, REASON_INTERNAL);
		ck_assert_ptr_nonnull(strstr(done.error.text, "cannot become held"));
		ck_assert_uint_eq(after.state, from);
		ck_assert_int_eq(after.status, 201);
	}
}
END_TEST
#endif

TCase *make_state_case(void);
TCase *make_state_case(void)
{
	TCase *tc = tcase_create("state");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, every_pair);
	tcase_add_test(tc, what_is_in_the_diagram_is_written);
#ifdef GATEWAY_ASSERT
	tcase_add_test_raise_signal(tc, what_is_not_stops_a_build_for_tests, SIGABRT);
#else
	tcase_add_test(tc, what_is_not_rolls_the_job_back);
#endif
	return tc;
}
