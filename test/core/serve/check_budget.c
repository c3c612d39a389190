/* What requests may hold of memory: bounds of each partner and of all, who waits, and when all is idle. */
#include <check.h>

#include "gatewayd/core/serve/budget.h"

#define MIB (UINT64_C(1) << 20)

static struct budget *b;
static struct account *north, *south;
static const struct partner partners[] = { { .id = "north", .weight = 3 },
	                                   { .id = "south", .weight = 1 },
	                                   { .id = "west" } };

static void set_up(void)
{
	const struct node n = { .memory_bytes = 8 * MIB,
		                .partner_memory_bytes = 4 * MIB,
		                .jobs = 8,
		                .partner_jobs = 5,
		                .edge.connections = 7 };

	ck_assert_ptr_nonnull(b = budget_new());
	ck_assert_ptr_nonnull(north = budget_account(b, &partners[0]));
	ck_assert_ptr_nonnull(south = budget_account(b, &partners[1]));
	ck_assert_uint_eq(budget_connections(b), UINT32_MAX);
	budget_set(b, &n);
}

static void tear_down(void)
{
	budget_free(b);
	budget_free(NULL);
}

START_TEST(accounts_stay)
{
	ck_assert_ptr_eq(budget_account(b, &partners[0]), north);
	ck_assert_ptr_ne(north, south);
	ck_assert_uint_eq(north->lane.weight, 3);
	const struct partner changed = { .id = "north", .weight = 7 };
	ck_assert_ptr_eq(budget_account(b, &changed), north);
	ck_assert_uint_eq(north->lane.weight, 7);
	ck_assert_str_eq(budget_account(b, NULL)->id, "");
}
END_TEST

START_TEST(bodies_have_a_partners_bound_and_one_of_all)
{
	ck_assert(budget_take_body(b, north, 2 * MIB));
	ck_assert(budget_take_body(b, north, MIB));
	ck_assert(!budget_take_body(b, north, 1)); /* a quarter is left to lines */
	ck_assert(budget_take_body(b, south, 3 * MIB));
	struct account *west = budget_account(b, &partners[2]);
	ck_assert(!budget_take_body(b, west, 1)); /* all together */
	budget_give(b, north, 0, MIB);
	ck_assert(budget_take_body(b, west, MIB));
}
END_TEST

START_TEST(lines_have_bounds_and_a_partner_without_any_begins)
{
	ck_assert(budget_take_lines(b, north, 5, MIB));
	ck_assert(!budget_take_lines(b, north, 1, 0));
	ck_assert(budget_take_lines(b, south, 3, MIB));
	ck_assert(!budget_take_lines(b, south, 1, 0)); /* eight are all */
	struct account *west = budget_account(b, &partners[2]);
	ck_assert(budget_take_lines(b, west, 20, 100 * MIB)); /* a batch that is counted begins whole, or never would */
	ck_assert(!budget_take_lines(b, west, 1, 0));
	budget_give(b, west, 20, 100 * MIB);
	budget_give(b, north, 4, 0);
	ck_assert(budget_take_lines(b, north, 1, 3 * MIB));
	ck_assert(!budget_take_lines(b, north, 1, 1)); /* bytes */
}
END_TEST

struct told {
	unsigned n;
	struct budget_state last;
};

static void tell(void *arg, const char *id, const struct budget_state *s)
{
	struct told *t = arg;

	ck_assert_str_eq(id, t->n++ == 0 ? "north" : "south");
	t->last = *s;
}

START_TEST(who_waits_is_counted_and_bounded)
{
	struct budget_state all;
	struct told t = { .n = 0 };

	ck_assert(budget_wait(b, south, 2 * MIB));
	ck_assert(!budget_wait(b, south, 1));
	ck_assert(budget_wait(b, north, 2 * MIB));
	ck_assert(!budget_wait(b, budget_account(b, &partners[2]), 1));
	budget_state(b, &all);
	ck_assert(all.waiting == 2 && all.waiting_bytes == 4 * MIB && all.turned_away == 0);
	budget_waited(b, north, 2 * MIB, false);
	budget_waited(b, south, 2 * MIB, true);
	budget_turned_away(b, south);
	budget_add(b, south, 77);
	budget_state(b, &all);
	ck_assert(all.waiting == 0 && all.waiting_bytes == 0 && all.turned_away == 2 && all.bytes == 77);
	ck_assert(all.bytes_max == 8 * MIB && all.jobs_max == 8);
	budget_free(b);
	set_up();
	budget_add(b, south, 78);
	budget_each(b, tell, &t);
	ck_assert(t.n == 2 && t.last.bytes == 78 && t.last.bytes_max == 4 * MIB && t.last.jobs_max == 5);
}
END_TEST

START_TEST(idle_is_said_twice)
{
	ck_assert(!budget_idle(b, 1000));
	ck_assert(!budget_idle(b, 100000)); /* nothing was ever held */
	budget_add(b, north, 5);
	ck_assert(!budget_idle(b, 200000));
	budget_give(b, north, 0, 5);
	ck_assert(!budget_idle(b, 300000));
	ck_assert(!budget_idle(b, 300000 + BUDGET_IDLE_MS - 1));
	ck_assert(budget_idle(b, 300000 + BUDGET_IDLE_MS));
	ck_assert(!budget_idle(b, 300001 + BUDGET_IDLE_MS));
	ck_assert(budget_idle(b, 300000 + 2 * BUDGET_IDLE_MS));
	ck_assert(!budget_idle(b, 400000));
	ck_assert(!budget_idle(b, 500000));
}
END_TEST

START_TEST(connections_only_grow)
{
	struct node n = { .edge.connections = 3 };

	ck_assert_uint_eq(budget_connections(b), 7);
	budget_set(b, &n);
	ck_assert_uint_eq(budget_connections(b), 7);
	n.edge.connections = 9;
	budget_set(b, &n);
	ck_assert_uint_eq(budget_connections(b), 9);
}
END_TEST

TCase *make_budget_case(void);
TCase *make_budget_case(void)
{
	TCase *c = tcase_create("budget");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, accounts_stay);
	tcase_add_test(c, bodies_have_a_partners_bound_and_one_of_all);
	tcase_add_test(c, lines_have_bounds_and_a_partner_without_any_begins);
	tcase_add_test(c, who_waits_is_counted_and_bounded);
	tcase_add_test(c, idle_is_said_twice);
	tcase_add_test(c, connections_only_grow);
	return c;
}
