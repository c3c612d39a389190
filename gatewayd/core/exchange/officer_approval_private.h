/* An officer's approval of a held exchange: a statement after approval.schema.json, signed by a pinned officer of
 * this agency. Main thread. */
#ifndef GATEWAYD_CORE_EXCHANGE_OFFICER_APPROVAL_PRIVATE_H
#define GATEWAYD_CORE_EXCHANGE_OFFICER_APPROVAL_PRIVATE_H

#include "gatewayd/core/exchange/exchange.h"

struct held_approval {
	const struct schema *schema; /* approval.schema.json */
	const struct conf *conf;
	int64_t now_ms;
	const struct decided *decided;    /* its envelope has been read */
	const struct digest *agreement;   /* that it was held under */
	struct view statement, signature; /* JSON text, and its detached CMS */
};

/* What is wrong with it, as a sentence; NULL: it holds. */
const char *held_approval_fault(const struct held_approval *a);

#endif
