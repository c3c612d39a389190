/* What a job writes with: made by its run(), passed to whatever writes in its transaction. The writer's thread. */
#ifndef GATEWAYD_CORE_CONTEXT_ACT_H
#define GATEWAYD_CORE_CONTEXT_ACT_H

#include "gatewayd/core/context/context.h"

struct act {
	struct core *core;
	struct writer *writer;
	struct job *job;
	struct store *store;
	int64_t now_ms;
	bool overdue; /* set when a receipt became overdue, or came: overdue_refresh() after the commit */
};

#endif
