/* The life of an act: the one function that moves it when votes come, and the one that ends it by time. Nothing else changes a
 * state: no reload, no restart, no account of the machine. Pure; any thread. */
#ifndef GATEWAYD_CORE_ACTS_ACT_STATE_H
#define GATEWAYD_CORE_ACTS_ACT_STATE_H

#include "gatewayd/core/store/act.h"
#include "lib/policy/council.h"

/* Whether it may still be signed: it collects, or is a veto that waits to be confirmed. */
bool act_state_collects(enum act_state s);
/* Whether it has an effect: provisional or in force. */
bool act_state_effective(enum act_state s);
/* Moves `row` to what its votes make it at `now_ms`, where that is further; true: it moved. Sets state, from_ms and due_ms. */
bool act_state_by_votes(struct store_act *row, const struct signed_act *act, enum act_standing standing,
                        int64_t now_ms);
/* Ends what its time has ended: an act that collects lapses, one in effect ends. True: it moved. Sets state, due_ms, ended_ms. */
bool act_state_by_time(struct store_act *row, int64_t now_ms);
/* Another act has lifted it. */
void act_state_lift(struct store_act *row, int64_t now_ms);

#endif
