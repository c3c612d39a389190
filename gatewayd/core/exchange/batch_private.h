/* Batches under k-guards: the lines of one NDJSON body are decided together. What k-anonymity asks (Samarati and
 * Sweeney 1998, by suppression) is counted over them: a record may keep its quasi-identifiers only when enough others
 * of the batch, of enough people, are alike. One thread, which waits for nothing meanwhile. */
#ifndef GATEWAYD_CORE_EXCHANGE_BATCH_PRIVATE_H
#define GATEWAYD_CORE_EXCHANGE_BATCH_PRIVATE_H

#include "gatewayd/core/exchange/exchange.h"

/* Whether the agreement that the submission names counts its batches; gateways deliver what was counted before. */
bool batch_is_counted(const struct submission *s);

struct batch_line {
	struct view text;   /* the envelope; stays until the exchange is recycled */
	struct exchange *x; /* decided; NULL: it could not begin */
	bool prepared;      /* exchange_prepare()'s answer */
};
/* Decides and prepares all lines, again and again until nothing that leaves is rare. `s` is theirs in common. False:
 * memory ran out, and no line has begun. */
bool batch_decide(struct decider *d, const struct submission *s, struct batch_line *lines, size_t n) MUST_USE;

#endif
