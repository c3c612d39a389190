/* POST …/records and …/validate: one envelope, or one a line of NDJSON, and one answer to them all. The worker's
 * thread. */
#ifndef GATEWAYD_CORE_EXCHANGE_RECORDS_H
#define GATEWAYD_CORE_EXCHANGE_RECORDS_H

#include "gatewayd/core/serve/worker.h"

void handle_records(struct request *r);
void handle_validate(struct request *r);

/* What a worker decides with: its part (core/parts.c), and its `decider`. NULL: no memory. */
void *deciding_new(struct worker *w) MUST_USE;
void deciding_tick(void *deciding);
void deciding_free(void *deciding);

#endif
