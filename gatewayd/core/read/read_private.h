/* What reading handlers share. The worker's thread. */
#ifndef GATEWAYD_CORE_READ_READ_PRIVATE_H
#define GATEWAYD_CORE_READ_READ_PRIVATE_H

#include "gatewayd/core/read/read.h"
#include "gatewayd/core/serve/consult.h"

#define RECORD_MAX (32u * 1024 * 1024) /* a record, or a bundle of entries */

/* Answers what could not be read: not found, or (logged) that it is not available now. */
void read_failed(struct request *r, const struct error *e);

#endif
