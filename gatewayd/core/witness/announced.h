/* A partner's log that goes on with another key. */
#ifndef GATEWAYD_CORE_WITNESS_ANNOUNCED_H
#define GATEWAYD_CORE_WITNESS_ANNOUNCED_H

#include "gatewayd/core/commit/writer.h"
#include "gatewayd/core/serve/request.h"

/* POST /evidence with an announcement: kept under ANNOUNCED_NAME and the new log's origin when the key of a partner's log
 * signed it. A key announces one: a second one is refused (REASON_RECEIPT_INVALID) and an incident, once a day, for the key is
 * in two hands, or the log was put back. The worker's thread. */
void announced_take(struct request *r);

#endif
