/* See parts.h. */
#include "gatewayd/core/parts.h"

#include "gatewayd/core/acts/acts.h"
#include "gatewayd/core/deliver/delivery.h"
#include "gatewayd/core/exchange/records.h"
#include "gatewayd/core/notice/notice_out.h"
#include "gatewayd/core/serve/courier.h"
#include "gatewayd/core/serve/worker.h"
#include "gatewayd/core/witness/ended.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/tales.h"
#include "gatewayd/core/witness/timestamp.h"
#include "gatewayd/core/witness/witness.h"

const struct part core_parts[] = {
	{ .make = deciding_new, .tick = deciding_tick, .free = deciding_free },
	{ .make = delivery_courier, .tick = courier_tick, .free = courier_free, .ready = delivery_ready },
	{ .make = notice_courier, .tick = courier_tick, .free = courier_free, .ready = witness_settled },
	{ .make = act_courier, .tick = courier_tick, .free = courier_free, .ready = delivery_ready },
	{ .make = witness_ask_new,
	  .tick = witness_ask_tick,
	  .free = witness_ask_free,
	  .first_only = true,
	  .early = true },
	{ .make = sight_check_new, .tick = sight_check_tick, .free = sight_check_free, .first_only = true },
	{ .make = ended_new, .tick = ended_tick, .free = ended_free, .first_only = true },
	{ .make = telling_new, .tick = telling_tick, .free = telling_free, .first_only = true },
	{ .make = timestamp_new, .tick = timestamp_tick, .free = timestamp_free, .first_only = true },
	{ .make = NULL },
};
