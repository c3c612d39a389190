/* The life of an act: what votes move it to, what time ends, and what nothing moves any more. */
#include "gatewayd/core/acts/act_state.h"
#include "lib/base/datetime.h"
#include "test/core/scratch.h"

#define T0 INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

static struct signed_act make_act(enum act_kind kind)
{
	return (struct signed_act){ .kind = kind,
		                    .issued_ms = T0,
		                    .collect_until_ms = T0 + DAY_MS,
		                    .until_ms = kind == ACT_SUSPEND ? T0 + 5 * DAY_MS : TIME_NONE };
}

static struct store_act make_row(enum act_state state)
{
	return (struct store_act){ .state = state, .from_ms = TIME_NONE, .due_ms = T0 + DAY_MS, .ended_ms = TIME_NONE };
}

START_TEST(votes_move_it_forward)
{
	struct signed_act act = make_act(ACT_VETO);
	struct store_act row = make_row(ACT_OPEN);

	ck_assert(!act_state_by_votes(&row, &act, ACT_NOT_ENOUGH, T0 + 1));
	ck_assert(row.state == ACT_OPEN && row.from_ms == TIME_NONE);
	ck_assert(act_state_by_votes(&row, &act, ACT_PROVISIONAL, T0 + 2));
	ck_assert(row.state == ACT_STANDS_PROVISIONALLY && row.from_ms == T0 + 2 &&
	          row.due_ms == T0 + ACT_VETO_DAYS * DAY_MS);
	ck_assert(!act_state_by_votes(&row, &act, ACT_PROVISIONAL, T0 + 3));
	/* Fewer stand behind it than before: what has effect keeps it. */
	ck_assert(!act_state_by_votes(&row, &act, ACT_NOT_ENOUGH, T0 + 3));
	ck_assert(row.state == ACT_STANDS_PROVISIONALLY);
	ck_assert(act_state_by_votes(&row, &act, ACT_CARRIED, T0 + 4));
	ck_assert(row.state == ACT_IN_FORCE && row.from_ms == T0 + 2 && row.due_ms == TIME_NONE);
	ck_assert(!act_state_by_votes(&row, &act, ACT_PROVISIONAL, T0 + 5));
	ck_assert(row.state == ACT_IN_FORCE);
}
END_TEST

START_TEST(a_veto_that_is_shown_after_its_week_stops_nothing)
{
	struct signed_act act = make_act(ACT_VETO);
	struct store_act row = make_row(ACT_OPEN);

	ck_assert(!act_state_by_votes(&row, &act, ACT_PROVISIONAL, T0 + ACT_VETO_DAYS * DAY_MS));
	ck_assert(row.state == ACT_OPEN);
	ck_assert(act_state_by_votes(&row, &act, ACT_CARRIED, T0 + ACT_VETO_DAYS * DAY_MS));
	ck_assert(row.state == ACT_IN_FORCE);
}
END_TEST

START_TEST(what_has_an_end_ends)
{
	struct signed_act act = make_act(ACT_SUSPEND);
	struct store_act row = make_row(ACT_OPEN);

	ck_assert(act_state_by_votes(&row, &act, ACT_CARRIED, T0 + 1));
	ck_assert(row.state == ACT_IN_FORCE && row.due_ms == act.until_ms);
	ck_assert(!act_state_by_time(&row, act.until_ms - 1));
	ck_assert(act_state_by_time(&row, act.until_ms));
	ck_assert(row.state == ACT_ENDED && row.ended_ms == act.until_ms && row.due_ms == TIME_NONE);
	ck_assert(!act_state_by_time(&row, act.until_ms + 1));
	ck_assert(!act_state_by_votes(&row, &act, ACT_CARRIED, act.until_ms + 1));
}
END_TEST

START_TEST(what_collects_lapses)
{
	struct store_act row = make_row(ACT_OPEN), provisional = make_row(ACT_STANDS_PROVISIONALLY);

	ck_assert(!act_state_by_time(&row, T0 + DAY_MS - 1));
	ck_assert(act_state_by_time(&row, T0 + DAY_MS));
	ck_assert(row.state == ACT_LAPSED && row.ended_ms == T0 + DAY_MS);
	ck_assert(act_state_by_time(&provisional, T0 + DAY_MS));
	ck_assert(provisional.state == ACT_ENDED);
}
END_TEST

START_TEST(what_is_done_at_once_has_ended)
{
	static const enum act_kind kinds[] = { ACT_LIFT, ACT_AMEND_NO_CHANGE };
	struct signed_act act = make_act(kinds[_i]);
	struct store_act row = make_row(ACT_OPEN);

	ck_assert(act_state_by_votes(&row, &act, ACT_CARRIED, T0 + 1));
	ck_assert(row.state == ACT_ENDED && row.from_ms == T0 + 1 && row.ended_ms == T0 + 1 && row.due_ms == TIME_NONE);
}
END_TEST

START_TEST(what_is_over_stays_over)
{
	static const enum act_state over[] = { ACT_LIFTED, ACT_ENDED, ACT_LAPSED };
	struct signed_act act = make_act(ACT_SUSPEND);
	struct store_act row = make_row(over[_i]);

	ck_assert(!act_state_collects(over[_i]) && !act_state_effective(over[_i]));
	ck_assert(!act_state_by_votes(&row, &act, ACT_CARRIED, T0 + 1));
	ck_assert(!act_state_by_time(&row, INT64_MAX));
	ck_assert(row.state == over[_i]);
}
END_TEST

START_TEST(a_lift_ends_it)
{
	struct store_act row = make_row(ACT_IN_FORCE);

	act_state_lift(&row, T0 + 7);
	ck_assert(row.state == ACT_LIFTED && row.ended_ms == T0 + 7 && row.due_ms == TIME_NONE);
}
END_TEST

TCase *make_act_state_case(void);
TCase *make_act_state_case(void)
{
	TCase *c = tcase_create("act_state");

	tcase_add_test(c, votes_move_it_forward);
	tcase_add_test(c, a_veto_that_is_shown_after_its_week_stops_nothing);
	tcase_add_test(c, what_has_an_end_ends);
	tcase_add_test(c, what_collects_lapses);
	tcase_add_loop_test(c, what_is_done_at_once_has_ended, 0, 2);
	tcase_add_loop_test(c, what_is_over_stays_over, 0, 3);
	tcase_add_test(c, a_lift_ends_it);
	return c;
}
