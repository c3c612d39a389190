/* A partner's log that goes on with another key. */
#ifndef GATEWAYD_CORE_WITNESS_ANNOUNCED_H
#define GATEWAYD_CORE_WITNESS_ANNOUNCED_H

#include "gatewayd/core/commit/writer.h"
#include "gatewayd/core/serve/request.h"

/* POST /evidence with an announcement: kept under ANNOUNCED_NAME and the new log's origin when the key of a partner's log
 * signed it. The worker's thread. */
void announced_take(struct request *r);

#endif
