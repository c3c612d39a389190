/* What waits to be sent to partners, by recipient and reason: for status and metrics. */
#ifndef GATEWAYD_CORE_READ_WAITING_H
#define GATEWAYD_CORE_READ_WAITING_H

#include "gatewayd/core/read/exposition.h"
#include "gatewayd/core/store/outbox.h"
#include "lib/base/buf.h"

/* A JSON list of {"what":"deliveries"|"notices","recipient","reason","waiting","failed"}. `reason` is the slug of the last
 * attempt, empty when none was made; `failed`: deliveries past their deadline that people may have tried again. */
bool waiting_json(struct store *reader, struct buf *out, struct error *e) MUST_USE;
/* The same as metrics: gatewayd_waiting{what,recipient,reason} and gatewayd_failed{…}. */
bool waiting_metrics(struct store *reader, struct exposition *x, struct error *e) MUST_USE;

#endif
