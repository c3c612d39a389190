/* See act_state.h. */
#include "gatewayd/core/acts/act_state.h"

bool act_state_collects(enum act_state s)
{
	return s == ACT_OPEN || s == ACT_STANDS_PROVISIONALLY;
}

bool act_state_effective(enum act_state s)
{
	return s == ACT_STANDS_PROVISIONALLY || s == ACT_IN_FORCE;
}

/* A lift and a review that found nothing to change have done all that they do. */
static bool lasts(enum act_kind k)
{
	return k != ACT_LIFT && k != ACT_AMEND_NO_CHANGE;
}

bool act_state_by_votes(struct store_act *row, const struct signed_act *act, enum act_standing standing, int64_t now_ms)
{
	if (!act_state_collects(row->state) || standing == ACT_NOT_ENOUGH ||
	    (standing == ACT_PROVISIONAL &&
	     (row->state == ACT_STANDS_PROVISIONALLY || now_ms >= act->issued_ms + ACT_VETO_DAYS * DAY_MS)))
		return false;
	if (row->from_ms == TIME_NONE)
		row->from_ms = now_ms;
	if (standing == ACT_PROVISIONAL) {
		row->state = ACT_STANDS_PROVISIONALLY;
		row->due_ms = act->issued_ms + ACT_VETO_DAYS * DAY_MS;
	} else if (lasts(act->kind)) {
		row->state = ACT_IN_FORCE;
		row->due_ms = act->until_ms;
	} else {
		row->state = ACT_ENDED;
		row->due_ms = TIME_NONE;
		row->ended_ms = now_ms;
	}
	return true;
}

bool act_state_by_time(struct store_act *row, int64_t now_ms)
{
	if (row->due_ms == TIME_NONE || row->due_ms > now_ms ||
	    !(act_state_collects(row->state) || act_state_effective(row->state)))
		return false;
	row->state = row->state == ACT_OPEN ? ACT_LAPSED : ACT_ENDED;
	row->ended_ms = now_ms;
	row->due_ms = TIME_NONE;
	return true;
}

void act_state_lift(struct store_act *row, int64_t now_ms)
{
	row->state = ACT_LIFTED;
	row->ended_ms = now_ms;
	row->due_ms = TIME_NONE;
}
