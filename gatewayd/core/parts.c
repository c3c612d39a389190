/* See parts.h. */
#include "gatewayd/core/parts.h"

#include "gatewayd/core/deliver/outbox.h"
#include "gatewayd/core/exchange/records.h"
#include "gatewayd/core/notice/notices.h"
#include "gatewayd/core/serve/worker.h"
#include "gatewayd/core/witness/sight.h"
#include "gatewayd/core/witness/timestamp.h"
#include "gatewayd/core/witness/witness.h"

const struct part core_parts[] = {
	{ .make = deciding_new, .free = deciding_free },
	{ .make = outbox_new, .tick = outbox_tick, .free = outbox_free, .ready = witness_settled },
	{ .make = notices_new, .tick = notices_tick, .free = notices_free, .ready = witness_settled },
	{ .make = asking_new, .tick = asking_tick, .free = asking_free, .first_only = true, .early = true },
	{ .make = checking_new, .tick = checking_tick, .free = checking_free, .first_only = true },
	{ .make = stamping_new, .tick = stamping_tick, .free = stamping_free, .first_only = true },
	{ .make = NULL },
};
