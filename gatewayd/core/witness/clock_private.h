/* Inside of the clock: what clock.c and clock_confirm.c share. */
#ifndef GATEWAYD_CORE_WITNESS_CLOCK_PRIVATE_H
#define GATEWAYD_CORE_WITNESS_CLOCK_PRIVATE_H

#include "gatewayd/core/witness/clock.h"

/* In the store, while the clock is not trusted: the latest time that was. */
#define CLOCK_VALUE VIEW("clock/known")

struct clock {
	struct core *core;
	struct store *reader;
	struct schema *schema; /* clock.schema.json */
	_Atomic int verdict;
	struct clock_facts facts;
	uint64_t entries;     /* of the log, when facts.entry_ms was read */
	int64_t monotonic_ms; /* of the last look */
	bool stored;          /* CLOCK_VALUE is there */
};

/* From now on the clock shows the right time. */
void clock_accept(struct clock *c, int64_t now_ms);

#endif
