/* Timestamps of this log's checkpoints (RFC 3161), by the authority that the configuration names: each names a time
 * before which the log had so many entries, for those who trust no clock of ours. The first worker asks through the
 * edge; a failure delays no record and is tried again. The imprint is SHA-256 of the checkpoint's text, the lines that its
 * signature covers. */
#ifndef GATEWAYD_CORE_WITNESS_TIMESTAMP_H
#define GATEWAYD_CORE_WITNESS_TIMESTAMP_H

#include "gatewayd/core/serve/worker.h"

/* The newest time in a verified timestamp of this log; TIME_NONE without one. A clock that is behind it is behind. Any
 * thread. */
int64_t timestamp_latest_ms(const struct core *c);
/* Takes that time from the store, verified anew; at start, before any thread. */
bool timestamp_recall(struct core *c, struct store *s, struct error *e) MUST_USE;

void *timestamp_new(struct worker *w) MUST_USE;
void timestamp_free(void *stamping);
void timestamp_tick(void *stamping);

/* GET /timestamp/<size>: the response for the checkpoint of that size. */
void handle_timestamp(struct request *r);

#endif
